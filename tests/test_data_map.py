"""Test that docs/data-map.md says what the schema says, and that the schema decides what it says."""

from __future__ import annotations

import re

import pytest

from tests.models.test_catalogue import MODELS
from tests.support import data_map
from tests.support.servers import ROOT, Database

SCHEMA = (ROOT / "migrations" / "schema.sql").read_text(encoding="utf-8")


def test_data_map_is_up_to_date() -> None:
    written = data_map.PAGE.read_text(encoding="utf-8")
    assert written == data_map.current(), "run: .venv/bin/python -m tests.support.data_map --write"


def test_every_column_of_the_schema_stands_in_the_data_map_once(database: Database) -> None:
    page = data_map.PAGE.read_text(encoding="utf-8")
    tables, clear, facts = (
        page.partition("## Tables")[2].partition("## Words that are not")[0],
        *page.split("\n## ")[-2:],
    )
    listed = re.findall(r"`(\w+\.\w+)`", clear)
    for part in (tables, facts):
        for table, cells in re.findall(r"^\| (\w+) \| (.*) \|$", part, re.MULTILINE):
            kept = cells.rpartition(" | ")[0] if part is tables else cells
            listed += {f"{table}.{column}" for column in re.findall(r"`(\w+)`", kept)}
    found = database.sql(
        """
        select c.relname || '.' || a.attname from pg_class as c join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname not like '%yoyo%' and a.attnum > 0 and not a.attisdropped
        """
    )
    assert sorted(listed) == sorted(str(column) for (column,) in found)


def test_what_foreign_keys_delete_is_read_from_the_schema() -> None:
    reached = data_map.deleted_with_a_person(SCHEMA)
    assert {"users", "essays", "submissions", "feedback", "user_keys", "saved_comments"} <= reached
    assert not reached & {"orgs", "courses", "audit_log", "seen_events"}
    kept = SCHEMA.replace(
        "ADD CONSTRAINT user_keys_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE",
        "ADD CONSTRAINT user_keys_user FOREIGN KEY (org_id, user_id) REFERENCES public.orgs(org_id, id) ON DELETE CASCADE",
    )
    assert data_map.deleted_with_a_person(kept) == reached - {"user_keys"}
    with pytest.raises(AssertionError, match="user_keys"):
        data_map.render(kept)


def test_table_that_nobody_described_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "diaries", MODELS["essays"])
    with pytest.raises(AssertionError, match="diaries"):
        data_map.render(SCHEMA)
