"""Bring feedback back as one comment on the hand-in, which its student and the teachers see. It leaves the grade alone.

A comment is sent once: whether it is there already is looked up before, by a mark in its text.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.lms.errors import LmsError, Trouble
from workers.lms.moodle import Moodle, Value
from workers.lms.moodle_reading import read_added_comment, read_comments

LIST, ADD = "core_comment_get_comments", "core_comment_add_comments"
COMPONENT, AREA = "assignsubmission_comments", "submission_comments"
# A hand-in with more pages of comments than this is no hand-in of a student.
MAX_PAGES = 100


@dataclass(frozen=True, kw_only=True)
class CommentPlace:
    """Where the comment stands: the module of the assignment, and the hand-in."""

    module: int
    hand_in: int


def find_comment(moodle: Moodle, place: CommentPlace, *, mark: str) -> int | None:
    """Return the id of the comment with this mark, or None when there is none. Raises LmsError."""
    seen = 0
    for page in range(MAX_PAGES):
        parameters: dict[str, Value] = {
            "contextlevel": "module", "instanceid": place.module, "component": COMPONENT, "itemid": place.hand_in, "area": AREA,
            "page": page,
        }  # fmt: skip
        comments, total = read_comments(moodle.call(LIST, parameters))
        for comment in comments:
            if mark in comment.html:
                return comment.id
        seen += len(comments)
        if not comments or seen >= total:
            return None
    raise LmsError(Trouble.TOO_LARGE, LIST)


def add_comment(moodle: Moodle, place: CommentPlace, *, text: str) -> int:
    """Add a comment and return its id. Raises LmsError."""
    values: dict[str, Value] = {
        "contextlevel": "module", "instanceid": place.module, "component": COMPONENT, "content": text, "itemid": place.hand_in,
        "area": AREA,
    }  # fmt: skip
    return read_added_comment(moodle.call(ADD, {f"comments[0][{name}]": value for name, value in values.items()}))
