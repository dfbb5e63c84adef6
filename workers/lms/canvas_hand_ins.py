"""Ask a Canvas site for an assignment and for what was handed in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from workers.lms.canvas import Canvas
from workers.lms.canvas_reading import (
    Assignment,
    HandIn,
    Listed,
    read_assignment,
    read_course_of,
    read_hand_in,
    read_list,
)
from workers.lms.errors import LmsError, Trouble

# A course has fewer hand-ins in a month. More of them could fill the memory.
MOST_LISTED = 5_000
# Only GraphQL finds the course of an assignment; REST does not.
COURSE_OF = "query($id: ID!) { assignment(id: $id) { course { _id } } }"


def find_course(canvas: Canvas, *, assignment: str) -> str:
    """Return the id of an assignment's course. Raises LmsError."""
    answer = canvas.post("/api/graphql", [("query", COURSE_OF), ("variables[id]", assignment)], about="graphql")
    return read_course_of(answer)


def fetch_assignment(canvas: Canvas, *, course: str, assignment: str) -> Assignment:
    """Return an assignment. Raises LmsError."""
    return read_assignment(canvas.get(f"/api/v1/courses/{course}/assignments/{assignment}", about="assignment"))


def fetch_hand_in(canvas: Canvas, *, course: str, assignment: str, user: str) -> HandIn:
    """Return what this student has handed in, as it is now. Raises LmsError."""
    include = [("include[]", "user"), ("include[]", "course")]
    return read_hand_in(canvas.get(submission_path(course, assignment, user), include, about="submission"))


def list_hand_ins(canvas: Canvas, *, course: str, since: datetime) -> Iterator[Listed]:
    """Yield what was handed in in a course since then, without its text. Raises LmsError."""
    query = [
        ("student_ids[]", "all"), ("submitted_since", since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")), ("include[]", "group"),
        ("exclude_response_fields[]", "body"), ("exclude_response_fields[]", "attachments"), ("per_page", "100"),
    ]  # fmt: skip
    listed = 0
    for page in canvas.pages(f"/api/v1/courses/{course}/students/submissions", query, about="submissions"):
        for one in read_list(page):
            if one.submitted_at is not None and one.submitted_at >= since:
                listed += 1
                yield one
        if listed > MOST_LISTED:
            raise LmsError(Trouble.TOO_LARGE, "submissions")


def submission_path(course: str, assignment: str, user: str) -> str:
    """Return where the API keeps what this student has handed in."""
    return f"/api/v1/courses/{course}/assignments/{assignment}/submissions/{user}"
