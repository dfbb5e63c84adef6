"""Names that this project gave up for the field's own words must not come back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.servers import ROOT

FOLDERS = (
    "ingest",
    "workers",
    "documents",
    "models",
    "migrations",
    "monitoring",
    "outgoing",
    "standalone",
    "tests",
    "benchmarks",
    "docs",
)
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

# Old name -> the word to use. Columns and stored values keep their names, and so do the classes that map them.
MODULES = {
    "models/pauses": "circuit_breaker", "models/silence": "statement_watchdog", "models/given_up": "failed_passes",
    "models/trials": "rubric_previews", "workers/passes/orders": "injection/patterns", "workers/passes/echoes": "injection/leak_filter",
    "workers/passes/marks": "text/invisible_characters", "workers/passes/decoded": "injection/decoding",
    "workers/passes/sent": "passes/excerpt", "ingest/seen": "feedback/view", "ingest/staff_reads": "web/access_log",
    "ingest/waiting": "web/long_poll", "workers/providers/warm": "prompt_cache", "workers/providers/mixed": "ensemble",
    "workers/providers/base": "contract", "monitoring/ask": "query", "workers/work": "job/context", "workers/trouble": "job/retry_policy",
    "workers/requests": "job/context",
}  # fmt: skip
NAMES = {
    "Gate": "BreakerState or PromptCacheGate", "Silence": "StatementWatchdog", "Work": "PassContext", "Memory": "PreviousReading",
    "Ratchet": "MonotonicCounter", "Lane": "ProbeGroup", "Sight": "a name for what it delays", "Letter": "Email", "Post": "MailQueue",
    "Told": "ParsedStream", "told": "parse_stream, reported", "Heard": "RawBody", "Said": "CommandResult", "Place": "AssociatedData, Offsets",
    "Town": "the system under test", "town": "the system under test", "Scene": "a fixture's name", "scene": "a fixture's name",
    "door": "route, command", "doors": "routes, commands", "hopeless": "stalled", "given_up": "failed_passes", "trial": "preview",
    "trials": "previews", "bless": "approve_model", "blessing": "model approval", "blessings": "model approvals", "Fate": "Resolution",
    "fates": "resolutions", "suspect": "poison_suspect", "_see_through": "_execute", "_careful": "_wrap_provider",
    "_remembering": "with_previous_reading", "Masked": "MaskingProvider", "Mixed": "EnsembleProvider",
}  # fmt: skip
OLD_NAME = re.compile(rf"\b(?:{'|'.join(NAMES)})\b")


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every class, function, parameter and variable that a file names, with its line. Files without an old name yield none."""
    source = path.read_text(encoding="utf-8")
    if not OLD_NAME.search(source):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def test_no_module_has_its_old_name() -> None:
    assert [module for module in MODULES if (ROOT / f"{module}.py").exists()] == []


def test_no_class_function_or_variable_has_its_old_name() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}: use {NAMES[name]}"
        for path in SOURCES
        for line, name in names_in(path)
        if name in NAMES
    ]
    assert found == []


def test_the_check_sees_each_kind_of_name(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("class Town: pass\ndef door(scene):\n    told = 1\n")
    assert [name for _, name in names_in(source)] == ["Town", "door", "scene", "told"]
