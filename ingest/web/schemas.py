"""Request and answer models. OpenAPI is generated from these, so a field's description is its documentation."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, StringConstraints

MAX_CHARACTERS = 100_000
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})")


def _text_only(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004 - pydantic turns ValueError into a field error
    return value


def _date_text(value: Any) -> Any:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be an RFC 3339 time with a zone, such as 2026-11-23T08:30:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    # PostgreSQL knows no zone beyond 16 hours, and what falls out of the calendar could not be read again.
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the calendar") from None
    if moment.year == 1:
        raise ValueError("must lie after the year 1")
    return moment


Id = Annotated[UUID, BeforeValidator(_text_only)]
Moment = Annotated[datetime, BeforeValidator(_date_text), AfterValidator(_in_utc)]
Short = Annotated[StrictStr, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
ExternalId = Annotated[StrictStr, StringConstraints(min_length=1, max_length=255, pattern=r"\S")]
Language = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
Share = Annotated[float, Field(ge=0, le=1)]


class Credentials(BaseModel):
    """Who signs in, and where."""

    org: Short
    email: Annotated[StrictStr, StringConstraints(min_length=3, max_length=254, pattern=r"@")]
    password: Annotated[StrictStr, StringConstraints(min_length=1, max_length=1024)]


class Tokens(BaseModel):
    """A pair of tokens: the access token for requests, the refresh token for the next pair."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(description="seconds the access token lives")]


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
        Literal["interactive", "bulk"], Field(description="bulk: nobody waits for it (imports); it goes after all others")
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
    next_cursor: Annotated[str | None, Field(description="pass it as `cursor` for the next page; null on the last")]


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


class Span(BaseModel):
    """The words a comment is about: text[start:end] == quote, counted in code points, unless match is none."""

    start: int
    end: int
    unit: Literal["code_points"]
    quote: str
    prefix: str
    suffix: str
    match: Literal["exact", "normalised", "none"]


class Range(BaseModel):
    """Another place where the same comment holds."""

    start: int
    end: int


class CommentWords(BaseModel):
    """What a comment says."""

    message: str
    next_step: str
    suggestions: list[str]


class Review(BaseModel):
    """What an educator decided about a comment; of several decisions the newest."""

    decision: Literal["accepted", "edited", "rejected"]
    educator_id: UUID
    decided_at: datetime
    original: Annotated[CommentWords | None, Field(description="the words before the edit; null when it was not edited")]


class Reaction(BaseModel):
    """What the student says of a comment."""

    reaction: Literal["helpful", "not_helpful", "disagree"]
    note: str | None
    created_at: datetime


class Comment(BaseModel):
    """One point about one place, with one next step. What an educator edited reads as edited."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    pass_: Annotated[str, Field(alias="pass")]
    type: str
    kind: Literal["praise", "issue", "question"]
    severity: Literal["info", "minor", "major"]
    priority: int
    span: Span
    also_at: list[Range]
    message: str
    next_step: str
    suggestions: list[str]
    criterion: str | None
    confidence: Share
    confidence_basis: Annotated[
        Literal["measured", "model", "agreement"],
        Field(
            description="what the confidence rests on: measured on corrected texts, the model's own word, or agreement. An educator's "
            "own comment has 1 by agreement: nobody measured it, but the person whose judgement counts stands by it."
        ),
    ]
    origin: Literal["rule", "model", "educator"]
    provider: Annotated[Literal["local", "anthropic"] | None, Field(description="null for an educator's own comment")]
    model: Annotated[str | None, Field(description="null for an educator's own comment")]
    resolution: Literal["open", "addressed", "persisting", "moot"]
    carried_from: UUID | None
    educator_id: Annotated[UUID | None, Field(description="who wrote it, when an educator did")] = None
    reaction: Annotated[Reaction | None, Field(description="the student's, once there is one")] = None
    review: Annotated[Review | None, Field(description="staff only; null while nobody has decided")] = None


class CriterionResult(BaseModel):
    """The level picked for one criterion of the teacher's rubric; the points come from the rubric."""

    criterion: str
    level: str
    points: int
    max_points: int
    rationale: str
    evidence: list[UUID]
    confidence: Share


class Summary(BaseModel):
    """The few things to take away, and what nobody checked."""

    strengths: list[str]
    next_steps: list[str]
    not_checked: list[str]


class Feedback(BaseModel):
    """What the passes that are done have to say."""

    submission_id: UUID
    version: int
    status: str
    summary: Summary
    criteria: list[CriterionResult]
    comments: Annotated[list[Comment], Field(description="students and API keys get none that an educator rejected")]
    notes: Annotated[list[str], Field(description="staff only: remarks for the educator, not for the student")] = []
    stale: Annotated[
        bool, Field(description="staff only: the rubric has changed since, so running the passes again may say something else")
    ] = False


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
    next_cursor: Annotated[str | None, Field(description="pass it as `cursor` for the next page; null on the last")]


class Me(BaseModel):
    """Who is asking."""

    id: UUID
    org_id: UUID
    role: Literal["student", "educator", "admin"]
    name: str | None
    email: str | None
    external_id: str | None


class Health(BaseModel):
    """How the service is."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[str, str] = {}


class FieldError(BaseModel):
    """One field that was not acceptable."""

    pointer: str
    detail: str


class ProblemDocument(BaseModel):
    """Why the request was not carried out (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: Annotated[str, Field(description="the request id, also in X-Request-Id")]
    errors: list[FieldError] | None = None
