"""The accounts of the operating system that the servers run under when standalone is started by root."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
import time
from pathlib import Path


def server_account(name: str) -> pwd.struct_passwd | None:
    """Return the account that a server runs under: None for our own, or, when we are root, one that is created if needed."""
    if os.geteuid() != 0:
        return None
    try:
        return _ensure_account(name)
    except subprocess.CalledProcessError:
        # Another machine that starts at the same time holds the password file or has just created the account.
        time.sleep(1.0)
        return _ensure_account(name)


def open_parent_directories(path: Path, *, account: str) -> None:
    """Let other accounts enter every directory above `path`, and print which ones were opened."""
    closed = [parent for parent in path.parents if not parent.stat().st_mode & stat.S_IXOTH]
    for parent in closed:
        parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    if closed:
        opened = ", ".join(str(parent) for parent in closed)
        print(f"standalone: opened {opened} to other users: a server runs as {account}", file=sys.stderr)


def open_data_directory(data_dir: Path, *, account: str) -> None:
    """Let other accounts enter the data directory. Each file in it has its own mode."""
    data_dir.chmod(data_dir.stat().st_mode | stat.S_IXOTH)
    open_parent_directories(data_dir, account=account)


def _ensure_account(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--user-group", "--shell", "/usr/sbin/nologin", name]
        subprocess.run(command, check=True, capture_output=True)
        return pwd.getpwnam(name)
