"""Programs that tests need and PyPI lacks: Debian's packages, unpacked beside the Python interpreter. No root is needed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

FOLDER = Path(sys.prefix) / "debian"


def unpacked(*packages: str) -> Path:
    """Return the folder that holds these packages, downloaded the first time. The first one names the folder.

    Skips the test on a system without apt-get.
    """
    if shutil.which("apt-get") is None:
        pytest.skip(f"{packages[0]} comes from Debian's packages, and this system has no apt-get")
    FOLDER.mkdir(exist_ok=True)
    folder = FOLDER / packages[0]
    # Two processes of a test run may want it at once.
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = Path(tempfile.mkdtemp(dir=FOLDER))
            _download(packages, draft)
            for package in draft.glob("*.deb"):
                subprocess.run(["dpkg", "-x", package, draft], check=True, capture_output=True)
            draft.chmod(0o755)
            draft.rename(folder)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which a program of the folder finds its libraries."""
    places = [str(path) for path in folder.rglob("*-linux-gnu") if path.is_dir()]
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(places)}


def _download(packages: tuple[str, ...], folder: Path) -> None:
    command = ["apt-get", "download", *packages]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode != 0:
        # A new machine has no package lists yet, and only root can fetch them.
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"Debian's {packages[0]} could not be downloaded: {done.stderr}"
