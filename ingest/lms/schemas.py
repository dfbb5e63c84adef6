"""Request and response models of platforms."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool, StrictStr, StringConstraints

from ingest.web.schemas import Cursor, EmbedOrigins, RequestBody, Short
from models.platforms import Scores, State

CREATES_COURSES = "whether a launch may add the course and the assignment that it names"
CreatesCourses = Annotated[StrictBool, Field(description=CREATES_COURSES)]
Text = Annotated[StrictStr, StringConstraints(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
Url = Annotated[StrictStr, StringConstraints(min_length=1, max_length=2048, pattern=r"^[!-~]+$")]
DEPLOYMENTS = "the deployment ids from which launches are accepted"
Deployments = Annotated[list[Text], Field(max_length=100, description=DEPLOYMENTS)]
SCORES = "none: no score is sent; handed_in: when a student can see their feedback, the LMS gets 1 of 1, which is full marks for handing in"
FRAME_ORIGINS = "the sites of the platform, which may show our pages in a frame"


class Values(RequestBody):
    """The values of a platform that does not register itself, as its own page shows them."""

    issuer: Url
    client_id: Text
    authorization_url: Url
    token_url: Url
    jwks_url: Url
    token_audience: Annotated[
        Url | None, Field(description="for whom requests for a token are; null: the address for tokens")
    ] = None
    deployments: Annotated[Deployments, Field(min_length=1)]


class PlatformDraft(RequestBody):
    """A new platform. Without `values` the answer has an address that the platform registers itself with."""

    name: Short
    creates_courses: CreatesCourses = True
    scores: Annotated[Scores, Field(description=SCORES)] = "none"
    values: Values | None = None


class PlatformChanges(RequestBody):
    """Changes to a platform. Members that are left out stay the same."""

    name: Short = Field(default_factory=str)
    creates_courses: CreatesCourses = Field(default_factory=bool)
    state: Literal["active", "off"] = Field(
        default_factory=lambda: "off",
        description="active: approve a pending one, or switch on again; off: reject, or switch off",
    )
    deployments: Deployments = Field(default_factory=list)
    frame_origins: EmbedOrigins = Field(default_factory=list)
    scores: Annotated[Scores, Field(description=SCORES)] = Field(default_factory=lambda: "none")
    values: Annotated[
        Values | None,
        Field(
            description="before the first launch: in place of what it registered with, or of registering; null: stays"
        ),
    ] = None


class Platform(BaseModel):
    """An LMS that opens our pages by LTI 1.3."""

    id: UUID
    name: str
    state: Annotated[
        State,
        Field(
            description="invited: has not registered yet; pending: an admin must approve it; active: launches; off: refused"
        ),
    ]
    creates_courses: Annotated[bool, Field(description=CREATES_COURSES)]
    issuer: str | None
    client_id: str | None
    authorization_url: str | None
    token_url: str | None
    token_audience: str | None
    jwks_url: str | None
    deployments: Annotated[list[str], Field(description=DEPLOYMENTS)]
    frame_origins: Annotated[list[str], Field(description=FRAME_ORIGINS)]
    scores: Annotated[Scores, Field(description=SCORES)]
    login_url: Annotated[str, Field(description="for the platform: where a launch begins")]
    launch_url: Annotated[
        str, Field(description="for the platform: where its messages go, and the address of every link")
    ]
    jwks_of_ours_url: Annotated[str, Field(description="for this platform alone: our public keys")]
    registration_ends_at: datetime | None
    created_at: datetime


class NewPlatform(Platform):
    """A new platform, with the address that it registers itself with; null when its values were given."""

    registration_url: Annotated[
        str | None, Field(description="give it to the LMS within a day; it works once and cannot be shown again")
    ]


class FetchedMembers(BaseModel):
    """What became of the people whom the LMS lists in a course."""

    enrolled: Annotated[int, Field(description="people who are in the course now")]
    left_out: Annotated[
        int,
        Field(description="people who have another role here, who neither learn nor teach, or whose data was erased"),
    ]


class Platforms(BaseModel):
    """A page of platforms, newest first."""

    items: list[Platform]
    next_cursor: Cursor


class SignedNotice(RequestBody):
    """A notice."""

    jwt: Annotated[str, Field(max_length=65536, description="the notice, signed as a launch is")]


class NoticeBatch(RequestBody):
    """Notices of a platform."""

    notices: Annotated[list[SignedNotice], Field(min_length=1, max_length=100)]


class NoticesTaken(BaseModel):
    """What became of the notices of a batch."""

    accepted: Annotated[int, Field(description="they tell of hand-ins, which are stored now or were before")]
    ignored: Annotated[int, Field(description="of other types, about which nothing is done")]
    refused: Annotated[int, Field(description="not signed by this platform for us, or without what is needed")]
