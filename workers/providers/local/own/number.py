"""Find nouns that do not fit the number of the word in front of them."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.own.tokens import (
    AUXILIARIES,
    CONJUNCTIONS,
    PREPOSITIONS,
    PRONOUNS,
    Sentence,
    Token,
    as_written,
    flag,
    plural,
    singular,
)  # fmt: skip

_ONE = frozenset("every each another".split())
_NUMBERS = frozenset("hundreds thousands millions billions dozens tens".split())
_MANY = frozenset("these those many several various few".split())
_OWNERS = frozenset("the my our your his her their its these those".split())
# Count nouns of school essays that are hardly ever the first half of a compound or used without a number.
_COUNT_NOUNS = frozenset(
    """student person teacher friend parent child problem reason idea thing example country book game car job city animal
    lesson subject question rule advantage disadvantage benefit opinion movie film website phone computer company scientist
    doctor driver citizen tourist worker expert researcher skill article hobby mistake project tree plant kid machine disease
    tool house building shop road street bus train ship city town village university language word story topic exam test
    lecture teenager boy girl man woman adult hour day week month year minute dollar""".split()
)
_MASSES = {("a", "lot", "of"), ("lots", "of"), ("plenty", "of"), ("a", "number", "of"), ("the", "number", "of"),
           ("most", "of", "the"), ("some", "of", "the"), ("many", "of", "the"), ("kinds", "of"), ("couple", "of")}  # fmt: skip
_ENDS = CONJUNCTIONS | PREPOSITIONS | AUXILIARIES | PRONOUNS | frozenset("not also too there here".split())


def one_of_many(sentence: Sentence) -> Iterator[Flag]:
    """Find "every students": a noun for many things after a word for one."""
    for index, token in enumerate(sentence.tokens[:-1]):
        noun = sentence.after(index)
        if token.lower not in _ONE or noun is None or noun.text != noun.lower or noun.lower in _NUMBERS:
            continue
        following = sentence.after(index + 1)
        ends = following is None or following.lower in _ENDS
        sure = noun.is_many() and (ends or not following.is_noun() if following else True)
        if not sure and not (_is_things_after_another(sentence, index, noun) and ends):
            continue
        one = singular(noun.lower)
        quote = sentence.part(token.start, noun.end)
        message = f"\u201c{token.text.capitalize()}\u201d speaks of one thing; the next word looks like more."
        yield flag(
            "ONE_OF_MANY", "agreement", token.start, noun.end, message, as_written(quote, f"{token.lower} {one}")
        )


def _is_things_after_another(sentence: Sentence, index: int, noun: Token) -> bool:
    """Return whether "another stones" is the object of a verb: "another takes" may as well be a subject and its verb."""
    verb = sentence.before(index)
    if (
        sentence.tokens[index].lower != "another"
        or noun.tags != {"NNS", "VBZ"}
        or singular(noun.lower) is None
        or not verb
    ):
        return False
    return bool(verb.tags & {"VBD", "VB"}) and "NN" not in verb.tags and verb.lower not in {"said", "thought", "knew"}


def many_of_one(sentence: Sentence) -> Iterator[Flag]:
    """Find "these book" and "many student": a noun for one thing after a word for many."""
    tokens = sentence.tokens
    for index, token in enumerate(tokens[:-1]):
        if token.lower not in _MANY and token.lower not in {"some", "all"}:
            continue
        at = index + 1
        if (
            at + 1 < len(tokens)
            and tokens[at].tags
            and tokens[at].tags <= {"JJ", "JJR"}
            and sentence.joined(index, at + 1)
        ):
            at += 1
        if not sentence.joined(index, at) or not _is_lonely_noun(sentence, at):
            continue
        noun = tokens[at]
        if token.lower in {"some", "all"} and not _is_wrong_after_some(sentence, token, at):
            continue
        if token.lower == "few" and index and tokens[index - 1].lower in {"a", "the"} and at == index:
            continue
        if token.lower in {"many", "such"} and (following := sentence.after(index)) and following.lower in {"a", "an"}:
            continue
        more = plural(noun.lower)
        if more is not None:
            message = f"\u201c{token.text.capitalize()}\u201d speaks of more than one; this word looks like one."
            yield flag("MANY_OF_ONE", "agreement", noun.start, noun.end, message, more)


def _is_wrong_after_some(sentence: Sentence, token: Token, index: int) -> bool:
    """Return whether one thing cannot stand after "some" or "all": "all week" and "some kid threw it" are right."""
    noun, verb = sentence.tokens[index], sentence.after(index)
    if noun.lower not in _COUNT_NOUNS - _TIMES:
        return False
    return token.lower == "all" or (verb is not None and verb.lower in {"are", "were", "have", "do", "don't"})


_TIMES = frozenset("hour day week month year minute".split())


def _is_lonely_noun(sentence: Sentence, index: int) -> bool:
    """Return whether a noun for one thing ends its group of words: no other noun goes on with it."""
    noun = sentence.tokens[index]
    if (
        not noun.is_one()
        or noun.lower in _ENDS
        or noun.text != noun.lower
        or "-" in noun.text
        or "'" in noun.text
        or len(noun.text) < 3
    ):
        return False
    if index + 1 >= len(sentence.tokens):
        return True
    if sentence.gap(index + 1) != " ":
        return "," not in sentence.gap(index + 1) and sentence.gap(index + 1).strip(" ") not in {"-", "/", "'"}
    following = sentence.tokens[index + 1]
    return following.lower in (_ENDS - {"and", "or", "like"})


def lot_of_one(sentence: Sentence) -> Iterator[Flag]:
    """Find "a lot of student" and "most of the kid"."""
    tokens = sentence.tokens
    for index in range(1, len(tokens)):
        before = tuple(token.lower for token in tokens[max(0, index - 3) : index])
        if before not in _MASSES and before[1:] not in _MASSES:
            continue
        noun = tokens[index]
        unit = noun.lower in {"hour", "day", "week", "month", "year", "minute", "story", "book", "film", "movie", "man"}
        if unit and before[-1] == "the":
            continue
        if noun.lower in _COUNT_NOUNS and sentence.joined(index - 1, index) and _is_lonely_noun(sentence, index):
            message = "These words speak of more than one; this one looks like one."
            more = plural(noun.lower)
            if more is not None:
                yield flag("MANY_OF_ONE", "agreement", noun.start, noun.end, message, more)


def one_of_the(sentence: Sentence) -> Iterator[Flag]:
    """Find "one of my friend" and "one of the most important thing"."""
    tokens = sentence.tokens
    for index in range(len(tokens) - 3):
        if [token.lower for token in tokens[index : index + 2]] != ["one", "of"] or tokens[
            index + 2
        ].lower not in _OWNERS:
            continue
        at = index + 3
        while at + 1 < len(tokens) and at < index + 6 and _is_describing(tokens[at]):
            at += 1
        if sentence.joined(index, at) and _is_lonely_noun(sentence, at) and (more := plural(tokens[at].lower)):
            message = "After \u201cone of\u201d the group has more than one in it."
            yield flag("ONE_OF_GROUP", "agreement", tokens[at].start, tokens[at].end, message, more)


def _is_describing(token: Token) -> bool:
    return bool(token.tags) and (
        token.tags <= {"JJ", "JJR", "JJS", "RB", "RBS"} or token.lower in {"most", "best", "least"}
    )


def peoples(sentence: Sentence) -> Iterator[Flag]:
    """Find "peoples" for "people" and, in front of what they have, for "people's"."""
    tokens = sentence.tokens
    for index, token in enumerate(tokens):
        if token.text != "peoples":
            continue
        before = tokens[index - 1].lower if index else ""
        following = sentence.after(index)
        if following is not None and following.lower in _OWNED:
            yield flag("PEOPLES", "spelling", token.start, token.end, "Something that people have takes an apostrophe.",
                       "people's")  # fmt: skip
        elif before in _BEFORE_PEOPLE and following is not None and following.lower in _VERBS_AFTER:
            yield flag("PEOPLES", "agreement", token.start, token.end,
                       "\u201cPeople\u201d already speaks of more than one.", "people")  # fmt: skip


_OWNED = frozenset(
    """life lives opinion opinions mind minds idea ideas health house houses home homes money feelings thoughts eyes
    attention needs behavior behaviour attitude problem problems choice choices right job jobs face faces head heads
    character trust time privacy points point views view brains brain hearts heart work""".split()
)
_BEFORE_PEOPLE = frozenset("many some most other young old more few lot of because that poor rich".split())
_VERBS_AFTER = AUXILIARIES | frozenset("who think want like say need believe use go live know in prefer feel".split())
