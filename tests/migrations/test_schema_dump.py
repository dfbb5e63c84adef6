"""`migrations/schema.sql` shows the whole schema; it is generated, and compared here with the migrations."""

from __future__ import annotations

import difflib

from migrations.__main__ import main
from migrations.dump import SCHEMA_FILE, dump
from tests.support.commands import run_command
from tests.support.servers import Database


def test_checked_in_schema_is_that_of_the_migrations(database: Database) -> None:
    generated = dump(database.admin_url)

    changes = list(
        difflib.unified_diff(SCHEMA_FILE.read_text(encoding="utf-8").splitlines(), generated.splitlines(), n=0)
    )
    assert changes == [], "run `python -m migrations dump` against a freshly migrated database and commit schema.sql"


def test_dump_leaves_out_what_depends_on_the_day_or_the_machine(database: Database) -> None:
    generated = dump(database.admin_url)

    assert "CREATE TABLE public.essays (" in generated
    assert "PARTITION BY RANGE (id)" in generated
    for noise in ("_2026_", "_2027_", "restrict", "Dumped by", "yoyo", "OWNER TO"):
        assert noise not in generated


def test_dump_of_an_unreachable_database_is_refused_in_a_sentence(monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres:hunter2@127.0.0.1:1/nothing")

    result = run_command(main, "dump")

    assert result.returncode == 1
    assert result.stderr.startswith("migrations: pg_dump could not read the schema:")
    assert "hunter2" not in result.stderr
