"""Make a backup: a dump of one snapshot and its manifest in a new folder, and people's keys and the signed heads apart."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models import snapshot
from workers.backups import key_file, manifest, programs
from workers.backups.manifest import Manifest
from workers.backups.stream import BadBackup, writing
from workers.files import sync_folder

PREFIX = "essaycoach-"
DUMP = "dump"
KEY_FILE = "keys.jsonl"
HEADS_FILE = "audit_heads.jsonl"
Tell = Callable[[str], None]


def create(url: str, folder: Path, *, key: bytes | None, tell: Tell) -> tuple[Path, Manifest]:
    """Dump the database into a new folder of its own below `folder`, and return that folder and the manifest.

    The folder gets its name when everything in it is complete. Raises BadBackup, DatabaseAway, OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".unfinished-{os.getpid()}"
    draft.mkdir(mode=0o700)
    try:
        made = _dump(url, draft, key=key, tell=tell)
        manifest.write(draft, made, key=key)
        complete = folder / made.id
        draft.rename(complete)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync_folder(folder)
    return complete, made


def _dump(url: str, draft: Path, *, key: bytes | None, tell: Tell) -> Manifest:
    with snapshot.snapshot(url) as seen:
        facts = seen.facts()
        if facts.schema is None:
            raise BadBackup("This database holds no EssayCoach: no migration was applied to it.")
        programs.require_version("pg_dump", facts.server_version)
        made = Manifest(
            id=f"{PREFIX}{facts.taken_at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
            kind=DUMP,
            taken_at=facts.taken_at.astimezone(UTC),
            ended_at=facts.taken_at.astimezone(UTC),
            program_version=program_version(),
            server_version=facts.server_version,
            schema=facts.schema,
            key_id=manifest.key_id(key) if key is not None else None,
            files={},
            tables=seen.digest_tables(tell=lambda name, place, most: tell(f"counting table {place} of {most}: {name}")),
            sequences=facts.sequences,
        )
        address, env = programs.connection(url)
        argv = [programs.find("pg_dump"), "--format=custom", f"--snapshot={seen.name}", "--exclude-schema=extensions"]
        # Its name differs between servers, and the command that restores prepares it.
        argv += [
            "--exclude-extension=*",
            *(f"--exclude-table-data={name}" for name in snapshot.APART),
            f"--dbname={address}",
        ]
        tell("dumping")
        with writing(draft / DUMP, key=key, label=made.label(DUMP)) as writer:
            programs.collect(argv, env=env, into=writer.write)
            written = writer.finish()
    return replace(made, ended_at=datetime.now(UTC), files={DUMP: written})


def keep_keys(folder: Path) -> int:
    """Write the newest keys of all people, replacing older ones, and return how many. Needs a pool that may become ec_keys."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return key_file.write(folder / KEY_FILE)


def keep_heads(heads: Path, folder: Path) -> None:
    """Copy the file of signed heads, in one step. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{HEADS_FILE}.{os.getpid()}"
    draft.write_bytes(heads.read_bytes())
    draft.chmod(0o600)
    draft.replace(folder / HEADS_FILE)
    sync_folder(folder)


def program_version() -> str:
    """Return the version of EssayCoach that runs."""
    try:
        return version("essaycoach")
    except PackageNotFoundError:
        return "unknown"
