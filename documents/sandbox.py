"""Limit this process before it reads a file that could be hostile. Linux enforces each limit; none can be lifted again without root.

- memory (RLIMIT_AS) and computing time (RLIMIT_CPU, and SIGALRM for the time on the clock);
- where the machine runs out of memory nevertheless, this process is the first that Linux ends (oom_score_adj);
- no network and no further file: no file descriptor can be opened (RLIMIT_NOFILE 0), so no socket either. Where the system permits it,
  the process moves into a network of its own with nothing in it (unshare) as well;
- no process or thread (RLIMIT_NPROC), no core dump, an answer of MAX_ANSWER_BYTES at most (RLIMIT_FSIZE);
- no further privilege from a program that it would run (PR_SET_NO_NEW_PRIVS).

The parent gives it an empty environment. A process of root could lift the limits again, so production does not run as root.
"""

from __future__ import annotations

import ctypes
import resource
import signal
from contextlib import suppress
from pathlib import Path

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 10
CLOCK_SECONDS = 20
MAX_ANSWER_BYTES = 4 * 1024 * 1024

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_SET_NO_NEW_PRIVILEGES = 38


def limit_time_and_memory() -> None:
    """Set the limits that imports may work under as well."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_ANSWER_BYTES, MAX_ANSWER_BYTES))
    signal.setitimer(signal.ITIMER_REAL, CLOCK_SECONDS)


def lock_down() -> None:
    """Let this process open nothing more: no file, no socket, no process. Import everything that is needed before."""
    libc = ctypes.CDLL(None)
    # A container may forbid it. Without file descriptors there is no socket anyway.
    libc.unshare(_NEW_USER | _NEW_NETWORK)
    libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
