"""Find verbs that do not agree in number with their subject."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.lexicon import base_form
from workers.providers.local.own.tokens import AUXILIARIES, BE, MODALS, Sentence, Token, flag, third_person

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


def everyone_have(sentence: Sentence) -> Iterator[Flag]:
    """Find "everyone have", "somebody are" and "nobody follow"."""
    for index, token in enumerate(sentence.tokens[:-1]):
        verb = sentence.after(index)
        if token.lower not in _EVERYONE or verb is None or _in_question(sentence, index):
            continue
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
_HELPING = frozenset("do does did let lets make makes see if lest that have were".split())
# After these words a base form is right: "she insisted that everyone leave", "it is vital that the door stay shut".
_WISHES = frozenset(
    """suggest suggests suggested insist insists insisted demand demands demanded recommend recommends recommended require
    requires required request requests requested propose proposes proposed ask asks asked important essential vital necessary
    crucial rather saw hear hears heard watch watches watched feel feels felt help helped made making had having letting than
    to and or""".split()
)


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
    return following is not None and following.lower in _BEHIND_A_VERB


_BEHIND_A_VERB = frozenset(
    """a an the my our your his her their its me him us them it you to this these many some not more how why what
    where""".split()
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


def one_with_base(sentence: Sentence) -> Iterator[Flag]:
    """Find "the poet repeat the word": a subject for one at the start of a clause, and a base form that must be its verb."""
    tokens = sentence.tokens
    for index in (*_clause_starts(sentence), *_after_commas(sentence)):
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
        if not _is_base(verb) and not (verb.lower in _BASES and not plain):
            continue
        if plain and verb.lower in _BASES and index and tokens[index - 1].lower not in {"and", "so"}:
            continue  # `one_with_plural_verb` has it.
        if plain and not (_goes_on_as_verb(sentence, place) or _ends_after(sentence, place, verb)):
            continue
        if fits := third_person(verb.lower):
            yield flag("ONE_WITH_BASE", "agreement", verb.start, verb.end, _ONE_VERB, fits)


_BETWEEN = frozenset("also never always often really almost usually still just sometimes only".split())


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
    one = bool(noun.tags & _THINGS) and not noun.tags & {"NNS", "IN", "DT", "CD", "RB", "PRP"}
    return at if one and noun.lower not in _GROUPS | AUXILIARIES and noun.text == noun.lower else None


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
        if tokens[index].lower != "who" or verb is None or sentence.gap(index) not in {" ", ", "} or not noun.is_one():
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
            yield flag("WHO_IS", "agreement", verb.start, verb.end, _ONE_VERB, fits)


def _helps(sentence: Sentence, index: int) -> bool:
    """Return whether a wish stands in front: "I would ask the man who come" is beyond this rule."""
    return bool(
        {token.lower for token in sentence.tokens[max(0, index - 4) : index]} & {"if", "only", "wish", "wishes"}
    )


_ONE_PERSON = frozenset("a an my his her our your their this that every each another the".split())


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
        if verb is None or not many or noun.lower in _ONE_AMOUNT or not sentence.joined(index, at + 1):
            continue
        if verb.lower in _PLURAL_OF:
            yield flag("MANY_WITH_SINGULAR_VERB", "agreement", verb.start, verb.end, _MANY_VERB, _PLURAL_OF[verb.lower])


_COUNTED = frozenset("two three four five six seven eight nine ten these those many several both".split())
_MANY_PEOPLE = frozenset("people men women children".split())


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
        if (
            (noun.is_many() or noun.lower in _MANY_PEOPLE)
            and noun.lower not in _ONE_AMOUNT
            and verb.lower in _PLURAL_OF
        ):
            yield flag("MANY_WITH_SINGULAR_VERB", "agreement", verb.start, verb.end, _MANY_VERB, _PLURAL_OF[verb.lower])


_SAYING = frozenset(
    "say says said think thinks thought know knows believe believes believed show shows means mean feel see".split()
)


def many_with_third_person(sentence: Sentence) -> Iterator[Flag]:
    """Find "the teachers agrees" and "two women goes": a noun for many, and a verb for one that is no noun."""
    tokens = sentence.tokens
    for index in _clause_starts(sentence):
        if index and tokens[index - 1].lower in {"and", "that"}:
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
            or noun.lower in _ONE_AMOUNT
            or noun.text != noun.lower
            or verb.tags != {"VBZ"}
            or verb.lower in _PLURAL_OF
        ):
            continue
        base = base_form(verb.lower, "VBZ")
        if base:
            yield flag("MANY_WITH_SINGULAR_VERB", "agreement", verb.start, verb.end, _MANY_VERB, base)


def _is_third_person(sentence: Sentence, index: int) -> bool:
    verb = sentence.tokens[index]
    return verb.tags == {"VBZ"} or (verb.lower in {"goes", "does", "says", "takes", "makes"})


_BEFORE_MANY = _PLURAL_DETERMINERS | frozenset("two three four five six seven eight nine ten his her its".split())


_ONE_AMOUNT = frozenset(
    """days weeks months years hours minutes dollars euros pounds miles meters metres kilometres kilometers percent cents
    athletics politics economics sports maths mathematics physics gymnastics linguistics ethics statistics acoustics billiards
    darts dominoes draughts checkers measles mumps news headquarters series species means crossroads barracks""".split()
)
# "The audience were on their feet" is right in British English.
_GROUPS = frozenset(
    """audience couple team family staff police crowd class group government committee jury band crew public majority minority
    number media data pair rest half lot press choir club company council army navy gang cast department school""".split()
)


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
            many.is_many()
            and many.text == many.lower
            and many.lower not in _ONE_AMOUNT
            and sentence.after(at) is not None
        )
        if counted or (things and tokens[at + 1].lower in _BEHIND_THINGS):
            message = "What is there is more than one, so the verb is too."
            yield flag("THERE_IS_MANY", "agreement", verb.start, verb.end, message, fits[verb.lower])


_ADVERBS = frozenset("only always also still just now often about".split())
_MORE_THAN_ONE = frozenset("many several people two three four five six seven eight nine ten different various".split())
_BEHIND_THINGS = frozenset("in on at for from with here there that who which to of".split())


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
