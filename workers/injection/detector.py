"""Prompt-injection detection: does an essay seem to address the AI that reads it? Notes are for educators, never students.

A note says "may", because a person decides. A pattern is tried only around its words, and only a limited number of times,
so that the time stays linear in the length of the text. The same patterns are tried on the text reversed, decoded by rot13,
decoded from leet, with look-alike letters folded, and on its decoded passages.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from workers.injection.decoding import LOOKALIKES, passages
from workers.injection.orders_by_language import LATIN_ORDERS, OTHER_ORDERS
from workers.injection.patterns import MARKUP, ORDERS, TEMPLATES, InjectionPattern, pieces_of
from workers.text.invisible_characters import invisible, remove_ineffective
from workers.text.kept_briefly import kept_briefly

MAX_NOTES = 5
_QUOTE_LENGTH = 80
_MAX_TRIES = 120  # places of each word at which a pattern is tried, half of them from the end of the text
_WINDOW = 170
_LEET = str.maketrans("013457@$!|", "oieastasii")
_DIGIT_IN_WORD = re.compile(r"[a-z][0-9@$!|]+[a-z]")
_SPELLED_OUT = re.compile(r"(?<!\w)(?:\w[ .\-_*]{1,3}){11,400}\w(?!\w)")
_OTHER_LETTERS = re.compile("[\u0370-\u03ff\u0400-\u04ff]")
_SENTENCE_END = re.compile(r"[.!?。！？]\s|\n")
_END = r"(?:\r\n|[\n\r\x0b\x0c\x85\u2028\u2029])"
# The end of a line within a paragraph, with the mark of a quotation or list before the next line. `split`: it splits a word.
_LINE_BREAK = re.compile(rf"(?:(?P<split>(?<=\w)[-\u00ad\u2010])|(?<![\s]))[ \t]{{0,8}}+{_END}[ \t>|*]{{0,16}}+(?=\S)")
_GAP = "\n\n"
# Soft hyphens, direction marks and byte order marks often come with copied text.
_HARMLESS = frozenset("\u00ad\ufeff\u200e\u200f\u061c")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding: its kind as a sentence, its offsets in title, gap and text joined, and its decoded text, if any."""

    kind: str
    start: int
    end: int
    meaning: str = ""


def notes(title: str, text: str) -> tuple[str, ...]:
    """Return at most MAX_NOTES sentences, one for each kind of finding, about text that may be meant for the AI.

    The places in them are code points of the text or the title.
    """
    found: dict[str, str] = {}
    whole = title + _GAP + text
    for one in findings(title, text):
        if one.kind in found:
            continue
        at = one.start - len(title) - len(_GAP)
        where = f"at character {at} of the text" if at >= 0 else f"at character {one.start} of the title"
        excerpt = _shorten(one.meaning or whole[one.start : one.end])
        found[one.kind] = f"{one.kind}, {where}" + (f": “{excerpt}”." if excerpt else ".")
        if len(found) == MAX_NOTES:
            break
    return tuple(found.values())


@kept_briefly()
def findings(title: str, text: str) -> tuple[Finding, ...]:
    """Return all findings in title and text. Those that address the AI come first."""
    whole = title + _GAP + text
    found = [
        *_find_orders(whole),
        *_find_encoded(whole),
        *_find_patterns(whole, TEMPLATES, _IMITATES_FRAME),
        *_find_invisible(whole),
    ]
    return (
        *found,
        *_find_patterns(whole, MARKUP, "The essay holds HTML or Markdown, which may hide or link something"),
    )


_ADDRESSES_AI = "The essay may speak to the AI that reads it"
_IMITATES_FRAME = "The essay may imitate the frame or the answer of an AI's task"


def _find_orders(whole: str) -> Iterator[Finding]:
    visible, places = _without_invisible(whole)
    found = list(_orders_in(visible, places))
    yield from found
    joined, joined_places, breaks = _with_joined_lines(whole)
    yield from _orders_by_language(joined, joined_places) if joined else _orders_by_language(visible, places)
    if joined:
        known = {one.kind for one in found}
        # Far from a line end, both texts are the same.
        yield from (one for one in _orders_in(joined, joined_places, near=breaks) if one.kind not in known)


def _orders_in(visible: str, places: range | list[int], *, near: Sequence[int] | None = None) -> Iterator[Finding]:
    """Yield the orders in a text without invisible characters. `places` holds the offset of each of its characters.

    With `near`, offsets in order, only look near those.
    """
    folded = _fold(visible)
    for reading, disguise in _readings(folded):
        mirrored = disguise == _BACKWARDS and near is not None
        beside = [len(folded) - at for at in reversed(near or ())] if mirrored else near
        for start, end in _matches(reading, ORDERS, near=beside):
            meaning, first, last = reading[start:end], start, end
            if disguise == _BACKWARDS:
                first, last = len(folded) - end, len(folded) - start
            elif disguise and meaning == folded[start:end]:
                continue  # already found in the plain reading
            yield Finding(
                kind=_ADDRESSES_AI + disguise,
                start=places[first],
                end=places[last - 1] + 1,
                meaning=meaning if disguise else "",
            )
    for found in _SPELLED_OUT.finditer(folded):
        # Where one space stands between letters, two spaces end a word. Without a longer gap, words cannot be told apart.
        joined = re.sub(r"(?<=\S)[ .\-_*](?=\S)", "", found[0]).strip()
        if next(_matches(re.sub(r"[ .\-_*]+", " ", joined), ORDERS), None) or any(
            word in joined for word in _TELLTALE_WORDS
        ):
            kind = f"{_ADDRESSES_AI}, letter by letter"
            yield Finding(kind=kind, start=places[found.start()], end=places[found.end() - 1] + 1, meaning=joined)


def _orders_by_language(visible: str, places: range | list[int]) -> Iterator[Finding]:
    folded = _fold(visible)
    for start, end in _matches(folded, LATIN_ORDERS if folded.isascii() else LATIN_ORDERS + OTHER_ORDERS):
        yield Finding(kind=_ADDRESSES_AI, start=places[start], end=places[end - 1] + 1)


_BACKWARDS = ", written backwards"


def _readings(folded: str) -> Iterator[tuple[str, str]]:
    """Yield the possible readings of the text, each of the same length, with the words that a note uses for the reading."""
    yield folded, ""
    if _OTHER_LETTERS.search(folded):
        yield folded.translate(LOOKALIKES), ", in letters of another alphabet"
    if _DIGIT_IN_WORD.search(folded):
        yield folded.translate(_LEET), ", with digits for letters"
    yield codecs.encode(folded, "rot13"), ", by rot13"
    yield folded[::-1], _BACKWARDS
    yield re.sub(r"\S+", lambda word: word[0][::-1], folded), ", each word written backwards"


_TELLTALE_WORDS = ("ignore", "instruct", "prompt", "fullmark", "system", "assistant", "rules")


def _find_encoded(whole: str) -> Iterator[Finding]:
    for start, end, meaning in passages(whole):
        kind = "The essay holds an encoded passage, which may be meant for a machine"
        if next(_matches(_fold(remove_ineffective(meaning)), ORDERS), None):
            kind = f"{_ADDRESSES_AI}, in an encoded passage"
        elif whole[start:end].count("%") + whole[start:end].count("&") and len(meaning) < 24:
            continue  # an ordinary web address or an HTML entity
        yield Finding(kind=kind, start=start, end=end, meaning=meaning)


def _find_patterns(whole: str, patterns: tuple[InjectionPattern, ...], kind: str) -> Iterator[Finding]:
    folded = whole.lower() if len(whole.lower()) == len(whole) else whole
    for start, end in _matches(folded, patterns):
        yield Finding(kind=kind, start=start, end=end)


def _find_invisible(whole: str) -> Iterator[Finding]:
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
        end=min(places[-1] + 1, places[0] + 4 * _QUOTE_LENGTH),
    )


def suspicious_passages(title: str, text: str) -> str:
    """Return the sentences of title and text that seem to address the AI, and decoded passages; empty if there are none."""
    whole = title + _GAP + text
    passages_found: list[str] = []
    for one in findings(title, text):
        if one.kind.startswith((_ADDRESSES_AI, _IMITATES_FRAME)):
            # Take the whole sentence and the next one, because the order often continues there.
            first = max(0, one.start - 300)
            start = max((found.end() for found in _SENTENCE_END.finditer(whole, first, one.start)), default=first)
            ends = [found.end() for found in _SENTENCE_END.finditer(whole, one.end, one.end + 400)]
            last = ends[min(1, len(ends) - 1)] if ends else min(len(whole), one.end + 400)
            passages_found.append(whole[start:last])
        if one.meaning:
            passages_found.append(one.meaning)
    return "\n".join(dict.fromkeys(passages_found))


def _matches(
    text: str, patterns: tuple[InjectionPattern, ...], *, near: Sequence[int] | None = None
) -> Iterator[tuple[int, int]]:
    pieces = pieces_of(text)
    for candidate in patterns:
        done = -1
        for at in _places_of(candidate.words_possible(pieces), text):
            if at < done or not (near is None or _is_near(at, near)):
                continue
            found = candidate.pattern.search(text, max(0, at - _WINDOW), min(len(text), at + _WINDOW))
            if found:
                yield found.span()
                done = found.end()


def _is_near(at: int, places: Sequence[int]) -> bool:
    following = bisect_left(places, at - _WINDOW)
    return following < len(places) and places[following] <= at + _WINDOW


def _places_of(words: Iterable[str], text: str) -> list[int]:
    places: list[int] = []
    for word in words:
        at = text.find(word)
        from_start: list[int] = []
        while at >= 0 and len(from_start) < _MAX_TRIES // 2:
            from_start.append(at)
            at = text.find(word, at + _WINDOW)
        from_end: list[int] = []
        last_from_start = from_start[-1] if from_start else -1
        at = text.rfind(word) if at >= 0 else -1
        while at > last_from_start and len(from_end) < _MAX_TRIES // 2:
            from_end.append(at)
            at = text.rfind(word, 0, max(0, at - _WINDOW))
        places += from_start + from_end
    return sorted(places)


def _without_invisible(text: str) -> tuple[str, range | list[int]]:
    if text.isascii():
        return text, range(len(text))
    hidden = {char for char in set(text) if invisible(char) or char in "\u200c\u200d\ufe0e\ufe0f"}
    if not hidden:
        return text, range(len(text))
    places = [at for at, char in enumerate(text) if char not in hidden]
    return "".join(text[at] for at in places), places


def _with_joined_lines(text: str) -> tuple[str, list[int], list[int]]:
    """Return the text as if no line had been broken, the offset of each character, and where the lines were broken.

    The text is empty where no line was broken.
    """
    breaks = list(_LINE_BREAK.finditer(text))
    if not breaks:
        return "", [], []
    characters: list[str] = []
    places: list[int] = []
    seams: list[int] = []
    done = 0
    for found in (*breaks, None):
        end = found.start() if found else len(text)
        characters.append(text[done:end])
        places += range(done, end)
        if found is not None:
            seams.append(len(places))
            if not found["split"]:
                characters.append(" ")
                places.append(end)
            done = found.end()
    visible, kept = _without_invisible("".join(characters))
    return visible, [places[at] for at in kept], [bisect_left(kept, at) for at in seams]


def _fold(text: str) -> str:
    # Each character becomes exactly one, so that offsets stay valid.
    return text.lower() if text.isascii() else text.translate({ord(char): _fold_char(char) for char in set(text)})


def _fold_char(char: str) -> str:
    lowered = char.lower()
    if lowered in "’‘ʼ":
        return "'"
    if lowered == "ı":
        return "i"
    if lowered == "ł":
        return "l"
    if lowered.isspace() and lowered != "\n":
        return " "
    parts = unicodedata.normalize("NFKD", lowered)
    first = parts[:1]
    if first.isascii() or "\u0370" <= first <= "\u04ff":
        return first or lowered
    whole = unicodedata.normalize("NFKC", lowered)
    return whole if len(whole) == 1 else lowered[:1]


def _shorten(excerpt: str) -> str:
    words = " ".join(remove_ineffective(excerpt).split())
    return words if len(words) <= _QUOTE_LENGTH else words[: _QUOTE_LENGTH - 1] + "…"
