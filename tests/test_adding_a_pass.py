"""Test docs/adding-a-pass.md: every file and name in it exists, and its first three steps give a pass that builds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT

RECIPE = (ROOT / "docs" / "adding-a-pass.md").read_text(encoding="utf-8")
SPANS = re.findall(r"`([^`]+)`", RECIPE)
IS_FILE = re.compile(r"[\w./-]+(\.(py|md|sql)|/)")
FILES = sorted({span for span in SPANS if IS_FILE.fullmatch(span) and "style" not in span})

# Each name of the page, with the file that defines it and the text of its definition there.
DEFINITIONS = {
    "PassName": ("models/jobs.py", "class PassName("),
    "PassSpec": ("workers/passes/spec.py", "class PassSpec:"),
    "SPECS": ("workers/passes/registry.py", "SPECS: dict[PassName, PassSpec] = "),
    "answer": ("workers/providers/local/structure.py", "def answer("),
    "LocalProvider.ask": ("workers/providers/local/provider.py", "    def ask("),
    "_FILES_BY_PASS": ("workers/providers/local/provider.py", "_FILES_BY_PASS = {"),
    "Pass": ("ingest/feedback/schemas.py", "Pass = Annotated[Literal["),
    "SENSE_FIRST": ("models/feedback.py", "SENSE_FIRST = ["),
    "passes_name_known": ("migrations/schema.sql", "CONSTRAINT passes_name_known CHECK"),
    "ai_responses_pass_known": ("migrations/schema.sql", "CONSTRAINT ai_responses_pass_known CHECK"),
    "blessings_pass_known": ("migrations/schema.sql", "CONSTRAINT blessings_pass_known CHECK"),
    "criterion_results_pass_known": ("migrations/schema.sql", "CONSTRAINT criterion_results_pass_known CHECK"),
    "ledger_entries_pass_known": ("migrations/schema.sql", "CONSTRAINT ledger_entries_pass_known CHECK"),
    "ledger_pass_known": ("migrations/schema.sql", "CONSTRAINT ledger_pass_known CHECK"),
    "feedback_types": ("migrations/schema.sql", "CREATE TABLE public.feedback_types ("),
    "queue_place": ("migrations/schema.sql", "CREATE FUNCTION public.queue_place("),
    "count_queue": ("migrations/schema.sql", "CREATE FUNCTION public.count_queue("),
    "rerun_passes": ("migrations/schema.sql", "CREATE FUNCTION public.rerun_passes("),
    "store_version": ("migrations/schema.sql", "CREATE FUNCTION public.store_version("),
    "COLOURS": ("standalone/demo/run.py", "COLOURS = {"),
    "_CRITERIA_BY_PASS": ("benchmarks/tokens.py", "_CRITERIA_BY_PASS = {"),
    "INSERT": ("benchmarks/bare.py", 'INSERT = """'),
    "PASSES": ("ingest/pages/phrases.py", "PASSES = {"),
}

# What the page says about a place in the code: the file, and the text that it speaks of.
STATEMENTS = [
    ("workers/passes/structure.md", "## structure\n"),
    ("workers/passes/shared.md", "three readers"),
    ("workers/passes/shared.md", "three readings"),
    ("workers/providers/local/provider.py", "if capped.pass_name is PassName.STRUCTURE else content)"),
    ("ingest/submissions/essay_schemas.py", "grammar, structure, content"),
    ("ingest/submissions/routes.py", "grammar, structure, content"),
    ("migrations/schema.sql", "sum(least((s.waiting + 2) / 3"),
    ("models/essays.py", '"pass_names": [str(name) for name in PassName]'),
    ("migrations/__main__.py", '"seal"'),
    ("migrations/__main__.py", '"dump"'),
]

SPEC = '''"""Spec of the style pass: how the essay sounds."""

from models.jobs import PassName
from workers.passes.spec import PassSpec

STYLE = PassSpec(name=PassName.STYLE, prompt_file="style.md", types=("tone",), max_comments=5)
'''
BUILD = """
from models.jobs import PassName
from workers.passes.prompt import build, prompt_version, rules
from workers.passes.request import PassRequest
from workers.passes.schema import answer_model

prompt = build(PassRequest(pass_name=PassName.STYLE, text="An essay."))
assert "How it sounds.\\nTypes: `tone`. At most 5 comments." in rules(), rules()
assert prompt.tail == "Your reading: style.\\n", prompt.tail
assert prompt_version(PassName.STYLE) != prompt_version(PassName.GRAMMAR)
assert "tone" in str(answer_model(PassName.STYLE, criteria=()).model_json_schema())
print("built")
"""


@pytest.mark.parametrize("file", FILES)
def test_file_of_the_recipe_exists(file: str) -> None:
    assert (ROOT / file).exists()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_name_of_the_recipe_is_defined_where_it_says(name: str) -> None:
    file, definition = DEFINITIONS[name]

    assert name in SPANS, f"the page does not name {name}: remove it from DEFINITIONS"
    assert definition in (ROOT / file).read_text(encoding="utf-8")


def test_every_name_of_the_recipe_is_checked() -> None:
    # Names of the new pass do not exist yet, and tests/test_documents.py checks commands.
    names = {span for span in SPANS if re.fullmatch(r"[\w.]+", span) and not IS_FILE.fullmatch(span)}

    assert names - {"style", "STYLE"} == set(DEFINITIONS)
    assert len(FILES) > 12


@pytest.mark.parametrize(("file", "text"), STATEMENTS)
def test_statement_of_the_recipe_about_a_file_is_true(file: str, text: str) -> None:
    assert text in (ROOT / file).read_text(encoding="utf-8"), (
        f"{file} has changed: bring docs/adding-a-pass.md up to date"
    )


def test_fourth_pass_added_by_the_recipe_builds_its_prompt_and_schema(tmp_path: Path) -> None:
    for folder in ("models", "workers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "local"))
    replace(tmp_path / "models/jobs.py", '    CONTENT = "content"\n', '    CONTENT = "content"\n    STYLE = "style"\n')
    (tmp_path / "workers/passes/style.py").write_text(SPEC)
    (tmp_path / "workers/passes/style.md").write_text("## style\nHow it sounds.\n")
    registry = tmp_path / "workers/passes/registry.py"
    replace(registry, "import STRUCTURE\n", "import STRUCTURE\nfrom workers.passes.style import STYLE\n")
    replace(registry, "(GRAMMAR, STRUCTURE, CONTENT)", "(GRAMMAR, STRUCTURE, CONTENT, STYLE)")

    done = subprocess.run([sys.executable, "-c", BUILD], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.stdout == "built\n", done.stderr


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has changed: bring this test and docs/adding-a-pass.md up to date"
    path.write_text(text.replace(old, new), encoding="utf-8")
