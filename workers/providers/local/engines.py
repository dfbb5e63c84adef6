"""Which engines does this machine have, and on which thread may they be asked?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from workers.providers.contract import Outcome, Pause
from workers.providers.local.flags import Engine, Flag
from workers.providers.local.guards import blocks
from workers.providers.local.harper_engine import Harper
from workers.providers.local.lingo import Lingo

# Together with reading one text, well inside the time limit of a message.
PATIENCE_SECONDS = 45.0
BUSY_SECONDS = 5.0
# A text with more flags than this is read no further: each costs about a millisecond, and 25 comments are shown.
ENOUGH_FLAGS = 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineFlags:
    """What each engine said about one text; an engine that is missing or fell over said nothing.

    `until` is where reading stopped because there was more than enough to say; None where all of the text was read.
    """

    lingo: tuple[Flag, ...]
    harper: tuple[Flag, ...]
    versions: tuple[tuple[str, str], ...]
    silent: tuple[str, ...]
    common: frozenset[str]
    until: int | None = None

    def has(self, name: str) -> bool:
        """Return whether this engine read the text, as far as it was read."""
        return any(name == one for one, _ in self.versions)


class Engines:
    """Both engines behind one thread, loaded at the first question.

    Both keep memory for every thread that ever called them (32 worker threads cost 1.6 GB, one thread 0.7 GB), and one
    thread reads ten essays a second, so all questions of a process wait their turn here. A few very long essays can hold
    that thread for minutes: who waits longer than its patience goes back to the queue, and it is nobody's fault.
    """

    def __init__(
        self,
        lingo: Callable[[], Engine] = Lingo,
        harper: Callable[[], Engine] = Harper,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._makers = {"lingotweaker": lingo, "harper-py": harper}
        self._loaded: dict[str, Engine | None] = {}
        self._lock = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._patience_seconds = patience_seconds

    def hear(self, safe: str, dialect: str) -> EngineFlags:
        """Return what the engines say about a text that `guards.engine_text` has made safe."""
        with self._lock:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engines")
        turn = self._thread.submit(self._hear, safe, dialect)
        try:
            return turn.result(timeout=self._patience_seconds)
        except TimeoutError:
            if turn.cancel():
                busy = "every engine of this process is busy with other essays"
                raise Pause(Outcome.OVERLOADED, busy, retry_after_seconds=BUSY_SECONDS) from None
        # Its turn has come meanwhile; one text takes half a minute at the very worst.
        return turn.result()

    def _hear(self, safe: str, dialect: str) -> EngineFlags:
        found = {name: self._engine(name) for name in self._makers}
        reading = {name: engine for name, engine in found.items() if engine is not None}
        said: dict[str, list[Flag]] = {name: [] for name in reading}
        until: int | None = None
        for part in blocks(safe):
            if sum(map(len, said.values())) > ENOUGH_FLAGS:
                until = part.start
                break
            for name, engine in list(reading.items()):
                try:
                    said[name] += engine.flags(safe, (part,), dialect)
                except BaseException as error:
                    # A Rust panic arrives as PanicException, which is no Exception; anything else is not ours to stop.
                    if type(error).__name__ != "PanicException":
                        raise
                    del self._loaded[name], reading[name], said[name]
        return EngineFlags(
            lingo=_in_order(said.get("lingotweaker", [])),
            harper=_in_order(said.get("harper-py", [])),
            versions=tuple((name, engine.version) for name, engine in reading.items()),
            silent=tuple(name for name in self._makers if name not in reading),
            common=frozenset().union(*(engine.common for engine in reading.values())),
            until=until,
        )

    def _engine(self, name: str) -> Engine | None:
        if name not in self._loaded:
            try:
                self._loaded[name] = self._makers[name]()
            except ImportError:
                self._loaded[name] = None
        return self._loaded[name]


def _in_order(flags: list[Flag]) -> tuple[Flag, ...]:
    return tuple(sorted(flags, key=lambda flag: (flag.start, flag.end, flag.rule, flag.suggestions)))
