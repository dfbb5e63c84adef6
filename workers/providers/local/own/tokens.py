"""Split a sentence into words with their parts of speech, and make flags of the rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from workers.providers.local.flags import Flag
from workers.providers.local.lexicon import tags
from workers.text.segmentation import Piece, words

PRONOUNS = frozenset("i you he she it we they".split())
BE = frozenset("am is are was were isn't aren't wasn't weren't".split())
MODALS = frozenset(
    "can could will would should must may might shall can't couldn't won't wouldn't shouldn't mustn't".split()
)
AUXILIARIES = MODALS | BE | frozenset(
    "have has had do does did don't doesn't didn't haven't hasn't hadn't i'm i'll i've he's she's it's we're they're".split()
)  # fmt: skip
PREPOSITIONS = frozenset(
    "of in on at for with from to by about into over under between among through during without within against near like "
    "than as after before since until because".split()
)
CONJUNCTIONS = frozenset("and or but because if when that which who while although though so where".split())


@dataclass(frozen=True)
class Token:
    """A word of a sentence. `start` and `end` are places in the essay."""

    start: int
    end: int
    text: str

    @cached_property
    def lower(self) -> str:
        """Return the word in small letters."""
        return self.text.lower()

    @cached_property
    def tags(self) -> frozenset[str]:
        """Return the parts of speech of the word, none for a word that may be a name."""
        return tags(self.lower)

    def is_noun(self) -> bool:
        """Return whether the word can be a noun or an adjective, so that it may go on with the noun in front of it."""
        return bool(self.tags & {"NN", "NNS", "NN:U", "NN:UN", "JJ", "VBG"}) or not self.tags

    def is_one(self) -> bool:
        """Return whether the word can only be one thing that can be counted: not "water", "sheep" or "happy"."""
        return "NN" in self.tags and not self.tags & _NOT_ONE

    def is_many(self) -> bool:
        """Return whether the word can only be a noun for more than one thing: not "species" or "takes"."""
        return self.tags == {"NNS"} and self.lower.endswith("s") and singular(self.lower) is not None


_NOT_ONE = {"NNS", "NN:U", "NN:UN", "JJ", "VBG", "VBN", "VBD", "RB", "IN", "DT", "MD", "CD", "PRP", "JJR", "JJS", "WRB"}


@dataclass(frozen=True)
class Sentence:
    """A sentence of the essay with its words."""

    piece: Piece
    tokens: tuple[Token, ...]
    after_question: bool = False

    def gap(self, index: int) -> str:
        """Return what stands between the word before this one and this one."""
        return self.piece.text[
            self.tokens[index - 1].end - self.piece.start : self.tokens[index].start - self.piece.start
        ]

    def joined(self, first: int, last: int) -> bool:
        """Return whether only single spaces stand between these words, and all of them exist."""
        return first >= 0 and last < len(self.tokens) and all(self.gap(k) == " " for k in range(first + 1, last + 1))

    def after(self, index: int) -> Token | None:
        """Return the next word when only a space is in front of it."""
        return self.tokens[index + 1] if self.joined(index, index + 1) else None

    def before(self, index: int) -> Token | None:
        """Return the word in front when only a space is behind it."""
        return self.tokens[index - 1] if index > 0 and self.joined(index - 1, index) else None

    def part(self, start: int, end: int) -> str:
        """Return a part of the essay within this sentence."""
        return self.piece.text[start - self.piece.start : end - self.piece.start]


def sentence_of(piece: Piece, *, after_question: bool) -> Sentence:
    """Return a sentence with its words."""
    found = tuple(Token(piece.start + word.start, piece.start + word.end, word.text) for word in words(piece.text))
    return Sentence(piece=piece, tokens=found, after_question=after_question)


def singular(plural: str) -> str | None:
    """Return the form for one thing of a noun for more, or None when the dictionary does not know it."""
    forms = [plural[:-1]] if plural.endswith("s") else []
    if plural.endswith("ies"):
        forms.insert(0, f"{plural[:-3]}y")
    if plural.endswith("es"):
        forms.append(plural[:-2])
    return next((form for form in forms if "NN" in tags(form) or "NN:UN" in tags(form)), None)


def plural(one: str) -> str | None:
    """Return the form for more than one thing, or None when the dictionary does not know it."""
    irregular = {
        "man": "men",
        "woman": "women",
        "child": "children",
        "person": "people",
        "foot": "feet",
        "life": "lives",
    }
    forms = [irregular.get(one, ""), f"{one[:-1]}ies" if one.endswith("y") else "", f"{one}s", f"{one}es"]
    return next((form for form in forms if form and "NNS" in tags(form)), None)


def third_person(base: str) -> str | None:
    """Return the form of a verb after "he", or None when the dictionary does not know it."""
    irregular = {"have": "has", "be": "is", "are": "is", "were": "was", "don't": "doesn't"}
    forms = [irregular.get(base, ""), f"{base[:-1]}ies" if base.endswith("y") else "", f"{base}s", f"{base}es"]
    return next((form for form in forms if form and (form in irregular.values() or "VBZ" in tags(form))), None)


def flag(rule: str, type_: str, start: int, end: int, message: str, *corrections: str) -> Flag:
    """Return the flag of one of our rules."""
    return Flag(
        engine="O",
        rule=rule,
        group=f"O:{type_}",
        type=type_,
        start=start,
        end=end,
        message=message,
        suggestions=corrections,
    )


def as_written(quote: str, correction: str) -> str:
    """Return a correction with a capital where the words that it replaces begin with one."""
    return correction[:1].upper() + correction[1:] if quote[:1].isupper() else correction
