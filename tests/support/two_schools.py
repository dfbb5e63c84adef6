"""Two schools with rows in every table, for tests that read every table of both."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from uuid import UUID

from models import ai_responses, courses, crypto, db, essays, events, feedback, files, passes
from models.ai_responses import CallEnd
from models.crypto import AssociatedData
from models.essays import Draft, Receipt
from models.events import Delivery
from models.feedback import Author, CommentDraft, ResultDraft
from models.files import NewFile
from models.settings import CryptoSettings, StoreSettings
from models.users import data_key
from tests.support.schools import INDEX_KEY, MASTER_KEY, School, make_school, session_of
from tests.support.servers import Database

# The expression that identifies a row of a table. For other tables it is `id`.
KNOWN_BY = {
    "audit_heads": "org_id", "user_keys": "user_id", "enrollments": "course_id::text || user_id", "idempotency_keys": "key", "seen_events": "event_id",
    "author_use": "user_id", "retention_runs": "org_id::text || class", "queue_marks": "org_id",
    "second_factors": "user_id", "linked_accounts": "user_id", "spent_launches": "source_id", "platform_courses": "course_id", "platform_assignments": "assignment_id", "asset_activities": "activity", "notice_handlers": "handler", "weekly_summary_readers": "user_id",
    "feedback_reactions": "feedback_id", "review_items": "feedback_id", "ledger": "org_id::text || day || provider || model || pass",
}  # fmt: skip
TABLES = (
    "ai_responses", "analytics", "api_keys", "approvals", "arrivals", "canvas_sites", "moodle_sites", "returns", "assignments", "audit_heads", "audit_log", "author_use", "categories", "courses", "criterion_results", "deliveries", "endpoints",
    "enrollments", "essays", "feedback", "feedback_reactions", "feedback_reviews", "idempotency_keys", "inbound_events", "ledger", "ledger_entries", "files",
    "blessings", "one_time_tokens", "orgs", "passes", "retention_runs", "queue_marks", "review_items", "reports", "rubric_criteria", "rubrics", "saved_comments", "seen_events", "sessions",
    "second_factors", "passkeys", "sign_in_providers", "linked_accounts", "platforms", "platform_courses", "platform_assignments", "asset_activities", "notice_handlers", "lms_people", "weekly_summary_readers", "weekly_summaries", "spent_launches", "sources", "submissions", "system_logs", "user_keys", "users",
)  # fmt: skip


@dataclass(frozen=True)
class TwoSchools:
    """Two schools. In each, feedback for Alice and Bob is released, and feedback on Alice's second essay is held back."""

    here: School
    there: School
    alice: Receipt
    bob: Receipt
    held_back: Receipt
    foreign: Receipt


def log_in(database: Database, role: str) -> None:
    """Let the pool of this process log in with this role."""
    db.database.close_idle()
    db.connect(StoreSettings(database_url=database.role_url(role), program="test", pool_size=2, pool_wait_seconds=5.0))


def _hand_in(school: School, name: str, assignment: UUID | None) -> Receipt:
    with session_of(school, name):
        events.claim_key(f"{name}-{assignment}", org=school.org, caller=getattr(school, name), request_sha256=b"x" * 32)
        return essays.receive(
            getattr(school, name),
            Draft(title="Phones", text="Phones ring.", source="app", assignment=assignment),
            org=school.org,
        )


def _read_all(school: School, receipt: Receipt) -> None:
    """Finish every pass of the submission as the worker does, each with one comment and one criterion result."""
    for hint in receipt.hints:
        with db.session(org=school.org):
            claim = passes.claim(hint.pass_id, org=school.org, lease_seconds=60)
            assert claim is not None
            task = essays.fetch_task(receipt.submission, org=school.org)
            criteria = courses.fetch_criteria(school.rubric, org=school.org)
            call = ai_responses.open_call(
                claim, user=task.user, provider="local", model="rules", prompt_version="1", request_sha256=b"x" * 32
            )
            end = CallEnd(
                outcome="ok", raw="{}", model="rules", stop_reason="", input_tokens=5, output_tokens=7, cache_read_tokens=0,
                cache_write_tokens=0, cost_micros=3, latency_ms=20,
            )  # fmt: skip
            ai_responses.complete_call(call, end=end, key=task.key)
            summary = feedback.seal_summary(
                claim, key=task.key, strengths=("Clear.",), next_steps=("Add.",), not_checked=()
            )
            passes.finish(claim, provider="local", model="rules", comments=1, summary=summary)
            comment = CommentDraft(
                type={"grammar": "spelling", "structure": "thesis", "content": "evidence"}[claim.name], kind="issue",
                severity="minor", match="exact", span=(0, 6), quote="Phones", message="Look.", next_step="Do.", suggestions=("A",),
                confidence=0.5, confidence_basis="measured", origin="rule", also_at=((7, 11),),
            )  # fmt: skip
            result = ResultDraft(
                criterion=criteria[0]["id"],
                level="clear",
                points=4,
                max_points=4,
                confidence=0.9,
                rationale="Because.",
                evidence=(0,),
            )
            author = Author(user=task.user, audience=task.audience, essay=task.essay, characters=task.characters)
            feedback.store(
                claim,
                author=author,
                key=task.key,
                provider="local",
                model="rules",
                comments=[comment],
                results=[result],
            )
            events.keep_log("something", program="worker", level="warning", org=school.org)


def _add_reviews(database: Database, school: School) -> None:
    """Review every comment of Alice and Bob, react to the released ones, and add saved comments, ledger and approval rows."""
    of_alice_and_bob = "f.org_id = %s and f.user_id in (%s, %s)"
    ids = (school.org, school.alice, school.bob)
    database.sql(
        "insert into feedback_reviews (org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision) "
        f"select f.org_id, f.id, f.submission_id, f.user_id, f.audience_id, %s, 'accepted' from feedback as f where {of_alice_and_bob}",
        school.ed, *ids,
    )  # fmt: skip
    database.sql(
        "insert into feedback_reactions (org_id, feedback_id, user_id, submission_id, audience_id, reaction) "
        "select f.org_id, f.id, f.user_id, f.submission_id, f.audience_id, 'helpful' from feedback as f "
        f"join submissions as s on s.id = f.submission_id and s.released_at is not null where {of_alice_and_bob}", *ids,
    )  # fmt: skip
    for person in (school.alice, school.ed, school.nell):
        words = json.dumps({"message": "Look.", "next_step": "", "suggestions": []})
        comment, sealed = _sealed(school, person, words, table="saved_comments", column="body")
        database.sql(
            "insert into saved_comments (id, org_id, user_id, pass, type, kind, body) values (%s, %s, %s, 'grammar', 'spelling', 'issue', %s)",
            comment, school.org, person, sealed,
        )  # fmt: skip
    # The files of the students are handed in; those of the educators wait.
    database.sql(
        """
        update files as f set submission_id = s.id, audience_id = s.audience_id, text = null
        from (select distinct on (user_id) id, org_id, user_id, audience_id from submissions order by user_id, id) as s
        where f.org_id = %s and s.org_id = f.org_id and s.user_id = f.user_id and f.user_id in (%s, %s) returning 1
        """,
        *ids,
    )
    database.sql(
        "insert into ledger (org_id, day, provider, model, pass) values (%s, current_date, 'anthropic', 'm', 'content')",
        school.org,
    )
    database.sql(
        """
        insert into ledger_entries (org_id, user_id, day, provider, model, pass, failed, input_tokens, output_tokens,
            cache_read_tokens, cache_write_tokens, cost_micros)
        values (%s, %s, current_date, 'anthropic', 'm', 'content', false, 1, 1, 1, 1, 1)
        """,
        school.org,
        school.alice,
    )
    [(endpoint,)] = database.sql(
        "insert into endpoints (org_id, name, url, events, secret)"
        " values (%s, 'LMS', 'https://lms.example', '{submission.failed}', '') returning id", school.org,
    )  # fmt: skip
    database.sql(
        "insert into deliveries (org_id, endpoint_id, event, data, next_at) values (%s, %s, 'ping', '{}', now()) returning 1",
        school.org, endpoint,
    )  # fmt: skip
    [(version,)] = database.sql("select id from submissions where org_id = %s limit 1", school.org)
    database.sql(
        "insert into moodle_sites (id, org_id, site, token) values (%s, %s, 'https://lms.example', '') returning 1",
        school.source, school.org,
    )  # fmt: skip
    database.sql(
        "insert into canvas_sites (id, org_id, site, token, jwks_url)"
        " values (%s, %s, 'https://lms.example', '', 'https://keys.example') returning 1",
        school.source, school.org,
    )  # fmt: skip
    database.sql(
        "insert into arrivals (org_id, source_id, version_key, place, changed_at) values (%s, %s, '1', '{}', now()) returning 1",
        school.org, school.source,
    )  # fmt: skip
    database.sql(
        "insert into returns (org_id, source_id, submission_id, channel) values (%s, %s, %s, 'moodle_comment') returning 1",
        school.org, school.source, version,
    )  # fmt: skip
    for person in (school.alice, school.ed, school.nell, school.ada):
        database.sql(
            "insert into reports (org_id, user_id, kind, parameters, data_as_of) values (%s, %s, 'usage', '{}', now()) returning 1",
            school.org, person,
        )  # fmt: skip
    database.sql(
        "insert into approvals (org_id, action, user_id, requested_by) values (%s, 'export_person', %s, %s) returning 1",
        school.org, school.alice, school.ada,
    )  # fmt: skip
    database.sql(
        "insert into queue_marks (org_id, queue, turn, next_at, ahead, counted_at) values (%s, 'bulk', 0, now(), 299, now())",
        school.org,
    )
    database.sql("insert into second_factors (user_id, org_id, secret) values (%s, %s, '')", school.ada, school.org)
    passkey, name = _sealed(school, school.ada, "Laptop", table="passkeys", column="name")
    database.sql(
        "insert into passkeys (id, org_id, user_id, name, credential_digest, credential_id, public_key, sign_count)"
        " values (%s, %s, %s, %s, sha256(%s), '', '', 0)", passkey, school.org, school.ada, name, school.ada.bytes,
    )  # fmt: skip
    database.sql(
        "insert into linked_accounts (user_id, org_id, subject_digest) values (%s, %s, sha256(%s))",
        school.alice, school.org, str(school.alice).encode(),
    )  # fmt: skip
    database.sql("insert into weekly_summary_readers (org_id, user_id) values (%s, %s)", school.org, school.ed)
    database.sql(
        "insert into weekly_summaries (org_id, user_id, week, courses) values (%s, %s, '2026-11-23', '[]')",
        school.org,
        school.ed,
    )
    database.sql("insert into platforms (id, org_id) values (%s, %s)", school.source, school.org)
    database.sql(
        "insert into platform_courses (org_id, source_id, course_id, memberships_url) values (%s, %s, %s, 'https://lms')",
        school.org, school.source, school.course,
    )  # fmt: skip
    database.sql(
        "insert into platform_assignments (org_id, source_id, assignment_id, line_item_url) values (%s, %s, %s, 'https://lms')",
        school.org, school.source, school.assignment,
    )  # fmt: skip
    database.sql(
        "insert into asset_activities (org_id, source_id, deployment, activity) values (%s, %s, '1', %s)",
        school.org, school.source, str(school.org),
    )  # fmt: skip
    database.sql(
        "insert into notice_handlers (org_id, source_id, deployment, notice_type, service_url, handler)"
        " values (%s, %s, '1', 'Notice', 'https://lms', %s)",
        school.org, school.source, str(school.org),
    )  # fmt: skip
    person, subject = _sealed(school, school.alice, "4", table="lms_people", column="subject")
    database.sql(
        "insert into lms_people (id, org_id, source_id, user_id, subject, subject_digest) values (%s, %s, %s, %s, %s, sha256(%s))",
        person, school.org, school.source, school.alice, subject, school.alice.bytes,
    )  # fmt: skip
    database.sql(
        "insert into spent_launches (org_id, source_id, state_digest) values (%s, %s, sha256('x'))",
        school.org,
        school.source,
    )
    database.sql(
        "insert into sign_in_providers (org_id, name, issuer, client_id, client_secret) values (%s, 'School', 'https://id', 'c', '')",
        school.org,
    )
    database.sql("update orgs set retention_texts = 36500 where id = %s returning 1", school.org)
    database.sql(
        "insert into blessings (org_id, pass, provider, model, prompt_version, report) values (%s, 'content', 'anthropic', 'm', '1', '{}')",
        school.org,
    )


def _sealed(school: School, person: UUID, text: str, *, table: str, column: str) -> tuple[UUID, bytes]:
    """Return a new id, and a text for a column of that row, encrypted with this person's key."""
    with db.session(org=school.org):
        [row], key = db.new_ids(1), data_key(person, org=school.org)
    return row, key.seal(text, place=AssociatedData(table, column, school.org, row))


def build(database: Database) -> TwoSchools:
    """Make the two schools, hand in essays in both, and finish all their passes."""
    crypto.load(CryptoSettings(master_keys={"k1": base64.b64decode(MASTER_KEY)}, index_key=base64.b64decode(INDEX_KEY)))
    log_in(database, "ec_ingest")
    schools = [make_school("north"), make_school("south")]
    receipts = {}
    for school in schools:
        for name, assignment in (
            ("alice", school.assignment), ("bob", school.assignment), ("alice", school.reviewed_assignment), ("ed", None), ("zoe", None),
        ):  # fmt: skip
            receipts[school.slug, name, assignment] = _hand_in(school, name, assignment)
        for name in ("alice", "bob", "ed", "nell"):
            with session_of(school, name):
                files.store(
                    NewFile(name="a.txt", content=b"A", format="txt", text="A"),
                    org=school.org,
                    user=getattr(school, name),
                )
        with db.session(org=school.org, role="ec_lms"):
            sent = Delivery(org=school.org, source=school.source, event_id=f"event-{school.slug}", body=b"{}")
            events.record_first_delivery(sent)
            events.store_delivery(sent, outcome="ignored", reason="not an essay")
    for school in schools:
        database.sql(
            "insert into sessions (org_id, user_id, expires_at) values (%s, %s, now() + interval '1 day')",
            school.org,
            school.alice,
        )
        database.sql(
            "insert into one_time_tokens (org_id, user_id, purpose, digest, expires_at) "
            "values (%s, %s, 'invitation', sha256('x'), now() + interval '1 day')", school.org, school.alice,
        )  # fmt: skip
    database.sql("select chain_audit(1000)")
    log_in(database, "ec_worker")
    for (slug, _, _), receipt in receipts.items():
        _read_all(schools[0] if slug == "north" else schools[1], receipt)
    north, south = schools
    for school in schools:
        _add_reviews(database, school)
    return TwoSchools(
        here=north, there=south, alice=receipts["north", "alice", north.assignment], bob=receipts["north", "bob", north.assignment],
        held_back=receipts["north", "alice", north.reviewed_assignment], foreign=receipts["south", "alice", south.assignment],
    )  # fmt: skip
