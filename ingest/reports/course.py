"""Build the report about a course."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from ingest.reports import schemas
from models import people_of_course, report_figures, reports
from models.report_figures import MOST_NAMES, Reader

VIEWS = ("report_types", "report_comments", "report_progress", "report_criteria", "report_submissions")
# Groups of fewer students are not compared: each of them would be recognised.
SMALLEST_GROUP = 5
MOST_STRUGGLES = 10
WEEKS = 26
READ = ("completed", "partial")
FEW = f"fewer than {SMALLEST_GROUP} students have handed in"
FEW_ESSAYS = f"fewer than {SMALLEST_GROUP} essays have a level"


def build(course: UUID, *, reader: Reader) -> schemas.CourseReport:
    """Return the report. Needs an open session of the reader. Raises NotFound, FiguresMissing."""
    found = report_figures.fetch_course(course, reader=reader)
    data_as_of = reports.age_of(*VIEWS)
    handed_in = report_figures.handed_in(course, reader=reader)
    days = report_figures.days(course, reader=reader)
    waiting = _not_revised(course, reader)
    compared, left_out = _compared(course, reader, handed_in=handed_in)
    return schemas.CourseReport.model_validate(
        {
            "data_as_of": data_as_of, "generated_at": datetime.now(UTC),
            "course_id": course, "course": found["name"], "students": found["students"], "handed_in": handed_in,
            **compared, "not_revised": waiting[:MOST_NAMES], "not_revised_more": len(waiting) > MOST_NAMES,
            "waits": waits(days, report_figures.wait_bounds()), "weeks": _weeks(days), "left_out": left_out,
        }
    )  # fmt: skip


def _compared(course: UUID, reader: Reader, *, handed_in: int) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Return the parts that compare students, and what is left out of them with the reason."""
    if handed_in < SMALLEST_GROUP:
        parts = ("struggles", "follow_through", "criteria")
        return dict.fromkeys(parts, ()), [{"part": part, "reason": FEW} for part in parts]
    levels = report_figures.criteria(course, reader=reader)
    essays: Counter[UUID] = Counter()
    for level in levels:
        essays[level["criterion_id"]] += level["essays"]
    small = {one["criterion_id"]: one["criterion"] for one in levels if essays[one["criterion_id"]] < SMALLEST_GROUP}
    compared = {
        "struggles": report_figures.struggles(course, reader=reader)[:MOST_STRUGGLES],
        "follow_through": [_followed(one) for one in report_figures.follow_through(course, reader=reader)],
        "criteria": [one for one in levels if one["criterion_id"] not in small],
    }
    return compared, [{"part": f"criteria: {name}", "reason": FEW_ESSAYS} for name in small.values()]


def _followed(found: dict[str, Any]) -> dict[str, Any]:
    counts = {name: found[name] or 0 for name in ("addressed", "persisting", "moot")}
    return {**found, **counts, "share": share(counts["addressed"], counts["addressed"] + counts["persisting"])}


def _not_revised(course: UUID, reader: Reader) -> list[dict[str, Any]]:
    found = report_figures.not_revised(course, reader=reader)
    names = people_of_course.fetch_names({one["user_id"] for one in found}, org=reader.org)
    return [{**one, "student_id": one["user_id"], "name": names.get(one["user_id"], "")} for one in found]


def waits(days: list[dict[str, Any]], bounds: list[float]) -> dict[str, Any]:
    """Return how many versions were read, and in which time at most half of them and nine of ten were."""
    read = [one for one in days if one["status"] in READ]
    total = sum(one["waits"] for one in read)
    within = [sum(counts) for counts in zip(*(one["wait_buckets"] for one in read), strict=True)]
    return {
        "read": total,
        "p50_seconds": percentile(within, bounds, total=total, part=0.5),
        "p90_seconds": percentile(within, bounds, total=total, part=0.9),
    }


def percentile(within: list[int], bounds: list[float], *, total: int, part: float) -> float | None:
    """Return the least bound within which this part of all lies, or None when no bound does. `within` counts values up to each bound."""
    if not total:
        return None
    return next((bound for bound, count in zip(bounds, within, strict=True) if count >= part * total), None)


def _weeks(days: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counts: Counter[date] = Counter()
    for one in days:
        counts[one["day"] - timedelta(days=one["day"].weekday())] += one["submissions"]
    return [{"week": week, "submissions": counts[week]} for week in sorted(counts)[-WEEKS:]]


def share(part: int, whole: int) -> float | None:
    """Return the part as a share of the whole to three places, or None of nothing."""
    return round(part / whole, 3) if whole else None
