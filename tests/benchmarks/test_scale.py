"""A filled database is one that the real programs could have left: consistent, readable, and as large as was asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest

from benchmarks.machine import machine, sign_in
from benchmarks.scale.__main__ import SMALL
from benchmarks.scale.fill import Filled, fill_running, size_of
from benchmarks.scale.plan import PARTS, Plan, Size
from standalone.client import ask
from standalone.machine import ROOT, Machine

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)

# Each foreign key with its columns and those that it refers to, by place.
_FOREIGN_KEYS = """
select c.conname, c.conrelid::regclass::text, c.confrelid::regclass::text,
    (select array_agg(a.attname::text order by k.place) from unnest(c.conkey) with ordinality as k (number, place)
        join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.number),
    (select array_agg(a.attname::text order by k.place) from unnest(c.confkey) with ordinality as k (number, place)
        join pg_attribute as a on a.attrelid = c.confrelid and a.attnum = k.number)
from pg_constraint as c where c.contype = 'f' and c.conparentid = 0 and c.connamespace = 'public'::regnamespace
"""
_INDEXES = "select indexdef from pg_indexes where schemaname = 'public' and tablename !~ '_20\\d\\d_' order by 1"


def size(*, seed: int = 1) -> Size:
    return Size(submissions=1_003, comments=10_000, schools=10, seed=seed, now=NOW)


def test_plan_has_as_many_submissions_and_comments_as_were_asked_for() -> None:
    plan = Plan(size=size())
    handed_in = [
        plan.first_submissions[essay] + version
        for part in range(PARTS)
        for one in plan.work(part)
        for student in range(one.school.first_student, one.school.first_student + one.school.students)
        if (essay := plan.essay(student, one.turn)) is not None
        and (student - one.school.first_student) // 25 == one.course
        for version in range(plan.versions[essay])
    ]
    assert sorted(handed_in) == list(range(1_003))
    assert sum(plan.size.comments_of(submission) for submission in handed_in) == 10_000


def test_a_fifth_of_the_schools_has_four_fifths_of_the_students() -> None:
    plan = Plan(size=size())
    assert sum(school.students for school in plan.schools[:2]) / plan.students == pytest.approx(0.8, abs=0.03)


def test_same_seed_makes_the_same_work_and_another_seed_does_not() -> None:
    assert list(Plan(size=size()).work(0)) == list(Plan(size=size()).work(0))
    assert list(Plan(size=size()).work(0)) != list(Plan(size=size(seed=2)).work(0))


def test_every_deadline_is_at_23_59_of_the_school_inside_24_months() -> None:
    plan = Plan(size=size())
    for one in plan.work(1):
        assert one.due.astimezone(one.school.zone).strftime("%H:%M") == "23:59"
        assert datetime(2024, 12, 1, tzinfo=UTC) < one.due < NOW


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[Machine, dict[str, Any], Filled, list[str]]]:
    with machine() as (running, known):
        for program in ("worker", "clock"):
            running.supervisor.stop_one(program)
        indexes = [row[0] for row in query(running, _INDEXES)]
        found = fill_running(running, size_of(**SMALL, seed=1))
        school = {**known, "org": found.org, "student": found.student, "educator": found.educator}
        yield running, school, found, indexes


def query(running: Machine, sql: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(running.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.mark.slow(reason="fills a database with 20,000 submissions")
def test_filled_database_has_no_fault(filled: tuple[Machine, dict[str, Any], Filled, list[str]]) -> None:
    running, _, found, indexes = filled
    counts = query(running, "select (select count(*) from submissions), (select count(*) from feedback)")
    assert counts == [(found.submissions, found.comments)]
    assert query(running, "select count(*) from passes") == [(3 * found.submissions,)]
    audit = subprocess.run(
        [sys.executable, "-m", "workers", "duty", "audit_data", "--all"],
        env=running.environment("worker"), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert [row[0] for row in query(running, _INDEXES)] == indexes


@pytest.mark.slow(reason="fills a database with 20,000 submissions")
def test_filled_rows_refer_to_rows_that_are_there(filled: tuple[Machine, dict[str, Any], Filled, list[str]]) -> None:
    running = filled[0]
    for name, table, other, columns, others in query(running, _FOREIGN_KEYS):
        same = " and ".join(f"a.{column} = b.{there}" for column, there in zip(columns, others, strict=True))
        whole = " and ".join(f"a.{column} is not null" for column in columns)
        lost = query(
            running,
            f"select count(*) from {table} as a where {whole} and not exists (select from {other} as b where {same})",
        )
        assert lost == [(0,)], name


@pytest.mark.slow(reason="fills a database with 20,000 submissions")
def test_people_of_a_filled_school_sign_in_and_read(
    filled: tuple[Machine, dict[str, Any], Filled, list[str]],
) -> None:
    _, school, _, _ = filled
    url, student = school["ingest"], sign_in(school, "student")
    essay = ask("GET", f"{url}/v1/essays", headers=student).body["items"][0]
    assert essay["title"].startswith("My essay")
    submission = f"{url}/v1/submissions/{essay['submission_id']}"
    assert ask("GET", submission, headers=student).body["status"] == "completed"
    text = ask("GET", f"{submission}/text", headers=student).body["text"]
    feedback = ask("GET", f"{submission}/feedback", headers=student).body
    assert len(feedback["comments"]) == essay["comment_count"] == 10
    for comment in feedback["comments"]:
        span = comment["span"]
        assert text[span["start"] : span["end"]] == span["quote"]
        assert comment["message"]
    waiting = ask("GET", f"{url}/v1/reviews", headers=sign_in(school, "educator"))
    assert waiting.status == 200, waiting.body
    assert waiting.body["items"]
