"""Masking: hide from a remote provider who wrote an essay and who else is in its course.

Names, e-mail addresses and ids of the people around an essay, and everything that looks like an e-mail address or a telephone
number, are replaced by pseudonyms of the same length in code points, so that every offset in the answer is valid for the real
text too. The real words are then put back into the answer. The real text never changes, and the local engine reads it as it
is.

`roster` says where a text names somebody. One word of a name is masked where it begins with a capital, so `will`, `may` and
`grace` are not masked. Two words of one name are masked in any case, and so is a name in a handle or in disguise. In scripts
without capitals a name is masked everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from models.jobs import PassName
from workers.passes.anchor import CONTEXT
from workers.passes.feedback import Comment, PassAnswer, QuotedSpan
from workers.passes.request import PassRequest, PreviousDraft
from workers.privacy.name_index import COMMON_SHORT_WORDS
from workers.privacy.pseudonyms import Pseudonyms, fold
from workers.privacy.roster import Named, Roster, places_in_essay, places_in_task
from workers.providers.contract import Provider, Repair, Reply
from workers.text.kept_briefly import kept_briefly
from workers.text.skeleton import UNSPACED, is_small, is_unspaced_script

_ASCII_WORD = re.compile(r"[A-Za-z]+")

Offsets = tuple[int, int]


class Word(NamedTuple):
    """A run of letters with their accents. `folded` is its form for comparison."""

    start: int
    end: int
    folded: str


class MaskingProvider:
    """Wraps a remote provider for one essay: the people around the essay are masked in requests and restored in answers."""

    remote = True

    def __init__(self, provider: Provider, *, roster: Roster) -> None:
        self._provider = provider
        self._roster = roster
        self.name = provider.name
        self.model = provider.model
        self.in_batches = provider.in_batches

    def prompt_version(self, pass_name: PassName) -> str:
        """Return the content hash that names the prompt behind an answer to this pass."""
        return self._provider.prompt_version(pass_name)

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        """Return the answer with the real words in it. `raw` stays as received. Raises a ProviderError subclass."""
        mask, masked = self._mask(request)
        return mask.unmask(self._provider.ask(masked, repair=repair))

    def expected_cost_micros(self, request: PassRequest) -> int:
        """Return an estimate of the cost of one answer in micro-dollars. It sends nothing, and masking keeps every length."""
        return self._provider.expected_cost_micros(request)

    def submit(self, request: PassRequest) -> str:
        """Submit the masked request in a batch, and return the batch's id. Raises a ProviderError subclass."""
        return self._provider.submit(self._mask(request)[1])

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Return the answer with the real words in it, or None while there is none. Raises a ProviderError subclass."""
        mask, masked = self._mask(request)
        reply = self._provider.collect(batch, masked)
        return mask.unmask(reply) if reply is not None else None

    def _mask(self, request: PassRequest) -> tuple[Mask, PassRequest]:
        """Return the mask of the essay, which its passes share, and the masked request of this pass."""
        mask = _mask_of(replace(request, pass_name=PassName.CONTENT), self._roster)
        return mask, replace(mask.request, pass_name=request.pass_name)


@kept_briefly()
def _mask_of(request: PassRequest, roster: Roster) -> Mask:
    return Mask(request, roster=roster)


class Mask:
    """A masked request, and the mapping that restores the real words in its answer.

    Equal requests and rosters make equal masks, so that `collect` can unmask what `submit` masked.
    """

    def __init__(self, request: PassRequest, *, roster: Roster) -> None:
        self._request = request
        self._roster = roster
        texts = _request_texts(request)
        self._all_text = "\n".join(texts).casefold()
        self._words = {word for text in texts for word in _folded_words(text)}
        self._pseudonyms = Pseudonyms(self._is_taken)
        self._bases: dict[tuple[str, int], str] = {}
        self._used: set[str] = set()
        self._pseudonym_of: dict[str, str] = {}
        self._real_of: dict[str, str] = {}
        found = places_in_essay(roster, request.text)
        self._places = [(start, end) for start, end, _ in found]
        # Mask the assignment first, so that its names get the same pseudonyms for the whole class.
        self.request = replace(
            request,
            assignment_prompt=self._mask_task(request.assignment_prompt),
            criteria=tuple(
                replace(
                    one,
                    description=self._mask_task(one.description),
                    levels=tuple(
                        replace(level, description=self._mask_task(level.description)) for level in one.levels
                    ),
                )
                for one in request.criteria
            ),
            title=self._mask_text(request.title),
            text=self._masked(request.text, found),
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

    def _mask_task(self, text: str) -> str:
        return self._masked(text, places_in_task(self._roster, text))

    def _mask_text(self, text: str) -> str:
        return self._masked(text, self._roster.places_in(text))

    def _masked(self, text: str, found: Sequence[Named]) -> str:
        parts, at = [], 0
        for start, end, how in found:
            surface = text[start:end]
            stand_in = {"name": self.name, "whole_name": self.whole_name, "address": self.scrambled}[how](surface)
            parts += [text[at:start], stand_in]
            at = end
        masked = "".join(parts) + text[at:]
        if len(masked) != len(text):
            raise AssertionError("a mask must not change the length of a text")
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
        if len(surface) > 1 and not is_small(surface[0]):
            self._real_of.setdefault(masked, surface)
        return masked

    def whole_name(self, surface: str) -> str:
        """Return the pseudonym of a name of several words, made word by word, or of a handle or a name in single letters."""
        words = list(words_of(surface))
        if any(char.isdecimal() for char in surface) or any(word.end - word.start == 1 for word in words):
            return self.scrambled(surface)
        if not words:  # signs that only look like letters
            words = [Word(*run.span(), run[0]) for run in re.finditer(r"\S+", surface)]
        parts, at = [], 0
        for word in words:
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
        if folded in self._used or folded in COMMON_SHORT_WORDS or self._roster.knows(folded):
            return True
        if folded.isascii() and folded.isalpha():
            return folded in self._words or f"{folded}s" in self._words
        return folded in self._all_text


def words_of(text: str) -> Iterable[Word]:
    """Yield the words of a text: letters with their accents and invisible characters between them, no digits or apostrophes."""
    if text.isascii():
        for match in _ASCII_WORD.finditer(text):
            yield Word(*match.span(), match[0].lower())
        return
    start = -1
    for index, char in enumerate(text):
        if char.isalpha() or (start >= 0 and unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf")):
            start = index if start < 0 else start
        elif start >= 0:
            yield Word(start, index, fold(text[start:index]))
            start = -1
    if start >= 0:
        yield Word(start, len(text), fold(text[start:]))


def _folded_words(text: str) -> Iterable[str]:
    return _ASCII_WORD.findall(text.lower()) if text.isascii() else (word.folded for word in words_of(text))


def _match_case(name: str, *, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return name.upper()
    return name.lower() if is_small(like[0]) else name.capitalize()


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
        before = "" if is_unspaced_script(masked[0]) or not masked[0].isalnum() else rf"(?<![^\W_{UNSPACED}])"
        after = "" if is_unspaced_script(masked[-1]) or not masked[-1].isalnum() else rf"(?![^\W_{UNSPACED}])"
        plural = rf"(?=[sS]?(?![^\W\d_{UNSPACED}]))" if masked.isalpha() or " " in masked else after
        found.append(before + re.escape(masked) + (plural if after else ""))
    return re.compile("|".join(found)) if found else None
