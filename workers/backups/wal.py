"""The archive of the write-ahead log, as PostgreSQL's archive_command and restore_command call it.

    python -m workers.backups.wal put %p --to DIR       # archive_command
    python -m workers.backups.wal get %f %p --from DIR  # restore_command

A program of its own, because it starts once for each file and must start fast. With ESSAYCOACH_BACKUP_KEY files are encrypted.
Exit code 0 means that the file is safely there; PostgreSQL tries again after anything else.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from models import settings
from models.errors import SettingsError
from workers.backups.stream import BadBackup, read, sync_folder, writing

KEY = "ESSAYCOACH_BACKUP_KEY"
SEGMENT = re.compile(r"[0-9A-F]{24}")
# Segments, histories of timelines and labels of base backups: what PostgreSQL archives, and no path.
_NAME = re.compile(r"[0-9A-F]{8}(?:[0-9A-F]{16}(?:\.[0-9A-F]{8}\.backup|\.partial)?|\.history)")
SUFFIX = ".gz"
PIECE = 1 << 20


def read_key() -> bytes | None:
    """Return the backup key, or None when none is set. Raises SettingsError."""
    is_set = any(settings.optional(f"{KEY}{source}") for source in ("", "_FILE", "_COMMAND"))
    return settings.key_bytes(KEY) if is_set else None


def put(path: Path, folder: Path, *, key: bytes | None) -> None:
    """Store a file in the archive. A file that is there with the same content is fine. Raises BadBackup, OSError."""
    kept = folder / f"{_checked(path.name)}{SUFFIX}"
    # A folder that is not there may be a disk that is not mounted, so it is not made here.
    if kept.exists():
        if b"".join(_content(kept, key=key)) != path.read_bytes():
            raise BadBackup(f"{path.name} is in the archive already with another content: two servers use one folder.")
        return
    draft = folder / f".{path.name}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    packer = zlib.compressobj(level=1, wbits=zlib.MAX_WBITS | 16)
    with path.open("rb") as source, writing(draft, key=key, label=f"wal/{path.name}") as writer:
        while piece := source.read(PIECE):
            writer.write(packer.compress(piece))
        writer.write(packer.flush())
        writer.finish()
    draft.rename(kept)
    sync_folder(folder)


def get(name: str, path: Path, folder: Path, *, key: bytes | None) -> bool:
    """Bring a file back from the archive. Return False when it is not there. Raises BadBackup, OSError."""
    kept = folder / f"{_checked(name)}{SUFFIX}"
    if not kept.exists():
        return False
    with path.open("wb") as file:
        for piece in _content(kept, key=key):
            file.write(piece)
    return True


def prune(folder: Path, *, before: str) -> int:
    """Delete the segments that end before the one of this name, on every timeline, and return how many."""
    gone = 0
    for one in folder.glob(f"*{SUFFIX}"):
        name = one.name.removesuffix(SUFFIX).partition(".")[0]
        if SEGMENT.fullmatch(name) and name[8:] < before[8:]:
            one.unlink()
            gone += 1
    return gone


def _content(kept: Path, *, key: bytes | None) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    for piece in read(kept, key=key, label=f"wal/{kept.name.removesuffix(SUFFIX)}"):
        try:
            yield unpacker.decompress(piece)
        except zlib.error:
            raise BadBackup(f"{kept.name} in the archive was changed, or is encrypted and {KEY} is not set.") from None
    if not unpacker.eof:
        raise BadBackup(f"{kept.name} in the archive was cut.")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadBackup("This is not the name of a file of the write-ahead log.")
    return name


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m workers.backups.wal", description="Store and fetch files of the write-ahead log."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    storing = commands.add_parser("put", help="store a file of the write-ahead log (archive_command)")
    storing.add_argument("path", type=Path, help="%%p")
    storing.add_argument("--to", dest="folder", type=Path, required=True, metavar="DIR", help="the archive")
    fetching = commands.add_parser("get", help="bring a file back (restore_command)")
    fetching.add_argument("name", help="%%f")
    fetching.add_argument("path", type=Path, help="%%p")
    fetching.add_argument("--from", dest="folder", type=Path, required=True, metavar="DIR", help="the archive")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "get":
            return 0 if get(chosen.name, chosen.path, chosen.folder, key=read_key()) else 1
        put(chosen.path, chosen.folder, key=read_key())
    except (BadBackup, SettingsError) as error:
        sys.stderr.write(f"wal: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"wal: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
