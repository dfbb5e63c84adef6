"""Is this text safe to show the engines, and is there an essay in it to speak about at all?"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from workers.passes.segmentation import words
from workers.providers.local.language import ENGLISH_FUNCTION_WORDS, detected
from workers.providers.local.tongues import not_checked, not_english

MAX_CHARACTERS = 100_000
MAX_BLOCK = 4_000
MIN_WORDS_GRAMMAR = 3
MIN_WORDS_WHOLE = 60

# Harper asks for 30 GB and aborts the process on one 100,000-letter word; both engines look far ahead for an end.
_LONG_RUN = re.compile(r"[^ \n]{65,}")
_HYPHENS = re.compile(r"[-\u2010-\u2015_=~*#]{4,}")
# With or without spaces between them: 24,000 emoji in a row cost nine seconds.
_SYMBOLS = re.compile(r"(?:[^\w\s] ?){9,}")
_INITIALS = re.compile(r"(?:\w\.[ ]?){6,}")
# One to three words over and over ("i " 49,000 times took lingotweaker fifty seconds), and columns of numbers.
_OVER_AND_OVER = re.compile(
    r"(?<!\w)(\w{1,40}+(?:\W{1,3}+\w{1,40}+){0,2}?)(?:\W{1,3}+\1(?!\w)){7,}", re.IGNORECASE
)  # fmt: skip
_NUMBERS = re.compile(r"(?<!\w)(?:\d{1,20}+[^\w\n]{1,3}+){12,}")
_APOSTROPHE = re.compile(r"(?<=[A-Za-z])\u2019(?=[A-Za-z])")
_LINE_ENDS = "\u2028\u2029\x0b\x0c\x85\x1c\x1d\x1e"


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A stretch of text an engine reads in one go; `torn` when it starts in the middle of a sentence."""

    start: int
    end: int
    torn: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """An essay with nothing to advise on: why, in words for the student."""

    name: str
    sentence: str


def engine_text(text: str) -> str:
    """Return text of the same length that cannot hurt an engine; what is unsafe to read has become spaces."""
    safe = "".join(_plain(character) for character in text)
    safe = _APOSTROPHE.sub("'", safe)
    for pattern in (_LONG_RUN, _HYPHENS, _SYMBOLS, _INITIALS, _OVER_AND_OVER, _NUMBERS):
        safe = pattern.sub(_blank, safe)
    return safe


def _blank(match: re.Match[str]) -> str:
    return "".join("\n" if character == "\n" else " " for character in match.group())


def _plain(character: str) -> str:
    if " " <= character <= "~" or character == "\n":
        return character
    if character in _LINE_ENDS:
        return "\n"
    category = unicodedata.category(character)
    # Format and private characters, and halves of surrogate pairs (which have no UTF-8), mean nothing to an engine.
    return " " if category in {"Zs", "Cc", "Cf", "Cs", "Co", "Cn"} else character


def blocks(safe: str) -> tuple[Block, ...]:
    """Return the text as consecutive blocks of at most MAX_BLOCK, cut at paragraph, then sentence, then word ends.

    Both engines take quadratic time on some inputs; a bounded block bounds the whole.
    """
    found: list[Block] = []
    start, torn = 0, False
    while start < len(safe):
        end, next_torn = _cut(safe, start)
        found.append(Block(start=start, end=end, torn=torn))
        start, torn = end, next_torn
    return tuple(found)


def _cut(safe: str, start: int) -> tuple[int, bool]:
    limit = start + MAX_BLOCK
    if limit >= len(safe):
        return len(safe), False
    window = safe[start:limit]
    if (at := window.rfind("\n")) > MAX_BLOCK // 8:
        return start + at + 1, False
    ends = [match.end() for match in re.finditer(r"[.!?][\"')]? +", window)]
    if ends and ends[-1] > MAX_BLOCK // 8:
        return start + ends[-1], False
    if (at := window.rfind(" ")) > 0:
        return start + at + 1, True
    return limit, True


def masked(text: str, safe: str, start: int, end: int) -> bool:
    """Return whether an engine was shown something else than the student wrote, at or beside this place."""
    for index in range(max(0, start - 1), min(len(text), end + 1)):
        shown, written = safe[index], text[index]
        if shown != written and not (shown == "'" and written == "\u2019") and not written.isspace():
            return True
    return any(unicodedata.combining(character) for character in text[start : end + 1])


def foreign(text: str) -> bool:
    """Return whether a text of some length is plainly not English, by the share of common English words in it."""
    found = [word.text.lower() for word in words(text)]
    letters = [character for character in text if character.isalpha()]
    if letters and sum(character > "\u024f" for character in letters) * 2 > len(letters):
        return True
    if len(found) < 15:
        return False
    return sum(word in ENGLISH_FUNCTION_WORDS for word in found) / len(found) < 0.08


def copied(text: str, prompt: str) -> bool:
    """Return whether nearly every run of four words of the essay stands in the assignment."""
    mine, theirs = _runs(text), frozenset(_runs(prompt))
    return bool(mine and theirs) and sum(run in theirs for run in mine) / len(mine) >= 0.8


def _runs(text: str) -> list[tuple[str, ...]]:
    found = [word.text.lower() for word in words(text)]
    return [tuple(found[index : index + 4]) for index in range(len(found) - 3)]


def special_case(
    text: str, *, prompt: str, language: str, whole: bool, feedback_language: str = "en"
) -> Case | None:  # fmt: skip
    """Return why no advice can be given on this essay, or None; `whole` for passes that read the essay as a whole.

    What the text is written in counts, not what it was declared to be; the declaration decides only where the text does not.
    """
    count = len(words(text))
    if count == 0 and not any(character.isalnum() for character in text):
        return Case(name="blank", sentence=not_checked("blank", feedback_language))
    tongue = detected(text)
    if tongue is None and not (language or "en").lower().startswith("en"):
        tongue = language
    if tongue is not None and tongue != "en":
        return Case(name="language", sentence=not_english(tongue, feedback_language))
    if tongue is None and foreign(text):
        return Case(name="language", sentence=not_checked("unclear", feedback_language))
    if prompt and copied(text, prompt):
        return Case(name="copied_prompt", sentence=not_checked("copied_prompt", feedback_language))
    if count < (MIN_WORDS_WHOLE if whole else MIN_WORDS_GRAMMAR):
        reason = "tiny_whole" if whole else "tiny"
        return Case(name="tiny", sentence=not_checked(reason, feedback_language, count=count))
    return None
