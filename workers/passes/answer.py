"""Turns a model's answer that fits the schema into proven, plain-text feedback.

What a model writes is read as if the essay's author had dictated it, because an essay can try to: quotes are proven
by `anchor`, links, HTML and hidden characters are cut, words copied at length from the essay or from our own rules
are cut, and scores are not repeated.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from workers.passes.anchor import Anchor
from workers.passes.marks import drop, hide
from workers.passes.prompt import rules, tail
from workers.passes.schema import Answer, CommentAnswer, PickAnswer, PlaceAnswer
from workers.passes.spec import SPECS
from workers.providers.base import Comment, CriterionPick, PassAnswer, PassRequest

MAX_CHARS = 2_000  # of one message; a longer one is no feedback
MAX_SUGGESTIONS = 3
MAX_SENTENCES = 3
MAX_NOT_CHECKED = 5
ECHO_WORDS = 8  # this many words in a row, equal to the essay's or the rules', are a copy and not a coincidence
DICTATED_WORDS = 3  # a whole message of this many words or more that stands in the essay was dictated by it

# Every repeat is bounded: a hostile text must not buy minutes of backtracking.
_TAG = re.compile(r"<[/!?]?[a-zA-Z][^<>]{0,2000}>|<!--.{0,2000}?-->", re.DOTALL)
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]{0,200})\]\((?:[^()]|\([^()]{0,200}\)){0,400}\)")
_LINK = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,20}:/{1,3}|\b(?:mailto|javascript|data|tel|vbscript):(?=\S)|\bwww\.)\S*"
    r"|[^\s@]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}"
    r"|\b(?:[\w-]{1,63}\.){1,6}(?:com|org|net|edu|gov|info|biz|io|ai|dev|ru|cn|uk|eu|ly|gl|xyz|online|shop|example|test"
    r"|invalid)\b(?:[/?#:]\S*)?"
    r"|\b(?:[\w-]{1,63}\.){1,6}[a-z]{2,12}/\S*",
    re.IGNORECASE,
)
# Kept narrow on purpose: "three points" and "question mark" are feedback, "9/10" and "full marks" are grading.
_SCORE = re.compile(
    r"\b\d{1,3}(?:[.,]\d+)?\s*(?:/|out\s+of)\s*(?:10|20|100)\b"
    r"|\b(?:full|top|maximum|perfect)\s+(?:marks?|scores?|grades?)\b"
    r"|\b(?:your|final|overall|total)\s+(?:marks?|scores?|grades?)\b|\b(?:grade|score)\s*[:=]\s*\S"
    r"|(?-i:\b[A-F][+-](?!\w))",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


def read(answer: Answer, *, request: PassRequest, marker: str) -> PassAnswer:
    """Return the feedback of one pass: anchored, capped, plain text, in the model's order."""
    spec = SPECS[request.pass_name]
    anchor = Anchor(request.text)
    say = _Say(request, marker=marker)
    comments: list[Comment] = []
    for item in answer.comments:
        comment = _comment(item, anchor=anchor, say=say, corrects=spec.offers_corrections)
        if comment is not None:
            comments.append(comment)
    return PassAnswer(
        comments=tuple(comments[: spec.max_comments]),
        picks=_picks(answer.picks, say=say),
        strengths=_sentences(answer.strengths, say=say, limit=MAX_SENTENCES),
        next_steps=_sentences(answer.next_steps, say=say, limit=MAX_SENTENCES),
        not_checked=_sentences(answer.not_checked, say=say, limit=MAX_NOT_CHECKED),
    )


def plain(text: str) -> str:
    """Return the text without tags, links, addresses and invisible characters, on one line."""
    clean = drop(hide(text[:MAX_CHARS]))
    folded = unicodedata.normalize("NFKC", clean)
    if _LINK.search(folded):
        clean = folded  # full-width and other compatible letters could carry a link past the pattern
    while True:
        # Taking one thing out can put the halves of another together, so until nothing is left to take.
        shorter = _LINK.sub("", _MARKDOWN_LINK.sub(r"\1", _TAG.sub("", clean)))
        if shorter == clean:
            return " ".join(clean.split())
        clean = shorter


class _Say:
    """Cleans what the model says about one essay; empty when nothing of its own is left."""

    def __init__(self, request: PassRequest, *, marker: str) -> None:
        words = _words(request.text)
        self._copied = _runs(words) | _own_words()
        self._essay = f" {' '.join(words)} "
        self._marker = marker

    def __call__(self, text: str, *, quoted: str = "") -> str:
        own = _runs(_words(hide(quoted)))
        clean = _without_echoes(plain(text), runs=self._copied - own if own else self._copied)
        # The marker is known to nobody but the prompt: an answer that carries it recites the prompt.
        if self._marker in clean or _SCORE.search(clean):
            return ""
        # Shorter than a run, but nothing else was said: the essay's own words are no feedback on the essay.
        said = _words(clean)
        return "" if len(said) >= DICTATED_WORDS and f" {' '.join(said)} " in self._essay else clean


def _comment(item: CommentAnswer, *, anchor: Anchor, say: _Say, corrects: bool) -> Comment | None:
    message = say(item.message, quoted=item.place.quote)
    if not message:
        return None
    place = item.place
    span = anchor.span(place.quote, prefix=place.prefix, suffix=place.suffix)
    if span.match == "none":
        # Nothing proves these words, so they may be anybody's: kept as evidence, but never with a link in them.
        span = replace(span, quote=plain(place.quote), prefix=plain(place.prefix), suffix=plain(place.suffix))
    return Comment(
        type=item.type,
        kind=item.kind,
        severity=item.severity,
        span=span,
        message=message,
        next_step=say(item.next_step, quoted=item.place.quote),
        suggestions=_suggestions(item) if corrects and span.match != "none" else (),
        confidence=_clipped(item.confidence),
        confidence_basis="model",
        origin="model",
        also_at=_others(item.also, anchor=anchor, first=(span.start, span.end)) if span.match != "none" else (),
        criterion=item.criterion or None,
    )


def _suggestions(item: CommentAnswer) -> tuple[str, ...]:
    # A replacement much longer than what it replaces is a rewrite, and the sentence is the student's.
    longest = 2 * len(item.place.quote) + 20
    cleaned = dict.fromkeys(plain(text) for text in item.suggestions)
    return tuple(text for text in cleaned if text and len(text) <= longest)[:MAX_SUGGESTIONS]


def _others(places: Iterable[PlaceAnswer], *, anchor: Anchor, first: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    spans = (anchor.span(place.quote, prefix=place.prefix, suffix=place.suffix) for place in places)
    return tuple(sorted({(span.start, span.end) for span in spans if span.match != "none"} - {first}))


def _picks(items: Sequence[PickAnswer], *, say: _Say) -> tuple[CriterionPick, ...]:
    picks: dict[str, CriterionPick] = {}
    for item in items:
        picks.setdefault(
            item.criterion,
            CriterionPick(
                criterion=item.criterion,
                level=item.level,
                rationale=say(item.rationale),
                confidence=_clipped(item.confidence),
            ),
        )
    return tuple(picks.values())


def _sentences(texts: Iterable[str], *, say: _Say, limit: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(say, texts))))[:limit]


def _clipped(confidence: float) -> float:
    return min(1.0, max(0.0, confidence)) if math.isfinite(confidence) else 0.0


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(drop(text))]


def _runs(words: Sequence[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(words[at : at + ECHO_WORDS]) for at in range(len(words) - ECHO_WORDS + 1))


@lru_cache(maxsize=1)
def _own_words() -> frozenset[tuple[str, ...]]:
    return frozenset().union(*(_runs(_words(text)) for text in (rules(), *map(tail, SPECS))))


def _without_echoes(text: str, *, runs: frozenset[tuple[str, ...]]) -> str:
    """Return the text with each long copied run of words as an ellipsis, or nothing if little else is left."""
    words = list(_WORD.finditer(text))
    folded = [word[0].casefold() for word in words]
    copied: set[int] = set()
    for at in range(len(folded) - ECHO_WORDS + 1):
        if tuple(folded[at : at + ECHO_WORDS]) in runs:
            copied.update(range(at, at + ECHO_WORDS))
    if not copied:
        return text
    if len(words) - len(copied) < ECHO_WORDS // 2:
        return ""
    kept: list[str] = []
    end = 0
    for index, word in enumerate(words):
        if index not in copied:
            kept.append(text[end : word.end()])
        elif index - 1 not in copied:
            kept.append(text[end : word.start()] + "…")
        end = word.end()
    return "".join(kept) + text[end:]
