"""How the webhooks of an LMS with a form of its own are read: where the signature is, and where in the body each member is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictStr, StringConstraints, model_validator

from ingest.web.schemas import RequestBody

HeaderName = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
Pointer = Annotated[
    StrictStr, StringConstraints(max_length=300, pattern=r"^(/([^~/]|~[01])*)+$"), Field(examples=["/data/essay/text"])
]
# The members of a submission that a body can give, as pointers into it without the first slash.
Member = Literal[
    "text", "title", "student/external_id", "student/name", "student/email", "assignment/external_id", "assignment/title",
    "assignment/course/external_id", "assignment/course/name", "assignment_id", "category", "language", "external_id", "submitted_at",
]  # fmt: skip


NEEDED: tuple[Member, ...] = ("text", "student/external_id")


def _check_needed(members: dict[Member, str]) -> dict[Member, str]:
    missing = [name for name in NEEDED if name not in members]
    if missing:
        raise ValueError(f"must say where {' and '.join(missing)} is")
    return members


class MappedSignature(RequestBody):
    """How the LMS signs: an HMAC of the body with the secret, as text, in a header."""

    header: Annotated[HeaderName, Field(examples=["X-Hub-Signature-256"])]
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[
        StrictStr,
        StringConstraints(max_length=20),
        Field(description="what stands before the digest, such as `sha256=`"),
    ] = ""
    timestamp_header: Annotated[
        HeaderName | None,
        Field(
            description="the header with the time in Unix seconds, if the LMS signs `time.body` and not the body alone. A delivery "
            "that is older than 5 minutes is refused"
        ),
    ] = None


class Mapping(RequestBody):
    """Where the members of a submission stand in what an LMS sends, as JSON pointers (RFC 6901)."""

    signature: MappedSignature
    event_id: Annotated[
        Pointer | None,
        Field(
            description="where the id of the event is, which stays the same when it is delivered again; null: a delivery with the same "
            "body is the same"
        ),
    ] = None
    event_type: Annotated[Pointer | None, Field(description="where the type of the event is; null: every event counts")] = None  # fmt: skip
    event_types: Annotated[
        list[Annotated[StrictStr, StringConstraints(min_length=1, max_length=200)]],
        Field(max_length=50, description="the types that hand in an essay; others are answered 200 and ignored"),
    ] = []  # noqa: RUF012 - pydantic copies defaults
    members: Annotated[
        dict[Member, Pointer],
        AfterValidator(_check_needed),
        Field(
            description="where each member of a submission is. `text` and `student/external_id` are needed",
            examples=[
                {"text": "/data/essay/html", "title": "/data/essay/name", "student/external_id": "/data/user/id"}
            ],
        ),
    ]

    @model_validator(mode="after")
    def _check_types(self) -> Mapping:
        if (self.event_type is None) != (not self.event_types):
            raise ValueError("must have event_type and event_types, or neither")
        return self
