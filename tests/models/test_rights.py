"""Test data rights: an export against the database catalogue, and an erasure against every row of every table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import peewee
import pytest

from models import (
    ai_responses,
    approvals,
    callers,
    courses,
    db,
    endpoints,
    essays,
    events,
    feedback,
    files,
    own_comments,
    passes,
    reports,
    reviews,
    rights,
    saved_comments,
    users,
)
from models.ai_responses import CallEnd
from models.audit import write_entry
from models.crypto import AssociatedData, keyring
from models.errors import FenceLost, LastAdmin, NotFound, Undecipherable
from models.essays import Draft, Receipt
from models.events import Delivery
from models.exported_columns import ABOUT_PERSON, ABOUT_VERSION, NOT_EXPORTED, PARTS, Part
from models.feedback import Author, CommentDraft, ResultDraft
from models.files import NewFile
from models.passes import Claim
from tests.conftest import Become
from tests.support.races import together, warm_up
from tests.support.schools import School, session_of
from tests.support.servers import Database

MARKER = "xylophonic marmalade"
TEXT = f"Phones ring. My {MARKER} is nobody's business."


@dataclass(frozen=True)
class Kim:
    """A student with a row in every table that can have rows about a student."""

    school: School
    id: UUID
    email: str
    receipts: tuple[Receipt, Receipt]
    delivery: Delivery
    calls: tuple[UUID, ...]


@pytest.fixture
def kim(school: School, database: Database, become: Become) -> Kim:
    """Kim with two essays that were read, reviewed and reacted to. The process is logged in as ingest."""
    email = f"kim-{uuid4().hex}@x.example"
    with session_of(school, "ada"):
        endpoints.add_endpoint("LMS", org=school.org, url="https://lms.example/hooks", events=endpoints.EVENTS)
    body = json.dumps({"text": TEXT}).encode()
    delivery = Delivery(org=school.org, source=school.source, event_id=f"msg_{uuid4().hex}", body=body)
    with db.session(org=school.org, role="ec_lms", actor=school.source):
        student = users.find_or_add_student(f"kim-{uuid4().hex}", org=school.org, name="Kim Marker", email=email)
        essays.enrol(student, assignment=school.assignment, org=school.org)
        assert events.record_first_delivery(delivery) is None
        first = essays.receive(
            student, Draft(title="Phones", text=TEXT, source="webhook", assignment=school.assignment), org=school.org
        )
        events.store_delivery_answer(delivery, answer={"id": str(first.submission)}, submission=first.submission)
        key = users.data_key(student, org=school.org)
        events.store_delivery(delivery, outcome="accepted", user=student, key=key, submission=first.submission)
    database.sql(
        "insert into arrivals (org_id, source_id, version_key, place, changed_at, submission_id)"
        " values (%s, %s, %s, '{}', now(), %s) returning 1", school.org, school.source, uuid4().hex, first.submission,
    )  # fmt: skip
    database.sql(
        "insert into returns (org_id, source_id, submission_id, channel) values (%s, %s, %s, 'moodle_comment') returning 1",
        school.org, school.source, first.submission,
    )  # fmt: skip
    with db.session(org=school.org, user=student, role="ec_student"):
        events.claim_key("own", org=school.org, caller=student, request_sha256=b"x" * 32)
        second = essays.receive(student, Draft(title="Alone", text=TEXT, source="app"), org=school.org)
        events.keep_answer("own", org=school.org, caller=student, answer=answer_of(second))
        events.note("feedback_viewed", essay=second.essay, submission=second.submission)
    with db.session(org=school.org, role="ec_lms", actor=school.api_key_id):
        api_key = f"api-{student}"
        events.claim_key(api_key, org=school.org, caller=school.api_key_id, request_sha256=b"y" * 32)
        events.keep_answer(api_key, org=school.org, caller=school.api_key_id, answer=answer_of(first))
    with session_of(school, "ada"):
        write_entry(
            "read",
            entity="essay",
            entity_id=first.essay,
            user_id=str(student),
        )
        approvals.ask("export_person", person=student)
    database.sql("insert into second_factors (user_id, org_id, secret) values (%s, %s, '')", student, school.org)
    [(passkey,)] = database.sql("select uuidv7()")
    name = key.seal("Kim's laptop", place=AssociatedData("passkeys", "name", school.org, passkey))
    database.sql(
        "insert into passkeys (id, org_id, user_id, name, credential_digest, credential_id, public_key, sign_count)"
        " values (%s, %s, %s, %s, sha256('kim'), '', '', 0)", passkey, school.org, student, name,
    )  # fmt: skip
    database.sql(
        "insert into linked_accounts (user_id, org_id, subject_digest) values (%s, %s, sha256('kim'))",
        student,
        school.org,
    )
    database.sql("insert into weekly_summary_readers (org_id, user_id) values (%s, %s)", school.org, student)
    database.sql(
        "insert into weekly_summaries (org_id, user_id, week, courses) values (%s, %s, '2026-11-23', '[]')",
        school.org,
        student,
    )
    [(link,)] = database.sql("select uuidv7()")
    subject = key.seal("4", place=AssociatedData("lms_people", "subject", school.org, link))
    database.sql(
        "insert into lms_people (id, org_id, source_id, user_id, subject, subject_digest) values (%s, %s, %s, %s, %s, sha256('kim'))",
        link, school.org, school.source, student, subject,
    )  # fmt: skip
    database.sql(
        "insert into sessions (org_id, user_id, expires_at) values (%s, %s, now() + interval '1 day')",
        school.org,
        student,
    )
    database.sql(
        "insert into one_time_tokens (org_id, user_id, purpose, digest, expires_at)"
        " values (%s, %s, 'invitation', sha256(%s), now() + interval '1 day')", school.org, student, student.bytes,
    )  # fmt: skip
    become("ec_worker")
    calls = tuple(read(school, receipt, number) for receipt in (first, second) for number in range(3))
    become("ec_ingest")
    about = comments_of(database, first)[0]
    with session_of(school, "ed"):
        reviews.decide(about, org=school.org, educator=school.ed, decision="edited", words={"message": f"{MARKER}!"})
        asked = {"org": school.org, "data_as_of": datetime.now(UTC), "student": student}
        reports.record("student", user=school.ed, **asked)
    with db.session(org=school.org, user=student, role="ec_student"):
        reviews.react(about, org=school.org, reaction="disagree", note=f"But {MARKER}.")
        reports.record("student", user=student, **asked)
        wanted = NewFile(
            name="kim.txt", content=TEXT.encode(), format="txt", text=TEXT, hidden_characters=8, hidden_excerpt=MARKER
        )
        files.store(wanted, org=school.org, user=student)
    return Kim(school, student, email, (first, second), delivery, calls)


def comments_of(database: Database, receipt: Receipt) -> list[UUID]:
    return [
        UUID(str(comment)) for (comment,) in database.sql(
            "select id from feedback where submission_id = %s and match = 'exact' order by id", receipt.submission
        )
    ]  # fmt: skip


def answer_of(receipt: Receipt) -> dict[str, str]:
    return {"id": str(receipt.submission), "essay_id": str(receipt.essay)}


def claim(school: School, receipt: Receipt, number: int) -> Claim:
    held = passes.claim(receipt.hints[number].pass_id, org=school.org, lease_seconds=60)
    assert held is not None
    return held


def open_call(held: Claim, user: UUID) -> ai_responses.Call:
    return ai_responses.open_call(
        held, user=user, provider="local", model="rules", prompt_version="1", request_sha256=b"x" * 32
    )


END = CallEnd(
    outcome="ok", raw=f'{{"about": "{MARKER}"}}', model="rules", stop_reason="", input_tokens=5, output_tokens=7, cache_read_tokens=0,
    cache_write_tokens=0, cost_micros=3, latency_ms=20,
)  # fmt: skip


def finish(held: Claim, school: School, task: essays.Task) -> None:
    summary = feedback.seal_summary(held, key=task.key, strengths=("Clear.",), next_steps=(MARKER,), not_checked=())
    passes.finish(held, provider="local", model="rules", comments=1, summary=summary)
    start = TEXT.index(MARKER)
    comment = CommentDraft(
        type={"grammar": "spelling", "structure": "thesis", "content": "evidence"}[held.name], kind="issue", severity="minor",
        match="exact", span=(start, start + len(MARKER)), quote=MARKER, message=f"{MARKER}?", next_step="Do.", suggestions=("A",),
        confidence=0.5, confidence_basis="measured", origin="rule",
    )  # fmt: skip
    unanchored = CommentDraft(
        type=comment.type, kind="issue", severity="minor", match="none", span=None, quote=f"no {MARKER}", message="Look.", next_step="Do.",
        suggestions=(), confidence=0.5, confidence_basis="model", origin="model",
    )  # fmt: skip
    author = Author(user=task.user, audience=task.audience, essay=task.essay, characters=task.characters)
    criteria = courses.fetch_criteria(school.rubric, org=school.org)
    result = ResultDraft(
        criterion=criteria[0]["id"],
        level="clear",
        points=4,
        max_points=4,
        confidence=0.9,
        rationale=f"Because {MARKER}.",
        evidence=(0,),
    )
    feedback.store(
        held,
        author=author,
        key=task.key,
        provider="local",
        model="rules",
        comments=[comment, unanchored],
        results=[result],
    )


def read(school: School, receipt: Receipt, number: int) -> UUID:
    """Finish one pass with comments, a criterion result and a completed call, and return the call's id."""
    with db.session(org=school.org):
        held = claim(school, receipt, number)
        task = essays.fetch_task(receipt.submission, org=school.org)
        call = open_call(held, task.user)
        ai_responses.complete_call(call, end=END, key=task.key)
        finish(held, school, task)
    return call.id


def gather(kim: Kim) -> dict[str, Any]:
    """Return the files of Kim's export by name."""
    with session_of(kim.school, "ada"):
        return dict(rights.gather(kim.id, org=kim.school.org))


def about_people(database: Database) -> set[tuple[str, str]]:
    """Return every column of every table whose rows are about a person or about a person's writing."""
    found = database.sql(
        """
        select c.relname::text, a.attname::text from pg_class as c join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and a.attnum > 0 and not a.attisdropped and (c.relname in ('users', 'audit_log') or exists (
                select from pg_attribute as b where b.attrelid = c.oid and not b.attisdropped
                    and (b.attname in ('caller_id', 'actor_id') or b.attname ~ '(user|essay|submission|feedback|pass)_id$')))
        """
    )
    return {(str(table), str(column)) for table, column in found}


def test_every_personal_column_is_exported_or_excluded_with_a_reason(database: Database) -> None:
    exported = {(part.table, column) for part in PARTS for column in f"{part.columns} {part.sealed}".split()}
    left_out = {tuple(name.split(".")) for name in NOT_EXPORTED}
    columns = about_people(database)

    assert columns - exported - left_out == set(), "new columns: export them, or give the reason in NOT_EXPORTED"
    assert (exported | left_out) - columns == set(), "columns that do not exist"
    assert exported & left_out == set()
    assert {table for table, _ in columns} >= {
        "users",
        "user_keys",
        "essays",
        "submissions",
        "feedback",
        "ai_responses",
        "inbound_events",
    }
    assert all(len(reason.split()) > 3 for reason in NOT_EXPORTED.values())


def test_export_decrypts_encrypted_columns(kim: Kim) -> None:
    files = gather(kim)
    profile = json.loads(files["profile.json"])
    assert (profile["name"], profile["email"], profile["id"]) == ("Kim Marker", kim.email, str(kim.id))
    first, second = kim.receipts
    for number, receipt in enumerate((first, second), start=1):
        folder = f"essays/{number}-{receipt.essay}"
        assert json.loads(files[f"{folder}/essay.json"])["title"] == ("Phones", "Alone")[number - 1]
        assert files[f"{folder}/versions/1.txt"] == TEXT
        about = {
            name: json.loads(files[f"{folder}/versions/1-{name}.json"])
            for name in ("passes", "feedback", "criterion_results", "ai_responses")
        }
        assert [one["summary"]["next_steps"] for one in about["passes"]] == [[MARKER]] * 3
        assert (
            sorted((one.get("quote"), one["body"].get("quote")) for one in about["feedback"] if one["match"] == "none")
            == [(None, f"no {MARKER}")] * 3
        )
        assert [(one["quote"], one["body"]["message"]) for one in about["feedback"] if one["match"] == "exact"] == [
            (MARKER, f"{MARKER}?")
        ] * 3
        assert {(one["rationale"], one["criterion"]) for one in about["criterion_results"]} == {
            (f"Because {MARKER}.", "thesis")
        }
        assert [one["raw"] for one in about["ai_responses"]] == [END.raw] * 3
    written = f"essays/1-{first.essay}/versions/1"
    [review] = json.loads(files[f"{written}-feedback_reviews.json"])
    assert (review["decision"], review["body"]["message"]) == ("edited", f"{MARKER}!")
    [reaction] = json.loads(files[f"{written}-feedback_reactions.json"])
    assert (reaction["reaction"], reaction["note"]) == ("disagree", f"But {MARKER}.")
    assert json.loads(files["inbound_events.json"])[0]["body"] == kim.delivery.body.decode()
    assert json.loads(files["enrollments.json"])[0]["course"] == "English 9"
    [file] = json.loads(files["files.json"])
    assert (file["name"], file["text"], file["hidden"]) == ("kim.txt", TEXT, MARKER)
    assert files[f"files/{file['id']}-kim.txt"] == TEXT.encode()
    assert "README.txt" in files


def test_export_of_each_table_has_all_its_columns(kim: Kim) -> None:
    files = gather(kim)
    folder = f"essays/1-{kim.receipts[0].essay}"
    named = {"users": "profile", "essays": f"{folder}/essay", "submissions": f"{folder}/versions/1"} | {
        part.name: f"{folder}/versions/1-{part.name}" for part in ABOUT_VERSION
    }
    made = {"saved_comments", "comments_made", "reviews_made"}
    assert not made & {name.removesuffix(".json") for name in files}, "these files belong to educators only"
    for part in PARTS:
        if part.name in made:
            continue
        content = json.loads(files[named.get(part.name, part.name) + ".json"])
        rows = content if isinstance(content, list) else [content]
        wanted = set(f"{part.columns} {part.sealed}".split()) - ({"text"} if part.table == "submissions" else set())
        assert rows, part.table
        assert wanted <= set(rows[0]), part.table


def test_exported_audit_trail_covers_the_person_and_nobody_else(kim: Kim) -> None:
    with session_of(kim.school, "ada"):
        write_entry(
            "read",
            entity="user",
            entity_id=kim.school.bob,
        )
    trail = json.loads(gather(kim)["audit_log.json"])
    reported = {(one["entity"], one["action"]) for one in trail}
    assert {("user", "created"), ("enrollment", "created"), ("submission", "created"), ("essay", "read"), ("session", "created"),
            ("one_time_token", "created")} <= reported  # fmt: skip
    text = json.dumps(trail)
    assert str(kim.school.bob) not in text
    assert str(kim.school.alice) not in text


def test_export_has_nothing_about_other_people(kim: Kim, become: Become) -> None:
    with session_of(kim.school, "bob"):
        bobs = essays.receive(
            kim.school.bob,
            Draft(title="Bob", text="Bob writes.", source="app", assignment=kim.school.assignment),
            org=kim.school.org,
        )
    text = "".join(one for one in gather(kim).values() if isinstance(one, str))
    for other in (bobs.essay, bobs.submission, kim.school.bob, kim.school.alice):
        assert str(other) not in text
    assert "Bob writes" not in text


def test_export_splits_long_tables_into_several_files(kim: Kim, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gather(kim)
    pages = {part.table: part for part in ABOUT_PERSON}
    small = tuple(Part(**{**vars(part), "page": 1}) if part.table == "analytics" else part for part in pages.values())
    monkeypatch.setattr(rights, "ABOUT_PERSON", small)
    monkeypatch.setattr(rights, "AUDIT_STEP", 3)
    paged = gather(kim)
    rows = [row for name, text in paged.items() if name.startswith("analytics") for row in json.loads(text)]
    assert rows == json.loads(whole["analytics.json"])
    assert {"analytics.json", "analytics-2.json", "analytics-3.json"} <= set(paged)
    trail = [row for name, text in paged.items() if name.startswith("audit_log") for row in json.loads(text)]
    assert trail == json.loads(whole["audit_log.json"])


@pytest.mark.parametrize("name", ["alice", "ed"])
def test_student_and_educator_cannot_export_a_person(kim: Kim, name: str) -> None:
    with pytest.raises((NotFound, peewee.ProgrammingError)), session_of(kim.school, name):
        list(rights.gather(kim.school.bob, org=kim.school.org))


def test_admin_of_another_org_cannot_export_or_erase_a_person(kim: Kim, other_school: School) -> None:
    for org in (kim.school.org, other_school.org):
        with pytest.raises(NotFound), session_of(other_school, "ada"):
            list(rights.gather(kim.id, org=org))
        with pytest.raises(NotFound), session_of(other_school, "ada"):
            rights.request_erasure(kim.id, org=org)
    assert "profile.json" in gather(kim)


def request(kim: Kim) -> None:
    """Request Kim's erasure as the admin."""
    with session_of(kim.school, "ada"):
        rights.request_erasure(kim.id, org=kim.school.org)


def carry_out(kim: Kim, become: Become) -> bool:
    """Erase Kim as the clock does, and return whether rows were deleted."""
    become("ec_clock")
    with db.session():
        assert (kim.id, kim.school.org) in rights.list_erasures(limit=500)
    with db.session(org=kim.school.org):
        erased = rights.erase(kim.id, org=kim.school.org)
    become("ec_ingest")
    return erased


def hits(database: Database, *needles: str) -> dict[str, int]:
    """Return the tables in which any of the texts occurs, with the number of rows."""
    tables = database.sql(
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition"
    )
    pattern = "|".join(needles)
    counted = {
        str(table): database.sql(f"select count(*) from {table} as t where to_jsonb(t)::text ~* %s", pattern)[0][0]
        for (table,) in tables
    }
    assert len(counted) > 25
    return {table: int(count) for table, count in counted.items() if count}  # type: ignore[call-overload]


def needles(kim: Kim) -> tuple[str, ...]:
    """Return the texts that identify Kim or Kim's writing."""
    return (
        str(kim.id), MARKER, "Kim Marker", kim.email, keyring().email_index(kim.email, org=kim.school.org).hex(),
        *(str(one) for receipt in kim.receipts for one in (receipt.submission, receipt.essay)),
    )  # fmt: skip


def test_erasure_request_makes_data_unreadable_and_disables_sign_in(kim: Kim, database: Database) -> None:
    request(kim)
    assert database.sql(
        "select num_nonnulls(name, email, email_digest, password_hash, language), disabled_at is null, token_version from users where id = %s",
        kim.id,
    ) == [(0, False, 1)]
    assert database.sql("select count(*) from user_keys where user_id = %s", kim.id) == [(0,)]
    assert database.sql("select distinct revoked_reason from sessions where user_id = %s", kim.id) == [("disabled",)]
    with session_of(kim.school, "ada"):
        for read_function in (
            lambda: users.fetch_person(kim.id, org=kim.school.org),
            lambda: essays.fetch_essay(kim.receipts[0].essay, org=kim.school.org),
            lambda: essays.fetch_text(kim.receipts[0].submission, org=kim.school.org),
            lambda: list(rights.gather(kim.id, org=kim.school.org)),
        ):
            with pytest.raises(NotFound):
                read_function()


def test_erasure_request_is_idempotent_and_not_found_after_erasure(
    kim: Kim, become: Become, database: Database
) -> None:
    request(kim)
    requested_at = database.sql("select erase_requested_at from users where id = %s", kim.id)
    request(kim)
    assert database.sql("select erase_requested_at from users where id = %s", kim.id) == requested_at
    assert carry_out(kim, become) is True
    with pytest.raises(NotFound):
        request(kim)
    become("ec_clock")
    with db.session(org=kim.school.org):
        assert rights.erase(kim.id, org=kim.school.org) is False


def test_person_without_erasure_request_is_not_erased(kim: Kim, become: Become, database: Database) -> None:
    become("ec_clock")
    with db.session(org=kim.school.org):
        assert rights.erase(kim.id, org=kim.school.org) is False
    assert database.sql("select count(*) from users where id = %s", kim.id) == [(1,)]
    become("ec_ingest")
    for name in ("alice", "ed", "ada"):
        with pytest.raises(peewee.ProgrammingError), session_of(kim.school, name):
            rights.erase(kim.id, org=kim.school.org)
    for name in ("alice", "ed"):
        with pytest.raises(peewee.ProgrammingError), session_of(kim.school, name):
            rights.request_erasure(kim.school.bob, org=kim.school.org)


def test_after_erasure_only_the_audit_log_mentions_the_persons_id(kim: Kim, become: Become, database: Database) -> None:
    assert set(hits(database, *needles(kim))) > {
        "users", "essays", "submissions", "passes", "feedback", "feedback_reviews", "feedback_reactions", "sessions", "seen_events",
    }  # fmt: skip
    request(kim)
    assert carry_out(kim, become)
    found = hits(database, *needles(kim))
    assert set(found) == {"audit_log"}
    # The audit log keeps what was done to which user id, but no name, address or text.
    assert (
        hits(database, MARKER, "Kim Marker", kim.email, keyring().email_index(kim.email, org=kim.school.org).hex())
        == {}
    )
    reported = database.sql("select entity, action, actor_role from audit_log where entity_id = %s order by id", kim.id)
    assert ("user", "changed", "admin") in reported
    assert ("user_key", "deleted", "admin") in reported
    assert ("user", "deleted", "clock") in reported
    # Other people are not affected.
    assert users_of(database, kim.school) == 6


def users_of(database: Database, school: School) -> int:
    return int(database.sql("select count(*) from users where org_id = %s", school.org)[0][0])  # type: ignore[call-overload]


def test_delivery_repeated_after_erasure_is_ignored(kim: Kim, become: Become) -> None:
    request(kim)
    carry_out(kim, become)
    with db.session(org=kim.school.org, role="ec_lms"):
        assert events.record_first_delivery(kim.delivery) == {"ignored": "the data of this student was erased"}


TOTALS = "select name, labels, count, total from monitor_totals order by name, labels"


def test_erasure_does_not_lower_monitor_totals(kim: Kim, become: Become, database: Database) -> None:
    before = database.sql(TOTALS)
    assert before
    request(kim)
    carry_out(kim, become)
    assert database.sql(TOTALS) == before


def test_erasure_during_a_running_pass_leaves_no_data_behind(kim: Kim, become: Become, database: Database) -> None:
    with db.session(org=kim.school.org, role="ec_lms"):
        receipt = essays.receive(kim.id, Draft(title="Last", text=TEXT, source="api"), org=kim.school.org)
    become("ec_worker")
    with db.session(org=kim.school.org):
        held, other = claim(kim.school, receipt, 0), claim(kim.school, receipt, 1)
        task = essays.fetch_task(receipt.submission, org=kim.school.org)
        call = open_call(held, kim.id)
    become("ec_ingest")
    request(kim)
    become("ec_worker")
    with db.session(org=kim.school.org):
        # Erasure is requested but not carried out: a worker that claims the third pass cannot decrypt the essay and gives up.
        third = claim(kim.school, receipt, 2)
        with pytest.raises((NotFound, Undecipherable)):
            essays.fetch_task(receipt.submission, org=kim.school.org)
        passes.give_up(third, error="undecipherable")
    carry_out(kim, become)
    become("ec_worker")
    with db.session(org=kim.school.org):
        assert passes.renew([held], lease_seconds=60) == set()
        ai_responses.complete_call(call, end=END, key=task.key)
    with pytest.raises(FenceLost), db.session(org=kim.school.org):
        finish(held, kim.school, task)
    with pytest.raises(FenceLost), db.session(org=kim.school.org):
        passes.give_up(other, error="refused")
    with pytest.raises(peewee.IntegrityError), db.session(org=kim.school.org):
        open_call(other, kim.id)
    assert set(hits(database, *needles(kim), str(receipt.submission))) <= {"audit_log", "system_logs"}


def test_last_admin_who_can_sign_in_cannot_be_erased(school: School, database: Database) -> None:
    with session_of(school, "ada"):
        second = users.add_user("admin", org=school.org, name="Second", email="second@x.example")
    database.sql("update users set disabled_at = now() where id = %s", second)
    with session_of(school, "ada"):
        rights.request_erasure(second, org=school.org)
    with pytest.raises(LastAdmin), session_of(school, "ada"):
        rights.request_erasure(school.ada, org=school.org)
    assert users_of(database, school) == 7


def test_two_admins_who_erase_each_other_leave_one_admin(school: School, database: Database) -> None:
    with session_of(school, "ada"):
        second = users.add_user("admin", org=school.org, name="Second", email="second@x.example")
    warm_up(2)

    def erase_the_other(number: int) -> None:
        mine, other = ((school.ada, second), (second, school.ada))[number]
        with db.session(org=school.org, user=mine, role="ec_admin"):
            rights.request_erasure(other, org=school.org)

    answers = together(2, erase_the_other)
    assert sorted(type(one).__name__ for one in answers) == ["LastAdmin", "NoneType"]
    assert database.sql(
        "select count(*) from users where org_id = %s and role = 'admin' and disabled_at is null", school.org
    ) == [(1,)]


def test_erasing_an_educator_keeps_their_course(school: School, become: Become, database: Database) -> None:
    with session_of(school, "ada"):
        rights.request_erasure(school.ed, org=school.org)
    become("ec_clock")
    with db.session(org=school.org):
        assert rights.erase(school.ed, org=school.org)
    assert database.sql("select count(*) from courses where id = %s", school.course) == [(1,)]
    assert database.sql("select count(*) from enrollments where course_id = %s", school.course) == [(2,)]


def test_educator_export_has_own_work_and_erasure_keeps_essay_comments(
    kim: Kim, become: Become, database: Database
) -> None:
    """An educator has a saved comment, an own comment on an essay and a decision. The last two stay with the student's essay."""
    school = kim.school
    wanted = own_comments.OwnComment(
        pass_name="grammar",
        type="spelling",
        kind="issue",
        severity="minor",
        message="My own words.",
        next_step="Do.",
        suggestions=(),
    )
    with session_of(school, "ed"):
        saved = saved_comments.save(wanted, owner=saved_comments.Owner(org=school.org, user=school.ed))
        where = own_comments.CommentPlace(span=(0, 6))
        made, _ = own_comments.add(
            wanted, where, org=school.org, submission=kim.receipts[0].submission, educator=school.ed
        )
    with session_of(school, "ada"):
        files = dict(rights.gather(school.ed, org=school.org))

    [saved_row] = json.loads(files["saved_comments.json"])
    assert (saved_row["id"], saved_row["body"]["message"]) == (str(saved), "My own words.")
    assert [one["id"] for one in json.loads(files["comments_made.json"])] == [str(made)]
    [decided] = json.loads(files["reviews_made.json"])
    assert (decided["decision"], "body" in decided) == ("edited", False)
    # The educator's export has no words of the student.
    assert MARKER not in "".join(files.values())

    with session_of(school, "ada"):
        rights.request_erasure(school.ed, org=school.org)
    become("ec_clock")
    with db.session(org=school.org):
        assert rights.erase(school.ed, org=school.org)
    assert set(hits(database, str(school.ed))) == {"audit_log", "feedback", "feedback_reviews"}
    assert database.sql("select count(*) from saved_comments where id = %s", saved) == [(0,)]
    become("ec_ingest")
    with db.session(org=school.org, user=kim.id, role="ec_student"):
        shown = feedback.fetch(kim.receipts[0].submission, org=school.org, released_only=True)["comments"]
    assert "My own words." in [one["message"] for one in shown]


def test_source_still_works_after_its_student_is_erased(kim: Kim, become: Become) -> None:
    request(kim)
    carry_out(kim, become)
    with db.session(role="ec_auth"):
        assert callers.find_source(kim.school.source).org == kim.school.org
    with db.session(org=kim.school.org, role="ec_lms"):
        again = users.find_or_add_student("kim again", org=kim.school.org, name="Kim", email=kim.email)
    assert again != kim.id
