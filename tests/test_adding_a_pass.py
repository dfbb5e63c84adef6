"""`docs/adding-a-pass.md` is followed, as far as the code of `models` and `workers/passes` goes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT

RECIPE = (ROOT / "docs" / "adding-a-pass.md").read_text(encoding="utf-8")
SPEC = '''"""Spec of the style pass: how the essay sounds."""

from models.jobs import PassName
from workers.passes.spec import PassSpec

STYLE = PassSpec(name=PassName.STYLE, prompt_file="style.md", types=("tone",), max_comments=5)
'''
USE = """
from models.jobs import PassName
from workers.passes.prompt import build, prompt_version, rules
from workers.passes.request import PassRequest
from workers.passes.schema import answer_model

prompt = build(PassRequest(pass_name=PassName.STYLE, text="An essay."))
assert "How it sounds." in rules() and "style" in prompt.tail
assert prompt_version(PassName.STYLE) != prompt_version(PassName.GRAMMAR)
answer_model(PassName.STYLE, criteria=())
print("built")
"""


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("models/jobs.py", "class PassName"),
        ("workers/passes/registry.py", "SPECS"),
        ("workers/providers/local/provider.py", "_FILES_BY_PASS"),
        ("ingest/feedback/schemas.py", "Pass = "),
        ("migrations/schema.sql", "passes_name_known"),
    ],
)
def test_recipe_names_files_and_symbols_that_exist(file: str, name: str) -> None:
    assert file in RECIPE or file == "migrations/schema.sql"
    assert name in (ROOT / file).read_text(encoding="utf-8")
    assert re.sub(r"^class |[ =]+$", "", name) in RECIPE


def test_fourth_pass_added_by_the_recipe_builds_its_prompt_and_schema(tmp_path: Path) -> None:
    for folder in ("models", "workers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "local"))
    edit(tmp_path / "models/jobs.py", '    CONTENT = "content"\n', '    CONTENT = "content"\n    STYLE = "style"\n')
    (tmp_path / "workers/passes/style.py").write_text(SPEC)
    (tmp_path / "workers/passes/style.md").write_text("## style\nHow it sounds.\n")
    registry = tmp_path / "workers/passes/registry.py"
    edit(registry, "import STRUCTURE\n", "import STRUCTURE\nfrom workers.passes.style import STYLE\n")
    edit(registry, "(GRAMMAR, STRUCTURE, CONTENT)", "(GRAMMAR, STRUCTURE, CONTENT, STYLE)")

    done = subprocess.run([sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.stdout == "built\n", done.stderr


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has changed: bring this test and docs/adding-a-pass.md up to date"
    path.write_text(text.replace(old, new), encoding="utf-8")
