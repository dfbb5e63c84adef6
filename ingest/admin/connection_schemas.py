"""Request and response models of API keys and sources. A secret appears only where it is shown once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StrictBool, StrictStr, StringConstraints

from ingest.admin.canvas_schemas import CanvasChanges, CanvasDraft, CanvasSite
from ingest.admin.lms_schemas import Kind, MoodleChanges, MoodleDraft, MoodleSite
from ingest.web.mapping import Mapping
from ingest.web.schemas import Cursor, Moment, Networks, RequestBody, Short, Whole
from models.connections import DAY_SECONDS, EVERY_SCOPE, LONGEST_OVERLAP_SECONDS, Scope


def _check_unique(value: list[Scope]) -> list[Scope]:
    if len(set(value)) != len(value):
        raise ValueError("names a scope twice")
    return value


Scopes = Annotated[
    list[Scope],
    Field(
        min_length=1,
        max_length=len(EVERY_SCOPE),
        description="submit: hand in essays; read: read essays, their status and feedback; manage: read and change courses, "
        "enrolments and assignments",
        json_schema_extra={"uniqueItems": True},
    ),
    AfterValidator(_check_unique),
]
End = Annotated[Moment | None, Field(description="when the key expires; null: never")]
CREATES_COURSES = "whether a hand-in may add the course and the assignment that it names by the LMS's own ids (`assignment.external_id`)"
CreatesCourses = Annotated[StrictBool, Field(description=CREATES_COURSES)]
OwnSecret = Annotated[
    Annotated[StrictStr, StringConstraints(min_length=16, max_length=200, pattern=r"^[\x21-\x7e]+$")] | None,
    Field(
        description="the secret that the LMS has made, for `custom` and `moodle_webhookengine`; null: we make one. It is not shown again"
    ),
]
NETWORKS = "the networks from which it is accepted; empty: everywhere"


class ApiKeyDraft(RequestBody):
    """A new API key."""

    name: Short
    scopes: Scopes = ["submit", "read"]  # noqa: RUF012 - pydantic copies defaults
    creates_courses: CreatesCourses = False
    networks: Networks = []  # noqa: RUF012 - pydantic copies defaults
    expires_at: End = None


class ApiKeyChanges(RequestBody):
    """Changes to an API key. Members that are left out stay the same."""

    # A default would appear in the schema and look like an empty name, so a factory gives it.
    name: Short = Field(default_factory=str)
    scopes: Scopes = Field(default_factory=list)
    creates_courses: CreatesCourses = Field(default_factory=bool)
    networks: Networks = Field(default_factory=list)
    expires_at: End = None


class Rotation(RequestBody):
    """How long the old key or secret still works after a rotation."""

    overlap_seconds: Annotated[
        int,
        Whole(ge=0, le=LONGEST_OVERLAP_SECONDS),
        Field(description="seconds for which the old key or secret stays valid"),
    ] = DAY_SECONDS


class SourceRotation(Rotation):
    """How long the old secret of a source still works, and the new one if the LMS has made it."""

    secret: OwnSecret = None


class ApiKey(BaseModel):
    """An API key without its text."""

    id: UUID
    name: str
    prefix: Annotated[str, Field(description="the first characters of the key, to recognise it")]
    scopes: list[Scope]
    creates_courses: Annotated[bool, Field(description=CREATES_COURSES)]
    networks: Annotated[list[str], Field(description=NETWORKS)]
    created_at: datetime
    expires_at: datetime | None
    last_used_on: Annotated[
        date | None, Field(description="the last day (UTC) on which it was used, stored once a day; null: never")
    ]
    revoked_at: datetime | None


class NewApiKey(ApiKey):
    """An API key with its text, which is shown only once."""

    key: Annotated[str, Field(description="the text of the key; it is not stored and cannot be shown again")]


class ApiKeys(BaseModel):
    """A page of API keys, newest first."""

    items: list[ApiKey]
    next_cursor: Cursor


class SourceDraft(RequestBody):
    """A new source: an LMS that sends signed webhooks, or one that we ask. The latter adds courses unless told otherwise."""

    name: Short
    kind: Kind = "signed"
    moodle: Annotated[MoodleDraft | None, Field(description="the settings of a Moodle site, and only of one")] = None
    canvas: Annotated[CanvasDraft | None, Field(description="the settings of a Canvas, and only of one")] = None
    mapping: Annotated[
        Mapping | None, Field(description="how the webhooks of a `custom` source are read, and only of one")
    ] = None
    secret: OwnSecret = None
    creates_courses: CreatesCourses = False
    networks: Networks = []  # noqa: RUF012 - pydantic copies defaults


class SourceChanges(RequestBody):
    """Changes to a source. Members that are left out stay the same. The kind of a source stays."""

    name: Short = Field(default_factory=str)
    disabled: StrictBool = Field(
        default_factory=bool, description="true: deliveries are refused with 404, and the LMS is not asked"
    )
    creates_courses: CreatesCourses = Field(default_factory=bool)
    networks: Networks = Field(default_factory=list)
    moodle: Annotated[MoodleChanges | None, Field(description="changes to a Moodle site")] = None
    canvas: Annotated[CanvasChanges | None, Field(description="changes to a Canvas")] = None
    mapping: Annotated[Mapping | None, Field(description="another mapping of a `custom` source; null: the same")] = None


class Source(BaseModel):
    """A source without its secrets."""

    id: UUID
    kind: Kind
    name: str
    url: Annotated[
        str | None,
        Field(
            description="the path on this server to which the LMS delivers; null for a Moodle site that is only asked"
        ),
    ]
    moodle: MoodleSite | None
    canvas: CanvasSite | None
    mapping: Mapping | None
    creates_courses: Annotated[bool, Field(description=CREATES_COURSES)]
    networks: Annotated[list[str], Field(description=NETWORKS)]
    created_at: datetime
    disabled: bool
    previous_secret_until: Annotated[
        datetime | None, Field(description="until when the previous secret is still accepted")
    ]


class NewSecret(Source):
    """A source with its newest secret, which is shown only once."""

    secret: Annotated[
        str | None,
        Field(
            description="the signing secret; it cannot be shown again. null for a Moodle site or a Canvas that we ask with a token"
        ),
    ]


class Sources(BaseModel):
    """A page of sources, newest first."""

    items: list[Source]
    next_cursor: Cursor
