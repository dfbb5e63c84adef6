"""What a remote provider may not learn about an essay: who wrote it, and who else is in its course.

Names, e-mail addresses and numbers of the people around an essay, and whatever looks like an address or a telephone number,
are replaced by words of the same length in code points, so that every offset of the answer is true for the real text too.
The answer then gets the real words back. The real text never changes, and the local engine reads it as it is.

A name counts where it is written as one: as a whole word that begins with a capital. So `will`, `may` and `grace` stay what
they are, and so does a name all in small letters. Scripts without capitals count everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from models.jobs import PassName
from models.people_of_course import CoursePerson
from workers.passes.anchor import CONTEXT
from workers.passes.feedback import Comment, PassAnswer, QuotedSpan
from workers.passes.request import Earlier, PassRequest
from workers.privacy.pseudonyms import Pseudonyms, crowded, fold
from workers.providers.contract import Provider, Repair, Reply

# Two letters are a name too (Bo, Li, Al), unless they are the beginning of every other sentence.
_LITTLE_WORDS = frozenset(
    "ad ah ai am an as at be by do eh er go ha he hi ho id if in is it la le lo ma me my no of oh ok on or ox pa so to tv uk un"
    " up us we ye da de du el en es et il im ja je ob se si te tu um va wo zu".split()
)
_SHORTEST_ID = 4
# Four digits are a year.
_SHORTEST_NUMBER = 5

_EMAIL = re.compile(r"(?<![\w.+'’\u0300-\u036f-])[\w.+'’\u0300-\u036f-]+@[\w-]+(?:\.[\w-]+)+")
# Groups of one digit are a list of numbers.
_PHONE = re.compile(
    r"(?<!\w)(?<!\d[.,])(?:\+|\(\+?)?\d{1,19}(?:(?:[ \u00a0.\-–/]|[ -]?\(0\)[ -]?|[ -]?\(|\)[ -]?)\d{2,19}){0,8}(?!\w)"
)
_PHONE_DIGITS = range(7, 20)
# What looks like a telephone number and is none: years, dates and round numbers are what essays are about.
_YEAR = r"(?:1\d|20)\d\d"
_NO_PHONE = re.compile(
    rf"{_YEAR}(?:\D{{1,3}}{_YEAR})+|{_YEAR}\D\d{{1,2}}\D\d{{1,2}}|\d{{1,2}}\D{{1,2}}\d{{1,2}}\D{{1,2}}{_YEAR}"
    r"|[1-9]\d{0,2}(?:\D?\d{3})*\D?000|\d\.\d+"
)
# What may stand between the words of one name.
_BETWEEN = re.compile(r"[ \t\u00a0'’ʼ´`.,\-‐‑–]{0,3}\n?[ \t]{0,3}")
_ASCII_WORD = re.compile(r"[A-Za-z]+")
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"

Offsets = tuple[int, int]


class Word(NamedTuple):
    """A run of letters with their accents, and how it is compared."""

    start: int
    end: int
    folded: str


class MaskingProvider:
    """A remote provider as one essay may use it: asked with the people around the essay masked, answering with their names."""

    remote = True

    def __init__(self, provider: Provider, *, people: Sequence[CoursePerson]) -> None:
        self._provider = provider
        self._people = people
        self.name = provider.name
        self.model = provider.model
        self.in_batches = provider.in_batches

    def prompt_version(self, pass_name: PassName) -> str:
        """Return the content hash that names the prompt behind an answer to this pass."""
        return self._provider.prompt_version(pass_name)

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        """Return the answer with the real words in it; `raw` stays as it came. Raises a ProviderError subclass."""
        mask = Mask(request, people=self._people)
        return mask.lift(self._provider.ask(mask.request, repair=repair))

    def expected_cost_micros(self, request: PassRequest) -> int:
        """Return about how much one answer will cost. Nothing leaves for it, and a mask keeps every length."""
        return self._provider.expected_cost_micros(request)

    def submit(self, request: PassRequest) -> str:
        """The question, with the people masked, is in a batch; returns its id. Raises a ProviderError subclass."""
        return self._provider.submit(Mask(request, people=self._people).request)

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Return the answer to what was submitted with the real words in it, or None. Raises a ProviderError subclass."""
        mask = Mask(request, people=self._people)
        reply = self._provider.collect(batch, mask.request)
        return mask.lift(reply) if reply is not None else None


class Mask:
    """One request with its people masked, and the way back. Equal requests and people make equal masks."""

    def __init__(self, request: PassRequest, *, people: Sequence[CoursePerson]) -> None:
        self._real = request
        self._roster = Roster(people)
        texts = _texts(request)
        self._everything = "\n".join(texts).casefold()
        self._words = {word.folded for text in texts for word in words_of(text)}
        self._pseudonyms = Pseudonyms(self._is_taken)
        self._bases: dict[tuple[str, int], str] = {}
        self._used: set[str] = set()
        self._stand_in: dict[str, str] = {}
        self._stands_for: dict[str, str] = {}
        self._places: list[Offsets] = []
        # The assignment first: what it names is masked alike for the whole class.
        self.request = replace(
            request,
            assignment_prompt=self._hidden(request.assignment_prompt),
            criteria=tuple(
                replace(
                    one,
                    description=self._hidden(one.description),
                    levels=tuple(replace(level, description=self._hidden(level.description)) for level in one.levels),
                )
                for one in request.criteria
            ),
            title=self._hidden(request.title),
            text=self._hidden(request.text, places=self._places),
        )
        # Last, so that it changes no stand-in of the essay, which is to be the same for all its passes.
        self.request = replace(self.request, earlier=self._earlier(request.earlier))
        self._pattern = _pattern(self._stands_for)

    def lift(self, reply: Reply) -> Reply:
        """Return the reply with the real words in everything a person reads, and every quote cut from the real text."""
        answer = reply.answer
        return replace(
            reply,
            answer=PassAnswer(
                comments=tuple(self._lifted(comment) for comment in answer.comments),
                picks=tuple(replace(pick, rationale=self.shown(pick.rationale)) for pick in answer.picks),
                strengths=self._all_shown(answer.strengths),
                next_steps=self._all_shown(answer.next_steps),
                not_checked=self._all_shown(answer.not_checked),
                notes=self._all_shown(answer.notes),
                verdicts=answer.verdicts,
            ),
        )

    def shown(self, said: str) -> str:
        """Return a text of the answer with the real words where their stand-ins are."""
        return self._pattern.sub(lambda found: self._stands_for[found[0]], said) if self._pattern else said

    def _earlier(self, earlier: Earlier | None) -> Earlier | None:
        if earlier is None:
            return None
        return replace(
            earlier,
            doubtful=tuple(
                replace(
                    one,
                    quote=self._hidden(one.quote),
                    message=self._hidden(one.message),
                    next_step=self._hidden(one.next_step),
                )
                for one in earlier.doubtful
            ),
            picks=tuple(replace(pick, rationale=self._hidden(pick.rationale)) for pick in earlier.picks),
        )

    def _all_shown(self, said: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(self.shown, said))

    def _lifted(self, comment: Comment) -> Comment:
        return replace(
            comment,
            span=self._span(comment.span),
            message=self.shown(comment.message),
            next_step=self.shown(comment.next_step),
            suggestions=self._all_shown(comment.suggestions),
            also_at=tuple(sorted({self._whole(*place) for place in comment.also_at})),
        )

    def _span(self, span: QuotedSpan) -> QuotedSpan:
        if span.match == "none":
            return replace(
                span, quote=self.shown(span.quote), prefix=self.shown(span.prefix), suffix=self.shown(span.suffix)
            )
        text, (start, end) = self._real.text, self._whole(span.start, span.end)
        return replace(
            span,
            start=start,
            end=end,
            quote=text[start:end],
            prefix=text[max(0, start - CONTEXT) : start],
            suffix=text[end : end + CONTEXT],
        )

    def _whole(self, start: int, end: int) -> Offsets:
        """Return the place grown to whole names: half a stand-in may be half a letter of the real name."""
        for first, last in self._places:
            if first < start < last:
                start = first
            if first < end < last:
                end = last
        return start, end

    def _hidden(self, text: str, *, places: list[Offsets] | None = None) -> str:
        found = self._roster.places_in(text)
        parts, at = [], 0
        for start, end, replaced in found:
            parts += [text[at:start], replaced(self, text[start:end])]
            at = end
        masked = "".join(parts) + text[at:]
        if len(masked) != len(text):
            raise AssertionError("a mask must not change the length of a text")
        if places is not None:
            places += [(start, end) for start, end, _ in found]
        return masked

    def name(self, surface: str) -> str:
        """Return what stands for a name: the same wherever it is spelled the same, in the same case."""
        known = self._stand_in.get(surface)
        if known is not None:
            return known
        base = self._bases.get((surface.casefold(), len(surface)))
        masked = _cased(base, like=surface) if base else None
        if masked is None or masked in self._stands_for:
            base = self._pseudonyms.name(surface)
            masked = _cased(base, like=surface)
            self._bases.setdefault((surface.casefold(), len(surface)), base)
            self._used.add(base)
        self._stand_in[surface] = masked
        # An initial and a small `de la` may be anybody's: they are known again only in the whole name they belong to.
        if len(surface) > 1 and not surface[0].islower():
            self._stands_for.setdefault(masked, surface)
        return masked

    def whole_name(self, surface: str) -> str:
        """Return what stands for a name of several words, word by word."""
        parts, at = [], 0
        for word in words_of(surface):
            parts += [surface[at : word.start], self.name(surface[word.start : word.end])]
            at = word.end
        masked = "".join(parts) + surface[at:]
        self._stands_for.setdefault(masked, surface)
        return masked

    def scrambled(self, surface: str) -> str:
        """Return what stands for an address, a number or an id: of the same shape, with other letters and digits."""
        known = self._stand_in.get(surface)
        if known is not None:
            return known
        # The last part of an address says nothing about a person, and shows that it is one; with a capital it may be a name
        # whose sentence began without a space.
        at = surface.rfind(".") if "@" in surface else -1
        masked = self._pseudonyms.scrambled(surface, until=at if at > 0 and surface[at:].islower() else None)
        self._used.add(masked.casefold())
        self._stand_in[surface] = masked
        self._stands_for.setdefault(masked, surface)
        return masked

    def _is_taken(self, word: str) -> bool:
        folded = word.casefold()
        if folded in self._used or folded in _LITTLE_WORDS or self._roster.knows(folded):
            return True
        if folded.isascii() and folded.isalpha():
            return folded in self._words or f"{folded}s" in self._words
        return folded in self._everything


Replaced = Callable[[Mask, str], str]


class Roster:
    """What names the people around an essay, ready to be looked for."""

    def __init__(self, people: Sequence[CoursePerson]) -> None:
        self._parts: set[str] = set()
        self._sequences: dict[str, list[tuple[str, ...]]] = {}
        self._run_together: set[str] = set()
        self._literals: dict[str, None] = {}
        for person in people:
            self._add_name(person.name)
            self._add_literal(person.email)
            self._add_literal(person.external_id)
        for sequences in self._sequences.values():
            sequences.sort(key=len, reverse=True)

    def knows(self, folded: str) -> bool:
        """Return whether this is somebody's name."""
        return folded in self._parts

    def places_in(self, text: str) -> list[tuple[int, int, Replaced]]:
        """Return what has to be replaced in a text and how, from left to right, without overlaps."""
        found: list[tuple[int, int, Replaced]] = []
        free = bytearray(b"\1") * len(text)

        def take(start: int, end: int, replaced: Replaced) -> None:
            if 0 not in free[start:end]:
                free[start:end] = bytes(end - start)
                found.append((start, end, replaced))

        for match in _EMAIL.finditer(text):
            take(*match.span(), Mask.scrambled)
        for start, end in self._literal_places(text):
            take(start, end, Mask.scrambled)
        for match in _PHONE.finditer(text):
            if sum(map(str.isdecimal, match[0])) in _PHONE_DIGITS and not _NO_PHONE.fullmatch(match[0]):
                take(*match.span(), Mask.scrambled)
        for start, end, replaced in self._name_places(text):
            take(start, end, replaced)
        return sorted(found, key=lambda one: one[0])

    def _add_name(self, name: str) -> None:
        groups = name.split()
        if crowded(name):
            self._add_crowded(groups)
        groups = [group for group in groups if not crowded(group)]
        words = [(group[word.start], word.folded) for group in groups for word in words_of(group)]
        capitals = any(first.isupper() for first, _ in words)
        pieces = [
            (group[one.start], one.folded)
            for group in groups
            for word in words_of(group)
            for one in _pieces(group, word)
        ]
        for first, folded in (*words, *pieces):
            # Where others have capitals, a small `von` or `de la` is no name by itself.
            if not (capitals and first.islower()):
                self._add_part(folded)
        for group in groups:
            joined = [word.folded for word in words_of(group)]
            if len(joined) > 1:
                self._add_sequence(joined)
                self._add_part("".join(joined))
        self._add_sequence([folded for _, folded in words])
        if len(words) > 1:
            self._add_part("".join(folded for _, folded in words))

    def _add_crowded(self, groups: list[str]) -> None:
        # A family name of one sign is in a hundred words; a given name of two is often used alone.
        names = ["".join(groups), " ".join(groups), *groups, *(group[1:] for group in groups if len(group) == 3)]
        for name in names:
            if len(name) > 1:
                self._run_together |= {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}

    def _add_part(self, folded: str) -> None:
        if len(folded) >= 3 or (len(folded) == 2 and folded not in _LITTLE_WORDS):
            self._parts.add(folded)

    def _add_sequence(self, folded: list[str]) -> None:
        if len(folded) > 1 and not all(word in _LITTLE_WORDS for word in folded):
            known = self._sequences.setdefault(folded[0], [])
            if tuple(folded) not in known:
                known.append(tuple(folded))

    def _add_literal(self, text: str) -> None:
        text = text.strip()
        if len(text) >= (_SHORTEST_NUMBER if text.isdecimal() else _SHORTEST_ID):
            self._literals[_lower(text)] = None

    def _literal_places(self, text: str) -> Iterable[Offsets]:
        lowered = _lower(text)
        for literal in self._literals:
            at = lowered.find(literal)
            while at >= 0:
                end = at + len(literal)
                if not (_glued(text, at - 1, literal[0]) or _glued(text, end, literal[-1])):
                    yield at, end
                at = lowered.find(literal, at + 1)

    def _name_places(self, text: str) -> Iterable[tuple[int, int, Replaced]]:
        for name in sorted(self._run_together, key=len, reverse=True):
            yield from ((*match.span(), Mask.name) for match in re.finditer(re.escape(name), text, re.IGNORECASE))
        words = list(words_of(text))
        for index, word in enumerate(words):
            length = self._sequence_at(text, words, index)
            if length:
                yield word.start, words[index + length - 1].end, Mask.whole_name
            for part in (word, *_pieces(text, word)):
                end = self._part_ends(text, part)
                if end:
                    yield part.start, end, Mask.name

    def _part_ends(self, text: str, word: Word) -> int:
        """Return where the name ends that this word is, or 0 when it is none."""
        if text[word.start].islower():
            return 0
        if word.folded in self._parts:
            return word.end
        # Alices book: what misses its apostrophe is her name all the same.
        plural = text[word.end - 1] in "sS" and word.folded.endswith("s") and word.folded[:-1] in self._parts
        return word.end - 1 if plural else 0

    def _sequence_at(self, text: str, words: list[Word], index: int) -> int:
        for sequence in self._sequences.get(words[index].folded, ()):
            found = words[index : index + len(sequence)]
            if (
                tuple(word.folded for word in found) == sequence
                and all(_BETWEEN.fullmatch(text, a.end, b.start) for a, b in pairwise(found))
                and not (text[found[0].start].islower() and text[found[-1].start].islower())
            ):
                return len(sequence)
        return 0


def words_of(text: str) -> Iterable[Word]:
    """Yield the words of a text: letters with their accents, and what is invisible between them; no digit, no apostrophe."""
    if text.isascii():
        for match in _ASCII_WORD.finditer(text):
            yield Word(*match.span(), match[0].lower())
        return
    start = -1
    for index, char in enumerate(text):
        if char.isalpha() or (start >= 0 and (unicodedata.category(char)[0] == "M" or char in _INVISIBLE)):
            start = index if start < 0 else start
        elif start >= 0:
            yield Word(start, index, fold(text[start:index]))
            start = -1
    if start >= 0:
        yield Word(start, len(text), fold(text[start:]))


def _pieces(text: str, word: Word) -> Iterable[Word]:
    """Yield what a word falls into where something invisible stands in it: that may hide a letter's gap, or a real one."""
    start = word.start
    if text.isascii() or not any(char in text[start : word.end] for char in _INVISIBLE):
        return
    for index in range(word.start, word.end + 1):
        if index == word.end or text[index] in _INVISIBLE:
            if start < index:
                yield Word(start, index, fold(text[start:index]))
            start = index + 1


def _cased(name: str, *, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return name.upper()
    return name.lower() if like[:1].islower() else name.capitalize()


def _lower(text: str) -> str:
    # Character by character, and never longer: every offset stays true.
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def _glued(text: str, index: int, edge: str) -> bool:
    return edge.isalnum() and 0 <= index < len(text) and text[index].isalnum()


def _texts(request: PassRequest) -> list[str]:
    described = [
        text for one in request.criteria for text in (one.description, *(level.description for level in one.levels))
    ]
    return [request.assignment_prompt, *described, request.title, request.text, *_texts_of(request.earlier)]


def _texts_of(earlier: Earlier | None) -> list[str]:
    if earlier is None:
        return []
    said = [text for one in earlier.doubtful for text in (one.quote, one.message, one.next_step)]
    return [*said, *(pick.rationale for pick in earlier.picks)]


def _pattern(stands_for: dict[str, str]) -> re.Pattern[str] | None:
    """Return what finds every stand-in in a text, the longer ones first."""
    found = []
    for masked in sorted(stands_for, key=len, reverse=True):
        before = "" if crowded(masked[0]) or not masked[0].isalnum() else r"(?<![^\W_])"
        after = "" if crowded(masked[-1]) or not masked[-1].isalnum() else r"(?![^\W_])"
        plural = r"(?=[sS]?(?![^\W\d_]))" if masked.isalpha() or " " in masked else after
        found.append(before + re.escape(masked) + (plural if after else ""))
    return re.compile("|".join(found)) if found else None
