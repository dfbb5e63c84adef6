"""Ensemble of Claude and the local engine on the grammar pass: merge their comments, and raise confidence where both agree.

Only the grammar pass uses both. For structure and content, the local rules know too little beside a model that has read the
essay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from models.jobs import PassName
from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import PassRequest
from workers.providers.contract import Provider, ProviderError, Repair, Reply

MAX_COMMENTS = 25
MAX_SUGGESTIONS = 3
CEILING = 0.99
LOCAL_SILENT = "what the local rules would have found beside the model (they could not answer)"

Offsets = tuple[int, int]

# Groups of types that two providers may use for the same kind of mistake.
_SIMILAR_TYPES = (
    frozenset({"agreement", "verb_form", "tense", "grammar"}),
    frozenset({"spelling", "word_choice", "contraction"}),
    frozenset({"punctuation", "spacing", "contraction"}),
    frozenset({"repetition", "word_choice"}),
)


class EnsembleProvider:
    """A remote provider whose grammar pass the local engine reads as well.

    To its callers it is the remote provider: name, model, prompts, batches, cost and `Reply.raw` are the remote's, unchanged.
    Comments of the local engine name it in `provider`. Wrap it around `workers.privacy.masking.MaskingProvider`, not inside
    it: the local engine reads the real text, and nothing of its output leaves this machine.

    Where both point at the same mistake, there is one comment in the remote's words, with basis "agreement" and confidence
    1 - (1-a)(1-b), capped at 0.99 but never below the remote's own. The formula treats the two as independent, each wrong with
    probability 1-a and 1-b. A model and a table of rules that were made separately do fail in different places, but both
    fail on names and dialect, so the figure is optimistic until reviews have calibrated it.
    """

    remote = True

    def __init__(self, remote: Provider, local: Provider) -> None:
        self._remote = remote
        self._local = local
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
        return self._with_local(self._remote.ask(request, repair=repair), request)

    def submit(self, request: PassRequest) -> str:
        """Submit the request in a batch of the remote provider. Return the batch's id. Raises a ProviderError subclass."""
        return self._remote.submit(request)

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Return the merged answer to a submitted request, or None while there is none. Raises a ProviderError subclass."""
        reply = self._remote.collect(batch, request)
        return None if reply is None else self._with_local(reply, request)

    def _with_local(self, reply: Reply, request: PassRequest) -> Reply:
        if request.pass_name is not PassName.GRAMMAR:
            return reply
        try:
            local = self._local.ask(replace(request, earlier=None))
        except ProviderError:
            answer = replace(reply.answer, not_checked=(*reply.answer.not_checked, LOCAL_SILENT))
            return replace(reply, answer=answer)
        return replace(reply, answer=merged(reply.answer, local, by=self._local.name))


def merged(remote: PassAnswer, local: Reply, *, by: str) -> PassAnswer:
    """Return the remote answer with the local comments added, at most MAX_COMMENTS comments in all.

    Where a local comment agrees with a remote one, the two become one comment. Other local comments come after the remote
    ones, and `by` names their provider. A local answer without comments, as for an essay that is not English, adds nothing.
    """
    kept: list[Comment] = []
    for comment in remote.comments:
        # Keep only one of two comments that make the same point about the same words.
        duplicate = next((at for at, one in enumerate(kept) if _is_duplicate(one, comment)), None)
        if duplicate is None:
            kept.append(comment)
        else:
            kept[duplicate] = replace(kept[duplicate], also_at=_further_places(kept[duplicate], comment.also_at))
    taken_places = [place for one in kept if one.kind != "praise" for place in _places(one)]
    matched: set[int] = set()
    for at, comment in enumerate(kept):
        # One local comment about a repeated mistake may agree with several remote comments, one for each place.
        agreeing = [number for number, one in enumerate(local.answer.comments) if _agree(comment, one)]
        if agreeing:
            matched.update(agreeing)
            kept[at] = _join(comment, [local.answer.comments[number] for number in agreeing], taken_places)
            taken_places += kept[at].also_at
    unmatched = (one for number, one in enumerate(local.answer.comments) if number not in matched)
    kept += [replace(one, origin="rule", provider=by, model=local.model) for one in unmatched]
    # The sort is stable, so comments of the same weight keep the order of their provider.
    ordered = sorted(kept[:MAX_COMMENTS], key=lambda one: one.severity != "major")
    return replace(remote, comments=tuple(ordered))


def _places(comment: Comment) -> list[Offsets]:
    first = [] if comment.span.match == "none" else [(comment.span.start, comment.span.end)]
    return [*first, *comment.also_at]


def _overlap(one: Offsets, other: Offsets) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _is_nested(one: Offsets, other: Offsets) -> bool:
    return (one[0] <= other[0] and other[1] <= one[1]) or (other[0] <= one[0] and one[1] <= other[1])


def _are_similar(one: Comment, other: Comment) -> bool:
    return one.type == other.type or any(one.type in group and other.type in group for group in _SIMILAR_TYPES)


def _first_suggestion(comment: Comment) -> str:
    return " ".join(comment.suggestions[0].split()).casefold() if comment.suggestions else ""


def _agree(remote: Comment, local: Comment) -> bool:
    """Return whether both comments are about the same mistake in at least one place."""
    if "praise" in (remote.kind, local.kind):
        return False
    overlapping = [(mine, theirs) for mine in _places(remote) for theirs in _places(local) if _overlap(mine, theirs)]
    if not overlapping:
        return False
    if _first_suggestion(remote) and _first_suggestion(remote) == _first_suggestion(local):
        return True
    # A long place may hold many mistakes. Types that are only similar must also have one place inside the other.
    return remote.type == local.type or (_are_similar(remote, local) and any(_is_nested(*pair) for pair in overlapping))


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
            remote, [place for place in places if not any(_overlap(place, other) for other in taken_places)]
        ),
    )


def _applicable_suggestions(remote: Comment, local: Comment) -> tuple[str, ...]:
    """Return the local suggestions that replace the same words. A correction of other words would be wrong here."""
    same = (remote.span.start, remote.span.end) == (local.span.start, local.span.end)
    return local.suggestions if same or remote.span.quote == local.span.quote else ()


def _further_places(first: Comment, places: Iterable[Offsets]) -> tuple[Offsets, ...]:
    """Return the further places of a comment with these added, in order and without duplicates."""
    return tuple(sorted({*first.also_at, *places} - {(first.span.start, first.span.end)}))


def _is_duplicate(one: Comment, other: Comment) -> bool:
    """Return whether two remote comments make the same point about the same words."""
    same = (one.type, one.kind, one.span.start, one.span.end) == (
        other.type,
        other.kind,
        other.span.start,
        other.span.end,
    )
    return same and one.span.match != "none" and one.message == other.message
