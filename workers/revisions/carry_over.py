"""Use a pass's reading of the last draft for the new draft: skip unchanged paragraphs, and resolve each earlier comment.

A comment whose sentence is unchanged is carried over. One whose words were rewritten is addressed. One whose sentence is gone
is moot. A comment is doubtful only where its words remain but the sentence around them changed. Then a new comment on the
same words means that it persists. Without one, the verdict counts that a remote provider is asked for with the new draft, and a
comment that the local rules no longer make is addressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from models.feedback import CommentDraft
from models.jobs import PassName
from models.lineage import EarlierReading, PreviousComment
from workers.passes.feedback import CriterionPick, PassAnswer
from workers.passes.request import EarlierComment, EarlierPick, PreviousDraft
from workers.revisions.compare_drafts import Drafts, Offsets, State

LOCAL = "local"
# The smallest unchanged share of the essay with which only the rest is sent to a remote provider.
MIN_UNCHANGED_SHARE = 0.5
MAX_POINTS = 3

_SEVERITY = ("major", "minor", "info")


@dataclass(frozen=True, kw_only=True)
class TracedComment:
    """A comment on the last draft, and the places of its words in the new draft."""

    comment: PreviousComment
    state: State
    places: tuple[Offsets, ...]


class PreviousReading:
    """The reading of the last draft by the same pass, compared with the new draft.

    `reuse` says whether unchanged paragraphs may be skipped. `nothing_new` is true when the provider need not be called.
    """

    def __init__(self, earlier: EarlierReading, text: str, *, pass_name: PassName, reuse: bool) -> None:
        drafts = Drafts(earlier.text, text)
        self._earlier = earlier
        self._pass_name = pass_name
        self._unchanged = drafts.unchanged() if reuse else ()
        if sum(end - start for start, end in self._unchanged) < MIN_UNCHANGED_SHARE * len(text.strip()):
            self._unchanged = ()
        self.nothing_new = bool(self._unchanged) and _covers_text(text, self._unchanged)
        if self.nothing_new and pass_name is not PassName.GRAMMAR and not drafts.identical():
            # Paragraphs were removed or reordered. A pass that judges the whole essay must read all of it.
            self._unchanged, self.nothing_new = (), False
        self._traced = tuple(_trace_comment(one, drafts) for one in earlier.comments if one.draft.span is not None)
        self._doubtful = tuple(
            one for one in self._traced
            if one.state == "touched" and not one.comment.rejected and one.comment.draft.provider not in (None, LOCAL)
        )  # fmt: skip

    @property
    def asked(self) -> PreviousDraft:
        """Return what the provider is told about the last draft."""
        return PreviousDraft(
            unchanged=self._unchanged,
            doubtful=tuple(
                EarlierComment(
                    type=one.comment.draft.type,
                    quote=self._earlier.text[slice(*(one.comment.draft.span or (0, 0)))],
                    message=one.comment.draft.message,
                    next_step=one.comment.draft.next_step,
                )
                for one in self._doubtful
            ),
            picks=tuple(
                EarlierPick(criterion=one.criterion, level=one.level, rationale=one.rationale)
                for one in self._earlier.picks
            )
            if self._unchanged
            else (),
        )

    @property
    def reader(self) -> tuple[str, str]:
        """Return the provider and model that read the last draft."""
        return self._earlier.provider, self._earlier.model

    def answer(self) -> PassAnswer:
        """Return the answer for a draft in which nothing changed: the last draft's summary. `resolve` carries its comments over."""
        return PassAnswer(strengths=self._earlier.strengths, next_steps=self._earlier.next_steps)

    def resolve(self, answer: PassAnswer, fresh: Iterable[CommentDraft]) -> tuple[list[CommentDraft], dict[UUID, str]]:
        """Return the comments on the new draft, including those carried over, and the resolution of each comment on the last draft."""
        comments: list[CommentDraft | None] = list(fresh)
        verdicts = {
            self._doubtful[one.comment].comment.id: one.resolution
            for one in answer.verdicts
            if one.comment < len(self._doubtful)
        }
        carried: list[CommentDraft] = []
        resolutions: dict[UUID, str] = {}
        for traced in self._traced:
            at = _find_match(traced, comments)
            if traced.comment.rejected:
                # A teacher rejected this comment, so drop a new one about the same words.
                if at is not None:
                    comments[at] = None
                continue
            resolutions[traced.comment.id] = resolution = self._resolution(traced, verdicts, repeated=at is not None)
            if resolution != "persisting":
                continue
            if at is not None and not self._keeps_own_words(traced):
                found = comments[at]
                assert found is not None
                comments[at] = replace(found, carried_from=traced.comment.id)
                continue
            if at is not None:
                comments[at] = None
            carried.append(_carry_over(traced))
        return _merge_in_order([one for one in comments if one is not None], carried), resolutions

    def picks(self, answer: PassAnswer) -> tuple[CriterionPick, ...]:
        """Return the answer's levels, and the last draft's levels for criteria that the answer does not pick again."""
        if not self._unchanged:
            return answer.picks
        known = {one.criterion for one in answer.picks}
        return answer.picks + tuple(
            CriterionPick(criterion=one.criterion, level=one.level, rationale=one.rationale, confidence=one.confidence)
            for one in self._earlier.picks
            if one.criterion not in known
        )

    def strengths(self, answer: PassAnswer) -> tuple[str, ...]:
        """Return the answer's strengths, followed by those of the last draft where its unchanged paragraphs were not sent again."""
        before = self._earlier.strengths if self._unchanged else ()
        return tuple(dict.fromkeys((*answer.strengths, *before)))[:MAX_POINTS]

    def _resolution(self, traced: TracedComment, verdicts: Mapping[UUID, str], *, repeated: bool) -> str:
        draft = traced.comment.draft
        if traced.state in ("rewritten", "gone"):
            return "addressed" if traced.state == "rewritten" else "moot"
        if repeated or draft.origin == "educator":
            return "persisting"
        if traced.state == "touched":
            return verdicts.get(traced.comment.id, "addressed")
        # Local rules for structure and content have read the whole essay again and no longer report it. A grammar mistake in an
        # unchanged sentence is still there.
        judged_again = draft.provider == LOCAL and self._pass_name is not PassName.GRAMMAR
        return "addressed" if judged_again else "persisting"

    def _keeps_own_words(self, traced: TracedComment) -> bool:
        """Return whether the old comment keeps its own words although a new comment is about the same words.

        It does when a person wrote or edited it, or when a remote provider was not sent these words again.
        """
        draft = traced.comment.draft
        if draft.origin == "educator" or traced.comment.edited:
            return True
        not_sent = any(start <= traced.places[0][0] < end for start, end in self._unchanged)
        return not_sent and draft.provider != LOCAL


def _trace_comment(one: PreviousComment, drafts: Drafts) -> TracedComment:
    places = [one.draft.span, *one.draft.also_at] if one.draft.span else []
    traces = [drafts.trace(*place) for place in places]
    states = {trace.state for trace in traces}
    state = next(state for state in ("same", "touched", "rewritten", "gone") if state in states)
    remaining = [trace.at for trace in traces if trace.at is not None]
    # Put a place first whose own state is the comment's state.
    first = next((trace.at for trace in traces if trace.state == state and trace.at is not None), None)
    rest = sorted({place for place in remaining if place != first})
    return TracedComment(comment=one, state=state, places=(first, *rest) if first else ())


def _find_match(traced: TracedComment, comments: list[CommentDraft | None]) -> int | None:
    """Return the index of the new comment about the same words, or None.

    A comment with an identical place is preferred to one of the same type with an overlapping place.
    """
    for identical in (True, False):
        for index, one in enumerate(comments):
            if one is None or one.carried_from is not None or one.span is None:
                continue
            theirs = (one.span, *one.also_at)
            if identical and set(theirs) & set(traced.places):
                return index
            if not identical and one.type == traced.comment.draft.type and _overlap(theirs, traced.places):
                return index
    return None


def _overlap(some: Iterable[Offsets], others: Iterable[Offsets]) -> bool:
    known = tuple(others)
    return any(start < last and first < end for start, end in some for first, last in known)


def _carry_over(traced: TracedComment) -> CommentDraft:
    return replace(
        traced.comment.draft, span=traced.places[0], also_at=traced.places[1:], carried_from=traced.comment.id
    )


def _merge_in_order(fresh: list[CommentDraft], carried: list[CommentDraft]) -> list[CommentDraft]:
    """Return the carried-over major comments, then the new comments, then the other carried-over comments by severity."""
    ordered = sorted(carried, key=lambda one: _SEVERITY.index(one.severity))
    major = [one for one in ordered if one.severity == "major"]
    return [*major, *fresh, *ordered[len(major) :]]


def _covers_text(text: str, places: tuple[Offsets, ...]) -> bool:
    uncovered = bytearray(b"\1") * len(text)
    for start, end in places:
        uncovered[start:end] = bytes(end - start)
    return not any(uncovered[index] and not char.isspace() for index, char in enumerate(text))
