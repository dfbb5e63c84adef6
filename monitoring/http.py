"""Metrics of HTTP requests: each ingest process counts its requests in files of its own, and this probe sums them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector


def read_http(directory: Path) -> list[Metric]:
    """Return the sums over all ingest processes, dead ones included. Raises OSError when the directory does not exist."""
    with _shared_lock(directory):
        # A process that is killed while it creates its file leaves an empty one.
        files = [str(path) for path in directory.glob("*.db") if path.stat().st_size]
        return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]


@contextmanager
def _shared_lock(directory: Path) -> Iterator[None]:
    """Hold a shared lock on the directory, so that no files are merged while they are read.

    Ingest merges a dead process's files under an exclusive lock on the same directory.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)
