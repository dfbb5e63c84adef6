"""What the harness needs of a system in order to break it and count. EssayCoach is one such system, stock Dramatiq another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.chaos.proxy import Proxy
from tests.support.vendor import FakeVendor


@dataclass(frozen=True)
class Answer:
    """The answer to one attempt to hand in. The status is 0 when there was no complete answer."""

    status: int
    submission: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Count:
    """What the database holds of the submissions of a run, read as a superuser and not through the code under test."""

    accepted: int
    open: int  # accepted, but without a final state
    lost: int  # accepted, but missing
    doubled: int  # passes with more than one result, keys with more than one submission, versions that ended twice
    passes_done: int
    without_result: int  # final, but without all three results
    seconds_to_final: Mapping[str, float]  # submission id to the time it became final, in seconds of the Unix epoch


class SystemUnderTest(Protocol):
    """A running system with a proxy on every connection that can break.

    Proxies by name: "web-postgres", "web-redis", "worker-postgres", "worker-redis", "worker-vendor". A system with a clock
    also has "clock-postgres" and "clock-redis". Programs by name: "web", "worker" (and "clock"). Servers: "postgres", "redis".
    """

    name: str
    vendor: FakeVendor
    proxies: Mapping[str, Proxy]
    # Bytes by which a proxy recognises the moment of a fault: the result of a pass is written, the row of a new submission
    # is written, its hint is sent, a message is acknowledged.
    result_pattern: bytes
    accept_pattern: bytes
    hint_pattern: bytes
    ack_pattern: bytes

    @property
    def database_url(self) -> str:
        """Return the superuser's address of the database, without a proxy."""

    def hand_in(self, key: str, *, text: str, timeout_seconds: float = 10.0) -> Answer:
        """Try once to hand in an essay. The same `key` means the same essay."""

    def kill(self, program: str) -> None:
        """Kill the program's whole process group with SIGKILL. Its supervisor starts it again later."""

    def signal(self, program: str, number: int) -> None:
        """Send this signal to the program's whole process group."""

    def wait_until_up(self, program: str, *, timeout_seconds: float = 30.0) -> None:
        """Wait until a program or server that was killed has been started again."""

    def redis(self) -> Any:
        """Return a client of Redis without a proxy."""

    def sql(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser, without a proxy, and return its rows."""

    def count(self, accepted: Mapping[str, str]) -> Count:
        """Return what the database holds of these accepted submissions (key to submission id)."""
