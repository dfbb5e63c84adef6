"""The last run of each duty: of the clock, and of the backups and drills that a person or a timer starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.db import row, rows, run


@dataclass(frozen=True, kw_only=True)
class DutyRun:
    """One row of `duty_runs`. `found` counts what the run changed or found; `detail` holds further counts by name."""

    name: str
    started_at: datetime
    ended_at: datetime
    succeeded_at: datetime | None
    outcome: str
    found: int
    detail: dict[str, Any]


def record(
    name: str, *, began: datetime, succeeded: bool, found: int = 0, detail: Mapping[str, Any] | None = None
) -> None:
    """Keep the result of a run that began then and ends now. `detail` holds counts by name, never ids or words of people."""
    outcome = "ok" if succeeded else "failed"
    values = (name, began, outcome, found, json.dumps(dict(detail or {})))
    run("select record_duty(%s, %s, %s, %s, %s::jsonb)", values)


def list_runs() -> list[DutyRun]:
    """Return the last run of each duty, by name."""
    found = rows("select name, started_at, ended_at, succeeded_at, outcome, found, detail from duty_runs order by name")
    return [DutyRun(**one) for one in found]


def hold(name: str, *, holder: UUID, seconds: float) -> bool:
    """Take the lease on a duty that must not run twice at a time; return False while another holder has it."""
    found = row("select hold_duty(%s, %s, %s) as held", (name, holder, int(seconds)))
    return bool(found and found["held"])


def release(name: str, *, holder: UUID) -> None:
    """Give the lease on a duty back."""
    run("select release_duty(%s, %s)", (name, holder))
