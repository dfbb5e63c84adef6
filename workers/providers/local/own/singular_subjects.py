"""Find subjects for one person or thing with the verb for more than one."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.own.subjects import ONE_VERB, PLURAL_DETERMINERS, clause_starts
from workers.providers.local.own.tokens import (
    AUXILIARIES,
    BE,
    MODALS,
    PREPOSITIONS,
    Sentence,
    Token,
    flag,
    third_person,
)

_SINGULAR_DETERMINERS = frozenset("the my our your his her their this that a an every each".split())


_EVERYONE = frozenset("everyone everybody someone somebody anyone anybody nobody everything nothing something".split())


# Verbs of essays that are no nouns in this place, with their forms for "he" made by rule.
_BASES = frozenset(
    """have do are were don't go need want say think like give help take become seem know show make get feel believe learn
    teach allow provide include affect agree prefer enjoy understand bring tell cause happen improve increase require
    suggest remain decide live play work study spend eat try come use prove""".split()
)


def everyone_have(sentence: Sentence) -> Iterator[Flag]:
    """Find "everyone have", "somebody are" and "nobody follow"."""
    if sentence.piece.text.rstrip("\"'\u201d\u2019").endswith("?"):
        return  # "Anyone want it?" leaves out "does".
    for index, token in enumerate(sentence.tokens[:-1]):
        verb = sentence.after(index)
        if token.lower not in _EVERYONE or verb is None or _in_question(sentence, index):
            continue
        if index and sentence.tokens[index - 1].lower in PREPOSITIONS | {"have", "had", "has"}:
            continue  # "For everyone like me", "we had everyone leave".
        fits = _EVERYONE_FORMS.get(verb.lower)
        if fits is None and _is_base(verb) and (verb.lower not in _ALSO_NOUNS or _goes_on_as_verb(sentence, index + 1)):
            fits = third_person(verb.lower)
        if fits is None or (verb.lower == "like" and token.lower.endswith("thing")):
            continue
        message = f"\u201c{token.text.capitalize()}\u201d speaks of one, so the verb does too."
        yield flag("EVERYONE_HAVE", "agreement", verb.start, verb.end, message, fits)


_EVERYONE_FORMS = {"have": "has", "are": "is", "were": "was", "don't": "doesn't", "do": "does", "want": "wants", "need": "needs",
                   "think": "thinks", "know": "knows", "like": "likes"}  # fmt: skip


def _is_base(verb: Token) -> bool:
    """Return whether a word can only be the base form of a verb, or that and a noun: not "put", "open" or "back"."""
    return {"VB", "VBP"} <= verb.tags and verb.tags <= {"VB", "VBP", "NN", "NN:UN", "NN:U"} and verb.text == verb.lower


def _in_question(sentence: Sentence, index: int) -> bool:
    """Return whether a helping verb or a verb like "let" stands before the subject: "does everyone have", "were everyone"."""
    before: list[str] = []
    for at in range(index - 1, max(-1, index - 9), -1):
        token = sentence.tokens[at].lower
        if token in _NEW_CLAUSE or any(mark in sentence.gap(at + 1) for mark in ",;:"):
            break
        before.append(token)
    helping = _WISHES | MODALS | BE | _HELPING
    return bool(set(before) & helping)


_NEW_CLAUSE = frozenset("but because so although though while when whereas".split())


_HELPING = frozenset("do does did let lets make makes see if lest were".split())


# After these words a base form is right: "she insisted that everyone leave", "it is vital that the door stay shut".
_WISHES = frozenset(
    """suggest suggests suggested insist insists insisted demand demands demanded recommend recommends recommended require
    requires required request requests requested propose proposes proposed ask asks asked important essential vital necessary
    crucial rather saw hear hears heard watch watches watched feel feels felt help helped made making had having letting
    notice noticed observe observed""".split()
)


def one_with_plural_verb(sentence: Sentence) -> Iterator[Flag]:
    """Find "the student have" and "it make" at the start of a clause."""
    tokens = sentence.tokens
    for index in clause_starts(sentence):
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
            yield flag("ONE_WITH_PLURAL_VERB", "agreement", verb.start, verb.end, ONE_VERB, fits)


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
    if tokens[at].lower in _GROUPS or not tokens[at].is_one():
        return None
    return at if tokens[at].text == tokens[at].lower else None


_ALSO_NOUNS = frozenset(
    """help need want show make play work study use cause increase try live go like come spend affect tell give take keep
    provide""".split()
)


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


_SURE_ADVERBS = frozenset("always never often".split())
_BEHIND_A_VERB = frozenset(
    """a an the my our your his her their its me him us them it you to this these many some not more how why what
    where care place part back away together""".split()
)


def one_with_base(sentence: Sentence) -> Iterator[Flag]:
    """Find "the poet repeat the word": a subject for one at the start of a clause, and a base form that must be its verb."""
    tokens = sentence.tokens
    for index in (*clause_starts(sentence), *_after_commas(sentence)):
        at = _one_noun(sentence, index)
        if at is None or _in_question(sentence, index) or (index and tokens[index - 1].lower == "that"):
            continue
        place = at + 1
        while place < len(tokens) and tokens[place].lower in _BETWEEN:
            place += 1
        if place >= len(tokens) or not sentence.joined(index, place):
            continue
        verb = tokens[place]
        plain = place == at + 1
        if not _is_base(verb) and verb.lower not in _BASES:
            continue
        if _may_be_right(sentence, index, place) or (plain and not _is_surely_verb(sentence, place)):
            continue
        if fits := third_person(verb.lower):
            yield flag("ONE_WITH_BASE", "agreement", verb.start, verb.end, ONE_VERB, fits)


# Verbs that hardly ever are the second half of a compound noun.
_SURE = frozenset(
    """go come become seem get keep begin happen feel think know say bring sit stand write read eat learn teach understand
    believe choose grow lose meet send tell wear wake""".split()
)
_BETWEEN = frozenset("also never always often really almost usually still just sometimes only".split())


def _may_be_right(sentence: Sentence, index: int, place: int) -> bool:
    """Return whether the words around allow the base form."""
    tokens = sentence.tokens
    following, before = sentence.after(place), tokens[index - 1].lower if index else ""
    if following is not None and following.lower == "not":
        return True  # "A person need not be rich."
    if before == "and" and sentence.gap(index - 1) != ", ":
        return True  # "The boy and the girl play."
    return before in {"to", "than", "or"} or (bool(tokens[place].tags & _THINGS) and _is_relative(sentence, place))


def _is_surely_verb(sentence: Sentence, index: int) -> bool:
    verb = sentence.tokens[index]
    return verb.lower in _SURE or _goes_on_as_verb(sentence, index) or _ends_after(sentence, index, verb)


def _is_relative(sentence: Sentence, index: int) -> bool:
    """Return whether a clause about the noun here follows: "the book review the teacher wrote", "the phone call you made"."""
    tokens = sentence.tokens
    at = index + 2
    if index + 1 < len(tokens) and tokens[index + 1].lower in _SINGULAR_DETERMINERS | PLURAL_DETERMINERS:
        at += 1
    return at < len(tokens) and (bool(tokens[at].tags & {"VBD", "MD"}) or tokens[at].lower in AUXILIARIES)


def _after_commas(sentence: Sentence) -> Iterator[int]:
    """Yield the words right behind a comma, where the main clause of "When it rains, the boy stays" begins."""
    for index in range(3, len(sentence.tokens)):
        if sentence.gap(index) == ", " and sentence.tokens[0].lower in _FRONT:
            yield index


_FRONT = frozenset(
    "if when because although while after before since in on at one every yesterday first second then finally".split()
)


def _one_noun(sentence: Sentence, index: int) -> int | None:
    """Return where a noun for one that starts here ends, with an adjective before it or none: "the old man", "my brother"."""
    tokens = sentence.tokens
    if tokens[index].lower in _ONE_PRONOUNS and index:
        return index
    if index + 1 >= len(tokens) or tokens[index].lower not in _SINGULAR_DETERMINERS - {"that"}:
        return None
    at = index + 1
    if (
        at + 1 < len(tokens)
        and "JJ" in tokens[at].tags
        and tokens[at + 1].tags & _THINGS
        and _is_base_or_between(sentence, at + 2)
    ):
        at += 1
    noun = tokens[at]
    return at if _names_one(noun) and noun.lower not in _GROUPS | AUXILIARIES and noun.text == noun.lower else None


def _names_one(noun: Token) -> bool:
    """Return whether a word can name one thing, and hardly anything but a thing."""
    return bool(noun.tags & _THINGS) and not noun.tags & {"NNS", "JJ", "IN", "DT", "CD", "RB", "PRP"}


_ONE_PRONOUNS = frozenset({"it", "this", "she", "he"})


_THINGS = {"NN", "NN:U", "NN:UN"}


def _is_base_or_between(sentence: Sentence, index: int) -> bool:
    return index < len(sentence.tokens) and (
        _is_base(sentence.tokens[index]) or sentence.tokens[index].lower in _BETWEEN | _BASES
    )


def _ends_after(sentence: Sentence, index: int, verb: Token) -> bool:
    """Return whether the clause ends, or an adverb follows, behind a word that is a verb and nothing else."""
    if verb.tags - {"VB", "VBP"}:
        return False
    following = sentence.after(index)
    return following is None or following.lower in _BEHIND_VERBS or following.lower.endswith("ly")


_BEHIND_VERBS = frozenset(
    "at in on to from with by for about of only always never well too very so how what why when where".split()
)


def who_with_base(sentence: Sentence) -> Iterator[Flag]:
    """Find "a student who don't sleep" and "my cousin, who get": one person, and the verb for more than one."""
    tokens = sentence.tokens
    for index in range(2, len(tokens) - 1):
        noun, verb = tokens[index - 1], sentence.after(index)
        if (
            tokens[index].lower != "who"
            or verb is None
            or sentence.gap(index) not in {" ", ", "}
            or not _names_one(noun)
        ):
            continue
        start = index - 2
        while start > 0 and "JJ" in tokens[start].tags:
            start -= 1
        if tokens[start].lower not in _ONE_PERSON or not sentence.joined(start, index - 1):
            continue
        before = tokens[start - 1].lower if start else ""
        if before in {"of", "and", "or"} or noun.lower in _GROUPS or _helps(sentence, start):
            continue
        fits = {"are": "is", "have": "has", "were": "was", "don't": "doesn't"}.get(verb.lower)
        if fits is None and (verb.lower in _BASES or _is_base(verb)) and verb.lower != "were":
            fits = third_person(verb.lower)
        if fits:
            yield flag("WHO_IS", "agreement", verb.start, verb.end, ONE_VERB, fits)


def of_phrase(sentence: Sentence) -> Iterator[Flag]:
    """Find "the smell of the apples were": the verb agrees with "smell", not with the noun in front of it."""
    tokens = sentence.tokens
    for index in clause_starts(sentence):
        if index + 4 >= len(tokens) or tokens[index].lower not in _SINGULAR_DETERMINERS:
            continue
        head = tokens[index + 1]
        if (
            tokens[index + 2].lower != "of"
            or not _names_one(head)
            or head.lower in _GROUPS | _AMOUNTS
            or head.text != head.lower
        ):
            continue
        at = index + 3
        if tokens[at].lower in PLURAL_DETERMINERS | _SINGULAR_DETERMINERS:
            at += 1
        if at + 2 < len(tokens) and tokens[at + 1].tags & _THINGS:
            at += 1  # "of the lentil soup"
        if at + 1 >= len(tokens) or not sentence.joined(index, at + 1) or not tokens[at].tags & {"NNS", *_THINGS}:
            continue
        verb = tokens[at + 1]
        if (
            fits := {"are": "is", "were": "was", "have": "has", "don't": "doesn't"}.get(verb.lower)
        ) and not _in_question(sentence, index):
            yield flag("OF_PHRASE", "agreement", verb.start, verb.end, ONE_VERB, fits)


_AMOUNTS = frozenset(
    """kind sort type range variety handful dozen bunch series set mix mixture list string
    quarter third part total average amount array selection collection host percentage fraction chain list combination""".split()
)


def _helps(sentence: Sentence, index: int) -> bool:
    """Return whether a wish stands in front: "I would ask the man who come" is beyond this rule."""
    return bool(
        {token.lower for token in sentence.tokens[max(0, index - 4) : index]} & {"if", "only", "wish", "wishes"}
    )


_ONE_PERSON = frozenset("a an my his her our your their this that every each another the".split())


# "The audience were on their feet" is right in British English.
_GROUPS = frozenset(
    """audience couple team family staff police crowd class group government committee jury band crew public majority minority
    number media data pair rest half lot press choir club company council army navy gang cast department school
    youth cattle folk orchestra opposition party firm squad enemy elite""".split()
)


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
        yield flag("BARE_SUBJECT", "agreement", verb.start, verb.end, ONE_VERB, fits)


_BARE_VERBS = frozenset(
    "use help give tell make show need want have teach provide improve cause allow affect take bring".split()
)
