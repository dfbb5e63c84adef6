"""The contract between a pass and a provider: the protocol, the reply and the errors.

Nothing here knows the database or a vendor. A provider turns one `PassRequest` into one `Reply`, or raises a
`ProviderError` whose class says what the worker must do next.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from models.jobs import PassName
from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The tokens of one call as the vendor counts them, and their cost in micro-dollars. All zero for the local engine."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_micros: int = 0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A usable answer: the raw text exactly as received, and the feedback parsed from it."""

    answer: PassAnswer
    raw: str
    model: str
    stop_reason: str
    usage: Usage = field(default_factory=Usage)


class Outcome(StrEnum):
    """How a call ended. A CHECK constraint in the database holds the same list."""

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
    """The provider gave no usable answer. The subclass says what to do next; `outcome` says why."""

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
    """A temporary failure: ask again, but not before `retry_after_seconds` where the vendor named a time."""


class BatchAway(TryAgain):
    """The vendor could not be asked about a batch. The batch itself goes on, so ask again later."""


class Repair(ProviderError):
    """An answer came but cannot be read. Ask once more, and tell the model what was wrong (`detail`)."""


class Pause(ProviderError):
    """No worker should call this provider for a while: it refused the key, or the budget is spent."""


class GiveUp(ProviderError):
    """Asking again cannot help: the pass ends without a result and is listed for a person."""


class Provider(Protocol):
    """Something that answers passes. `ask` may block for a long time, so call it without holding a database connection."""

    name: str
    model: str
    remote: bool  # called over the network, so a failure can concern all workers
    in_batches: bool  # can also be asked through a batch: `submit` now, `collect` later

    def prompt_version(self, pass_name: PassName) -> str:
        """Return the content hash that names the prompt (or rule set) behind an answer to this pass."""
        ...

    def expected_cost_micros(self, request: PassRequest) -> int:
        """Return an estimate of the cost of one answer in micro-dollars, rather too high than too low; 0 where it is free."""
        ...

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        """Return the answer to one pass. Raises a ProviderError subclass when there is none."""
        ...

    def submit(self, request: PassRequest) -> str:
        """Submit the request in a batch of its own, to be answered within a day at half price. Return the batch's id.

        Call it only where `in_batches` is true. Raises a ProviderError subclass.
        """
        ...

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Return the answer to a submitted request, or None while there is none. Raises a ProviderError subclass."""
        ...


@runtime_checkable
class BackgroundProvider(Provider, Protocol):
    """A provider that can also answer in the background, while another is asked."""

    def begin(self, request: PassRequest) -> Future[Reply]:
        """Begin to answer, and return the reply to come. Cancel it when nobody wants it any more."""
        ...


@runtime_checkable
class ManyModels(Protocol):
    """A provider whose other models can be asked as well."""

    def with_model(self, model: str) -> Provider | None:
        """Return the same provider with this model, or None where it cannot ask that model."""
        ...
