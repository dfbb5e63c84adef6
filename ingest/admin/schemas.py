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
    StrictInt,
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
    Networks,
    Prompt,
    RequestBody,
    Short,
    optional_not_null,
)

# Ten million dollars, and below 2**53, so that every JSON reader keeps it as a whole number.
MAX_BUDGET_MICROS = 10**13
MAX_AUTHOR_LIMIT = 10_000
MAX_RETENTION_DAYS = 36_500

# What the members `source_id` say.
SOURCE = "the webhook source that added it and whose id `external_id` is; null: the school's own"

Role = Literal["student", "educator", "admin"]
Membership = Literal["student", "educator"]
ReleasePolicy = Literal["auto", "after_review"]
Email = Annotated[StrictStr, StringConstraints(min_length=3, max_length=254, pattern=EMAIL_PATTERN)]
Title = Annotated[StrictStr, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]
Note = Annotated[StrictStr, StringConstraints(max_length=1000)]
# A number, not words: what stands here also stands in the audit trail, for ever.
CaseNumber = Annotated[
    StrictStr,
    StringConstraints(max_length=40, pattern=r"^([0-9][A-Z0-9./-]*|[A-Z][A-Z0-9./-]*[0-9][A-Z0-9./-]*)$"),
    Field(
        description="the number of the case: capital letters, digits, `.`, `/` and `-`, at least one digit; never a name",
        examples=["2026-CV-114"],
    ),
]
RetentionDays = Annotated[
    StrictInt,
    Field(ge=30, le=MAX_RETENTION_DAYS, description="days; null: for ever. Nothing is deleted in the first 7 days"),
]
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


class Org(BaseModel):
    """The org with its settings."""

    id: UUID
    slug: str
    name: str
    default_language: str
    release_policy: ReleasePolicy
    ai_policy: Literal["anthropic", "local", "none"]
    ai_fallback: Literal["wait", "local"]
    require_approval: bool
    require_assignment: bool
    monthly_budget_micros: Annotated[
        int | None, Field(description="limit for AI cost per month (UTC) in millionths of a US dollar; null: no limit")
    ]
    author_open_limit: Annotated[
        int | None,
        Field(description="how many essays of one student may wait to be read or be read at a time; null: no limit"),
    ]
    author_daily_limit: Annotated[
        int | None, Field(description="how often one student may hand in on a day (UTC); null: no limit")
    ]
    author_budget_percent: Annotated[
        int | None,
        Field(description="how much of monthly_budget_micros one student may use, in percent; null: no limit"),
    ]
    admin_networks: Annotated[
        list[str], Field(description="the networks from which admins are accepted; empty: everywhere")
    ]
    retention_texts: Annotated[
        int | None,
        Field(description="days that an essay is kept after its last version was received; null: for ever"),
    ]
    retention_raw_answers: Annotated[int | None, Field(description="the same for raw answers of AI providers")]
    retention_deliveries: Annotated[int | None, Field(description="the same for what an LMS sent about a student")]
    retention_accounts: Annotated[
        int | None,
        Field(
            description="days after which a student who did nothing and was enrolled nowhere new is erased; null: never"
        ),
    ]
    retention_logs: Annotated[int | None, Field(description="days that warnings in /v1/logs are kept; null: 90")]
    legal_hold: Annotated[
        str | None, Field(description="the number of the case for which nothing of the org is deleted; null: no hold")
    ]
    dual_approval: bool
    spent_this_month_micros: Annotated[int, Field(description="AI cost this month (UTC) in millionths of a US dollar")]
    created_at: datetime


class OrgChange(RequestBody):
    """Changes to the org."""

    name: Short = optional_not_null()
    default_language: Language = optional_not_null()
    release_policy: Annotated[
        ReleasePolicy,
        Field(
            description="auto: students see feedback at once; after_review: after an educator releases it. An essay without "
            "an assignment also waits, for an admin, when an assignment in one of the student's courses is after_review"
        ),
    ] = optional_not_null()
    ai_policy: Annotated[
        Literal["anthropic", "local", "none"],
        Field(
            description="anthropic: Claude may read essays; local: only the local engine reads, no essay leaves this "
            "installation; none: no machine reads"
        ),
    ] = optional_not_null()
    ai_fallback: Annotated[
        Literal["wait", "local"], Field(description="what happens while Claude is not available or the budget is spent")
    ] = optional_not_null()
    require_approval: Annotated[
        StrictBool,
        Field(
            description="true: only a model, prompt and rules that were approved by a comparison with your educators' decisions "
            "read essays; what is not approved waits, or the last approved one reads"
        ),
    ] = optional_not_null()
    require_assignment: Annotated[
        StrictBool, Field(description="true: students and LMSs hand in for an assignment only")
    ] = optional_not_null()
    monthly_budget_micros: Annotated[StrictInt, Field(ge=0, le=MAX_BUDGET_MICROS)] | None = None
    author_open_limit: Annotated[StrictInt, Field(ge=1, le=MAX_AUTHOR_LIMIT)] | None = None
    author_daily_limit: Annotated[StrictInt, Field(ge=1, le=MAX_AUTHOR_LIMIT)] | None = None
    author_budget_percent: Annotated[StrictInt, Field(ge=1, le=100)] | None = None
    admin_networks: Networks = optional_not_null()
    retention_texts: RetentionDays | None = None
    retention_raw_answers: RetentionDays | None = None
    retention_deliveries: RetentionDays | None = None
    retention_accounts: RetentionDays | None = None
    retention_logs: Annotated[StrictInt, Field(ge=7, le=90, description="days; null: 90")] | None = None
    legal_hold: CaseNumber | None = None
    dual_approval: Annotated[
        StrictBool,
        Field(
            description="true: erasing or exporting a person and removing the school need a second admin. Setting false needs "
            "one too: ask at POST /v1/approvals"
        ),
    ] = optional_not_null()


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
