"""Keep the logging of the test process as it is, whatever a program sets up in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from models import log


@contextmanager
def kept_logging() -> Iterator[None]:
    """Restore the handlers and the levels of all loggers that `log.set_up` changes.

    A level that stays, such as the one of a command that says errors only, would hide the lines that a later test reads.
    """
    root = logging.getLogger()
    handlers = root.handlers[:]
    levels = {one: one.level for one in (root, *map(logging.getLogger, (*log.OWN, *log.QUIET)))}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for one, level in levels.items():
            one.setLevel(level)
