"""Look at processes that may end at any moment."""

from __future__ import annotations

from contextlib import suppress

import psutil


def is_alive(pid: int) -> bool:
    """Return whether the process exists and has not ended. One that ended and that nobody has waited for yet is not alive."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def children_with(word: str, *, of: psutil.Process) -> list[psutil.Process]:
    """Return the living processes that this one started, directly or not, with the word in one of their arguments."""
    found = []
    for one in of.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile; a zombie counts as such
            if any(word in argument for argument in one.cmdline()):
                found.append(one)
    return found
