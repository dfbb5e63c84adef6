"""What the harness needs of a system in order to break it and then count. EssayCoach is one, stock Dramatiq another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.chaos.proxy import Proxy
from tests.support.vendor import FakeVendor


@dataclass(frozen=True)
class Answer:
    """What one attempt to hand in was answered; status 0 when nobody answered at all."""

    status: int
    submission: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Count:
    """What the database says of the submissions of this run, asked as a superuser and not through the code under test."""

    accepted: int
    open: int  # accepted, and without a final state
    lost: int  # accepted, and not there at all
    doubled: int  # passes with more than one result, keys with more than one submission, versions ended twice
    passes_done: int
    given_up: int  # final, but without all three results
    seconds_to_final: Mapping[str, float]  # of each final submission: when it ended, in seconds of the Unix epoch


class Subject(Protocol):
    """A running system with a proxy on every connection that can break.

    Proxies by name: "web-postgres", "web-redis", "worker-postgres", "worker-redis", "worker-vendor", and, where there is a
    clock, "clock-postgres", "clock-redis". Programs by name: "web", "worker" (and "clock"); servers: "postgres", "redis".
    """

    name: str
    vendor: FakeVendor
    proxies: Mapping[str, Proxy]
    # What travels at the moment a fault is meant for: a pass's result, a piece's row, its hint, a message's end.
    finishing: bytes
    accepting: bytes
    hinting: bytes
    acknowledging: bytes

    @property
    def database_url(self) -> str:
        """Return the superuser's address, past every proxy."""

    def hand_in(self, key: str, *, text: str, timeout_seconds: float = 10.0) -> Answer:
        """Try once to hand in; `key` names the piece, so that trying again with the same key is the same piece."""

    def kill(self, program: str) -> None:
        """The program's whole process group has died of SIGKILL; it is started again by itself, later."""

    def signal(self, program: str, number: int) -> None:
        """The program's whole process group got this signal."""

    def wait_until_up(self, program: str, *, timeout_seconds: float = 30.0) -> None:
        """A program (or server) that was killed has been started again."""

    def redis(self) -> Any:
        """Return a client of Redis itself, past every proxy."""

    def sql(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Return the rows of a statement carried out as superuser, past every proxy."""

    def count(self, accepted: Mapping[str, str]) -> Count:
        """Return what the database says of these accepted submissions (key to submission id)."""
