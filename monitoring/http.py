"""Requests, counted by ingest's processes in files of their own and summed up here."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector


def read_http(directory: Path) -> list[Metric]:
    """Return what every ingest process counted, dead ones included. Raises OSError when the directory is not there."""
    with _unchanging(directory):
        # A process killed while it made its file leaves an empty one behind.
        files = [str(path) for path in directory.glob("*.db") if path.stat().st_size]
        return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]


@contextmanager
def _unchanging(directory: Path) -> Iterator[None]:
    """No file comes or goes in the block: ingest folds a dead worker's files together under the same lock."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)
