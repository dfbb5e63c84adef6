"""Read the workers' settings from the environment, once, when a process starts."""

from __future__ import annotations

import os
from dataclasses import dataclass

from models import settings
from models.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Time limits in seconds, in this order: provider < message < the longest time a lease is renewed.

    Nothing interrupts a thread. `provider` ends a call by the timeouts of its connection. `message` is the time that one pass
    needs at most; a thread that holds a pass for longer than `longest_lease` hangs, and its process ends (`workers.job.watch`).
    The lease itself is short and renewed, so that a killed worker's pass is free again within `lease`. `pause` is how long
    no worker calls a provider that refused our key or whose budget is spent, unless the provider named a time.
    """

    provider: float
    message: float
    lease: float
    pause: float

    @property
    def longest_lease(self) -> float:
        """Return for how long a lease may be renewed in all. After that, the work hangs."""
        return self.message + self.lease


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """The default provider, and how to reach Claude."""

    name: str
    api_key: str | None
    base_url: str | None
    model: str | None


@dataclass(frozen=True, kw_only=True)
class ReadingSettings:
    """How essays are read.

    `use_ensemble` adds the local grammar engine to Claude, `use_batches` allows batches where nobody waits, and
    `calibration` is the path of the calibration file.
    """

    use_ensemble: bool
    use_batches: bool
    calibration: str | None


def read_process() -> tuple[int, int, int]:
    """Return processes, threads and milliseconds to drain, which the line of the Procfile gives to Dramatiq. Raises SettingsError."""
    return (
        settings.integer("WORKER_PROCESSES", 1, least=1),
        settings.integer("WORKER_THREADS", 32, least=1),
        settings.integer("WORKER_DRAIN_MS", 50000),
    )


def read_limits() -> Limits:
    """Return the time limits. Raises SettingsError when their order would let two attempts overlap."""
    limits = Limits(
        provider=settings.seconds("ESSAYCOACH_PROVIDER_TIMEOUT_SECONDS", 60),
        message=settings.seconds("ESSAYCOACH_MESSAGE_LIMIT_SECONDS", 150),
        lease=settings.seconds("ESSAYCOACH_LEASE_SECONDS", 12),
        pause=settings.seconds("ESSAYCOACH_PAUSE_SECONDS", 60),
    )
    # A worker asks once more for an answer that it cannot read, within the same message.
    if 2 * limits.provider >= limits.message:
        raise SettingsError(
            "ESSAYCOACH_MESSAGE_LIMIT_SECONDS must be more than twice ESSAYCOACH_PROVIDER_TIMEOUT_SECONDS."
        )
    return limits


def read_provider() -> ProviderSettings:
    """Return the provider's settings.

    The default is Claude when there is an API key, else the local engine. Raises SettingsError when Claude is chosen
    without a key.
    """
    api_key = settings.optional_secret("ANTHROPIC_API_KEY")
    name = settings.choice("ESSAYCOACH_PROVIDER", "anthropic" if api_key else "local", among=("anthropic", "local"))
    if name == "anthropic" and not api_key:
        raise SettingsError(
            "ESSAYCOACH_PROVIDER is anthropic, but ANTHROPIC_API_KEY is not set (nor its _FILE or _COMMAND)."
        )
    return ProviderSettings(
        name=name,
        api_key=api_key,
        base_url=settings.web_url("ANTHROPIC_BASE_URL"),
        model=settings.optional("ESSAYCOACH_MODEL"),
    )


def hide_from_vendor() -> None:
    """Take every ANTHROPIC_* variable out of this process's environment, which the vendor's SDK reads by itself.

    It would take headers, credentials and a level of logging from there. Call it after `read_provider`, before the SDK is imported.
    """
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        del os.environ[name]


def read_reading() -> ReadingSettings:
    """Return the settings for how essays are read."""
    return ReadingSettings(
        use_ensemble=settings.is_on("ESSAYCOACH_GRAMMAR_MIX", "on"),
        use_batches=settings.is_on("ESSAYCOACH_BATCHES", "on"),
        calibration=settings.optional("ESSAYCOACH_CALIBRATION"),
    )
