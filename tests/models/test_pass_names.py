"""Every place that lists the passes lists all of `PassName`: constraints, SQL, reference data, source code and the registry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal, get_args, get_origin

from ingest.feedback import schemas
from migrations.dump import SCHEMA_FILE
from models.jobs import PassName
from tests.support.servers import ROOT, Database
from workers.passes.registry import SPECS

NAMES = {str(name) for name in PassName}
FOLDERS = ("ingest", "models", "workers", "monitoring", "outgoing", "standalone", "migrations", "benchmarks")
QUOTED = re.compile(r"'(\w+)'")
RECIPE = "docs/adding-a-pass.md"


def is_list_of_passes(names: set[str]) -> bool:
    """Return whether these names list passes: at least two of them do."""
    return len(names & NAMES) >= 2


def lists_in(source: str) -> Iterator[tuple[int, set[str]]]:
    """Yield the line and the names of every collection, `Literal` or SQL string that lists passes."""
    if not is_list_of_passes({name for name in NAMES if name in source.lower()}):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            names = {name_of(key) for key in node.keys}
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            names = {name_of(element) for element in node.elts}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = set(QUOTED.findall(node.value))
        else:
            continue
        if is_list_of_passes(names):
            yield getattr(node, "lineno", 0), names


def require_complete(lists: dict[str, set[str]]) -> None:
    """Fail with every place whose list is not that of `PassName`."""
    wrong = [f"{place} lists {sorted(names)}, not {sorted(NAMES)}" for place, names in lists.items() if names != NAMES]
    assert not wrong, "\n".join(wrong)


def name_of(node: ast.expr | None) -> str:
    """Return the pass that an expression may name: a string, a member of `PassName`, or the constant of a spec."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr.lower()
    return node.id.lower() if isinstance(node, ast.Name) else ""


@cache
def source_lists() -> dict[str, set[str]]:
    """Return the names of every list of passes in the source, by file and line."""
    return {
        f"{path.relative_to(ROOT)}:{line}": names
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, names in lists_in(path.read_text(encoding="utf-8"))
    }


def test_every_list_of_passes_in_the_source_is_complete() -> None:
    found = source_lists()

    require_complete(found)
    assert len(found) >= 3


def test_every_file_that_lists_passes_is_named_in_the_recipe() -> None:
    recipe = (ROOT / RECIPE).read_text(encoding="utf-8")
    files = {place.partition(":")[0] for place in source_lists()}

    assert {file for file in files if f"`{file}`" not in recipe} == set()


def test_the_search_finds_each_form_of_a_list() -> None:
    forms = (
        'x: Literal["grammar", "structure"]', '("grammar", "content")', '{"grammar": 1, "structure": 2}', "[PassName.GRAMMAR, PassName.CONTENT]",
        "(GRAMMAR, STRUCTURE)", "\"pass in ('grammar', 'structure')\"",
    )  # fmt: skip
    assert [form for form in forms if not list(lists_in(form))] == []
    assert list(lists_in('{"content": 1, "format": 2}')) == []


def test_every_check_constraint_that_lists_passes_is_complete(database: Database) -> None:
    found = {
        f"{table}.{name}": set(QUOTED.findall(str(rule)))
        for table, name, rule in database.sql(
            "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
            " where contype = 'c' and coninhcount = 0"
        )
    }
    lists = {place: names for place, names in found.items() if is_list_of_passes(names)}

    require_complete(lists)
    assert {place.partition(".")[2] for place in lists} == {
        "passes_name_known", "ai_responses_pass_known", "blessings_pass_known", "criterion_results_pass_known", "ledger_pass_known",
        "ledger_entries_pass_known",
    }  # fmt: skip


def test_every_table_function_view_and_policy_that_lists_passes_is_complete() -> None:
    lists = {
        f"migrations/schema.sql, {text.partition(chr(10))[0]}, {number}": set(QUOTED.findall(listed))
        for text in SCHEMA_FILE.read_text(encoding="utf-8").split("\n\n-- ")
        for number, listed in enumerate(re.findall(r"(?:\bin \(|\barray\[)[^)\]]*", text, re.IGNORECASE), start=1)
    }
    lists = {place: names for place, names in lists.items() if is_list_of_passes(names)}

    require_complete(lists)
    assert len(lists) >= 5


def test_every_pass_has_feedback_types_and_no_other_name_has(database: Database) -> None:
    rows = {(str(name), str(slug)) for name, slug in database.sql("select pass, slug from feedback_types")}

    require_complete({"feedback_types": {name for name, _ in rows}})
    in_specs = {(str(spec.name), slug) for spec in SPECS.values() for slug in spec.types}
    assert in_specs - rows == set(), "a comment of this type cannot be stored: insert it into feedback_types"


def test_registry_has_a_spec_for_every_pass() -> None:
    require_complete({"workers/passes/registry.py SPECS": {str(name) for name in SPECS}})
    assert [name for name, spec in SPECS.items() if spec.name is not name] == []


def test_every_spec_has_a_prompt_with_the_name_of_its_pass() -> None:
    prompts = {name: Path(spec.prompt_file).name for name, spec in SPECS.items()}

    assert prompts == {name: f"{name}.md" for name in PassName}
    assert [name for name, spec in SPECS.items() if not spec.prompt().startswith(f"## {name}\n")] == []


def test_api_accepts_every_pass() -> None:
    literal = next(part for part in get_args(schemas.Pass) if get_origin(part) is Literal)

    require_complete({"ingest/feedback/schemas.py Pass": set(get_args(literal))})
