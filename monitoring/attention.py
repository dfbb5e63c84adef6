"""What needs attention now: the conditions of alerts.yml that one scrape can see, each in a sentence, the gravest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from monitoring.history import Reading
from monitoring.samples import Samples
from monitoring.words import duration, number, percent

RUNBOOK = "docs/alerts.md"
# The conditions and limits of alerts.yml, without the time for which they must hold there.
LATE_SHARE, LATE_ESSAYS = 0.144, 10
INTERACTIVE_SECONDS, BULK_SECONDS, DELIVERY_SECONDS = 60, 3600, 900
STUCK_SECONDS, SILENT_SECONDS = 180, 60
USED_SHARE, FREE_SHARE = 0.8, 0.1
BACKUP_SECONDS, DRILL_SECONDS = 26 * 3600, 35 * 86400
LAG_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Attention:
    """One thing that needs attention: the alert that tells of it, whether that wakes somebody, and what is wrong."""

    alert: str
    pages: bool
    sentence: str

    @property
    def runbook(self) -> str:
        """Where the runbook text of the alert is."""
        return f"{RUNBOOK}#{self.alert.lower()}"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition by the name of its alert. `check` returns what is wrong, or None."""

    alert: str
    check: Callable[[Reading], str | None]
    pages: bool = False


def find_attention(reading: Reading) -> list[Attention]:
    """Return what needs attention, what wakes somebody first."""
    found = [
        Attention(alert=one.alert, pages=one.pages, sentence=sentence)
        for one in CONDITIONS
        if (sentence := one.check(reading)) is not None
    ]
    return sorted(found, key=lambda one: not one.pages)


def _is_zero(name: str, sentence: str, **labels: str) -> Callable[[Reading], str | None]:
    return lambda reading: sentence if reading.samples.lowest(name, **labels) == 0 else None


def _is_over(name: str, limit: float, sentence: str, **labels: str) -> Callable[[Reading], str | None]:
    """Return a check of a number of seconds; the sentence says them at {}."""

    def check(reading: Reading) -> str | None:
        value = reading.samples.highest(name, **labels)
        return sentence.format(duration(value)) if value is not None and value > limit else None

    return check


def _clock_silent(reading: Reading) -> str | None:
    seen, clock = reading.samples, {"program": "clock"}
    silent = (seen.highest("essaycoach_program_progress_age_seconds", **clock) or 0) > SILENT_SECONDS
    if silent or seen.total("essaycoach_program_processes", **clock) == 0:
        return "No clock runs; retries, lost hints and passes of dead workers wait."
    return None


def _leases_overdue(reading: Reading) -> str | None:
    count = reading.samples.total("essaycoach_leases_overdue")
    return f"{number(count, 'pass', 'passes')} of dead workers still count as running." if count else None


def _feedback_slow(reading: Reading) -> str | None:
    finished, in_time = reading.rise("finished"), reading.rise("in_time")
    if not finished or in_time is None or finished - in_time <= LATE_ESSAYS or 1 - in_time / finished <= LATE_SHARE:
        return None
    return f"{percent(1 - in_time / finished)} of the last hour's essays had their feedback later than a minute."


def _redis_refuses(reading: Reading) -> str | None:
    refused = [one.labels["reason"] for one in reading.samples.find("essaycoach_redis_usable") if one.value == 0]
    return (
        f"Redis answers but refuses our work ({', '.join(sorted(refused))}); no new pass starts." if refused else None
    )


def _provider_paused(reading: Reading) -> str | None:
    paused = [one for one in reading.samples.find("essaycoach_provider_pause_seconds") if one.value > 0]
    names = " and ".join(sorted(provider_name(one.labels["provider"]) for one in paused))
    return f"No worker calls {names}: it refuses our key, our budget is spent, or it fails." if paused else None


def provider_name(provider: str) -> str:
    """Return what people call a provider."""
    return {"local": "the local engine", "anthropic": "Claude"}.get(provider, provider)


def _connections(reading: Reading) -> str | None:
    share = connections_used(reading.samples)
    return (
        f"{percent(share)} of PostgreSQL's connections are in use."
        if share is not None and share > USED_SHARE
        else None
    )


def connections_used(seen: Samples) -> float | None:
    """Return the share of the connections for programs that is in use."""
    used, allowed = seen.total("pg_stat_activity_count"), seen.total("pg_settings_max_connections")
    if used is None or not allowed:
        return None
    return used / (allowed - (seen.total("pg_settings_superuser_reserved_connections") or 0))


def _disk(reading: Reading) -> str | None:
    share = disk_free(reading.samples)
    return f"The disk of the data has {percent(share)} free." if share is not None and share < FREE_SHARE else None


def disk_free(seen: Samples) -> float | None:
    """Return the share of the data's disk that is free, where the monitor sees it."""
    free, size = seen.lowest("essaycoach_data_free_bytes"), seen.lowest("essaycoach_data_size_bytes")
    return free / size if free is not None and size else None


def backup_age(seen: Samples) -> float | None:
    """Return how long ago a backup last succeeded, in seconds."""
    ages = [seen.lowest("essaycoach_duty_age_seconds", duty=duty) for duty in ("backup", "base_backup")]
    return min((age for age in ages if age is not None), default=None)


def drill_age(seen: Samples) -> float | None:
    """Return how long ago a drill last succeeded, in seconds."""
    return seen.lowest("essaycoach_duty_age_seconds", duty="drill")


def _is_old(age_of: Callable[[Samples], float | None], limit: float, what: str) -> Callable[[Reading], str | None]:
    def check(reading: Reading) -> str | None:
        age = age_of(reading.samples)
        if age is None:
            return f"No {what} has succeeded yet." if reading.samples.total("pg_up") == 1 else None
        return f"The last {what} that succeeded was {duration(age)} ago." if age > limit else None

    return check


def _duty_failed(reading: Reading) -> str | None:
    failed = sorted(one.labels["duty"] for one in reading.samples.find("essaycoach_duty_failed") if one.value == 1)
    return f"The last run failed: {', '.join(failed)}." if failed else None


def _rows_in_default(reading: Reading) -> str | None:
    rows = reading.samples.total("essaycoach_partition_rows_in_default")
    return f"{number(rows, 'row lies', 'rows lie')} in a default partition." if rows else None


def _probes_down(reading: Reading) -> str | None:
    seen = reading.samples
    if 0 in (seen.total("pg_up"), seen.total("redis_up")):
        return None
    down = sorted(one.labels["probe"] for one in seen.find("essaycoach_probe_up") if one.value == 0)
    return f"The monitor cannot measure: {', '.join(down)}." if down else None


CONDITIONS = (
    Condition(alert="PostgresDown", pages=True, check=_is_zero("pg_up", "PostgreSQL does not answer; nothing moves.")),
    Condition(
        alert="WebDown", pages=True,
        check=_is_zero("essaycoach_web_ready", "Web does not answer, or says that it is not ready."),
    ),
    Condition(
        alert="WorkersGone", pages=True,
        check=_is_zero("essaycoach_program_processes", "No worker is alive; nothing is read.", program="worker"),
    ),
    Condition(
        alert="WorkersStuck", pages=True,
        check=_is_over(
            "essaycoach_program_progress_age_seconds", STUCK_SECONDS, "A worker has work, but finished nothing for {}.",
            program="worker",
        ),
    ),
    Condition(alert="ClockSilent", pages=True, check=_clock_silent),
    Condition(alert="LeasesOverdue", pages=True, check=_leases_overdue),
    Condition(
        alert="InteractiveWorkWaits", pages=True,
        check=_is_over(
            "essaycoach_queue_oldest_age_seconds", INTERACTIVE_SECONDS, "Somebody has waited {} for a worker.",
            queue="interactive",
        ),
    ),
    Condition(alert="FeedbackSlow", pages=True, check=_feedback_slow),
    Condition(alert="ProviderPaused", pages=True, check=_provider_paused),
    Condition(alert="ConnectionsNearlyUsed", pages=True, check=_connections),
    Condition(alert="DiskNearlyFull", pages=True, check=_disk),
    Condition(
        alert="RedisDown", check=_is_zero("redis_up", "Redis does not answer; essays are accepted, but no new pass starts.")
    ),
    Condition(alert="RedisRefuses", check=_redis_refuses),
    Condition(
        alert="BulkWorkWaits",
        check=_is_over(
            "essaycoach_queue_oldest_age_seconds", BULK_SECONDS, "Imported work has waited {} for a worker.", queue="bulk"
        ),
    ),
    Condition(
        alert="DeliveriesWait",
        check=_is_over(
            "essaycoach_delivery_oldest_age_seconds", DELIVERY_SECONDS, "An event for an endpoint has waited {} for a worker."
        ),
    ),
    Condition(
        alert="LmsWorkWaits",
        check=_is_over("essaycoach_lms_oldest_age_seconds", DELIVERY_SECONDS, "Work for an LMS has waited {} for a worker."),
    ),
    Condition(
        alert="StandbyLags", check=_is_over("pg_standby_lag_seconds", LAG_SECONDS, "A standby is {} behind its primary.")
    ),
    Condition(alert="BackupOld", check=_is_old(backup_age, BACKUP_SECONDS, "backup")),
    Condition(alert="DrillOld", check=_is_old(drill_age, DRILL_SECONDS, "drill")),
    Condition(alert="DutyFailed", check=_duty_failed),
    Condition(alert="DefaultPartitionNotEmpty", check=_rows_in_default),
    Condition(alert="ProbeDown", check=_probes_down),
)  # fmt: skip
