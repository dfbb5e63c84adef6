"""Response models of passes that people run again or discard: failed ones, and those of another rubric."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ingest.web.schemas import Cursor


class FailedPass(BaseModel):
    """A pass that ended without a result (`gave_up`) and was neither retried nor discarded since."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    submission_id: UUID
    essay_id: UUID
    pass_: Annotated[str, Field(alias="pass")]
    reason: Annotated[str, Field(description="why the last attempt failed")]
    finished_at: datetime


class FailedPassPage(BaseModel):
    """A page of failed passes, newest submission first."""

    items: list[FailedPass]
    next_cursor: Cursor


class Discarded(BaseModel):
    """The number of passes that were discarded."""

    discarded: int


class Stale(BaseModel):
    """The newest versions whose feedback was made with another rubric than the assignment has now. Lists the first 100."""

    stale: Annotated[int, Field(description="the number of all such versions that you may see")]
    submissions: list[UUID]


class Rerun(BaseModel):
    """The passes that are queued again, after all interactive work."""

    passes: Annotated[int, Field(description="how many")]
