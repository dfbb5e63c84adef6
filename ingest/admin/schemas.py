"""Request and answer models of administration. A member that is not known is refused, so that a misspelt one is noticed.

In a change only what is sent changes; null clears a field that may be empty.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)

from ingest.web.schemas import Cursor, ExternalId, Id, Language, Moment, Prompt, RequestBody, Short, absent

# Ten thousand dollars a thousand times over; and still a whole number for every reader of JSON.
MOST_MICROS = 10**13

Role = Literal["student", "educator", "admin"]
Membership = Literal["student", "educator"]
ReleasePolicy = Literal["auto", "after_review"]
Email = Annotated[StrictStr, StringConstraints(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Title = Annotated[StrictStr, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]
Note = Annotated[StrictStr, StringConstraints(max_length=1000)]
CategorySlug = Annotated[StrictStr, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class NewPerson(RequestBody):
    """A person to be; an invitation lets them choose a password."""

    role: Role
    name: Short | None = None
    email: Email | None = None
    external_id: Annotated[ExternalId | None, Field(description="the LMS's id of the person")] = None
    language: Language | None = None

    @model_validator(mode="after")
    def _can_be_recognised(self) -> NewPerson:
        if self.email is None and self.external_id is None:
            raise ValueError("an email or an external_id is needed")
        return self


class PersonChange(RequestBody):
    """What is to change about a person. A new role, and being disabled, end their access with the next request."""

    role: Role = absent()
    name: Short | None = None
    email: Email | None = None
    external_id: ExternalId | None = None
    language: Language | None = None
    disabled: StrictBool = absent()


class Person(BaseModel):
    """Somebody's profile."""

    id: UUID
    role: Role
    name: str | None
    email: str | None
    external_id: str | None
    language: str | None
    disabled: bool
    created_at: datetime


class PersonSearch(RequestBody):
    """Whom to look for: by either, or by both."""

    email: Email | None = None
    external_id: ExternalId | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> PersonSearch:
        if self.email is None and self.external_id is None:
            raise ValueError("an email or an external_id is needed")
        return self


class People(BaseModel):
    """A page of people, newest first."""

    items: list[Person]
    next_cursor: Cursor


class NewCourse(RequestBody):
    """A group that is taught together."""

    name: Short
    external_id: Annotated[ExternalId | None, Field(description="the LMS's id of the course")] = None


class CourseChange(RequestBody):
    """What is to change about a course."""

    name: Short = absent()
    external_id: ExternalId | None = None
    archived: StrictBool = absent()


class Course(BaseModel):
    """A group that is taught together."""

    id: UUID
    name: str
    external_id: str | None
    archived: bool
    created_at: datetime


class Courses(BaseModel):
    """A page of courses, newest first."""

    items: list[Course]
    next_cursor: Cursor


class NewEnrollment(RequestBody):
    """Who is to be in a course, and as what."""

    user_id: Id
    role: Membership


class Enrollment(BaseModel):
    """Who is in a course, and as what."""

    course_id: UUID
    user_id: UUID
    role: Membership
    created_at: datetime


class Enrollments(BaseModel):
    """A page of a course's enrolments, the person added last first."""

    items: list[Enrollment]
    next_cursor: Cursor


class NewCategory(RequestBody):
    """A kind of writing."""

    slug: Annotated[CategorySlug, Field(description="the name a submission calls it by")]
    name: Short


class CategoryChange(RequestBody):
    """What is to change about a category."""

    slug: CategorySlug = absent()
    name: Short = absent()


class Category(BaseModel):
    """A kind of writing."""

    id: UUID
    slug: str
    name: str
    created_at: datetime


class Categories(BaseModel):
    """A page of categories, newest first."""

    items: list[Category]
    next_cursor: Cursor


class NewAssignment(RequestBody):
    """What is asked in a course."""

    course_id: Id
    title: Title
    prompt: Prompt = ""
    due_at: Moment | None = None
    release_policy: Annotated[ReleasePolicy | None, Field(description="null: as the org has it")] = None
    category: CategorySlug | None = None
    rubric_id: Id | None = None
    external_id: Annotated[ExternalId | None, Field(description="the LMS's id of the assignment")] = None


class AssignmentChange(RequestBody):
    """What is to change about an assignment. It stays in its course."""

    title: Title = absent()
    prompt: Prompt = absent()
    due_at: Moment | None = None
    release_policy: ReleasePolicy | None = None
    category: CategorySlug | None = None
    rubric_id: Id | None = None
    external_id: ExternalId | None = None


class Assignment(BaseModel):
    """What is asked in a course."""

    id: UUID
    course_id: UUID
    title: str
    prompt: str
    due_at: datetime | None
    release_policy: ReleasePolicy | None
    category: str | None
    rubric_id: UUID | None
    external_id: str | None
    created_at: datetime


class Assignments(BaseModel):
    """A page of assignments, newest first."""

    items: list[Assignment]
    next_cursor: Cursor


class Org(BaseModel):
    """The org and its settings."""

    id: UUID
    slug: str
    name: str
    default_language: str
    release_policy: ReleasePolicy
    ai_policy: Literal["anthropic", "local", "none"]
    ai_fallback: Literal["wait", "local"]
    monthly_budget_micros: Annotated[
        int | None, Field(description="millionths of a US dollar a month (UTC); null: no limit")
    ]
    spent_this_month_micros: int
    created_at: datetime


class OrgChange(RequestBody):
    """What is to change about the org."""

    name: Short = absent()
    default_language: Language = absent()
    release_policy: Annotated[
        ReleasePolicy, Field(description="auto: students see feedback at once; after_review: once it is released")
    ] = absent()
    ai_policy: Annotated[
        Literal["anthropic", "local", "none"], Field(description="local and none: no essay leaves this installation")
    ] = absent()
    ai_fallback: Annotated[Literal["wait", "local"], Field(description="what happens while Claude cannot be had")] = (
        absent()
    )
    monthly_budget_micros: Annotated[StrictInt, Field(ge=0, le=MOST_MICROS)] | None = None


class Erasing(BaseModel):
    """A person's data is unreadable as of now; its rows go within seconds."""

    status: Annotated[Literal["erasing"], Field(description="from then on the person is not found")]
