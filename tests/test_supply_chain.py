"""Test that a file with another hash than in constraints.txt, or a component without a line there, is not installed."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from install import requirements
from tests.support.servers import ROOT

COMPONENT = re.compile(r"([a-z0-9-]+)==([\w.+!]+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


def components() -> dict[str, str]:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return {name: version for name, version, _ in COMPONENT.findall(text)}


def test_every_line_of_the_constraints_has_hashes() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    comments, rest = "".join(re.findall(r"^#.*\n", text, re.MULTILINE)), COMPONENT.sub("", text)

    assert rest == comments
    assert len(components()) > 100


def test_every_component_that_any_machine_installs_is_listed() -> None:
    """Follow what the installed components need, on each Python and processor that we support."""
    machines = [
        {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.9", "platform_machine": processor}
        for minor in (11, 12, 13)
        for processor in ("x86_64", "aarch64")
    ]
    waiting = [Requirement(line) for line in requirements(["local", "standalone", "test", "docs", "release"])]
    seen: set[str] = set()
    while waiting:
        needed = waiting.pop()
        if str(needed) in seen:
            continue
        seen.add(str(needed))
        assert canonicalize_name(needed.name) in components(), f"{needed}: run `make lock`"
        try:
            below = importlib.metadata.requires(needed.name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # installed by `make docs` or for a release only
        for one in map(Requirement, below):
            extras = needed.extras or {""}
            if one.marker is None or any(one.marker.evaluate({**m, "extra": e}) for m in machines for e in extras):
                waiting.append(one)
    assert len(seen) > 100


def wheel(folder: Path, name: str, needs: str = "") -> str:
    """Write a wheel of one module and return its SHA-256."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "HERE = True\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        + (needs and f"Requires-Dist: {needs}\n"),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text)}\n")
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    target = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return hashlib.sha256(target.read_bytes()).hexdigest()


class Project:
    """A project with our install.py that needs `pear`, which needs `plum`; both are files in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = root / "files"
        self.files.mkdir()
        for name in ("install.py", "pyproject.toml"):
            shutil.copy(ROOT / name, root)
        (root / "setup.cfg").write_text(
            "[metadata]\nname = orchard\nversion = 1\n[options]\npy_modules =\ninstall_requires =\n    pear >=1\n"
            "[options.extras_require]\nnone =\n"
        )
        self.hashes = {"plum": wheel(self.files, "plum"), "pear": wheel(self.files, "pear", "plum")}
        self.lines = {name: f"{name}==1.0 \\\n    --hash=sha256:{digest}" for name, digest in self.hashes.items()}
        for name in ("pip", "setuptools"):
            self.lines[name] = f"{name}=={importlib.metadata.version(name)} \\\n    --hash=sha256:{'0' * 64}"
        # An own environment in which pip and setuptools are those of this one, so that no index is asked.
        venv.create(root / "venv", with_pip=False)
        self.python = root / "venv" / "bin" / "python"
        (site,) = (root / "venv" / "lib").glob("python3*/site-packages")
        (site / "installers.pth").write_text(str(Path(importlib.metadata.distribution("pip").locate_file(""))))

    def install(self) -> subprocess.CompletedProcess[str]:
        (self.root / "constraints.txt").write_text("\n".join(self.lines.values()) + "\n")
        settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.files), "PIP_CONFIG_FILE": os.devnull}
        return subprocess.run(
            [sys.executable, "install.py", "--into", str(self.python), "none"],
            cwd=self.root, env={**os.environ, **settings, "PYTHONPATH": ""}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def has(self, name: str) -> bool:
        found = subprocess.run([self.python, "-c", f"import {name}"], capture_output=True, check=False, timeout=60)
        return found.returncode == 0


@pytest.mark.slow(reason="each case runs pip three times")
def test_component_with_the_right_hash_is_installed(tmp_path: Path) -> None:
    project = Project(tmp_path)
    done = project.install()
    assert done.returncode == 0, done.stderr
    assert project.has("pear")
    assert project.has("plum")


@pytest.mark.slow(reason="each case runs pip three times")
@pytest.mark.parametrize("fault", ["other hash", "other file", "no line", "no hash"])
@pytest.mark.parametrize("name", ["pear", "plum"])
def test_tampered_or_unlisted_component_is_not_installed(tmp_path: Path, name: str, fault: str) -> None:
    project = Project(tmp_path)
    if fault == "other hash":
        digest = project.hashes[name]
        project.lines[name] = project.lines[name].replace(digest, f"{int(digest, 16) ^ 1:064x}")
    elif fault == "other file":
        with zipfile.ZipFile(project.files / f"{name}-1.0-py3-none-any.whl", "a") as archive:
            archive.writestr("evil.py", "import os\n")
    elif fault == "no line":
        del project.lines[name]
    else:
        project.lines[name] = f"{name}==1.0"

    refused = project.install()

    assert refused.returncode != 0
    wanted = "DO NOT MATCH THE HASHES" if fault.startswith("other") else "In --require-hashes mode"
    assert wanted in refused.stderr, refused.stderr
    assert not project.has("pear")
    assert not project.has("plum")
