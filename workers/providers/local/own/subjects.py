"""Recognise where a clause can begin, and where a subject for one or for many ends."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.own.tokens import Sentence

PLURAL_DETERMINERS = frozenset("these those many some most all several few other my our their your the".split())


_CLAUSE_STARTS = frozenset(
    "because but so when although though while since and that if whereas how what where why".split()
)
# "I think the rule is old" leaves out "that".
_SAYING = frozenset("think thinks thought know knows say says said believe believes hope hopes means".split())
_DETERMINERS = frozenset("the my our your his her their this these those".split())


def clause_starts(sentence: Sentence) -> Iterator[int]:
    """Yield where a clause can start: at the start of the sentence and after words such as "because"."""
    tokens = sentence.tokens
    if tokens:
        yield 0
    for index in range(1, len(tokens)):
        if sentence.gap(index) != " ":
            continue
        before = tokens[index - 1].lower
        if before == "that" and index > 1 and tokens[index - 2].lower in {"so", "of"}:
            continue
        if before in _CLAUSE_STARTS or (before in _SAYING and tokens[index].lower in _DETERMINERS):
            yield index


ONE_VERB = "The subject is one person or thing, so the verb needs its other form."
