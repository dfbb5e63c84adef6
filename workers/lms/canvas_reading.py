"""Read what a Canvas site says about assignments, hand-ins and comments.

What is not shaped as Canvas's answers are raises LmsError: it must never be read as "there is nothing".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workers.lms.answers import read_number, read_words, reading
from workers.lms.errors import LmsError, Trouble
from workers.lms.hand_in import Content, HandedInFile

UNSUBMITTED = "unsubmitted"


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """An assignment of a Canvas site."""

    title: str


@dataclass(frozen=True, kw_only=True)
class HandIn:
    """What a student has handed in for an assignment: the newest attempt. `attempt` is 0 when there is none."""

    attempt: int
    submitted_at: datetime | None
    content: Content
    course_name: str | None
    person_name: str | None
    sis_id: str | None

    @property
    def is_submitted(self) -> bool:
        """Return whether anything is handed in now."""
        return self.attempt > 0 and self.submitted_at is not None


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A hand-in in a list: the newest attempt of a student, or of a group. `kind` is Canvas's type of submission."""

    submission: str
    assignment: str
    user: str
    group: str | None
    attempt: int
    submitted_at: datetime | None
    kind: str | None
    state: str


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment on a hand-in."""

    id: str
    text: str


def read_course_of(answer: Any) -> str:
    """Return the id of the course in an answer of GraphQL about an assignment. Raises LmsError, GONE when there is none."""
    with reading("graphql"):
        assignment = answer["data"]["assignment"]
        if assignment is None:
            raise LmsError(Trouble.GONE, "graphql")
        return _id(assignment["course"]["_id"])


def read_assignment(answer: Any) -> Assignment:
    """Return the assignment in an answer."""
    with reading("assignment"):
        return Assignment(title=read_words(answer["name"]))


def read_hand_in(answer: Any) -> HandIn:
    """Return the hand-in in an answer about a submission with its user and its course."""
    with reading("submission"):
        person, submitted_at = answer.get("user") or {}, answer["submitted_at"]
        return HandIn(
            attempt=_number(answer["attempt"] or 0),
            submitted_at=None if answer["workflow_state"] == UNSUBMITTED else _moment(submitted_at),
            content=Content(
                text=read_words(answer["body"] or ""),
                text_is_plain=False,
                files=tuple(_file(one) for one in answer.get("attachments") or ()),
            ),
            course_name=_words_or_none((answer.get("course") or {}).get("name")),
            person_name=_words_or_none(person.get("name")),
            sis_id=_words_or_none(person.get("sis_user_id")),
        )


def read_list(answer: Any) -> list[Listed]:
    """Return the hand-ins in a page of a course's list, which names their groups."""
    with reading("submissions"):
        return [
            Listed(
                submission=_id(one["id"]),
                assignment=_id(one["assignment_id"]),
                user=_id(one["user_id"]),
                group=None if one["group"]["id"] is None else _id(one["group"]["id"]),
                attempt=_number(one["attempt"] or 0),
                submitted_at=_moment(one["submitted_at"]),
                kind=one["submission_type"],
                state=one["workflow_state"],
            )
            for one in answer
            # An assignment that is graded without names has hand-ins of nobody.
            if one.get("user_id") is not None
        ]


def read_comments(answer: Any) -> list[Comment]:
    """Return the comments in an answer about a submission."""
    with reading("submission"):
        return [
            Comment(id=_id(one["id"]), text=read_words(one["comment"] or "")) for one in answer["submission_comments"]
        ]


def _file(found: Mapping[str, Any]) -> HandedInFile:
    return HandedInFile(name=read_words(found["display_name"]), url=str(found["url"]), size=_number(found["size"]))


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    found = datetime.fromisoformat(value)
    if found.tzinfo is None or not 1 < found.year < 9999:
        raise ValueError
    return found.astimezone(UTC)


def _id(value: Any) -> str:
    return str(_number(value))


def _number(value: Any) -> int:
    """Return an id or a count. Canvas sends ids as text when asked to."""
    return read_number(value, least=0)


def _words_or_none(value: Any) -> str | None:
    return (read_words(value).strip() or None) if isinstance(value, str) else None
