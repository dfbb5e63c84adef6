"""Request and response models of handing in: by the API, by webhook, as a file, and to try a rubric."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    StringConstraints,
    ValidationInfo,
)
from pydantic_core import PydanticKnownError

from ingest.submissions.assignment_schemas import LmsAssignment
from ingest.web.schemas import (
    EMAIL_PATTERN,
    MAX_CHARACTERS,
    ExternalId,
    FieldError,
    Id,
    Language,
    LenientBody,
    Moment,
    NotNeeded,
    Prompt,
    RequestBody,
    Short,
)

Trimmed = StringConstraints(strip_whitespace=True)

SubmissionStatus = Literal["queued", "processing", "completed", "partial", "failed", "superseded", "cancelled"]


def _lower_case(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


class Student(LenientBody):
    """The student as the LMS knows them. An unknown student is added; a known e-mail finds an account without external id.

    The address of an added student gets no mail until the school confirms it. The id of a teacher or an admin is refused.
    """

    external_id: Annotated[ExternalId, Field(description="the LMS's id of the student")]
    name: Annotated[Annotated[Short, Trimmed] | None, NotNeeded()] = None
    email: Annotated[
        Annotated[StrictStr, Trimmed, StringConstraints(min_length=3, max_length=254, pattern=EMAIL_PATTERN)] | None,
        NotNeeded(),
    ] = None


class SubmissionFields(LenientBody):
    """What is known about an essay beside its text."""

    title: Annotated[StrictStr, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]
    assignment_id: Annotated[
        Id | None,
        Field(
            description="the assignment for which the essay was written. Without one, the feedback waits for an admin to "
            "release it when an assignment in one of the student's courses is `after_review`; needed where the org's "
            "`require_assignment` is true"
        ),
    ] = None
    assignment: Annotated[
        LmsAssignment | None,
        Field(
            description="the assignment by the LMS's own id, instead of `assignment_id`; with an API key and in a webhook"
        ),
    ] = None
    essay_id: Annotated[Id | None, Field(description="makes this the next version of that essay")] = None
    student: Annotated[
        Student | None,
        Field(description="the author; required with an API key and in a webhook, not allowed otherwise"),
    ] = None
    category: Annotated[
        Annotated[Short, StringConstraints(strip_whitespace=True, to_lower=True)] | None,
        NotNeeded(),
        Field(description="slug of one of the org's categories, in capital or small letters"),
    ] = None
    language: Annotated[
        Language | None,
        NotNeeded(),
        Field(
            description="the essay's language: a BCP 47 tag, a locale such as en_GB, or its English name; null: the org's default "
            "language"
        ),
    ] = None
    external_id: Annotated[ExternalId | None, Field(description="the LMS's id of the essay or attempt")] = None
    submitted_at: Annotated[
        Moment | None,
        NotNeeded(),
        Field(
            description="when the student handed in, if that was earlier than this request; it decides which version is newer. "
            "Only with an API key and in a webhook; of a signed-in person the time of arrival counts, and a warning says so. "
            "In a webhook, null: the `timestamp` of the event"
        ),
    ] = None
    queue: Annotated[
        Literal["interactive", "bulk"] | None,
        BeforeValidator(_lower_case),
        NotNeeded(),
        Field(
            description="interactive: a student waits for it; bulk (for imports): processed after all interactive work"
        ),
    ] = "interactive"


# The limits of `text` have their own problem types, so `ingest.submissions.drafts` checks them and not these models.
_TEXT = (
    f"plain text or HTML; HTML is turned into plain text. Embedded pictures are left out and named in `warnings`. "
    f"At most {MAX_CHARACTERS:,} characters without tags and pictures"
)


def _text_or_file(value: Any, info: ValidationInfo) -> Any:
    """Return the text, empty where a file is handed in. Raises an error for neither and for both."""
    has_file = info.data.get("file_id", "unreadable") is not None
    if value is None and not has_file:
        raise PydanticKnownError("missing")
    if value and has_file:
        raise ValueError("cannot be given together with file_id")
    return "" if value is None else value


class Submission(SubmissionFields):
    """An essay, or a new version of one: its `text`, or the `file_id` of a file that was sent before."""

    file_id: Annotated[
        Id | None,
        Field(
            description="the id that `POST /v1/files` gave, within a day, of a file of the same student; instead of `text`. A file is "
            "handed in once"
        ),
    ] = None
    text: Annotated[
        StrictStr,
        BeforeValidator(_text_or_file),
        Field(
            description=f"{_TEXT}. Needed unless there is a `file_id`",
            validate_default=True,
            json_schema_extra=lambda schema: schema.pop("default"),
        ),
    ] = None  # type: ignore[assignment]  # _text_or_file replaces it


class File(BaseModel):
    """A file whose text was read. It waits until `expires_at` to be handed in by its id."""

    id: UUID
    format: Literal["docx", "pdf", "odt", "rtf", "html", "txt"]
    characters: Annotated[int, Field(description="the length of its text in Unicode code points")]
    words: int
    warnings: Annotated[list[FieldError], Field(description="what was left out of the text")]
    expires_at: datetime


class Event(LenientBody):
    """The envelope of a webhook event. `data` holds a Submission; it is read only for event types that are handled."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[StrictStr, StringConstraints(min_length=1, max_length=200)]
    timestamp: Annotated[
        Moment | None,
        NotNeeded(),
        Field(
            description="when the event happened; of two versions without `submitted_at`, the later one is the newer"
        ),
    ] = None
    data: dict[str, Any]


class Links(BaseModel):
    """Paths of the submission and its parts on this server."""

    model_config = ConfigDict(populate_by_name=True)

    self_: Annotated[str, Field(alias="self")]
    feedback: str
    text: str
    events: str
    essay: str


class Receipt(BaseModel):
    """The submission is stored and will reach a final status."""

    id: UUID
    essay_id: UUID
    version: int
    status: SubmissionStatus
    links: Links
    warnings: Annotated[
        list[FieldError],
        Field(description="values that were not used, and why; left out when there are none"),
    ] = []


class Ignored(BaseModel):
    """The event is authentic, but its type is not handled."""

    ignored: Annotated[str, Field(description="the reason")]


class Noted(BaseModel):
    """The event is authentic and says that something was handed in, which we fetch ourselves."""

    noted: Annotated[str, Field(description="what we do about it")]


MAX_SAMPLES = 5
Sample = Annotated[StrictStr, StringConstraints(min_length=1, max_length=MAX_CHARACTERS, pattern=r"\S")]


class RubricPreview(RequestBody):
    """The essays on which a rubric is tried: your own texts, or three sample essays that come with EssayCoach."""

    prompt: Annotated[Prompt | None, Field(description="the task of the essays, as in an assignment")] = None
    texts: Annotated[list[Sample], Field(min_length=1, max_length=MAX_SAMPLES)] | None = None
    language: Annotated[Language | None, Field(description="BCP 47 tag of the texts' language")] = None


class RubricPreviewStarted(BaseModel):
    """The samples are queued. Their feedback is at the links of their receipts until `expires_at`; then it is deleted."""

    expires_at: datetime
    submissions: list[Receipt]
