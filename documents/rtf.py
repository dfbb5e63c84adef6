"""Read RTF with striprtf, after `rtf_marks` has taken out tracked deletions and marked what striprtf would lose."""

from __future__ import annotations

import html
import re
from itertools import groupby

from striprtf.striprtf import rtf_to_text

from documents.contents import Contents, pieces, tidy
from documents.refusal import unreadable
from documents.rich_text.to_text import to_text
from documents.rtf_marks import CELL, HIDDEN_END, HIDDEN_START, LINE_END, NOTE_END, NOTE_START, PICTURE, mark_rtf

_BULLETS = "\u2022\u00b7\u25aa\u25e6\u25cb\u25a0\u2013\uf0b7\uf0a7o-"
_ITEM = re.compile(rf"[ \t]*(?:(?P<number>\(?(?:[0-9]{{1,3}}|[a-zA-Z])[.)])|[{_BULLETS}])\t(?P<words>.*)")
_HIDDEN = re.compile(f"{HIDDEN_START}(.*?)(?:{HIDDEN_END}|\\Z)", re.DOTALL)
_NOTE = re.compile(f"{NOTE_START}([^{NOTE_START}{NOTE_END}]*){NOTE_END}")
_MARKS = re.compile(f"[{HIDDEN_START}{HIDDEN_END}{NOTE_START}{NOTE_END}]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def read_rtf(data: bytes) -> Contents:
    """Return the contents of an RTF file. Raises FileRefused."""
    try:
        text = rtf_to_text(mark_rtf(data.decode("latin-1")), errors="replace")
    except (ValueError, IndexError, TypeError, LookupError, OverflowError, OSError):
        raise unreadable() from None
    # An emoji comes as two halves.
    text = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    hidden = [_MARKS.sub("", one[1]) for one in _HIDDEN.finditer(text)]
    notes: list[str] = []

    def collect(note: re.Match[str]) -> str:
        notes.append(note[1])
        return f"[{len(notes)}]"

    text = _MARKS.sub("", _NOTE.sub(collect, text))
    lines = [*text.split("\n"), *(f"[{number}] {note.strip()}" for number, note in enumerate(notes, 1))]
    words, _ = to_text("".join(_to_html(kind, list(same)) for kind, same in groupby(lines, key=_kind)))
    return Contents(format="rtf", text=tidy(words), pictures=text.count(PICTURE), hidden=pieces(hidden))


def _kind(line: str) -> str:
    if CELL in line:
        return "table"
    item = _ITEM.fullmatch(line)
    return "p" if item is None else "ol" if item["number"] else "ul"


def _to_html(kind: str, lines: list[str]) -> str:
    """Return paragraphs, the items of one list, or the rows of one table as HTML."""
    if kind == "table":
        rows = (line.rstrip(CELL).split(CELL) for line in lines)
        return f"<table>{''.join('<tr>' + ''.join(f'<td>{_words(cell)}</td>' for cell in row) + '</tr>' for row in rows)}</table>"
    if kind == "p":
        return "".join(f"<p>{_words(line)}</p>" for line in lines if line.strip())
    items = [found for line in lines if (found := _ITEM.fullmatch(line))]
    first = re.sub(r"\D", "", items[0]["number"] or "")
    start = f' start="{first}"' if first else ""
    return f"<{kind}{start}>{''.join('<li>' + _words(one['words']) + '</li>' for one in items)}</{kind}>"


def _words(words: str) -> str:
    return html.escape(words.replace(PICTURE, "")).replace(LINE_END, "<br>")
