"""What an export of a person's data holds: which columns of which rows, and which are left out for what reason.

A test compares this with the database: each column that a migration adds to a row about a person must be exported, or be listed in
NOT_EXPORTED with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Rows per page. A page becomes one file of the archive, and only one page is in memory at a time.
PAGE = 500
# Fewer rows per page, because the body of one delivery may be a megabyte.
BODIES_PAGE = 10
# For tables with small rows and no unique key of one column: all rows go into one page.
WHOLE = 1_000_000
# The audit trail is searched in steps, so that no statement takes long in an org with millions of entries.
AUDIT_STEP = 10_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """The rows of one table that are about a person, and which of their columns are exported.

    `columns` are exported as they are. `sealed` columns are exported decrypted, and those also in `structured` as the JSON
    they hold. `also` adds expressions that help to understand the rest. `of` is the condition that selects the rows. `key`
    orders the rows, marks where the next page begins, and identifies the row of a sealed column. `file` is the base name of
    the files when it is not the table's name.
    """

    table: str
    columns: str
    of: str
    sealed: str = ""
    structured: str = ""
    also: str = ""
    key: str = "id"
    page: int = PAGE
    file: str = ""

    @property
    def name(self) -> str:
        """Return the base name of the files."""
        return self.file or self.table


PROFILE = Part(
    table="users",
    columns="id org_id role language token_version disabled_at created_at erase_requested_at address_confirmed_at"
    " active_at",
    sealed="email name external_id",
    of="t.id = %(user)s",
)
ABOUT_PERSON = (
    Part(
        table="sessions",
        columns="id org_id user_id generation rotated_at expires_at revoked_at revoked_reason created_at proved_at",
        of="t.user_id = %(user)s",
    ),
    Part(
        table="second_factors",
        columns="user_id org_id confirmed_at last_step failures failed_at created_at",
        of="t.user_id = %(user)s",
        key="user_id",
    ),
    Part(
        table="passkeys",
        columns="id user_id org_id sign_count created_at last_used_at",
        sealed="name",
        of="t.user_id = %(user)s",
    ),
    Part(
        table="linked_accounts",
        columns="user_id org_id created_at",
        of="t.user_id = %(user)s",
        key="user_id",
    ),
    Part(table="weekly_summary_readers", columns="org_id user_id since", of="t.user_id = %(user)s", key="user_id"),
    Part(
        table="weekly_summaries",
        columns="id org_id user_id week courses state attempt fence next_at hinted_at lease_until started_at finished_at error",
        of="t.user_id = %(user)s",
    ),
    Part(
        table="lms_people",
        columns="id user_id org_id source_id created_at",
        sealed="subject",
        of="t.user_id = %(user)s",
    ),
    Part(
        table="one_time_tokens",
        columns="id org_id user_id purpose expires_at used_at created_at",
        of="t.user_id = %(user)s",
    ),
    Part(
        table="enrollments",
        columns="org_id course_id user_id role created_at",
        also="(select c.name from courses as c where c.org_id = t.org_id and c.id = t.course_id) as course",
        of="t.user_id = %(user)s",
        key="course_id",
        page=WHOLE,
    ),
    Part(
        table="author_use",
        columns="org_id user_id day handed_in month cost_micros",
        of="t.user_id = %(user)s",
        key="user_id",
        page=WHOLE,
    ),
    Part(
        table="approvals",
        columns="id org_id action user_id requested_by requested_at approved_by approved_at used_at",
        of="%(user)s in (t.user_id, t.requested_by, t.approved_by)",
    ),
    Part(
        table="analytics",
        columns="id created_at org_id user_id event essay_id submission_id",
        of="t.user_id = %(user)s",
    ),
    Part(
        table="reports",
        columns="id org_id user_id kind student_id parameters data_as_of created_at",
        of="t.user_id = %(user)s or t.student_id = %(user)s",
    ),
    Part(
        table="inbound_events",
        columns="id created_at org_id source_id event_id user_id submission_id outcome reason body_sha256 replayed_at",
        sealed="body problem",
        structured="problem",
        of="t.user_id = %(user)s",
        page=BODIES_PAGE,
    ),
    Part(
        table="seen_events",
        columns="source_id event_id org_id body_sha256 submission_id answer seen_at canonical_sha256",
        of="t.submission_id in (select s.id from submissions as s join essays as e on e.org_id = s.org_id and e.id = s.essay_id"
        " where e.org_id = %(org)s and e.user_id = %(user)s)",
        key="submission_id",
        page=WHOLE,
    ),
    Part(
        table="saved_comments",
        columns="id org_id user_id pass type kind created_at",
        sealed="body",
        structured="body",
        of="t.user_id = %(user)s",
    ),
    Part(
        table="files",
        columns="id org_id user_id audience_id submission_id format hidden_characters size_bytes characters words pictures created_at",
        sealed="name text hidden",
        of="t.user_id = %(user)s",
    ),
    # An educator's comments on other people's essays: only that and when they were made. The student's key encrypts the words.
    Part(
        table="feedback",
        columns="id created_at org_id submission_id pass type kind severity educator_id",
        of="t.educator_id = %(user)s",
        file="comments_made",
    ),
    Part(
        table="feedback_reviews",
        columns="id org_id feedback_id submission_id educator_id decision created_at",
        of="t.educator_id = %(user)s",
        file="reviews_made",
    ),
    Part(
        table="idempotency_keys",
        columns="org_id caller_id key request_sha256 response created_at canonical_sha256",
        of="(t.caller_id = %(user)s or t.response ->> 'essay_id' in"
        " (select e.id::text from essays as e where e.org_id = %(org)s and e.user_id = %(user)s))",
        key="key",
        page=WHOLE,
    ),
)
ESSAY = Part(
    table="essays",
    columns="id org_id user_id course_id audience_id assignment_id category_id external_id versions newest_submission_id"
    " newest_submitted_at created_at updated_at trial_rubric_id trial_prompt trial_until newest_is_update",
    sealed="title",
    also="(select a.title from assignments as a where a.org_id = t.org_id and a.id = t.assignment_id) as assignment,"
    " (select c.slug from categories as c where c.org_id = t.org_id and c.id = t.category_id) as category",
    of="t.user_id = %(user)s",
)
VERSION = Part(
    table="submissions",
    columns="id created_at org_id essay_id user_id audience_id version status queue source external_id language text_sha256"
    " characters words submitted_at released_at completed_at from_html pictures_left_out trace_id",
    sealed="text",
    of="t.essay_id = %(essay)s",
    page=1,
)
ABOUT_VERSION = (
    Part(
        table="passes",
        columns="id org_id submission_id essay_id user_id audience_id name state queue attempt fence lost queued_at next_at hinted_at"
        " lease_until first_claimed_at started_at finished_at error provider model comments discarded_at"
        " rubric_id prompt_version basis batch batch_call turn",
        sealed="summary",
        structured="summary",
        of="t.essay_id = %(essay)s and t.submission_id = %(submission)s",
    ),
    Part(
        table="feedback",
        columns="id created_at org_id submission_id text_characters essay_id user_id audience_id pass type kind severity priority match"
        " span_start span_end also_at criterion confidence confidence_basis origin provider model resolution carried_from"
        " superseded_at educator_id",
        sealed="body",
        structured="body",
        of="t.submission_id = %(submission)s",
    ),
    Part(
        table="feedback_reviews",
        columns="id org_id feedback_id submission_id user_id audience_id educator_id decision created_at",
        sealed="body",
        structured="body",
        of="t.submission_id = %(submission)s",
    ),
    Part(
        table="feedback_reactions",
        columns="org_id feedback_id user_id submission_id audience_id reaction created_at",
        sealed="note",
        of="t.submission_id = %(submission)s",
        key="feedback_id",
    ),
    Part(
        table="criterion_results",
        columns="id org_id submission_id user_id audience_id criterion_id pass level points max_points confidence evidence created_at"
        " superseded_at",
        sealed="rationale",
        also="(select c.name from rubric_criteria as c where c.org_id = t.org_id and c.id = t.criterion_id) as criterion",
        of="t.submission_id = %(submission)s",
    ),
    Part(
        table="arrivals",
        columns="id created_at org_id source_id version_key place changed_at submission_id state attempt fence next_at hinted_at"
        " lease_until started_at finished_at error",
        of="t.submission_id = %(submission)s",
    ),
    Part(
        table="returns",
        columns="id created_at org_id source_id submission_id channel external_id state attempt fence next_at hinted_at lease_until"
        " started_at finished_at error",
        of="t.submission_id = %(submission)s",
    ),
    Part(
        table="deliveries",
        columns="id created_at org_id endpoint_id event submission_id data state attempt fence next_at hinted_at lease_until started_at"
        " finished_at error http_status",
        of="t.submission_id = %(submission)s",
    ),
    Part(
        table="ai_responses",
        columns="id created_at org_id submission_id user_id pass attempt provider model prompt_version request_sha256 outcome"
        " stop_reason input_tokens output_tokens cache_read_tokens cache_write_tokens cost_micros latency_ms completed_at"
        " reserved_micros batch",
        sealed="raw",
        of="t.submission_id = %(submission)s",
    ),
)
AUDIT = Part(
    table="audit_log",
    columns="id created_at org_id actor_id actor_role request_id action entity entity_id detail sequence hash",
    of="(t.actor_id = %(user)s or t.entity_id = %(user)s or t.detail ->> 'user_id' = %(user)s::text or t.entity_id = any (%(theirs)s)"
    " or t.detail ->> 'submission_id' = any (%(theirs)s::text[]))"
    " and (%(upto)s::uuid is null or t.id <= %(upto)s)",
)
PARTS = (PROFILE, *ABOUT_PERSON, ESSAY, VERSION, *ABOUT_VERSION, AUDIT)

NOT_EXPORTED: Mapping[str, str] = {
    "users.email_digest": "only finds the e-mail, which is exported",
    "users.external_id_digest": "only finds the external id, which is exported",
    "users.password_hash": "anybody who has it can try passwords against it",
    "users.legal_hold": "says that a case is prepared, which the person may not be told yet; the school decides",
    "user_keys.user_id": "the key itself is no fact about a person",
    "user_keys.org_id": "the key itself is no fact about a person",
    "user_keys.wrapped": "decrypts everything the person wrote, backups included",
    "user_keys.master_key_id": "tells how the installation manages its keys",
    "user_keys.created_at": "same time as the account's created_at",
    "second_factors.secret": "anybody who has it can make codes to sign in with",
    "second_factors.recovery_codes": "identify codes that may still be valid",
    "passkeys.credential_digest": "only finds the passkey",
    "passkeys.credential_id": "tells who can use the passkey's device which one it is",
    "passkeys.public_key": "only checks what the passkey signed",
    "linked_accounts.subject_digest": "only finds the account that the provider has",
    "files.content": "the files themselves are in the folder files",
    "lms_people.subject_digest": "only finds the id, which is exported",
    "one_time_tokens.digest": "identifies a token that may still be valid",
    "passes.tallied": "whether the clock has counted the row",
    "ai_responses.tallied": "whether the clock has counted the row",
    "submissions.tallied": "whether the clock has counted the row",
    **{
        f"ledger_entries.{column}": "in author_use and ai_responses, which are exported; the clock deletes the row within seconds"
        for column in (
            "id org_id user_id day provider model pass failed input_tokens output_tokens cache_read_tokens cache_write_tokens"
            " cost_micros"
        ).split()
    },
    "submissions.feedback_seconds": "follows from created_at and completed_at, which are exported",
    **{
        f"review_items.{column}": "says again what the exported comment and its review say"
        for column in (
            "feedback_id org_id essay_id submission_id user_id audience_id assignment_id confidence_permille review_id is_open created_at"
        ).split()
    },
}
