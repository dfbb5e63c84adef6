"""Find "on table", "in weekend" and "is best way": places and set phrases without "the", and countries with it."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.own.nouns import (
    DESCRIBED_THINGS,
    LINKING_VERBS,
    LONE_THINGS,
    a_or_an,
    ends_noun,
    is_most,
)
from workers.providers.local.own.tokens import PREPOSITIONS, Sentence, Token, as_written, flag

_WHERE = frozenset("in on at into from under behind inside".split())
_PLACE_NOUNS = frozenset(
    """table chair roof box bag car boat room classroom restaurant hotel shop factory forest desert river lake village
    motorcycle motorbike bicycle bike apartment stadium playground yard bathroom bedroom basement""".split()
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
_OF_PLACES = frozenset("beginning end middle age".split())
_BEFORE_HALF = frozenset("a the next every one each that this last first per".split())

_BEFORE_LOT = frozenset(
    "is are was were have has had with of in know learn learned learnt spend spent need got get make see from".split()
)
_BEFORE_SAME = frozenset("is are was were in at have has had on with for from do about".split())
_BEFORE_SUCH = frozenset("no any one some every each other another all few many several".split())

_COUNTRIES = frozenset(
    """Canada France Spain England Germany Italy Turkey China Japan India Mexico Brazil Poland Russia Egypt Syria Europe Asia
    Africa Australia America Greece Portugal Ireland Scotland Sweden Norway Pakistan Bangladesh Vietnam Thailand Morocco
    Argentina Chile Colombia Peru Kenya Nigeria""".split()
)
_COUNTRY_ENDS = frozenset("in on at and but or because when is was for with to last next where".split())


def bare_place(sentence: Sentence) -> Iterator[Flag]:
    """Find "on table" and "in factory": a place that can be counted, without "the" or "a"."""
    tokens = sentence.tokens
    for index in range(len(tokens) - 1):
        noun = tokens[index + 1]
        if tokens[index].lower not in _WHERE or noun.lower not in _PLACE_NOUNS or noun.text != noun.lower:
            continue
        if not sentence.joined(index, index + 1) or not ends_noun(sentence, index + 1):
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
            f"{a_or_an(noun.lower)} {noun.text}",
        )


def fixed_places(sentence: Sentence) -> Iterator[Flag]:
    """Find "in weekend", "at beginning" and "half hour": phrases that have a small word inside."""
    tokens = sentence.tokens
    for index in range(len(tokens) - 1):
        pair = (tokens[index].lower, tokens[index + 1].lower)
        if pair not in _PLACES or tokens[index + 1].text != pair[1] or not sentence.joined(index, index + 1):
            continue
        of = sentence.after(index + 1)
        ends = ends_noun(sentence, index + 1) or (of is not None and of.lower == "of" and pair[1] in _OF_PLACES)
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
        elif is_most(token) and before.lower in LINKING_VERBS and _is_plain_thing(behind):
            message = "What is more than all others mostly takes \u201cthe\u201d."
            yield flag("MISSING_ARTICLE", "article", token.start, token.end, message, f"the {token.text}")
        elif token.lower == "such" and before.lower not in _BEFORE_SUCH and _is_lone_thing(sentence, index + 1):
            message = "One thing that can be counted takes \u201ca\u201d after \u201csuch\u201d."
            yield flag("MISSING_ARTICLE", "article", token.start, token.end, message, f"such {a_or_an(behind.lower)}")


def _is_plain_thing(noun: Token) -> bool:
    # "They are best friends" is right.
    return (
        bool(noun.tags)
        and noun.tags <= {"NN", "NNS", "NN:UN"}
        and noun.lower not in {"friend", "friends", "practice", "man"}
    )


def _is_lone_thing(sentence: Sentence, index: int) -> bool:
    return sentence.tokens[index].lower in LONE_THINGS | DESCRIBED_THINGS and ends_noun(sentence, index)


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
