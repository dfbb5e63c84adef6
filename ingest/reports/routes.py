"""Ask for a report: JSON, CSV by `Accept: text/csv`, or a page by `Accept: text/html`.

Each request leaves a row in `reports`, and one of staff an audit entry.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, request
from pydantic import TypeAdapter, ValidationError
from werkzeug.datastructures import MIMEAccept

from ingest.reports import course, quality, schemas, student, usage
from ingest.reports.csv import to_csv
from ingest.web.access_log import note_read
from ingest.web.identity import Identity, admin, identity, is_staff, staff
from ingest.web.openapi import Parameter, operation
from ingest.web.pagination import invalid_parameter
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from models import reports
from models.report_figures import Reader

blueprint = Blueprint("reports", __name__)

CSV, HTML = "text/csv", "text/html"
VARY = {200: {"Vary": "Accept: the answer may be JSON, CSV or a page"}}
DEFAULT_DAYS, MOST_DAYS = 30, 366
_DATE: TypeAdapter[date] = TypeAdapter(date)


def _day_parameter(name: str, description: str) -> Parameter:
    return Parameter(name=name, where="query", description=description, schema={"type": "string", "format": "date"})


SPAN = (
    _day_parameter("from", f"The first day (UTC). Left out: {DEFAULT_DAYS} days before `to`."),
    _day_parameter("to", f"The last day (UTC), at most {MOST_DAYS} days after the first. Left out: today."),
)


@blueprint.get("/v1/reports/courses/<uuid:course_id>")
@operation(
    "Get the report about a course",
    answers={200: schemas.CourseReport},
    problems=("forbidden", "report-not-ready"),
    also_as=(CSV, HTML),
    headers=VARY,
)
def report_course(course_id: UUID) -> Response:
    """Return what a course struggles with, what it made of comments, who has not revised, levels, waits and submissions.

    Of your courses (admins: of the org). What compares students is left out while fewer than five have handed in.
    """
    return _answer(ask_course(staff(), course_id))


def ask_course(who: Identity, course_id: UUID) -> schemas.CourseReport:
    """Return the report about a course as this person may see it, and record who asked. Raises NotFound, FiguresMissing."""
    with who.session():
        report = course.build(course_id, reader=_reader(who))
        reports.record("course", **_asked(who, report), audited=True, course_id=course_id)
    return report


@blueprint.get("/v1/reports/students/<uuid:student_id>")
@operation(
    "Get the report about a student",
    answers={200: schemas.StudentReport},
    problems=("forbidden", "report-not-ready"),
    also_as=(CSV, HTML),
    headers=VARY,
)
def report_student(student_id: UUID) -> Response:
    """Return a student's progress across drafts and assignments: of your courses (admins: of the org; students: your own, released)."""
    who = identity(api_keys=False)
    if not is_staff(who) and who.user != student_id:
        raise Problem("forbidden", "A student may read the report about themselves only.")
    return _answer(ask_student(who, student_id))


def ask_student(who: Identity, student_id: UUID) -> schemas.StudentReport:
    """Return the report about a student as this person may see it, and record who asked. Raises NotFound, FiguresMissing."""
    with who.session():
        report = student.build(student_id, reader=_reader(who))
        note_read(who, entity="user", entity_id=student_id, person=student_id)
        reports.record("student", **_asked(who, report), student=student_id)
    return report


@blueprint.get("/v1/reports/usage")
@operation(
    "Get the report about usage and cost",
    answers={200: schemas.UsageReport},
    parameters=SPAN,
    problems=("invalid-payload", "forbidden", "report-not-ready"),
    also_as=(CSV, HTML),
    headers=VARY,
)
def report_usage() -> Response:
    """Return calls, tokens and cost by day, provider, model and pass, and this month's budget. Admins only."""
    return _answer(ask_usage(admin()))


def ask_usage(who: Identity) -> schemas.UsageReport:
    """Return the report about usage in the days that this request asks for, and record who asked. Raises Problem, FiguresMissing."""
    first, last = _span()
    with who.session():
        report = usage.build(first, last, reader=_reader(who))
        reports.record("usage", **_asked(who, report), first=first.isoformat(), last=last.isoformat())
    return report


@blueprint.get("/v1/reports/quality")
@operation(
    "Get the report about quality",
    answers={200: schemas.QualityReport},
    problems=("forbidden", "report-not-ready"),
    also_as=(CSV, HTML),
    headers=VARY,
)
def report_quality() -> Response:
    """Return how often comments found their place, passes were given up, and educators and students agreed. Admins only."""
    return _answer(ask_quality(admin()))


def ask_quality(who: Identity) -> schemas.QualityReport:
    """Return the report about quality, and record who asked. Raises FiguresMissing."""
    with who.session():
        report = quality.build(reader=_reader(who))
        reports.record("quality", **_asked(who, report))
    return report


def _reader(who: Identity) -> Reader:
    return Reader(org=who.org, role=who.role)


def _asked(who: Identity, report: schemas.Report) -> dict[str, Any]:
    assert who.user is not None
    return {"org": who.org, "user": who.user, "data_as_of": report.data_as_of}


def _answer(report: schemas.Report) -> Response:
    """Return the report in the form that the client prefers; JSON when it does not mind."""
    # A parameter, as in `text/csv; charset=utf-8`, asks for no other form.
    accepted = MIMEAccept([(kind.partition(";")[0].rstrip(), quality) for kind, quality in request.accept_mimetypes])
    match accepted.best_match(["application/json", CSV, HTML], default="application/json"):
        case "text/csv":
            response = Response(to_csv(report), content_type=f"{CSV}; charset=utf-8")
        case "text/html":
            response = current_app.extensions["essaycoach.report_page"](report)
        case _:
            response = json_response(report)
    response.headers["Vary"] = "Accept"
    return response


def _span() -> tuple[date, date]:
    last = _day("to") or datetime.now(UTC).date()
    first = _day("from")
    if first is None:
        first = max(last, date.min + timedelta(days=DEFAULT_DAYS)) - timedelta(days=DEFAULT_DAYS)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise invalid_parameter("from", f"must be at most {MOST_DAYS} days before the last day, and not after it")
    return first, last


def _day(name: str) -> date | None:
    value = request.args.get(name)
    if value is None:
        return None
    try:
        if len(value) != len("2026-11-29"):
            raise ValueError
        return _DATE.validate_python(value)
    except (ValidationError, ValueError):
        raise invalid_parameter(name, "must be a date such as 2026-11-29") from None
