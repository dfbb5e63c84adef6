"""Run passes until stopped: `python -m workers run`. It becomes Dramatiq, with the settings of the environment."""

from __future__ import annotations

import argparse
import os
import sys

from workers.commands.check_settings import WORKER
from workers.settings import read_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments: the environment holds the settings."""


def run(chosen: argparse.Namespace) -> int:  # noqa: ARG001 - there are no arguments
    """Become the worker's program, so that signals reach it.

    Raises SettingsError, here and not in each of its processes, so that a wrong setting is one sentence.
    """
    for read in WORKER:
        read()
    # Threads that mostly wait need no heap of their own each: 3 MiB less a process.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    sys.stdout.flush()
    os.execv(sys.executable, command(*read_process()))  # noqa: S606 - a shell would be in the way


def command(processes: int, threads: int, drain_ms: int) -> list[str]:
    """Return the command line of Dramatiq."""
    return [
        sys.executable, "-m", "dramatiq", "workers.boot:boot", "--processes", str(processes), "--threads", str(threads),
        "--worker-shutdown-timeout", str(drain_ms), "--skip-logging",
    ]  # fmt: skip
