"""Read what a Moodle site says about assignments, hand-ins, people and comments.

What is not shaped as Moodle's answers are raises LmsError: it must never be read as "there is nothing".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workers.lms.answers import read_number, read_words, reading
from workers.lms.hand_in import Content, HandedInFile

# Moodle's warning for an assignment in which nothing was handed in. Any other says that the token may not look.
NOTHING_HANDED_IN = "3"
ONLINE_TEXT, FILES = "onlinetext", "file"
SUBMITTED = "submitted"
# Of Moodle's formats of a text: 1 is HTML, and 0 is text in which some HTML may stand.
PLAIN_FORMATS = (2, 4)


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """An assignment of a Moodle site. `module` is the id that comments are filed under."""

    id: int
    module: int
    title: str
    course: int
    course_name: str


@dataclass(frozen=True, kw_only=True)
class HandIn:
    """What a student has handed in for an assignment. `changed_at` is the only thing that always changes with an edit."""

    id: int
    assignment: int
    user: int
    attempt: int
    changed_at: datetime
    is_submitted: bool
    content: Content

    @property
    def version_key(self) -> str:
        """Return what tells this version from every other one of the site, for ever."""
        return f"{self.assignment}:{self.id}:{self.attempt}:{int(self.changed_at.timestamp())}"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """The hand-ins of some assignments, and which assignments the token may not look into.

    `unread` are assignments that there was no time for, or not for all of their hand-ins; in those of `too_large`, a hand-in alone
    is larger than an answer may be.
    """

    hand_ins: tuple[HandIn, ...] = ()
    looked_into: frozenset[int] = frozenset()
    closed: frozenset[int] = frozenset()
    unread: frozenset[int] = frozenset()
    too_large: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class MoodlePerson:
    """A person as the site shows them to the token. `sis_id` is None unless the site shows ID numbers to it."""

    id: int
    name: str | None
    sis_id: str | None


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment on a hand-in, as the HTML that Moodle makes of it."""

    id: int
    html: str


def read_assignments(answer: Any) -> list[Assignment]:
    """Return the assignments in an answer of mod_assign_get_assignments. Those of groups are left out: they have no one author."""
    with reading("mod_assign_get_assignments"):
        return [
            Assignment(
                id=read_number(one["id"]),
                module=read_number(one["cmid"]),
                title=read_words(one["name"]),
                course=read_number(course["id"]),
                course_name=read_words(course["fullname"]),
            )
            for course in answer["courses"]
            for one in course["assignments"]
            if not one.get("teamsubmission")
        ]


def read_hand_ins(answer: Any) -> Listed:
    """Return the hand-ins in an answer of mod_assign_get_submissions."""
    with reading("mod_assign_get_submissions"):
        hand_ins = [
            _read_hand_in(found, assignment=read_number(one["assignmentid"]))
            for one in answer["assignments"]
            for found in one["submissions"]
        ]
        looked_into = {read_number(one["assignmentid"]) for one in answer["assignments"]}
        closed: set[int] = set()
        for warning in answer["warnings"]:
            asked = read_number(warning["itemid"])
            (looked_into if str(warning["warningcode"]) == NOTHING_HANDED_IN else closed).add(asked)
        return Listed(
            hand_ins=tuple(hand_ins), looked_into=frozenset(looked_into), closed=frozenset(closed - looked_into)
        )


def read_person(answer: Any, *, user: int) -> MoodlePerson | None:
    """Return the person in an answer of core_user_get_users_by_field, or None when the site does not show them."""
    with reading("core_user_get_users_by_field"):
        for one in answer:
            if read_number(one["id"]) == user:
                name, sis_id = (
                    read_words(one.get(member) or "").strip() or None for member in ("fullname", "idnumber")
                )
                return MoodlePerson(id=user, name=name, sis_id=sis_id)
    return None


def read_comments(answer: Any) -> tuple[list[Comment], int]:
    """Return the comments in an answer of core_comment_get_comments, and how many there are on all pages."""
    with reading("core_comment_get_comments"):
        comments = [Comment(id=read_number(one["id"]), html=str(one["content"])) for one in answer["comments"]]
        return comments, read_number(answer.get("count", len(comments)))


def read_added_comment(answer: Any) -> int:
    """Return the id of the comment in an answer of core_comment_add_comments."""
    with reading("core_comment_add_comments"):
        return read_number(answer[0]["id"])


def _read_hand_in(found: Mapping[str, Any], *, assignment: int) -> HandIn:
    plugins = {one["type"]: one for one in found.get("plugins", ())}
    text, text_format = _online_text(plugins.get(ONLINE_TEXT, {}))
    return HandIn(
        id=read_number(found["id"]),
        assignment=assignment,
        user=read_number(found["userid"]),
        attempt=read_number(found["attemptnumber"]),
        changed_at=datetime.fromtimestamp(read_number(found["timemodified"]), UTC),
        is_submitted=found["status"] == SUBMITTED,
        content=Content(
            text=text, text_is_plain=text_format in PLAIN_FORMATS, files=tuple(_files(plugins.get(FILES, {})))
        ),
    )


def _online_text(plugin: Mapping[str, Any]) -> tuple[str, int]:
    for field in plugin.get("editorfields", ()):
        if field["name"] == ONLINE_TEXT:
            return read_words(field["text"] or ""), read_number(field["format"])
    return "", 1


def _files(plugin: Mapping[str, Any]) -> Iterator[HandedInFile]:
    for area in plugin.get("fileareas", ()):
        for one in area.get("files", ()):
            yield HandedInFile(
                name=read_words(one["filename"]), url=read_words(one["fileurl"]), size=read_number(one["filesize"])
            )
