"""Each check of the data audit finds its planted defect, and a sound database has none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from models import data_audit, db, text_audit
from models.data_audit import CHECKS, Check, Window
from models.db import session
from models.errors import MasterKeyMissing
from tests.support.servers import Database
from tests.support.two_schools import TwoSchools, log_in

NOW = datetime.now(UTC)
NAMED = {check.name: check for check in CHECKS}
SOUND = {check.name: 0 for check in CHECKS}
LONG_AGO = "uuid7_floor(now() - interval '1 hour')"

# What makes each check find exactly so many rows. `%(pass)s` and the others are rows of the first school.
DEFECTS: dict[str, tuple[int, str]] = {
    "default_partitions": (1, "insert into system_logs (id, program, level, event) values (uuid7_floor('2020-01-01'), 't', 'error', 'x')"),
    "missing_partitions": (1, "do $$ begin execute 'drop table analytics_' || to_char(now() at time zone 'utc' + interval '1 month', 'YYYY_MM'); end $$"),
    "open_versions": (1, f"update submissions set id = {LONG_AGO}, completed_at = null, status = 'processing' where id = %(version)s"),
    "closed_versions": (1, "update passes set state = 'queued', finished_at = null, summary = null, comments = null where id = %(pass)s"),
    "overdue_leases": (
        1, "update passes set state = 'running', finished_at = null, summary = null, comments = null, lease_until = now() - interval '6 minutes' where id = %(pass)s",
    ),
    "unhinted_passes": (
        1, """update passes set state = 'queued', finished_at = null, summary = null, comments = null, next_at = now() - interval '11 minutes',
            hinted_at = now() - interval '12 minutes' where id = %(pass)s""",
    ),
    "uncounted_work": (
        4, """update passes set finished_at = now() - interval '11 minutes', tallied = false where id = %(pass)s;
            update ai_responses set completed_at = now() - interval '11 minutes', tallied = false where id = %(call)s;
            insert into tally_entries (id, name, labels, count) values (uuid7_floor(now() - interval '11 minutes'), 'n', '{}', 1);
            insert into ledger_entries (id, org_id, user_id, day, provider, model, pass, failed, input_tokens, output_tokens,
                cache_read_tokens, cache_write_tokens, cost_micros)
            values (uuid7_floor(now() - interval '11 minutes'), %(org)s, %(person)s, current_date, 'anthropic', 'm', 'content', false,
                1, 1, 1, 1, 1)""",
    ),
    "essays_disagree": (1, "update essays set versions = versions + 1 where id = %(essay)s"),
    "passes_disagree": (1, "update passes set audience_id = uuidv7() where id = %(pass)s"),
    "comments_disagree": (1, "update feedback set user_id = uuidv7() where id = %(comment)s"),
    "orphan_reviews": (3, "delete from feedback where id = %(comment)s"),
    "review_lists_disagree": (1, "update review_items set review_id = null where feedback_id = %(comment)s"),
    "orphan_predecessors": (1, "update feedback set carried_from = uuidv7() where id = %(comment)s"),
    "orphan_deliveries": (1, "update inbound_events set submission_id = uuidv7() where org_id = %(org)s"),
    "orphan_events": (1, "update analytics set essay_id = uuidv7() where id = (select id from analytics where org_id = %(org)s limit 1)"),
    "orphan_answers": (1, "update idempotency_keys set caller_id = uuidv7() where ctid = (select ctid from idempotency_keys where org_id = %(org)s limit 1)"),
    "orphan_rubrics": (1, "update passes set rubric_id = uuidv7() where id = %(pass)s"),
    "ledger_disagrees": (1, "update ai_responses set provider = 'anthropic', cost_micros = 9, completed_at = now() - interval '11 minutes' where id = %(call)s"),
    "totals_disagree": (1, "update ai_responses set tallied = true, outcome = 'refused' where id = %(call)s"),
    "author_costs_disagree": (1, "update ai_responses set provider = 'anthropic', cost_micros = 9, completed_at = now() - interval '11 minutes' where id = %(call)s"),
    "people_without_key": (1, "delete from user_keys where user_id = %(person)s"),
    "overdue_erasures": (1, "update users set erase_requested_at = now() - interval '25 hours' where id = %(person)s"),
    "overdue_retention": (1, "update retention_runs set begins_at = now() - interval '9 days', next_at = now() - interval '49 hours' where org_id = %(org)s"),
    "expired_rows": (
        3, """update idempotency_keys set created_at = now() - interval '9 days' where ctid = (select ctid from idempotency_keys limit 1);
            update sessions set expires_at = now() - interval '32 days' where org_id = %(org)s;
            update one_time_tokens set expires_at = now() - interval '9 days' where org_id = %(org)s""",
    ),
    "unchained_entries": (1, f"update audit_log set id = {LONG_AGO}, sequence = null, hash = null where id = %(entry)s"),
    "audit_chain": (1, """update audit_log set detail = '{"x": 1}' where id = %(entry)s"""),
}  # fmt: skip


@pytest.fixture(scope="module")
def rows_of_first(database: Database, two_schools: TwoSchools) -> dict[str, Any]:
    """The ids of rows of the first school, with every audit entry chained."""
    database.sql("select chain_audit(5000)")
    comment = database.sql(
        """
        select f.id from feedback as f join review_items as i on i.feedback_id = f.id and i.review_id is not null
        join feedback_reactions as r on r.feedback_id = f.id where f.org_id = %s order by f.id limit 1
        """,
        two_schools.here.org,
    )[0][0]
    version = two_schools.alice.submission
    return {
        "org": two_schools.here.org,
        "person": two_schools.here.alice,
        "version": version,
        "essay": two_schools.alice.essay,
        "pass": two_schools.alice.hints[0].pass_id,
        "comment": comment,
        "call": database.sql("select id from ai_responses where submission_id = %s order by id limit 1", version)[0][0],
        "entry": database.sql(
            "select id from audit_log where org_id = %s order by sequence desc offset 3 limit 1", two_schools.here.org
        )[0][0],
    }


@contextmanager
def planted(database: Database, statement: str, values: dict[str, Any]) -> Iterator[Any]:
    """Yield a cursor in a transaction with the defect, which is rolled back at the end."""
    with closing(psycopg2.connect(database.admin_url)) as connection, connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute(statement, values)
        yield cursor
        connection.rollback()


def found_by(cursor: Any, name: str) -> int:
    now = datetime.now(UTC)  # NOW may be hours ago: it is the time at which the run collected its tests
    cursor.execute(
        "select amount, cardinality(ids) from find_faults(%s, %s, %s)",
        (name, now - timedelta(days=2), now + timedelta(hours=1)),
    )
    amount, shown = cursor.fetchone()
    assert shown == amount
    return int(amount)


def test_there_is_a_planted_defect_for_each_check() -> None:
    assert sorted(DEFECTS) == sorted(NAMED)


@pytest.mark.parametrize("name", DEFECTS)
def test_planted_defect_is_found(database: Database, rows_of_first: dict[str, Any], name: str) -> None:
    count, statement = DEFECTS[name]
    with planted(database, statement, rows_of_first) as cursor:
        assert found_by(cursor, name) == count


@pytest.mark.parametrize("role", ["ec_clock", "ec_worker"])
def test_sound_database_has_no_fault(database: Database, rows_of_first: dict[str, Any], role: str) -> None:
    log_in(database, role)
    found = {}
    for check in CHECKS:
        with session():
            found[check.name] = data_audit.find(check, Window(since=NOW - timedelta(days=2), until=NOW)).count
    assert found == SOUND


def test_a_missing_tail_of_the_audit_chain_is_found(database: Database, rows_of_first: dict[str, Any]) -> None:
    for statement in (
        "delete from audit_log where org_id = %(org)s and sequence = (select sequence from audit_heads where org_id = %(org)s)",
        "delete from audit_log where org_id = %(org)s",
        "delete from audit_log where org_id = %(org)s and sequence = 3",
    ):
        with planted(database, statement, rows_of_first) as cursor:
            assert found_by(cursor, "audit_chain") >= 1


def test_the_chains_of_25_orgs_are_looked_at_and_of_others_each_hour(
    database: Database, rows_of_first: dict[str, Any]
) -> None:
    chains_without_entries = (
        "insert into audit_heads (org_id, sequence) select gen_random_uuid(), 9 from generate_series(1, 60)"
    )
    with planted(database, chains_without_entries, rows_of_first) as cursor:
        cursor.execute("select count(*) from audit_heads")
        hours = -(-cursor.fetchone()[0] // 25)
        found = []
        for hour in range(hours):
            until = NOW + timedelta(hours=hour)
            cursor.execute("select amount from find_faults('audit_chain', %s, %s)", (until - data_audit.RECENT, until))
            found.append(cursor.fetchone()[0])
        assert max(found) <= 25
        assert sum(found) >= 60
        cursor.execute("select amount from find_faults('audit_chain', %s, %s)", (data_audit.FOREVER, NOW))
        assert cursor.fetchone() == (60,)


def test_an_unknown_check_is_refused(database: Database) -> None:
    with pytest.raises(psycopg2.errors.RaiseException, match="no check called nonsense"):
        database.sql("select * from find_faults('nonsense', now(), now())")


def test_a_window_is_read_without_the_other_months(database: Database) -> None:
    """The window reaches the planner, so a run reads the partitions of its window and no others."""
    query = str(database.sql("select fault_query('comments_disagree')")[0][0])
    # In the first hour of a month, a window of an hour would begin in the month before.
    since = "greatest(now() - interval '1 hour', date_trunc('month', now() at time zone 'utc') at time zone 'utc')"
    for number, moment in (("$1", since), ("$2", "now()")):
        query = query.replace(number, f"'{database.sql(f'select uuid7_floor({moment})')[0][0]}'")
    plan = "\n".join(str(line) for (line,) in database.sql(f"explain {query}"))
    month = database.sql("select to_char(now() at time zone 'utc', 'YYYY_MM')")[0][0]
    assert f"feedback_{month}" in plan
    assert "feedback_default" not in plan


def test_slices_cover_the_history_once() -> None:
    begins = NOW - timedelta(days=12, hours=5)
    number = data_audit.slices(begins=begins, now=NOW)
    windows = [data_audit.slice_of(begins=begins, now=NOW, number=one) for one in range(number)]

    assert number == 11
    assert windows[0].since == begins
    assert [one.until for one in windows[:-1]] == [one.since for one in windows[1:]]
    assert windows[-1].until == data_audit.recent(NOW).since
    assert data_audit.slices(begins=NOW - timedelta(days=1), now=NOW) == 0


TEXT_DEFECTS = {
    "text": ("update submissions set text = %(junk)s where id = %(version)s", "undecryptable", 1),
    "comment": ("update feedback set body = %(junk)s where id = %(comment)s", "undecryptable", 1),
    "summary": ("update passes set summary = %(junk)s where id = %(pass)s", "undecryptable", 1),
    "title": ("update essays set title = %(junk)s where id = %(essay)s", "undecryptable", 1),
    "key": ("update user_keys set wrapped = %(junk)s where user_id = %(person)s", "undecryptable", 1),
    "length": ("update submissions set characters = characters + 1 where id = %(version)s", "texts_disagree", 1),
    "digest": ("update submissions set text_sha256 = sha256('x') where id = %(version)s", "texts_disagree", 1),
    "span": ("update feedback set span_start = 6, span_end = 7 where id = %(comment)s", "spans_disagree", 1),
    "further span": ("update feedback set also_at = '{6,7}' where id = %(comment)s", "spans_disagree", 1),
}


@pytest.mark.parametrize("kind", TEXT_DEFECTS)
def test_planted_defect_of_a_text_is_found(database: Database, rows_of_first: dict[str, Any], kind: str) -> None:
    statement, name, count = TEXT_DEFECTS[kind]
    comment = database.sql(
        "select id from feedback where submission_id = %s order by id limit 1", rows_of_first["version"]
    )[0][0]
    values = {**rows_of_first, "junk": b"\x01" + b"j" * 40, "comment": comment}
    tables = {"submissions": "id", "feedback": "id", "passes": "id", "essays": "id", "user_keys": "user_id"}
    table = statement.split()[1]
    row_id = {
        "submissions": "version",
        "feedback": "comment",
        "passes": "pass",
        "essays": "essay",
        "user_keys": "person",
    }[table]
    database.sql(f"create table kept as select * from {table} where {tables[table]} = %s", values[row_id])
    log_in(database, "ec_worker")
    try:
        with closing(psycopg2.connect(database.admin_url)) as connection, connection.cursor() as cursor:
            cursor.execute("set session_replication_role = replica")
            cursor.execute(statement, values)
            connection.commit()
        with session(org=rows_of_first["org"]):
            faults = text_audit.check_version(rows_of_first["version"], org=rows_of_first["org"])
        assert [check.name for check, _ in faults] == [name] * count
    finally:
        columns = "text characters text_sha256 body span_start span_end also_at summary title wrapped".split()
        own = [
            str(one)
            for (one,) in database.sql(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0", table
            )
        ]
        changes = ", ".join(f"{one} = k.{one}" for one in columns if one in own)
        database.sql(
            f"set session_replication_role = replica; update {table} as t set {changes} from kept as k where t.{tables[table]} = k.{tables[table]};"
            "drop table kept; set session_replication_role = origin; select 1"
        )  # fmt: skip


def test_sound_texts_have_no_fault(database: Database, rows_of_first: dict[str, Any]) -> None:
    log_in(database, "ec_worker")
    now = datetime.now(UTC)
    with session():
        picked = data_audit.sample_versions(
            Window(since=now - timedelta(days=1), until=now + timedelta(hours=1)), most=50
        )
    faults: list[tuple[Check, Any]] = []
    for org, submission in picked:
        with session(org=org):
            faults += text_audit.check_version(submission, org=org)
    assert len(picked) == 10
    assert faults == []


def test_a_missing_master_key_is_not_a_fault_of_the_data(database: Database, rows_of_first: dict[str, Any]) -> None:
    log_in(database, "ec_worker")
    database.sql("update user_keys set master_key_id = 'k9' where user_id = %s returning 1", rows_of_first["person"])
    try:
        with db.session(org=rows_of_first["org"]), pytest.raises(MasterKeyMissing):
            text_audit.check_version(rows_of_first["version"], org=rows_of_first["org"])
    finally:
        database.sql(
            "update user_keys set master_key_id = 'k1' where user_id = %s returning 1", rows_of_first["person"]
        )
