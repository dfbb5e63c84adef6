"""What a report holds. The OpenAPI document contains these descriptions; docs/reports.md says what each figure means."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ingest.web.schemas import Share
from models.jobs import PassName

Count = Annotated[int, Field(ge=0)]
Pass = Annotated[PassName, Field(alias="pass")]


class Report(BaseModel):
    """What every report says of itself."""

    data_as_of: Annotated[datetime, Field(description="the figures are those of this moment")]
    generated_at: datetime


class OfType(BaseModel):
    """One type of comment."""

    pass_: Pass
    type: str
    name: Annotated[str, Field(description="the type in words")]


class LeftOut(BaseModel):
    """A part of the report that is left out."""

    part: str
    reason: str


class Struggle(OfType):
    """What newest versions are asked to change."""

    comments: Count
    students: Annotated[int, Field(ge=0, description="how many students have such a comment")]


class FollowThrough(OfType):
    """What the next draft made of the comments on the draft before."""

    addressed: Count
    persisting: Count
    moot: Annotated[int, Field(ge=0, description="the passage is gone")]
    share: Annotated[Share | None, Field(description="addressed, of those addressed or persisting")]


class NotRevised(BaseModel):
    """A student who has feedback on a first version and has not handed in another one."""

    student_id: UUID
    name: Annotated[str, Field(description="empty when no name, LMS id or address is known")]
    essay_id: UUID
    assignment_id: UUID
    assignment: str
    released_at: datetime
    comments: Count


class LevelCount(BaseModel):
    """How many newest versions are on a level of a criterion."""

    criterion_id: UUID
    criterion: str
    level: str
    points: Count
    max_points: Count
    essays: Count


class Waits(BaseModel):
    """How long versions waited for their feedback. Half of them, or nine of ten, at most so many seconds; null: over an hour."""

    read: Count
    p50_seconds: float | None
    p90_seconds: float | None


class Week(BaseModel):
    """The versions of one week."""

    week: Annotated[date, Field(description="its Monday (UTC)")]
    submissions: Count


class CourseReport(Report):
    """How a course is getting on."""

    course_id: UUID
    course: str
    students: Annotated[int, Field(ge=0, description="enrolled students")]
    handed_in: Annotated[int, Field(ge=0, description="students who have handed in")]
    struggles: list[Struggle]
    follow_through: list[FollowThrough]
    not_revised: list[NotRevised]
    not_revised_more: Annotated[bool, Field(description="there are more than `not_revised` lists")]
    criteria: list[LevelCount]
    waits: Waits
    weeks: Annotated[list[Week], Field(description="the last 26 weeks with a submission")]
    left_out: list[LeftOut]


class Level(BaseModel):
    """The level of a criterion in one version."""

    criterion: str
    level: str
    points: Count
    max_points: Count


class Draft(BaseModel):
    """One version of an essay."""

    submission_id: UUID
    version: Annotated[int, Field(ge=1)]
    handed_in_at: datetime
    status: str
    words: Count
    comments: Annotated[int, Field(ge=0, description="problems and questions")]
    praise: Count
    addressed: Annotated[int, Field(ge=0, description="comments of this version that the next one has addressed")]
    persisting: Count
    moot: Count
    levels: list[Level]


class EssayProgress(BaseModel):
    """One essay across its drafts."""

    essay_id: UUID
    assignment_id: UUID | None
    assignment: str | None
    drafts: list[Draft]


class LevelChange(BaseModel):
    """A criterion in the first and in the newest version that has a level for it, over all assignments."""

    criterion: str
    first: Level
    newest: Level


class StudentReport(Report):
    """A student's progress across drafts and assignments."""

    student_id: UUID
    name: str
    essays: list[EssayProgress]
    criteria: list[LevelChange]


class Cost(BaseModel):
    """What the calls of a day came to."""

    day: date
    provider: str
    model: str
    pass_: Pass
    calls: Count
    failed: Count
    input_tokens: Count
    output_tokens: Count
    cache_read_tokens: Count
    cache_write_tokens: Count
    cost_micros: Annotated[int, Field(ge=0, description="millionths of a US dollar")]


class Budget(BaseModel):
    """This month's budget, as of now."""

    monthly_budget_micros: Annotated[int | None, Field(description="null: no limit")]
    spent_this_month_micros: Count
    share: Annotated[float | None, Field(ge=0, description="spent, of the budget")]


class UsageReport(Report):
    """What reading cost."""

    first: date
    last: date
    cost_micros: Count
    calls: Count
    budget: Budget
    days: list[Cost]


class Anchoring(BaseModel):
    """How many comments of a pass have a place in the text."""

    pass_: Pass
    comments: Count
    unanchored: Count
    share: Annotated[Share | None, Field(description="anchored, of all")]


class EndedPasses(BaseModel):
    """How many passes were done, and how many given up."""

    pass_: Pass
    done: Count
    gave_up: Count
    share: Annotated[Share | None, Field(description="given up, of all")]


class Decisions(OfType):
    """What educators decided about comments, and what students said of them."""

    comments: Count
    accepted: Count
    edited: Count
    rejected: Count
    helpful: Count
    not_helpful: Count
    disagreed: Count


class DataAudit(BaseModel):
    """The audit of the whole installation's data."""

    checked_at: Annotated[datetime | None, Field(description="null: not yet")]
    result: Literal["clean", "faults"] | None


class QualityReport(Report):
    """How far feedback and data can be trusted."""

    anchoring: list[Anchoring]
    passes: list[EndedPasses]
    decisions: list[Decisions]
    audit: DataAudit
