"""The manifest of a backup: what it holds, and how a restored copy is compared with the original. Written last."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from models.snapshot import Table
from workers.backups.stream import BadBackup, Written, derive
from workers.files import sync_folder

NAME = "manifest.json"
FORMAT = "essaycoach-backup-1"
_SALT = b"essaycoach backup manifest"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All facts about one backup.

    `key_id` is None when its files are not encrypted. `kind` is `dump` or `base`; of a base, `wal_from` names the first file of
    the write-ahead log that it needs.
    """

    id: str
    kind: str
    taken_at: datetime
    ended_at: datetime
    program_version: str
    server_version: int
    schema: str | None
    key_id: str | None
    files: dict[str, Written]
    tables: dict[str, Table]
    sequences: dict[str, int]
    wal_from: str | None = None

    @property
    def size(self) -> int:
        """Return the size of all files in bytes."""
        return sum(one.size for one in self.files.values())

    @property
    def rows(self) -> int:
        """Return the number of rows in all tables."""
        return sum(one.rows for one in self.tables.values())

    def label(self, name: str) -> str:
        """Return what binds a file to this backup and its place in it."""
        return f"{self.id}/{name}"


def key_id(key: bytes) -> str:
    """Return a short name of a backup key, which tells nothing about the key."""
    return derive(key, salt=_SALT, purpose="id").hex()[:12]


def write(folder: Path, manifest: Manifest, *, key: bytes | None) -> None:
    """Write the manifest into its folder. With a key it is authenticated, so that nobody else can change it."""
    fields = {"format": FORMAT, **asdict(manifest)}
    fields |= {"taken_at": manifest.taken_at.isoformat(), "ended_at": manifest.ended_at.isoformat()}
    text = {"manifest": fields, "mac": _mac(fields, key) if key is not None else None}
    draft = folder / f".{NAME}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(text, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / NAME)
    sync_folder(folder)


def read(folder: Path, *, key: bytes | None) -> Manifest:
    """Return the manifest of a backup. Raises BadBackup when there is none, or when it was changed or needs another key."""
    text = _load(folder)
    fields, mac = text["manifest"], text["mac"]
    manifest = _parse(fields)
    if manifest.key_id is None:
        return manifest
    if key is None:
        raise BadBackup("This backup is encrypted, and ESSAYCOACH_BACKUP_KEY is not set.")
    if manifest.key_id != key_id(key):
        raise BadBackup(
            f"ESSAYCOACH_BACKUP_KEY is not the key of this backup: it has key {key_id(key)}, the backup wants {manifest.key_id}."
        )
    if not hmac.compare_digest(str(mac), _mac(fields, key)):
        raise BadBackup(f"{NAME} was changed since the backup was made.")
    return manifest


def peek(folder: Path) -> Manifest:
    """Return the manifest without checking who wrote it, to list backups. Raises BadBackup."""
    return _parse(_load(folder)["manifest"])


def _load(folder: Path) -> dict[str, Any]:
    try:
        text = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if text["manifest"]["format"] != FORMAT:
            raise BadBackup(
                f"This backup has the format {text['manifest']['format']!r}; this program reads {FORMAT!r}."
            )
        _ = text["mac"]
    except FileNotFoundError:
        raise BadBackup(f"There is no {NAME}: this is no backup, or its making was interrupted.") from None
    except OSError as error:
        raise BadBackup(f"{NAME} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise BadBackup(f"{NAME} was cut or changed: it is not complete.") from None
    return dict(text)


def _parse(fields: dict[str, Any]) -> Manifest:
    try:
        values = {name: value for name, value in fields.items() if name != "format"}
        values["taken_at"] = datetime.fromisoformat(values["taken_at"])
        values["ended_at"] = datetime.fromisoformat(values["ended_at"])
        values["files"] = {name: Written(**one) for name, one in values["files"].items()}
        values["tables"] = {name: Table(**one) for name, one in values["tables"].items()}
        manifest = Manifest(**values)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadBackup(f"{NAME} was changed: a part of it is missing or of the wrong kind.") from None
    # A name from a file decides which file is opened.
    if any(Path(name).name != name or name.startswith(".") for name in manifest.files):
        raise BadBackup(f"{NAME} was changed: it names a file outside its folder.")
    return manifest


def _mac(fields: dict[str, Any], key: bytes) -> str:
    said = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(derive(key, salt=_SALT, purpose="manifest"), said, hashlib.sha256).hexdigest()
