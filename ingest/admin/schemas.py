"""Request and response models of administration. Unknown members are refused, so that a misspelt name is noticed.

A change request changes only the members that are sent; null clears a member that may be empty.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    Field,
    StrictBool,
    StrictStr,
    StringConstraints,
    model_validator,
)

from ingest.web.schemas import (
    EMAIL_PATTERN,
    Cursor,
    ExternalId,
    Id,
    Language,
    Moment,
    Prompt,
    RequestBody,
    Short,
    optional_not_null,
)

# What the members `source_id` say.
SOURCE = "the source that added it and whose id `external_id` is; null: the school's own"

Role = Literal["student", "educator", "admin"]
Membership = Literal["student", "educator"]
ReleasePolicy = Literal["auto", "after_review"]
Email = Annotated[StrictStr, StringConstraints(min_length=3, max_length=254, pattern=EMAIL_PATTERN)]
Title = Annotated[StrictStr, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]
Note = Annotated[StrictStr, StringConstraints(max_length=1000)]
CategorySlug = Annotated[StrictStr, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class NewPerson(RequestBody):
    """A new person. They have no password until they follow an invitation."""

    role: Role
    name: Short | None = None
    email: Email | None = None
    external_id: Annotated[ExternalId | None, Field(description="the LMS's id of the person")] = None
    language: Annotated[
        Language | None,
        Field(
            description="the language for feedback, such as en-GB, en_GB or English; null: the language of the essay"
        ),
    ] = None

    @model_validator(mode="after")
    def _check_identifier(self) -> NewPerson:
        if self.email is None and self.external_id is None:
            raise ValueError("an email or an external_id is needed")
        return self


class PersonChange(RequestBody):
    """Changes to a person. A new role or `disabled: true` makes their access tokens invalid from the next request on."""

    role: Role = optional_not_null()
    name: Short | None = None
    email: Email | None = None
    external_id: ExternalId | None = None
    language: Language | None = None
    disabled: StrictBool = optional_not_null()


class Person(BaseModel):
    """The profile of a person."""

    id: UUID
    role: Role
    name: str | None
    email: str | None
    email_confirmed: Annotated[
        bool, Field(description="false: only an LMS has named the address, so it gets no mail until you confirm it")
    ]
    external_id: str | None
    language: str | None
    disabled: bool
    created_at: datetime


class PersonSearch(RequestBody):
    """Whom to look for. One of the two members is required; with both, both must match."""

    email: Annotated[Email | None, Field(description="the whole address, in any spelling")] = None
    external_id: Annotated[ExternalId | None, Field(description="the LMS's id of the person")] = None

    @model_validator(mode="after")
    def _check_search(self) -> PersonSearch:
        if self.email is None and self.external_id is None:
            raise ValueError("an email or an external_id is needed")
        return self


class People(BaseModel):
    """A page of people, newest first."""

    items: list[Person]
    next_cursor: Cursor


class NewCourse(RequestBody):
    """A new course."""

    name: Short
    external_id: Annotated[ExternalId | None, Field(description="the LMS's id of the course")] = None


class CourseChange(RequestBody):
    """Changes to a course."""

    name: Short = optional_not_null()
    external_id: ExternalId | None = None
    archived: StrictBool = optional_not_null()


class Course(BaseModel):
    """A course: a group that is taught together."""

    id: UUID
    name: str
    external_id: str | None
    source_id: Annotated[UUID | None, Field(description=SOURCE)]
    archived: Annotated[bool, Field(description="a mark for lists; it restricts nothing")]
    created_at: datetime


class Courses(BaseModel):
    """A page of courses, newest first."""

    items: list[Course]
    next_cursor: Cursor


class NewEnrollment(RequestBody):
    """A person to enrol in a course, and their role there."""

    user_id: Id
    role: Membership


class Enrollment(BaseModel):
    """A person in a course, and their role there."""

    course_id: UUID
    user_id: UUID
    role: Membership
    created_at: datetime


class Enrollments(BaseModel):
    """A page of a course's enrolments, newest person first."""

    items: list[Enrollment]
    next_cursor: Cursor


class NewCategory(RequestBody):
    """A new category of writing."""

    slug: Annotated[CategorySlug, Field(description="the name that a submission sends as its category")]
    name: Short


class CategoryChange(RequestBody):
    """Changes to a category."""

    slug: CategorySlug = optional_not_null()
    name: Short = optional_not_null()


class Category(BaseModel):
    """A category of writing, such as a book review."""

    id: UUID
    slug: str
    name: str
    created_at: datetime


class Categories(BaseModel):
    """A page of categories, newest first."""

    items: list[Category]
    next_cursor: Cursor


class NewAssignment(RequestBody):
    """A new assignment in a course."""

    course_id: Id
    title: Title
    prompt: Annotated[Prompt, Field(description="the task that students read")] = ""
    due_at: Moment | None = None
    release_policy: Annotated[ReleasePolicy | None, Field(description="null: the release policy of the org")] = None
    category: CategorySlug | None = None
    rubric_id: Id | None = None
    external_id: Annotated[ExternalId | None, Field(description="the LMS's id of the assignment")] = None


class AssignmentChange(RequestBody):
    """Changes to an assignment. It cannot move to another course."""

    title: Title = optional_not_null()
    prompt: Prompt = optional_not_null()
    due_at: Moment | None = None
    release_policy: ReleasePolicy | None = None
    category: CategorySlug | None = None
    rubric_id: Id | None = None
    external_id: ExternalId | None = None


class Assignment(BaseModel):
    """An assignment in a course."""

    id: UUID
    course_id: UUID
    title: str
    prompt: str
    due_at: datetime | None
    release_policy: ReleasePolicy | None
    category: str | None
    rubric_id: UUID | None
    external_id: str | None
    source_id: Annotated[UUID | None, Field(description=SOURCE)]
    created_at: datetime


class Assignments(BaseModel):
    """A page of assignments, newest first."""

    items: list[Assignment]
    next_cursor: Cursor


class Waiting(BaseModel):
    """The org wants two admins to agree: nothing is done until another admin approves the request."""

    status: Literal["waiting for approval"]
    approval_id: UUID


class Erasing(BaseModel):
    """The data of the person is unreadable from now on, or another admin must approve that first."""

    status: Annotated[
        Literal["erasing", "waiting for approval"],
        Field(description="erasing: from now on the person is not found; rows are deleted within seconds"),
    ]
    approval_id: Annotated[UUID | None, Field(description="the request that another admin must approve")] = None
