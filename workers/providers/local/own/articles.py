"""Find "is good idea" and "I am student": one person or thing that can be counted, without "a" or "an"."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.own.nouns import (
    DESCRIBED_THINGS,
    ENDS,
    LINKING_VERBS,
    LONE_THINGS,
    a_or_an,
    ends_noun,
    is_most,
)
from workers.providers.local.own.tokens import Sentence, Token, flag

_VERBS = frozenset(
    "is was be become becomes became has have had plays play played makes make made need needs it's".split()
)
_ADVERBS = frozenset("very really quite".split())
_NOT_DESCRIBING = frozenset(
    "more most such other same own next last first second third due enough only able less much".split()
)

# What a person can be: "I am student" and "she wants to be vet" lack their "a".
_PEOPLE = frozenset(
    """student teacher pupil doctor nurse vet lawyer engineer farmer forester driver singer dancer actor actress artist writer
    poet scientist painter plumber soldier pilot waiter cook chef baker tailor cleaner musician footballer player
    goalkeeper journalist programmer policeman fireman businessman shopkeeper mechanic carpenter boy girl man woman child
    person friend teenager adult beginner foreigner tourist neighbour neighbor stranger genius hero vegetarian patient""".split()
)
_ROLES = frozenset("head team class school part half".split())

_BEFORE_THINGS = frozenset(
    """is was be has have had having want wants wanted need needs needed buy buys bought got get gets find found lost write
    wrote bring brought""".split()
)

_SEEMS = frozenset(
    "feel feels felt look looks looked is are was were be sound sounds sounded act acts acted behave just".split()
)
_LIKENESSES = frozenset(
    """tomato lion bird king queen baby child monster ghost robot statue hero prisoner dog cat horse mouse rabbit snake
    dream nightmare movie film machine tree wall bomb balloon clown doll princess prince star cloud ocean river
    mirror mountain volcano storm soldier stranger fool idiot tiger elephant spider butterfly""".split()
)


def missing_article(sentence: Sentence) -> Iterator[Flag]:
    """Find a verb such as "is" or "has", an adjective and a count noun with nothing in front of them."""
    tokens = sentence.tokens
    for index in range(len(tokens) - 2):
        at = index + 1
        if tokens[index].lower not in _VERBS:
            continue
        if tokens[at].lower in _ADVERBS and at + 2 < len(tokens):
            at += 1
        adjective, noun = tokens[at], tokens[at + 1]
        if noun.lower not in DESCRIBED_THINGS or not _describes(adjective) or is_most(adjective):
            continue
        if not sentence.joined(index, at + 1):
            continue
        ends = at + 2 >= len(tokens) or sentence.gap(at + 2) != " " or tokens[at + 2].lower in ENDS
        if ends and not sentence.part(noun.end, noun.end + 1).startswith(("-", "'", "\u2019", "/")):
            first = tokens[index + 1]
            message = "One thing that can be counted mostly needs a small word in front: a, an, the or my."
            yield flag(
                "MISSING_ARTICLE", "article", first.start, first.end, message, f"{a_or_an(first.lower)} {first.text}"
            )


def _describes(token: Token) -> bool:
    if "JJ" not in token.tags or token.lower in _NOT_DESCRIBING or token.text != token.lower:
        return False
    return token.tags <= {"JJ", "RB"} or token.lower in {"good", "bad", "big"}


def be_someone(sentence: Sentence) -> Iterator[Flag]:
    """Find "I am student" and "my uncle is heart patient"."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        if tokens[index].lower not in LINKING_VERBS or _owns_noun(tokens[index - 1]):
            continue
        at = index + 1
        if tokens[at].lower not in _PEOPLE and at + 1 < len(tokens) and tokens[at].is_noun() and tokens[at].tags:
            at += 1
        noun = tokens[at]
        if (
            noun.lower not in _PEOPLE
            or noun.text != noun.lower
            or not sentence.joined(index, at)
            or not ends_noun(sentence, at)
        ):
            continue
        first = tokens[index + 1]
        if first.lower in _ROLES or ((behind := sentence.after(at)) and behind.lower in {"and", "or"}):
            continue  # "She is team captain", "he was friend and teacher to us all".
        if first is noun and noun.lower == "patient":
            continue  # "You must be patient."
        if first.text != first.lower or not first.tags & {"NN", "NN:UN", "NN:U"}:
            continue
        message = "One person is mostly named with a small word in front: a, an, the or my."
        yield flag(
            "MISSING_ARTICLE", "article", first.start, first.end, message, f"{a_or_an(first.lower)} {first.text}"
        )


def bare_thing(sentence: Sentence) -> Iterator[Flag]:
    """Find "cooking should be lesson" and "he has dog": one thing that can be counted, alone behind its verb."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        verb, noun = tokens[index], tokens[index + 1]
        if verb.lower not in _BEFORE_THINGS or noun.lower not in LONE_THINGS or noun.text != noun.lower:
            continue
        if (
            not sentence.joined(index, index + 1)
            or not ends_noun(sentence, index + 1, like=True)
            or _owns_noun(tokens[index - 1])
        ):
            continue
        if (behind := sentence.after(index + 1)) and behind.lower in {"and", "or"}:
            continue
        message = "One thing that can be counted mostly needs a small word in front: a, an, the or my."
        yield flag("MISSING_ARTICLE", "article", noun.start, noun.end, message, f"{a_or_an(noun.lower)} {noun.text}")


def _owns_noun(token: Token) -> bool:
    # "What a good friend is", "who his father was".
    return token.lower in {"friend", "teacher", "what", "how"}


def like_thing(sentence: Sentence) -> Iterator[Flag]:
    """Find "I feel like stone" and "red like tomato"."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        before, noun = tokens[index - 1], tokens[index + 1]
        if tokens[index].lower != "like" or noun.lower not in _LIKENESSES or noun.text != noun.lower:
            continue
        if not sentence.joined(index - 1, index + 1) or not ends_noun(sentence, index + 1):
            continue
        if before.lower in _SEEMS or "JJ" in before.tags:
            message = "One thing that can be counted mostly needs a small word in front: a, an, the or my."
            yield flag(
                "MISSING_ARTICLE", "article", noun.start, noun.end, message, f"{a_or_an(noun.lower)} {noun.text}"
            )
