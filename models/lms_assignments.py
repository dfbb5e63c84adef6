"""Assignments that an LMS names by its own ids, added on first sight together with their course."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models.constraints import translate_violations
from models.db import row
from models.errors import Invalid, NotFound

# The longest title and name that the tables hold; what the LMS sends is cut there.
TITLE_LENGTH = 500
NAME_LENGTH = 200

# Why `place_assignment` found no assignment, each with its field and what to do.
REFUSALS = {
    "unknown": ("/assignment/external_id", "is not the assignment with this assignment_id"),
    "not_allowed": (
        "/assignment/external_id",
        "is not known here, and this source or API key may not add assignments: add it first, or let an admin set creates_courses",
    ),
    "ambiguous": ("/assignment/external_id", "is an id of several sources: send assignment_id instead"),
    "ambiguous_course": ("/assignment/course/external_id", "is an id of several sources: send assignment_id instead"),
    "course_needed": (
        "/assignment/course/external_id",
        "is needed the first time this assignment is named: in which course is it?",
    ),
    "other_course": ("/assignment/course/external_id", "is not the course of this assignment"),
}
UNKNOWN_COURSE = "This course is not known here, and your LMS may not add courses. Ask an admin of your school."
RULES = {"assignments_title_not_blank": "/assignment/title", "courses_name_not_blank": "/assignment/course/name"}


@dataclass(frozen=True, kw_only=True)
class LmsAssignment:
    """An assignment as an LMS names it. Ids are folded. Title and name count only when the assignment or course is added."""

    external_id: str
    title: str | None = None
    course: str | None = None
    course_name: str | None = None


def place_course(external_id: str, name: str) -> UUID:
    """Return the course that the acting platform means, and add it when the platform may. Call it as ec_lms. Raises NotFound."""
    with translate_violations(fields=RULES, thing="course"):
        found = row("select place_lms_course(%s, %s) as id", (external_id, name[:NAME_LENGTH]))
    if found is None or found["id"] is None:
        raise NotFound(UNKNOWN_COURSE)
    return UUID(str(found["id"]))


def place_assignment(wanted: LmsAssignment, *, known: UUID | None = None) -> UUID:
    """Return the assignment that the acting source or API key means, and add it with its course when it may. Call it as ec_lms.

    With `known`, only this assignment is acceptable and nothing is added. Concurrent equal calls add one assignment.
    Raises Invalid.
    """
    with translate_violations(fields=RULES, thing="assignment"):
        found = row(
            "select * from place_assignment(%s, %s, %s, %s, %s)",
            (
                wanted.external_id,
                (wanted.title or wanted.external_id)[:TITLE_LENGTH],
                wanted.course,
                (wanted.course_name or wanted.course or "")[:NAME_LENGTH],
                known is None,
            ),
        )
    if found is None or (found["refusal"] is None and found["assignment_id"] is None):
        raise NotFound("The assignment was deleted while it was looked up. Send it again.")
    if found["refusal"] is None and known in (None, found["assignment_id"]):
        return UUID(str(found["assignment_id"]))
    refusal = found["refusal"] or "unknown"
    raise Invalid("The assignment cannot be used.", errors=[REFUSALS[refusal]])
