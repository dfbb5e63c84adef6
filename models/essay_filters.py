"""Which essays a list holds and in which order, as SQL. Every order has its own keyset, so that pages neither skip nor repeat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models.crypto import keyring

Sort = Literal["newest", "oldest", "updated"]


@dataclass(frozen=True, kw_only=True)
class Position:
    """The last essay of the previous page. `updated_at` is needed for the order `updated`."""

    id: UUID
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class EssayFilter:
    """What the essays of a list have in common; None does not matter. External ids are folded."""

    student: UUID | None = None
    student_external_id: str | None = None
    assignment: UUID | None = None
    course: UUID | None = None
    status: str | None = None
    external_id: str | None = None
    since: datetime | None = None


# The condition on audience_id finds the course by an index; it also names a student's essays without a course.
_CONDITIONS = {
    "student": "e.user_id = %(student)s",
    "student_external_id": (
        "e.user_id = (select u.id from users as u where u.org_id = %(org)s and u.external_id_digest = %(student_digest)s)"
    ),
    "assignment": "e.assignment_id = %(assignment)s",
    "course": "e.audience_id = %(course)s and e.course_id = %(course)s",
    "status": "s.status = %(status)s",
    "external_id": "e.external_id = %(external_id)s",
    "since": "e.updated_at >= %(since)s",
}
_AFTER: dict[Sort, str] = {
    "newest": "e.id < %(after)s",
    "oldest": "e.id > %(after)s",
    "updated": "(e.updated_at, e.id) < (%(after_updated_at)s, %(after)s)",
}
_ORDERS: dict[Sort, str] = {"newest": "e.id desc", "oldest": "e.id", "updated": "e.updated_at desc, e.id desc"}


def to_sql(
    wanted: EssayFilter, *, org: UUID, sort: Sort, after: Position | None
) -> tuple[list[str], str, dict[str, Any]]:
    """Return the conditions on `essays as e` and its newest version `s`, the order, and the values of both."""
    values: dict[str, Any] = {name: value for name in _CONDITIONS if (value := getattr(wanted, name)) is not None}
    conditions = [_CONDITIONS[name] for name in values]
    if wanted.student_external_id is not None:
        values["student_digest"] = keyring().external_id_index(wanted.student_external_id, org=org)
    if after is not None:
        conditions.append(_AFTER[sort])
        values |= {"after": after.id, "after_updated_at": after.updated_at}
    return conditions, _ORDERS[sort], values
