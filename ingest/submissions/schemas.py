"""Request and response models of submissions, essays and failed passes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictStr,
    StringConstraints,
)

from ingest.web.schemas import MAX_CHARACTERS, Cursor, ExternalId, Id, Language, Moment, Prompt, RequestBody, Short


class Student(BaseModel):
    """The student as the LMS knows them."""

    external_id: ExternalId
    name: Short | None = None
    email: Annotated[StrictStr, StringConstraints(min_length=3, max_length=254, pattern=r"@")] | None = None


class Submission(BaseModel):
    """A piece of writing, or a new version of one."""

    title: Annotated[StrictStr, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]
    # The limits of `text` have problem kinds of their own, so they are checked by ingest.submissions.routes, not here.
    text: Annotated[StrictStr, Field(json_schema_extra={"minLength": 1, "maxLength": MAX_CHARACTERS, "pattern": r"\S"})]
    assignment_id: Id | None = None
    essay_id: Annotated[Id | None, Field(description="makes this the next version of that essay")] = None
    student: Annotated[Student | None, Field(description="API keys and webhooks only, and needed there")] = None
    category: Short | None = None
    language: Language | None = None
    external_id: Annotated[ExternalId | None, Field(description="the LMS's id of the piece or attempt")] = None
    submitted_at: Moment | None = None
    queue: Annotated[
        Literal["interactive", "bulk"],
        Field(description="bulk: nobody waits for it (imports); it goes after all others"),
    ] = "interactive"


class Event(BaseModel):
    """A webhook's envelope. `data` is read only when the type is one we act on."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[StrictStr, StringConstraints(min_length=1, max_length=200)]
    timestamp: Moment
    data: dict[str, Any]


class Links(BaseModel):
    """Where to look next."""

    model_config = ConfigDict(populate_by_name=True)

    self_: Annotated[str, Field(alias="self")]
    feedback: str
    events: str
    essay: str


class Receipt(BaseModel):
    """The submission is stored and will reach a final state."""

    id: UUID
    essay_id: UUID
    version: int
    status: Literal["queued", "processing", "completed", "partial", "failed", "superseded", "cancelled"]
    links: Links


class Ignored(BaseModel):
    """The event is authentic, and nothing follows from it."""

    ignored: str


class FailedPass(BaseModel):
    """A pass that ended without a result and waits for a person."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    submission_id: UUID
    essay_id: UUID
    pass_: Annotated[str, Field(alias="pass")]
    reason: str
    finished_at: datetime


class FailedPassPage(BaseModel):
    """A page of given-up passes, newest submission first."""

    items: list[FailedPass]
    next_cursor: Cursor


class Discarded(BaseModel):
    """How many passes were taken off the list."""

    discarded: int


class PassStatus(BaseModel):
    """How far one pass is."""

    status: Literal["queued", "running", "done", "retrying", "gave_up", "cancelled"]
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None
    comments: int | None
    reason: Annotated[str | None, Field(description="why the last attempt failed, or why the pass was given up")]


class QueuePosition(BaseModel):
    """Where a waiting submission stands."""

    position: int
    estimated_seconds: int


class Status(BaseModel):
    """How far a submission is."""

    id: UUID
    essay_id: UUID
    version: int
    status: Literal["queued", "processing", "completed", "partial", "failed", "superseded", "cancelled"]
    received_at: datetime
    completed_at: datetime | None
    released: bool
    passes: dict[str, PassStatus]
    queue: Annotated[QueuePosition | None, Field(description="null once every pass has started")]


class Version(BaseModel):
    """One version of an essay."""

    id: UUID
    version: int
    status: str
    received_at: datetime
    submitted_at: datetime
    completed_at: datetime | None
    characters: int
    words: int


class Essay(BaseModel):
    """A piece of writing; its state is its newest version's."""

    id: UUID
    title: str
    student_id: UUID
    assignment_id: UUID | None
    course_id: UUID | None
    category: str | None
    external_id: str | None
    status: str
    version: int
    submission_id: UUID
    created_at: datetime
    updated_at: datetime


class EssayWithVersions(Essay):
    """A piece of writing with all its versions, oldest first."""

    versions: list[Version]


class Essays(BaseModel):
    """A page of essays, newest first."""

    items: list[Essay]
    next_cursor: Cursor


class Stale(BaseModel):
    """Newest versions whose feedback was made with another rubric than the assignment's, of those you may see: the first 100."""

    stale: Annotated[int, Field(description="how many there are in all")]
    submissions: list[UUID]


class Rerun(BaseModel):
    """Readings that go round again, where nobody waits for them."""

    passes: int


MOST_SAMPLES = 5


Sample = Annotated[StrictStr, StringConstraints(min_length=1, max_length=MAX_CHARACTERS, pattern=r"\S")]


class RubricPreview(RequestBody):
    """What a rubric is to be tried on: texts of your own, or three samples that come with EssayCoach."""

    prompt: Annotated[Prompt | None, Field(description="what the essays answer, as an assignment would say it")] = None
    texts: Annotated[list[Sample], Field(min_length=1, max_length=MOST_SAMPLES)] | None = None
    language: Language | None = None


class RubricPreviewStarted(BaseModel):
    """The samples are being read. Their feedback is where their receipts say, until `expires_at`; then all of it is gone."""

    expires_at: datetime
    submissions: list[Receipt]
