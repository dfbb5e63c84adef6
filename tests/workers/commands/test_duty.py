"""Test `python -m workers duty`, run as an operator runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest

from tests.conftest import Become
from tests.support.commands import CommandResult, run_command
from tests.support.schools import School, hand_in
from tests.support.servers import Database
from workers.__main__ import main
from workers.duties.registry import all_duties

Environment = Callable[[str], None]


def duty(*arguments: str) -> CommandResult:
    return run_command(main, "duty", *arguments)


@pytest.fixture
def as_clock(program_env: Environment) -> None:
    program_env("ec_clock")


def test_list_shows_every_duty_with_its_last_run(database: Database, as_clock: None) -> None:
    assert duty("purge").stdout == "purge: 0\n"
    database.sql(
        "insert into duty_runs (name, started_at, ended_at, outcome) values ('backup', now(), now(), 'failed') returning 1"
    )
    said = duty("--list")
    lines = {line.split()[0]: line for line in said.stdout.splitlines()}
    assert said.returncode == 0
    assert set(lines) == {"duty", *all_duties(), "clean_orphans", "backup"}
    assert " ok " in lines["purge"]
    assert " 60 min " in lines["purge"]
    assert " never " in lines["audit_data"]
    assert " failed " in lines["backup"]


QUICK = sorted(set(all_duties()) - {"sign_heads", "audit_data", "check_indexes"})


@pytest.mark.parametrize("name", QUICK)
def test_each_duty_can_be_carried_out_by_hand_and_leaves_its_row(database: Database, as_clock: None, name: str) -> None:
    said = duty(name)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith(f"{name}: ")
    assert database.sql("select outcome from duty_runs where name = %s", name) == [("ok",)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a duty, or give --list"), (("purge", "--yes"), "--yes belongs to clean_orphans"),
        (("purge", "--json"), "--json belongs to audit_data"), (("sign_heads",), "sign_heads needs ESSAYCOACH_AUDIT_HEADS"),
    ],
)  # fmt: skip
def test_wrong_use_is_refused_in_words(
    database: Database, as_clock: None, arguments: tuple[str, ...], message: str
) -> None:
    said = duty(*arguments)
    assert (said.returncode, said.stdout) == (2, "")
    assert message in said.stderr


def test_duty_that_the_clock_carries_out_now_is_not_run_twice(database: Database, as_clock: None) -> None:
    database.sql("insert into duty_leases values ('purge', uuidv7(), now() + interval '1 min') returning 1")
    said = duty("purge")
    assert (said.returncode, said.stdout) == (1, "")
    assert "the clock is carrying out purge now" in said.stderr


def test_archive_that_cannot_be_written_is_named(as_clock: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESSAYCOACH_ARCHIVE_DIR", "/nowhere/at/all")
    said = duty("retire_partitions")
    assert said.returncode == 1
    assert said.stderr == "workers: ESSAYCOACH_ARCHIVE_DIR must be a directory that the clock may write to.\n"


def test_audit_by_the_clock_says_what_needs_keys(school: School, as_clock: None) -> None:
    said = duty("audit_data")
    assert said.returncode == 0, said.stdout
    assert "Not looked at: undecryptable, texts_disagree, spans_disagree." in said.stdout
    assert "Looked at: the last two days, which is the whole history." in said.stdout


def test_audit_in_a_workers_environment_looks_at_texts_too(
    database: Database, school: School, program_env: Environment
) -> None:
    receipt = hand_in(school)
    program_env("ec_worker")
    said = duty("audit_data", "--json")
    report = json.loads(said.stdout)
    assert (said.returncode, report["errors"], report["with_texts"]) == (0, 0, True)

    break_row(database, f"update submissions set text = '\\x01ff' where id = '{receipt.submission}'")
    said = duty("audit_data", "--json")
    report = json.loads(said.stdout)
    [one] = [one for one in report["checks"] if one["count"]]
    assert (said.returncode, one) == (
        1,
        {"name": "undecryptable", "severity": "error", "count": 1, "ids": [str(receipt.submission)]},
    )
    detail = database.sql("select outcome, found, detail from duty_runs where name = 'audit_data'")
    assert detail == [("ok", 1, {"undecryptable": 1})]
    assert duty("purge").returncode == 2


def break_row(database: Database, statement: str) -> None:
    with closing(psycopg2.connect(database.admin_url)) as connection, connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute(statement)
        connection.commit()


def test_older_slices_come_hourly_and_all_at_once_with_all(database: Database, school: School, as_clock: None) -> None:
    receipt = hand_in(school)
    break_row(
        database,
        "update users set id = uuid7_floor(now() - interval '9 days') where id = (select min(id::text)::uuid from users)",
    )
    break_row(
        database,
        f"update passes set rubric_id = uuidv7(), id = uuid7_floor(now() - interval '5 days') where id = '{receipt.hints[0].pass_id}'",
    )
    part, whole = duty("audit_data"), duty("audit_data", "--all")
    assert "covers the whole history, 8 days, in 8 hours" in part.stdout
    assert "the whole history since" in whole.stdout
    assert next(line for line in whole.stdout.splitlines() if line.startswith("orphan_rubrics")).split()[2] == "1"


def test_orphans_are_shown_first_and_deleted_with_yes(database: Database, school: School, as_clock: None) -> None:
    receipt = hand_in(school)
    break_row(database, f"update analytics set essay_id = uuidv7() where essay_id = '{receipt.essay}'")
    shown = duty("clean_orphans")
    assert "orphan_events: 1 would go" in shown.stdout
    assert database.sql("select count(*) from analytics") == [(1,)]

    done = duty("clean_orphans", "--yes")

    assert "orphan_events: 1 deleted" in done.stdout
    assert database.sql("select count(*) from analytics") == [(0,)]
    assert database.sql("select detail from audit_log where action = 'orphans_deleted'") == [
        ({"table": "analytics", "deleted": 1},)
    ]
    assert "orphan_events: 0 would go" in duty("clean_orphans").stdout


def test_orphaned_deliveries_go_too(database: Database, school: School, as_clock: None) -> None:
    database.sql(
        "insert into inbound_events (org_id, source_id, event_id, user_id, submission_id, outcome, body, body_sha256) "
        "values (%s, %s, 'e', %s, uuidv7(), 'accepted', '', '') returning 1", school.org, school.source, school.alice,
    )  # fmt: skip
    assert "orphan_deliveries: 1 deleted" in duty("clean_orphans", "--yes").stdout
    assert database.sql("select count(*) from inbound_events") == [(0,)]


def test_orphans_of_somebody_on_hold_stay(database: Database, school: School, as_clock: None) -> None:
    receipt = hand_in(school)
    break_row(database, f"update analytics set essay_id = uuidv7() where essay_id = '{receipt.essay}'")
    database.sql("update users set legal_hold = 'CASE-1' where id = %s returning 1", school.alice)
    assert "orphan_events: 0 deleted" in duty("clean_orphans", "--yes").stdout


def test_index_report_prints_the_statement_and_mends(database: Database, become: Become, as_clock: None) -> None:
    assert duty("check_indexes").stdout == "No index is invalid, duplicate, missing, bloated or unused.\n"
    database.sql("create table twins (number integer)")
    database.sql("insert into twins values (1), (1) returning 1")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        database.sql("create unique index concurrently idx_twins on twins (number)")
    database.sql("alter table twins owner to ec_owner")
    database.sql("grant maintain on twins to ec_clock")
    said = duty("check_indexes")
    assert said.returncode == 1
    assert "reindex index concurrently public.idx_twins" in said.stdout

    database.sql("truncate twins")
    mended = duty("check_indexes", "--mend")
    assert mended.returncode == 0
    assert "reindex index concurrently public.idx_twins: done" in mended.stdout
    assert database.sql("select found from duty_runs where name = 'check_indexes'") == [(0,)]
    database.sql("drop table twins")
