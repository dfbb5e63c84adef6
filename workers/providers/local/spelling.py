"""Decide whether a word that an engine does not know is shown as a misspelling: a name, a term or a foreign word is not."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from workers.providers.local.lexicon import tags
from workers.providers.local.slips import meant_by
from workers.providers.local.suggest import letters_apart
from workers.text.segmentation import words

FEWEST_LETTERS = 3
# A capital within a sentence mostly starts a name. A long word that is nearly a common word is a mistake all the same.
LONG_ENOUGH_FOR_CAPITAL = 7
LONG_ENOUGH_AT_START = 5
FOREIGN_RUN = 3
FURTHEST_SURE = 2
LONG_ENOUGH_FOR_THREE = 8
_TITLE = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Lady|Lord|Madam|Mme|King|Queen|Prince|Princess|President|Captain|Coach|"
    r"Principal|Uncle|Aunt|Aunty|Auntie|Teacher|Saint|St)\.?\s$"
)
_NAMED = re.compile(r"\b(?:named|called|name is|name was|by)\s[\"'\u201c\u2018]?$")
_NEXT_NAME = re.compile(r" (?:[A-Z]'?[A-Z]?[a-z]+)(?![\w])")
_QUOTED = "\"'\u201c\u201d\u2018\u2019*_`\u00ab\u00bb"
_PREFIXES = (
    "non", "anti", "multi", "micro", "mini", "mega", "super", "eco", "techno", "post", "neuro", "bio", "geo", "cyber",
    "poly", "hyper", "hypo", "auto",
)  # fmt: skip
# Endings of learned words. Dictionaries lack many of them, and a learner's slip hardly ever makes a new one.
_TERM = re.compile(
    r"(?:ia|ism|ist|itis|osis|oses|emia|logy|logist|graphy|metry|ectomy|phobia|phobic|philia|genic|oid|ase|ane|ene|ide|ium|"
    r"ectomy|otic|ana|ado|ini|iku|aku|ji|oji|ese|esque)s?$"
)  # fmt: skip
_SMALL_WORDS = frozenset("a an as at by in on of to up no so all any every each some even more for the".split())


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """A word that an engine flags for its spelling, with what speaks for a mistake.

    `both`: both engines flag it. `agreed`: both correct it alike. `likeliest`: the suggestion that ranks first, or empty.
    `clear`: it is far ahead of the next.
    """

    start: int
    end: int
    both: bool
    agreed: bool
    likeliest: str
    clear: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Spelling:
    """What the text as a whole says about its unknown words. `runs`: the places that are part of a foreign phrase."""

    safe: str
    common: Collection[str]
    repeated: frozenset[str]
    runs: frozenset[int]
    names: frozenset[str] = field(default_factory=frozenset)

    def hidden(self, unknown: Unknown) -> str:
        """Return why the word is not shown as a misspelling, or an empty string when it is."""
        word = unicodedata.normalize("NFC", self.safe[unknown.start : unknown.end])
        before = self.safe[max(0, unknown.start - 40) : unknown.start]
        if meant_by(word) is not None and not _TITLE.search(before):
            return ""
        if self._is_name(word, before, unknown):
            return "name"
        if (
            self._is_part_of_word(unknown)
            or not word.isascii()
            or (unknown.start in self.runs and not unknown.agreed)
            or self._is_quoted(unknown)
        ):
            return "foreign"
        if (
            len(word) < FEWEST_LETTERS
            or not re.search(r"[aeiouy]", word, re.IGNORECASE)
            or self._is_term(word, unknown)
        ):
            return "term"
        return self._doubtful(word, unknown)

    def _doubtful(self, word: str, unknown: Unknown) -> str:
        likeliest = unknown.likeliest.lower()
        apart = letters_apart(word.lower(), likeliest) if likeliest else 9
        if not unknown.both:
            near = apart <= 1 and len(word) >= LONG_ENOUGH_AT_START and word.islower()
            return "" if near and (not self.common or likeliest in self.common) else "one engine"
        if not self._is_near(word, likeliest, apart, unknown):
            return "no near word"
        if word in self.repeated and not unknown.clear:
            return "repeated"
        return ""

    def _is_near(self, word: str, likeliest: str, apart: int, unknown: Unknown) -> bool:
        """Return whether the word is so near a frequent one that it is hardly a word of another language or a term."""
        if not self._is_word(likeliest):
            return False
        frequent = not self.common or all(part in self.common for part in re.split(r"[ '-]", likeliest))
        long = len(word) >= LONG_ENOUGH_FOR_CAPITAL
        if apart <= 1:
            return len(word) > FEWEST_LETTERS and (frequent or (unknown.agreed and long))
        if unknown.agreed and long and word.islower():
            return apart <= FURTHEST_SURE + (frequent and len(word) > LONG_ENOUGH_FOR_THREE)
        if not frequent or likeliest[:1] != word[:1].lower():
            return False
        if unknown.agreed:
            return apart <= FURTHEST_SURE
        return apart <= FURTHEST_SURE and (unknown.clear or len(word) > LONG_ENOUGH_FOR_CAPITAL)

    def _is_word(self, text: str) -> bool:
        return all(part in self.common or tags(part) for part in re.split(r"[ '-]", text)) if self.common else True

    def _is_name(self, word: str, before: str, unknown: Unknown) -> bool:
        if _TITLE.search(before) or any(character.isupper() or character.isdigit() for character in word[1:]):
            return True
        if not word[:1].isupper():
            return bool(_NAMED.search(before)) and not unknown.agreed
        if word in self.names or _NEXT_NAME.match(self.safe, unknown.end):
            return True
        likeliest, first = unknown.likeliest.lower(), starts_sentence(self.safe, unknown.start)
        apart = letters_apart(word.lower(), likeliest)
        if not unknown.both or not self._is_word(likeliest) or apart > (2 if first else 1):
            return True
        return len(word) < (LONG_ENOUGH_AT_START if first else LONG_ENOUGH_FOR_CAPITAL)

    def _is_part_of_word(self, unknown: Unknown) -> bool:
        """Return whether an apostrophe joins the word to letters in front: "ma'amoul", "O'Shaughnessy"."""
        before = self.safe[max(0, unknown.start - 2) : unknown.start]
        return len(before) == 2 and before[0].isalpha() and before[1] in "'\u2019"

    def _is_quoted(self, unknown: Unknown) -> bool:
        before, after = self.safe[max(0, unknown.start - 1) : unknown.start], self.safe[unknown.end : unknown.end + 1]
        return bool(before) and bool(after) and before in _QUOTED and after in _QUOTED

    def _is_term(self, word: str, unknown: Unknown) -> bool:
        lower, likeliest = word.lower(), unknown.likeliest.lower()
        if unknown.agreed and letters_apart(lower, likeliest) <= 2:
            return False
        if " " in likeliest and not _SMALL_WORDS & set(likeliest.split()):
            return True
        if any(lower.startswith(prefix) and len(lower) - len(prefix) >= 4 and tags(lower.removeprefix(prefix))
               for prefix in _PREFIXES):  # fmt: skip
            return True
        return bool(_TERM.search(lower)) and not (letters_apart(lower, likeliest) <= 1 and likeliest in self.common)


def names_in(safe: str) -> frozenset[str]:
    """Return the words that stand at least twice with a capital, once of them within a sentence, and never in small letters."""
    counts: Counter[str] = Counter()
    within: set[str] = set()
    small: set[str] = set()
    for word in words(safe):
        if word.text[:1].islower():
            small.add(word.text)
            continue
        counts[word.text] += 1
        if word.text not in within and not starts_sentence(safe, word.start):
            within.add(word.text)
    return frozenset(word for word in within if counts[word] > 1 and word.lower() not in small)


def foreign_runs(places: Collection[tuple[int, int]], safe: str) -> frozenset[int]:
    """Return the starts of the unknown words that stand in a row of at least FOREIGN_RUN."""
    found: set[int] = set()
    row: list[int] = []
    end = -1
    for start, stop in sorted(places):
        if not row or safe[end:start].strip(" ,'\"-"):
            row = []
        row.append(start)
        end = stop
        if len(row) >= FOREIGN_RUN:
            found.update(row)
    return frozenset(found)


def starts_sentence(text: str, start: int) -> bool:
    """Return whether nothing but an end mark, quotation marks and spaces stands in front of a place."""
    before = text[max(0, start - 200) : start].rstrip(" \"'\u201c\u2018([")
    return not before or before[-1] in ".!?:\n\u2026"
