"""Run calls at the same moment, and wait for a condition."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from models import db

Answer = TypeVar("Answer")

PATIENCE_SECONDS = 60.0


def together(count: int, call: Callable[[int], Answer]) -> list[Answer | Exception]:
    """Run `call(0)`, `call(1)` … in threads that one barrier releases together. Return what each returned or raised."""
    barrier = threading.Barrier(count, timeout=PATIENCE_SECONDS)

    def run(number: int) -> Answer | Exception:
        barrier.wait()
        try:
            return call(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def warm_up(count: int = 12) -> None:
    """Open so many pooled connections, so that the statements race and not the connecting, which is sequential.

    Over them nobody is refused for waiting long: on a busy machine, the last of many threads gets a lock after seconds.
    """
    all_connected = threading.Barrier(count, timeout=PATIENCE_SECONDS)

    def hold(_: int) -> None:
        with db.session():
            db.run(f"set lock_timeout = '{PATIENCE_SECONDS:.0f}s'")
            all_connected.wait()

    assert together(count, hold) == [None] * count


def eventually(
    condition: Callable[[], object], *, within_seconds: float = 60.0, what: str = "the awaited condition"
) -> None:
    """Wait until the condition is true. Raise AssertionError if it is not true in time.

    The limit only ends a test that will fail. It is long, because a busy machine needs many seconds to start a program.
    """
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {within_seconds:.0f} s"
        time.sleep(0.01)


def promptly(
    call: Callable[[], Answer], *, seconds: float, what: str = "the call", clock: Callable[[], float] = time.monotonic
) -> Answer:
    """Return what the call returns, when it took less than so many seconds of this clock.

    A busy machine may hold up any call. So one that took longer is made anew, and only when none is prompt, AssertionError is raised.
    """
    taken = []
    for _ in range(10):
        started = clock()
        answer = call()
        taken.append(clock() - started)
        if taken[-1] < seconds:
            return answer
    raise AssertionError(f"{what} never took less than {seconds} s: {[round(one, 2) for one in taken]}")
