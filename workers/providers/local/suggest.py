"""Choose what to suggest: rank the words that two engines offer for a misspelled word, and compare their corrections."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from workers.providers.local.flags import Flag
from workers.providers.local.slips import meant_by

MAX_SUGGESTIONS = 3
# Costs, chosen on the development splits of corrected learner text. A slip that similar sounds or a doubled letter explains
# is cheap.
VOWEL_FOR_VOWEL = 0.9
SAME_SOUND = 0.6
DOUBLING = 0.4
VOWEL_LOST = 0.7
SWAP = 0.6
OTHER = 1.0
FIRST_LETTER = 0.9
RARE = 1.5
PLACE = 0.12
NOT_OFFERED = 0.9
PIECES = 0.5
NAME = 1.0
POSSESSIVE = 1.5
LOOKED_AT = 12
# A word further away is hardly ever the word that was meant.
FURTHEST = 2
# A lone suggestion must cost this much less than the next one.
CLEAR_LEAD = 1.0

_VOWELS = frozenset("aeiouy")
_SOUNDS = tuple(
    frozenset(pair) for pair in ("ck", "cs", "sz", "gj", "fv", "td", "pb", "mn", "iy", "kq", "xs", "rl", "wu")
)
_POSSESSIVE = re.compile(r"'s$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """The words that a misspelled word may stand for, the likeliest first. `clear`: the first is far ahead of the next."""

    words: tuple[str, ...]
    clear: bool


def ranked(
    word: str, first: Sequence[str], second: Sequence[str], common: Collection[str], *, before: str = ""
) -> Ranking:
    """Rank the suggestions of both engines. None is further than FURTHEST letters away. The same input gives the same order.

    `before` is the text in front of the word.
    """
    meant = meant_by(word, before)
    pool = list(dict.fromkeys([*first[:LOOKED_AT], *second]))
    costs = {
        offered: _cost(word, offered, first, second, common)
        for offered in pool
        if letters_apart(word.lower(), offered.lower()) <= FURTHEST
    }
    if meant is not None:
        costs[_match_case(word, meant)] = -CLEAR_LEAD
    found = sorted(costs, key=lambda offered: (costs[offered], pool.index(offered) if offered in pool else -1))
    clear = len(found) == 1 or (len(found) > 1 and costs[found[1]] - costs[found[0]] >= CLEAR_LEAD)
    return Ranking(words=tuple(found), clear=clear)


def choices(ranking: Ranking) -> list[str]:
    """Return one word when it is far ahead of the others, else up to MAX_SUGGESTIONS to choose from."""
    return list(ranking.words[: 1 if ranking.clear else MAX_SUGGESTIONS])


def corrections(flag: Flag, other: Flag | None, *, agreed: bool) -> list[str]:
    """Return one correction where the engines agree on it, else up to MAX_SUGGESTIONS to choose from."""
    if flag.variant_of is not None:
        return [flag.variant_of]
    if agreed:
        return list(flag.suggestions[:1])
    same_place = other is not None and (other.start, other.end) == (flag.start, flag.end)
    others = other.suggestions[:1] if other is not None and same_place else ()
    return [*flag.suggestions[:1], *others, *flag.suggestions[1:]]


def same_correction(one: Flag, other: Flag, safe: str) -> bool:
    """Return whether the first suggestions of two flags lead to the same text."""
    if not one.suggestions or not other.suggestions:
        return False
    start, end = min(one.start, other.start), max(one.end, other.end)
    return _corrected_text(one, safe, start, end) == _corrected_text(other, safe, start, end)


def _corrected_text(flag: Flag, text: str, start: int, end: int) -> str:
    return " ".join((text[start : flag.start] + flag.suggestions[0] + text[flag.end : end]).split())


def letters_apart(one: str, other: str) -> int:
    """Return how many letters to insert, delete, change or swap with their neighbour to turn one word into the other."""
    before_above: list[int] = []
    above = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        row = [i]
        for j, right in enumerate(other, 1):
            best = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                best = min(best, before_above[j - 2] + 1)
            row.append(best)
        before_above, above = above, row
    return above[-1]


def _match_case(word: str, meant: str) -> str:
    return meant[:1].upper() + meant[1:] if word[:1].isupper() else meant


def _cost(word: str, offered: str, first: Sequence[str], second: Sequence[str], common: Collection[str]) -> float:
    cost = distance(word.lower(), offered.lower())
    cost += PLACE * min(first.index(offered) if offered in first else 8, 8) + (offered not in first) * NOT_OFFERED / 2
    if second:
        cost += (
            PLACE * min(second.index(offered) if offered in second else 3, 3)
            + (offered not in second) * NOT_OFFERED / 2
        )
    if word[:1].lower() != offered[:1].lower():
        cost += FIRST_LETTER
    if common and any(part.lower() not in common for part in offered.replace("-", " ").split()):
        cost += RARE
    if " " in offered:
        cost += PIECES
    if word.islower() and not offered.islower():
        cost += NAME
    if _POSSESSIVE.search(offered) and "'" not in word:
        cost += POSSESSIVE
    return round(cost, 6)


def distance(one: str, other: str) -> float:
    """Return a weighted edit distance of two spellings. Slips of hearing and typing cost less than other changes."""
    rows = [[0.0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        rows[i][0] = rows[i - 1][0] + _gap_cost(one, i - 1)
    for j in range(1, len(other) + 1):
        rows[0][j] = rows[0][j - 1] + _gap_cost(other, j - 1)
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            a, b = one[i - 1], other[j - 1]
            best = min(
                rows[i - 1][j] + _gap_cost(one, i - 1),
                rows[i][j - 1] + _gap_cost(other, j - 1),
                rows[i - 1][j - 1] + _substitution_cost(a, b),
            )
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[i - 2][j - 2] + SWAP)
            rows[i][j] = best
    return rows[-1][-1]


def _gap_cost(word: str, index: int) -> float:
    letter = word[index]
    if index > 0 and word[index - 1] == letter:
        return DOUBLING
    return VOWEL_LOST if letter in _VOWELS or letter in "h' -" else OTHER


def _substitution_cost(a: str, b: str) -> float:
    if a == b:
        return 0.0
    if a in _VOWELS and b in _VOWELS:
        return VOWEL_FOR_VOWEL
    return SAME_SOUND if frozenset((a, b)) in _SOUNDS else OTHER
