"""Request models of an assignment and a course that an LMS names by its own ids."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StrictStr

from ingest.web.schemas import ExternalId, NotNeeded


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


Label = Annotated[StrictStr | None, BeforeValidator(_blank_to_none)]


class LmsCourse(BaseModel):
    """A course by the LMS's own id. It is added when a hand-in names it for the first time."""

    external_id: Annotated[ExternalId, Field(description="the LMS's id of the course")]
    name: Annotated[
        Label,
        NotNeeded(),
        Field(description="its name when it is added (the first 200 characters); without it, the external id"),
    ] = None


class LmsAssignment(BaseModel):
    """An assignment by the LMS's own id.

    It is added with its course when a hand-in names it for the first time and `creates_courses` of the source or the
    API key allows it. What exists keeps its title and name.
    """

    external_id: Annotated[ExternalId, Field(description="the LMS's id of the assignment")]
    title: Annotated[
        Label,
        NotNeeded(),
        Field(description="its title when it is added (the first 500 characters); without it, the external id"),
    ] = None
    course: Annotated[
        LmsCourse | None, Field(description="its course; needed when the assignment is named for the first time")
    ] = None
