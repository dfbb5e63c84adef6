"""Find nouns for one that go on with "who" or "of", or stand without "the", with the verb for more than one."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.own.subjects import (
    BASES,
    GROUPS,
    ONE_VERB,
    PLURAL_DETERMINERS,
    SINGULAR_DETERMINERS,
    SINGULAR_TAGS,
    clause_starts,
    in_question,
    is_base,
    names_one,
)
from workers.providers.local.own.tokens import Sentence, flag, third_person

_ONE_PERSON = frozenset("a an my his her our your their this that every each another the".split())
_AMOUNTS = frozenset(
    """kind sort type range variety handful dozen bunch series set mix mixture list string
    quarter third part total average amount array selection collection host percentage fraction chain list combination""".split()
)

_BARE_VERBS = frozenset(
    "use help give tell make show need want have teach provide improve cause allow affect take bring".split()
)
_BEHIND_BARE_VERBS = frozenset("a an the us them him me my our their that many people you".split())


def who_with_base(sentence: Sentence) -> Iterator[Flag]:
    """Find "a student who don't sleep" and "my cousin, who get": one person, and the verb for more than one."""
    tokens = sentence.tokens
    for index in range(2, len(tokens) - 1):
        noun, verb = tokens[index - 1], sentence.after(index)
        if (
            tokens[index].lower != "who"
            or verb is None
            or sentence.gap(index) not in {" ", ", "}
            or not names_one(noun)
        ):
            continue
        start = index - 2
        while start > 0 and "JJ" in tokens[start].tags:
            start -= 1
        if tokens[start].lower not in _ONE_PERSON or not sentence.joined(start, index - 1):
            continue
        before = tokens[start - 1].lower if start else ""
        if before in {"of", "and", "or"} or noun.lower in GROUPS or _helps(sentence, start):
            continue
        fits = {"are": "is", "have": "has", "were": "was", "don't": "doesn't"}.get(verb.lower)
        if fits is None and (verb.lower in BASES or is_base(verb)) and verb.lower != "were":
            fits = third_person(verb.lower)
        if fits:
            yield flag("WHO_IS", "agreement", verb.start, verb.end, ONE_VERB, fits)


def _helps(sentence: Sentence, index: int) -> bool:
    """Return whether a wish stands in front: "I would ask the man who come" is beyond this rule."""
    return bool(
        {token.lower for token in sentence.tokens[max(0, index - 4) : index]} & {"if", "only", "wish", "wishes"}
    )


def of_phrase(sentence: Sentence) -> Iterator[Flag]:
    """Find "the smell of the apples were": the verb agrees with "smell", not with the noun in front of it."""
    tokens = sentence.tokens
    for index in clause_starts(sentence):
        if index + 4 >= len(tokens) or tokens[index].lower not in SINGULAR_DETERMINERS:
            continue
        head = tokens[index + 1]
        if (
            tokens[index + 2].lower != "of"
            or not names_one(head)
            or head.lower in GROUPS | _AMOUNTS
            or head.text != head.lower
        ):
            continue
        at = index + 3
        if tokens[at].lower in PLURAL_DETERMINERS | SINGULAR_DETERMINERS:
            at += 1
        if at + 2 < len(tokens) and tokens[at + 1].tags & SINGULAR_TAGS:
            at += 1  # "of the lentil soup"
        if at + 1 >= len(tokens) or not sentence.joined(index, at + 1) or not tokens[at].tags & {"NNS", *SINGULAR_TAGS}:
            continue
        verb = tokens[at + 1]
        if (
            fits := {"are": "is", "were": "was", "have": "has", "don't": "doesn't"}.get(verb.lower)
        ) and not in_question(sentence, index):
            yield flag("OF_PHRASE", "agreement", verb.start, verb.end, ONE_VERB, fits)


def bare_subject(sentence: Sentence) -> Iterator[Flag]:
    """Find "Government use the money": a noun without "the" at the start of the sentence with the verb for more than one."""
    tokens = sentence.tokens
    if len(tokens) < 4 or not sentence.joined(0, 2):
        return
    noun, verb, following = tokens[:3]
    if not noun.tags or not noun.tags <= SINGULAR_TAGS or verb.lower not in _BARE_VERBS:
        return
    if following.lower in _BEHIND_BARE_VERBS and (fits := third_person(verb.lower)):
        yield flag("BARE_SUBJECT", "agreement", verb.start, verb.end, ONE_VERB, fits)
