"""Make a text safe for the engines, and recognise essays that cannot be checked."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from workers.providers.local.language import ENGLISH_FUNCTION_WORDS, detect_language
from workers.providers.local.tongues import not_checked, not_english
from workers.text.segmentation import words

MAX_CHARACTERS = 100_000
MAX_BLOCK = 4_000
MIN_WORDS_GRAMMAR = 3
MIN_WORDS_WHOLE = 60

# On one word of 100,000 letters Harper asks for 30 GB and aborts the process. Both engines look far ahead for an end.
_LONG_RUN = re.compile(r"[^ \n]{65,}")
_HYPHENS = re.compile(r"[-\u2010-\u2015_=~*#]{4,}")
# Symbols with or without spaces between them: 24,000 emoji in a row took nine seconds.
_SYMBOLS = re.compile(r"(?:[^\w\s] ?){9,}")
_INITIALS = re.compile(r"(?:\w\.[ ]?){6,}")
# One to three words repeated without end. lingotweaker took fifty seconds for "i " 49,000 times.
_REPEATED_WORDS = re.compile(
    r"(?<!\w)(\w{1,40}+(?:\W{1,3}+\w{1,40}+){0,2}?)(?:\W{1,3}+\1(?!\w)){7,}", re.IGNORECASE
)  # fmt: skip
# Columns of numbers.
_NUMBER_COLUMNS = re.compile(r"(?<!\w)(?:\d{1,20}+[^\w\n]{1,3}+){12,}")
_APOSTROPHE = re.compile(r"(?<=[A-Za-z])\u2019(?=[A-Za-z])")
_OTHER_LINE_ENDS = "\u2028\u2029\x0b\x0c\x85\x1c\x1d\x1e"


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A part of the text that an engine reads in one call. `torn`: it may start in the middle of a sentence."""

    start: int
    end: int
    torn: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class UncheckedReason:
    """The reason why an essay cannot be checked: a name, and a sentence for the student."""

    name: str
    sentence: str


def engine_text(text: str) -> str:
    """Return a text of the same length that is safe for the engines: unsafe parts are replaced by spaces."""
    safe = "".join(_safe_character(character) for character in text)
    safe = _APOSTROPHE.sub("'", safe)
    for pattern in (_LONG_RUN, _HYPHENS, _SYMBOLS, _INITIALS, _REPEATED_WORDS, _NUMBER_COLUMNS):
        safe = pattern.sub(_as_spaces, safe)
    return safe


def _as_spaces(match: re.Match[str]) -> str:
    return "".join("\n" if character == "\n" else " " for character in match.group())


def _safe_character(character: str) -> str:
    if " " <= character <= "~" or character == "\n":
        return character
    if character in _OTHER_LINE_ENDS:
        return "\n"
    category = unicodedata.category(character)
    # Control, format, private-use and unassigned characters mean nothing to an engine. Surrogates have no UTF-8 form.
    return " " if category in {"Zs", "Cc", "Cf", "Cs", "Co", "Cn"} else character


def blocks(safe: str) -> tuple[Block, ...]:
    """Return the text as consecutive blocks of at most MAX_BLOCK characters.

    A block is cut at the end of a line, else of a sentence, else of a word. Both engines take quadratic time on some inputs, and
    bounded blocks bound the total time.
    """
    found: list[Block] = []
    start, torn = 0, False
    while start < len(safe):
        end, next_torn = _block_end(safe, start)
        found.append(Block(start=start, end=end, torn=torn))
        start, torn = end, next_torn
    return tuple(found)


def _block_end(safe: str, start: int) -> tuple[int, bool]:
    limit = start + MAX_BLOCK
    if limit >= len(safe):
        return len(safe), False
    window = safe[start:limit]
    if (position := window.rfind("\n")) > MAX_BLOCK // 8:
        return start + position + 1, False
    ends = [match.end() for match in re.finditer(r"[.!?][\"')]? +", window)]
    if ends and ends[-1] > MAX_BLOCK // 8:
        return start + ends[-1], False
    if (position := window.rfind(" ")) > 0:
        return start + position + 1, True
    return limit, True


def masked(text: str, safe: str, start: int, end: int) -> bool:
    """Return whether the engines saw something else than the student wrote, at this place or next to it.

    A replaced apostrophe or white space does not count; a combining character does.
    """
    for index in range(max(0, start - 1), min(len(text), end + 1)):
        shown, written = safe[index], text[index]
        if shown != written and not (shown == "'" and written == "\u2019") and not written.isspace():
            return True
    return any(unicodedata.combining(character) for character in text[start : end + 1])


def foreign(text: str) -> bool:
    """Return whether a text is plainly not English.

    It is not when more than half of its letters belong to another script, or when it has 15 words or more and fewer than 8 % of
    them are common English words.
    """
    lower_words = [word.text.lower() for word in words(text)]
    letters = [character for character in text if character.isalpha()]
    if letters and sum(character > "\u024f" for character in letters) * 2 > len(letters):
        return True
    if len(lower_words) < 15:
        return False
    return sum(word in ENGLISH_FUNCTION_WORDS for word in lower_words) / len(lower_words) < 0.08


def copied(text: str, prompt: str) -> bool:
    """Return whether at least 80 % of the essay's runs of four words also occur in the assignment."""
    essay_runs, prompt_runs = _four_word_runs(text), frozenset(_four_word_runs(prompt))
    return bool(essay_runs and prompt_runs) and sum(run in prompt_runs for run in essay_runs) / len(essay_runs) >= 0.8


def _four_word_runs(text: str) -> list[tuple[str, ...]]:
    lower_words = [word.text.lower() for word in words(text)]
    return [tuple(lower_words[index : index + 4]) for index in range(len(lower_words) - 3)]


def reason_not_checked(
    text: str, *, prompt: str, language: str, whole: bool, feedback_language: str = "en"
) -> UncheckedReason | None:  # fmt: skip
    """Return why this essay cannot be checked, or None. `whole`: the pass reads the essay as a whole and needs more words.

    The language detected in the text decides. The declared language counts only when the text shows none clearly.
    """
    count = len(words(text))
    if count == 0 and not any(character.isalnum() for character in text):
        return UncheckedReason(name="blank", sentence=not_checked("blank", feedback_language))
    detected_language = detect_language(text)
    if detected_language is None and not (language or "en").lower().startswith("en"):
        detected_language = language
    if detected_language is not None and detected_language != "en":
        return UncheckedReason(name="language", sentence=not_english(detected_language, feedback_language))
    if detected_language is None and foreign(text):
        return UncheckedReason(name="language", sentence=not_checked("unclear", feedback_language))
    if prompt and copied(text, prompt):
        return UncheckedReason(name="copied_prompt", sentence=not_checked("copied_prompt", feedback_language))
    if count < (MIN_WORDS_WHOLE if whole else MIN_WORDS_GRAMMAR):
        reason = "tiny_whole" if whole else "tiny"
        return UncheckedReason(name="tiny", sentence=not_checked(reason, feedback_language, count=count))
    return None
