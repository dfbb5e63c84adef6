"""The directory in which the processes of one gunicorn count their requests, when the operator names none.

It knows nothing of prometheus_client, which looks for the directory when it is imported.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "essaycoach-web-metrics-"


def make_directory(parent: str | None) -> str:
    """Return a new directory that only this account can enter, and remove those whose gunicorn has ended.

    The lock on a file in it lasts as long as any process that was started from this one, also by a change of the program
    (SIGUSR2). The parent is by default the directory for temporary files.
    """
    base = Path(parent or tempfile.gettempdir())
    for old in base.glob(f"{PREFIX}*"):
        with suppress(OSError):
            _remove_if_abandoned(old)
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=base)
    lock = os.open(Path(folder) / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)
    return folder


def _remove_if_abandoned(folder: Path) -> None:
    """Remove the directory. Raises OSError when it is in use, somebody else's, or just being made."""
    lock = os.open(folder / "lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)
