"""Request and response models of Canvas sites."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StrictStr, StringConstraints

from ingest.admin.lms_schemas import Address, Pages, ReturnsSetting
from ingest.web.schemas import RequestBody
from models.canvas_sites import USUAL_JWKS_URL

Token = Annotated[
    StrictStr,
    StringConstraints(min_length=16, max_length=400, pattern=r"^[A-Za-z0-9~._-]+$"),
    Field(description="an access token of an account that may see and comment on hand-ins; it is never shown again"),
]
AccountUuid = Annotated[
    Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")] | None,
    Field(description="the `root_account_uuid` whose events count; null: that of the first hand-in that is told"),
]
KeysAddress = Annotated[
    Address,
    Field(description="where the keys are with which Canvas signs events; Instructure's unless you say otherwise"),
]


class CanvasDraft(RequestBody):
    """A Canvas that tells by Live Events what was handed in."""

    site: Annotated[
        Address, Field(description="the address at which people open Canvas, such as https://school.instructure.com")
    ]
    token: Token
    root_account_uuid: AccountUuid = None
    jwks_url: KeysAddress = USUAL_JWKS_URL
    returns: ReturnsSetting = "link"
    pages_url: Pages = None


class CanvasChanges(RequestBody):
    """Changes to a Canvas. Members that are left out stay the same. Another site is another source."""

    token: Token = Field(default_factory=str)
    root_account_uuid: AccountUuid = None
    jwks_url: KeysAddress = Field(default_factory=str)
    returns: ReturnsSetting = Field(default="link")
    pages_url: Pages = None


class CanvasSite(BaseModel):
    """A Canvas without its token."""

    site: str
    root_account_uuid: str | None
    jwks_url: str
    returns: ReturnsSetting
    pages_url: str | None
