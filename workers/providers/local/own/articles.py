"""Find "is good idea": one thing that can be counted, described by an adjective, without "a" or "an"."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.own.tokens import AUXILIARIES, CONJUNCTIONS, PREPOSITIONS, Sentence, Token, flag

_VERBS = frozenset(
    "is was be become becomes became has have had plays play played makes make made need needs it's".split()
)
_NOUNS = frozenset(
    """role way idea thing effect problem job person example place student teacher factor method solution
    mistake question disadvantage country city company product car decision advantage house computer book
    doctor game lesson leader friend team topic system""".split()
)
_ENDS = CONJUNCTIONS | PREPOSITIONS | (AUXILIARIES - {"have"})
_ADVERBS = frozenset("very really so quite".split())


def missing_article(sentence: Sentence) -> Iterator[Flag]:
    """Find a verb such as "is" or "has", an adjective and a count noun with nothing in front of them."""
    tokens = sentence.tokens
    for index in range(len(tokens) - 2):
        at = index + 1
        if tokens[index].lower not in _VERBS:
            continue
        if tokens[at].lower in _ADVERBS - {"so"} and at + 2 < len(tokens):
            at += 1
        adjective, noun = tokens[at], tokens[at + 1]
        if noun.lower not in _NOUNS or not _describes(adjective):
            continue
        if not sentence.joined(index, at + 1):
            continue
        ends = at + 2 >= len(tokens) or sentence.gap(at + 2) != " " or tokens[at + 2].lower in _ENDS
        if ends and not sentence.part(noun.end, noun.end + 1).startswith(("-", "'", "\u2019", "/")):
            first = tokens[index + 1]
            article = (
                "an" if first.lower[0] in "aeiou" and not first.lower.startswith(("uni", "use", "eu", "one")) else "a"
            )
            message = "One thing that can be counted mostly needs a small word in front: a, an, the or my."
            yield flag("MISSING_ARTICLE", "article", first.start, first.end, message, f"{article} {first.text}")


def _describes(token: Token) -> bool:
    if "JJ" not in token.tags or token.lower in _NOT_DESCRIBING or token.text != token.lower:
        return False
    return token.tags <= {"JJ", "RB"} or token.lower in {"good", "bad", "big"}


_NOT_DESCRIBING = frozenset(
    "more most such other same own next last first second third due enough only able less much".split()
)
