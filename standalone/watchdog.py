"""Stop the supervisor's children once the supervisor is gone.

This is a program of its own. It is started by path and without site packages, so it imports only the standard library. The
supervisor writes a line to its standard input for each child that starts or ends; children that run already are lines among
its arguments. When the supervisor dies, for any reason, that pipe ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

TICK_SECONDS = 0.02


@dataclass(frozen=True)
class Child:
    """How to stop a process group: by this signal, in this stage, killed after this time."""

    stop_signal: int
    stage: int
    grace_seconds: float


def main() -> None:
    """Read children until standard input ends, then stop those that still run: the highest stage first."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # only the end of the pipe counts
    children = read_children(chain(sys.argv[1:], sys.stdin))
    for stage in sorted({child.stage for child in children.values()}, reverse=True):
        stop({pid: child for pid, child in children.items() if child.stage == stage})


def read_children(lines: Iterable[str]) -> dict[int, Child]:
    """Return the children that were started and not reported as ended, by pid.

    A line is `pid started(1 or 0) stop_signal stage grace_seconds`.
    """
    children: dict[int, Child] = {}
    for line in lines:
        pid, started, stop_signal, stage, grace_seconds = line.split()
        children.pop(int(pid), None)
        if started == "1":
            children[int(pid)] = Child(int(stop_signal), int(stage), float(grace_seconds))
    return children


def stop(children: dict[int, Child]) -> None:
    """Ask the running children to stop, wait for the longest grace time, and kill every group that is left."""
    running = {pid: child for pid, child in children.items() if is_running(pid)}
    for pid, child in running.items():
        with suppress(ProcessLookupError):
            os.kill(pid, child.stop_signal)
    deadline = time.monotonic() + max((child.grace_seconds for child in running.values()), default=0.0)
    while time.monotonic() < deadline and any(is_running(pid) for pid in running):
        time.sleep(TICK_SECONDS)
    for pid in children:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Return whether the process exists and is no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        # Without /proc, `kill` alone shows whether the process exists.
        return not Path("/proc/self/stat").exists()


if __name__ == "__main__":
    main()
