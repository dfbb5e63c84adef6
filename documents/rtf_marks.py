"""Prepare RTF for striprtf: leave out tracked deletions and pictures, and mark hidden text, notes, cells and ends of lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from documents.refusal import unreadable

# Letters for private use, which no font of a word processor has in this place.
HIDDEN_START, HIDDEN_END, NOTE_START, NOTE_END, CELL, PICTURE = "\uf8f0\uf8f1\uf8f2\uf8f3\uf8f4\uf8f5"
LINE_END = "\u2028"
_TOKEN = re.compile(r"\\([a-z]{1,32})(-?[0-9]{1,10})?[ ]?|\\'[0-9a-fA-F]{2}|\\[^a-z]|[{}]|[^\\{}]+", re.IGNORECASE)
# What stands in these is no text of the page, so a hidden style in them hides nothing.
_DESTINATIONS = set(
    "stylesheet fonttbl colortbl listtable listoverridetable info pict themedata datastore header footer".split()
)


@dataclass(frozen=True)
class _State:
    deleted: bool = False
    hidden: bool = False
    elsewhere: bool = False  # in a destination that is no text of the page
    note: bool = False  # this very group is a note


def _mark(letter: str) -> str:
    return f"{{\\uc0\\u{ord(letter)} }}"


def mark_rtf(text: str) -> str:
    """Return the RTF with marks. Raises FileRefused when its groups are not closed: then a part is missing."""
    marker = _Marker()
    place = 0
    while found := _TOKEN.match(text, place):
        place = found.end()
        if found[1] == "bin":  # so many raw bytes follow, in which braces mean nothing
            place += int(found[2] or 0)
        elif marker.take(found):
            break
    if marker.depth:
        raise unreadable()
    return "".join(marker.written)


class _Marker:
    def __init__(self) -> None:
        self.written: list[str] = []
        self._state, self._above = _State(), list[_State]()
        self._shown_as_hidden = False

    @property
    def depth(self) -> int:
        """Return how many groups are open."""
        return len(self._above)

    def take(self, token: re.Match[str]) -> bool:
        """Take in a token. Return True at the end of the document."""
        whole, word, number = token[0], token[1], token[2]
        if whole == "{":
            self._above.append(self._state)
            self._state = replace(self._state, note=False)
            self.written.append(whole)
        elif whole == "}":
            return self._close()
        elif word is not None:
            self._control(word, number, whole)
        elif not self._state.deleted:
            if whole.strip("\r\n"):
                self._show_hidden()
            self.written.append(whole)
        return False

    def _close(self) -> bool:
        if not self._above:
            raise unreadable()
        if self._state.note:
            self.written.append(_mark(NOTE_END))
        self.written.append("}")
        self._state = self._above.pop()
        return not self._above

    def _control(self, word: str, number: str | None, whole: str) -> None:
        is_on, state = number != "0", self._state
        if word == "deleted":
            self._state = replace(state, deleted=is_on)
        elif word in ("v", "webhidden"):
            self._state = replace(state, hidden=is_on)
        elif word == "plain":
            self._state = replace(state, hidden=False, deleted=False)
        elif word in _DESTINATIONS:
            self._state = replace(state, elsewhere=True)
        if state.deleted:
            return
        if word == "footnote":
            # striprtf leaves out what is in a group of this name, or in one that begins with a star.
            del self.written[len(self.written) - (self.written[-1:] == ["\\*"]) :]
            self._state = replace(self._state, note=True)
            whole = _mark(NOTE_START)
        elif word == "pict":
            # striprtf leaves out the group of a picture, so the mark stands before it.
            self.written.insert(len(self.written) - (self.written[-1:] == ["{"]), _mark(PICTURE))
        elif word in ("cell", "nestcell"):
            whole = _mark(CELL)
        elif word == "line":
            whole = _mark(LINE_END)
        self.written.append(whole)

    def _show_hidden(self) -> None:
        is_hidden = self._state.hidden and not self._state.elsewhere
        if is_hidden is not self._shown_as_hidden:
            self._shown_as_hidden = is_hidden
            self.written.append(_mark(HIDDEN_START if is_hidden else HIDDEN_END))
