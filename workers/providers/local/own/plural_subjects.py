"""Find subjects for more than one person or thing with the verb for one."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.lexicon import base_form
from workers.providers.local.own.subjects import ONE_VERB, PLURAL_DETERMINERS, clause_starts
from workers.providers.local.own.tokens import Sentence, Token, flag, third_person

_MANY_VERB = "The subject is more than one, so the verb needs its other form."
_PLURAL_OF = {"is": "are", "was": "were", "has": "have", "does": "do", "isn't": "aren't", "wasn't": "weren't",
              "hasn't": "haven't", "doesn't": "don't"}  # fmt: skip

_OWNERS = frozenset("my your his her our their the".split())
_FAMILY = frozenset(
    """mother father mum mom dad brother sister friend uncle aunt grandmother grandfather grandma grandpa cousin son daughter
    teacher neighbour neighbor boy girl man woman husband wife friends parents brothers sisters cat dog""".split()
)

_MANY_PEOPLE = frozenset("people men women children".split())
_PLURAL_PEOPLE = frozenset(
    "students teachers parents pupils kids girls boys teenagers adults friends scientists doctors tourists".split()
)

_COUNTED = frozenset("two three four five six seven eight nine ten these those many several both".split())
_BEFORE_MANY = PLURAL_DETERMINERS | frozenset("two three four five six seven eight nine ten his her its".split())
_MORE_THAN_ONE = frozenset("many several people two three four five six seven eight nine ten different various".split())
_ONE_AMOUNT = frozenset(
    """days weeks months years hours minutes dollars euros pounds miles meters metres kilometres kilometers percent cents
    athletics politics economics sports maths mathematics physics gymnastics linguistics ethics statistics acoustics billiards
    darts dominoes draughts checkers measles mumps news headquarters series species means crossroads barracks times pages cups
    spoons tablespoons teaspoons grams kilos litres liters degrees""".split()
)

_SAYING = frozenset(
    "say says said think thinks thought know knows believe believes believed show shows means mean feel see".split()
)
_SURE_VERBS = frozenset(
    "thinks wants likes goes says comes gets knows believes understands becomes gives takes makes lives eats".split()
)

_MAY_OWN = frozenset("of one and only is was in by with from".split())
_ADVERBS = frozenset("only always also still just now often about".split())
_BEHIND_THINGS = frozenset("in on at for from with here there that who which to of".split())


def two_subjects(sentence: Sentence) -> Iterator[Flag]:
    """Find "my mother and my father was" and "my friend and I was"."""
    tokens = sentence.tokens
    for index in clause_starts(sentence):
        first = _person(sentence, index)
        if first is None or first + 2 >= len(tokens) or tokens[first + 1].lower != "and":
            continue
        second = first + 2 if tokens[first + 2].text == "I" else _person(sentence, first + 2)
        if second is None or second + 1 >= len(tokens) or not sentence.joined(index, second + 1):
            continue
        verb = tokens[second + 1]
        if verb.lower in _PLURAL_OF:
            yield flag("TWO_SUBJECTS", "agreement", verb.start, verb.end, _MANY_VERB, _PLURAL_OF[verb.lower])


def _person(sentence: Sentence, index: int) -> int | None:
    """Return where "my father" or "her best friend" ends that starts here."""
    tokens = sentence.tokens
    if index + 1 >= len(tokens) or tokens[index].lower not in _OWNERS:
        return None
    at = (
        index + 2
        if index + 2 < len(tokens) and tokens[index + 1].lower in {"best", "old", "little", "big", "older"}
        else index + 1
    )
    return at if tokens[at].lower in _FAMILY else None


def that_is_after_many(sentence: Sentence) -> Iterator[Flag]:
    """Find "many things that is" and "people which has"."""
    tokens = sentence.tokens
    for index in range(2, len(tokens) - 2):
        noun, verb = tokens[index - 1], tokens[index + 1]
        if (
            tokens[index].lower not in {"that", "which"}
            or verb.lower not in _PLURAL_OF
            or not sentence.joined(index - 2, index + 2)
        ):
            continue
        before = {token.lower for token in tokens[max(0, index - 5) : index - 1]}
        if noun.is_many() and noun.text == noun.lower and not before & _MAY_OWN:
            yield flag("WHO_IS", "agreement", verb.start, verb.end, _MANY_VERB, _PLURAL_OF[verb.lower])


def people_thinks(sentence: Sentence) -> Iterator[Flag]:
    """Find "children likes" and "students wants"."""
    tokens = sentence.tokens
    for index in clause_starts(sentence):
        verb = sentence.after(index)
        if verb is None or tokens[index].lower not in _MANY_PEOPLE | _PLURAL_PEOPLE or verb.lower not in _SURE_VERBS:
            continue
        if index and tokens[index - 1].lower in {"and", "that"}:
            continue
        if base := base_form(verb.lower, "VBZ"):
            yield flag("MANY_WITH_SINGULAR_VERB", "agreement", verb.start, verb.end, _MANY_VERB, base)


def many_with_singular_verb(sentence: Sentence) -> Iterator[Flag]:
    """Find "students is" and "many people has" at the start of a clause."""
    tokens = sentence.tokens
    for index in clause_starts(sentence):
        if index and tokens[index - 1].lower in {"and", "so", "that", "since"}:
            continue
        at = index
        if at < len(tokens) and tokens[at].lower in PLURAL_DETERMINERS:
            at += 1
            if at < len(tokens) and tokens[at].tags and tokens[at].tags <= {"JJ"}:
                at += 1
        if at + 1 >= len(tokens) or not sentence.joined(index, at + 1):
            continue
        noun, verb = tokens[at], tokens[at + 1]
        if (
            noun.lower != "people"
            and not (noun.is_many() and noun.text == noun.lower)
            and not (at == 0 and noun.is_many())
        ):
            continue
        if _is_one_amount(noun) or verb.lower not in _PLURAL_OF or (at == index and noun.lower != "people" and at > 0):
            continue
        yield flag("MANY_WITH_SINGULAR_VERB", "agreement", verb.start, verb.end, _MANY_VERB, _PLURAL_OF[verb.lower])


def counted_with_singular_verb(sentence: Sentence) -> Iterator[Flag]:
    """Find "the next day five children was": a counted noun anywhere, with nothing in front that it could belong to."""
    tokens = sentence.tokens
    for index, token in enumerate(tokens[:-2]):
        if token.lower not in _COUNTED:
            continue
        before = sentence.before(index)
        if (
            before is not None
            and not before.tags <= {"NN", "NNS", "NN:UN"}
            and before.lower not in {"but", "because", "when", "if"}
        ):
            continue
        at = index + 1
        if "JJ" in tokens[at].tags and at + 2 < len(tokens):
            at += 1
        noun, verb = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else None
        many = noun.is_many() or noun.lower in _MANY_PEOPLE
        if verb is None or not many or _is_one_amount(noun) or not sentence.joined(index, at + 1):
            continue
        if verb.lower in _PLURAL_OF:
            yield flag("MANY_WITH_SINGULAR_VERB", "agreement", verb.start, verb.end, _MANY_VERB, _PLURAL_OF[verb.lower])


def _is_one_amount(noun: Token) -> bool:
    """Return whether a noun that ends in -s can be one thing: "ten miles is far", "robotics is fun"."""
    return noun.lower in _ONE_AMOUNT or noun.lower.endswith("ics")


def that_many_is(sentence: Sentence) -> Iterator[Flag]:
    """Find "they think that skaters is noisy"."""
    tokens = sentence.tokens
    for index in range(2, len(tokens) - 1):
        noun, verb = tokens[index], tokens[index + 1]
        if (
            tokens[index - 1].lower != "that"
            or tokens[index - 2].lower not in _SAYING
            or not sentence.joined(index - 2, index + 1)
        ):
            continue
        if (noun.is_many() or noun.lower in _MANY_PEOPLE) and not _is_one_amount(noun) and verb.lower in _PLURAL_OF:
            yield flag("MANY_WITH_SINGULAR_VERB", "agreement", verb.start, verb.end, _MANY_VERB, _PLURAL_OF[verb.lower])


def many_with_third_person(sentence: Sentence) -> Iterator[Flag]:
    """Find "the teachers agrees" and "two women goes": a noun for many, and a verb for one that is no noun."""
    tokens = sentence.tokens
    for index in clause_starts(sentence):
        if index and tokens[index - 1].lower == "that":
            continue
        at = index
        while at < len(tokens) and (
            tokens[at].lower in _BEFORE_MANY or (at > index and tokens[at].tags and tokens[at].tags <= {"JJ"})
        ):
            at += 1
        if at == index or at + 1 >= len(tokens) or not sentence.joined(index, at + 1):
            continue
        noun, verb = tokens[at], tokens[at + 1]
        many = noun.is_many() or noun.lower in _MANY_PEOPLE
        if (
            not many
            or _is_one_amount(noun)
            or noun.text != noun.lower
            or not _is_third_person(sentence, at + 1)
            or verb.lower in _PLURAL_OF
        ):
            continue
        base = base_form(verb.lower, "VBZ")
        if base:
            yield flag("MANY_WITH_SINGULAR_VERB", "agreement", verb.start, verb.end, _MANY_VERB, base)


def _is_third_person(sentence: Sentence, index: int) -> bool:
    verb = sentence.tokens[index]
    return verb.tags == {"VBZ"} or (verb.lower in {"goes", "does", "says", "takes", "makes"})


def there_is_many(sentence: Sentence) -> Iterator[Flag]:
    """Find "there is many", "there is only two containers" and "there isn't bears"."""
    tokens = sentence.tokens
    fits = {"is": "are", "was": "were", "isn't": "aren't", "wasn't": "weren't"}
    for index in range(len(tokens) - 2):
        verb = tokens[index + 1]
        at = index + 2
        if tokens[index].lower != "there" or verb.lower not in fits:
            continue
        if tokens[at].lower in _ADVERBS and at + 1 < len(tokens):
            at += 1
        many, following = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else None
        if not sentence.joined(index, at):
            continue
        counted = many.lower in _MORE_THAN_ONE and following is not None and not (
            following.tags & {"NN", "NN:U"} or following.lower in {"a", "an"}
        )  # fmt: skip
        things = (
            many.is_many() and many.text == many.lower and not _is_one_amount(many) and sentence.after(at) is not None
        )
        if counted or (things and tokens[at + 1].lower in _BEHIND_THINGS):
            message = "What is there is more than one, so the verb is too."
            yield flag("THERE_IS_MANY", "agreement", verb.start, verb.end, message, fits[verb.lower])


def who_is(sentence: Sentence) -> Iterator[Flag]:
    """Find "a person who are" and "people that is"."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        noun, verb = tokens[index - 1], tokens[index + 1]
        if tokens[index].lower not in {"who", "that"} or not sentence.joined(index - 1, index + 1):
            continue
        before = [token.lower for token in tokens[max(0, index - 5) : index - 1]]
        one = noun.lower in {"person", "someone", "somebody", "everyone"} and not {"of", "and"} & set(before)
        # "One of the people who is here", "the number of people that is right", "it is people that was".
        many = noun.lower in {"people", "students", "children"} and not {"of", "is", "was", "number"} & set(before)
        if one and verb.lower in {"are", "have", "were", "don't"}:
            yield flag("WHO_IS", "agreement", verb.start, verb.end, ONE_VERB, third_person(verb.lower) or "")
        elif many and tokens[index].lower == "who" and verb.lower in {"is", "has", "was", "doesn't"}:
            yield flag("WHO_IS", "agreement", verb.start, verb.end, _MANY_VERB, _PLURAL_OF[verb.lower])
