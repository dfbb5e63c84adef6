"""Find subjects for one person or thing with the verb for more than one: "everyone have", "the student have"."""

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
from workers.providers.local.own.tokens import AUXILIARIES, PREPOSITIONS, Sentence, Token, flag, third_person

_EVERYONE = frozenset("everyone everybody someone somebody anyone anybody nobody everything nothing something".split())
_EVERYONE_FORMS = {"have": "has", "are": "is", "were": "was", "don't": "doesn't", "do": "does", "want": "wants", "need": "needs",
                   "think": "thinks", "know": "knows", "like": "likes"}  # fmt: skip

_ONE_PRONOUNS = frozenset({"it", "this", "she", "he"})
_FRONT = frozenset(
    "if when because although while after before since in on at one every yesterday first second then finally".split()
)

_ALSO_NOUNS = frozenset(
    """help need want show make play work study use cause increase try live go like come spend affect tell give take keep
    provide""".split()
)
# Verbs that hardly ever are the second half of a compound noun.
_SURE = frozenset(
    """go come become seem get keep begin happen feel think know say bring sit stand write read eat learn teach understand
    believe choose grow lose meet send tell wear wake""".split()
)

_SURE_ADVERBS = frozenset("always never often".split())
_BETWEEN = frozenset("also never always often really almost usually still just sometimes only".split())
_BEHIND_A_VERB = frozenset(
    """a an the my our your his her their its me him us them it you to this these many some not more how why what
    where care place part back away together""".split()
)
_BEHIND_VERBS = frozenset(
    "at in on to from with by for about of only always never well too very so how what why when where".split()
)


def everyone_have(sentence: Sentence) -> Iterator[Flag]:
    """Find "everyone have", "somebody are" and "nobody follow"."""
    if sentence.piece.text.rstrip("\"'\u201d\u2019").endswith("?"):
        return  # "Anyone want it?" leaves out "does".
    for index, token in enumerate(sentence.tokens[:-1]):
        verb = sentence.after(index)
        if token.lower not in _EVERYONE or verb is None or in_question(sentence, index):
            continue
        if index and sentence.tokens[index - 1].lower in PREPOSITIONS | {"have", "had", "has"}:
            continue  # "For everyone like me", "we had everyone leave".
        fits = _EVERYONE_FORMS.get(verb.lower)
        if fits is None and is_base(verb) and (verb.lower not in _ALSO_NOUNS or _goes_on_as_verb(sentence, index + 1)):
            fits = third_person(verb.lower)
        if fits is None or (verb.lower == "like" and token.lower.endswith("thing")):
            continue
        message = f"\u201c{token.text.capitalize()}\u201d speaks of one, so the verb does too."
        yield flag("EVERYONE_HAVE", "agreement", verb.start, verb.end, message, fits)


def one_with_plural_verb(sentence: Sentence) -> Iterator[Flag]:
    """Find "the student have" and "it make" at the start of a clause."""
    tokens = sentence.tokens
    for index in clause_starts(sentence):
        at = _one_subject(sentence, index)
        verb = sentence.after(at) if at is not None else None
        if at is None or verb is None or not sentence.joined(index, at + 1) or verb.lower not in BASES:
            continue
        if (following := sentence.after(at + 1)) and following.lower == "not":
            continue
        if index and tokens[index - 1].lower in {"if", "that", "so", "and"}:
            continue
        if at > index and verb.lower in _ALSO_NOUNS and not _goes_on_as_verb(sentence, at + 1):
            continue
        if fits := third_person(verb.lower):
            yield flag("ONE_WITH_PLURAL_VERB", "agreement", verb.start, verb.end, ONE_VERB, fits)


def _one_subject(sentence: Sentence, index: int) -> int | None:
    """Return where a subject for one person or thing that starts here ends: "it", "the student", "my old friend"."""
    tokens = sentence.tokens
    if tokens[index].lower in {"he", "she", "it"}:
        return index
    if index + 1 >= len(tokens) or tokens[index].lower not in SINGULAR_DETERMINERS:
        return None
    at = index + 1
    if at + 1 < len(tokens) and tokens[at].tags and tokens[at].tags <= {"JJ"}:
        at += 1
    if tokens[at].lower in GROUPS or not tokens[at].is_one():
        return None
    return at if tokens[at].text == tokens[at].lower else None


def _goes_on_as_verb(sentence: Sentence, index: int) -> bool:
    """Return whether the word behind shows that the word here is a verb: "use the", "need to", "play it"."""
    following = sentence.after(index)
    if following is None:
        return False
    if following.lower in _SURE_ADVERBS:
        # In "our bank balance never goes down" the verb comes later.
        later = sentence.after(index + 1)
        return later is None or not later.tags & {"VBZ", "VBD", "MD"}
    return following.lower in _BEHIND_A_VERB


def one_with_base(sentence: Sentence) -> Iterator[Flag]:
    """Find "the poet repeat the word": a subject for one at the start of a clause, and a base form that must be its verb."""
    tokens = sentence.tokens
    for index in (*clause_starts(sentence), *_after_commas(sentence)):
        at = _one_noun(sentence, index)
        if at is None or in_question(sentence, index) or (index and tokens[index - 1].lower == "that"):
            continue
        place = at + 1
        while place < len(tokens) and tokens[place].lower in _BETWEEN:
            place += 1
        if place >= len(tokens) or not sentence.joined(index, place):
            continue
        verb = tokens[place]
        plain = place == at + 1
        if not is_base(verb) and verb.lower not in BASES:
            continue
        if _may_be_right(sentence, index, place) or (plain and not _is_surely_verb(sentence, place)):
            continue
        if fits := third_person(verb.lower):
            yield flag("ONE_WITH_BASE", "agreement", verb.start, verb.end, ONE_VERB, fits)


def _may_be_right(sentence: Sentence, index: int, place: int) -> bool:
    """Return whether the words around allow the base form."""
    tokens = sentence.tokens
    following, before = sentence.after(place), tokens[index - 1].lower if index else ""
    if following is not None and following.lower == "not":
        return True  # "A person need not be rich."
    if before == "and" and sentence.gap(index - 1) != ", ":
        return True  # "The boy and the girl play."
    return before in {"to", "than", "or"} or (
        bool(tokens[place].tags & SINGULAR_TAGS) and _is_relative(sentence, place)
    )


def _is_surely_verb(sentence: Sentence, index: int) -> bool:
    verb = sentence.tokens[index]
    return verb.lower in _SURE or _goes_on_as_verb(sentence, index) or _ends_after(sentence, index, verb)


def _is_relative(sentence: Sentence, index: int) -> bool:
    """Return whether a clause about the noun here follows: "the book review the teacher wrote", "the phone call you made"."""
    tokens = sentence.tokens
    at = index + 2
    if index + 1 < len(tokens) and tokens[index + 1].lower in SINGULAR_DETERMINERS | PLURAL_DETERMINERS:
        at += 1
    return at < len(tokens) and (bool(tokens[at].tags & {"VBD", "MD"}) or tokens[at].lower in AUXILIARIES)


def _after_commas(sentence: Sentence) -> Iterator[int]:
    """Yield the words right behind a comma, where the main clause of "When it rains, the boy stays" begins."""
    for index in range(3, len(sentence.tokens)):
        if sentence.gap(index) == ", " and sentence.tokens[0].lower in _FRONT:
            yield index


def _one_noun(sentence: Sentence, index: int) -> int | None:
    """Return where a noun for one that starts here ends, with an adjective before it or none: "the old man", "my brother"."""
    tokens = sentence.tokens
    if tokens[index].lower in _ONE_PRONOUNS and index:
        return index
    if index + 1 >= len(tokens) or tokens[index].lower not in SINGULAR_DETERMINERS - {"that"}:
        return None
    at = index + 1
    if (
        at + 1 < len(tokens)
        and "JJ" in tokens[at].tags
        and tokens[at + 1].tags & SINGULAR_TAGS
        and _is_base_or_between(sentence, at + 2)
    ):
        at += 1
    noun = tokens[at]
    return at if names_one(noun) and noun.lower not in GROUPS | AUXILIARIES and noun.text == noun.lower else None


def _is_base_or_between(sentence: Sentence, index: int) -> bool:
    return index < len(sentence.tokens) and (
        is_base(sentence.tokens[index]) or sentence.tokens[index].lower in _BETWEEN | BASES
    )


def _ends_after(sentence: Sentence, index: int, verb: Token) -> bool:
    """Return whether the clause ends, or an adverb follows, behind a word that is a verb and nothing else."""
    if verb.tags - {"VB", "VBP"}:
        return False
    following = sentence.after(index)
    return following is None or following.lower in _BEHIND_VERBS or following.lower.endswith("ly")
