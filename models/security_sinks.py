"""Where the lines of security events go: standard error always, a file and a syslog server when the operator names them."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from models import settings
from models.errors import SettingsError
from models.security_syslog import Syslog, read_syslog_url

FILE = "ESSAYCOACH_SECURITY_LOG"


class Sink(Protocol):
    """A place for lines. `write` never raises and never waits for a network."""

    name: str

    def write(self, line: str, *, at: str, event: str, failed: bool) -> None:
        """Take a line of ASCII without its line break."""

    def may_tell_lost(self) -> bool:
        """Return whether lines were lost and lines get through again."""

    def take_lost(self) -> int:
        """Return how many lines were lost since the last call, or 0 while no line gets through."""

    def close(self) -> None:
        """Let go of files, sockets and threads."""


class StandardError:
    """Standard error, beside the lines of the log."""

    name = "stderr"

    def write(self, line: str, *, at: str, event: str, failed: bool) -> None:  # noqa: ARG002 - a Sink
        """Write the line in one piece."""
        with suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def may_tell_lost(self) -> bool:
        """Return False: a line that standard error does not take is not counted."""
        return False

    def take_lost(self) -> int:
        """Return 0: nobody could be told."""
        return 0

    def close(self) -> None:
        """Do nothing: standard error belongs to the process."""


class LogFile:
    """A file that several processes append to, one write for each line. A file that was rotated away is opened anew."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._lost = 0
        self._is_torn = self._is_full = False
        self._descriptor = _open(path)

    def write(self, line: str, *, at: str, event: str, failed: bool) -> None:  # noqa: ARG002 - a Sink
        """Append the line."""
        with self._lock:
            try:
                self._reopen_if_rotated()
                # After a write that a full disk cut short, begin a new line.
                data = (("\n" if self._is_torn else "") + line + "\n").encode()
                written = os.write(self._descriptor, data)
                self._is_full = self._is_torn = written < len(data)
            except OSError:
                self._is_full = True
            self._lost += self._is_full

    def may_tell_lost(self) -> bool:
        """Return whether the file did not take every line, and takes them again."""
        return self._lost > 0 and not self._is_full

    def take_lost(self) -> int:
        """Return how many lines the file did not take since the last call, or 0 while it takes none."""
        with self._lock:
            if not self.may_tell_lost():
                return 0
            lost, self._lost = self._lost, 0
        return lost

    def close(self) -> None:
        """Close the file."""
        with self._lock, suppress(OSError):
            os.close(self._descriptor)
            self._descriptor = -1

    def _reopen_if_rotated(self) -> None:
        opened = os.fstat(self._descriptor) if self._descriptor >= 0 else None
        with suppress(FileNotFoundError):
            named = self._path.stat()
            if opened and (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino):
                return
        replacement = _open(self._path)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = replacement


def _open(path: Path) -> int:
    # The group may read, so that a forwarder under an account of its own can.
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


def read_path() -> Path | None:
    """Return the file for lines, which can be written now, or None. Raises SettingsError."""
    path = settings.optional(FILE)
    if path is None:
        return None
    try:
        os.close(_open(Path(path)))
    except OSError as error:
        raise SettingsError(f"{FILE} cannot be written: {error.strerror}.") from None
    return Path(path)


def open_sinks() -> list[Sink]:
    """Open where this process's lines go, as the environment says. Raises SettingsError."""
    path, url = read_path(), read_syslog_url()
    sinks: list[Sink] = [StandardError()]
    if path is not None:
        sinks.append(LogFile(path))
    if url is not None:
        sinks.append(Syslog(url))
    return sinks
