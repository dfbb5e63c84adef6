"""Audit the data: run every check over the last two days and one older slice, and report counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from models import data_audit, text_audit, upkeep
from models.data_audit import Check, Window
from models.db import session
from models.log import logger
from workers.duties.limits import LONG_ANSWER_SECONDS
from workers.duties.record import Counted

log = logger(__name__)

MOST_IDS = 20
SAMPLE = 50
HOUR = 3600
MISPLACED = Check(name="misplaced_partitions", says="partitions that are not one month in UTC", windowed=False)
TEXT_CHECKS = tuple(check.name for check in text_audit.CHECKS)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one check found. The ids are for the report of the command only."""

    check: Check
    count: int
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """The results of one audit, what it covered in words, and whether it looked at texts."""

    results: tuple[Result, ...]
    coverage: str
    with_texts: bool

    @property
    def errors(self) -> int:
        """Return the number of faults that are errors."""
        return sum(one.count for one in self.results if one.check.severity == "error")

    def counted(self) -> Counted:
        """Return the number of errors, with the count of each check that found something."""
        return Counted(self.errors, **{one.check.name: one.count for one in self.results if one.count})


def audit_data() -> int:
    """Audit what needs no key, and log which checks found something. Return the number of errors."""
    counted = audit().counted()
    if counted.detail:
        log.warning("the data audit found something", **counted.detail, look="python -m workers duty audit_data")
    return counted


def audit(*, with_texts: bool = False, whole_history: bool = False, now: datetime | None = None) -> Report:
    """Run every check and return the report.

    Of the history before the last two days one slice of a day is looked at, another one each hour. `with_texts` decrypts a
    sample, so it needs the keys and the log-in of a worker. Raises MasterKeyMissing then.
    """
    now = now or datetime.now(UTC)
    windows, coverage = _windows(now, whole_history=whole_history)
    unbounded = data_audit.Window(since=data_audit.FOREVER if whole_history else windows[0].since, until=now)
    results = [_run(check, windows if check.windowed else [unbounded]) for check in data_audit.CHECKS]
    with session():
        misplaced = [one.name for one in upkeep.list_misplaced_partitions()]
    results.append(Result(check=MISPLACED, count=len(misplaced), ids=tuple(misplaced[:MOST_IDS])))
    if with_texts:
        results += _audit_texts(_spans(windows))
        coverage += f"; texts: up to {SAMPLE} versions of each, picked by chance"
    return Report(results=tuple(results), coverage=coverage, with_texts=with_texts)


def _windows(now: datetime, *, whole_history: bool) -> tuple[list[Window], str]:
    with session():
        begins = data_audit.history_begins()
    windows = [data_audit.recent(now)]
    number_of_slices = data_audit.slices(begins=begins, now=now) if begins else 0
    if not begins or number_of_slices == 0:
        return windows, "the last two days, which is the whole history"
    if whole_history:
        windows += [data_audit.slice_of(begins=begins, now=now, number=number) for number in range(number_of_slices)]
        return windows, f"the whole history since {begins:%Y-%m-%d}"
    chosen = data_audit.slice_of(begins=begins, now=now, number=int(now.timestamp() // HOUR) % number_of_slices)
    windows.append(chosen)
    return windows, (
        f"the last two days and the day from {chosen.since:%Y-%m-%d %H:%M} UTC; "
        f"an hourly run covers the whole history, {number_of_slices} days, in {number_of_slices} hours"
    )


def _spans(windows: list[Window]) -> list[Window]:
    """Return the last two days, and in one span the history that the other windows cover."""
    recent, *history = windows
    return [recent, Window(since=history[0].since, until=history[-1].until)] if history else [recent]


def _run(check: Check, windows: Iterable[Window]) -> Result:
    count = 0
    ids: tuple[str, ...] = ()
    for window in windows:
        with session(answer_seconds=LONG_ANSWER_SECONDS):
            found = data_audit.find(check, window)
        count, ids = count + found.count, (*ids, *found.ids)
    return Result(check=check, count=count, ids=ids[:MOST_IDS])


def _audit_texts(windows: Iterable[Window]) -> list[Result]:
    found: dict[str, list[str]] = {check.name: [] for check in text_audit.CHECKS}
    for window in windows:
        with session():
            picked = data_audit.sample_versions(window, most=SAMPLE)
        for org, submission in picked:
            with session(org=org):
                for check, row_id in text_audit.check_version(submission, org=org):
                    found[check.name].append(str(row_id))
    return [
        Result(check=check, count=len(found[check.name]), ids=tuple(found[check.name][:MOST_IDS]))
        for check in text_audit.CHECKS
    ]


def clean_orphans(*, delete: bool, limit: int, now: datetime | None = None) -> list[Result]:
    """Return what would be deleted of the orphans in the whole history, by check; with `delete`, delete it in steps first."""
    now = now or datetime.now(UTC)
    windows = _windows(now, whole_history=True)[0]
    results = []
    for check in data_audit.CHECKS:
        if check.name not in data_audit.CLEANABLE:
            continue
        found = _run(check, windows)
        if delete:
            found = Result(check=check, count=sum(_delete_all(check, window, limit) for window in windows))
        results.append(found)
    return results


def _delete_all(check: Check, window: Window, limit: int) -> int:
    deleted = 0
    while True:
        with session(answer_seconds=LONG_ANSWER_SECONDS):
            step = data_audit.delete_orphans(check.name, window, limit=limit)
        deleted += step
        if step < limit:
            return deleted
