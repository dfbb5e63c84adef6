"""Request and response models of sign-in and passwords."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool, StrictStr, StringConstraints

from ingest.web.schemas import Cursor, Language, RequestBody, Short, optional_not_null
from models.passwords import LEAST_CHARACTERS, MOST_CHARACTERS

NewPassword = Annotated[
    StrictStr,
    StringConstraints(min_length=LEAST_CHARACTERS, max_length=MOST_CHARACTERS),
    Field(
        description="used exactly as sent, without normalisation; refused when it is easy to guess, or contains the "
        "person's name, the e-mail address or the short name of the org"
    ),
]


Code = Annotated[StrictStr, StringConstraints(min_length=1, max_length=64)]


class PasswordChange(BaseModel):
    """The current password and the new one."""

    current_password: Annotated[StrictStr, StringConstraints(min_length=1, max_length=1024)]
    new_password: NewPassword


class PasswordForgotten(BaseModel):
    """The account for which a reset token is e-mailed."""

    org: Annotated[Short, Field(description="the short name of the org")]
    email: Annotated[StrictStr, StringConstraints(min_length=3, max_length=254, pattern=r"@")]


class PasswordReset(BaseModel):
    """A token from an invitation or reset e-mail, and the new password."""

    org: Annotated[Short, Field(description="the short name of the org")]
    token: Annotated[
        StrictStr, StringConstraints(min_length=1, max_length=200), Field(description="the token from the e-mail")
    ]
    password: NewPassword


class MailAccepted(BaseModel):
    """A text for the user. After a reset request it does not say whether the account exists."""

    detail: str


class Credentials(BaseModel):
    """Org, e-mail and password of an account."""

    org: Annotated[Short, Field(description="the short name of the org")]
    email: Annotated[StrictStr, StringConstraints(min_length=3, max_length=254, pattern=r"@")]
    password: Annotated[StrictStr, StringConstraints(min_length=1, max_length=1024)]
    code: Annotated[
        Code | None, Field(description="of people with a second factor: the code of their app, or a recovery code")
    ] = None


class Tokens(BaseModel):
    """A pair of tokens: the access token authorises requests, the refresh token gets the next pair."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(description="seconds until the access token expires")]


class Me(BaseModel):
    """The profile of the signed-in person."""

    id: UUID
    org_id: UUID
    role: Literal["student", "educator", "admin"]
    name: str | None
    email: str | None
    external_id: str | None
    language: Annotated[
        str | None, Field(description="BCP 47 tag of the language for feedback; null: the language of the essay")
    ]
    weekly_summary: Annotated[
        bool, Field(description="whether a summary of your courses comes by mail each week; students get none")
    ]


class Session(BaseModel):
    """A session that has not ended: what began with one sign-in."""

    id: UUID
    created_at: Annotated[datetime, Field(description="when the person signed in")]
    last_used_at: Annotated[datetime, Field(description="when its tokens were last refreshed")]
    expires_at: Annotated[
        datetime,
        Field(description="when it ends at the latest; of educators and admins, when it is not used until then"),
    ]
    current: Annotated[bool, Field(description="true: the session that sends this request")]


class Sessions(BaseModel):
    """A page of sessions, newest first."""

    items: list[Session]
    next_cursor: Cursor


class ProfileChange(RequestBody):
    """Changes to your own profile. Members that are left out stay the same."""

    name: Short = optional_not_null()
    language: Annotated[
        Language | None, Field(description="BCP 47 tag of the language for feedback; null: the language of the essay")
    ] = None
    weekly_summary: Annotated[
        StrictBool,
        Field(description="of educators and admins: whether a summary of your courses comes by mail each week"),
    ] = optional_not_null()


class SecondFactor(BaseModel):
    """Your second factor."""

    enrolled: Annotated[bool, Field(description="whether a code is asked for when you sign in with your password")]
    required: Annotated[
        bool, Field(description="whether your school lets you sign in with a password only beside a code")
    ]
    confirmed_at: datetime | None
    recovery_codes_left: int


class NewSecondFactor(BaseModel):
    """A secret for an authenticator app. It counts once a code has confirmed it, and is not shown again."""

    secret: Annotated[str, Field(description="32 letters and digits (base32), to type into the app")]
    otpauth_uri: Annotated[str, Field(description="the same as the text of a QR code")]


class CodeSent(BaseModel):
    """A code of the authenticator app."""

    code: Code


class PasswordSent(BaseModel):
    """The current password."""

    password: Annotated[StrictStr, StringConstraints(min_length=1, max_length=1024)]


class PasskeyAnswer(BaseModel):
    """What the browser answered for a passkey, as the JSON of WebAuthn."""

    credential: Annotated[StrictStr, StringConstraints(min_length=1, max_length=20_000)]


class NewPasskey(PasskeyAnswer):
    """A new passkey, with the name that its owner gives it."""

    name: Annotated[StrictStr, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]


class RecoveryCodes(BaseModel):
    """Ten codes that each work once instead of one of the app. They are not shown again."""

    recovery_codes: list[str]
