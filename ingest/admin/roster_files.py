"""Read a roster from a folder or a zip of CSV files, within size limits. Nothing is unpacked to disk."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from models.errors import Invalid

FILES = ("users", "classes", "enrollments")
MOST_BYTES = 64 * 1024 * 1024
MOST_ENTRIES = 100


def read_files(path: Path) -> dict[str, bytes]:
    """Return the bytes of users.csv, classes.csv and enrollments.csv as users and so on, those that exist. Raises Invalid."""
    if path.is_file() and path.suffix.lower() == ".csv":
        raise _unreadable("is a single file; name the folder that holds users.csv, classes.csv and enrollments.csv")
    try:
        found = dict(_from_folder(path) if path.is_dir() else _from_zip(path))
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        # zipfile has no common error for damaged, encrypted or unsupported archives.
        raise _unreadable(f"cannot be read as a folder or zip of CSV files ({type(error).__name__})") from None
    if not found:
        raise _unreadable("holds none of users.csv, classes.csv and enrollments.csv")
    return found


def _from_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    remaining = MOST_BYTES
    for path in sorted(folder.iterdir()):
        file = _roster_file(path.name)
        if file is not None:
            with path.open("rb") as opened:
                raw = opened.read(remaining + 1)
            remaining = _deduct(remaining, raw)
            yield file, raw


def _from_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.stat().st_size > MOST_BYTES:
        raise _unreadable(f"is larger than {MOST_BYTES >> 20} MiB")
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise _unreadable(f"holds more than {MOST_ENTRIES} entries")
        if any(entry.filename == "[Content_Types].xml" for entry in entries):
            raise _unreadable(
                "is an Excel workbook; save its sheets as users.csv, classes.csv and enrollments.csv in a folder"
            )
        seen: set[str] = set()
        remaining = MOST_BYTES
        for entry in entries:
            file = _roster_file(PurePosixPath(entry.filename).name)
            if file is None or entry.is_dir():
                continue
            if file in seen:
                raise _unreadable(f"holds {file}.csv twice")
            seen.add(file)
            # Count the unpacked bytes, because the sizes in the archive can be wrong on purpose.
            with archive.open(entry) as opened:
                raw = opened.read(remaining + 1)
            remaining = _deduct(remaining, raw)
            yield file, raw


def _roster_file(name: str) -> str | None:
    file = name.lower().removesuffix(".csv")
    return file if name.lower().endswith(".csv") and file in FILES else None


def _deduct(remaining: int, raw: bytes) -> int:
    if len(raw) > remaining:
        raise _unreadable(f"holds more than {MOST_BYTES >> 20} MiB of CSV")
    return remaining - len(raw)


def _unreadable(what: str) -> Invalid:
    return Invalid(f"The roster {what}.", errors=[("", what)])
