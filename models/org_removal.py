"""Remove an org in steps that can each be repeated: close it, wait until nothing of it runs, export it, delete its rows.

Its row stays, without its name, and so does its audit trail. Call everything here in a session of the org as ec_admin.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models import approvals
from models.audit import write_entry
from models.db import row, rows, run
from models.errors import NeedsApproval

# Counting the rows of a big school takes longer than a request may.
COUNT_MS = 60_000


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the removal of an org is: closed to everybody, and exported."""

    closed_at: datetime | None
    exported_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Unsettled:
    """What is not settled yet: open passes, and rows that the clock has to chain or to count into the totals."""

    passes: int
    unchained: int
    uncounted: bool

    def __bool__(self) -> bool:
        """Return whether anything is left to wait for."""
        return bool(self.passes or self.unchained or self.uncounted)


def fetch_progress(org: UUID) -> Progress:
    """Return how far the removal is."""
    found = row("select closed_at, exported_at from orgs where id = %s", (org,))
    assert found is not None
    return Progress(**found)


def count_rows() -> dict[str, int]:
    """Return how many rows of the acting org each table has that the removal takes away."""
    run("select set_config('statement_timeout', %s, true)", (str(COUNT_MS),))
    return {found["name"]: found["total"] for found in rows("select name, total from org_rows()")}


def close(org: UUID, *, without_approval: str | None = None) -> None:
    """Close the org: sign-ins, tokens, API keys and webhooks stop with the next request. Idempotent.

    An org with dual_approval needs a request that two of its admins agreed on, or `without_approval`, the number of a case.
    Raises NeedsApproval, and OnHold when a legal hold is on the org or on somebody in it.
    """
    if fetch_progress(org).closed_at is not None:
        return
    detail = {}
    if approvals.are_needed(org) and not approvals.use("remove_org"):
        if without_approval is None:
            raise NeedsApproval
        detail["without_approval"] = without_approval
    if run("update orgs set closed_at = now() where id = %s and closed_at is null", (org,)):
        write_entry("org_closed", entity="org", entity_id=org, **detail)


def read_clock() -> datetime:
    """Return the time of the database. What begins later sees everything that was committed before this call."""
    found = row("select clock_timestamp() as now")
    assert found is not None
    now: datetime = found["now"]
    return now


def count_older_requests(moment: datetime) -> int:
    """Return how many transactions of this program's log-in are open that began before `moment`. Call it without a role."""
    found = row(
        """
        select count(*) as open from pg_stat_activity
        where usename = session_user and datname = current_database() and pid <> pg_backend_pid() and xact_start < %s
        """,
        (moment,),
    )
    return int(found["open"]) if found else 0


def settle(org: UUID, *, limit: int) -> Unsettled:
    """Cancel up to `limit` queued passes of the closed org, and return what is not settled yet."""
    cancelled = row("select cancel_open_passes(%s) as passes", (limit,))
    # A statement of its own, so that it sees what was cancelled.
    found = row(
        """
        select (select count(*) from audit_log where org_id = %(org)s and sequence is null) as unchained,
            exists (select from passes where org_id = %(org)s and not tallied and finished_at is not null)
            or exists (select from ai_responses where org_id = %(org)s and not tallied and completed_at is not null)
            or exists (select from submissions where org_id = %(org)s and not tallied and feedback_seconds is not null)
            or exists (select from ledger_entries where org_id = %(org)s) as uncounted
        """,
        {"org": org},
    )
    assert cancelled is not None
    assert found is not None
    return Unsettled(**cancelled, **found)


def record_export(org: UUID, *, manifest_sha256: str) -> None:
    """Record that everything was exported, with the digest of the manifest. From now on the rows may be deleted."""
    run("update orgs set exported_at = now() where id = %s and exported_at is null", (org,))
    write_entry("org_exported", entity="org", entity_id=org, manifest_sha256=manifest_sha256)


def delete_rows(*, limit: int) -> tuple[str, int] | None:
    """Delete up to `limit` rows of the acting org, of one table; return which table and how many, or None at the end."""
    found = row("select name, removed from remove_org_rows(%s)", (limit,))
    return (found["name"], found["removed"]) if found else None


def finish(org: UUID) -> dict[str, int]:
    """Take the org's name and settings away and free its short name, unless rows are left. Return the rows that are left."""
    left = {name: total for name, total in count_rows().items() if total}
    if not left:
        run(
            """
            update orgs set slug = 'removed-' || id, name = 'Removed school', default_language = default, release_policy = default,
                ai_policy = default, ai_fallback = default, require_approval = default, require_assignment = default,
                monthly_budget_micros = null, author_open_limit = default, author_daily_limit = default, author_budget_percent = default,
                admin_networks = default, password_roles = default, second_factor_required = default, step_up = default,
                embed_origins = default, retention_texts = null, retention_raw_answers = null, retention_deliveries = null,
                retention_accounts = null, retention_logs = null, removed_at = now()
            where id = %s
            """,
            (org,),
        )
        write_entry("org_removed", entity="org", entity_id=org)
    return left


# What the export holds of the org itself, beside the archives of its people. No secrets.
ORG_FILES = {
    "org": """
        select id, slug, name, default_language, release_policy, ai_policy, ai_fallback, require_approval, require_assignment,
            monthly_budget_micros, author_open_limit, author_daily_limit, author_budget_percent, admin_networks, password_roles,
            second_factor_required, step_up, embed_origins, retention_texts, retention_raw_answers, retention_deliveries,
            retention_accounts, retention_logs, dual_approval, created_at, closed_at
        from orgs where id = %(org)s
    """,
    "categories": "select id, slug, name, created_at from categories where org_id = %(org)s order by id",
    "courses": "select id, name, external_id, archived_at, created_at from courses where org_id = %(org)s order by id",
    "assignments": """
        select id, course_id, title, prompt, due_at, release_policy, category_id, rubric_id, external_id, created_at
        from assignments where org_id = %(org)s order by id
    """,
    "rubrics": "select id, name, content_hash, created_at from rubrics where org_id = %(org)s order by id",
    "rubric_criteria": """
        select id, rubric_id, position, name, description, levels from rubric_criteria
        where org_id = %(org)s order by rubric_id, position
    """,
    "enrollments": """
        select course_id, user_id, role, created_at from enrollments where org_id = %(org)s order by course_id, user_id
    """,
    "api_keys": """
        select id, name, prefix, scopes, created_at, expires_at, last_used_on, revoked_at from api_keys
        where org_id = %(org)s order by id
    """,
    "sources": "select id, name, created_at, disabled_at from sources where org_id = %(org)s order by id",
    "endpoints": """
        select id, name, url, events, created_at, failing_since, disabled_at, disabled_reason from endpoints
        where org_id = %(org)s order by id
    """,
    "ledger": """
        select day, provider, model, pass, calls, failed, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_micros
        from ledger where org_id = %(org)s order by day, provider, model, pass
    """,
}


def fetch_org_file(name: str, *, org: UUID) -> list[dict[str, Any]]:
    """Return the rows of one file of `ORG_FILES`."""
    run("select set_config('statement_timeout', %s, true)", (str(COUNT_MS),))
    return rows(ORG_FILES[name], {"org": org})


def list_people(*, org: UUID, limit: int, after: UUID) -> list[dict[str, Any]]:
    """Return the id and role of the next people in the order of their ids, and whether their data is being erased."""
    return rows(
        """
        select id, role, erase_requested_at is not null as erasing from users
        where org_id = %s and id > %s order by id limit %s
        """,
        (org, after, limit),
    )
