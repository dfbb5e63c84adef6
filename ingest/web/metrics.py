"""Requests, errors and durations of this process, in files that the monitoring process sums up.

With PROMETHEUS_MULTIPROC_DIR set (before Python starts) each process writes two small files there; without it the
numbers stay in the process. Standalone empties the directory when it starts; elsewhere the sums go on. Files are named by
process id, so a directory belongs to one web container.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, multiprocess
from prometheus_client.mmap_dict import MmapedDict

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# A client may send any word as the method; a label may not grow with it.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REGISTRY = CollectorRegistry()
# Each value finds its file by the process id when it is written, so processes forked after this share nothing.
REQUESTS = Counter(
    "essaycoach_http_requests_total", "Finished requests.", ["method", "route", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "essaycoach_http_request_duration_seconds", "Time to answer, of requests that did not wait by wish.", ["route"],
    buckets=BUCKETS, registry=REGISTRY,
)  # fmt: skip


def register(app: Flask) -> None:
    """Every finished request of this app is counted and timed. Call it before any other hook is added.

    A view that held its request because it was asked to (`Prefer: wait`) sets `flask.g.waited`: counted, not timed.
    An event stream is timed up to its first byte.
    """
    # Flask runs the first before-hook first and the first after-hook last: the time and the status are the whole ones.
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.metrics_started = time.perf_counter()


def _finish(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule is not None else "unmatched"
    method = request.method if request.method in METHODS else "other"
    # A full disk must not turn an answer into an error.
    with suppress(OSError):
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        started = g.get("metrics_started")
        if started is not None and not g.get("waited", False):
            SECONDS.labels(route).observe(time.perf_counter() - started)
    return response


def forget(pid: int) -> None:
    """A dead process's counts are part of the sum of all dead ones, and its files are gone. For gunicorn's child_exit.

    Without this, files pile up with every recycled worker and each scrape reads them all.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder or not Path(folder).is_dir():
        return
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # The monitoring process reads under the same lock, shared, so that it never sees a count twice.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for kind in ("counter", "histogram"):
            _fold(Path(folder) / f"{kind}_{pid}.db", into=Path(folder) / f"{kind}_dead.db")
    finally:
        os.close(lock)


def _fold(dead: Path, *, into: Path) -> None:
    if not dead.exists():
        return
    counts: dict[str, float] = defaultdict(float)
    for path in (into, dead):
        # A process killed while it made its file leaves an empty one behind.
        if path.exists() and path.stat().st_size:
            for key, value, _, _ in MmapedDict.read_all_values_from_file(path):  # type: ignore[no-untyped-call]
                counts[key] += value
    # Not named .db until it is whole.
    draft = into.with_suffix(".new")
    draft.unlink(missing_ok=True)
    written = MmapedDict(str(draft))  # type: ignore[no-untyped-call]
    for key, value in counts.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    draft.replace(into)
    dead.unlink()
