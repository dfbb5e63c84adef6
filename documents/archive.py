"""Open a zip archive (DOCX and ODT are ones) only if its directory promises that it stays small when it is unpacked."""

from __future__ import annotations

import zipfile
from io import BytesIO

from documents.refusal import encrypted, refuse, unreadable

MAX_UNPACKED_BYTES = 20 * 1024 * 1024
MAX_RATIO = 100
MAX_ENTRIES = 2_000
_ENCRYPTED = 0x1


def open_archive(data: bytes) -> zipfile.ZipFile:
    """Return the archive. zipfile unpacks no more of an entry than the directory says. Raises FileRefused."""
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError):
        raise unreadable() from None
    entries = archive.infolist()
    unpacked = sum(one.file_size for one in entries)
    if len(entries) > MAX_ENTRIES:
        raise refuse("too-large", f"The file holds {len(entries):,} parts; at most {MAX_ENTRIES:,} are read.")
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * len(data):
        raise refuse("too-large", "The file grows too much when it is unpacked. Save it without its pictures.")
    if any(one.flag_bits & _ENCRYPTED for one in entries):
        raise encrypted()
    return archive


def read_part(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return an XML part of the archive; empty when there is none. Raises FileRefused.

    A part with a document type is refused: neither format has one, and it can hold entities that grow.
    """
    try:
        data = archive.read(name)
    except KeyError:
        return b""
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise unreadable() from None
    if b"<!DOCTYPE" in data.replace(b"\0", b""):
        raise refuse("unreadable", "The file holds a document type definition, which no word processor writes.")
    return data
