"""The door to `python -m workers backup` on one machine: it fills in the addresses and secrets of a data directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from models import secret_settings, settings
from standalone.keys import InstanceKeys, instance_keys, password_variables, url_for
from standalone.machine import ROOT, StartError
from standalone.postgres import DATABASE, SUPERUSER, EmbeddedPostgres
from standalone.supervisor import Supervisor

# Beside the data directory and not in it: `up --fresh` deletes that one.
FOLDER, APART = ".essaycoach-backups/dumps", ".essaycoach-backups/apart"
WITHOUT_SERVER = ("verify", "list", "recover")
AS_BACKUP = ("create",)


def run_backup(arguments: Sequence[str], *, data_dir: Path) -> int:
    """Run one action of `workers backup` for this data directory, and return its exit code. Raises StartError."""
    action = next((one for one in arguments if not one.startswith("-")), "")
    if not action or "--help" in arguments or "-h" in arguments:
        return subprocess.run(command(arguments), env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode
    if action == "restore" and not (data_dir / "keys" / "master_key").exists():
        raise StartError(
            f"{data_dir / 'keys'} holds no master key, and a backup holds none either. Copy the folder `keys` of the lost machine"
            f" to {data_dir / 'keys'} first."
        )
    keys = instance_keys(data_dir)
    if action in WITHOUT_SERVER:
        return subprocess.run(command(arguments), env=environment("", keys, data_dir=data_dir), check=False).returncode
    with running_server(data_dir) as url:
        own = url_for(url, "ec_backup", keys) if action in AS_BACKUP else url
        env = environment(own, keys, data_dir=data_dir)
        env["ESSAYCOACH_BACKUP_KEYS_URL"] = url_for(url, "ec_worker", keys)
        return subprocess.run(command(arguments), env=env, check=False).returncode


def command(arguments: Sequence[str]) -> list[str]:
    """Return the command line of an action of `workers backup`."""
    return [sys.executable, "-m", "workers", "backup", *arguments]


def environment(url: str, keys: InstanceKeys, *, data_dir: Path) -> dict[str, str]:
    """Return the environment for a backup command: this URL, and every secret that a backup or a restore needs."""
    secrets = {
        "ESSAYCOACH_MASTER_KEYS": f"k1:{keys.master_key}",
        "ESSAYCOACH_INDEX_KEY": keys.blind_index_key,
        "ESSAYCOACH_AUDIT_KEY": keys.audit_key,
    }
    return {
        "ESSAYCOACH_BACKUP_DIR": str(Path(FOLDER).resolve()),
        "ESSAYCOACH_BACKUP_APART": str(Path(APART).resolve()),
        "ESSAYCOACH_AUDIT_HEADS": str(data_dir.resolve() / "audit_heads.jsonl"),
        **os.environ,
        **password_variables(keys),
        # A drill with the backups of another machine is given that machine's secrets by the environment.
        **{name: value for name, value in secrets.items() if not secret_settings.is_given(name)},
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": url,
    }


@contextmanager
def running_server(data_dir: Path) -> Iterator[str]:
    """Yield the superuser's URL: of DATABASE_URL, of a running `up`, or of a server that is started for this command."""
    if settings.optional("DATABASE_URL"):
        yield settings.database_url()
        return
    port = _running_port(data_dir)
    if port is not None:
        yield f"postgresql://{SUPERUSER}:{instance_keys(data_dir).superuser_password}@127.0.0.1:{port}/{DATABASE}"
        return
    with Supervisor(data_dir) as supervisor:
        server = EmbeddedPostgres(data_dir)
        server.start(supervisor)
        yield server.admin_url


def _running_port(data_dir: Path) -> int | None:
    """Return the port of the server that runs in this data directory, or None."""
    try:
        lines = (data_dir / "postgres" / "postmaster.pid").read_text(encoding="ascii").splitlines()
        return int(lines[3]) if psutil.pid_exists(int(lines[0])) else None
    except (OSError, ValueError, IndexError):
        return None
