"""Find "is good idea": one thing that can be counted, described by an adjective, without "a" or "an"."""

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
)

_VERBS = frozenset(
    "is was be become becomes became has have had plays play played makes make made need needs it's".split()
)
_NOUNS = frozenset(
    """role way idea thing effect problem job person example place student teacher factor method solution
    mistake question disadvantage country city company product car decision advantage house computer book
    doctor game lesson leader friend team topic system""".split()
)
_ENDS = CONJUNCTIONS | PREPOSITIONS | (AUXILIARIES - {"have"})
_ADVERBS = frozenset("very really so quite".split())


def missing_article(sentence: Sentence) -> Iterator[Flag]:
    """Find a verb such as "is" or "has", an adjective and a count noun with nothing in front of them."""
    tokens = sentence.tokens
    for index in range(len(tokens) - 2):
        at = index + 1
        if tokens[index].lower not in _VERBS:
            continue
        if tokens[at].lower in _ADVERBS - {"so"} and at + 2 < len(tokens):
            at += 1
        adjective, noun = tokens[at], tokens[at + 1]
        if noun.lower not in _NOUNS or not _describes(adjective) or _is_most(adjective):
            continue
        if not sentence.joined(index, at + 1):
            continue
        ends = at + 2 >= len(tokens) or sentence.gap(at + 2) != " " or tokens[at + 2].lower in _ENDS
        if ends and not sentence.part(noun.end, noun.end + 1).startswith(("-", "'", "\u2019", "/")):
            first = tokens[index + 1]
            message = "One thing that can be counted mostly needs a small word in front: a, an, the or my."
            yield flag(
                "MISSING_ARTICLE", "article", first.start, first.end, message, f"{_article(first.lower)} {first.text}"
            )


def _describes(token: Token) -> bool:
    if "JJ" not in token.tags or token.lower in _NOT_DESCRIBING or token.text != token.lower:
        return False
    return token.tags <= {"JJ", "RB"} or token.lower in {"good", "bad", "big"}


_NOT_DESCRIBING = frozenset(
    "more most such other same own next last first second third due enough only able less much".split()
)


# What a person can be: "I am student" and "she wants to be vet" lack their "a".
_PEOPLE = frozenset(
    """student teacher pupil doctor nurse vet lawyer engineer farmer forester driver singer dancer actor actress artist writer
    poet scientist painter plumber soldier pilot waiter cook chef baker tailor cleaner musician footballer player
    goalkeeper journalist programmer policeman fireman businessman shopkeeper mechanic carpenter boy girl man woman child
    person friend teenager adult beginner foreigner tourist neighbour neighbor stranger genius hero vegetarian patient""".split()
)
_BE = frozenset("am is was be become became becomes i'm he's she's".split())
_COUNTRIES = frozenset(
    """Canada France Spain England Germany Italy Turkey China Japan India Mexico Brazil Poland Russia Egypt Syria Europe Asia
    Africa Australia America Greece Portugal Ireland Scotland Sweden Norway Pakistan Bangladesh Vietnam Thailand Morocco
    Argentina Chile Colombia Peru Kenya Nigeria""".split()
)
# Nouns that take "the" after these words.
_THE_PLACES = {
    "in": "beginning end past morning evening afternoon middle world zoo park supermarket library kitchen street garden "
          "countryside mountains",
    "at": "beginning end cinema beach airport station supermarket",
    "to": "cinema beach zoo museum supermarket airport library doctor dentist station seaside countryside mountains",
    "on": "street floor ground internet",
    "of": "internet",
    "from": "internet",
    "around": "world",
    "over": "world",
}  # fmt: skip
_PLACES = {(before, noun): f"{before} the {noun}" for before, nouns in _THE_PLACES.items() for noun in nouns.split()} | {
    ("in", "weekend"): "at the weekend", ("in", "weekends"): "at weekends", ("half", "hour"): "half an hour",
    ("in", "internet"): "on the internet",
}  # fmt: skip


def be_someone(sentence: Sentence) -> Iterator[Flag]:
    """Find "I am student" and "my uncle is heart patient"."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        if tokens[index].lower not in _BE or _owns_noun(tokens[index - 1]):
            continue
        at = index + 1
        if tokens[at].lower not in _PEOPLE and at + 1 < len(tokens) and tokens[at].is_noun() and tokens[at].tags:
            at += 1
        noun = tokens[at]
        if (
            noun.lower not in _PEOPLE
            or noun.text != noun.lower
            or not sentence.joined(index, at)
            or not _ends(sentence, at)
        ):
            continue
        first = tokens[index + 1]
        if first.lower in _ROLES or ((behind := sentence.after(at)) and behind.lower in {"and", "or"}):
            continue  # "She is team captain", "he was friend and teacher to us all".
        if first is noun and noun.lower == "patient":
            continue  # "You must be patient."
        if first.text != first.lower or not first.tags & {"NN", "NN:UN", "NN:U"}:
            continue
        message = "One person is mostly named with a small word in front: a, an, the or my."
        yield flag(
            "MISSING_ARTICLE", "article", first.start, first.end, message, f"{_article(first.lower)} {first.text}"
        )


def bare_thing(sentence: Sentence) -> Iterator[Flag]:
    """Find "cooking should be lesson" and "he has dog": one thing that can be counted, alone behind its verb."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        verb, noun = tokens[index], tokens[index + 1]
        if verb.lower not in _BEFORE_THINGS or noun.lower not in _THINGS or noun.text != noun.lower:
            continue
        if (
            not sentence.joined(index, index + 1)
            or not _ends(sentence, index + 1, like=True)
            or _owns_noun(tokens[index - 1])
        ):
            continue
        if (behind := sentence.after(index + 1)) and behind.lower in {"and", "or"}:
            continue
        message = "One thing that can be counted mostly needs a small word in front: a, an, the or my."
        yield flag("MISSING_ARTICLE", "article", noun.start, noun.end, message, f"{_article(noun.lower)} {noun.text}")


# Nouns that can be counted and hardly ever stand alone: not "school", "work" or "lunch".
_THINGS = frozenset(
    """dog cat car bike bicycle computer laptop phone book house garden idea problem question reason example lesson job
    friend brother sister teacher boyfriend girlfriend husband wife dream plan mistake chance choice picture photo letter
    chair table ticket camera pencil pen ball game hobby neighbour neighbor uniform exam test project visitor guest story
    motorcycle motorbike scooter umbrella jacket shirt hat cake tomato banana apple sandwich difference surprise meeting
    party holiday festival competition prize medal window door candidate country city village""".split()
) - {"holiday", "school", "game", "city", "country", "village", "party"}
_BEFORE_THINGS = frozenset(
    """is was be has have had having want wants wanted need needs needed buy buys bought got get gets find found lost make made
    write wrote bring brought like likes""".split()
) - {"like", "likes", "make", "made"}


_ROLES = frozenset("head team class school part half".split())


def _owns_noun(token: Token) -> bool:
    # "What a good friend is", "who his father was".
    return token.lower in {"friend", "teacher", "what", "how"}


def like_thing(sentence: Sentence) -> Iterator[Flag]:
    """Find "I feel like stone" and "red like tomato"."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        before, noun = tokens[index - 1], tokens[index + 1]
        if tokens[index].lower != "like" or noun.lower not in _LIKENESSES or noun.text != noun.lower:
            continue
        if not sentence.joined(index - 1, index + 1) or not _ends(sentence, index + 1):
            continue
        if before.lower in _SEEMS or "JJ" in before.tags:
            message = "One thing that can be counted mostly needs a small word in front: a, an, the or my."
            yield flag(
                "MISSING_ARTICLE", "article", noun.start, noun.end, message, f"{_article(noun.lower)} {noun.text}"
            )


_SEEMS = frozenset(
    "feel feels felt look looks looked is are was were be sound sounds sounded act acts acted behave just".split()
)
_LIKENESSES = frozenset(
    """tomato lion bird king queen baby child monster ghost robot statue hero prisoner dog cat horse mouse rabbit snake
    dream nightmare movie film machine tree wall bomb balloon clown doll princess prince star cloud ocean river
    mirror mountain volcano storm soldier stranger fool idiot tiger elephant spider butterfly""".split()
)


def bare_place(sentence: Sentence) -> Iterator[Flag]:
    """Find "on table" and "in factory": a place that can be counted, without "the" or "a"."""
    tokens = sentence.tokens
    for index in range(len(tokens) - 1):
        noun = tokens[index + 1]
        if tokens[index].lower not in _WHERE or noun.lower not in _PLACE_NOUNS or noun.text != noun.lower:
            continue
        if not sentence.joined(index, index + 1) or not _ends(sentence, index + 1):
            continue
        if (tokens[index].lower, noun.lower) == ("at", "table"):
            continue
        if (behind := sentence.after(index + 1)) and behind.lower in {"to", "by"}:
            continue  # "From room to room."
        message = "One place that can be counted mostly needs a small word in front: a, an, the or my."
        yield flag(
            "MISSING_ARTICLE",
            "article",
            noun.start,
            noun.end,
            message,
            f"the {noun.text}",
            f"{_article(noun.lower)} {noun.text}",
        )


_WHERE = frozenset("in on at into from under behind inside".split())
_PLACE_NOUNS = frozenset(
    """table chair roof box bag car boat room classroom restaurant hotel shop factory forest desert river lake village
    motorcycle motorbike bicycle bike apartment stadium playground yard bathroom bedroom basement""".split()
)


def fixed_places(sentence: Sentence) -> Iterator[Flag]:
    """Find "in weekend", "at beginning" and "half hour": phrases that have a small word inside."""
    tokens = sentence.tokens
    for index in range(len(tokens) - 1):
        pair = (tokens[index].lower, tokens[index + 1].lower)
        if pair not in _PLACES or tokens[index + 1].text != pair[1] or not sentence.joined(index, index + 1):
            continue
        of = sentence.after(index + 1)
        ends = _ends(sentence, index + 1) or (of is not None and of.lower == "of" and pair[1] in _OF_PLACES)
        if not ends or (pair[0] == "half" and index and tokens[index - 1].lower in _BEFORE_HALF):
            continue
        quote = sentence.part(tokens[index].start, tokens[index + 1].end)
        message = "A small word belongs into this phrase."
        yield flag(
            "FIXED_PLACE",
            "article",
            tokens[index].start,
            tokens[index + 1].end,
            message,
            as_written(quote, _PLACES[pair]),
        )


_BEFORE_HALF = frozenset("a the next every one each that this last first per".split())
_OF_PLACES = frozenset("beginning end middle age".split())


def missing_the(sentence: Sentence) -> Iterator[Flag]:
    """Find "have lot of", "is same as" and "is best way": phrases that cannot do without their small word."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        before, token, behind = tokens[index - 1], tokens[index], tokens[index + 1]
        if token.text != token.lower or not sentence.joined(index - 1, index + 1):
            continue
        if token.lower == "lot" and behind.lower == "of" and before.lower in _BEFORE_LOT:
            message = "The phrase is \u201ca lot of\u201d."
            yield flag("MISSING_ARTICLE", "article", token.start, token.end, message, "a lot")
        elif token.lower == "same" and before.lower in _BEFORE_SAME and behind.lower not in {"sex", "old"}:
            message = "Before \u201csame\u201d stands \u201cthe\u201d."
            yield flag("MISSING_ARTICLE", "article", token.start, token.end, message, "the same")
        elif _is_most(token) and before.lower in _BE and _is_plain_thing(behind):
            message = "What is more than all others mostly takes \u201cthe\u201d."
            yield flag("MISSING_ARTICLE", "article", token.start, token.end, message, f"the {token.text}")
        elif token.lower == "such" and before.lower not in _BEFORE_SUCH and _is_lone_thing(sentence, index + 1):
            message = "One thing that can be counted takes \u201ca\u201d after \u201csuch\u201d."
            yield flag("MISSING_ARTICLE", "article", token.start, token.end, message, f"such {_article(behind.lower)}")


_BEFORE_SUCH = frozenset("no any one some every each other another all few many several".split())


def _is_most(token: Token) -> bool:
    return "JJS" in token.tags and token.lower not in {"most", "least"}


def _is_plain_thing(noun: Token) -> bool:
    # "They are best friends" is right.
    return (
        bool(noun.tags)
        and noun.tags <= {"NN", "NNS", "NN:UN"}
        and noun.lower not in {"friend", "friends", "practice", "man"}
    )


def _is_lone_thing(sentence: Sentence, index: int) -> bool:
    return sentence.tokens[index].lower in _THINGS | _NOUNS and _ends(sentence, index)


_BEFORE_LOT = frozenset(
    "is are was were have has had with of in know learn learned learnt spend spent need got get make see from".split()
)
_BEFORE_SAME = frozenset("is are was were in at have has had on with for from do about".split())


def the_country(sentence: Sentence) -> Iterator[Flag]:
    """Find "to the Canada": most countries stand without "the"."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        place = tokens[index + 1]
        if tokens[index].lower != "the" or place.text not in _COUNTRIES or not sentence.joined(index, index + 1):
            continue
        behind = sentence.after(index + 1)
        if tokens[index - 1].lower in PREPOSITIONS and (behind is None or behind.lower in _COUNTRY_ENDS):
            message = "The names of most countries stand without \u201cthe\u201d."
            yield flag("THE_COUNTRY", "article", tokens[index].start, place.end, message, place.text)


_COUNTRY_ENDS = frozenset("in on at and but or because when is was for with to last next where".split())


def _ends(sentence: Sentence, index: int, *, like: bool = False) -> bool:
    """Return whether no other noun goes on with the word: a mark follows, or a word that begins something new.

    `like`: "like" begins something new as well.
    """
    if index + 1 >= len(sentence.tokens):
        return True
    if sentence.gap(index + 1) != " ":
        return sentence.gap(index + 1).strip(" ")[:1] in {",", ".", ";", ":", "!"}
    following = sentence.tokens[index + 1].lower
    return following in (_ENDS - {"of", "like", "than"}) | PRONOUNS or (like and following == "like")


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" and not word.startswith(("uni", "use", "eu", "one")) else "a"
