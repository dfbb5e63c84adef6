"""Check a backup without a server: complete, unchanged, decrypted to its last byte, and readable by pg_restore."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from models.db import SCHEMA
from workers.backups import manifest, programs
from workers.backups.manifest import Manifest
from workers.backups.stream import BadBackup, digest, read

VERIFIED = "verified.json"
Tell = Callable[[str], None]


def verify(folder: Path, *, key: bytes | None, tell: Tell) -> Manifest:
    """Check a whole backup, note in it that it was verified, and return its manifest. Raises BadBackup."""
    checked = check_manifest(folder, key=key)
    for name, written in checked.files.items():
        path = folder / name
        tell(f"reading {name}, {written.size:,} bytes")
        try:
            found = digest(path)
        except FileNotFoundError:
            raise BadBackup(f"The file {name} of this backup is missing.") from None
        except OSError as error:
            raise BadBackup(f"The file {name} cannot be read: {error.strerror}.") from None
        if found.size != written.size:
            raise BadBackup(f"{name} was cut or lengthened: it has {found.size:,} bytes instead of {written.size:,}.")
        if found.sha256 != written.sha256:
            raise BadBackup(
                f"{name} was changed, or belongs to another backup: its SHA-256 is not that of the manifest."
            )
        if checked.kind == "dump":
            # It becomes SQL that goes nowhere: every block is decompressed and every entry read.
            argv = [programs.find("pg_restore"), "--file=-"]
            programs.feed(argv, content(folder, name, checked, key=key))
        else:
            for _ in content(folder, name, checked, key=key):
                pass
    _note(folder)
    return checked


def check_manifest(folder: Path, *, key: bytes | None) -> Manifest:
    """Return the manifest, checked as far as possible without the files. Raises BadBackup."""
    if not folder.is_dir():
        raise BadBackup(f"There is no folder {folder}.")
    checked = manifest.read(folder, key=key)
    if checked.id != folder.resolve().name:
        raise BadBackup(f"The manifest is that of another backup: {checked.id}, not {folder.resolve().name}.")
    if checked.schema is not None and checked.schema > SCHEMA:
        raise BadBackup(
            f"This backup is newer than this program: its schema is {checked.schema}, the program's {SCHEMA}. Install the newer one."
        )
    return checked


def content(folder: Path, name: str, checked: Manifest, *, key: bytes | None) -> Iterator[bytes]:
    """Yield the decrypted content of a file of a backup. Raises BadBackup."""
    return read(folder / name, key=key if checked.key_id is not None else None, label=checked.label(name))


def verified_at(folder: Path) -> datetime | None:
    """Return when this backup was last verified, or None."""
    try:
        return datetime.fromisoformat(json.loads((folder / VERIFIED).read_text(encoding="utf-8"))["verified_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(folder: Path) -> None:
    note = {"verified_at": datetime.now(UTC).isoformat(timespec="seconds")}
    # A backup on a medium that cannot be written stays verified for whoever has just seen it.
    try:
        (folder / VERIFIED).write_text(json.dumps(note) + "\n", encoding="utf-8")
    except OSError:
        return
