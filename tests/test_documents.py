"""Documents name only what is there: paths, tests, variables, metrics and commands are compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Report
from tests.support.servers import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SOURCE_FOLDERS = (
    "ingest",
    "workers",
    "documents",
    "models",
    "migrations",
    "monitoring",
    "outgoing",
    "standalone",
    "benchmarks",
    "tests",
)
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
PATH = re.compile(
    r"(?<![\w./:-])((?:ingest|workers|documents|models|migrations|monitoring|outgoing|standalone|benchmarks|tests|docs|\.ci|\.github)/[\w./*<>-]*)(?:::(\w+))?"
)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[\w-]*)?\)")
VARIABLE = re.compile(r"\b(ESSAYCOACH_[A-Z0-9_]+|ANTHROPIC_[A-Z_]+|DATABASE_URL|REDIS_URL|PROMETHEUS_MULTIPROC_DIR)\b")
METRIC = re.compile(r"\b(essaycoach_[a-z0-9_]+|pg_(?:stat|settings|database|locks|replication)_[a-z0-9_]+|pg_up)\b")
COMMAND = re.compile(r"python -m ([\w.]+)((?: +[\w./=$<>\[\]|{}\",:…-]+)*)")
MAKE = re.compile(r"\bmake ((?:[a-z-]+)(?: [a-z-]+)*)")
# What a document may name although no file has it: examples to be replaced, and files that a command makes.
EXAMPLES = re.compile(r"[<>*]|NNNN|…|NAME|name|\bstyle\.(py|md)$")


def source_text() -> str:
    files = [
        path
        for folder in SOURCE_FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".sql", ".yml", ".json", ".sh"}
    ]
    return "\n".join(
        path.read_text(encoding="utf-8")
        for path in [*files, ROOT / "docker-compose.yml", ROOT / ".env.example", ROOT / "Makefile"]
    )


SOURCE = source_text()


def spans(path: Path) -> str:
    """Return everything a document shows as code."""
    return "\n".join(CODE.findall(path.read_text(encoding="utf-8")))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_path_and_test_that_a_document_names_is_there(report: Report) -> None:
    missing, compared = [], 0
    for document in DOCUMENTS:
        for found, test in PATH.findall(spans(document)):
            wanted = found.rstrip(".")
            if EXAMPLES.search(wanted):
                continue
            compared += 1
            target = ROOT / wanted
            if not target.exists():
                missing.append(f"{name_of(document)}: {wanted}")
            elif test and f"def {test}" not in target.read_text(encoding="utf-8"):
                missing.append(f"{name_of(document)}: {wanted}::{test}")
    report(f"documents: {compared} paths and tests compared, {len(missing)} missing")
    assert missing == []
    assert compared > 100


def test_every_link_of_a_document_leads_to_a_file(report: Report) -> None:
    links = [(document, link) for document in DOCUMENTS for link in LINK.findall(document.read_text(encoding="utf-8"))]
    missing = [f"{name_of(one)}: {link}" for one, link in links if not (one.parent / link).exists()]
    report(f"documents: {len(links)} links compared, {len(missing)} missing")
    assert missing == []


@pytest.mark.parametrize(("kind", "pattern", "least"), [("variables", VARIABLE, 30), ("metrics", METRIC, 1)])
def test_every_variable_and_metric_that_a_document_names_is_in_the_code(
    kind: str, pattern: re.Pattern[str], least: int, report: Report
) -> None:
    named = {(name, name_of(document)) for document in DOCUMENTS for name in pattern.findall(spans(document))}
    known = set(re.findall(r"\w+", SOURCE))
    unknown = sorted(f"{document}: {name}" for name, document in named if not _is_known(name, known))
    report(f"documents: {len(named)} {kind} compared, {len(unknown)} unknown")
    assert unknown == []
    assert len(named) >= least


def _is_known(name: str, known: set[str]) -> bool:
    # A histogram has three series; a secret may be given as a file or a command; both are made from the base name.
    base = re.sub(r"(_bucket|_count|_sum|_FILE|_COMMAND)$", "", name)
    made = name.startswith(
        ("ESSAYCOACH_DB_PASSWORD", "pg_stat_database_", "pg_stat_user_tables_", "pg_settings_")
    ) or name.endswith("_")
    return made or name in known or base in known


def test_every_command_that_a_document_names_is_there(report: Report) -> None:
    wrong, compared = [], 0
    for document in DOCUMENTS:
        for module, rest in COMMAND.findall(spans(document)):
            package = module.split(".")[0]
            if package not in SOURCE_FOLDERS:
                continue
            compared += 1
            home = ROOT / module.replace(".", "/")
            if not (home.with_suffix(".py").exists() or (home / "__main__.py").exists()):
                wrong.append(f"{name_of(document)}: python -m {module}")
                continue
            text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / package).rglob("*.py"))
            words = rest.split()
            asked = [word.split("=")[0] for word in words if word.startswith("--")]
            asked += [word for word in words[:1] if re.fullmatch(r"[a-z-]+", word)]
            wrong += [f"{name_of(document)}: python -m {module} … {word}" for word in asked if f'"{word}"' not in text]
    report(f"documents: {compared} commands compared, {len(wrong)} wrong")
    assert wrong == []
    assert compared > 20


def test_every_make_target_that_a_document_names_is_there(report: Report) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = {
        (target, name_of(document))
        for document in DOCUMENTS
        for found in MAKE.findall(spans(document))
        for target in found.split()[:1]
    }
    unknown = sorted(f"{document}: make {target}" for target, document in named if target not in targets)
    report(f"documents: {len(named)} make targets compared, {len(unknown)} unknown")
    assert unknown == []
    assert len(named) > 10
