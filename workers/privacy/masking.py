"""Masking: hide from a remote provider who wrote an essay and who else is in its course.

Names, e-mail addresses and ids of the people around an essay, and everything that looks like an e-mail address or a telephone
number, are replaced by pseudonyms of the same length in code points, so that every offset in the answer is valid for the real
text too. The real words are then put back into the answer. The real text never changes, and the local engine reads it as it
is.

A name is masked where it is written as a name: as a whole word that begins with a capital. So `will`, `may` and `grace` are
not masked, and neither is a name in small letters. In scripts without capitals a name is masked everywhere.
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
from workers.passes.request import PassRequest, PreviousDraft
from workers.privacy.pseudonyms import Pseudonyms, fold, is_unspaced_script
from workers.providers.contract import Provider, Repair, Reply
from workers.text.folding import fold as fold_characters

# Two letters may be a name (Bo, Li, Al), but not these: they are common words.
_COMMON_SHORT_WORDS = frozenset(
    "ad ah ai am an as at be by do eh er go ha he hi ho id if in is it la le lo ma me my no of oh ok on or ox pa so to tv uk un"
    " up us we ye da de du el en es et il im ja je ob se si te tu um va wo zu".split()
)
_MIN_ID_LENGTH = 4
# A number of four digits is usually a year.
_MIN_NUMBER_LENGTH = 5

_EMAIL = re.compile(r"(?<![\w.+'’\u0300-\u036f-])[\w.+'’\u0300-\u036f-]+@[\w-]+(?:\.[\w-]+)+")
# Groups after the first have at least two digits, because single digits are a list of numbers.
_PHONE = re.compile(
    r"(?<!\w)(?<!\d[.,])(?:\+|\(\+?)?\d{1,19}(?:(?:[ \u00a0.\-–/]|[ -]?\(0\)[ -]?|[ -]?\(|\)[ -]?)\d{2,19}){0,8}(?!\w)"
)
_PHONE_DIGITS = range(7, 20)
# What looks like a telephone number but is none: essays are full of years, dates and round numbers.
_YEAR = r"(?:1\d|20)\d\d"
_NOT_A_PHONE = re.compile(
    rf"{_YEAR}(?:\D{{1,3}}{_YEAR})+|{_YEAR}\D\d{{1,2}}\D\d{{1,2}}|\d{{1,2}}\D{{1,2}}\d{{1,2}}\D{{1,2}}{_YEAR}"
    r"|[1-9]\d{0,2}(?:\D?\d{3})*\D?000|\d\.\d+"
)
# Characters that may stand between the words of one name.
_BETWEEN_NAME_WORDS = re.compile(r"[ \t\u00a0'’ʼ´`.,\-‐‑–]{0,3}\n?[ \t]{0,3}")
_SPLIT_WORD = re.compile(r"(?<=[^\W\d_])-[ \t]{0,8}+\n[ \t]{0,8}+(?=[^\W\d_])")
_ASCII_WORD = re.compile(r"[A-Za-z]+")
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"

Offsets = tuple[int, int]


class Word(NamedTuple):
    """A run of letters with their accents. `folded` is its form for comparison."""

    start: int
    end: int
    folded: str


class MaskingProvider:
    """Wraps a remote provider for one essay: the people around the essay are masked in requests and restored in answers."""

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
        """Return the answer with the real words in it. `raw` stays as received. Raises a ProviderError subclass."""
        mask = Mask(request, people=self._people)
        return mask.unmask(self._provider.ask(mask.request, repair=repair))

    def expected_cost_micros(self, request: PassRequest) -> int:
        """Return an estimate of the cost of one answer in micro-dollars. It sends nothing, and masking keeps every length."""
        return self._provider.expected_cost_micros(request)

    def submit(self, request: PassRequest) -> str:
        """Submit the masked request in a batch, and return the batch's id. Raises a ProviderError subclass."""
        return self._provider.submit(Mask(request, people=self._people).request)

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Return the answer with the real words in it, or None while there is none. Raises a ProviderError subclass."""
        mask = Mask(request, people=self._people)
        reply = self._provider.collect(batch, mask.request)
        return mask.unmask(reply) if reply is not None else None


class Mask:
    """A masked request, and the mapping that restores the real words in its answer.

    Equal requests and people make equal masks, so that `collect` can unmask what `submit` masked.
    """

    def __init__(self, request: PassRequest, *, people: Sequence[CoursePerson]) -> None:
        self._request = request
        self._roster = Roster(people)
        texts = _request_texts(request)
        self._all_text = "\n".join(texts).casefold()
        self._words = {word.folded for text in texts for word in words_of(text)}
        self._pseudonyms = Pseudonyms(self._is_taken)
        self._bases: dict[tuple[str, int], str] = {}
        self._used: set[str] = set()
        self._pseudonym_of: dict[str, str] = {}
        self._real_of: dict[str, str] = {}
        self._places: list[Offsets] = []
        # Mask the assignment first, so that its names get the same pseudonyms for the whole class.
        self.request = replace(
            request,
            assignment_prompt=self._mask_text(request.assignment_prompt),
            criteria=tuple(
                replace(
                    one,
                    description=self._mask_text(one.description),
                    levels=tuple(
                        replace(level, description=self._mask_text(level.description)) for level in one.levels
                    ),
                )
                for one in request.criteria
            ),
            title=self._mask_text(request.title),
            text=self._mask_text(request.text, places=self._places),
        )
        # Mask this last, so that it changes no pseudonym in the essay: they must be the same for all passes.
        self.request = replace(self.request, earlier=self._earlier(request.earlier))
        self._pattern = _pattern(self._real_of)

    def unmask(self, reply: Reply) -> Reply:
        """Return the reply with the real words in everything that a person reads, and with every quote taken from the real text."""
        answer = reply.answer
        return replace(
            reply,
            answer=PassAnswer(
                comments=tuple(self._unmask_comment(comment) for comment in answer.comments),
                picks=tuple(replace(pick, rationale=self.shown(pick.rationale)) for pick in answer.picks),
                strengths=self._unmask_all(answer.strengths),
                next_steps=self._unmask_all(answer.next_steps),
                not_checked=self._unmask_all(answer.not_checked),
                notes=self._unmask_all(answer.notes),
                verdicts=answer.verdicts,
            ),
        )

    def shown(self, text: str) -> str:
        """Return a text of the answer with every pseudonym replaced by the real words."""
        return self._pattern.sub(lambda found: self._real_of[found[0]], text) if self._pattern else text

    def _earlier(self, earlier: PreviousDraft | None) -> PreviousDraft | None:
        if earlier is None:
            return None
        return replace(
            earlier,
            doubtful=tuple(
                replace(
                    one,
                    quote=self._mask_text(one.quote),
                    message=self._mask_text(one.message),
                    next_step=self._mask_text(one.next_step),
                )
                for one in earlier.doubtful
            ),
            picks=tuple(replace(pick, rationale=self._mask_text(pick.rationale)) for pick in earlier.picks),
        )

    def _unmask_all(self, texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(self.shown, texts))

    def _unmask_comment(self, comment: Comment) -> Comment:
        return replace(
            comment,
            span=self._unmask_span(comment.span),
            message=self.shown(comment.message),
            next_step=self.shown(comment.next_step),
            suggestions=self._unmask_all(comment.suggestions),
            also_at=tuple(sorted({self._extend_to_names(*place) for place in comment.also_at})),
        )

    def _unmask_span(self, span: QuotedSpan) -> QuotedSpan:
        if span.match == "none":
            return replace(
                span, quote=self.shown(span.quote), prefix=self.shown(span.prefix), suffix=self.shown(span.suffix)
            )
        text, (start, end) = self._request.text, self._extend_to_names(span.start, span.end)
        return replace(
            span,
            start=start,
            end=end,
            quote=text[start:end],
            prefix=text[max(0, start - CONTEXT) : start],
            suffix=text[end : end + CONTEXT],
        )

    def _extend_to_names(self, start: int, end: int) -> Offsets:
        """Return the place extended to whole masked names: a cut inside a pseudonym may cut a letter of the real name."""
        for first, last in self._places:
            if first < start < last:
                start = first
            if first < end < last:
                end = last
        return start, end

    def _mask_text(self, text: str, *, places: list[Offsets] | None = None) -> str:
        found = self._roster.places_in(text)
        parts, at = [], 0
        for start, end, replace_with in found:
            parts += [text[at:start], replace_with(self, text[start:end])]
            at = end
        masked = "".join(parts) + text[at:]
        if len(masked) != len(text):
            raise AssertionError("a mask must not change the length of a text")
        if places is not None:
            places += [(start, end) for start, end, _ in found]
        return masked

    def name(self, surface: str) -> str:
        """Return the pseudonym of a name, in the same case. Equal spellings get equal pseudonyms."""
        known = self._pseudonym_of.get(surface)
        if known is not None:
            return known
        base = self._bases.get((surface.casefold(), len(surface)))
        masked = _match_case(base, like=surface) if base else None
        if masked is None or masked in self._real_of:
            base = self._pseudonyms.name(surface)
            masked = _match_case(base, like=surface)
            self._bases.setdefault((surface.casefold(), len(surface)), base)
            self._used.add(base)
        self._pseudonym_of[surface] = masked
        # An initial or a small `de la` is ambiguous, so it is restored only as part of a whole name.
        if len(surface) > 1 and not surface[0].islower():
            self._real_of.setdefault(masked, surface)
        return masked

    def whole_name(self, surface: str) -> str:
        """Return the pseudonym of a name of several words, made word by word."""
        parts, at = [], 0
        for word in words_of(surface):
            parts += [surface[at : word.start], self.name(surface[word.start : word.end])]
            at = word.end
        masked = "".join(parts) + surface[at:]
        self._real_of.setdefault(masked, surface)
        return masked

    def scrambled(self, surface: str) -> str:
        """Return the pseudonym of an address, a number or an id: the same shape with other letters and digits."""
        known = self._pseudonym_of.get(surface)
        if known is not None:
            return known
        # The last part of an e-mail address identifies nobody and shows that it is an address, so keep it. With a capital it
        # may be a name at the start of a sentence without a space, so mask it.
        at = surface.rfind(".") if "@" in surface else -1
        masked = self._pseudonyms.scrambled(surface, until=at if at > 0 and surface[at:].islower() else None)
        self._used.add(masked.casefold())
        self._pseudonym_of[surface] = masked
        self._real_of.setdefault(masked, surface)
        return masked

    def _is_taken(self, word: str) -> bool:
        folded = word.casefold()
        if folded in self._used or folded in _COMMON_SHORT_WORDS or self._roster.knows(folded):
            return True
        if folded.isascii() and folded.isalpha():
            return folded in self._words or f"{folded}s" in self._words
        return folded in self._all_text


Replaced = Callable[[Mask, str], str]


class Roster:
    """The names, e-mail addresses and ids of the people around an essay, prepared for searching a text."""

    def __init__(self, people: Sequence[CoursePerson]) -> None:
        self._name_parts: set[str] = set()
        self._full_names: dict[str, list[tuple[str, ...]]] = {}
        self._unspaced_names: set[str] = set()
        self._literals: dict[str, None] = {}
        for person in people:
            self._add_name(person.name)
            self._add_literal(person.email)
            self._add_literal(person.external_id)
        for sequences in self._full_names.values():
            sequences.sort(key=len, reverse=True)

    def knows(self, folded: str) -> bool:
        """Return whether this folded word is part of a person's name."""
        return folded in self._name_parts

    def names_in(self, text: str) -> list[Offsets]:
        """Return the places of names in a text, in no order; they may overlap."""
        return [(start, end) for start, end, _ in self._name_places(text)]

    def places_in(self, text: str) -> list[tuple[int, int, Replaced]]:
        """Return start, end and replacement function of each part of a text to mask, from left to right, without overlaps."""
        found: list[tuple[int, int, Replaced]] = []
        unmasked = bytearray(b"\1") * len(text)

        def take(start: int, end: int, replace_with: Replaced) -> None:
            if 0 not in unmasked[start:end]:
                unmasked[start:end] = bytes(end - start)
                found.append((start, end, replace_with))

        for match in _EMAIL.finditer(text):
            take(*match.span(), Mask.scrambled)
        for start, end in self._literal_places(text):
            take(start, end, Mask.scrambled)
        for match in _PHONE.finditer(text):
            if sum(map(str.isdecimal, match[0])) in _PHONE_DIGITS and not _NOT_A_PHONE.fullmatch(match[0]):
                take(*match.span(), Mask.scrambled)
        for start, end, replace_with in self._name_places(text):
            take(start, end, replace_with)
        return sorted(found, key=lambda one: one[0])

    def _add_name(self, name: str) -> None:
        groups = name.split()
        if is_unspaced_script(name):
            self._add_unspaced(groups)
        groups = [group for group in groups if not is_unspaced_script(group)]
        words = [(group[word.start], word.folded) for group in groups for word in words_of(group)]
        capitals = any(first.isupper() for first, _ in words)
        pieces = [
            (group[one.start], one.folded)
            for group in groups
            for word in words_of(group)
            for one in _visible_parts(group, word)
        ]
        for first, folded in (*words, *pieces):
            # In a name with capitals, a small `von` or `de la` is no name by itself.
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

    def _add_unspaced(self, groups: list[str]) -> None:
        # A family name of one character occurs in many words, so it is not masked alone. A given name of two is often used alone.
        names = ["".join(groups), " ".join(groups), *groups, *(group[1:] for group in groups if len(group) == 3)]
        for name in names:
            if len(name) > 1:
                self._unspaced_names |= {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}

    def _add_part(self, folded: str) -> None:
        if len(folded) >= 3 or (len(folded) == 2 and folded not in _COMMON_SHORT_WORDS):
            self._name_parts.add(folded)

    def _add_sequence(self, folded: list[str]) -> None:
        if len(folded) > 1 and not all(word in _COMMON_SHORT_WORDS for word in folded):
            known = self._full_names.setdefault(folded[0], [])
            if tuple(folded) not in known:
                known.append(tuple(folded))

    def _add_literal(self, text: str) -> None:
        text = text.strip()
        if len(text) >= (_MIN_NUMBER_LENGTH if text.isdecimal() else _MIN_ID_LENGTH):
            self._literals[_lower_keeping_length(text)] = None

    def _literal_places(self, text: str) -> Iterable[Offsets]:
        lowered = _lower_keeping_length(text)
        for literal in self._literals:
            at = lowered.find(literal)
            while at >= 0:
                end = at + len(literal)
                if not (_continues_word(text, at - 1, literal[0]) or _continues_word(text, end, literal[-1])):
                    yield at, end
                at = lowered.find(literal, at + 1)

    def _name_places(self, text: str) -> Iterable[tuple[int, int, Replaced]]:
        for name in sorted(self._unspaced_names, key=len, reverse=True):
            yield from ((*match.span(), Mask.name) for match in re.finditer(re.escape(name), text, re.IGNORECASE))
        words = list(words_of(text))
        for index, word in enumerate(words):
            length = self._full_name_length(text, words, index)
            if length:
                yield word.start, words[index + length - 1].end, Mask.whole_name
            for part in (word, *_visible_parts(text, word)):
                end = self._name_end(text, part)
                if end:
                    yield part.start, end, Mask.name
        yield from self._hidden_places(text)

    def _hidden_places(self, text: str) -> Iterable[tuple[int, int, Replaced]]:
        """Yield names that a reader sees, but that have invisible characters, look-alike letters or a line end within."""
        folded = fold_characters(text)
        kept = [at for start, end in _between_splits(folded.text) for at in range(start, end)]
        shown = "".join(folded.text[at] for at in kept)
        if shown == text:
            return
        for word in words_of(shown):
            end = self._name_end(shown, word)
            if end:
                yield folded.starts[kept[word.start]], folded.ends[kept[end - 1]], Mask.whole_name

    def _name_end(self, text: str, word: Word) -> int:
        """Return the offset at which the name in this word ends, or 0 when the word is no name."""
        if text[word.start].islower():
            return 0
        if word.folded in self._name_parts:
            return word.end
        # A name with an s but without an apostrophe, as in `Alices book`, is masked too.
        plural = text[word.end - 1] in "sS" and word.folded.endswith("s") and word.folded[:-1] in self._name_parts
        return word.end - 1 if plural else 0

    def _full_name_length(self, text: str, words: list[Word], index: int) -> int:
        for sequence in self._full_names.get(words[index].folded, ()):
            found = words[index : index + len(sequence)]
            if (
                tuple(word.folded for word in found) == sequence
                and all(_BETWEEN_NAME_WORDS.fullmatch(text, a.end, b.start) for a, b in pairwise(found))
                and not (text[found[0].start].islower() and text[found[-1].start].islower())
            ):
                return len(sequence)
        return 0


def _between_splits(text: str) -> Iterable[Offsets]:
    """Yield the parts of a text without the hyphens and line ends that split words."""
    done = 0
    for found in _SPLIT_WORD.finditer(text):
        yield done, found.start()
        done = found.end()
    yield done, len(text)


def words_of(text: str) -> Iterable[Word]:
    """Yield the words of a text: letters with their accents and invisible characters between them, no digits or apostrophes."""
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


def _visible_parts(text: str, word: Word) -> Iterable[Word]:
    """Yield the parts of a word between its invisible characters, because such a character may separate two words."""
    start = word.start
    if text.isascii() or not any(char in text[start : word.end] for char in _INVISIBLE):
        return
    for index in range(word.start, word.end + 1):
        if index == word.end or text[index] in _INVISIBLE:
            if start < index:
                yield Word(start, index, fold(text[start:index]))
            start = index + 1


def _match_case(name: str, *, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return name.upper()
    return name.lower() if like[:1].islower() else name.capitalize()


def _lower_keeping_length(text: str) -> str:
    # Change character by character and never the length, so that offsets stay valid.
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def _continues_word(text: str, index: int, edge: str) -> bool:
    return edge.isalnum() and 0 <= index < len(text) and text[index].isalnum()


def _request_texts(request: PassRequest) -> list[str]:
    described = [
        text for one in request.criteria for text in (one.description, *(level.description for level in one.levels))
    ]
    return [request.assignment_prompt, *described, request.title, request.text, *_earlier_texts(request.earlier)]


def _earlier_texts(earlier: PreviousDraft | None) -> list[str]:
    if earlier is None:
        return []
    comment_texts = [text for one in earlier.doubtful for text in (one.quote, one.message, one.next_step)]
    return [*comment_texts, *(pick.rationale for pick in earlier.picks)]


def _pattern(real_of: dict[str, str]) -> re.Pattern[str] | None:
    """Return a pattern that matches every pseudonym, longer ones first, or None when there is none."""
    found = []
    for masked in sorted(real_of, key=len, reverse=True):
        before = "" if is_unspaced_script(masked[0]) or not masked[0].isalnum() else r"(?<![^\W_])"
        after = "" if is_unspaced_script(masked[-1]) or not masked[-1].isalnum() else r"(?![^\W_])"
        plural = r"(?=[sS]?(?![^\W\d_]))" if masked.isalpha() or " " in masked else after
        found.append(before + re.escape(masked) + (plural if after else ""))
    return re.compile("|".join(found)) if found else None
