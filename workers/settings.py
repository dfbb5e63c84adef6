"""Read the workers' settings from the environment, once, when a process starts."""

from __future__ import annotations

import os
from dataclasses import dataclass

from models import secret_settings, settings
from models.errors import SettingsError
from outgoing.settings import MailSettings
from outgoing.settings import read_mail as read_mail_settings

# Claims and finishes are short, and a thread holds no connection while it waits for the provider. All processes together fit
# into the limit of ec_worker on a server with 100 connections (migrations/prepare.py).
POOL_SIZE = 16
MOST_CONNECTIONS, LEAST_CONNECTIONS = 8, 2
# Nobody waits for an answer of a worker, and with many calls in flight many end at the same time.
POOL_WAIT_SECONDS = 6.0
# Half a lease: when a connection goes silent, there is time to store over another one while the claim still holds.
ANSWER_SECONDS = 6.0


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

    `use_ensemble` adds the local grammar engine to Claude, `engine_processes` is how many processes hold that engine beside
    each worker process, `use_batches` allows batches where nobody waits, and `calibration` is the path of the calibration file.
    """

    use_ensemble: bool
    engine_processes: int
    use_batches: bool
    calibration: str | None


def read_process() -> tuple[int, int, int]:
    """Return processes, threads of one and milliseconds to drain. Raises SettingsError.

    Claude alone gets a process for each core. The local engine takes 600 MiB beside each process, so with it one is enough.
    """
    is_light = _provider_name() == "anthropic" and not read_reading().use_ensemble
    return (
        settings.integer("WORKER_PROCESSES", cores() if is_light else 1, least=1),
        settings.integer("WORKER_THREADS", 32, least=1),
        settings.integer("WORKER_DRAIN_MS", 50000),
    )


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_worker_store() -> settings.StoreSettings:
    """Return the database settings of one of the worker's processes, which share POOL_SIZE connections. Raises SettingsError."""
    processes, _, _ = read_process()
    own = min(MOST_CONNECTIONS, max(LEAST_CONNECTIONS, POOL_SIZE // processes))
    return settings.read_store(
        "ec-worker", pool_size=own, answer_seconds=ANSWER_SECONDS, pool_wait_seconds=POOL_WAIT_SECONDS
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
    api_key, name = settings.optional_secret("ANTHROPIC_API_KEY"), _provider_name()
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


def _provider_name() -> str:
    default = "anthropic" if secret_settings.is_given("ANTHROPIC_API_KEY") else "local"
    return settings.choice("ESSAYCOACH_PROVIDER", default, among=("anthropic", "local"))


def read_mail() -> MailSettings | None:
    """Return how a worker sends e-mails. None: in production nobody has said how, so it sends none. Raises SettingsError."""
    if settings.is_production() and not secret_settings.is_given("ESSAYCOACH_MAIL"):
        return None
    return read_mail_settings()


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
        engine_processes=settings.integer("ESSAYCOACH_ENGINE_PROCESSES", 1, least=1),
        use_batches=settings.is_on("ESSAYCOACH_BATCHES", "on"),
        calibration=settings.optional("ESSAYCOACH_CALIBRATION"),
    )
