"""The data rights of a person: an export of everything that is stored about them, decrypted, and its erasure.

The exported columns are listed here. A test compares the list with the database: each column that a migration adds to a row
about a person must be exported, or be listed in NOT_EXPORTED with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from models import deliveries, files
from models.crypto import AssociatedData, Key
from models.db import row, rows, run
from models.errors import LastAdmin, NotFound
from models.holds import ORGS_ON_HOLD
from models.upkeep import fold_tallies
from models.users import data_key

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

README = """What EssayCoach holds about one person, in the clear. Times are UTC, ids are the system's own.

profile.json            who they are
sessions*.json          their sign-ins: when, until when, how ended
one_time_tokens*.json   invitations and password resets (not the tokens)
second_factors.json     since when they sign in with a code too, and wrong codes of late (not the secret)
passkeys.json           their passkeys: the names they gave, since when, and how often used (not the keys)
linked_accounts.json    since when they sign in with their school's account
lms_people*.json        the ids that LMSs have for them
weekly_summar*.json     whether they want the weekly summary, and those of the last weeks
enrollments*.json       their courses
essays/<n>-<id>/        one folder an essay: essay.json, and for each version
  versions/<v>.txt        the text as it was handed in
  versions/<v>.json       when, from where, how long, and what became of it
  versions/<v>-passes.json, -feedback.json, -criterion_results.json    the three readings and all they said
  versions/<v>-feedback_reviews.json, -feedback_reactions.json    what teachers decided about comments, and what the author thought of them
  versions/<v>-ai_responses.json    what each provider really answered, and what it cost (millionths of a dollar)
  versions/<v>-arrivals.json      when and from where in the LMS it was fetched
  versions/<v>-returns.json       what was written back to the LMS about it (ids and times)
  versions/<v>-deliveries.json    which systems of the school were told what about it (ids and times)
files*.json, files/     the files that they handed in, as they were, and which of them became which version
saved_comments*.json    comments they keep for the next essay
comments_made*.json, reviews_made*.json    which comments on others' essays they wrote or decided about (the words are the essay author's)
author_use.json         how often they handed in on their last day, and what reading them cost in their last month
approvals*.json         which exports and erasures of them were asked for, and what they asked for or approved as an admin
analytics*.json         what they did and when: handed in, revised, looked at feedback, judged a comment, released, reviewed, exported
reports*.json           which reports they asked for, and which were about them
inbound_events*.json    what an LMS sent about them, as it was sent, and why some of it was refused
seen_events*.json, idempotency_keys*.json    what was answered to whom handed in for them
audit_log*.json         what is on record as done by them or about them

A table with many rows goes on in files numbered -2, -3 and so on. Not included: password hashes, keys, and digests of secrets.
"""


def request_erasure(user: UUID, *, org: UUID) -> None:
    """Destroy the person's key and end their sign-ins at once; the clock deletes their rows later. Idempotent.

    Call it as ec_admin. Raises NotFound, OnHold, and LastAdmin when nobody could administer the org afterwards.
    """
    # The lock orders two admins who erase each other, so that the second one sees that it is the last.
    admins = rows(
        "select id from users where org_id = %s and role = 'admin' and disabled_at is null order by id for update",
        (org,),
    )
    if [record["id"] for record in admins] == [user]:
        raise LastAdmin("This is the last admin of the org who can sign in.")
    # Before their key and digests go: what was refused and names them becomes unreadable with the rest.
    deliveries.adopt(user, org=org, erasing=True)
    requested = row("select request_erasure(%s) as is_there", (user,))
    if requested is None or not requested["is_there"]:
        raise NotFound("There is no such person.")


def list_erasures(*, limit: int) -> list[tuple[UUID, UUID]]:
    """Return the people whose rows are to be deleted, each with their org, oldest request first. Call it as the clock.

    Of an org on hold nobody's rows are deleted.
    """
    found = rows(
        f"""
        select id, org_id from users where erase_requested_at is not null and org_id not in {ORGS_ON_HOLD}
        order by erase_requested_at limit %s
        """,  # noqa: S608 - a constant
        (limit,),
    )
    return [(record["id"], record["org_id"]) for record in found]


def erase(user: UUID, *, org: UUID) -> bool:
    """Delete every row of the person without lowering any total; return False when nobody requested it. Call it as the clock."""
    # A worker that finishes a pass locks its version first, so no pass finishes between the counting and the deletion.
    run(
        """
        select 1 from submissions as s where s.org_id = %(org)s and s.id in (
            select p.submission_id from passes as p where p.org_id = %(org)s and p.user_id = %(user)s)
        order by s.id for update
        """,
        {"org": org, "user": user},
    )
    fold_tallies()
    found = row("select erase_person(%s) as erased", (user,))
    return bool(found and found["erased"])


def gather(user: UUID, *, org: UUID) -> Iterator[tuple[str, str | bytes]]:
    """Yield everything that is stored about a person as files, each a name and what is in it.

    Call it as ec_admin. Raises NotFound before the first file.
    """
    key = data_key(user, org=org)
    deliveries.adopt(user, org=org)
    params = {"org": org, "user": user}
    [profile] = _page(PROFILE, params, key=key)
    yield "README.txt", README
    yield "profile.json", as_json(profile)
    for part in ABOUT_PERSON:
        yield from _part_files(part, params, key=key, name=part.name)
    for file, original in files.list_originals(user, org=org):
        yield f"files/{file}-{original.name}", original.content
    own_ids = [user]
    for number, essay in enumerate((record for page in _pages(ESSAY, params, key=key) for record in page), start=1):
        folder = f"essays/{number}-{essay['id']}"
        yield f"{folder}/essay.json", as_json(essay)
        own_ids.append(essay["id"])
        for [version] in _pages(VERSION, {**params, "essay": essay["id"]}, key=key):
            own_ids.append(version["id"])
            yield from _version_files(version, {**params, "essay": essay["id"]}, key=key, folder=folder)
    yield from _audit_files({**params, "theirs": own_ids}, key=key)


def _version_files(
    version: dict[str, Any], params: dict[str, Any], *, key: Key, folder: str
) -> Iterator[tuple[str, str]]:
    text: str = version.pop("text")
    name = f"{folder}/versions/{version['version']}"
    yield f"{name}.txt", text
    yield f"{name}.json", as_json(version)
    for part in ABOUT_VERSION:
        files = _part_files(
            part, {**params, "submission": version["id"]}, key=key, name=f"{name}-{part.name}", text=text
        )
        yield from files


def _audit_files(params: dict[str, Any], *, key: Key) -> Iterator[tuple[str, str]]:
    """Yield the audit entries by the person, about them, and about what they wrote."""
    after, number = None, 0
    while True:
        step = row(
            """
            select a.id from audit_log as a where a.org_id = %(org)s and (%(after)s::uuid is null or a.id > %(after)s)
            order by a.id limit 1 offset %(step)s
            """,
            {**params, "after": after, "step": AUDIT_STEP - 1},
        )
        last_id = step["id"] if step else None
        for page in _pages(AUDIT, {**params, "upto": last_id}, key=key, after=after):
            number += 1
            yield _file_name("audit_log", number), as_json(page)
        if last_id is None:
            return
        after = last_id


def _part_files(
    part: Part, params: dict[str, Any], *, key: Key, name: str, text: str = ""
) -> Iterator[tuple[str, str]]:
    for number, page in enumerate(_pages(part, params, key=key), start=1):
        for record in page:
            # The quote of a comment is not stored with it, so it is cut from the text.
            if part.table == "feedback" and record.get("span_end"):
                record["quote"] = text[record["span_start"] : record["span_end"]]
        yield _file_name(name, number), as_json(page)


def _file_name(name: str, number: int) -> str:
    return f"{name}.json" if number == 1 else f"{name}-{number}.json"


def _pages(part: Part, params: dict[str, Any], *, key: Key, after: Any = None) -> Iterator[list[dict[str, Any]]]:
    while page := _page(part, params, key=key, after=after):
        yield page
        after = page[-1][part.key]
        if len(page) < part.page:
            return


def _page(part: Part, params: dict[str, Any], *, key: Key, after: Any = None) -> list[dict[str, Any]]:
    """Return the next page of a part, after the row with the key `after`, with everything decrypted."""
    selected = ", ".join(
        [*(f"t.{column}" for column in (part.columns + " " + part.sealed).split()), *filter(None, [part.also])]
    )
    page_condition = f" and t.{part.key} > %(after)s" if after is not None else ""
    found = rows(
        f"select {selected} from {part.table} as t where t.org_id = %(org)s and {part.of}{page_condition}"  # noqa: S608 - constants of this file
        f" order by t.{part.key} limit %(limit)s",
        {**params, "after": after, "limit": part.page},
    )
    return [_decrypt_row(record, part, key=key, org=params["org"]) for record in found]


def _decrypt_row(record: dict[str, Any], part: Part, *, key: Key, org: UUID) -> dict[str, Any]:
    structured = part.structured.split()
    for column in part.sealed.split():
        if record[column] is not None:
            plain = key.open(record[column], place=AssociatedData(part.table, column, org, record[part.key]))
            record[column] = json.loads(plain) if column in structured else plain
    return record


def as_json(value: Any) -> str:
    """Return a value of an export as JSON text."""
    return json.dumps(value, default=_to_json_value, ensure_ascii=False, indent=1)


def _to_json_value(value: Any) -> Any:
    for kind, convert in _JSON_CONVERTERS.items():
        if isinstance(value, kind):
            return convert(value)
    raise TypeError(f"{type(value).__name__} has no spelling in an export")


_JSON_CONVERTERS: dict[type, Callable[[Any], Any]] = {
    UUID: str,
    date: lambda value: value.isoformat(),
    Decimal: float,
    bytes: bytes.hex,
    memoryview: lambda value: value.tobytes().hex(),
}
