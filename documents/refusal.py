"""Refuse a file, in one sentence for the person who chose it."""

from __future__ import annotations

from models.errors import FileRefusal, FileRefused


def refuse(reason: FileRefusal, detail: str) -> FileRefused:
    """Return the error that refuses a file. `detail` says what the person can do."""
    return FileRefused(reason, detail)


def unreadable() -> FileRefused:
    """Return the error of a file that is no whole file of its kind."""
    return refuse("unreadable", "The file is damaged or not complete. Save it again and send the whole file.")


def encrypted() -> FileRefused:
    """Return the error of a file that opens with a password only."""
    return refuse("encrypted", "The file is protected by a password. Save it without one.")
