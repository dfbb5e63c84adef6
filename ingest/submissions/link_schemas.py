"""Request and response models of links to an essay."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from ingest.web.schemas import RequestBody, Whole


class NewLink(RequestBody):
    """A link to make."""

    minutes: Annotated[int, Whole(ge=1, le=60), Field(description="how long it can be opened")] = 10


class Link(BaseModel):
    """A link to an essay. Whoever has it can open it until it expires."""

    url: Annotated[str, Field(description="the address of the page, for a frame; do not keep it")]
    expires_at: datetime
