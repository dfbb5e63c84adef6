"""Circuit breaker of each provider: all workers share one row per paused provider, and no row while all is well."""

from __future__ import annotations

from dataclasses import dataclass

from models.db import row, run


@dataclass(frozen=True, kw_only=True)
class BreakerState:
    """Whether a provider may be called now. `probe` marks the one call that tests the provider after a pause."""

    wait_seconds: float
    reason: str | None
    probe: bool

    @property
    def allows_call(self) -> bool:
        """Return whether the provider may be called now."""
        return self.wait_seconds <= 0


CLOSED = BreakerState(wait_seconds=0.0, reason=None, probe=False)


def breaker_state(provider: str, *, probe_seconds: float) -> BreakerState:
    """Return whether this provider may be called. After a pause, one caller gets the probe and the others wait for its result."""
    found = row("select * from provider_gate(%s, %s)", (provider, probe_seconds))
    assert found is not None
    return BreakerState(**found)


def pause(provider: str, *, reason: str, seconds: float) -> None:
    """Stop all calls to this provider for at least this many seconds."""
    run("select pause_provider(%s, %s, %s)", (provider, reason, seconds))


def trip_if_failing(provider: str, *, reason: str, probe: bool) -> float | None:
    """Pause the provider if this failed call was the probe or the third failure in a row. Return the pause in seconds, or None."""
    found = row("select trip_if_failing(%s, %s, %s) as seconds", (provider, reason, probe))
    return found["seconds"] if found else None


def resume(provider: str) -> None:
    """Allow calls to this provider again, because it answered the probe."""
    run("select reopen_provider(%s)", (provider,))
