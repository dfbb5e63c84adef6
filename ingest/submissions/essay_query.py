"""Read the query of the list of essays: its filters, its order, and the cursor that belongs to the order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

from flask import request

from ingest.submissions.schemas import SubmissionStatus
from ingest.web import pagination
from ingest.web.openapi import Parameter
from ingest.web.pagination import id_filter, id_parameter, invalid_parameter, moment, optional_choice
from models.essay_filters import EssayFilter, Position, Sort
from models.identifiers import fold_identifier

STATUSES = get_args(SubmissionStatus)
SORTS = get_args(Sort)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _text_parameter(name: str, description: str) -> Parameter:
    return Parameter(name=name, where="query", description=description, schema={"type": "string", "maxLength": 255})


PARAMETERS = (
    pagination.LIMIT,
    Parameter(
        name="cursor",
        where="query",
        description="The `next_cursor` of the previous page, with the same filters and `sort`. Leave it out for the first page.",
        schema={"type": "string", "pattern": "^([A-Za-z0-9_-]{22}|[A-Za-z0-9_-]{32})$"},
    ),
    id_parameter("student_id", "Only essays of this student."),
    _text_parameter("student_external_id", "Only essays of the student with this id of the LMS."),
    id_parameter("assignment_id", "Only essays for this assignment."),
    id_parameter("course_id", "Only essays written in this course."),
    Parameter(
        name="status",
        where="query",
        description="Only essays whose newest version has this status.",
        schema={"enum": list(STATUSES)},
    ),
    _text_parameter("external_id", "Only essays with this id of the LMS, that of their first version."),
    Parameter(
        name="since",
        where="query",
        description="Only essays of which a version was handed in at or after this time (`updated_at`).",
        schema={"type": "string", "format": "date-time"},
    ),
    Parameter(
        name="sort",
        where="query",
        description="newest (default): last added first; oldest: first added first; updated: last handed in first.",
        schema={"enum": list(SORTS)},
    ),
)


def read_filter() -> EssayFilter:
    """Return what this request filters by. Raises Problem."""
    return EssayFilter(
        student=id_filter("student_id"),
        student_external_id=_external_id("student_external_id"),
        assignment=id_filter("assignment_id"),
        course=id_filter("course_id"),
        status=optional_choice("status", STATUSES),
        external_id=_external_id("external_id"),
        since=moment("since"),
    )


def read_sort() -> Sort:
    """Return the order of this request, `newest` by default. Raises Problem."""
    return cast("Sort", optional_choice("sort", SORTS) or "newest")


def read_position(sort: Sort) -> Position | None:
    """Return the last essay of the previous page, or None for the first page. Raises Problem."""
    if sort != "updated":
        last = pagination.cursor()
        return None if last is None else Position(id=last, updated_at=None)
    found = pagination.position()
    if found is None:
        return None
    microseconds, essay = found
    return Position(id=essay, updated_at=EPOCH + timedelta(microseconds=microseconds))


def cursor_of(sort: Sort) -> Callable[[dict[str, Any]], str]:
    """Return the function that gives the cursor for the page after an essay."""
    if sort != "updated":
        return lambda essay: pagination.next_cursor(essay["id"])
    return lambda essay: pagination.position_cursor(
        (essay["updated_at"] - EPOCH) // timedelta(microseconds=1), essay["id"]
    )


def _external_id(name: str) -> str | None:
    value = request.args.get(name)
    if value is None:
        return None
    if len(value) > 255 or "\0" in value:
        raise invalid_parameter(name, "must have at most 255 characters and no U+0000")
    try:
        folded = fold_identifier(value)
    except ValueError as error:
        raise invalid_parameter(name, f"is not usable: {error}") from None
    if not folded:
        raise invalid_parameter(name, "has no visible character")
    return folded
