"""Turn a model's answer that fits the schema into anchored, plain-text feedback.

A model's words are treated as if the essay's author had dictated them, because an essay can try to do so (prompt
injection). `anchor` proves each quote. `plaintext` removes addresses, HTML and invisible characters. `leak_filter` removes
long copies of the essay and of our own rules. Sentences that state a score or a grade are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from workers.injection.addresses import Permitted
from workers.injection.leak_filter import LeakFilter
from workers.injection.plaintext import has_long_run, plain, states_grade
from workers.passes.excerpt import Excerpt
from workers.passes.feedback import Comment, CommentVerdict, CriterionPick, PassAnswer
from workers.passes.prompt import rules
from workers.passes.registry import SPECS
from workers.passes.request import Criterion, PassRequest
from workers.passes.schema import Answer, CommentAnswer, PickAnswer, PlaceAnswer, VerdictAnswer

__all__ = ["plain", "read"]

MAX_SUGGESTIONS = 3
MAX_SENTENCES = 3
MAX_NEXT_STEPS = 1  # each pass names one, so an essay has three
MAX_NOT_CHECKED = 5
MAX_PLACES = 50  # further places of one comment about a repeated mistake
MAX_QUOTE = 300  # characters of a quote that is not in the essay and is kept as evidence only
MAX_CONFIDENCE_IF_SUSPECTED = 0.5  # the highest confidence of a picked level when the essay seems to address the AI
SUSPECTED_NOTE = (
    "The essay may speak to the AI that read it, so the levels picked for it may not be the AI's own judgement:"
    " please look at them yourself."
)


def read(answer: Answer, *, request: PassRequest, marker: str) -> PassAnswer:
    """Return the feedback of one pass: anchored, limited in number, as plain text, in the model's order.

    `marker` is the prompt's marker, so that an answer which recites it can be recognised.
    """
    spec = SPECS[request.pass_name]
    anchor = Excerpt(request)
    sanitizer = _Sanitizer(request, marker=marker)
    comments: list[Comment] = []
    for item in answer.comments:
        comment = _comment(item, anchor=anchor, sanitizer=sanitizer, corrects=spec.offers_corrections)
        if comment is not None:
            comments.append(comment)
        if len(comments) == spec.max_comments:
            break
    picks = _picks(answer.picks, sanitizer=sanitizer)
    return PassAnswer(
        comments=tuple(comments),
        picks=picks,
        strengths=_sentences(answer.strengths, sanitizer=sanitizer, limit=MAX_SENTENCES),
        next_steps=_sentences(answer.next_steps, sanitizer=sanitizer, limit=MAX_NEXT_STEPS),
        not_checked=_sentences(answer.not_checked, sanitizer=sanitizer, limit=MAX_NOT_CHECKED),
        notes=(SUSPECTED_NOTE,) if picks and sanitizer.doubted else (),
        verdicts=_verdicts(answer.verdicts, asked=len(request.earlier.doubtful) if request.earlier is not None else 0),
    )


class _Sanitizer:
    """Cleans texts that a model wrote about one essay. A text becomes empty when nothing of the model's own is left."""

    def __init__(self, request: PassRequest, *, marker: str) -> None:
        self._leak_filter = LeakFilter(title=request.title, text=request.text, marker=marker, rules=rules())
        self.doubted = self._leak_filter.suspected
        teacher = (request.assignment_prompt, request.category, *_words_of(request.criteria))
        # An essay that seems to dictate the answer may dictate an address too.
        self._permitted = Permitted(teacher if self.doubted else (request.title, request.text, *teacher))

    def __call__(self, text: str) -> str:
        clean = self._leak_filter.redact(self.plain(text))
        return "" if states_grade(clean) or has_long_run(clean) else clean

    def plain(self, text: str) -> str:
        """Return the text without markup, and without addresses that neither the teacher nor the essay wrote."""
        return plain(text, self._permitted)

    def clean_quote(self, text: str, *, like: str = "") -> str:
        """Return the words in plain text, or nothing where they hold our rules, an order from the essay or a grade.

        Other words of the essay may stay. A grade may stay where `like`, the quoted words, holds one too.
        """
        clean = self.plain(text)
        new_grade = states_grade(clean) and not states_grade(like)
        return "" if new_grade or has_long_run(clean) or self._leak_filter.has_leak(clean) else clean


def _words_of(criteria: Iterable[Criterion]) -> Iterable[str]:
    for criterion in criteria:
        yield from (criterion.name, criterion.description)
        for level in criterion.levels:
            yield from (level.name, level.description)


def _comment(item: CommentAnswer, *, anchor: Excerpt, sanitizer: _Sanitizer, corrects: bool) -> Comment | None:
    message = sanitizer(item.message)
    if not message:
        return None
    place = item.place
    span = anchor.span(place.quote, prefix=place.prefix, suffix=place.suffix)
    if span.match == "none":
        # Nothing proves that these words are the essay's. Keep them as evidence, but never with a link in them.
        quote, prefix, suffix = (
            sanitizer.clean_quote(words)[:MAX_QUOTE] for words in (place.quote, place.prefix, place.suffix)
        )
        span = replace(span, quote=quote, prefix=prefix, suffix=suffix)
    return Comment(
        type=item.type,
        kind=item.kind,
        severity=item.severity,
        span=span,
        message=message,
        next_step=sanitizer(item.next_step),
        suggestions=_suggestions(item, sanitizer=sanitizer) if corrects and span.match != "none" else (),
        confidence=_clamped(item.confidence),
        confidence_basis="model",
        origin="model",
        also_at=_other_places(item.also, anchor=anchor, first=(span.start, span.end)) if span.match != "none" else (),
        criterion=item.criterion or None,
    )


def _suggestions(item: CommentAnswer, *, sanitizer: _Sanitizer) -> tuple[str, ...]:
    # A replacement much longer than the quote is a rewrite, and the student must write the sentence.
    quote = sanitizer.plain(item.place.quote)
    longest = 2 * len(quote) + 20
    cleaned = dict.fromkeys(sanitizer.clean_quote(text, like=quote) for text in item.suggestions)
    return tuple(text for text in cleaned if text and text != quote and len(text) <= longest)[:MAX_SUGGESTIONS]


def _other_places(
    places: Iterable[PlaceAnswer], *, anchor: Excerpt, first: tuple[int, int]
) -> tuple[tuple[int, int], ...]:
    spans = (anchor.span(place.quote, prefix=place.prefix, suffix=place.suffix) for place in places)
    found = sorted({(span.start, span.end) for span in spans if span.match != "none"} - {first})
    return tuple(found[:MAX_PLACES])


def _picks(items: Sequence[PickAnswer], *, sanitizer: _Sanitizer) -> tuple[CriterionPick, ...]:
    picks: dict[str, CriterionPick] = {}
    for item in items:
        picks.setdefault(
            item.criterion,
            CriterionPick(
                criterion=item.criterion,
                level=item.level,
                rationale=sanitizer(item.rationale),
                confidence=min(_clamped(item.confidence), MAX_CONFIDENCE_IF_SUSPECTED if sanitizer.doubted else 1.0),
            ),
        )
    return tuple(picks.values())


def _verdicts(items: Iterable[VerdictAnswer], *, asked: int) -> tuple[CommentVerdict, ...]:
    verdicts: dict[int, CommentVerdict] = {}
    for item in items:
        if 0 <= item.comment < asked:
            verdicts.setdefault(item.comment, CommentVerdict(comment=item.comment, resolution=item.fate))
    return tuple(verdicts.values())


def _sentences(texts: Iterable[str], *, sanitizer: _Sanitizer, limit: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(sanitizer, texts))))[:limit]


def _clamped(confidence: float) -> float:
    return min(1.0, max(0.0, confidence)) if math.isfinite(confidence) else 0.0
