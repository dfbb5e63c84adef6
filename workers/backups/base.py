"""Base backups: a copy of the whole server, from which the archived write-ahead log leads to any second after it.

Unlike a dump, it holds people's keys. Who was erased comes back with it, so it is kept for days, not for months.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import RawIOBase
from pathlib import Path
from typing import IO, cast

from models import snapshot
from workers.backups import check, manifest, programs, wal
from workers.backups.create import PREFIX, Tell, program_version
from workers.backups.manifest import Manifest
from workers.backups.retention import list_backups
from workers.backups.stream import BadBackup, writing
from workers.files import sync_folder

KIND = "base"
FILE = "base.tar.gz"
# In the data directory, so that the server finds it wherever that is moved. It may be deleted after the recovery.
LOG_FOLDER = "restored_log"
TEMPLATE = """
# Written by `python -m workers backup recover`.
archive_mode = off
restore_command = 'cp "{log}/%f" "%p"'
recovery_target_timeline = 'latest'
recovery_target_action = 'promote'
{target}"""


def create(url: str, folder: Path, *, key: bytes | None, tell: Tell) -> tuple[Path, Manifest]:
    """Copy the whole server into a new folder below `folder`. The log-in needs the right of replication.

    Raises BadBackup, DatabaseAway, OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".unfinished-{os.getpid()}"
    draft.mkdir(mode=0o700)
    try:
        with snapshot.snapshot(url) as seen:
            facts, first = seen.facts(), seen.wal_file()
        programs.require_version("pg_basebackup", facts.server_version)
        made = Manifest(
            id=f"{PREFIX}base-{facts.taken_at.astimezone(UTC):%Y%m%dT%H%M%SZ}", kind=KIND, taken_at=facts.taken_at.astimezone(UTC),
            ended_at=facts.taken_at.astimezone(UTC), program_version=program_version(), server_version=facts.server_version,
            schema=facts.schema, key_id=manifest.key_id(key) if key is not None else None, files={}, tables={}, sequences={},
            wal_from=first,
        )  # fmt: skip
        address, env = programs.connection(url)
        argv = [programs.find("pg_basebackup"), "--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast"]
        tell("copying the server")
        with writing(draft / FILE, key=key, label=made.label(FILE)) as writer:
            programs.collect([*argv, "--compress=client-gzip:1", f"--dbname={address}"], env=env, into=writer.write)
            written = writer.finish()
        made = replace(made, ended_at=datetime.now(UTC), files={FILE: written})
        manifest.write(draft, made, key=key)
        draft.rename(folder / made.id)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync_folder(folder)
    return folder / made.id, made


def prune(folder: Path, archive: Path | None, *, keep: int) -> tuple[int, int]:
    """Delete all but the newest base backups and the log before them, and return how many backups and files of the log went."""
    found = [one for one in list_backups(folder) if one.manifest is not None and one.manifest.kind == KIND]
    for one in found[:-keep]:
        shutil.rmtree(one.folder.rename(one.folder.with_name(f".deleted-{one.folder.name}")))
    oldest = found[-keep:][0].manifest if found else None
    if archive is None or oldest is None or oldest.wal_from is None:
        return len(found[:-keep]), 0
    return len(found[:-keep]), wal.prune(archive, before=oldest.wal_from)


def recover(folder: Path, into: Path, archive: Path, *, at: datetime | None, key: bytes | None, tell: Tell) -> Manifest:
    """Unpack a base backup into a new data directory that recovers up to the given time when a server is started on it.

    The log is unpacked too, so the server needs neither our programs nor the key. Raises BadBackup, OSError.
    """
    checked = check.verify(folder, key=key, tell=tell)
    if checked.kind != KIND:
        raise BadBackup("This is a dump: `backup restore` brings it back. A point in time needs a base backup.")
    if at is not None and at < checked.ended_at:
        raise BadBackup(
            f"This base backup ended at {checked.ended_at:%Y-%m-%d %H:%M:%S} UTC, after the time you name: take an older one."
        )
    into.mkdir(mode=0o700)
    if checked.wal_from is None:
        raise BadBackup("The manifest does not say from where on the log is needed.")
    tell("unpacking the server")
    source = cast("IO[bytes]", _Pieces(check.content(folder, FILE, checked, key=key)))
    with tarfile.open(fileobj=source, mode="r|gz") as archived:
        archived.extractall(into, filter="data")
    log = into / LOG_FOLDER
    log.mkdir()
    files = wal.unpack(archive, log, since=checked.wal_from, key=key)
    tell(f"unpacked {files} files of the log")
    for one in (into, *into.rglob("*")):
        one.chmod(0o700 if one.is_dir() else 0o600)
    with (into / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write(TEMPLATE.format(log=LOG_FOLDER, target=_target(at)))
    (into / "recovery.signal").touch(mode=0o600)
    return checked


def _target(at: datetime | None) -> str:
    return (
        ""
        if at is None
        else f"recovery_target_time = '{at.astimezone(UTC).isoformat()}'\nrecovery_target_inclusive = on\n"
    )


class _Pieces(RawIOBase):
    """What an iterator yields, as a file that is read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, as many as wanted unless the end is near."""
        while size < 0 or len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        found, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return found
