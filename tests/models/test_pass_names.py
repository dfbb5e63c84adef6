"""Every place that lists the passes lists the same ones: constraints, reference data, literals and the registry."""

from __future__ import annotations

import re
from typing import get_args, get_origin

from ingest.feedback import schemas
from models.jobs import PassName
from tests.support.servers import ROOT, Database
from workers.passes.registry import SPECS

NAMES = {str(name) for name in PassName}
LISTED = re.compile(r"""["']grammar["'][^\[\](){}]{0,80}?["']structure["'][^\[\](){}]{0,80}""")


def test_every_check_constraint_that_lists_passes_lists_all_of_them(database: Database) -> None:
    rules = database.sql(
        "select conrelid::regclass::text || '.' || conname, pg_get_constraintdef(oid) from pg_constraint"
        " where contype = 'c' and pg_get_constraintdef(oid) like '%''grammar''%'"
    )
    wrong = [name for name, rule in rules if set(re.findall(r"'(\w+)'::text", str(rule))) != NAMES]
    assert wrong == []
    assert len(rules) >= 5


def test_every_pass_has_feedback_types_and_no_other_name_has(database: Database) -> None:
    assert {name for (name,) in database.sql("select distinct pass from feedback_types")} == NAMES


def test_registry_has_a_spec_for_every_pass() -> None:
    assert {str(name) for name in SPECS} == NAMES
    assert all(spec.name is name for name, spec in SPECS.items())


def test_api_accepts_every_pass() -> None:
    literal = next(part for part in get_args(schemas.Pass) if get_origin(part) is not None)
    assert set(get_args(literal)) == NAMES


def test_no_other_source_lists_the_passes_by_hand() -> None:
    known = {"ingest/feedback/schemas.py", "models/jobs.py"}
    found = {
        str(path.relative_to(ROOT))
        for room in ("ingest", "models", "workers", "monitoring")
        for path in (ROOT / room).rglob("*.py")
        if LISTED.search(path.read_text(encoding="utf-8"))
    }
    assert found - known == set()
