"""The archive of the write-ahead log: compressed, encrypted with ESSAYCOACH_BACKUP_KEY, and each file checked before it counts.

    python -m workers.backups.wal collect --from SPOOL --to DIR   # takes what the server's archive_command copies into a spool
    python -m workers.backups.wal put %p --to DIR                 # archive_command, where the server's account may run Python

A program of its own, because `put` starts once for each file and must start fast. Exit code 0 of `put` means that the file is
safely there; PostgreSQL tries again after anything else.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from models import secret_settings, settings
from models.errors import SettingsError
from workers.backups.stream import BadBackup, read, writing
from workers.files import sync_folder

KEY = "ESSAYCOACH_BACKUP_KEY"
SEGMENT = re.compile(r"[0-9A-F]{24}")
# Segments, histories of timelines and labels of base backups: what PostgreSQL archives, and no path.
_NAME = re.compile(r"[0-9A-F]{8}(?:[0-9A-F]{16}(?:\.[0-9A-F]{8}\.backup|\.partial)?|\.history)")
SUFFIX = ".gz"
PIECE = 1 << 20
COLLECT_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def read_key() -> bytes | None:
    """Return the backup key, or None when none is set. Raises SettingsError."""
    return settings.key_bytes(KEY) if secret_settings.is_given(KEY) else None


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


def collect(spool: Path, folder: Path, *, key: bytes | None) -> int:
    """Move every complete file of the spool into the archive, oldest first, and return how many. Raises BadBackup, OSError."""
    found = sorted(one for one in spool.iterdir() if _NAME.fullmatch(one.name))
    for one in found:
        put(one, folder, key=key)
        one.unlink()
    return len(found)


def unpack(folder: Path, into: Path, *, since: str, key: bytes | None) -> int:
    """Unpack the archive from the file of this name on, and all histories of timelines; return how many. Raises BadBackup."""
    count = 0
    for kept in sorted(folder.glob(f"*{SUFFIX}")):
        name = kept.name.removesuffix(SUFFIX)
        if _NAME.fullmatch(name) and (name.endswith(".history") or name[8:24] >= since[8:24]):
            with (into / name).open("xb") as file:
                for piece in _content(kept, key=key):
                    file.write(piece)
            count += 1
    return count


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
        prog="python -m workers.backups.wal", description="Archive PostgreSQL's write-ahead log (docs/backups.md)."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    storing = commands.add_parser("put", help="store one file (archive_command)")
    storing.add_argument("path", type=Path, help="%%p")
    collecting = commands.add_parser("collect", help="move what the server spools into the archive, until stopped")
    collecting.add_argument(
        "--from", dest="spool", type=Path, required=True, metavar="SPOOL", help="where the server copies to"
    )
    collecting.add_argument("--once", action="store_true", help="move what is there and end")
    for command in (storing, collecting):
        command.add_argument(
            "--to", dest="folder", type=Path, required=True, metavar="DIR", help="the archive; it must exist"
        )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "collect" and not chosen.once:
            return _collect_until_stopped(chosen.spool, chosen.folder, key=read_key())
        if chosen.command == "collect":
            collect(chosen.spool, chosen.folder, key=read_key())
        else:
            put(chosen.path, chosen.folder, key=read_key())
    except (BadBackup, SettingsError) as error:
        return _print_error(str(error))
    except OSError as error:
        return _print_error(f"{error.filename or 'a file'}: {error.strerror}")
    return 0


def _collect_until_stopped(spool: Path, folder: Path, *, key: bytes | None) -> int:
    # Blocked, so that a file that is being moved is finished; `sigtimedwait` takes the signal between two rounds.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    said = ""
    while signal.sigtimedwait(STOP_SIGNALS, COLLECT_SECONDS) is None:
        try:
            collect(spool, folder, key=key)
            said = ""
        except (BadBackup, OSError) as error:
            # The spool keeps what the archive does not take, and the server goes on. Say so once and try again.
            if str(error) != said:
                _print_error(f"a file could not be archived, and stays in the spool: {error}")
            said = str(error)
    return 0


def _print_error(line: str) -> int:
    sys.stderr.write(f"wal: {line}\n")
    sys.stderr.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
