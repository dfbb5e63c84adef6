"""Turns a model's answer that fits the schema into proven, plain-text feedback.

What a model writes is read as if the essay's author had dictated it, because an essay can try to: quotes are proven
by `anchor`, links, HTML and hidden characters are cut (`plaintext`), words copied at length from the essay or from our
own rules are cut (`echoes`), and scores are not repeated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from workers.injection.leak_filter import LeakFilter
from workers.injection.plaintext import grades, opaque, plain
from workers.passes.excerpt import Excerpt
from workers.passes.feedback import Comment, CriterionPick, PassAnswer, Verdict
from workers.passes.prompt import rules
from workers.passes.registry import SPECS
from workers.passes.request import PassRequest
from workers.passes.schema import Answer, CommentAnswer, PickAnswer, PlaceAnswer, VerdictAnswer

__all__ = ["plain", "read"]

MAX_SUGGESTIONS = 3
MAX_SENTENCES = 3
MAX_NOT_CHECKED = 5
MAX_PLACES = 50  # of one folded repeat
MAX_QUOTE = 300  # of words that are not in the essay and kept as evidence only
DOUBTED = 0.5  # no level is surer where the essay seems to speak to the machine that picks it
LEVELS_DOUBTED = (
    "The essay may speak to the AI that read it, so the levels picked for it may not be the AI's own judgement:"
    " please look at them yourself."
)


def read(answer: Answer, *, request: PassRequest, marker: str) -> PassAnswer:
    """Return the feedback of one pass: anchored, capped, plain text, in the model's order."""
    spec = SPECS[request.pass_name]
    anchor = Excerpt(request)
    say = _Sanitizer(request, marker=marker)
    comments: list[Comment] = []
    for item in answer.comments:
        comment = _comment(item, anchor=anchor, say=say, corrects=spec.offers_corrections)
        if comment is not None:
            comments.append(comment)
        if len(comments) == spec.max_comments:
            break
    picks = _picks(answer.picks, say=say)
    return PassAnswer(
        comments=tuple(comments),
        picks=picks,
        strengths=_sentences(answer.strengths, say=say, limit=MAX_SENTENCES),
        next_steps=_sentences(answer.next_steps, say=say, limit=MAX_SENTENCES),
        not_checked=_sentences(answer.not_checked, say=say, limit=MAX_NOT_CHECKED),
        notes=(LEVELS_DOUBTED,) if picks and say.doubted else (),
        verdicts=_verdicts(answer.verdicts, asked=len(request.earlier.doubtful) if request.earlier is not None else 0),
    )


class _Sanitizer:
    """Cleans what the model says about one essay; empty when nothing of its own is left."""

    def __init__(self, request: PassRequest, *, marker: str) -> None:
        self._echoes = LeakFilter(title=request.title, text=request.text, marker=marker, rules=rules())
        self.doubted = self._echoes.suspected

    def __call__(self, text: str) -> str:
        clean = self._echoes.without(plain(text))
        return "" if grades(clean) or opaque(clean) else clean

    def quoted(self, text: str, *, like: str = "") -> str:
        """Return words that may well be the essay's own, or nothing where they are the rules', an order's or a grade."""
        clean = plain(text)
        new_grade = grades(clean) and not grades(like)
        return "" if new_grade or opaque(clean) or self._echoes.foreign(clean) else clean


def _comment(item: CommentAnswer, *, anchor: Excerpt, say: _Sanitizer, corrects: bool) -> Comment | None:
    message = say(item.message)
    if not message:
        return None
    place = item.place
    span = anchor.span(place.quote, prefix=place.prefix, suffix=place.suffix)
    if span.match == "none":
        # Nothing proves these words, so they may be anybody's: kept as evidence, but never with a link in them.
        quote, prefix, suffix = (say.quoted(words)[:MAX_QUOTE] for words in (place.quote, place.prefix, place.suffix))
        span = replace(span, quote=quote, prefix=prefix, suffix=suffix)
    return Comment(
        type=item.type,
        kind=item.kind,
        severity=item.severity,
        span=span,
        message=message,
        next_step=say(item.next_step),
        suggestions=_suggestions(item, say=say) if corrects and span.match != "none" else (),
        confidence=_clipped(item.confidence),
        confidence_basis="model",
        origin="model",
        also_at=_others(item.also, anchor=anchor, first=(span.start, span.end)) if span.match != "none" else (),
        criterion=item.criterion or None,
    )


def _suggestions(item: CommentAnswer, *, say: _Sanitizer) -> tuple[str, ...]:
    # A replacement much longer than what it replaces is a rewrite, and the sentence is the student's.
    quote = plain(item.place.quote)
    longest = 2 * len(quote) + 20
    cleaned = dict.fromkeys(say.quoted(text, like=quote) for text in item.suggestions)
    return tuple(text for text in cleaned if text and text != quote and len(text) <= longest)[:MAX_SUGGESTIONS]


def _others(places: Iterable[PlaceAnswer], *, anchor: Excerpt, first: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    spans = (anchor.span(place.quote, prefix=place.prefix, suffix=place.suffix) for place in places)
    found = sorted({(span.start, span.end) for span in spans if span.match != "none"} - {first})
    return tuple(found[:MAX_PLACES])


def _picks(items: Sequence[PickAnswer], *, say: _Sanitizer) -> tuple[CriterionPick, ...]:
    picks: dict[str, CriterionPick] = {}
    for item in items:
        picks.setdefault(
            item.criterion,
            CriterionPick(
                criterion=item.criterion,
                level=item.level,
                rationale=say(item.rationale),
                confidence=min(_clipped(item.confidence), DOUBTED if say.doubted else 1.0),
            ),
        )
    return tuple(picks.values())


def _verdicts(items: Iterable[VerdictAnswer], *, asked: int) -> tuple[Verdict, ...]:
    verdicts: dict[int, Verdict] = {}
    for item in items:
        if 0 <= item.comment < asked:
            verdicts.setdefault(item.comment, Verdict(comment=item.comment, resolution=item.fate))
    return tuple(verdicts.values())


def _sentences(texts: Iterable[str], *, say: _Sanitizer, limit: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(say, texts))))[:limit]


def _clipped(confidence: float) -> float:
    return min(1.0, max(0.0, confidence)) if math.isfinite(confidence) else 0.0
