"""Ensemble of Claude and the local engine on the grammar pass: merge their comments, and raise confidence where both agree.

Only the grammar pass uses both. For structure and content, the local rules know too little beside a model that has read the
essay.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace

from models.comment_points import Offsets, are_similar, is_nested, overlap
from models.jobs import PassName
from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import PassRequest
from workers.providers.contract import BackgroundProvider, Provider, ProviderError, Repair, Reply
from workers.providers.left_alone import LeftAlone

MAX_COMMENTS = 25
MAX_SUGGESTIONS = 3
CEILING = 0.99
# How long a finished remote answer waits for the local one.
LOCAL_WAIT_SECONDS = 0.3
LOCAL_SILENT = "what the local rules would have found beside the model (they could not answer)"
LOCAL_LATE = "what the local rules would have found beside the model (they took too long for this essay)"


class EnsembleProvider:
    """A remote provider whose grammar pass the local engine reads as well.

    To its callers it is the remote provider: name, model, prompts, batches, cost and `Reply.raw` are the remote's, unchanged.
    Both read at the same time. What the local engine has not found `wait_seconds` after the remote answer is left out, and the
    answer says so. Comments of the local engine name it in `provider`. Wrap it around `workers.privacy.masking.MaskingProvider`, not inside
    it: the local engine reads the real text, and nothing of its output leaves this machine.

    Where both point at the same mistake, there is one comment in the remote's words, with basis "agreement" and confidence
    1 - (1-a)(1-b), capped at 0.99 but never below the remote's own. The formula treats the two as independent, each wrong with
    probability 1-a and 1-b. A model and a table of rules that were made separately do fail in different places, but both
    fail on names and dialect, so the figure is optimistic until reviews have calibrated it.
    """

    remote = True

    def __init__(
        self, remote: Provider, local: BackgroundProvider, *, wait_seconds: float = LOCAL_WAIT_SECONDS
    ) -> None:
        self._remote = remote
        self._local = local
        self._wait_seconds = wait_seconds
        self.name = remote.name
        self.model = remote.model
        self.in_batches = remote.in_batches

    def prompt_version(self, pass_name: PassName) -> str:
        """Return the content hash that names the remote prompt behind an answer to this pass."""
        return self._remote.prompt_version(pass_name)

    def expected_cost_micros(self, request: PassRequest) -> int:
        """Return an estimate of the cost of one remote answer in micro-dollars. The local answer is free."""
        return self._remote.expected_cost_micros(request)

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        """Return the remote answer, merged with the local one for grammar. Raises the remote's ProviderError subclasses."""
        reading = self._begin_local(request)
        try:
            reply = self._remote.ask(request, repair=repair)
        except ProviderError:
            if reading is not None:
                reading.cancel()
            raise
        return self._with_local(reply, reading, request)

    def submit(self, request: PassRequest) -> str:
        """Submit the request in a batch of the remote provider. Return the batch's id. Raises a ProviderError subclass."""
        return self._remote.submit(request)

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Return the merged answer to a submitted request, or None while there is none. Raises a ProviderError subclass."""
        reply = self._remote.collect(batch, request)
        return None if reply is None else self._with_local(reply, self._begin_local(request), request)

    def _begin_local(self, request: PassRequest) -> Future[Reply] | None:
        """Begin the local reading of a grammar pass."""
        if request.pass_name is not PassName.GRAMMAR:
            return None
        return self._local.begin(replace(request, earlier=None))

    def _with_local(self, reply: Reply, reading: Future[Reply] | None, request: PassRequest) -> Reply:
        if reading is None:
            return reply
        local, model, note = PassAnswer(), "", ""
        try:
            found = reading.result(timeout=self._wait_seconds)
            local, model = found.answer, found.model
        except TimeoutError:
            note = LOCAL_LATE
            reading.cancel()  # whoever waits in line behind it comes sooner
        except ProviderError:
            note = LOCAL_SILENT
        by = (self._local.name, model)
        answer = merged(reply.answer, local, request.text, by=by, language=request.language)
        if note:
            answer = replace(answer, not_checked=(*answer.not_checked, note))
        return replace(reply, answer=answer)


def merged(
    remote: PassAnswer, local: PassAnswer, text: str, *, by: tuple[str, str], language: str = "en"
) -> PassAnswer:
    """Return the remote answer with the local comments added, at most MAX_COMMENTS comments in all.

    Where a local comment agrees with a remote one, the two become one comment. Other local comments come after the remote
    ones, and `by` names their provider and its model. Comments on words that are left alone are left out.
    """
    left_alone = LeftAlone(text, language)
    kept = _without_repeats(left_alone.without(remote.comments))
    added = left_alone.without(local.comments)
    taken_places = [place for one in kept if one.kind != "praise" for place in _places(one)]
    matched: set[int] = set()
    for at, comment in enumerate(kept):
        # One local comment about a repeated mistake may agree with several remote comments, one for each place.
        agreeing = [number for number, one in enumerate(added) if _agree(comment, one)]
        if agreeing:
            matched.update(agreeing)
            kept[at] = _join(comment, [added[number] for number in agreeing], taken_places)
            taken_places += kept[at].also_at
    provider, model = by
    unmatched = (one for number, one in enumerate(added) if number not in matched)
    kept += [replace(one, origin="rule", provider=provider, model=model) for one in unmatched]
    kept = [one for one in kept if not _is_contradicted(one, kept)]
    # The sort is stable, so comments of the same weight keep the order of their provider.
    ordered = sorted(kept[:MAX_COMMENTS], key=lambda one: one.severity != "major")
    return replace(remote, comments=tuple(ordered))


def _without_repeats(comments: Iterable[Comment]) -> list[Comment]:
    """Return the comments, keeping the first of several that make the same point about the same words."""
    kept: list[Comment] = []
    for comment in comments:
        first = next((at for at, one in enumerate(kept) if _is_repeat(one, comment)), None)
        if first is None:
            kept.append(comment)
        else:
            kept[first] = replace(kept[first], also_at=_further_places(kept[first], comment.also_at))
    return kept


def _is_repeat(one: Comment, other: Comment) -> bool:
    if (one.kind == "praise") != (other.kind == "praise") or "none" in (one.span.match, other.span.match):
        return False
    mine, theirs = (one.span.start, one.span.end), (other.span.start, other.span.end)
    if mine == theirs and (one.message == other.message or one.type == other.type):
        return True
    return is_nested(mine, theirs) and are_similar(one.type, other.type) and _corrects_alike(one, other)


def _corrects_alike(one: Comment, other: Comment) -> bool:
    """Return whether two comments on nested places do not offer two corrections that differ."""
    return not (one.suggestions and other.suggestions) or _first_suggestion(one) == _first_suggestion(other)


def _is_contradicted(comment: Comment, others: Iterable[Comment]) -> bool:
    """Return whether a comment praises words in which another comment finds a mistake, and no more than those words."""
    if comment.kind != "praise" or comment.span.match == "none":
        return False
    place = (comment.span.start, comment.span.end)
    return any(
        start <= place[0] and place[1] <= end for one in others if one.kind != "praise" for start, end in _places(one)
    )


def _places(comment: Comment) -> list[Offsets]:
    first = [] if comment.span.match == "none" else [(comment.span.start, comment.span.end)]
    return [*first, *comment.also_at]


def _first_suggestion(comment: Comment) -> str:
    return " ".join(comment.suggestions[0].split()).casefold() if comment.suggestions else ""


def _agree(remote: Comment, local: Comment) -> bool:
    """Return whether both comments are about the same mistake in at least one place."""
    if "praise" in (remote.kind, local.kind):
        return False
    overlapping = [(mine, theirs) for mine in _places(remote) for theirs in _places(local) if overlap(mine, theirs)]
    if not overlapping:
        return False
    if _first_suggestion(remote) and _first_suggestion(remote) == _first_suggestion(local):
        return True
    # A long place may hold many mistakes. Types that are only similar must also have one place inside the other.
    return remote.type == local.type or (
        are_similar(remote.type, local.type) and any(is_nested(*pair) for pair in overlapping)
    )


def _join(remote: Comment, local: list[Comment], taken_places: list[Offsets]) -> Comment:
    # Several local comments inside one remote place are not independent, so only the most confident of them counts.
    both_wrong = (1 - remote.confidence) * (1 - max(one.confidence for one in local))
    places = sorted(place for one in local for place in _places(one))
    offered = dict.fromkeys(
        [*remote.suggestions, *(text for one in local for text in _applicable_suggestions(remote, one))]
    )
    return replace(
        remote,
        suggestions=tuple(offered)[:MAX_SUGGESTIONS],
        confidence=round(max(min(1 - both_wrong, CEILING), remote.confidence), 3),
        confidence_basis="agreement",
        origin="model",
        also_at=_further_places(
            remote, [place for place in places if not any(overlap(place, other) for other in taken_places)]
        ),
    )


def _applicable_suggestions(remote: Comment, local: Comment) -> tuple[str, ...]:
    """Return the local suggestions that replace the same words. A correction of other words would be wrong here."""
    same = (remote.span.start, remote.span.end) == (local.span.start, local.span.end)
    return local.suggestions if same or remote.span.quote == local.span.quote else ()


def _further_places(first: Comment, places: Iterable[Offsets]) -> tuple[Offsets, ...]:
    """Return the further places of a comment with these added, in order and without duplicates."""
    return tuple(sorted({*first.also_at, *places} - {(first.span.start, first.span.end)}))
