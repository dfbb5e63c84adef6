"""Request and answer models of the doors through which people come by a password."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StrictStr, StringConstraints

from ingest.web.schemas import Short
from models.passwords import LEAST_CHARACTERS, MOST_CHARACTERS

NewPassword = Annotated[
    StrictStr,
    StringConstraints(min_length=LEAST_CHARACTERS, max_length=MOST_CHARACTERS),
    Field(
        description="taken to the letter, without any normalising; refused when it is easy to guess, or holds the "
        "person's name or address or the org's name"
    ),
]


class PasswordChange(BaseModel):
    """The password somebody has, and the one they want."""

    current_password: Annotated[StrictStr, StringConstraints(min_length=1, max_length=1024)]
    new_password: NewPassword


class PasswordForgotten(BaseModel):
    """Whose password is to be mailed anew, and where."""

    org: Short
    email: Annotated[StrictStr, StringConstraints(min_length=3, max_length=254, pattern=r"@")]


class PasswordReset(BaseModel):
    """The token of a mail, and the password somebody wants."""

    org: Short
    token: Annotated[StrictStr, StringConstraints(min_length=1, max_length=200)]
    password: NewPassword


class MailAccepted(BaseModel):
    """What can be said without saying who has an account."""

    detail: str


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


class Me(BaseModel):
    """Who is asking."""

    id: UUID
    org_id: UUID
    role: Literal["student", "educator", "admin"]
    name: str | None
    email: str | None
    external_id: str | None
