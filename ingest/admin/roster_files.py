"""Read a roster from a folder, a zip or uploaded CSV files, within size limits. Nothing is unpacked to disk."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from models.errors import Invalid

FILES = ("users", "classes", "enrollments")
MOST_BYTES = 64 * 1024 * 1024
# A browser waits for the import, so it takes less than the command.
MOST_UPLOADED_BYTES = 2 * 1024 * 1024
MOST_ENTRIES = 100


def read_files(path: Path) -> dict[str, bytes]:
    """Return the bytes of users.csv, classes.csv and enrollments.csv as users and so on, those that exist. Raises Invalid."""
    if path.is_file() and path.suffix.lower() == ".csv":
        raise _unreadable("is a single file; name the folder that holds users.csv, classes.csv and enrollments.csv")
    with _what_is_damaged():
        found = dict(_from_folder(path) if path.is_dir() else _from_path(path))
    return _some(found)


def read_uploads(uploads: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the bytes of the three files as `read_files` does, from uploaded files by name: CSV files or one zip. Raises Invalid."""
    zips = [raw for name, raw in uploads.items() if name.lower().endswith(".zip")]
    if not zips:
        found: dict[str, bytes] = {}
        remaining = MOST_UPLOADED_BYTES
        for name, raw in uploads.items():
            file = _roster_file(PurePosixPath(name.replace("\\", "/")).name)
            if file is None:
                raise _unreadable(f"has a file called {name[:80]}; choose users.csv, classes.csv and enrollments.csv")
            remaining = _deduct(remaining, raw, of=MOST_UPLOADED_BYTES)
            found[file] = raw
        return _some(found)
    if len(uploads) > 1:
        raise _unreadable("is a zip beside other files; choose one zip, or the CSV files")
    with _what_is_damaged():
        found = dict(_from_zip(io.BytesIO(zips[0]), MOST_UPLOADED_BYTES))
    return _some(found)


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of the files, which `read_uploads` reads again."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, raw in files.items():
            archive.writestr(f"{file}.csv", raw)
    return packed.getvalue()


@contextmanager
def _what_is_damaged() -> Iterator[None]:
    """Turn the errors of a damaged file into one. Raises Invalid."""
    try:
        yield
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        # zipfile has no common error for damaged, encrypted or unsupported archives.
        raise _unreadable(f"cannot be read as a folder or zip of CSV files ({type(error).__name__})") from None


def _some(found: dict[str, bytes]) -> dict[str, bytes]:
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
            remaining = _deduct(remaining, raw, of=MOST_BYTES)
            yield file, raw


def _from_path(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.stat().st_size > MOST_BYTES:
        raise _unreadable(f"is larger than {MOST_BYTES >> 20} MiB")
    return _from_zip(path, MOST_BYTES)


def _from_zip(packed: Path | IO[bytes], most_bytes: int) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(packed) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise _unreadable(f"holds more than {MOST_ENTRIES} entries")
        if any(entry.filename == "[Content_Types].xml" for entry in entries):
            raise _unreadable(
                "is an Excel workbook; save its sheets as users.csv, classes.csv and enrollments.csv in a folder"
            )
        seen: set[str] = set()
        remaining = most_bytes
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
            remaining = _deduct(remaining, raw, of=most_bytes)
            yield file, raw


def _roster_file(name: str) -> str | None:
    file = name.lower().removesuffix(".csv")
    return file if name.lower().endswith(".csv") and file in FILES else None


def _deduct(remaining: int, raw: bytes, *, of: int) -> int:
    if len(raw) > remaining:
        raise _unreadable(f"holds more than {of >> 20} MiB of CSV")
    return remaining - len(raw)


def _unreadable(what: str) -> Invalid:
    return Invalid(f"The roster {what}.", errors=[("", what)])
