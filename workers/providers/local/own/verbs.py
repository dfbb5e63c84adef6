"""Find verbs in a form that does not fit the words in front of them."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.lexicon import base_form, tags
from workers.providers.local.own.tokens import (
    BE,
    MODALS,
    PRONOUNS,
    Sentence,
    Token,
    flag,
    third_person,
)  # fmt: skip

_ADVERBS = frozenset("not never also always often really just still even only easily probably usually".split())
_NOUN_TAGS = {"NN", "NNS", "NN:U", "NN:UN", "JJ", "RB", "IN"}
_SINGULAR_DETERMINERS = frozenset("the my our your his her their this that a an every each".split())
_PLURAL_DETERMINERS = frozenset("these those many some most all several few other my our their your the".split())
_EVERYONE = frozenset("everyone everybody someone somebody anyone anybody nobody everything nothing something".split())
_CLAUSE_STARTS = frozenset("because but so when although though while since and that if whereas".split())
# Verbs of essays that are no nouns in this place, with their forms for "he" made by rule.
_BASES = frozenset(
    """have do are were don't go need want say think like give help take become seem know show make get feel believe learn
    teach allow provide include affect agree prefer enjoy understand bring tell cause happen improve increase require
    suggest remain decide live play work study spend eat try come use prove""".split()
)
_AGREE = frozenset("agree disagree depend belong consist exist prefer believe".split())
_GO = frozenset("go have do eat learn become think know want speak write bring happen choose".split())


def well_for_will(sentence: Sentence) -> Iterator[Flag]:
    """Find "I well go" for "I will go"."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        subject, following = tokens[index - 1], tokens[index + 1]
        if tokens[index].lower != "well" or not sentence.joined(index - 1, index + 1):
            continue
        if index > 1 and (tokens[index - 2].lower in MODALS | BE | {"as", "do", "did", "does", "know"}):
            continue
        verb = following
        if following.lower in {"not", "never", "also", "always"} and (next_one := sentence.after(index + 1)):
            verb = next_one
        if subject.lower in PRONOUNS | {"this", "that", "there", "who"} and _is_plain_verb(verb):
            message = "\u201cWell\u201d means \u201cin a good way\u201d. For the future, write \u201cwill\u201d."
            yield flag("WELL_WILL", "word_choice", tokens[index].start, tokens[index].end, message, "will")


def _is_plain_verb(token: Token) -> bool:
    never = {"know", "understand", "remember", "imagine", "deserve", "put"}
    return token.lower == "be" or ("VB" in token.tags and not token.tags & {"VBD", "VBN", "RB", "JJ", "IN"}
                                   and token.lower not in never)  # fmt: skip


def after_modal(sentence: Sentence) -> Iterator[Flag]:
    """Find "he must went" and "they can goes": after a modal verb stands the base form."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        if tokens[index].lower not in MODALS or tokens[index - 1].lower not in PRONOUNS | {"people", "who", "students"}:
            continue
        at = index + 1
        while at < len(tokens) - 1 and tokens[at].lower in _ADVERBS:
            at += 1
        verb = tokens[at]
        if not sentence.joined(index - 1, at) or verb.tags & (_NOUN_TAGS - {"NNS"}) or "VB" in verb.tags:
            continue
        form = next((tag for tag in ("VBZ", "VBD", "VBN") if tag in verb.tags), None)
        base = base_form(verb.lower, form) if form else None
        if base and base != verb.lower and verb.lower not in {"born", "used"}:
            message = f"After \u201c{tokens[index].lower}\u201d the verb stands in its base form."
            yield flag("BASE_AFTER_MODAL", "verb_form", verb.start, verb.end, message, base)


def base_after_be(sentence: Sentence) -> Iterator[Flag]:
    """Find "I am agree" and "they are go": a form of "be" with the base form of another verb."""
    tokens = sentence.tokens
    for index in range(len(tokens) - 1):
        if tokens[index].lower not in BE | {"i'm", "he's", "she's", "we're", "they're"} or not sentence.joined(
            index, index + 1
        ):
            continue
        verb, subject = tokens[index + 1], tokens[index - 1].lower if index else ""
        if verb.lower in _AGREE:
            fits = third_person(verb.lower) if tokens[index].lower == "is" else verb.lower
            message = "\u201cBe\u201d and this verb do not go together: the verb stands alone."
            if tokens[index].lower in {"am", "is", "are"} and fits:
                yield flag("BE_AND_BASE", "verb_form", tokens[index].start, verb.end, message, fits)
        elif (
            subject in PRONOUNS - {"it"}
            and verb.lower in _GO
            and not (index > 1 and tokens[index - 2].lower in _QUESTION)
        ):
            going = _ing(verb.lower)
            message = "After \u201cbe\u201d the verb needs another form."
            yield flag("BE_AND_BASE", "verb_form", verb.start, verb.end, message, going)


_QUESTION = frozenset("what all who that which thing".split())


def _ing(base: str) -> str:
    return f"{base[:-1]}ing" if base.endswith("e") and not base.endswith("ee") else f"{base}ing"


def base_after_passive(sentence: Sentence) -> Iterator[Flag]:
    """Find "it can be use" and "they are consider": the base form of a verb that is nothing else, right after "be"."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        verb = tokens[index + 1]
        helping = tokens[index].lower
        if helping not in {"be", "been", "is", "are", "was", "were"} or not sentence.joined(index, index + 1):
            continue
        if not verb.tags or not verb.tags <= {"VB", "VBP"} or verb.text != verb.lower or verb.lower in _AGREE:
            continue
        before = {token.lower for token in tokens[max(0, index - 8) : index]}
        # "What they do is improve it", "the first step is learn to listen".
        if helping not in {"be", "been"} and before & {
            "do",
            "does",
            "did",
            "done",
            "what",
            "all",
            "thing",
            "step",
            "is",
            "first",
        }:
            continue
        made = _participle(verb.lower)
        message = "After \u201cbe\u201d the verb needs another form."
        yield flag("BE_AND_BASE", "verb_form", verb.start, verb.end, message, *((made,) if made else ()))


def _participle(base: str) -> str | None:
    forms = (f"{base}d" if base.endswith("e") else f"{base}ed", f"{base[:-1]}ied", f"{base}{base[-1]}ed", f"{base}n")
    return next((form for form in forms if "VBN" in tags(form)), None)


def everyone_have(sentence: Sentence) -> Iterator[Flag]:
    """Find "everyone have" and "somebody are"."""
    tokens = sentence.tokens
    wrong = {"have": "has", "are": "is", "were": "was", "don't": "doesn't", "do": "does", "want": "wants", "need": "needs",
             "think": "thinks", "know": "knows", "like": "likes"}  # fmt: skip
    for index, token in enumerate(tokens[:-1]):
        verb = sentence.after(index)
        if token.lower not in _EVERYONE or verb is None or verb.lower not in wrong or _in_question(sentence, index):
            continue
        if verb.lower == "like" and token.lower.endswith("thing"):
            continue
        message = f"\u201c{token.text.capitalize()}\u201d speaks of one, so the verb does too."
        yield flag("EVERYONE_HAVE", "agreement", verb.start, verb.end, message, wrong[verb.lower])


def _in_question(sentence: Sentence, index: int) -> bool:
    """Return whether a helping verb or a verb like "let" stands before the subject: "does everyone have", "were everyone"."""
    before = [token.lower for token in sentence.tokens[max(0, index - 6) : index]]
    helping = (
        MODALS | BE | frozenset("do does did let lets make makes made help helps see if lest that have were".split())
    )
    return bool(set(before) & helping)


def one_with_plural_verb(sentence: Sentence) -> Iterator[Flag]:
    """Find "the student have" and "it make" at the start of a clause."""
    tokens = sentence.tokens
    for index in _clause_starts(sentence):
        at = _one_subject(sentence, index)
        verb = sentence.after(at) if at is not None else None
        if at is None or verb is None or not sentence.joined(index, at + 1) or verb.lower not in _BASES:
            continue
        if (following := sentence.after(at + 1)) and following.lower == "not":
            continue
        if index and tokens[index - 1].lower in {"if", "that", "so", "and"}:
            continue
        if at > index and verb.lower in _ALSO_NOUNS and not _goes_on_as_verb(sentence, at + 1):
            continue
        if fits := third_person(verb.lower):
            yield flag("ONE_WITH_PLURAL_VERB", "agreement", verb.start, verb.end, _ONE_VERB, fits)


def _one_subject(sentence: Sentence, index: int) -> int | None:
    """Return where a subject for one person or thing that starts here ends: "it", "the student", "my old friend"."""
    tokens = sentence.tokens
    if tokens[index].lower in {"he", "she", "it"}:
        return index
    if index + 1 >= len(tokens) or tokens[index].lower not in _SINGULAR_DETERMINERS:
        return None
    at = index + 1
    if at + 1 < len(tokens) and tokens[at].tags and tokens[at].tags <= {"JJ"}:
        at += 1
    return at if tokens[at].is_one() and tokens[at].text == tokens[at].lower else None


_ALSO_NOUNS = frozenset(
    """help need want show make play work study use cause increase try live go like come spend affect tell give take keep
    provide""".split()
)


def _goes_on_as_verb(sentence: Sentence, index: int) -> bool:
    """Return whether the word behind shows that the word here is a verb: "use the", "need to", "play it"."""
    following = sentence.after(index)
    return following is not None and following.lower in (
        "a an the my our your his her their its me him us them it you to this these that many some not more".split()
    )


def _clause_starts(sentence: Sentence) -> Iterator[int]:
    """Yield where a clause can start: at the start of the sentence and after words such as "because"."""
    tokens = sentence.tokens
    if tokens:
        yield 0
    for index in range(1, len(tokens)):
        if tokens[index - 1].lower in _CLAUSE_STARTS and sentence.gap(index) == " " and not (
            tokens[index - 1].lower == "that" and index > 1 and tokens[index - 2].lower in {"so", "of"}):  # fmt: skip
            yield index


def many_with_singular_verb(sentence: Sentence) -> Iterator[Flag]:
    """Find "students is" and "many people has" at the start of a clause."""
    tokens = sentence.tokens
    for index in _clause_starts(sentence):
        if index and tokens[index - 1].lower in {"and", "so", "that", "since"}:
            continue
        at = index
        if at < len(tokens) and tokens[at].lower in _PLURAL_DETERMINERS:
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
        if (
            noun.lower in _ONE_AMOUNT
            or verb.lower not in _PLURAL_OF
            or (at == index and noun.lower != "people" and at > 0)
        ):
            continue
        yield flag("MANY_WITH_SINGULAR_VERB", "agreement", verb.start, verb.end, _MANY_VERB, _PLURAL_OF[verb.lower])


_ONE_AMOUNT = frozenset(
    """days weeks months years hours minutes dollars euros pounds miles meters metres percent athletics politics economics
    sports""".split()
)


def there_is_many(sentence: Sentence) -> Iterator[Flag]:
    """Find "there is many" and "there is problems"."""
    tokens = sentence.tokens
    fits = {"is": "are", "was": "were", "isn't": "aren't"}
    for index in range(len(tokens) - 3):
        verb, many = tokens[index + 1], tokens[index + 2]
        if tokens[index].lower != "there" or verb.lower not in fits or many.lower not in _MORE_THAN_ONE:
            continue
        following = tokens[index + 3]
        if (
            sentence.joined(index, index + 3)
            and not following.tags & {"NN", "NN:U"}
            and following.lower not in {"a", "an"}
        ):
            message = "What is there is more than one, so the verb is too."
            yield flag("THERE_IS_MANY", "agreement", verb.start, verb.end, message, fits[verb.lower])


_MORE_THAN_ONE = frozenset("many several people two three four five ten different various".split())


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
            yield flag("WHO_IS", "agreement", verb.start, verb.end, _ONE_VERB, third_person(verb.lower) or "")
        elif many and tokens[index].lower == "who" and verb.lower in {"is", "has", "was", "doesn't"}:
            yield flag("WHO_IS", "agreement", verb.start, verb.end, _MANY_VERB, _PLURAL_OF[verb.lower])


_ONE_VERB = "The subject is one person or thing, so the verb needs its other form."
_MANY_VERB = "The subject is more than one, so the verb needs its other form."
_PLURAL_OF = {"is": "are", "was": "were", "has": "have", "does": "do", "isn't": "aren't", "wasn't": "weren't",
              "hasn't": "haven't", "doesn't": "don't"}  # fmt: skip


def bare_subject(sentence: Sentence) -> Iterator[Flag]:
    """Find "Government use the money": a noun without "the" at the start of the sentence with the verb for more than one."""
    tokens = sentence.tokens
    if len(tokens) < 4 or not sentence.joined(0, 2):
        return
    noun, verb, following = tokens[:3]
    nouns = noun.tags & {"NN", "NN:U", "NN:UN"}
    if not nouns or noun.tags - {"NN", "NN:U", "NN:UN"} or verb.lower not in _BARE_VERBS:
        return
    if following.lower in {
        "a",
        "an",
        "the",
        "us",
        "them",
        "him",
        "me",
        "my",
        "our",
        "their",
        "that",
        "many",
        "people",
        "you",
    } and (fits := third_person(verb.lower)):
        yield flag("BARE_SUBJECT", "agreement", verb.start, verb.end, _ONE_VERB, fits)


_BARE_VERBS = frozenset(
    "use help give tell make show need want have teach provide improve cause allow affect take bring".split()
)
