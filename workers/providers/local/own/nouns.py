"""Recognise the nouns that want a small word in front, and where such a noun ends."""

from __future__ import annotations

from workers.providers.local.own.tokens import AUXILIARIES, CONJUNCTIONS, PREPOSITIONS, PRONOUNS, Sentence, Token

# Nouns that hardly ever stand behind an adjective without a small word in front of both.
DESCRIBED_THINGS = frozenset(
    """role way idea thing effect problem job person example place student teacher factor method solution
    mistake question disadvantage country city company product car decision advantage house computer book
    doctor game lesson leader friend team topic system""".split()
)
# Nouns that can be counted and hardly ever stand alone: not "school", "work" or "lunch".
LONE_THINGS = frozenset(
    """dog cat car bike bicycle computer laptop phone book house garden idea problem question reason example lesson job
    friend brother sister teacher boyfriend girlfriend husband wife dream plan mistake chance choice picture photo letter
    chair table ticket camera pencil pen ball hobby neighbour neighbor uniform exam test project visitor guest story
    motorcycle motorbike scooter umbrella jacket shirt hat cake tomato banana apple sandwich difference surprise meeting
    festival competition prize medal window door candidate""".split()
)

LINKING_VERBS = frozenset("am is was be become became becomes i'm he's she's".split())

# Words that begin something new behind a noun.
ENDS = CONJUNCTIONS | PREPOSITIONS | (AUXILIARIES - {"have"})


def ends_noun(sentence: Sentence, index: int, *, like: bool = False) -> bool:
    """Return whether no other noun goes on with the word: a mark follows, or a word that begins something new.

    `like`: "like" begins something new as well.
    """
    if index + 1 >= len(sentence.tokens):
        return True
    if sentence.gap(index + 1) != " ":
        return sentence.gap(index + 1).strip(" ")[:1] in {",", ".", ";", ":", "!"}
    following = sentence.tokens[index + 1].lower
    return following in (ENDS - {"of", "like", "than"}) | PRONOUNS or (like and following == "like")


def a_or_an(word: str) -> str:
    """Return the small word that fits in front of a word."""
    return "an" if word[0] in "aeiou" and not word.startswith(("uni", "use", "eu", "one")) else "a"


def is_most(token: Token) -> bool:
    """Return whether a word says that a thing is more than all others: "best", not "most"."""
    return "JJS" in token.tags and token.lower not in {"most", "least"}
