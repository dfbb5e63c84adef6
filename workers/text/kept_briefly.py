"""Keep for a short time what was worked out about an essay, so that its three passes work it out once.

The values may hold decrypted words, so they stay in memory for at most a minute (twice SECONDS), also in a worker that has nothing more to
do, and each function keeps only a few of them. They are never written anywhere.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

SECONDS = 30.0
ESSAYS = 32  # for functions of one essay: about as many as one process reads at a time

_P = ParamSpec("_P")
_V = TypeVar("_V")


class _Slot(Generic[_V]):
    """The value for one call of a function. Whoever comes while it is being made waits for it."""

    def __init__(self) -> None:
        self.ends_at = time.monotonic() + SECONDS
        self._lock = threading.Lock()
        self._made: list[_V] = []

    def value(self, make: Callable[[], _V]) -> _V:
        with self._lock:
            if not self._made:
                self._made.append(make())
            return self._made[0]


_lock = threading.RLock()
_all_slots: list[OrderedDict[Any, _Slot[Any]]] = []
_sweeper: list[threading.Timer] = []


def kept_briefly(*, most: int = ESSAYS) -> Callable[[Callable[_P, _V]], Callable[_P, _V]]:
    """Let a function without side effects keep its last `most` values. The arguments must be hashable, the values immutable."""

    def decorate(function: Callable[_P, _V]) -> Callable[_P, _V]:
        slots: OrderedDict[Any, _Slot[_V]] = OrderedDict()
        _all_slots.append(slots)

        @wraps(function)
        def kept(*args: _P.args, **kwargs: _P.kwargs) -> _V:
            asked = (args, tuple(sorted(kwargs.items())))
            with _lock:
                slot = slots.get(asked)
                if slot is None:
                    slot = slots[asked] = _Slot()
                    if len(slots) > most:
                        slots.popitem(last=False)
                    _start_sweeper()
                else:
                    slots.move_to_end(asked)
            return slot.value(lambda: function(*args, **kwargs))

        return kept

    return decorate


def forget(now: float) -> int:
    """Drop every value whose time is over at `now`, a moment of the monotonic clock, and return how many are left."""
    with _lock:
        for slots in _all_slots:
            for asked in [asked for asked, slot in slots.items() if slot.ends_at <= now]:
                del slots[asked]
        return sum(map(len, _all_slots))


def _start_sweeper() -> None:
    # A timer does not survive a fork, so look whether it lives.
    if not (_sweeper and _sweeper[0].is_alive()):
        _sweeper[:] = [threading.Timer(SECONDS, _sweep)]
        _sweeper[0].daemon = True
        _sweeper[0].start()


def _sweep() -> None:
    with _lock:
        _sweeper.clear()
        if forget(time.monotonic()):
            _start_sweeper()
