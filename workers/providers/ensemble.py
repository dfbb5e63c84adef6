"""Claude and the local rules on one grammar pass: what both saw is one comment, and surer than either alone.

Only the grammar pass is mixed. For structure and content the rules know too little beside a model that has read the essay.
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

# Types that mean the same kind of slip, whichever reader names it.
_LIKE = (
    frozenset({"agreement", "verb_form", "tense", "grammar"}),
    frozenset({"spelling", "word_choice", "contraction"}),
    frozenset({"punctuation", "spacing", "contraction"}),
    frozenset({"repetition", "word_choice"}),
)


class EnsembleProvider:
    """A remote provider whose grammar pass is read by the local engine as well.

    Towards everybody it is the remote provider: name, model, prompts, batches and cost are the remote's, and so is
    `Reply.raw`, to the letter; what the local engine said is in the comments, which name it. Stand it outside
    `workers.privacy.masking.Masked`: the local engine reads the real text, and nothing it says leaves this machine.

    Where both point at the same slip there is one comment in the remote's words, with basis "agreement" and confidence
    1 - (1-a)(1-b), at most .99. That takes the two for independent witnesses, each wrong with 1-a and 1-b: a model and a table
    of rules that were made apart go wrong in different places, but both trip over names and dialect, so the figure is
    optimistic until reviews have calibrated it. It is never below the surer of the two.
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
        """Return about how much one remote answer will cost; the local one costs nothing."""
        return self._remote.expected_cost_micros(request)

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        """Return the remote answer, for grammar merged with the local one. Raises the remote's ProviderError subclasses."""
        return self._with_local(self._remote.ask(request, repair=repair), request)

    def submit(self, request: PassRequest) -> str:
        """The question is in a batch of the remote's; returns its id. Raises a ProviderError subclass."""
        return self._remote.submit(request)

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Return the merged answer to what was submitted, or None while there is none. Raises a ProviderError subclass."""
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
    """Return the remote answer with the local comments in it: joined where they agree, after the others where they do not.

    An answer without comments, such as the one to an essay that is not English, adds nothing.
    """
    kept: list[Comment] = []
    for comment in remote.comments:
        # The same point about the same words is made once.
        twin = next((at for at, one in enumerate(kept) if _repeats(one, comment)), None)
        if twin is None:
            kept.append(comment)
        else:
            kept[twin] = replace(kept[twin], also_at=_also(kept[twin], comment.also_at))
    taken = [place for one in kept if one.kind != "praise" for place in _places(one)]
    joined: set[int] = set()
    for at, comment in enumerate(kept):
        # One folded local comment may stand behind several remote ones, where the remote did not fold.
        agreeing = [number for number, one in enumerate(local.answer.comments) if _agree(comment, one)]
        if agreeing:
            joined.update(agreeing)
            kept[at] = _joined(comment, [local.answer.comments[number] for number in agreeing], taken)
            taken += kept[at].also_at
    alone = (one for number, one in enumerate(local.answer.comments) if number not in joined)
    kept += [replace(one, origin="rule", provider=by, model=local.model) for one in alone]
    # Stable: the readers' own order stands among comments of the same weight.
    ordered = sorted(kept[:MAX_COMMENTS], key=lambda one: one.severity != "major")
    return replace(remote, comments=tuple(ordered))


def _places(comment: Comment) -> list[Offsets]:
    first = [] if comment.span.match == "none" else [(comment.span.start, comment.span.end)]
    return [*first, *comment.also_at]


def _overlap(one: Offsets, other: Offsets) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _holds(one: Offsets, other: Offsets) -> bool:
    return (one[0] <= other[0] and other[1] <= one[1]) or (other[0] <= one[0] and one[1] <= other[1])


def _alike(one: Comment, other: Comment) -> bool:
    return one.type == other.type or any(one.type in like and other.type in like for like in _LIKE)


def _first(comment: Comment) -> str:
    return " ".join(comment.suggestions[0].split()).casefold() if comment.suggestions else ""


def _agree(remote: Comment, local: Comment) -> bool:
    """Return whether both speak of the same slip in at least one place."""
    if "praise" in (remote.kind, local.kind):
        return False
    met = [(mine, theirs) for mine in _places(remote) for theirs in _places(local) if _overlap(mine, theirs)]
    if not met:
        return False
    if _first(remote) and _first(remote) == _first(local):
        return True
    # A long place holds many slips: one inside the other must also be of a like kind.
    return remote.type == local.type or (_alike(remote, local) and any(_holds(*pair) for pair in met))


def _joined(remote: Comment, local: list[Comment], taken: list[Offsets]) -> Comment:
    # Several local comments inside one remote place are not several witnesses: the surest of them counts.
    doubt = (1 - remote.confidence) * (1 - max(one.confidence for one in local))
    places = sorted(place for one in local for place in _places(one))
    offered = dict.fromkeys([*remote.suggestions, *(text for one in local for text in _fitting(remote, one))])
    return replace(
        remote,
        suggestions=tuple(offered)[:MAX_SUGGESTIONS],
        confidence=round(max(min(1 - doubt, CEILING), remote.confidence), 3),
        confidence_basis="agreement",
        origin="model",
        also_at=_also(remote, [place for place in places if not any(_overlap(place, other) for other in taken)]),
    )


def _fitting(remote: Comment, local: Comment) -> tuple[str, ...]:
    """Return the local suggestions that replace the same words: another place's correction would garble this one."""
    same = (remote.span.start, remote.span.end) == (local.span.start, local.span.end)
    return local.suggestions if same or remote.span.quote == local.span.quote else ()


def _also(first: Comment, places: Iterable[Offsets]) -> tuple[Offsets, ...]:
    """Return the other places of a comment with these added, in order, none of them twice."""
    return tuple(sorted({*first.also_at, *places} - {(first.span.start, first.span.end)}))


def _repeats(one: Comment, other: Comment) -> bool:
    """Return whether two remote comments are the same point about the same words."""
    same = (one.type, one.kind, one.span.start, one.span.end) == (
        other.type,
        other.kind,
        other.span.start,
        other.span.end,
    )
    return same and one.span.match != "none" and one.message == other.message
