"""A gate in front of the vendor, so that a prefix the prompt cache will hold is written once and not by everybody at once.

A prefix can be read from the cache when the first answer that uses it begins. Until then every further call would pay for
writing it again, so it waits a little for the one that is writing: calls of one essay for as long as pays (learned from
how soon answers begin), calls of other essays of the same class for up to five seconds, since the class writes once in five
minutes. Where nothing tells when an answer began, the passes of one essay never wait for each other.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LASTS_SECONDS = 300.0  # a prefix stays in the vendor's cache so long after its last use (documented)
CLASS_SECONDS = 5.0
ESSAY_SECONDS = 2.0
UNKNOWN_SECONDS = 0.5  # patience for one's own essay before anything was learned
PREFIXES = 4_096
_SLICE_SECONDS = 0.1  # whoever stops this thread gets through between two waits
_WEIGHT = 0.2  # of the newest answer in the running means


class CacheTurn:
    """One call on its way through the gate; tell it what happens to the answer."""

    def __init__(self, gate: PromptCacheGate, *, class_key: str, essay_key: str) -> None:
        self._gate = gate
        self.class_key = class_key
        self.essay_key = essay_key
        self.since = time.monotonic()
        self.begun_after: float | None = None

    def began(self) -> None:
        """The answer has begun, so that its prefixes can be read from the cache."""
        if self.begun_after is None:
            self.begun_after = time.monotonic() - self.since
            self._gate.warmed(self)

    def ended(self) -> None:
        """The answer is whole; one that never said when it began came in one piece."""
        self._gate.learned(self, whole_seconds=time.monotonic() - self.since)
        if self.begun_after is None:
            self._gate.warmed(self)


@dataclass
class _Prefix:
    warm_until: float = 0.0
    writer: CacheTurn | None = None


class PromptCacheGate:
    """One for all threads of a process that ask the same vendor. `most_seconds` bounds every wait; with 0 nobody waits."""

    def __init__(self, *, most_seconds: float = CLASS_SECONDS, prefixes: int = PREFIXES) -> None:
        self._most_seconds = most_seconds
        self._limit = prefixes
        self._changed = threading.Condition()
        self._prefixes: OrderedDict[str, _Prefix] = OrderedDict()
        self._tells: bool | None = None  # whether the last whole answer said when it began
        self._begin_seconds: float | None = None
        self._whole_seconds = 0.0

    @contextmanager
    def passing(self, *, class_key: str, essay_key: str) -> Iterator[CacheTurn]:
        """The call may go now; a turn that ends without an answer hands its role to whoever waits for it."""
        turn = CacheTurn(self, class_key=class_key, essay_key=essay_key)
        try:
            self._wait(turn)
            yield turn
        finally:
            self._leave(turn)

    def patience_seconds(self) -> float:
        """Return how long a call waits for another one of the same essay."""
        if self._tells is None:
            return UNKNOWN_SECONDS
        if not self._tells or self._begin_seconds is None or self._begin_seconds >= self._whole_seconds / 2:
            return 0.0
        return min(ESSAY_SECONDS, 1.5 * self._begin_seconds)

    def __len__(self) -> int:
        """Return how many prefixes are known."""
        return len(self._prefixes)

    def warmed(self, turn: CacheTurn) -> None:
        """Both prefixes of this turn can be read from the cache for five minutes from now."""
        with self._changed:
            for key in (turn.class_key, turn.essay_key):
                prefix = self._prefix(key)
                prefix.warm_until = time.monotonic() + LASTS_SECONDS
                prefix.writer = None
            self._changed.notify_all()

    def learned(self, turn: CacheTurn, *, whole_seconds: float) -> None:
        """The running means know of one more whole answer."""
        with self._changed:
            self._tells = turn.begun_after is not None
            if turn.begun_after is None:
                return
            weight = 1.0 if self._begin_seconds is None else _WEIGHT
            self._begin_seconds = (1 - weight) * (self._begin_seconds or 0.0) + weight * turn.begun_after
            self._whole_seconds = (1 - weight) * self._whole_seconds + weight * whole_seconds

    def _wait(self, turn: CacheTurn) -> None:
        arrived = time.monotonic()
        with self._changed:
            while (left := self._left_for_class(turn, arrived)) > 0:
                self._changed.wait(min(left, _SLICE_SECONDS))
            arrived = time.monotonic()
            while (left := self._left_for_essay(turn, arrived)) > 0:
                self._changed.wait(min(left, _SLICE_SECONDS))
            # Whoever goes first writes, for as long as nobody else does.
            now = time.monotonic()
            for key in (turn.class_key, turn.essay_key):
                prefix = self._prefix(key)
                if prefix.writer is None and prefix.warm_until <= now:
                    prefix.writer = turn
            turn.since = now

    def _left_for_class(self, turn: CacheTurn, arrived: float) -> float:
        writer = self._writer(turn.class_key)
        if writer is None or writer.essay_key == turn.essay_key:
            return 0.0
        return self._left(CLASS_SECONDS, writer, arrived)

    def _left_for_essay(self, turn: CacheTurn, arrived: float) -> float:
        writer = self._writer(turn.essay_key)
        return 0.0 if writer is None else self._left(self.patience_seconds(), writer, arrived)

    def _left(self, seconds: float, writer: CacheTurn, arrived: float) -> float:
        # Counted from the writer's start too: behind one that hangs, those who come later need not find out again.
        return min(arrived, writer.since) + min(seconds, self._most_seconds) - time.monotonic()

    def _writer(self, key: str) -> CacheTurn | None:
        """Return who is writing this prefix, or None where it is written or nobody is at it."""
        prefix = self._prefix(key)
        return None if prefix.warm_until > time.monotonic() else prefix.writer

    def _leave(self, turn: CacheTurn) -> None:
        with self._changed:
            for key in (turn.class_key, turn.essay_key):
                prefix = self._prefixes.get(key)
                if prefix is not None and prefix.writer is turn:
                    prefix.writer = None
            self._changed.notify_all()

    def _prefix(self, key: str) -> _Prefix:
        prefix = self._prefixes.setdefault(key, _Prefix())
        self._prefixes.move_to_end(key)
        while len(self._prefixes) > self._limit:
            self._prefixes.popitem(last=False)
        return prefix
