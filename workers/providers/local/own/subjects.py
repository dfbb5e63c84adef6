"""Recognise where a clause can begin, which words name one person or thing, and which can be the verb behind them."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.own.tokens import BE, MODALS, Sentence, Token

ONE_VERB = "The subject is one person or thing, so the verb needs its other form."

PLURAL_DETERMINERS = frozenset("these those many some most all several few other my our their your the".split())
SINGULAR_DETERMINERS = frozenset("the my our your his her their this that a an every each".split())

# The parts of speech of a noun for one thing.
SINGULAR_TAGS = frozenset({"NN", "NN:U", "NN:UN"})
# "The audience were on their feet" is right in British English.
GROUPS = frozenset(
    """audience couple team family staff police crowd class group government committee jury band crew public majority minority
    number media data pair rest half lot press choir club company council army navy gang cast department school
    youth cattle folk orchestra opposition party firm squad enemy elite""".split()
)
# Verbs of essays that are no nouns in this place, with their forms for "he" made by rule.
BASES = frozenset(
    """have do are were don't go need want say think like give help take become seem know show make get feel believe learn
    teach allow provide include affect agree prefer enjoy understand bring tell cause happen improve increase require
    suggest remain decide live play work study spend eat try come use prove""".split()
)

_CLAUSE_STARTS = frozenset(
    "because but so when although though while since and that if whereas how what where why".split()
)
# "I think the rule is old" leaves out "that".
_SAYING = frozenset("think thinks thought know knows say says said believe believes hope hopes means".split())
_DETERMINERS = frozenset("the my our your his her their this these those".split())

_NEW_CLAUSE = frozenset("but because so although though while when whereas".split())
_HELPING = frozenset("do does did let lets make makes see if lest were".split())
# After these words a base form is right: "she insisted that everyone leave", "it is vital that the door stay shut".
_WISHES = frozenset(
    """suggest suggests suggested insist insists insisted demand demands demanded recommend recommends recommended require
    requires required request requests requested propose proposes proposed ask asks asked important essential vital necessary
    crucial rather saw hear hears heard watch watches watched feel feels felt help helped made making had having letting
    notice noticed observe observed""".split()
)


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


def names_one(noun: Token) -> bool:
    """Return whether a word can name one thing, and hardly anything but a thing."""
    return bool(noun.tags & SINGULAR_TAGS) and not noun.tags & {"NNS", "JJ", "IN", "DT", "CD", "RB", "PRP"}


def is_base(verb: Token) -> bool:
    """Return whether a word can only be the base form of a verb, or that and a noun: not "put", "open" or "back"."""
    return {"VB", "VBP"} <= verb.tags and verb.tags <= {"VB", "VBP", "NN", "NN:UN", "NN:U"} and verb.text == verb.lower


def in_question(sentence: Sentence, index: int) -> bool:
    """Return whether a helping verb or a verb like "let" stands before the subject: "does everyone have", "were everyone"."""
    before: list[str] = []
    for at in range(index - 1, max(-1, index - 9), -1):
        token = sentence.tokens[at].lower
        if token in _NEW_CLAUSE or any(mark in sentence.gap(at + 1) for mark in ",;:"):
            break
        before.append(token)
    helping = _WISHES | MODALS | BE | _HELPING
    return bool(set(before) & helping)
