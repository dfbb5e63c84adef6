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
