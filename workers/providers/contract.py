"""What a pass asks of a provider, what comes back, and how a provider says no.

Nothing here knows the database or a vendor. A provider turns one `PassRequest` into one `Reply`, or raises a
`ProviderError` whose class is the decision the worker must take next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from models.jobs import PassName
from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest


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
