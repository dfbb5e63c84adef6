"""Run command lines inside the test process, as if each were its own program."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import structlog

from models import crypto, db, security_events
from tests.support import schools
from tests.support.logs import kept_logging


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
    keys = crypto._loaded[:]
    out, err = io.StringIO(), io.StringIO()
    db.database.close_idle()
    # What another app of this process has still to say does not belong into the output of the command.
    security_events.close()
    try:
        with kept_logging(), redirect_stdout(out), redirect_stderr(err):
            code = main(list(arguments))
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    finally:
        db.database.close_idle()
        crypto._loaded[:] = keys
        structlog.contextvars.clear_contextvars()
        schools.reconnect()
    return CommandResult(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())
