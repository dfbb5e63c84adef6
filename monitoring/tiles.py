"""The tiles of the monitor's page: what each says of a reading, and which alerts concern it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitoring.attention import Attention, backup_age, connections_used, disk_free, drill_age, provider_name
from monitoring.history import SERIES, Reading, Series
from monitoring.words import duration, number, percent

UNKNOWN = "–"
PROGRAMS = ("web", "worker", "clock", "monitor")
_SERIES = {series.name: series for series in SERIES}


@dataclass(frozen=True, kw_only=True)
class TileText:
    """What a tile says: a value in large letters, and a line below it."""

    value: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One tile. `alerts` are those that mark it; `series` is the line that it shows."""

    title: str
    describe: Callable[[Reading], TileText]
    alerts: tuple[str, ...]
    series: Series | None = None

    def is_marked(self, attention: Sequence[Attention]) -> bool:
        """Return whether something that needs attention concerns this tile."""
        return any(one.alert in self.alerts for one in attention)


def _unknown(why: str) -> TileText:
    return TileText(value=UNKNOWN, note=why)


def _served(reading: Reading) -> TileText:
    finished, in_time = reading.rise("finished"), reading.rise("in_time")
    if finished is None or in_time is None:
        return _unknown("not measured yet")
    if not finished:
        return _unknown("no essay was finished")
    return TileText(value=percent(in_time / finished), note=f"within 60 s, of {number(finished, 'essay', 'essays')}")


def _oldest(reading: Reading) -> TileText:
    seen = reading.samples
    oldest = seen.highest("essaycoach_queue_oldest_age_seconds", queue="interactive")
    if oldest is None:
        return _unknown("not measured")
    waiting, running = (seen.total("essaycoach_queue_depth", state=state) or 0 for state in ("queued", "running"))
    return TileText(
        value=duration(oldest), note=f"{number(waiting, 'pass waits', 'passes wait')}, {running:,.0f} running"
    )


def _programs(reading: Reading) -> TileText:
    alive = {name: reading.samples.total("essaycoach_program_processes", program=name) for name in PROGRAMS}
    known = {name: count for name, count in alive.items() if count is not None}
    if not known:
        return _unknown("not measured")
    missing = sum(not count for count in known.values())
    value = f"{len(known) - missing} of {len(known)}"
    if reading.samples.lowest("essaycoach_web_ready") == 0:
        return TileText(value=value, note="web is not ready")
    return TileText(value=value, note=", ".join(f"{name} {count:.0f}" for name, count in known.items()))


def _postgres(reading: Reading) -> TileText:
    if reading.samples.total("pg_up") != 1:
        return TileText(value="down", note="it does not answer")
    used = connections_used(reading.samples)
    return TileText(value="up", note="" if used is None else f"{percent(used)} of its connections used")


def _redis(reading: Reading) -> TileText:
    seen = reading.samples
    if seen.total("redis_up") != 1:
        return TileText(value="down", note="it does not answer")
    if seen.lowest("essaycoach_redis_usable") == 0:
        return TileText(value="refuses", note="it answers, but not our work")
    return TileText(value="up", note=number(seen.total("essaycoach_redis_depth") or 0, "hint waits", "hints wait"))


def _provider(reading: Reading) -> TileText:
    pauses = reading.samples.find("essaycoach_provider_pause_seconds")
    if not pauses:
        return _unknown("not measured")
    paused = max(pauses, key=lambda one: one.value)
    if paused.value > 0:
        return TileText(
            value="paused", note=f"{provider_name(paused.labels['provider'])}, {duration(paused.value)} more"
        )
    calls = reading.rise("calls")
    return TileText(value="answers", note="" if calls is None else f"{number(calls, 'call', 'calls')}")


def _age(seconds: float | None, what: str, reading: Reading) -> TileText:
    if seconds is None:
        return _unknown(f"no {what} yet" if reading.samples.total("pg_up") == 1 else "not measured")
    return TileText(value=f"{duration(seconds)} ago", note="succeeded")


def _disk(reading: Reading) -> TileText:
    free = disk_free(reading.samples)
    return _unknown("the monitor does not see it") if free is None else TileText(value=percent(free), note="free")


NOW = (
    Tile(title="Served in time", describe=_served, alerts=("FeedbackSlow",), series=_SERIES["finished"]),
    Tile(
        title="Oldest waiting", describe=_oldest, series=_SERIES["oldest"],
        alerts=("InteractiveWorkWaits", "BulkWorkWaits", "DeliveriesWait", "LmsWorkWaits"),
    ),
    Tile(
        title="Programs alive", describe=_programs, series=_SERIES["programs"],
        alerts=("WebDown", "WorkersGone", "WorkersStuck", "ClockSilent", "LeasesOverdue"),
    ),
    Tile(
        title="PostgreSQL", describe=_postgres, series=_SERIES["connections"],
        alerts=("PostgresDown", "ConnectionsNearlyUsed", "StandbyLags", "DefaultPartitionNotEmpty"),
    ),
    Tile(title="Redis", describe=_redis, alerts=("RedisDown", "RedisRefuses"), series=_SERIES["hints"]),
    Tile(title="AI provider", describe=_provider, alerts=("ProviderPaused",), series=_SERIES["calls"]),
)  # fmt: skip
UPKEEP = (
    Tile(
        title="Last backup", describe=lambda reading: _age(backup_age(reading.samples), "backup", reading),
        alerts=("BackupOld",),
    ),
    Tile(
        title="Last drill", describe=lambda reading: _age(drill_age(reading.samples), "drill", reading), alerts=("DrillOld",)
    ),
    Tile(title="Disk of the data", describe=_disk, alerts=("DiskNearlyFull",)),
)  # fmt: skip
