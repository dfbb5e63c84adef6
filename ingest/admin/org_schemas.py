"""Request and response models of the org and its settings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool, StrictStr, StringConstraints

from ingest.admin.schemas import ReleasePolicy
from ingest.web.schemas import EmbedOrigins, Language, Networks, RequestBody, Short, Whole, optional_not_null
from models.users import PersonRole

# Ten million dollars, and below 2**53, so that every JSON reader keeps it as a whole number.
MAX_BUDGET_MICROS = 10**13
MAX_AUTHOR_LIMIT = 10_000
MAX_RETENTION_DAYS = 36_500

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
    int,
    Whole(ge=30, le=MAX_RETENTION_DAYS),
    Field(description="days; null: for ever. Nothing is deleted in the first 7 days"),
]


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
    password_roles: Annotated[list[PersonRole], Field(description="who may sign in with a password")]
    second_factor_required: Annotated[
        bool, Field(description="whether educators and admins sign in with a password only beside a code")
    ]
    step_up: Annotated[
        bool,
        Field(
            description="whether exporting and erasing, API keys, sources and the sign-in provider need a sign-in of the last 15 minutes"
        ),
    ]
    embed_origins: Annotated[
        list[str], Field(description="the sites that may show a link to an essay in a frame; empty: none")
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
    monthly_budget_micros: Annotated[int, Whole(ge=0, le=MAX_BUDGET_MICROS)] | None = None
    author_open_limit: Annotated[int, Whole(ge=1, le=MAX_AUTHOR_LIMIT)] | None = None
    author_daily_limit: Annotated[int, Whole(ge=1, le=MAX_AUTHOR_LIMIT)] | None = None
    author_budget_percent: Annotated[int, Whole(ge=1, le=100)] | None = None
    admin_networks: Networks = optional_not_null()
    password_roles: Annotated[
        list[PersonRole],
        Field(
            max_length=3,
            description="who may sign in with a password; the others sign in at the school's provider. Sessions that are open go on",
        ),
    ] = optional_not_null()
    second_factor_required: Annotated[
        StrictBool,
        Field(
            description="true: educators and admins without a second factor set one up at their next sign-in on the page"
        ),
    ] = optional_not_null()
    step_up: StrictBool = optional_not_null()
    embed_origins: EmbedOrigins = optional_not_null()
    retention_texts: RetentionDays | None = None
    retention_raw_answers: RetentionDays | None = None
    retention_deliveries: RetentionDays | None = None
    retention_accounts: RetentionDays | None = None
    retention_logs: Annotated[int, Whole(ge=7, le=90), Field(description="days; null: 90")] | None = None
    legal_hold: CaseNumber | None = None
    dual_approval: Annotated[
        StrictBool,
        Field(
            description="true: erasing or exporting a person and removing the school need a second admin. Setting false needs "
            "one too: ask at POST /v1/approvals"
        ),
    ] = optional_not_null()
