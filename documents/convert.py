"""Read a file in a child process with little memory, little time and nothing else, so that no file can harm this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from documents.contents import FileFormat
from documents.refusal import refuse, unreadable
from documents.sandbox import CLOCK_SECONDS, MAX_ANSWER_BYTES
from models.errors import FilesBusy

MAX_FILE_BYTES = 20 * 1024 * 1024
# Each child may take half a gigabyte. Further files wait in line, and those that find the line full are refused.
MOST_AT_ONCE = 2
MOST_IN_LINE = 3
_ROOT = Path(__file__).resolve().parents[1]
_COMMAND = (sys.executable, "-P", "-s", "-m", "documents")
_STUCK = (
    "Reading the file took more time or memory than is allowed. Save it in another format, or send the text itself."
)

_places = threading.BoundedSemaphore(MOST_AT_ONCE + MOST_IN_LINE)
_children = threading.BoundedSemaphore(MOST_AT_ONCE)


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What was read from a file. Of the hidden text there is its length and its beginning; all of it is in `text`."""

    format: FileFormat
    text: str
    pictures: int
    hidden_characters: int
    hidden_excerpt: str


def convert(data: bytes) -> Converted:
    """Return the text of a file. Raises FileRefused, and FilesBusy when too many files are read at this moment."""
    if len(data) > MAX_FILE_BYTES:
        raise refuse("too-large", f"The file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB.")
    if not data.strip():
        raise refuse("no-text", "The file is empty.")
    with _place():
        answer = _ask_child(data)
    if "refused" in answer:
        raise refuse(answer["refused"], answer["detail"])
    return Converted(
        format=answer["format"],
        text=answer["text"],
        pictures=answer["pictures"],
        hidden_characters=answer["hidden"],
        hidden_excerpt=answer["excerpt"],
    )


@contextmanager
def _place() -> Iterator[None]:
    """Hold a place in the line, and in it one of the children. Raises FilesBusy."""
    if not _places.acquire(blocking=False):
        raise FilesBusy
    try:
        with _children:
            yield
    finally:
        _places.release()


def _ask_child(data: bytes) -> dict[str, Any]:
    """Return what the child wrote. Its files are in memory, so no text reaches a disk. Raises FileRefused when it was ended or failed."""
    with _in_memory(data) as theirs, _in_memory(b"") as answer:
        child = subprocess.Popen(  # noqa: S603 - a program of ours
            _COMMAND,
            env={"PYTHONPATH": str(_ROOT)},
            cwd="/",
            stdin=theirs,
            stdout=answer,
            stderr=subprocess.DEVNULL,
        )
        try:
            ended = child.wait(CLOCK_SECONDS)
        except subprocess.TimeoutExpired:
            raise refuse("unreadable", _STUCK) from None
        finally:
            child.kill()
            child.wait()
        if ended != 0:
            # A signal ends a child that needs too much. One that fails by itself could make nothing of the file.
            raise refuse("unreadable", _STUCK) if ended < 0 else unreadable()
        answer.seek(0)
        found: dict[str, Any] = json.loads(answer.read(MAX_ANSWER_BYTES))
    return found


def _in_memory(data: bytes) -> BinaryIO:
    file = os.fdopen(os.memfd_create("file"), "w+b")
    file.write(data)
    file.seek(0)
    return file
