"""Test the deletion of what an org keeps no longer: every class, the first 7 days, legal holds, two clocks, and the totals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import peewee
import pytest

from models import db, events, holds, org_removal, orgs, retention, rights, rubric_previews, upkeep
from models.errors import NotFound, OnHold
from models.events import Delivery
from models.retention import CLASSES, STEP, ClassReport, RetentionClass
from tests.conftest import Become
from tests.support.races import together
from tests.support.schools import School, hand_in, session_of
from tests.support.servers import TEMPLATE, Database, Servers, cloned
from tests.support.two_schools import TwoSchools, build
from workers.__main__ import main
from workers.duties import erasure
from workers.duties import retention as duty

AGE = {
    "texts": "update essays set created_at = created_at - %(age)s, updated_at = updated_at - %(age)s where org_id = %(org)s",
    "raw_answers": """
        update submissions set id = uuid7_floor(created_at - %(age)s) where org_id = %(org)s and id = (
            select submission_id from ai_responses where org_id = %(org)s order by id limit 1)
    """,
    "accounts": """
        update sessions set created_at = created_at - %(age)s, rotated_at = rotated_at - %(age)s where org_id = %(org)s;
        update enrollments set created_at = created_at - %(age)s where org_id = %(org)s;
        update author_use set day = day - 200 where org_id = %(org)s;
        update users set created_at = created_at - %(age)s, active_at = active_at - %(age)s where org_id = %(org)s
    """,
}
TOTALS = "select name, labels, count, total from monitor_totals order by name, labels"


def as_superuser(database: Database, statement: str, **values: Any) -> None:
    """Change rows as only time can, without triggers and foreign keys."""
    for name, value in values.items():
        statement = statement.replace(f"%({name})s", f"'{value}'" if name != "age" else f"interval '{value} days'")
    database.sql(
        f"set session_replication_role = replica; {statement}; set session_replication_role = origin; select 1"
    )


def age(database: Database, org: UUID, name: RetentionClass, days: int = 200) -> None:
    """Make the rows of this class so many days older."""
    as_superuser(database, AGE[name], org=org, age=days)


def keep(org: UUID, **settings: Any) -> None:
    """Change the settings of the org, as its admin does."""
    with db.session(org=org, role="ec_admin"):
        orgs.change_org(org, changes=settings)


def after_the_first_days(database: Database, org: UUID) -> None:
    """Let the 7 days of every class be over."""
    database.sql(
        "update retention_runs set begins_at = now() - interval '1 s', next_at = now() - interval '1 s' where org_id = %s returning 1",
        org,
    )


def report(org: UUID) -> dict[str, ClassReport]:
    with db.session(org=org, role="ec_admin"):
        return {one.name: one for one in retention.report(org)}


def clock(become: Become) -> int:
    """Run the duty as the clock until it deletes nothing more, and return how many rows were deleted."""
    become("ec_clock")
    deleted = 0
    while step := duty.delete_expired():
        deleted += step
    become("ec_ingest")
    return deleted


def counts(database: Database, org: UUID) -> dict[str, int]:
    """Return how many rows each table has of the org, without the audit trail and the runs themselves."""
    tables = database.sql(
        """
        select c.relname::text from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attname = 'org_id'
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname not in ('audit_log', 'audit_heads', 'retention_runs')
        """
    )
    return {
        str(name): int(database.sql(f"select count(*) from {name} where org_id = %s", org)[0][0])  # type: ignore[call-overload]
        for (name,) in tables
    }


@pytest.fixture(scope="module")
def template(servers: Servers) -> Iterator[tuple[Database, TwoSchools]]:
    """Give a database of two schools with rows in every table, which each test clones."""
    with cloned(servers) as made:
        schools = build(made)
        made.sql("update orgs set retention_texts = null returning 1")
        made.disconnect()
        yield made, schools


@pytest.fixture
def database(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give a database with the two schools to a test that wants them, else an empty one."""
    template = request.getfixturevalue("template")[0].name if "two" in request.fixturenames else TEMPLATE
    with cloned(servers, template=template) as own:
        yield own


@pytest.fixture
def two(template: tuple[Database, TwoSchools], become: Become) -> TwoSchools:
    """The two schools, logged in as ingest."""
    return template[1]


def test_without_a_setting_nothing_is_ever_deleted(two: TwoSchools, database: Database, become: Become) -> None:
    for name in AGE:
        age(database, two.here.org, name, 20_000)  # type: ignore[arg-type]
    before = counts(database, two.here.org)

    assert clock(become) == 0
    assert counts(database, two.here.org) == before
    assert [(one.days, one.due) for one in report(two.here.org).values()] == [(None, 0)] * len(CLASSES)


def test_old_essays_go_with_everything_under_them_and_totals_stay(
    two: TwoSchools, database: Database, become: Become
) -> None:
    org = two.here.org
    with db.session(org=org, role="ec_lms"):
        sent = Delivery(org=org, source=two.here.source, event_id="with the text", body=b"{}")
        events.record_first_delivery(sent)
        events.store_delivery(sent, outcome="accepted", submission=two.alice.submission, user=two.here.alice)
        events.store_delivery_answer(sent, answer={"id": "x"}, submission=two.alice.submission)
    ids = [
        str(one)
        for (one,) in database.sql(
            "select id from essays where org_id = %s union select id from submissions where org_id = %s", org, org
        )
    ]
    age(database, org, "texts")
    keep(org, retention_texts=100)
    after_the_first_days(database, org)
    before, elsewhere = database.sql(TOTALS), counts(database, two.there.org)
    assert before

    assert clock(become) == 5

    left = counts(database, org)
    for table in (
        "essays submissions passes feedback feedback_reviews feedback_reactions criterion_results review_items ai_responses analytics"
    ).split():
        assert left[table] == 0, table
    tables = database.sql(
        "select relname::text from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and not relispartition"
    )
    for (table,) in tables:
        if table not in ("audit_log", "idempotency_keys"):
            assert database.sql(f"select count(*) from {table} as t where to_jsonb(t)::text ~ %s", "|".join(ids)) == [
                (0,)
            ], table
    assert left["users"] == 6
    assert counts(database, two.there.org) == elsewhere
    assert database.sql(TOTALS) == before
    with db.session(org=org, role="ec_lms"):
        assert "ignored" in (events.record_first_delivery(sent) or {})
    found = database.sql("select actor_role, actor_id, detail from audit_log where action = 'retention_run'")
    assert found == [("clock", None, {"class": "texts", "deleted": 5})]


def test_essays_are_counted_from_the_last_version_that_was_received(
    two: TwoSchools, database: Database, become: Become
) -> None:
    """What an LMS claims about the time, and an old first version, delete nothing."""
    org = two.here.org
    as_superuser(
        database, "update essays set newest_submitted_at = now() - interval '900 days' where org_id = %(org)s", org=org
    )
    as_superuser(database, "update essays set created_at = now() - interval '900 days' where org_id = %(org)s", org=org)
    keep(org, retention_texts=30)
    after_the_first_days(database, org)

    assert clock(become) == 0
    assert counts(database, org)["essays"] == 5


@pytest.mark.parametrize("name", ["deliveries", "logs"])
def test_old_deliveries_and_logs_of_the_org_go(
    school: School, other_school: School, database: Database, become: Become, name: str
) -> None:
    for org, source, user in (
        (school.org, school.source, school.alice),
        (other_school.org, other_school.source, other_school.alice),
    ):
        for days in (60, 50, 20):
            for person in (user, None):
                database.sql(
                    "insert into inbound_events (id, org_id, source_id, event_id, user_id, outcome, reason, body, body_sha256) values "
                    "(uuid7_floor(now() - make_interval(days => %s)), %s, %s, 'e', %s, 'refused', 'x', '', '') on conflict do nothing returning 1",
                    days + (org == school.org) + 2 * (person is None), org, source, person,
                )  # fmt: skip
            database.sql(
                "insert into system_logs (id, org_id, program, level, event) values (uuid7_floor(now() - make_interval(days => %s)), %s, 'clock', 'error', 'x') returning 1",
                days + (org == school.org), org,
            )  # fmt: skip
    keep(school.org, **{f"retention_{name}": 45})
    after_the_first_days(database, school.org)
    table = {"deliveries": "inbound_events", "logs": "system_logs"}[name]
    before = counts(database, school.org)
    assert report(school.org)[name].due == 2

    assert clock(become) == 2

    assert counts(database, school.org) == {**before, table: before[table] - 2}
    assert counts(database, other_school.org)[table] == before[table]
    assert database.sql("select count(*) from inbound_events where user_id is null") == [(6,)]


def test_only_the_raw_answers_go(two: TwoSchools, database: Database, become: Become) -> None:
    org = two.here.org
    before = counts(database, org)
    as_superuser(
        database,
        """
        create temporary table moved as select s.id as was, uuid7_floor(s.created_at - interval '200 days' + row_number() over () * interval '1 s') as is_now
            from submissions as s where s.org_id = %(org)s;
        update submissions as s set id = m.is_now from moved as m where s.id = m.was;
        update ai_responses as a set submission_id = m.is_now, id = uuid7_floor(a.created_at - interval '199 days' - extract(hour from a.created_at) * interval '1 s')
            from moved as m where a.submission_id = m.was and a.pass = 'grammar';
        update ai_responses as a set submission_id = m.is_now from moved as m where a.submission_id = m.was;
        update feedback as f set submission_id = m.is_now from moved as m where f.submission_id = m.was;
        drop table moved
        """,
        org=org,
    )
    keep(org, retention_raw_answers=100)
    after_the_first_days(database, org)
    totals = database.sql(TOTALS)
    grammar = report(org)["raw_answers"].due
    assert grammar == 5

    assert clock(become) == grammar

    assert counts(database, org) == {**before, "ai_responses": before["ai_responses"] - grammar}
    assert database.sql(TOTALS) == totals


def test_students_who_did_nothing_for_so_long_are_erased_and_never_staff(
    two: TwoSchools, database: Database, become: Become
) -> None:
    school = two.here
    age(database, school.org, "accounts")
    keep(school.org, retention_accounts=100)
    after_the_first_days(database, school.org)

    assert clock(become) == 3
    become("ec_clock")
    assert erasure.erase() == 3

    left = {str(user) for (user,) in database.sql("select id from users where org_id = %s", school.org)}
    assert left == {str(one) for one in (school.ed, school.nell, school.ada)}
    assert counts(database, two.there.org)["users"] == 6


@pytest.mark.parametrize("sign", ["sign-in", "hand-in", "enrolment", "end of an enrolment", "new role"])
def test_a_sign_of_life_keeps_the_account(two: TwoSchools, database: Database, become: Become, sign: str) -> None:
    school = two.here
    age(database, school.org, "accounts")
    if sign == "sign-in":
        database.sql(
            "insert into sessions (org_id, user_id, expires_at) values (%s, %s, now()) returning 1",
            school.org,
            school.alice,
        )
        database.sql("delete from sessions where user_id = %s returning 1", school.alice)
    elif sign == "hand-in":
        hand_in(school, "alice")
        database.sql("delete from essays where user_id = %s returning 1", school.alice)
    elif sign == "enrolment":
        database.sql("update enrollments set created_at = now() where user_id = %s returning 1", school.alice)
    elif sign == "end of an enrolment":
        database.sql("delete from enrollments where user_id = %s returning 1", school.alice)
    else:
        database.sql("update users set role = 'educator' where id = %s returning 1", school.alice)
        database.sql("update users set role = 'student' where id = %s returning 1", school.alice)
    keep(school.org, retention_accounts=100)
    after_the_first_days(database, school.org)

    assert clock(become) == 2
    assert database.sql("select erase_requested_at is null from users where id = %s", school.alice) == [(True,)]


def test_accounts_from_before_the_notes_began_count_as_active(school: School, database: Database) -> None:
    """A sign-in writes no second entry into the trail, although it changes the person's row."""
    database.sql("update users set active_at = now() - interval '9 days' where id = %s returning 1", school.alice)
    before = database.sql("select count(*) from audit_log where entity = 'user'")
    database.sql(
        "insert into sessions (org_id, user_id, expires_at) values (%s, %s, now()) returning 1",
        school.org,
        school.alice,
    )

    assert database.sql("select active_at > now() - interval '1 minute' from users where id = %s", school.alice) == [
        (True,)
    ]
    assert database.sql("select count(*) from audit_log where entity = 'user'") == before
    assert database.sql("select count(*) from users where active_at is null") == [(0,)]


def test_nothing_is_deleted_for_seven_days_after_a_retention_is_set_or_shortened(
    two: TwoSchools, database: Database, become: Become
) -> None:
    org = two.here.org
    age(database, org, "texts")

    def first_days() -> float:
        return float(
            str(database.sql("select extract(epoch from begins_at - now()) / 86400 from retention_runs")[0][0])
        )

    keep(org, retention_texts=300)
    assert 6.9 < first_days() <= 7
    after_the_first_days(database, org)
    keep(org, retention_texts=100)
    assert 6.9 < first_days() <= 7
    assert clock(become) == 0
    found = report(org)["texts"]
    assert (found.days, found.due, found.held, found.last_run_at) == (100, 5, 0, None)
    assert found.begins_at == found.next_run_at
    assert found.oldest is not None
    assert found.newest is not None
    assert found.oldest <= found.newest
    after_the_first_days(database, org)
    keep(org, retention_texts=150)
    assert first_days() < 0, "a longer retention deletes less, so nobody has to wait"
    keep(org, retention_texts=None)
    assert database.sql("select count(*) from retention_runs") == [(0,)]
    keep(org, retention_texts=150)
    assert 6.9 < first_days() <= 7
    assert counts(database, org)["essays"] == 5


def test_program_roles_cannot_bring_the_day_forward(two: TwoSchools, database: Database, become: Become) -> None:
    org = two.here.org
    age(database, org, "texts")
    keep(org, retention_texts=100)
    for role in ("ec_admin", "ec_educator", "ec_student", "ec_lms"):
        for sql in (
            "update retention_runs set begins_at = now()",
            "delete from retention_runs",
            "update users set legal_hold = null",
        ):
            with pytest.raises(peewee.ProgrammingError, match="permission denied"), db.session(org=org, role=role):  # type: ignore[arg-type]
                db.run(sql)
    become("ec_clock")
    with pytest.raises(peewee.ProgrammingError, match="permission denied"), db.session(org=org):
        db.run("update retention_runs set begins_at = now()")
    with db.session(org=org):
        essays = [found for (found,) in database.sql("select id from essays where org_id = %s", org)]
        taken = db.row(
            "select take_expired('texts', 10) as taken, delete_expired('texts', %s::uuid[], true) as deleted", (essays,)
        )
    assert taken == {"taken": None, "deleted": 0}


def test_the_clock_cannot_delete_a_row_that_is_not_past_its_time(
    two: TwoSchools, database: Database, become: Become
) -> None:
    """A clock that is taken over names rows of its choice: young ones, held ones, and those of another school."""
    org = two.here.org
    keep(org, retention_texts=100)
    after_the_first_days(database, org)
    become("ec_clock")
    essays = [found for (found,) in database.sql("select id from essays")]
    with db.session(org=org):
        assert db.row("select delete_expired('texts', %s::uuid[], false) as deleted", (essays,)) == {"deleted": 0}
    assert database.sql("select count(*) from essays") == [(10,)]


def test_a_run_goes_on_in_bounded_steps_and_ends_with_one_entry(
    school: School, database: Database, become: Become
) -> None:
    for _ in range(3):
        database.sql(
            "insert into system_logs (id, org_id, program, level, event) select uuid7_floor(now() - interval '60 days' - n * interval '1 s' - "
            "random() * interval '9 days'), %s, 'clock', 'error', 'x' from generate_series(1, 400) as n returning 1",
            school.org,
        )
    keep(school.org, retention_logs=30)
    after_the_first_days(database, school.org)
    become("ec_clock")

    steps = [duty.delete_expired() for _ in range(4)]

    assert steps == [STEP["logs"], STEP["logs"], 200, 0]
    become("ec_ingest")
    found = report(school.org)["logs"]
    assert (found.due, found.last_deleted) == (0, 1200)
    entries = database.sql("select detail from audit_log where action = 'retention_run'")
    assert entries == [({"class": "logs", "deleted": 1200},)]


def test_two_clocks_at_once_delete_and_count_each_row_once(two: TwoSchools, database: Database, become: Become) -> None:
    org = two.here.org
    age(database, org, "texts")
    keep(org, retention_texts=100)
    after_the_first_days(database, org)
    become("ec_clock")

    deleted = together(4, lambda _: duty.delete_expired())

    assert sum(one for one in deleted if isinstance(one, int)) == 5
    become("ec_ingest")
    assert report(org)["texts"].last_deleted == 5
    assert database.sql("select detail from audit_log where action = 'retention_run'") == [
        ({"class": "texts", "deleted": 5},)
    ]


# Legal hold.


def test_a_person_on_hold_loses_nothing_to_any_retention(two: TwoSchools, database: Database, become: Become) -> None:
    school = two.here
    with session_of(school, "ada"):
        holds.place(school.alice, case_number="2026-CV-114")
    for name in AGE:
        age(database, school.org, name)  # type: ignore[arg-type]
    keep(school.org, retention_texts=100, retention_accounts=100, retention_raw_answers=100)
    after_the_first_days(database, school.org)
    texts = database.sql("select id from essays where user_id = %s order by id", school.alice)
    found = report(school.org)
    assert (found["texts"].due, found["texts"].held) == (3, 2)
    assert (found["accounts"].due, found["accounts"].held) == (2, 1)

    clock(become)

    assert database.sql("select id from essays where user_id = %s order by id", school.alice) == texts
    assert database.sql("select erase_requested_at is null from users where id = %s", school.alice) == [(True,)]
    assert database.sql(
        "select count(*) from essays where org_id = %s and user_id <> %s", school.org, school.alice
    ) == [(0,)]
    with session_of(school, "ada"):
        holds.lift(school.alice)
    database.sql("update retention_runs set next_at = now() - interval '1 s' returning 1")
    assert clock(become) >= 3


def test_a_hold_that_comes_in_the_middle_of_a_step_is_seen(two: TwoSchools, database: Database, become: Become) -> None:
    org = two.here.org
    age(database, org, "texts")
    keep(org, retention_texts=100)
    after_the_first_days(database, org)
    become("ec_clock")
    with db.session(org=org):
        taken = db.row("select take_expired('texts', 50) as ids")
        assert taken is not None
        assert len(taken["ids"]) == 5
        database.sql("update users set legal_hold = '2026-1' where id = %s returning 1", two.here.alice)
        done = db.row("select delete_expired('texts', %s::uuid[], true) as deleted", (taken["ids"],))
    assert done == {"deleted": 3}
    assert database.sql("select count(*) from essays where user_id = %s", two.here.alice) == [(2,)]


def test_deliveries_of_a_person_on_hold_stay(school: School, database: Database, become: Become) -> None:
    for user in (school.alice, school.bob):
        database.sql(
            "insert into inbound_events (id, org_id, source_id, event_id, user_id, outcome, body, body_sha256) values "
            "(uuid7_floor(now() - interval '60 days' - %s * interval '1 s'), %s, %s, 'e', %s, 'accepted', '', '') returning 1",
            int(user == school.bob), school.org, school.source, user,
        )  # fmt: skip
    with session_of(school, "ada"):
        holds.place(school.alice, case_number="2026-1")
    keep(school.org, retention_deliveries=30)
    after_the_first_days(database, school.org)
    assert (report(school.org)["deliveries"].due, report(school.org)["deliveries"].held) == (1, 1)

    assert clock(become) == 1
    assert database.sql("select user_id::text from inbound_events") == [(str(school.alice),)]


def test_a_person_on_hold_is_not_erased_until_it_is_lifted(school: School, database: Database) -> None:
    with session_of(school, "ada"):
        holds.place(school.alice, case_number="2026-CV-114")
    with pytest.raises(OnHold), session_of(school, "ada"):
        rights.request_erasure(school.alice, org=school.org)
    assert database.sql("select count(*) from user_keys where user_id = %s", school.alice) == [(1,)]
    with session_of(school, "ada"):
        holds.lift(school.alice)
        rights.request_erasure(school.alice, org=school.org)
    with pytest.raises(NotFound), session_of(school, "ada"):
        holds.place(school.alice, case_number="2026-CV-115")
    entries = database.sql(
        "select action, actor_id::text, detail from audit_log where entity_id = %s and action in ('hold_placed', 'hold_lifted') order by id",
        school.alice,
    )
    assert entries == [
        ("hold_placed", str(school.ada), {"case_number": "2026-CV-114"}),
        ("hold_lifted", str(school.ada), {"case_number": "2026-CV-114"}),
    ]


def test_an_org_on_hold_loses_nothing_and_its_days_begin_anew(
    two: TwoSchools, database: Database, become: Become
) -> None:
    school = two.here
    with session_of(school, "ada"):
        rights.request_erasure(school.zoe, org=school.org)
    for name in AGE:
        age(database, school.org, name)  # type: ignore[arg-type]
    database.sql(
        "update essays set trial_until = now() - interval '1 hour', trial_rubric_id = %s where user_id = %s returning 1",
        school.rubric,
        school.ed,
    )
    database.sql(
        "insert into system_logs (id, org_id, program, level, event) values (uuid7_floor(now() - interval '99 days'), %s, 'clock', 'error', 'x') returning 1",
        school.org,
    )
    database.sql(
        "insert into inbound_events (id, org_id, source_id, event_id, outcome, reason, body, body_sha256) values "
        "(uuid7_floor(now() - interval '99 days'), %s, %s, 'e', 'refused', 'x', '', '') returning 1", school.org, school.source,
    )  # fmt: skip
    keep(school.org, **{f"retention_{name}": 30 for name in CLASSES}, legal_hold="2026-CV-114")
    after_the_first_days(database, school.org)
    before = counts(database, school.org)
    with pytest.raises(OnHold), session_of(school, "ada"):
        rights.request_erasure(school.bob, org=school.org)

    assert clock(become) == 0
    become("ec_clock")
    assert (erasure.erase(), erasure.delete_rubric_previews()) == (0, 0)
    with db.session():
        upkeep.purge()
    with db.session():
        assert upkeep.purge_deliveries(limit=9) == 0
    become("ec_ingest")
    after = counts(database, school.org)
    assert after == before
    found = report(school.org)
    assert {one.due for one in found.values()} == {0}
    assert (found["texts"].held, found["logs"].held) == (4, 1)
    keep(school.org, legal_hold=None)
    assert database.sql("select count(*) from retention_runs where begins_at > now() + interval '6 days'") == [(5,)]
    assert clock(become) == 0
    assert database.sql("select action, detail from audit_log where action in ('hold_placed', 'hold_lifted') order by id") == [
        ("hold_placed", {"case_number": "2026-CV-114"}), ("hold_lifted", {"case_number": "2026-CV-114"}),
    ]  # fmt: skip
    become("ec_clock")
    assert erasure.erase() == 1
    with db.session(org=school.org):
        assert rubric_previews.delete_ended(org=school.org) == 1


@pytest.mark.parametrize("on", ["org", "person"])
def test_a_school_with_a_hold_is_not_closed(school: School, database: Database, on: str) -> None:
    if on == "org":
        keep(school.org, legal_hold="2026-CV-114")
    else:
        with session_of(school, "ada"):
            holds.place(school.alice, case_number="2026-CV-114")
    with pytest.raises(OnHold), db.session(org=school.org, role="ec_admin"):
        org_removal.close(school.org)
    assert database.sql("select closed_at from orgs where id = %s", school.org) == [(None,)]


def test_hold_and_erasure_at_once_never_both_succeed(school: School, database: Database) -> None:
    def act(number: int) -> str:
        with session_of(school, "ada"):
            if number:
                holds.place(school.alice, case_number="2026-CV-114")
                return "held"
            rights.request_erasure(school.alice, org=school.org)
            return "erased"

    done = together(2, act)

    assert sorted(one for one in done if isinstance(one, str)) in (["held"], ["erased"])
    assert all(isinstance(one, (str, OnHold, NotFound)) for one in done)


# The command.


def test_report_command_names_each_class_of_each_org(
    two: TwoSchools,
    database: Database,
    become: Become,
    program_env: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    age(database, two.here.org, "texts")
    keep(two.here.org, retention_texts=100)
    become("ec_clock")
    program_env("ec_clock")
    assert main(["retention", "report", "--org", "north"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "north"
    assert lines[1].startswith("  texts:       100 days; 5 go on 20")
    assert lines[1].endswith("; no run yet")
    assert [line.split()[0] for line in lines[1:]] == [f"{name}:" for name in CLASSES]
    assert main(["retention", "report"]) == 0
    assert "south\n" in capsys.readouterr().out
    assert main(["retention", "report", "--org", "west"]) == 1
    assert "there is no org 'west'" in capsys.readouterr().err
    assert counts(database, two.here.org)["essays"] == 5
