"""Whether an essay seems to speak to the machine that reads it: short notes for the educator, never for the student.

A note says "may": a person looks. Patterns are searched only around words they need, at most so many times, so that the time
stays linear in the text. The same patterns are tried on the text read backwards, by rot13, in leet, with look-alike letters
folded, and on what its encoded passages mean.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from workers.injection.decoding import LOOKALIKES, passages
from workers.injection.invisible_characters import clean, invisible
from workers.injection.patterns import MARKUP, ORDERS, TEMPLATES, InjectionPattern

MAX_NOTES = 5
_QUOTE = 80
_TRIES = 120  # places of one pattern's word that are looked at, half of them at the end
_AROUND = 170
_LEET = str.maketrans("013457@$!|", "oieastasii")
_MIXED = re.compile(r"[a-z][0-9@$!|]+[a-z]")
_SPELLED = re.compile(r"(?<!\w)(?:\w[ .\-_*]{1,3}){11,400}\w(?!\w)")
_OTHER_LETTERS = re.compile("[\u0370-\u03ff\u0400-\u04ff]")
_SENTENCE_END = re.compile(r"[.!?。！？]\s|\n")
_GAP = "\n\n"
# Soft hyphens, marks of order and byte order come with copied text; only these few never do so in number.
_HARMLESS = frozenset("\u00ad\ufeff\u200e\u200f\u061c")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing found: the kind as a sentence, its place in title, gap and text together, and what it means decoded."""

    kind: str
    start: int
    end: int
    meaning: str = ""


def notes(title: str, text: str) -> tuple[str, ...]:
    """Return at most five sentences about what may be meant for the machine; offsets are code points of the text or title."""
    found: dict[str, str] = {}
    whole = title + _GAP + text
    for one in findings(title, text):
        if one.kind in found:
            continue
        at = one.start - len(title) - len(_GAP)
        where = f"at character {at} of the text" if at >= 0 else f"at character {one.start} of the title"
        said = _shortened(one.meaning or whole[one.start : one.end])
        found[one.kind] = f"{one.kind}, {where}" + (f": “{said}”." if said else ".")
        if len(found) == MAX_NOTES:
            break
    return tuple(found.values())


def findings(title: str, text: str) -> tuple[Finding, ...]:
    """Return everything found, what speaks to a machine first."""
    whole = title + _GAP + text
    found = [*_orders(whole), *_encoded(whole), *_written(whole, TEMPLATES, _FRAME), *_unseen(whole)]
    return (*found, *_written(whole, MARKUP, "The essay holds HTML or Markdown, which may hide or link something"))


_SPEAKS = "The essay may speak to the AI that reads it"
_FRAME = "The essay may imitate the frame or the answer of an AI's task"


def _orders(whole: str) -> Iterator[Finding]:
    kept, places = _visible(whole)
    folded = _folded(kept)
    for reading, how in _readings(folded):
        for start, end in _matches(reading, ORDERS):
            meaning, first, last = reading[start:end], start, end
            if how == _BACKWARDS:
                first, last = len(folded) - end, len(folded) - start
            elif how and meaning == folded[start:end]:
                continue  # found already as it stands
            yield Finding(
                kind=_SPEAKS + how, start=places[first], end=places[last - 1] + 1, meaning=meaning if how else ""
            )
    for found in _SPELLED.finditer(folded):
        # Two spaces end a word where one stands between letters; without any, no word can be told.
        said = re.sub(r"(?<=\S)[ .\-_*](?=\S)", "", found[0]).strip()
        if next(_matches(re.sub(r"[ .\-_*]+", " ", said), ORDERS), None) or any(word in said for word in _TELLING):
            kind = f"{_SPEAKS}, letter by letter"
            yield Finding(kind=kind, start=places[found.start()], end=places[found.end() - 1] + 1, meaning=said)


_BACKWARDS = ", written backwards"


def _readings(folded: str) -> Iterator[tuple[str, str]]:
    """Yield the text as it could be meant, each of the same length, and how that is said in a note."""
    yield folded, ""
    if _OTHER_LETTERS.search(folded):
        yield folded.translate(LOOKALIKES), ", in letters of another alphabet"
    if _MIXED.search(folded):
        yield folded.translate(_LEET), ", with digits for letters"
    yield codecs.encode(folded, "rot13"), ", by rot13"
    yield folded[::-1], _BACKWARDS
    yield re.sub(r"\S+", lambda word: word[0][::-1], folded), ", each word written backwards"


_TELLING = ("ignore", "instruct", "prompt", "fullmark", "system", "assistant", "rules")


def _encoded(whole: str) -> Iterator[Finding]:
    for start, end, meaning in passages(whole):
        kind = "The essay holds an encoded passage, which may be meant for a machine"
        if next(_matches(_folded(clean(meaning)), ORDERS), None):
            kind = f"{_SPEAKS}, in an encoded passage"
        elif whole[start:end].count("%") + whole[start:end].count("&") and len(meaning) < 24:
            continue  # an ordinary address or an entity
        yield Finding(kind=kind, start=start, end=end, meaning=meaning)


def _written(whole: str, orders: tuple[InjectionPattern, ...], kind: str) -> Iterator[Finding]:
    folded = whole.lower() if len(whole.lower()) == len(whole) else whole
    for start, end in _matches(folded, orders):
        yield Finding(kind=kind, start=start, end=end)


def _unseen(whole: str) -> Iterator[Finding]:
    if whole.isascii() and whole.replace("\n", "").isprintable():
        return
    hidden = {char for char in set(whole) if invisible(char)} - _HARMLESS
    places = [at for at, char in enumerate(whole) if char in hidden] if hidden else []
    if not places:
        return
    kinds = sorted({f"U+{ord(whole[at]):04X}" for at in places})
    named = ", ".join(kinds[:4]) + (" and others" if len(kinds) > 4 else "")
    yield Finding(
        kind=f"The essay holds {len(places)} characters nobody can see or that change the order of others ({named})",
        start=places[0],
        end=min(places[-1] + 1, places[0] + 4 * _QUOTE),
    )


def spoken(title: str, text: str) -> str:
    """Return the sentences of title and text that seem to speak to a machine, and what encoded passages mean; empty if none do."""
    whole = title + _GAP + text
    said: list[str] = []
    for one in findings(title, text):
        if one.kind.startswith((_SPEAKS, _FRAME)):
            # The order is what the sentence says, and often what the next one says too.
            first = max(0, one.start - 300)
            start = max((found.end() for found in _SENTENCE_END.finditer(whole, first, one.start)), default=first)
            ends = [found.end() for found in _SENTENCE_END.finditer(whole, one.end, one.end + 400)]
            last = ends[min(1, len(ends) - 1)] if ends else min(len(whole), one.end + 400)
            said.append(whole[start:last])
        if one.meaning:
            said.append(one.meaning)
    return "\n".join(dict.fromkeys(said))


def _matches(text: str, orders: tuple[InjectionPattern, ...]) -> Iterator[tuple[int, int]]:
    for order in orders:
        done = -1
        for at in _places_of(order.words, text):
            if at < done:
                continue
            found = order.pattern.search(text, max(0, at - _AROUND), min(len(text), at + _AROUND))
            if found:
                yield found.span()
                done = found.end()


def _places_of(words: tuple[str, ...], text: str) -> list[int]:
    places: list[int] = []
    for word in words:
        at = text.find(word)
        ahead: list[int] = []
        while at >= 0 and len(ahead) < _TRIES // 2:
            ahead.append(at)
            at = text.find(word, at + _AROUND)
        behind: list[int] = []
        low = ahead[-1] if ahead else -1
        at = text.rfind(word) if at >= 0 else -1
        while at > low and len(behind) < _TRIES // 2:
            behind.append(at)
            at = text.rfind(word, 0, max(0, at - _AROUND))
        places += ahead + behind
    return sorted(places)


def _visible(text: str) -> tuple[str, range | list[int]]:
    if text.isascii():
        return text, range(len(text))
    hidden = {char for char in set(text) if invisible(char) or char in "\u200c\u200d\ufe0e\ufe0f"}
    if not hidden:
        return text, range(len(text))
    places = [at for at, char in enumerate(text) if char not in hidden]
    return "".join(text[at] for at in places), places


def _folded(text: str) -> str:
    # One character stays one, so every place stays true.
    return text.lower() if text.isascii() else text.translate({ord(char): _base(char) for char in set(text)})


def _base(char: str) -> str:
    low = char.lower()
    if low in "’‘ʼ":
        return "'"
    if low == "ı":
        return "i"
    if low == "ł":
        return "l"
    if low.isspace() and low != "\n":
        return " "
    parts = unicodedata.normalize("NFKD", low)
    first = parts[:1]
    if first.isascii() or "\u0370" <= first <= "\u04ff":
        return first or low
    whole = unicodedata.normalize("NFKC", low)
    return whole if len(whole) == 1 else low[:1]


def _shortened(said: str) -> str:
    words = " ".join(clean(said).split())
    return words if len(words) <= _QUOTE else words[: _QUOTE - 1] + "…"
