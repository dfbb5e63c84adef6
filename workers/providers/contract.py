"""What a pass asks of a provider, what comes back, and how a provider says no.

Nothing here knows the database or a vendor. A provider turns one `PassRequest` into one `Reply`, or raises a
`ProviderError` whose class is the decision the worker must take next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from models.jobs import PassName

Kind = Literal["praise", "issue", "question"]
Severity = Literal["info", "minor", "major"]
Match = Literal["exact", "normalised", "none"]
ConfidenceBasis = Literal["measured", "model", "agreement"]
Fate = Literal["addressed", "persisting", "moot"]


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of a rubric criterion, with the points the teacher gave it."""

    name: str
    points: int
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One criterion of the teacher's rubric; a provider may pick only one of its levels."""

    name: str
    description: str = ""
    levels: tuple[Level, ...]


@dataclass(frozen=True, kw_only=True)
class EarlierComment:
    """A comment on the last draft whose words were touched since: only a reader can say what became of it."""

    type: str
    quote: str
    message: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class EarlierPick:
    """A level picked on the last draft, by the same rubric, for the same reading."""

    criterion: str
    level: str
    rationale: str


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What the same reading, made with the same rubric, prompt and model, said of the last draft.

    `unchanged` holds the places in the new text, in order, of paragraphs that stand in the last draft to the letter: a remote
    reader is not sent them again. It is empty where the whole essay is to be read anew.
    """

    unchanged: tuple[tuple[int, int], ...] = ()
    doubtful: tuple[EarlierComment, ...] = ()
    picks: tuple[EarlierPick, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PassRequest:
    """Everything a provider may know about the essay. No name, no e-mail, no other student's words.

    `language` is the essay's, `feedback_language` the one its writer wants to be answered in; both are BCP 47 tags.
    """

    pass_name: PassName
    text: str
    title: str = ""
    language: str = "en"
    feedback_language: str = "en"
    category: str = ""
    assignment_prompt: str = ""
    criteria: tuple[Criterion, ...] = ()
    earlier: Earlier | None = None


@dataclass(frozen=True, kw_only=True)
class Span:
    """A proven place: `text[start:end] == quote` in code points, unless match is "none" (then start == end == 0)."""

    start: int
    end: int
    quote: str
    prefix: str = ""
    suffix: str = ""
    match: Match = "exact"


@dataclass(frozen=True, kw_only=True)
class Comment:
    """One point about one place, with one next step. `also_at` holds the other places of a folded repeat."""

    type: str
    kind: Kind
    severity: Severity
    span: Span
    message: str
    next_step: str
    suggestions: tuple[str, ...] = ()
    confidence: float
    confidence_basis: ConfidenceBasis
    origin: Literal["rule", "model"]
    also_at: tuple[tuple[int, int], ...] = ()
    criterion: str | None = None
    # Who said it, where that is another than the provider that was asked.
    provider: str = ""
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a reader says became of a doubtful comment: its number in `Earlier.doubtful`, from 0."""

    comment: int
    fate: Fate


@dataclass(frozen=True, kw_only=True)
class CriterionPick:
    """The level picked for one criterion. Points are looked up by code, never taken from the answer."""

    criterion: str
    level: str
    rationale: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class PassAnswer:
    """What one pass has to say: comments in the order a student should read them; `notes` are for educators only."""

    comments: tuple[Comment, ...] = ()
    picks: tuple[CriterionPick, ...] = ()
    strengths: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one call as the vendor counts them, and what they cost in micro-dollars. All zero for local work."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_micros: int = 0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A usable answer: the raw text exactly as received, and what we read out of it."""

    answer: PassAnswer
    raw: str
    model: str
    stop_reason: str
    usage: Usage = field(default_factory=Usage)


class Outcome(StrEnum):
    """How a call ended. The database holds the same list as a CHECK constraint."""

    OPEN = "open"
    OK = "ok"
    RATE_LIMITED = "rate_limited"
    BUDGET_SPENT = "budget_spent"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    CONTEXT_EXCEEDED = "context_exceeded"
    NOT_JSON = "not_json"
    WRONG_SCHEMA = "wrong_schema"
    BAD_REQUEST = "bad_request"
    UNAUTHORISED = "unauthorised"
    CRASHED = "crashed"


class ProviderError(Exception):
    """The provider gave no usable answer. The subclass says what to do; `outcome` says why."""

    def __init__(
        self,
        outcome: Outcome,
        detail: str,
        *,
        raw: str = "",
        model: str = "",
        stop_reason: str = "",
        usage: Usage | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail
        self.raw = raw
        self.model = model
        self.stop_reason = stop_reason
        self.usage = usage or Usage()
        self.retry_after_seconds = retry_after_seconds


class TryAgain(ProviderError):
    """Trouble that passes by itself: ask again, not before `retry_after_seconds` where the vendor named a time."""


class BatchAway(TryAgain):
    """The vendor could not be asked about a batch; the batch itself goes on, so ask again later."""


class Repair(ProviderError):
    """The answer came but cannot be read. Ask once more and show the model what was wrong (`detail`)."""


class Pause(ProviderError):
    """Nobody should call for a while: the key is refused or the budget is spent."""


class GiveUp(ProviderError):
    """Asking again cannot help: the pass ends here and a person is told."""


class Provider(Protocol):
    """One way of getting an answer. `ask` may block for long; no database connection is held meanwhile."""

    name: str
    model: str
    remote: bool  # called over the network, so that trouble with it is everybody's
    in_batches: bool  # can also be asked through a batch: `submit`, and `collect` later

    def prompt_version(self, pass_name: PassName) -> str:
        """Return the content hash that names the prompt (or rule set) behind an answer to this pass."""
        ...

    def expected_cost_micros(self, request: PassRequest) -> int:
        """Return about how much one answer will cost, rather too much than too little; 0 where it costs nothing."""
        ...

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        """Return the answer to one pass. Raises a ProviderError subclass when there is none."""
        ...

    def submit(self, request: PassRequest) -> str:
        """The question is in a batch of its own, to be answered within a day at half price; returns the batch's id.

        Raises a ProviderError subclass. Only where `in_batches`.
        """
        ...

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Return the answer to what was submitted, or None while there is none yet. Raises a ProviderError subclass."""
        ...
