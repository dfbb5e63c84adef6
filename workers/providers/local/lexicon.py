"""Look up the parts of speech of English words in the dictionary that comes with the rules of lingotweaker."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path

_HEADER = 8
_SEPARATOR = ord("+")
_TARGET_NEXT, _LAST_ARC, _FINAL_ARC, _LABEL = 1 << 7, 1 << 6, 1 << 5, 31


class Lexicon:
    """A dictionary in the CFSA2 format of Morfologik: a compressed automaton over `word+suffix code+tag`.

    It is walked and never unpacked, so it costs the memory of its file.
    """

    def __init__(self, content: bytes) -> None:
        """Raise ValueError when the content is no such dictionary."""
        if content[:5] != b"\\fsa\xc6" or len(content) < _HEADER + content[7]:
            raise ValueError("the dictionary is not in the CFSA2 format")
        self._labels = content[_HEADER : _HEADER + content[7]]
        self._arcs = content[_HEADER + content[7] :]
        self._root = self._target(0)

    def readings(self, word: str) -> frozenset[tuple[str, str]]:
        """Return the base forms of a word in exactly this spelling, each with a tag such as NN, NNS, VB or VBZ."""
        node = self._root
        for byte in (*word.encode(), _SEPARATOR):
            found = self._arc(node, byte)
            if found is None:
                return frozenset()
            node = self._target(found)
        return frozenset(_reading(word, entry) for entry in self._endings(node))

    def _endings(self, node: int) -> list[bytes]:
        found: list[bytes] = []
        waiting = [(node, b"")]
        while waiting:
            node, before = waiting.pop()
            for arc, label in self._node(node):
                entry = before + bytes((label,))
                if self._arcs[arc] & _FINAL_ARC:
                    found.append(entry)
                target = self._target(arc)
                if target:
                    waiting.append((target, entry))
        return found

    def _arc(self, node: int, byte: int) -> int | None:
        return next((arc for arc, label in self._node(node) if label == byte), None) if node else None

    def _node(self, node: int) -> list[tuple[int, int]]:
        """Return the arcs that leave a node, each with its label."""
        found: list[tuple[int, int]] = []
        arc = node
        while True:
            flags = self._arcs[arc]
            found.append((arc, self._labels[flags & _LABEL] if flags & _LABEL else self._arcs[arc + 1]))
            if flags & _LAST_ARC:
                return found
            arc = self._after(arc)

    def _after(self, arc: int) -> int:
        flags = self._arcs[arc]
        arc += 1 if flags & _LABEL else 2
        return arc if flags & _TARGET_NEXT else self._number(arc)[1]

    def _target(self, arc: int) -> int:
        flags = self._arcs[arc]
        if not flags & _TARGET_NEXT:
            return self._number(arc + (1 if flags & _LABEL else 2))[0]
        while not self._arcs[arc] & _LAST_ARC:
            arc = self._after(arc)
        return self._after(arc)

    def _number(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self._arcs[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not byte & 0x80:
                return value, at


@cache
def shipped() -> Lexicon | None:
    """Return the dictionary of the installed rules, or None when they are not installed."""
    try:
        folder = Path(str(import_module("lingotweaker_data_en").data_dir()))
        return Lexicon((folder / "en" / "dictionaries" / "english.dict").read_bytes())
    except (ImportError, OSError, ValueError):
        return None


def _reading(word: str, entry: bytes) -> tuple[str, str]:
    # The first letter says how many letters to take off, "A" for none, and the rest up to the separator is put on.
    ending, _, tag = entry.partition(b"+")
    kept = word.encode()[: len(word.encode()) - (ending[0] - ord("A"))]
    return (kept + ending[1:]).decode(errors="replace"), tag.decode()


@lru_cache(maxsize=20_000)
def readings(word: str) -> frozenset[tuple[str, str]]:
    """Return the readings of a word in small letters, empty when it is unknown or no dictionary is installed."""
    lexicon = shipped()
    return lexicon.readings(word) if lexicon is not None and 0 < len(word) <= 40 else frozenset()


def tags(word: str) -> frozenset[str]:
    """Return the tags of a word in small letters, empty when it is unknown or no dictionary is installed."""
    return frozenset(tag for _, tag in readings(word))


def base_form(word: str, tag: str) -> str | None:
    """Return the base form of a word read with this tag, or None."""
    return min((base for base, own in readings(word) if own == tag), default=None)
