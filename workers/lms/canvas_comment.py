"""Bring feedback back as one comment on the hand-in, which its student (or group) and the teachers see. It leaves the grade alone.

A comment is sent once: whether it is there already is looked up before, by a mark in its text.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.lms.canvas import Canvas
from workers.lms.canvas_hand_ins import submission_path
from workers.lms.canvas_reading import read_comments
from workers.lms.errors import LmsError, Trouble


@dataclass(frozen=True, kw_only=True)
class CommentPlace:
    """Where the comment stands: the hand-in, and the attempt that it is about. `to_group`: all members of its group see it."""

    course: str
    assignment: str
    user: str
    attempt: int
    to_group: bool

    @property
    def path(self) -> str:
        """Return where the API keeps the hand-in."""
        return submission_path(self.course, self.assignment, self.user)


def find_comment(canvas: Canvas, place: CommentPlace, *, mark: str) -> str | None:
    """Return the id of the comment with this mark, or None when there is none. Raises LmsError."""
    answer = canvas.get(place.path, [("include[]", "submission_comments")], about="submission")
    return next((one.id for one in read_comments(answer) if mark in one.text), None)


def add_comment(canvas: Canvas, place: CommentPlace, *, text: str, mark: str) -> str:
    """Add a comment with this mark and return its id. Raises LmsError."""
    fields = [("comment[text_comment]", text), ("comment[attempt]", str(place.attempt))]
    if place.to_group:
        fields.append(("comment[group_comment]", "true"))
    answer = canvas.put(place.path, fields, about="comment")
    for one in read_comments(answer):
        if mark in one.text:
            return one.id
    # The next attempt finds it.
    raise LmsError(Trouble.UNREADABLE, "comment")
