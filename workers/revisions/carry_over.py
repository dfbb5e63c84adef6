"""What a reading does with what it said of the last draft: not ask again what stands unchanged, and answer for each comment.

A comment whose sentence stands as it was is carried along. One whose words were rewritten is addressed, one whose sentence is
gone is moot. Only where its words stand and the sentence around them changed is it doubtful: then a new comment on the same
words says that it persists, else the reader is asked, and rules that find it no longer have answered already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from models.feedback import CommentDraft
from models.jobs import PassName
from models.lineage import EarlierReading, PreviousComment
from workers.passes.feedback import CriterionPick, PassAnswer
from workers.passes.request import Earlier, EarlierComment, EarlierPick
from workers.revisions.compare_drafts import Drafts, Offsets, State

LOCAL = "local"
# With less of the essay unchanged than this, a reader who is sent the rest only would read in the dark.
REUSED_FROM = 0.5
MAX_POINTS = 3

_SEVERITY = ("major", "minor", "info")


@dataclass(frozen=True, kw_only=True)
class Traced:
    """A remembered comment and where in the new draft its words stand."""

    comment: PreviousComment
    state: State
    places: tuple[Offsets, ...]


class PreviousReading:
    """The last draft's reading, beside the new draft."""

    def __init__(self, earlier: EarlierReading, text: str, *, pass_name: PassName, reuse: bool) -> None:
        drafts = Drafts(earlier.text, text)
        self._earlier = earlier
        self._pass_name = pass_name
        self._unchanged = drafts.unchanged() if reuse else ()
        if sum(end - start for start, end in self._unchanged) < REUSED_FROM * len(text.strip()):
            self._unchanged = ()
        self.nothing_new = bool(self._unchanged) and _covers(text, self._unchanged)
        if self.nothing_new and pass_name is not PassName.GRAMMAR and not drafts.identical():
            # Paragraphs were taken out or put in another order: whoever weighs the whole must see it whole.
            self._unchanged, self.nothing_new = (), False
        self._traced = tuple(_traced(one, drafts) for one in earlier.comments if one.draft.span is not None)
        self._doubtful = tuple(
            one for one in self._traced
            if one.state == "touched" and not one.comment.rejected and one.comment.draft.provider not in (None, LOCAL)
        )  # fmt: skip

    @property
    def asked(self) -> Earlier:
        """Return what the reader is told of the last draft."""
        return Earlier(
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
        """Return the answer to a draft in which nothing changed: the last one's words, whose comments `resolve` carries along."""
        return PassAnswer(strengths=self._earlier.strengths, next_steps=self._earlier.next_steps)

    def resolve(self, answer: PassAnswer, fresh: Iterable[CommentDraft]) -> tuple[list[CommentDraft], dict[UUID, str]]:
        """Return the new draft's comments, those carried along among them, and what became of each of the last draft's."""
        comments: list[CommentDraft | None] = list(fresh)
        verdicts = {
            self._doubtful[one.comment].comment.id: one.resolution
            for one in answer.verdicts
            if one.comment < len(self._doubtful)
        }
        carried: list[CommentDraft] = []
        resolutions: dict[UUID, str] = {}
        for traced in self._traced:
            at = _match(traced, comments)
            if traced.comment.rejected:
                # A teacher did not want it said: nor of these words again.
                if at is not None:
                    comments[at] = None
                continue
            resolutions[traced.comment.id] = resolution = self._resolution(traced, verdicts, again=at is not None)
            if resolution != "persisting":
                continue
            if at is not None and not self._stands_by_itself(traced):
                found = comments[at]
                assert found is not None
                comments[at] = replace(found, carried_from=traced.comment.id)
                continue
            if at is not None:
                comments[at] = None
            carried.append(_moved(traced))
        return _in_order([one for one in comments if one is not None], carried), resolutions

    def picks(self, answer: PassAnswer) -> tuple[CriterionPick, ...]:
        """Return the answer's levels, and those of the last draft for criteria that what changed did not decide anew."""
        if not self._unchanged:
            return answer.picks
        known = {one.criterion for one in answer.picks}
        return answer.picks + tuple(
            CriterionPick(criterion=one.criterion, level=one.level, rationale=one.rationale, confidence=one.confidence)
            for one in self._earlier.picks
            if one.criterion not in known
        )

    def strengths(self, answer: PassAnswer) -> tuple[str, ...]:
        """Return what works: what the answer names, and what worked in the paragraphs that nobody was sent again."""
        before = self._earlier.strengths if self._unchanged else ()
        return tuple(dict.fromkeys((*answer.strengths, *before)))[:MAX_POINTS]

    def _resolution(self, traced: Traced, verdicts: Mapping[UUID, str], *, again: bool) -> str:
        draft = traced.comment.draft
        if traced.state in ("rewritten", "gone"):
            return "addressed" if traced.state == "rewritten" else "moot"
        if again or draft.origin == "educator":
            return "persisting"
        if traced.state == "touched":
            return verdicts.get(traced.comment.id, "addressed")
        # Rules that weigh the whole essay have weighed it again; a slip in a sentence is still in it.
        settled = draft.provider == LOCAL and self._pass_name is not PassName.GRAMMAR
        return "addressed" if settled else "persisting"

    def _stands_by_itself(self, traced: Traced) -> bool:
        """Return whether the old comment goes on in its own words: a person's, or a reader's who was not sent these words again."""
        draft = traced.comment.draft
        if draft.origin == "educator" or traced.comment.edited:
            return True
        unread = any(start <= traced.places[0][0] < end for start, end in self._unchanged)
        return unread and draft.provider != LOCAL


def _traced(one: PreviousComment, drafts: Drafts) -> Traced:
    places = [one.draft.span, *one.draft.also_at] if one.draft.span else []
    traces = [drafts.trace(*place) for place in places]
    states = {trace.state for trace in traces}
    state = next(state for state in ("same", "touched", "rewritten", "gone") if state in states)
    standing = [trace.at for trace in traces if trace.at is not None]
    # The first place is one that proves the state.
    first = next((trace.at for trace in traces if trace.state == state and trace.at is not None), None)
    rest = sorted({place for place in standing if place != first})
    return Traced(comment=one, state=state, places=(first, *rest) if first else ())


def _match(traced: Traced, comments: list[CommentDraft | None]) -> int | None:
    """Return which new comment is about the same words: the very same place, or the same kind of point at a place that overlaps."""
    for close in (True, False):
        for index, one in enumerate(comments):
            if one is None or one.carried_from is not None or one.span is None:
                continue
            theirs = (one.span, *one.also_at)
            if close and set(theirs) & set(traced.places):
                return index
            if not close and one.type == traced.comment.draft.type and _overlap(theirs, traced.places):
                return index
    return None


def _overlap(some: Iterable[Offsets], others: Iterable[Offsets]) -> bool:
    known = tuple(others)
    return any(start < last and first < end for start, end in some for first, last in known)


def _moved(traced: Traced) -> CommentDraft:
    return replace(
        traced.comment.draft, span=traced.places[0], also_at=traced.places[1:], carried_from=traced.comment.id
    )


def _in_order(fresh: list[CommentDraft], carried: list[CommentDraft]) -> list[CommentDraft]:
    """Return what stops a reader first, then what is new, then the rest of what still stands."""
    ordered = sorted(carried, key=lambda one: _SEVERITY.index(one.severity))
    major = [one for one in ordered if one.severity == "major"]
    return [*major, *fresh, *ordered[len(major) :]]


def _covers(text: str, places: tuple[Offsets, ...]) -> bool:
    left = bytearray(b"\1") * len(text)
    for start, end in places:
        left[start:end] = bytes(end - start)
    return not any(left[index] and not char.isspace() for index, char in enumerate(text))
