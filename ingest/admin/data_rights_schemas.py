"""What the doors of a person's rights answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class Erasing(BaseModel):
    """A person's data is unreadable as of now; its rows go within seconds."""

    status: Annotated[Literal["erasing"], Field(description="from then on the person is not found")]
