"""Test the commands that list the orgs and remove one, run as an operator runs them, with the real clock beside them."""

from __future__ import annotations

import hashlib
import json
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID
from zipfile import ZipFile

import peewee
import psycopg2
import pytest

from ingest.__main__ import main
from ingest.admin import org_commands
from models import db, org_removal
from models.errors import Unauthorised
from models.queue import next_due
from tests.conftest import Become
from tests.support.commands import CommandResult, run_command
from tests.support.races import eventually
from tests.support.schools import hand_in
from tests.support.servers import ROOT, Database
from tests.support.two_schools import TABLES, TwoSchools, build
from workers.__main__ import main as workers_main

if TYPE_CHECKING:
    from tests.ingest.conftest import ApiUnderTest, Refused

# The clock empties these within seconds: it adds up what calls cost, and counts what waits.
FLEETING = {"ledger_entries", "queue_marks"}
KEPT = {"audit_log", "audit_heads"}
ProgramEnv = Callable[[str], None]


@pytest.fixture
def pair(database: Database, become: Become) -> TwoSchools:
    """Two schools, north and south, with rows in every table, and passes of the north that wait."""
    schools = build(database)
    become("ec_ingest")
    hand_in(schools.here, "zoe", text="Waiting words.")
    return schools


@contextmanager
def clock(program_env: ProgramEnv) -> Iterator[None]:
    """Run the clock program while the block runs; then commands start with the role ec_ingest again."""
    program_env("ec_clock")
    program = subprocess.Popen([sys.executable, "-m", "workers", "clock"], cwd=ROOT, stderr=subprocess.DEVNULL)
    program_env("ec_ingest")
    try:
        yield
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(30)


def remove(slug: str, folder: Path, *options: str) -> CommandResult:
    return run_command(main, "remove-org", slug, "--export", str(folder), *options)


def org_tables(database: Database) -> set[str]:
    """Return every table with rows of an org, as the catalogue has them."""
    found = database.sql(
        "select c.relname from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attname = 'org_id'"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and not a.attisdropped"
    )
    return {str(name) for (name,) in found}


def rows_of(database: Database, org: UUID) -> dict[str, tuple[object, ...]]:
    """Return the number of rows of this org and their checksum, for each table."""
    return {
        name: database.sql(
            f"select count(*), md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {name} as t where org_id = %s",
            org,
        )[0]
        for name in org_tables(database)
    }


def settled(database: Database) -> bool:
    """Return whether the clock has chained and counted everything."""
    return database.sql(
        "select 1 from audit_log where sequence is null union all select 1 from passes where not tallied and finished_at is not null"
        " union all select 1 from ai_responses where not tallied and completed_at is not null"
    ) == []  # fmt: skip


def totals(database: Database) -> dict[object, object]:
    return dict(database.sql("select name, sum(count) from monitor_totals group by name"))


@pytest.mark.slow(reason="removes a whole school, with the clock")
def test_removal_deletes_every_row_of_one_school_and_no_other(
    database: Database,
    pair: TwoSchools,
    become: Become,
    program_env: ProgramEnv,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    north, south = pair.here, pair.there
    with clock(program_env):
        eventually(lambda: settled(database))
        before, counted = rows_of(database, south.org), totals(database)
        empty = {name for name, (total, _) in rows_of(database, north.org).items() if not total}
        assert (empty & set(TABLES)) - FLEETING == set()

        done = remove("north", tmp_path / "export", "--yes")
        assert (done.returncode, done.stdout.splitlines()[-1].split(":")[0]) == (0, "north is removed"), done

        eventually(lambda: settled(database))
    left = {name: total for name, (total, _) in rows_of(database, north.org).items() if total}
    assert set(left) == KEPT
    assert rows_of(database, south.org) == before
    become("ec_worker")
    with db.session():
        assert [next_due(hint) for hint in pair.alice.hints] == [None] * 3
    after = totals(database)
    assert {name: total for name, total in counted.items() if after[name] < total} == {}  # type: ignore[operator]
    stones = database.sql(
        "select slug, name, monthly_budget_micros, removed_at is not null from orgs where id = %s", north.org
    )
    assert stones == [(f"removed-{north.org}", "Removed school", None, True)]
    actions = [
        action
        for (action,) in database.sql(
            "select action from audit_log where org_id = %s and actor_role = 'operator' order by id", north.org
        )
    ]
    assert actions == ["org_closed", "org_exported", "org_removed"]
    program_env("ec_clock")
    verified = run_command(workers_main, "audit", "verify")
    assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "2 orgs, no faults")
    assert f"removed-{north.org}: " in verified.stdout

    program_env("ec_ingest")
    again = remove("north", tmp_path / "export", "--yes")
    assert (again.returncode, again.stderr) == (1, "ingest: there is no org 'north'\n")
    assert [one["slug"] for one in json.loads(run_command(main, "list-orgs", "--json").stdout)] == ["south"]
    monkeypatch.setenv("ESSAYCOACH_ADMIN_PASSWORD", "a long and new password 4711")
    made = run_command(main, "create-org", "north", "--name", "North, again", "--admin-email", "ada@north.example")
    assert (made.returncode, made.stderr) == (0, "")


@pytest.mark.slow(reason="fills a school and exports it")
def test_export_is_complete_and_readable_by_its_owner_only(
    database: Database, pair: TwoSchools, program_env: ProgramEnv, tmp_path: Path
) -> None:
    north, folder = pair.here, tmp_path / "deep" / "export"
    people = {str(one) for (one,) in database.sql("select id from users where org_id = %s", north.org)}
    text = "Waiting words."
    database.sql(
        """
        update orgs set admin_networks = '{192.0.2.0/24}', embed_origins = '{https://lms.example}', step_up = true, author_open_limit = 7, author_daily_limit = 8, author_budget_percent = 9,
            retention_texts = 400 where id = %s
        """,
        north.org,
    )
    with clock(program_env):
        done = remove("north", folder, "--yes")
    assert done.returncode == 0, done

    manifest = json.loads((folder / "manifest.json").read_text())
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {one["name"] for one in manifest["files"]} == on_disk - {"manifest.json"}
    for one in manifest["files"]:
        content = (folder / one["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one["bytes"], one["sha256"])
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "people")} == {0o700}
    stored = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert database.sql("select detail ->> 'manifest_sha256' from audit_log where action = 'org_exported'") == [
        (stored,)
    ]

    listed = json.loads((folder / "people.json").read_text())
    assert {one["id"] for one in listed} == people
    assert (manifest["people"], manifest["people_without_archive"]) == (len(people), [])
    assert {one["email"] for one in listed} >= {"alice@north.example", "ada@north.example"}
    for one in listed:
        with ZipFile(folder / one["archive"]) as archive:
            assert json.loads(archive.read("profile.json"))["email"] == one["email"]
    with ZipFile(folder / f"people/{north.zoe}.zip") as archive:
        assert text in {archive.read(name).decode() for name in archive.namelist() if name.endswith(".txt")}
    org = json.loads((folder / "org.json").read_text())
    assert (org["name"], org["admin_networks"], org["retention_texts"]) == ("North", ["192.0.2.0/24"], 400)
    database.sql("insert into orgs (slug, name) values ('fresh', 'Fresh')")
    [[fresh]] = database.sql("select to_jsonb(o) from orgs as o where slug = 'fresh'")
    [[left]] = database.sql("select to_jsonb(o) from orgs as o where id = %s", north.org)
    assert set(fresh) - set(org) == {"legal_hold", "exported_at", "removed_at"}, "a setting is missing in the export"
    changed = {name for name in fresh if left[name] != fresh[name]}
    assert changed == {"id", "slug", "name", "created_at", "closed_at", "exported_at", "removed_at"}
    sizes = {
        name: len(json.loads((folder / f"{name}.json").read_text()))
        for name in ("courses", "assignments", "rubrics", "rubric_criteria", "categories", "enrollments", "api_keys", "sources", "ledger")
    }  # fmt: skip
    assert sizes == {name: manifest["rows"][name] for name in sizes}
    assert min(sizes.values()) > 0

    last = bytes(32)
    lines = (folder / "audit_log.jsonl").read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        entry = json.loads(line)
        last = hashlib.sha256(last + entry["says"].encode()).digest()
        assert (entry["sequence"], entry["hash"]) == (number, last.hex())
    assert manifest["audit_head"] == {"sequence": len(lines), "hash": last.hex()}
    assert len(lines) > 20


def test_without_yes_only_the_counts_are_said(
    database: Database, pair: TwoSchools, program_env: ProgramEnv, tmp_path: Path
) -> None:
    before = rows_of(database, pair.here.org)
    program_env("ec_ingest")
    said = remove("north", tmp_path / "export")
    assert (said.returncode, said.stderr) == (0, "")
    counts = {line.split()[1]: int(line.split()[0]) for line in said.stdout.splitlines()[1:-1]}
    assert counts == {name: total for name, (total, _) in before.items() if name not in KEPT}
    assert "Nothing was removed" in said.stdout
    assert rows_of(database, pair.here.org) == before
    assert database.sql("select closed_at from orgs where id = %s", pair.here.org) == [(None,)]
    assert not (tmp_path / "export").exists()


@pytest.mark.slow(reason="starts a program for each argument")
@pytest.mark.parametrize("fault", ["wrong slug", "folder not empty", "a file", "under a file"])
def test_wrong_arguments_change_nothing(
    database: Database, pair: TwoSchools, program_env: ProgramEnv, tmp_path: Path, fault: str
) -> None:
    before = rows_of(database, pair.here.org)
    program_env("ec_ingest")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    folder = {
        "wrong slug": tmp_path / "new", "folder not empty": tmp_path / "full", "a file": tmp_path / "full" / "file",
        "under a file": tmp_path / "full" / "file" / "new",
    }[fault]  # fmt: skip
    said = remove("nowhere" if fault == "wrong slug" else "north", folder, "--yes")
    assert said.returncode == 1
    expected = {
        "wrong slug": "there is no org 'nowhere'", "folder not empty": "is not empty. Name an empty folder", "a file": "is not a folder",
        "under a file": "could not be written, and nothing was deleted",
    }[fault]  # fmt: skip
    assert expected in said.stderr
    assert said.stderr.startswith("ingest: ")
    assert rows_of(database, pair.here.org) == before
    assert database.sql("select 1 from orgs where closed_at is not null") == []
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]


@pytest.mark.slow(reason="removes a whole school, with the clock")
def test_interrupted_removal_is_run_again_and_finishes(
    database: Database, pair: TwoSchools, program_env: ProgramEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First no clock runs, then a person's data does not decrypt, then somebody holds a lock in the middle of the deletion."""
    north, south = pair.here, pair.there
    untouched = rows_of(database, north.org)
    monkeypatch.setattr(org_commands, "CLOCK_SECONDS", 0.5)
    program_env("ec_ingest")
    said = remove("north", tmp_path / "first", "--yes")
    assert said.returncode == 1
    assert "The clock does not run: start it." in said.stderr
    assert {name: total for name, (total, _) in rows_of(database, north.org).items() if name not in KEPT} == {
        name: total for name, (total, _) in untouched.items() if name not in KEPT
    }
    monkeypatch.setattr(org_commands, "CLOCK_SECONDS", 60.0)
    with clock(program_env):
        [[name]] = database.sql("select name from users where id = %s", north.bob)
        database.sql("update users set name = '\\x00' where id = %s", north.bob)
        said = remove("north", tmp_path / "second", "--yes")
        assert said.returncode == 1
        assert str(north.bob) in said.stderr
        assert "Traceback" not in said.stderr
        database.sql("update users set name = %s where id = %s", name, north.bob)
        said = remove("north", tmp_path / "second", "--yes")
        assert "is not empty" in said.stderr

        with psycopg2.connect(database.admin_url) as holder, holder.cursor() as cursor:
            cursor.execute("select 1 from users where org_id = %s for update", (north.org,))
            said = remove("north", tmp_path / "third", "--yes")
            holder.rollback()
        assert (said.returncode, said.stderr) == (1, "ingest: The database is busy with other work.\n")
        assert database.sql("select count(*) from essays where org_id = %s", north.org) == [(0,)]
        assert database.sql("select count(*) > 0 from users where org_id = %s", north.org) == [(True,)]
        assert (tmp_path / "third" / "manifest.json").exists()

        said = remove("north", tmp_path / "third", "--yes")
        assert said.returncode == 0, said
        assert "The removal goes on." in said.stdout
    assert {name for name, (total, _) in rows_of(database, north.org).items() if total} == KEPT
    assert database.sql("select count(*) > 0 from users where org_id = %s", south.org) == [(True,)]


@pytest.mark.slow(reason="removes a whole school, with the clock")
def test_closed_school_is_refused_at_every_door_and_the_other_goes_on(
    api: ApiUnderTest, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, school, other = api.client, api.school, api.other
    api.hand_in()
    alice, ada = api.signed_in("alice"), api.signed_in("ada")
    refresh = {"Authorization": f"Bearer {api.sign_in('bob')['refresh_token']}"}
    monkeypatch.setattr(org_commands, "CLOCK_SECONDS", 0.2)
    for name, value in api.environment.items():
        monkeypatch.setenv(name, value)
    assert remove(school.slug, tmp_path / "export", "--yes").returncode == 1  # no clock runs

    credentials = {"org": school.slug, "email": school.email("alice"), "password": "correct horse battery"}
    refused(client.post("/v1/auth/login", json=credentials), 401, "unauthorized")
    refused(client.post("/v1/auth/refresh", headers=refresh), 401, "invalid-token")
    refused(client.get("/v1/me", headers=alice), 401, "invalid-token")
    refused(client.patch("/v1/org", json={"ai_policy": "none"}, headers=ada), 401, "invalid-token")
    refused(client.get("/v1/essays", headers=api.with_key()), 401, "unauthorized")
    refused(api.lms.deliver({"title": "t", "text": "x", "student": {"external_id": "s"}}), 404, "not-found")
    forgot = client.post("/v1/auth/forgot", json={"org": school.slug, "email": school.email("alice")})
    assert forgot.status_code == 202
    assert api.database.sql("select 1 from one_time_tokens") == []
    assert client.get("/v1/me", headers=api.signed_in("alice", other)).status_code == 200
    assert client.get("/v1/essays", headers=api.with_key(other)).status_code == 200
    assert api.database.sql("select distinct state, error from passes") == [("cancelled", "org_closed")]
    assert api.database.sql("select distinct status from submissions") == [("cancelled",)]


@pytest.mark.slow(reason="removes a whole school, with the clock")
def test_removal_waits_for_a_transaction_that_began_before_it(
    database: Database,
    pair: TwoSchools,
    program_env: ProgramEnv,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(org_commands, "CLOCK_SECONDS", 0.2)
    program_env("ec_ingest")
    with psycopg2.connect(database.role_url("ec_ingest")) as request, request.cursor() as cursor:
        cursor.execute("select 1")
        said = remove("north", tmp_path / "export", "--yes")
    assert said.returncode == 1
    assert "Requests that began before the closing have not ended" in said.stderr
    assert [path.name for path in (tmp_path / "export").iterdir()] == []
    assert database.sql("select count(*) > 0 from users where org_id = %s", pair.here.org) == [(True,)]


def test_hand_in_that_was_recognised_before_the_closing_is_refused(api: ApiUnderTest) -> None:
    api.database.sql("update orgs set closed_at = now() where id = %s", api.school.org)
    with pytest.raises(Unauthorised):
        hand_in(api.school)
    assert api.database.sql("select 1 from essays where org_id = %s", api.school.org) == []


def test_rows_are_deleted_only_after_the_export(database: Database, pair: TwoSchools) -> None:
    before = rows_of(database, pair.here.org)
    for step in (lambda: org_removal.delete_rows(limit=10), lambda: org_removal.settle(pair.here.org, limit=10)):
        with (
            pytest.raises(peewee.DatabaseError, match="was not exported|is not closed"),
            db.session(org=pair.here.org, role="ec_admin"),
        ):
            step()
    assert rows_of(database, pair.here.org) == before


def test_stats_role_may_delete_from_every_table_of_an_org(database: Database) -> None:
    """A table that it may not empty would be emptied in one long statement, or not at all."""
    missing = [
        name
        for name in sorted(org_tables(database) - KEPT)
        if database.sql("select has_table_privilege('ec_stats', %s, 'delete')", name) != [(True,)]
    ]
    assert missing == [], "grant delete on these tables to ec_stats in the migration that makes them"
    placed = [str(name) for (name,) in database.sql("select name from org_tables()")]
    assert set(placed) == org_tables(database) - KEPT
    for child, parent in (
        ("feedback", "submissions"),
        ("submissions", "essays"),
        ("essays", "users"),
        ("assignments", "courses"),
    ):
        assert placed.index(child) < placed.index(parent)


def test_list_orgs_shows_policy_and_size(database: Database, pair: TwoSchools, program_env: ProgramEnv) -> None:
    database.sql("update orgs set ai_policy = 'none', name = 'Südstadt' where id = %s", pair.there.org)
    program_env("ec_ingest")
    said = run_command(main, "list-orgs")
    assert (said.returncode, said.stderr) == (0, "")
    head, north, south = said.stdout.splitlines()
    assert head.split() == ["slug", "name", "policy", "people", "essays", "created"]
    assert north.split()[:5] == ["north", "North", "anthropic", "6", "6"]
    assert south.split()[:5] == ["south", "Südstadt", "none", "6", "5"]
    found = json.loads(run_command(main, "list-orgs", "--json").stdout)
    assert [(one["slug"], one["ai_policy"], one["people"], one["essays"]) for one in found] == [
        ("north", "anthropic", 6, 6), ("south", "none", 6, 5),
    ]  # fmt: skip
    assert all(one["created_at"].startswith("20") and one["closed_at"] is None for one in found)


def test_school_with_dual_approval_is_not_removed_by_an_operator_alone(
    database: Database, pair: TwoSchools, program_env: ProgramEnv, tmp_path: Path
) -> None:
    database.sql("update orgs set dual_approval = true where id = %s returning 1", pair.here.org)
    program_env("ec_ingest")
    refused = remove("north", tmp_path / "out", "--yes")
    assert refused.returncode == 1
    assert "another admin must approve it first" in refused.stderr
    assert database.sql("select closed_at from orgs where id = %s", pair.here.org) == [(None,)]
    words = remove("north", tmp_path / "out", "--yes", "--without-approval", "because Alice asked")
    assert words.returncode == 2
    assert "write the number of a case" in words.stderr
    assert database.sql("select closed_at from orgs where id = %s", pair.here.org) == [(None,)]


def test_school_on_hold_is_not_removed(
    database: Database, pair: TwoSchools, program_env: ProgramEnv, tmp_path: Path
) -> None:
    database.sql("update users set legal_hold = '2026-1' where id = %s returning 1", pair.here.alice)
    program_env("ec_ingest")
    refused = remove("north", tmp_path / "out", "--yes")
    assert refused.returncode == 1
    assert "A legal hold keeps these data" in refused.stderr
    assert database.sql("select closed_at from orgs where id = %s", pair.here.org) == [(None,)]
