"""Request and response models of endpoints and of what was sent to them. A secret appears only where it is shown once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StrictBool, StrictStr, StringConstraints

from ingest.web.schemas import Cursor, Moment, RequestBody, Short
from models.endpoint_deliveries import KEEP_DELIVERIES_DAYS, MOST_REDELIVERED, Outcome
from models.endpoints import DISABLED_AFTER_DAYS, EVENTS, DisabledReason, Event


def _check_unique(value: list[Event]) -> list[Event]:
    if len(set(value)) != len(value):
        raise ValueError("names an event twice")
    return value


Url = Annotated[
    StrictStr,
    StringConstraints(min_length=8, max_length=2000),
    Field(description="where events are sent: https://…, of a public address", examples=["https://lms.example/hooks"]),
]
Events = Annotated[
    list[Event],
    Field(
        min_length=1,
        max_length=len(EVENTS),
        description="feedback.ready: a version was read, and its feedback is released or waits for that; feedback.released: "
        "the student may see it now; submission.failed: no pass could read the version; submission.refused: a delivery of a "
        "source was refused",
        json_schema_extra={"uniqueItems": True},
    ),
    AfterValidator(_check_unique),
]


class EndpointDraft(RequestBody):
    """A new endpoint."""

    name: Short
    url: Url
    events: Events


class EndpointChanges(RequestBody):
    """Changes to an endpoint. Members that are left out stay the same."""

    # A default would appear in the schema and look like an empty name, so a factory gives it.
    name: Short = Field(default_factory=str)
    url: Url = Field(default_factory=str)
    events: Events = Field(default_factory=list)
    disabled: StrictBool = Field(
        default_factory=bool, description="true: nothing is sent, and what waits is given up; false: enabled again"
    )


class Endpoint(BaseModel):
    """An endpoint without its secrets."""

    id: UUID
    name: str
    url: str
    events: list[Event]
    created_at: datetime
    disabled: bool
    disabled_reason: Annotated[
        DisabledReason | None,
        Field(description=f"gone: it answered 410; failing: it took nothing for {DISABLED_AFTER_DAYS} days"),
    ]
    failing_since: Annotated[
        datetime | None, Field(description="since when no delivery succeeded; null: the last one did")
    ]
    previous_secret_until: Annotated[
        datetime | None, Field(description="until when deliveries are also signed with the previous secret")
    ]


class NewEndpointSecret(Endpoint):
    """An endpoint with its newest secret, which is shown only once."""

    secret: Annotated[
        str, Field(description="the secret that deliveries are signed with (whsec_…); it cannot be shown again")
    ]


class Endpoints(BaseModel):
    """A page of endpoints, newest first."""

    items: list[Endpoint]
    next_cursor: Cursor


class EndpointDelivery(BaseModel):
    """An event for an endpoint, and what became of it."""

    id: Annotated[UUID, Field(description="its webhook-id, the same for every attempt")]
    type: Annotated[str, Field(description="the event, or ping")]
    created_at: datetime
    outcome: Outcome
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    http_status: Annotated[int | None, Field(description="what the endpoint last answered; null: nothing")]
    error: Annotated[
        str | None,
        Field(
            description="why the last attempt failed: not_accepted (another status than 2xx), no_answer, address_refused, gone, "
            "worker_lost, crashed, keys_missing, master_key_missing; endpoint_disabled: it was not sent"
        ),
    ]
    data: Annotated[dict[str, Any], Field(description="what is sent beside type and timestamp: ids, times and links")]


class EndpointDeliveries(BaseModel):
    """A page of deliveries, newest first."""

    items: list[EndpointDelivery]
    next_cursor: Cursor


class Redelivery(RequestBody):
    """Which deliveries are sent again: those that were given up since this time."""

    since: Annotated[Moment, Field(description=f"deliveries are kept {KEEP_DELIVERIES_DAYS} days")]


class Queued(BaseModel):
    """How many deliveries are sent again."""

    deliveries: Annotated[
        int, Field(description=f"at most {MOST_REDELIVERED}, the oldest first; ask again for the others")
    ]
