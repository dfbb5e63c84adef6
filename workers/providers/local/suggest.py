"""Rank the words that two engines offer for a misspelled word by how likely the writer meant them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

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

_VOWELS = frozenset("aeiouy")
_SOUNDS = tuple(
    frozenset(pair) for pair in ("ck", "cs", "sz", "gj", "fv", "td", "pb", "mn", "iy", "kq", "xs", "rl", "wu")
)
_POSSESSIVE = re.compile(r"'s$")

# Slips so common that their meaning is known, although the engines' first guess is another word.
KNOWN_SLIPS = {
    "wich": "which", "whitch": "which", "wiht": "with", "whit": "with", "ther": "there", "thier": "their",
    "thay": "they", "tha": "the", "teh": "the", "hte": "the", "thet": "that", "taht": "that",
    "becase": "because", "becouse": "because", "becuase": "because", "becaus": "because", "cuz": "because",
    "shoud": "should", "shud": "should", "shuld": "should", "woud": "would", "wuld": "would", "coud": "could",
    "peple": "people", "peaple": "people", "peoples": "people", "poeple": "people", "pepole": "people",
    "u": "you", "ur": "your", "youre": "you're", "yo": "you", "alot": "a lot", "aswell": "as well",
    "creat": "create", "develope": "develop", "throught": "through", "thru": "through",
    "evry": "every", "untill": "until", "wether": "whether", "proffesor": "professor", "proffessor": "professor",
    "diferent": "different", "diffrent": "different", "sientist": "scientist",
    "oppinion": "opinion", "opinon": "opinion", "exemple": "example", "exampel": "example", "beatiful": "beautiful",
    "bussiness": "business", "bisness": "business", "goverment": "government", "enviroment": "environment",
    "confortable": "comfortable", "responsability": "responsibility", "knowlege": "knowledge",
    "succes": "success", "sucess": "success", "succesful": "successful", "sucessful": "successful",
    "definately": "definitely", "definetly": "definitely", "allways": "always", "allready": "already",
    "finaly": "finally", "totaly": "totally", "realy": "really", "usualy": "usually", "especialy": "especially",
    "tought": "thought", "thougth": "thought", "wat": "what", "wen": "when",
    "wehn": "when", "whith": "with", "wanna": "want to", "gonna": "going to", "bcoz": "because", "pls": "please",
    "carreer": "career", "carrer": "career", "possition": "position", "posible": "possible",
    "intersting": "interesting", "intresting": "interesting", "adress": "address", "childrens": "children",
    "mens": "men", "womens": "women", "informations": "information", "advices": "advice", "medias": "media",
}  # fmt: skip


def ranked(word: str, first: Sequence[str], second: Sequence[str], common: Collection[str]) -> list[str]:
    """Return the suggestions of both engines, the likeliest first. The same input always gives the same order."""
    pool = list(dict.fromkeys([*first[:LOOKED_AT], *second]))
    meant = KNOWN_SLIPS.get(word.lower())
    if meant is not None:
        pool = list(dict.fromkeys([_match_case(word, meant), *pool]))
        return [
            pool[0],
            *sorted(pool[1:], key=lambda offered: (_cost(word, offered, first, second, common), pool.index(offered))),
        ]
    return sorted(pool, key=lambda offered: (_cost(word, offered, first, second, common), pool.index(offered)))


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
