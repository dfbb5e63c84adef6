"""Response models of the review queue, the disagreements and the comment types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ingest.feedback.schemas import Pass
from ingest.web.schemas import Cursor, Share


class ListedComment(BaseModel):
    """A comment in a list, with the student and the essay that it is about. An edited comment has the texts of the edit."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    submission_id: UUID
    essay_id: UUID
    assignment_id: UUID | None
    course_id: UUID | None
    student_id: UUID
    student_name: str | None
    pass_: Pass
    type: str
    kind: Literal["praise", "issue", "question"]
    severity: Literal["info", "minor", "major"]
    quote: Annotated[str, Field(description="the passage; when `match` is none, what the model claimed to quote")]
    match: Literal["exact", "normalised", "none"]
    message: str
    next_step: str
    suggestions: list[str]
    confidence: Share
    confidence_basis: Literal["measured", "model", "agreement", "default"]
    released: Annotated[bool, Field(description="whether the student sees the comment; false: it is held")]
    created_at: datetime
    decision: Annotated[
        Literal["accepted", "edited", "rejected"] | None,
        Field(description="the newest decision; null: it waits for one"),
    ]
    decided_by: Annotated[UUID | None, Field(description="the educator or admin who decided")]
    decided_at: datetime | None


class ReviewQueue(BaseModel):
    """A page of comments. It may be shorter than `limit`; there are more as long as `next_cursor` is not null."""

    items: list[ListedComment]
    next_cursor: Cursor


class Disagreement(ListedComment):
    """A comment with which its student disagrees."""

    reaction: Literal["disagree"]
    note: Annotated[str | None, Field(description="the student's reason")]
    disagreed_at: datetime


class Disagreements(BaseModel):
    """A page of disagreements, newest first. There are more as long as `next_cursor` is not null."""

    items: list[Disagreement]
    next_cursor: Cursor


class CommentType(BaseModel):
    """A type of comment, and the pass that makes it."""

    model_config = ConfigDict(populate_by_name=True)

    slug: str
    pass_: Pass
    name: str


class CommentTypes(BaseModel):
    """Every type of comment, by pass and in the order of names."""

    items: list[CommentType]
