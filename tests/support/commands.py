"""Run command lines inside the test process, as if each were its own program."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import structlog

from models import crypto, db
from tests.support import schools


@dataclass(frozen=True)
class CommandResult:
    """The exit code and output of a command."""

    returncode: int
    stdout: str
    stderr: str


def run_command(main: Callable[[list[str]], int], *arguments: str) -> CommandResult:
    """Run a command line with the current environment, and return its exit code and output.

    A command sets up logging, the database pool and the keys of its process. All three are restored afterwards.
    """
    root = logging.getLogger()
    handlers, level, keys = root.handlers[:], root.level, crypto._loaded[:]
    out, err = io.StringIO(), io.StringIO()
    db.database.close_idle()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(list(arguments))
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    finally:
        db.database.close_idle()
        root.handlers[:] = handlers
        root.setLevel(level)
        crypto._loaded[:] = keys
        structlog.contextvars.clear_contextvars()
        schools.reconnect()
    return CommandResult(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())
