"""`migrations/schema.sql` shows the whole schema. It is generated; these tests compare it with the migrations."""

from __future__ import annotations

import difflib
import re
import shutil
from pathlib import Path

import pytest

from migrations import __main__ as command_line
from migrations import dump as dump_module
from migrations.dump import SCHEMA_FILE, dump
from tests.support.commands import run_command
from tests.support.servers import Database, Servers, execute

COMMAND = "run `python -m migrations dump` against a freshly migrated database and commit migrations/schema.sql"


def test_checked_in_schema_is_that_of_the_migrations_byte_for_byte(database: Database) -> None:
    generated = dump(database.admin_url)

    checked_in = SCHEMA_FILE.read_bytes().decode()
    changes = difflib.unified_diff(
        checked_in.splitlines(True), generated.splitlines(True), "checked in", "generated", n=0
    )
    assert checked_in == generated, f"{COMMAND}\n{''.join(list(changes)[:40])}"


def test_dump_leaves_out_what_depends_on_the_day_or_the_machine(database: Database) -> None:
    generated = dump(database.admin_url)

    monthly = database.sql("select count(*) from pg_class where relispartition and relname ~ '_[0-9]{4}_[0-9]{2}$'")
    assert monthly != [(0,)]
    assert re.findall(r"\w+_\d{4}_\d{2}\b", generated) == []
    assert "PARTITION BY RANGE (id)" in generated
    assert "ATTACH PARTITION public.feedback_default DEFAULT" in generated
    for noise in ("restrict ", "Dumped by", "PostgreSQL database dump", "yoyo", "OWNER TO"):
        assert noise not in generated


def test_schema_file_builds_a_database_with_the_same_schema(servers: Servers, database: Database) -> None:
    execute(servers.admin_url, "create database from_schema_file")
    try:
        url = servers.url("from_schema_file")
        execute(url, "drop schema public")
        execute(url, SCHEMA_FILE.read_text(encoding="utf-8"))
        assert dump(url) == dump(database.admin_url)
    finally:
        execute(servers.admin_url, "drop database from_schema_file with (force)")


def test_command_writes_the_schema_of_database_url_to_the_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tmp_path / "schema.sql"
    monkeypatch.setenv("DATABASE_URL", database.admin_url)
    monkeypatch.setattr(command_line, "SCHEMA_FILE", written)

    result = run_command(command_line.main, "dump")

    assert (result.returncode, result.stdout, result.stderr) == (0, "wrote schema.sql\n", "")
    assert written.read_bytes() == SCHEMA_FILE.read_bytes()


def test_parameters_of_the_url_reach_pg_dump(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    """The embedded server has no TLS, so `sslmode=require` must fail. Without the parameter the dump would succeed."""
    monkeypatch.setenv("DATABASE_URL", f"{database.admin_url}?sslmode=require")

    result = run_command(command_line.main, "dump")

    assert result.returncode == 1
    assert "SSL" in result.stderr


def test_dump_of_an_unreachable_database_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres:hunter2@127.0.0.1:1/nothing")

    result = run_command(command_line.main, "dump")

    assert result.returncode == 1
    assert result.stderr.startswith("migrations: pg_dump could not read the schema:")
    assert "hunter2" not in result.stderr


def test_dump_with_an_invalid_url_is_refused_without_quoting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres:hunter2@127.0.0.1")

    result = run_command(command_line.main, "dump")

    assert result.returncode == 1
    assert result.stderr.startswith("migrations: DATABASE_URL must be postgresql://")
    assert "hunter2" not in result.stderr


def test_missing_pg_dump_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:1/nothing")
    monkeypatch.setattr(dump_module.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(shutil, "which", lambda _name: None)

    result = run_command(command_line.main, "dump")

    assert result.returncode == 1
    assert result.stderr.startswith("migrations: pg_dump is not installed. Install PostgreSQL's client programs")
