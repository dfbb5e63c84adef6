"""Response models of what was handed in: the status and the text of a submission, and essays with their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ingest.submissions.schemas import SubmissionStatus
from ingest.web.schemas import Cursor

TextFormat = Annotated[
    Literal["plain", "html"],
    Field(description="the format in which the text was handed in; HTML is stored as plain text"),
]
PicturesLeftOut = Annotated[
    int, Field(description="how many embedded pictures and other objects were left out of the text")
]


class PassStatus(BaseModel):
    """The status of one pass."""

    status: Literal["queued", "running", "done", "retrying", "gave_up", "cancelled"]
    attempts: Annotated[int, Field(description="how often the pass was started")]
    started_at: datetime | None
    finished_at: datetime | None
    comments: Annotated[int | None, Field(description="the number of comments; null before the pass is done")]
    reason: Annotated[str | None, Field(description="why the last attempt failed or the pass gave up")]


class QueuePosition(BaseModel):
    """The position of a waiting submission."""

    position: Annotated[int, Field(description="1 is next; exact up to 100, two digits and zeros beyond")]
    estimated_seconds: Annotated[int, Field(description="estimated time until the submission is finished")]
    age_seconds: Annotated[int, Field(description="how old the count behind the position is; 0 while it is exact")]


class Status(BaseModel):
    """The status of a submission and its passes."""

    id: UUID
    essay_id: UUID
    version: int
    status: SubmissionStatus
    received_at: datetime
    completed_at: datetime | None
    released: Annotated[bool, Field(description="whether the student may see the feedback")]
    format: TextFormat
    pictures_left_out: PicturesLeftOut
    reading: Annotated[
        Literal["on", "off"],
        Field(description="off: no machine reads this version, because the org's ai_policy was none when it came"),
    ]
    passes: Annotated[
        dict[str, PassStatus], Field(description="by name: grammar, structure, content; empty when no machine reads")
    ]
    queue: Annotated[
        QueuePosition | None,
        Field(description="null when no pass is waiting; an event stream sends it in its first event only"),
    ]


class FileOfSubmission(BaseModel):
    """The file as which a version was handed in."""

    name: str
    format: Literal["docx", "pdf", "odt", "rtf", "html", "txt"]
    size_bytes: int


class Writing(BaseModel):
    """The text of one version, as it is stored: the offsets of every comment's span count its Unicode code points."""

    title: str
    text: str
    language: Annotated[str, Field(description="BCP 47 tag")]
    format: TextFormat
    pictures_left_out: PicturesLeftOut
    characters: Annotated[int, Field(description="the length of `text` in Unicode code points")]
    words: int
    file: Annotated[
        FileOfSubmission | None,
        Field(
            description="the file as which it was handed in, at `/v1/submissions/{id}/file`; null when it came as text"
        ),
    ] = None


class Version(BaseModel):
    """One version of an essay."""

    id: UUID
    version: int
    status: str
    received_at: datetime
    submitted_at: datetime
    completed_at: datetime | None
    format: TextFormat
    characters: int
    words: int


class Essay(BaseModel):
    """An essay. `status`, `version`, `submission_id` and `format` are those of its newest version."""

    id: UUID
    title: str
    student_id: UUID
    student_external_id: Annotated[str | None, Field(description="the LMS's id of the student")]
    assignment_id: UUID | None
    assignment_external_id: Annotated[str | None, Field(description="the LMS's id of the assignment")]
    course_id: UUID | None
    category: str | None
    external_id: str | None
    status: str
    version: int
    submission_id: UUID
    format: TextFormat
    comment_count: Annotated[int, Field(description="the comments on the newest version that you may read now")]
    created_at: datetime
    updated_at: Annotated[datetime, Field(description="when a version was last handed in")]


class EssayWithVersions(Essay):
    """An essay with all its versions, oldest first."""

    versions: list[Version]


class Essays(BaseModel):
    """A page of essays in the order that was asked for."""

    items: list[Essay]
    next_cursor: Cursor
