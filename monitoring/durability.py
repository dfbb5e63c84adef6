"""Metrics of what keeps the data safe: checkpoints, write-ahead log, its archive, replication slots and standbys."""

from __future__ import annotations

from prometheus_client.core import CounterMetricFamily, Metric

from monitoring.families import Column, spread
from monitoring.query import ask


def read_checkpoints() -> list[Metric]:
    """Return how many checkpoints were due by time, and how many were requested (mostly because the log grew too fast)."""
    total = Column(
        name="pg_checkpoints_total", column="checkpoints", help="Checkpoints of each kind.", kind=CounterMetricFamily
    )
    return spread(ask("checkpoints"), labels=("kind",), columns=[total])


def read_wal() -> list[Metric]:
    """Return the bytes of write-ahead log that the server has written."""
    total = Column(
        name="pg_wal_bytes_total", column="wal_bytes", help="Bytes of write-ahead log.", kind=CounterMetricFamily
    )
    return spread(ask("wal"), columns=[total])


def read_archiver() -> list[Metric]:
    """Return the files of write-ahead log that were archived, the attempts that failed, and the age of the last archived one.

    The age has no sample until a file was archived.
    """
    names = (
        ("pg_archiver_archived_total", "archived_count", "Files of write-ahead log that were archived."),
        ("pg_archiver_failed_total", "failed_count", "Attempts to archive a file that failed."),
    )
    columns = [Column(name=name, column=column, help=text, kind=CounterMetricFamily) for name, column, text in names]
    age = Column(
        name="pg_archiver_last_archived_age_seconds",
        column="last_archived_age_seconds",
        help="Time since a file was archived.",
    )
    return spread(ask("archiver"), columns=[*columns, age])


def read_slots() -> list[Metric]:
    """Return the bytes of write-ahead log that replication slots of each kind retain, 0 where there is no such slot."""
    retained = Column(
        name="pg_replication_slot_retained_bytes",
        column="retained_bytes",
        help="Write-ahead log retained for the slot furthest behind.",
    )
    return spread(ask("slots"), labels=("slot_type", "active"), columns=[retained])


def read_standbys() -> list[Metric]:
    """Return how far each standby is behind this server. A standby that is not connected has no sample."""
    return spread(
        ask("standbys"),
        labels=("application_name",),
        columns=[
            Column(name="pg_standby_lag_seconds", column="lag_seconds", help="Lag of the standby; 0: it replayed all."),
            Column(name="pg_standby_lag_bytes", column="lag_bytes", help="Log that the standby has not replayed."),
        ],
    )
