"""The file of people's wrapped keys, which is kept apart from every dump: only the newest one, so that the erased stay erased."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from models import keys
from models.db import session
from models.keys import FIRST, StoredKey
from workers.files import sync_folder

BATCH = 500
FORMAT = "essaycoach-keys-1"


class BadFile(Exception):
    """The file is not a complete, unchanged backup of keys. The message says why."""


@dataclass(frozen=True, kw_only=True)
class KeyFile:
    """The keys of a file, and when they began to be read (None for a file of an older version)."""

    keys: tuple[StoredKey, ...]
    taken_at: datetime | None


def write(path: Path) -> int:
    """Write every person's wrapped key to the file, readable only by its owner, and return how many there are.

    A complete file replaces an old one in one step. Needs a log-in that may become ec_keys.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    digest, count = hashlib.sha256(), 0
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for line in _lines():
                file.write(line)
                digest.update(line)
                count += 1
            # Do not count the first line, which only names the format and the time.
            file.write(_line({"keys": count - 1, "sha256": digest.hexdigest()}))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return count - 1


def restore(kept: KeyFile) -> int:
    """Store the keys of people who have none and were not erased, and return how many. Needs a log-in that may become ec_keys."""
    restored = 0
    for start in range(0, len(kept.keys), BATCH):
        with session(role="ec_keys"):
            restored += keys.restore(kept.keys[start : start + BATCH])
    return restored


def read(path: Path) -> KeyFile:
    """Return the keys, after checking that the file is unchanged and that each key decrypts. Raises BadFile, Undecipherable."""
    lines = path.read_bytes().splitlines(keepends=True)
    try:
        head, footer = json.loads(lines[0]), json.loads(lines[-1])
        file_format, count, recorded_digest = head["format"], footer["keys"], footer["sha256"]
        taken_at = datetime.fromisoformat(head["taken_at"]) if "taken_at" in head else None
    except (ValueError, KeyError, IndexError, TypeError):
        raise BadFile(f"{path} was cut, or is no backup of keys") from None
    if file_format != FORMAT:
        raise BadFile(f"{path} is of a kind this program does not know")
    if (
        hashlib.sha256(b"".join(lines[:-1])).hexdigest() != recorded_digest
        or count != len(lines) - 2
        or not lines[-1].endswith(b"\n")
    ):
        raise BadFile(f"{path} was cut or changed since it was written")
    try:
        kept = tuple(_parse(json.loads(line)) for line in lines[1:-1])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadFile(f"{path} was changed since it was written") from None
    keys.verify_key(kept)
    return KeyFile(keys=kept, taken_at=taken_at)


def _lines() -> Iterator[bytes]:
    with session(role="ec_keys"):
        taken_at = keys.now()
    yield _line({"format": FORMAT, "taken_at": taken_at.astimezone(UTC).isoformat()})
    after = FIRST
    while True:
        with session(role="ec_keys"):
            page = keys.list_stored(after=after, limit=BATCH)
        if not page:
            return
        for one in page:
            wrapped = base64.b64encode(one.wrapped).decode()
            yield _line(
                {"org": str(one.org), "user": str(one.user), "master_key": one.master_key_id, "wrapped": wrapped}
            )
        after = page[-1].user


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _parse(fields: dict[str, str]) -> StoredKey:
    return StoredKey(
        org=UUID(fields["org"]),
        user=UUID(fields["user"]),
        wrapped=base64.b64decode(fields["wrapped"], validate=True),
        master_key_id=fields["master_key"],
    )
