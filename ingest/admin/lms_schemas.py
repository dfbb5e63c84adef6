"""Request and response models of LMSs that are asked: the settings of a Moodle site, its status, and its arrivals."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StrictStr, StringConstraints

from ingest.web.schemas import Cursor, Moment, RequestBody, Whole
from models.arrivals import State
from models.connections import SourceKind
from models.moodle_sites import USUAL_INTERVAL_SECONDS
from models.site_access import Returns

Address = Annotated[StrictStr, StringConstraints(strip_whitespace=True, min_length=8, max_length=500)]
Token = Annotated[
    StrictStr,
    StringConstraints(min_length=16, max_length=200, pattern=r"^[A-Za-z0-9]+$"),
    Field(description="a token of the site's web services; it is never shown again"),
]
Interval = Annotated[int, Whole(ge=60, le=86_400), Field(description="seconds between two looks at the site")]
Course = Annotated[int, Whole(ge=1, le=2**53)]
Courses = Annotated[
    list[Course],
    Field(max_length=1000, description="the site's ids of the courses that count; empty: all that the token sees"),
]
ReturnsSetting = Annotated[
    Returns,
    Field(
        description="what goes back to the site as a comment on the hand-in. `link`: that feedback is ready, and where to read it; "
        "`summary`: also its main points; `none`: nothing"
    ),
]
Pages = Annotated[
    Address | None,
    Field(
        description="where your students open EssayCoach; the comment links there. null: the operator's `ESSAYCOACH_PUBLIC_URL`"
    ),
]


class MoodleDraft(RequestBody):
    """A Moodle site that is asked what was handed in."""

    site: Annotated[
        Address, Field(description="the address at which people open the site, such as https://moodle.school.example")
    ]
    token: Token
    interval_seconds: Interval = USUAL_INTERVAL_SECONDS
    courses: Courses = []  # noqa: RUF012 - pydantic copies defaults
    returns: ReturnsSetting = "link"
    pages_url: Pages = None
    begins_at: Annotated[
        Moment | None, Field(description="what was handed in before does not count; null: from now on")
    ] = None


class MoodleChanges(RequestBody):
    """Changes to a Moodle site. Members that are left out stay the same. Another site is another source."""

    token: Token = Field(default_factory=str)
    interval_seconds: Interval = Field(default_factory=int)
    courses: Courses = Field(default_factory=list)
    returns: ReturnsSetting = Field(default="link")
    pages_url: Pages = None


class MoodleSite(BaseModel):
    """A Moodle site without its token."""

    site: str
    interval_seconds: int
    courses: list[int]
    returns: ReturnsSetting
    pages_url: str | None
    begins_at: datetime


class SourceStatus(BaseModel):
    """How the exchange with a source goes. What is counted is counted up to 1,000."""

    kind: SourceKind
    last_exchange_at: Annotated[
        datetime | None,
        Field(
            description="when a site last answered, a source last delivered, or a platform last launched; null: never"
        ),
    ]
    error: Annotated[
        str | None,
        Field(
            description="a word for why the last look failed, a hand-in or feedback to send back waits for another try, or the newest "
            "delivery was refused; null: none of these"
        ),
    ]
    problem: Annotated[str | None, Field(description="the same in a sentence")]
    advice: Annotated[str | None, Field(description="what you can do about it")]
    closed_assignments: Annotated[
        list[int], Field(description="assignments of the site that the token may not look into")
    ]
    arrivals_waiting: int
    arrivals_refused: int
    arrivals_given_up: int
    returns_waiting: int
    returns_given_up: int


class Arrival(BaseModel):
    """A version of a hand-in that the LMS says is there."""

    id: UUID
    state: State
    created_at: datetime
    handed_in_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    error: Annotated[str | None, Field(description="a word for why it was refused, or why the last attempt failed")]
    problem: str | None
    advice: str | None
    submission_id: UUID | None
    assignment_external_id: str | None
    hand_in_external_id: Annotated[str | None, Field(description="the LMS's own id of the hand-in")]


class Arrivals(BaseModel):
    """A page of arrivals, newest first."""

    items: list[Arrival]
    next_cursor: Cursor


class Replayed(BaseModel):
    """How many arrivals are fetched and how many returns are sent again."""

    arrivals: int
    returns: int


Kind = Annotated[
    Literal["signed", "custom", "moodle", "moodle_webhookengine", "canvas"],
    Field(
        description="`signed`: the LMS sends signed webhooks in our form; `custom`: in its own, which `mapping` describes; `moodle`: a "
        "Moodle site that we ask; `moodle_webhookengine`: one whose plugin of that name also tells us when to ask; `canvas`: a Canvas "
        "that we ask when its Live Events tell us"
    ),
]
