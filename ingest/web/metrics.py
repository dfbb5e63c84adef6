"""Count and time the requests of this process, in files that the monitoring process sums up.

With PROMETHEUS_MULTIPROC_DIR set (before this file is imported) each process writes two small files there; without it the
numbers stay in the process. Standalone empties the directory when it starts; with ESSAYCOACH_WEB_METRICS_PORT web makes one of
its own; elsewhere the sums continue. Files are named by process id, so a directory belongs to one web container.

prometheus_client never removes the counter and histogram files of a dead process (`mark_process_dead` removes live gauges
only), and deleting them would lower the sums, which Prometheus reads as a counter reset. `forget` therefore adds them to one
file for all dead workers, so that no crash, reload or restart leaves more files to read; it uses `MmapedDict`, which is not a
documented class of prometheus_client.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, multiprocess
from prometheus_client.core import Metric
from prometheus_client.mmap_dict import MmapedDict

from models.security_events import LEFT_OUT, WEB_EVENTS

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# A client may send any word as the method, so other words share one label value.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REGISTRY = CollectorRegistry()
# prometheus_client finds the file by process id at each write, so processes that fork after this line share nothing.
REQUESTS = Counter(
    "essaycoach_http_requests_total", "Finished requests.", ["method", "route", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "essaycoach_http_request_duration_seconds", "Time to answer, of requests that did not wait by wish.", ["route"],
    buckets=BUCKETS, registry=REGISTRY,
)  # fmt: skip
WAITING = Gauge(
    "essaycoach_http_waiting_requests",
    "Requests that wait for a change.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
SECURITY_EVENTS = Counter(
    "essaycoach_security_events_total", "Security events that web saw.", ["event"], registry=REGISTRY
)
# The clock writes the lines of these two, and web counts them where they happen.
READS = ("data_read", "person_exported")


def register(app: Flask) -> None:
    """Count and time every finished request of this app. Call it before any other hook is added.

    A view that holds its request because the client asked for it (`Prefer: wait`, an event stream) sets `flask.g.waited`: the
    request is then counted but not timed. Pages set `flask.g.metrics_route`, so that all of a subject are one series.
    """
    # Flask runs the first before-hook first and the first after-hook last, so these two see the full time and the final status.
    app.before_request(_start_timer)
    app.after_request(_record_request)
    # From 0, so that Prometheus sees the first event of a kind as an increase.
    with suppress(OSError):
        for event in (*WEB_EVENTS, *READS, LEFT_OUT):
            SECURITY_EVENTS.labels(event)


def _start_timer() -> None:
    g.metrics_started = time.perf_counter()


def _record_request(response: Response) -> Response:
    route = g.get("metrics_route") or (request.url_rule.rule if request.url_rule is not None else "unmatched")
    method = request.method if request.method in METHODS else "other"
    # A full disk must not turn an answer into an error.
    with suppress(OSError):
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        started = g.get("metrics_started")
        if started is not None and not g.get("waited", False):
            SECONDS.labels(route).observe(time.perf_counter() - started)
    return response


def count_security_event(event: str, times: int = 1) -> None:
    """Count a security event of this process."""
    with suppress(OSError):
        SECURITY_EVENTS.labels(event).inc(times)


def show_waiting(count: int) -> None:
    """Show how many requests wait in this process."""
    with suppress(OSError):
        WAITING.set(count)


def count_refused(method: str, status: int) -> None:
    """Count a request that the server answered without calling the app."""
    with suppress(OSError):
        REQUESTS.labels(method if method in METHODS else "other", "unmatched", str(status)).inc()


def fold_dead_process(pid: int) -> None:
    """Add a dead process's counts to the file for all dead processes, and remove its own files. For gunicorn's child_exit.

    Takes an exclusive lock on the directory. Does nothing when PROMETHEUS_MULTIPROC_DIR is not set or not a directory.
    """
    folder = os.environ.get(DIRECTORY)
    if not folder or not Path(folder).is_dir():
        return
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
    # Readers, here and in the monitoring process, hold a shared lock on the same directory, so none counts a request twice.
    with _locked(folder, fcntl.LOCK_EX):
        for kind in ("counter", "histogram"):
            _fold(Path(folder) / f"{kind}_{pid}.db", into=Path(folder) / f"{kind}_dead.db")


def read_sums() -> list[Metric]:
    """Return the sums over all processes of this host, dead ones included. Raises OSError when there is no directory."""
    folder = os.environ.get(DIRECTORY, "")
    with _locked(folder, fcntl.LOCK_SH):
        # A process that is killed while it creates its file leaves an empty one.
        files = [str(path) for path in Path(folder).glob("*.db") if path.stat().st_size]
        return list(multiprocess.MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]


@contextmanager
def _locked(folder: str, kind: int) -> Iterator[None]:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, kind)
        yield
    finally:
        os.close(lock)


def _fold(dead: Path, *, into: Path) -> None:
    if not dead.exists():
        return
    counts: dict[str, float] = defaultdict(float)
    for path in (into, dead):
        # A process that is killed while it creates its file leaves an empty one.
        if path.exists() and path.stat().st_size:
            for key, value, _, _ in MmapedDict.read_all_values_from_file(path):  # type: ignore[no-untyped-call]
                counts[key] += value
    # Readers take every .db file, so the draft has another suffix until it is complete.
    draft = into.with_suffix(".new")
    draft.unlink(missing_ok=True)
    written = MmapedDict(str(draft))  # type: ignore[no-untyped-call]
    for key, value in counts.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    draft.replace(into)
    dead.unlink()
