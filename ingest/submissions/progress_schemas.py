"""What became of comments on earlier drafts, as it is sent."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ingest.web.schemas import Span

Resolution = Literal["open", "addressed", "persisting", "moot"]


class CurrentPlace(BaseModel):
    """Where a comment that persists stands in the newest version."""

    comment_id: UUID
    span: Span


class EarlierComment(BaseModel):
    """A comment on an earlier version and what became of it."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    submission_id: UUID
    version: int
    pass_: Annotated[str, Field(alias="pass")]
    type: str
    kind: Literal["praise", "issue", "question"]
    severity: Literal["info", "minor", "major"]
    span: Annotated[Span, Field(description="in the text of its own version")]
    message: str
    next_step: str
    resolution: Annotated[
        Resolution,
        Field(
            description="addressed: its words were rewritten, or a reader finds it settled; persisting: it still stands; moot: what it "
            "was about is gone; open: not decided yet, or its words were never found in the text"
        ),
    ]
    now: Annotated[CurrentPlace | None, Field(description="only while it persists")]
    decided_in_version: int | None


class ResolutionCounts(BaseModel):
    """How many of the earlier comments came to which end."""

    addressed: int
    persisting: int
    moot: int
    open: int


class Progress(BaseModel):
    """Every comment on earlier versions of an essay, once, with its fate in the newest."""

    essay_id: UUID
    submission_id: Annotated[UUID, Field(description="the newest version")]
    version: int
    status: str
    counts: ResolutionCounts
    new_comments: Annotated[int, Field(description="comments on the newest version that no earlier one had")]
    comments: list[EarlierComment]
