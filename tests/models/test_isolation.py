"""Test with the real database roles that nobody reads or writes rows of another org or another person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import peewee
import psycopg2.errors
import pytest

from models import db, essays, feedback, passes, queue
from models.db import Role
from models.errors import DatabaseAway, NotFound, NotReady
from models.essays import Draft
from tests.conftest import Become
from tests.support.schools import session_of
from tests.support.servers import Database, execute
from tests.support.two_schools import KNOWN_BY, TABLES, TwoSchools

OWN, TAUGHT = "user_id = '{me}'", "audience_id in ({taught}) or audience_id = '{me}'"
PEOPLE = "select user_id from enrollments where course_id in ({taught})"

# The rows that each role may read in its own org, as SQL conditions. A table that is not listed may not be read at all.
VISIBLE = {
    "ec_student": {
        "orgs": "true", "categories": "true", "rubrics": "true", "rubric_criteria": "true", "users": "id = '{me}'",
        "courses": "id in ({enrolled})", "assignments": "course_id in ({enrolled})", "idempotency_keys": "caller_id = '{me}'", "reports": OWN,
        **dict.fromkeys(("user_keys", "enrollments", "essays", "submissions", "passes", "analytics", "files"), OWN),
        **dict.fromkeys(
            ("feedback", "criterion_results", "feedback_reviews", "feedback_reactions"),
            f"{OWN} and submission_id in (select id from submissions where released_at is not null)"
        ),
    },
    "ec_educator": {
        "orgs": "true", "categories": "true", "rubrics": "true", "rubric_criteria": "true",
        "users": f"id in ({PEOPLE}) or id = '{{me}}'", "user_keys": f"user_id in ({PEOPLE}) or user_id = '{{me}}'",
        "courses": "id in ({enrolled})", "assignments": "course_id in ({taught})", "enrollments": "course_id in ({taught})",
        "idempotency_keys": "caller_id = '{me}'", "analytics": OWN, "saved_comments": OWN, "reports": OWN, "weekly_summary_readers": OWN,
        **dict.fromkeys(
            ("essays", "submissions", "passes", "files", "feedback", "criterion_results", "feedback_reviews", "feedback_reactions"), TAUGHT
        ),
        "review_items": f"({TAUGHT}) and (user_id in ({PEOPLE}) or user_id = '{{me}}')",
    },
    "ec_admin": dict.fromkeys(set(TABLES) - {"audit_heads", "queue_marks", "spent_launches", "platform_assignments"}, "true"),
    "ec_lms": dict.fromkeys(
        set(TABLES) - {
            "ai_responses", "analytics", "api_keys", "audit_heads", "audit_log", "inbound_events", "one_time_tokens", "sessions",
            "sources", "system_logs", "saved_comments", "ledger", "ledger_entries", "blessings", "review_items", "author_use", "retention_runs", "approvals",
            "queue_marks", "reports", "second_factors", "passkeys", "sign_in_providers", "linked_accounts", "endpoints", "deliveries", "platforms", "moodle_sites", "returns", "arrivals",
            "weekly_summary_readers", "weekly_summaries",
        }, "true",
    ) | {"arrivals": "false", "moodle_sites": "false", "canvas_sites": "false", "asset_activities": "false", "notice_handlers": "false"},
    "ec_manager": dict.fromkeys(("users", "user_keys", "courses", "enrollments", "assignments", "categories", "rubrics"), "true"),
    "ec_worker": dict.fromkeys(
        ("orgs", "users", "user_keys", "enrollments", "assignments", "categories", "rubrics", "rubric_criteria", "essays", "submissions",
            "passes", "feedback", "criterion_results", "feedback_reviews", "feedback_reactions", "ledger", "blessings", "ai_responses", "endpoints", "deliveries", "canvas_sites", "moodle_sites",
            "arrivals", "returns", "sources", "platforms", "weekly_summary_readers", "weekly_summaries",
            "lms_people", "platform_assignments", "asset_activities"),
        "true",
    ),
}  # fmt: skip
TAUGHT_COURSES = "select course_id from enrollments where user_id = '{me}' and role = 'educator'"
ENROLLED_COURSES = "select course_id from enrollments where user_id = '{me}'"


@contextmanager
def acting(role: str, *, org: UUID | None, user: UUID | None = None) -> Iterator[None]:
    """Open a session as one of the roles of ingest, or as the worker's own role."""
    chosen: Role | None = None if role == "ec_worker" else role  # type: ignore[assignment]
    with db.session(org=org, user=user, role=chosen):
        yield


def _known(table: str) -> str:
    return f"array_agg(({KNOWN_BY.get(table, 'id')})::text)"


def visible_rows(table: str, *, role: str, org: UUID | None, user: UUID | None) -> set[str] | None:
    """Return the keys of the rows that the role sees, or None if it may not read the table at all."""
    try:
        with acting(role, org=org, user=user):
            found = db.row(f"select {_known(table)} as known from {table}")
    except peewee.ProgrammingError as error:
        assert "permission denied" in str(error)
        return None
    assert found is not None
    return set(found["known"] or ())


@pytest.mark.parametrize("role", VISIBLE)
@pytest.mark.parametrize("name", ["alice", "zoe", "ed", "nell", "ada"])
def test_a_role_sees_exactly_its_own_rows_of_every_table(
    two_schools: TwoSchools, database: Database, become: Become, role: str, name: str
) -> None:
    """With rows of two schools in every table, each role sees exactly the rows that VISIBLE lists."""
    me = getattr(two_schools.here, name)
    become("ec_worker" if role == "ec_worker" else "ec_ingest")
    names = {"me": me, "taught": TAUGHT_COURSES.format(me=me), "enrolled": ENROLLED_COURSES.format(me=me)}

    for table in TABLES:
        seen = visible_rows(table, role=role, org=two_schools.here.org, user=me)
        condition = VISIBLE[role].get(table)
        if condition is None:
            assert seen is None, f"{role} must not read {table}"
            continue
        own = "id" if table == "orgs" else "org_id"
        expected, every = (
            database.sql(f"select {_known(table)} from {table} where {rule}")[0][0]
            for rule in (f"{own} = '{two_schools.here.org}' and ({condition.format(**names)})", "true")
        )
        assert seen == set(expected or ()), f"{role} as {name}: {table}"
        assert len(every) > len(expected or ()), f"{table} has no hidden row, so this check would prove nothing"


@pytest.mark.parametrize("role", VISIBLE)
def test_session_without_identity_reads_no_row_of_any_table(two_schools: TwoSchools, become: Become, role: str) -> None:
    become("ec_worker" if role == "ec_worker" else "ec_ingest")

    for table in TABLES:
        assert not visible_rows(table, role=role, org=None, user=None), table
        assert not visible_rows(table, role=role, org=None, user=two_schools.here.alice), table


def test_ingest_login_role_reads_no_table(two_schools: TwoSchools, become: Become) -> None:
    for table in (*TABLES, "tallies", "feedback_types", "monitor_queue"):
        with pytest.raises(peewee.ProgrammingError, match="permission denied"), db.session(org=two_schools.here.org):
            db.rows(f"select from {table}")


def test_auth_role_finds_orgs_and_keys_of_any_org_but_people_of_one_org(
    two_schools: TwoSchools, become: Become
) -> None:
    """The role ec_auth must find an org and a key before it knows the caller, but people only in the org of its session."""
    with db.session(org=two_schools.here.org, role="ec_auth"):
        assert len(db.rows("select id, org_id, role from users")) == 6
        assert len(db.rows("select id from orgs")) == len(db.rows("select id from api_keys")) == 2
    with db.session(role="ec_auth"):
        assert db.rows("select id from users") == db.rows("select id from sessions") == []


def test_student_gets_feedback_only_after_release(two_schools: TwoSchools, become: Become) -> None:
    here = two_schools.here
    with session_of(here, "alice"):
        hers = feedback.fetch(two_schools.alice.submission, org=here.org, released_only=True)
        with pytest.raises(NotReady, match="not been released"):
            feedback.fetch(two_schools.held_back.submission, org=here.org, released_only=True)
        assert feedback.fetch(two_schools.held_back.submission, org=here.org, released_only=False)["comments"] == []
        assert queue.place_of(two_schools.foreign.submission) is None
    with session_of(here, "ed"):
        assert len(feedback.fetch(two_schools.held_back.submission, org=here.org, released_only=False)["comments"]) == 3

    assert [comment["pass"] for comment in hers["comments"]] == ["grammar", "structure", "content"]
    first = hers["comments"][0]
    assert first["span"] == {
        "start": 0, "end": 6, "quote": "Phones", "prefix": "", "suffix": " ring.", "unit": "code_points", "match": "exact",
    }  # fmt: skip
    assert (first["message"], first["suggestions"], first["also_at"]) == ("Look.", ["A"], [{"start": 7, "end": 11}])
    assert [(one["criterion"], one["rationale"]) for one in hers["criteria"]] == [("thesis", "Because.")] * 3
    assert hers["summary"] == {"strengths": ["Clear."], "next_steps": ["Add."], "not_checked": []}
    assert hers["status"] == "completed"


@pytest.mark.parametrize("name", ["bob", "zoe", "nell"])
def test_essay_of_another_person_is_not_found_by_any_function(
    two_schools: TwoSchools, become: Become, name: str
) -> None:
    here, wanted = two_schools.here, two_schools.alice
    with session_of(here, name):
        for read in (
            lambda: essays.fetch_status(wanted.submission, org=here.org),
            lambda: essays.fetch_text(wanted.submission, org=here.org),
            lambda: essays.fetch_essay(wanted.essay, org=here.org),
            lambda: feedback.fetch(wanted.submission, org=here.org, released_only=False),
            lambda: essays.receive(
                getattr(here, name), Draft(title="x", text="x", source="app", essay=wanted.essay), org=here.org
            ),
        ):
            with pytest.raises(NotFound):
                read()
        assert wanted.essay not in {one["id"] for one in essays.list_essays(org=here.org, limit=100)}


def test_admin_cannot_read_another_org_by_naming_it(two_schools: TwoSchools, become: Become) -> None:
    """The session's org comes from the token. Rows of another org are not found, whichever org the call names."""
    with session_of(two_schools.here, "ada"):
        for org in (two_schools.here.org, two_schools.there.org):
            with pytest.raises(NotFound):
                essays.fetch_status(two_schools.foreign.submission, org=org)
            with pytest.raises(NotFound):
                essays.fetch_text(two_schools.foreign.submission, org=org)
        assert essays.list_essays(org=two_schools.there.org, limit=100) == []


def test_worker_session_of_one_org_cannot_claim_pass_of_another_org(
    two_schools: TwoSchools, become: Become, database: Database
) -> None:
    with session_of(two_schools.there, "bob"):
        fresh = essays.receive(
            two_schools.there.bob, Draft(title="x", text="x", source="app"), org=two_schools.there.org
        )
    become("ec_worker")
    with db.session(org=two_schools.here.org):
        for org in (two_schools.here.org, two_schools.there.org):
            assert passes.claim(fresh.hints[0].pass_id, org=org, lease_seconds=60) is None
        with pytest.raises(NotFound):
            essays.fetch_task(fresh.submission, org=two_schools.there.org)
    with db.session():
        assert passes.claim(fresh.hints[0].pass_id, org=two_schools.there.org, lease_seconds=60) is None
    with db.session(org=two_schools.there.org):
        assert passes.claim(fresh.hints[0].pass_id, org=two_schools.there.org, lease_seconds=60) is not None


ESSAY = """
insert into essays (org_id, user_id, title, versions, newest_submission_id, newest_submitted_at)
values ({org}, {user}, '', 1, uuidv7(), now())
"""
FOREIGN_ROWS = {
    "a student's essay of another student": ("alice", ESSAY.format(org="{here}", user="{bob}")),
    "a student's essay in another org": ("alice", ESSAY.format(org="{there}", user="{stranger}")),
    "a student's own essay in another org": ("alice", ESSAY.format(org="{there}", user="{alice}")),
    "a student's event of another student": (
        "alice", "insert into analytics (org_id, user_id, event) values ({here}, {bob}, 'submitted')",
    ),
    "an educator's event of a student": (
        "ed", "insert into analytics (org_id, user_id, event) values ({here}, {bob}, 'reviewed')",
    ),
    "an educator's report in the name of a student": (
        "ed", "insert into reports (org_id, user_id, kind, parameters, data_as_of) values ({here}, {bob}, 'usage', '{{}}', now())",
    ),
    "a student's idempotency key of another": (
        "alice", "insert into idempotency_keys (org_id, caller_id, key, request_sha256) values ({here}, {bob}, 'k', '')",
    ),
    "an educator's essay in a course not theirs": (
        "nell", ESSAY.replace("now())", "now(), {{course}}, {{assignment}})").replace("_at)", "_at, course_id, assignment_id)")
        .format(org="{here}", user="{alice}"),
    ),
    "an admin's course in another org": ("ada", "insert into courses (org_id, name) values ({there}, 'x')"),
    "an admin's user in another org": (
        "ada", "insert into users (org_id, role, email, email_digest) values ({there}, 'admin', '', '')",
    ),
    "an admin moving a course to another org": ("ada", "update courses set org_id = {there} where id = {course}"),
    "an admin making another org": ("ada", "insert into orgs (slug, name) values ('mine', 'Mine')"),
}  # fmt: skip


@pytest.mark.parametrize("attempt", FOREIGN_ROWS)
def test_writing_a_row_for_another_org_or_person_is_refused(
    two_schools: TwoSchools, become: Become, attempt: str
) -> None:
    name, sql = FOREIGN_ROWS[attempt]
    here = two_schools.here
    ids = {
        "here": here.org, "there": two_schools.there.org, "alice": here.alice, "bob": here.bob, "stranger": two_schools.there.alice,
        "course": here.course, "assignment": here.assignment,
    }  # fmt: skip

    with pytest.raises(peewee.ProgrammingError, match="row-level security") as refusal, session_of(here, name):
        db.run(sql.format(**{key: f"'{value}'" for key, value in ids.items()}))

    assert db.caused_by(refusal.value, psycopg2.errors.InsufficientPrivilege)


@pytest.mark.parametrize(
    "sql",
    [
        "insert into users (org_id, role, email, email_digest) values (%s, 'student', '', '')",
        "insert into user_keys (org_id, user_id, wrapped, master_key_id) values (%s, uuidv7(), '', 'k1')",
        "insert into seen_events (org_id, source_id, event_id, body_sha256) values (%s, uuidv7(), 'e', '')",
        (
            "insert into inbound_events (org_id, source_id, event_id, outcome, body, body_sha256) "
            "values (%s, uuidv7(), 'e', 'accepted', '', '')"
        ),
    ],
)
def test_lms_role_cannot_insert_rows_into_another_org(two_schools: TwoSchools, become: Become, sql: str) -> None:
    with (
        pytest.raises(peewee.ProgrammingError, match="row-level security"),
        db.session(org=two_schools.here.org, role="ec_lms"),
    ):
        db.run(sql, (two_schools.there.org,))


def test_update_of_other_peoples_rows_changes_no_row(two_schools: TwoSchools, become: Become) -> None:
    """An UPDATE that names such rows by id changes none."""
    with session_of(two_schools.here, "alice"):
        assert db.run("update essays set versions = 99 where id = %s", (two_schools.bob.essay,)) == 0
        assert db.run("update essays set versions = 99 where id = %s", (two_schools.foreign.essay,)) == 0
        assert db.run("update essays set versions = versions where id = %s", (two_schools.alice.essay,)) == 1
    with session_of(two_schools.here, "ada"):
        assert db.run("update users set language = 'fr' where org_id = %s", (two_schools.there.org,)) == 0
        assert db.run("delete from enrollments where org_id = %s", (two_schools.there.org,)) == 0


DENIED = {
    "ec_student": [
        "update passes set state = 'done'", "update submissions set status = 'completed'", "delete from essays",
        "select password_hash from users", "insert into users (org_id) values (null)", "insert into feedback (kind) values ('praise')",
        "update feedback set resolution = 'moot'", "select raw from ai_responses", "update submissions set released_at = now()",
        "insert into feedback_reviews (decision) values ('rejected')", "select from saved_comments", "select from ledger",
        "update feedback_reactions set feedback_id = uuidv7()", "update essays set trial_until = now()", "select budget_allows(1)",
        "select from second_factors", "select from passkeys", "select from sign_in_providers", "select from linked_accounts", "select from platforms", "select from lms_people", "select from platform_courses", "select from platform_assignments",
        "select from asset_activities", "select from notice_handlers", "select take_notices('[]')",
        "select from review_items", "update users set name = null", "select from system_logs", "insert into system_logs (program) values ('ingest')",
        "select rerun_passes('{}', 'bulk')", "select review_counts()", "select place_assignment('a', 'a', 'c', 'c', true)",
        "select settle_delivery(null, null, null, '')", "select own_delivery(null, null, '', '')",
        "select from author_use", "select from retention_runs", "select hold_person(null, null)", "select from approvals",
        "select approve_request(null)", "select use_approval('remove_org', null)", "select author_may_spend(null, 1)", "select note_author_cost(null)",
        "select from queue_marks", "select from queue_snapshot", "select count_queue(1)", "select next_due(null)",
    ],
    "ec_educator": [
        "update passes set state = 'queued'", "select password_hash from users", "insert into enrollments (role) values ('educator')",
        "update users set role = 'admin'", "select from system_logs", "select from audit_log", "update rubrics set name = 'x'",
        "delete from rubrics", "update assignments set course_id = uuidv7()", "update feedback_reviews set decision = 'accepted'",
        "delete from feedback_reviews", "insert into feedback_reactions (reaction) values ('helpful')", "select from ledger",
        "update feedback set body = ''", "update saved_comments set body = ''", "update submissions set status = 'completed'",
        "select from second_factors", "select from passkeys", "select from sign_in_providers", "select from linked_accounts",
        "update users set language = 'fr'", "delete from review_items", "update review_items set review_id = null", "insert into system_logs (program) values ('ingest')",
        "select from blessings", "select review_counts()", "select budget_allows(1)", "update courses set source_id = null",
        "select place_assignment('a', 'a', 'c', 'c', true)", "select from inbound_events",
        "select own_delivery(null, null, '', '')",
    ],
    "ec_admin": [
        "select digest from api_keys", "select digest from one_time_tokens", "select password_hash from users",
        "select secret from second_factors", "update second_factors set confirmed_at = null", "select client_secret from sign_in_providers",
        "insert into second_factors (user_id) values (null)", "select public_key from passkeys", "insert into passkeys (user_id) values (null)", "insert into linked_accounts (user_id) values (null)",
        "update passes set fence = 0", "delete from users", "delete from user_keys", "delete from submissions",
        "update submissions set text = ''", "update user_keys set wrapped = ''", "update audit_log set action = 'x'",
        "delete from audit_log", "insert into audit_log (sequence) values (1)", "select from audit_heads",
        "insert into ledger (calls) values (1)", "update ledger set cost_micros = 0", "delete from ledger", "delete from feedback_reviews",
        "update feedback_reviews set decision = 'accepted'", "insert into feedback_reactions (reaction) values ('helpful')",
        "update feedback set body = ''", "insert into blessings (model) values ('m')", "select budget_allows(1)",
        "delete from review_items", "insert into system_logs (program) values ('ingest')", "delete from system_logs",
        "update inbound_events set body = ''", "update inbound_events set outcome = 'accepted'", "delete from inbound_events",
        "select settle_delivery(null, null, null, '')", "update author_use set handed_in = 0", "delete from author_use", "update retention_runs set begins_at = now()", "delete from retention_runs", "insert into approvals (action) values ('remove_org')",
        "update approvals set approved_at = now()", "delete from approvals", "select delete_expired(null, null, true)",
        "insert into author_use (handed_in) values (0)", "select author_may_spend(null, 1)", "select note_author_cost(null)",
        "select registration_digest from platforms", "select subject_digest from lms_people", "select from lti_keys", "select from spent_launches",
        "insert into lms_people (id) values (null)", "select add_lms_educator(uuidv7(), null, '', '', '', 'k')",
    ],
    "ec_lms": [
        "update passes set state = 'done'", "update users set role = 'admin'", "update users set password_hash = 'x'",
        "select body from inbound_events", "select from api_keys", "insert into orgs (name) values ('x')",
        "insert into feedback (kind) values ('praise')", "insert into feedback_reviews (decision) values ('rejected')",
        "insert into feedback_reactions (reaction) values ('helpful')", "select from saved_comments", "select from ledger",
        "select from review_items", "select from audit_log", "insert into audit_log (sequence) values (1)", "select change_own_profile(true, null, true, null)",
        "update submissions set released_at = now()", "insert into courses (name) values ('x')", "delete from courses",
        "insert into assignments (title) values ('x')", "update assignments set title = 'x'", "update inbound_events set outcome = 'ignored'",
        "select own_delivery(null, null, '', '')", "select from platforms", "select token from moodle_sites", "select mapping from sources", "update lms_people set user_id = null", "select from lti_keys",
        "select from author_use", "select from retention_runs", "select hold_person(null, null)", "select from approvals",
        "select approve_request(null)", "select use_approval('remove_org', null)", "update author_use set handed_in = 0",
    ],
    "ec_manager": [
        "select name from users", "select email from users", "select external_id from users", "update users set role = 'admin'",
        "insert into users (role) values ('admin')", "delete from users", "select wrapped from user_keys", "select from essays",
        "select from submissions", "select from feedback", "select from passes", "select from inbound_events", "select from sources",
        "select from api_keys", "select from orgs", "select from audit_log", "insert into categories (slug) values ('x')",
        "insert into rubrics (name) values ('x')", "update courses set source_id = null", "update courses set org_id = null",
        "insert into courses (source_id) values (null)", "update assignments set course_id = null",
        "select place_assignment('a', 'a', 'c', 'c', true)", "select settle_delivery(null, null, null, '')",
    ],
    "ec_auth": [
        "select from system_logs", "insert into system_logs (id) values (uuidv7())", "select change_own_profile(true, null, true, null)",
        "select external_id from users", "select from essays", "update user_keys set wrapped = ''", "update users set role = 'admin'", "update api_keys set revoked_at = null", "select name from sources",
    ],
    "ec_worker": [
        "insert into submissions (org_id) values (null)", "insert into passes (org_id) values (null)",
        "insert into essays (org_id) values (null)", "update submissions set text = ''", "update submissions set released_at = now()",
        "update passes set lost = 0", "select password_hash from users", "select from sessions",
        "select from api_keys", "delete from feedback", "update feedback set body = ''", "select raw from ai_responses",
        "set local role ec_admin", "set local role ec_owner", "select from monitor_queue", "delete from ledger",
        "select from saved_comments", "insert into feedback_reviews (decision) values ('rejected')",
        "update feedback_reactions set reaction = 'helpful'", "update blessings set model = 'm'", "select rerun_passes('{}', 'bulk')",
    ],
    "ec_clock": [
        "select text from submissions", "select title from essays", "select body from feedback", "select summary from passes",
        "select raw from ai_responses", "select name from users", "select email_digest from users", "select from user_keys", "select response from idempotency_keys",
        "insert into passes (org_id) values (null)", "update passes set fence = 0", "update passes set attempt = 0",
        "set local role ec_admin", "set local role ec_keys", "update audit_log set hash = ''", "update audit_heads set sequence = 0",
        "select from ledger", "insert into ledger (calls) values (1)", "select from feedback_reviews", "select from saved_comments",
        "update essays set trial_until = now()", "select trial_prompt from essays", "select rerun_passes('{}', 'bulk')",
        "select body from inbound_events", "update inbound_events set body = ''", "select own_delivery(null, null, '', '')",
        "update retention_runs set begins_at = now()", "select hold_person(null, null)", "select request_erasure(null)",
        "update orgs set legal_hold = null",
    ],
    "ec_monitor": [
        *(f"select from {table}" for table in TABLES), "select from untallied", "set local role ec_stats",
    ],
}  # fmt: skip


@pytest.mark.parametrize("role", DENIED)
def test_statements_outside_the_grants_of_a_role_are_denied(two_schools: TwoSchools, become: Become, role: str) -> None:
    """Ingest creates but never finishes passes, workers finish but never create, the clock reads no text, the monitor no table."""
    person = role in ("ec_student", "ec_educator", "ec_admin", "ec_lms", "ec_manager", "ec_auth")
    become("ec_ingest" if person else role)

    for sql in DENIED[role]:
        with (
            pytest.raises(peewee.ProgrammingError, match="permission denied"),
            db.session(
                org=two_schools.here.org,
                user=two_schools.here.alice,
                role=role if person else None,  # type: ignore[arg-type]
            ),
        ):
            db.run(sql)
            raise AssertionError(sql)


@pytest.mark.parametrize("role", ["ec_monitor", "ec_backup"])
def test_monitor_and_backup_roles_cannot_write_in_read_write_transaction(
    two_schools: TwoSchools, database: Database, role: str
) -> None:
    for sql in (
        "delete from essays",
        "update users set role = 'admin'",
        "insert into tallies (name, labels) values ('x', '{}')",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(database.role_url(role), f"begin read write; {sql}")
        with pytest.raises((psycopg2.errors.ReadOnlySqlTransaction, psycopg2.errors.InsufficientPrivilege)):
            execute(database.role_url(role), sql)


def test_program_roles_cannot_create_tables_or_read_partitions(
    two_schools: TwoSchools, become: Become, database: Database
) -> None:
    partition = str(database.sql("select tableoid::regclass from submissions limit 1")[0][0])
    for program in ("ec_ingest", "ec_worker", "ec_clock", "ec_monitor"):
        become(program)
        for sql in ("create table mine (id int)", f"select from {partition}"):
            with pytest.raises((peewee.ProgrammingError, DatabaseAway)), db.session(org=two_schools.here.org):
                db.run(sql)
                raise AssertionError(sql)


def test_monitor_views_have_counts_and_no_identifiers(two_schools: TwoSchools, become: Become) -> None:
    become("ec_monitor")
    with db.session():
        for view in ("monitor_queue", "monitor_gave_up", "monitor_totals"):
            columns = [str(name) for name in (db.row(f"select * from {view}") or {})]
            assert not [name for name in columns if name.endswith("id") or name in ("user", "org", "text", "title")]
        totals = {(one["name"], tuple(one["labels"])): one["count"] for one in db.rows("select * from monitor_totals")}

    assert totals["pass_duration", ("grammar", "done")] == 10
    assert totals["ai_requests", ("content", "local", "ok")] == 10


def test_clock_sees_passes_and_submissions_of_every_org(two_schools: TwoSchools, become: Become) -> None:
    become("ec_clock")
    with db.session():
        assert {one["org_id"] for one in db.rows("select org_id from passes")} == {
            two_schools.here.org,
            two_schools.there.org,
        }
        assert {one["org_id"] for one in db.rows("select org_id from submissions")} == {
            two_schools.here.org,
            two_schools.there.org,
        }
