"""Structured logs: one JSON object per line on standard error, with facts as fields and no text that a person wrote."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, cast
from uuid import UUID

# Structlog would load what draws tracebacks and what runs greenlets, where they are installed: 6 MiB of each process for nothing.
NOT_NEEDED = ("rich", "greenlet")
for _name in NOT_NEEDED:
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]
import structlog  # noqa: E402

for _name in NOT_NEEDED:
    if sys.modules[_name] is None:
        del sys.modules[_name]

# Longer texts are cut. Libraries put values into their lines, such as the arguments of a message, that anybody may have sent.
LONGEST_TEXT = 2000
# The loggers of our rooms, and of a module that is started by `python -m`.
OWN = ("ingest", "workers", "models", "monitoring", "migrations", "outgoing", "standalone", "__main__")
# These libraries log a lot at INFO, and one of them would log the request lines of calls to the AI vendor.
QUIET = ("httpx", "httpx2", "httpcore2", "anthropic", "apscheduler", "dramatiq.worker")


def set_up(program: str, *, level: str = "INFO") -> None:
    """Send every log line of this process, also those of libraries and of uncaught exceptions, to standard error as JSON.

    `level` is for our own modules. Libraries log from INFO on at most, because some of them write what they send or store.
    """

    def add_process(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("program", program)
        event["pid"] = os.getpid()
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        add_process,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _traceback,
                _cut,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.getLevelName(level), logging.INFO))
    for name in OWN:
        logging.getLogger(name).setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    # A test runner has hooks of its own, which stay.
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _log_uncaught
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _log_uncaught_in_thread


def _log_uncaught(kind: type[BaseException], error: BaseException, place: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, place)
    else:
        logger(__name__).critical("uncaught exception", exc_info=error)


def _log_uncaught_in_thread(uncaught: threading.ExceptHookArgs) -> None:
    name = uncaught.thread.name if uncaught.thread else ""
    logger(__name__).critical("uncaught exception", exc_info=uncaught.exc_value, thread=name)


def _traceback(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its types and places. Leave out its message and locals, which may contain an essay."""
    exc_info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if exc_info is True else exc_info[1] if isinstance(exc_info, tuple) else exc_info
    chain: list[dict[str, Any]] = []
    while isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-12:]
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        sqlstate = next((part.pgcode for part in (error, *error.args) if getattr(part, "pgcode", None)), None)
        chain.append({"type": type(error).__name__, "at": where} | ({"sqlstate": sqlstate} if sqlstate else {}))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if chain:
        event["exception"] = chain
    return event


def _cut(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cut every text of a line that is longer than LONGEST_TEXT, and say how long it was."""
    for name, value in event.items():
        text = value if isinstance(value, str) else None if isinstance(value, int | float | None) else repr(value)
        if text is not None and len(text) > LONGEST_TEXT and name != "exception":
            event[name] = f"{text[:LONGEST_TEXT]}… ({len(text)} characters)"
    return event


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(name))


@contextmanager
def log_context(**facts: Any) -> Iterator[None]:
    """Add the facts to every log line that is written inside the block."""
    with structlog.contextvars.bound_contextvars(**facts):
        yield


def trace_id() -> UUID | None:
    """Return the id of the trace that this thread works for, or None."""
    found = structlog.contextvars.get_contextvars().get("trace_id")
    return None if found is None else UUID(hex=str(found))


def request_id() -> str | None:
    """Return the id of the request that this thread is serving, or None."""
    found = structlog.contextvars.get_contextvars().get("request_id")
    return None if found is None else str(found)
