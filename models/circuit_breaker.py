"""Pauses: what all workers know about a provider that should not be called. One row a provider, none while all is well."""

from __future__ import annotations

from dataclasses import dataclass

from models.db import row, run


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Whether a provider may be called now; `probe` marks the one call that finds out after a pause."""

    wait_seconds: float
    reason: str | None
    probe: bool

    @property
    def open(self) -> bool:
        """Return whether to call."""
        return self.wait_seconds <= 0


OPEN = Gate(wait_seconds=0.0, reason=None, probe=False)


def gate(provider: str, *, probe_seconds: float) -> Gate:
    """Return whether this provider may be called; after a pause one caller is let through, the others wait for its answer."""
    found = row("select * from provider_gate(%s, %s)", (provider, probe_seconds))
    assert found is not None
    return Gate(**found)


def pause(provider: str, *, reason: str, seconds: float) -> None:
    """Nobody calls this provider for at least so long."""
    run("select pause_provider(%s, %s, %s)", (provider, reason, seconds))


def trip_if_failing(provider: str, *, reason: str, probe: bool) -> float | None:
    """Return the pause in seconds that this failed call led to, if it was the probe or the last of three failures in a row."""
    found = row("select trip_if_failing(%s, %s, %s) as seconds", (provider, reason, probe))
    return found["seconds"] if found else None


def reopen(provider: str) -> None:
    """The provider may be called by everybody: the probe was answered."""
    run("select reopen_provider(%s)", (provider,))
