"""Which engines does this machine have, and on which thread may they be asked?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from workers.providers.base import Outcome, Pause
from workers.providers.local.flags import Engine, Flag
from workers.providers.local.guards import blocks
from workers.providers.local.harper_engine import Harper
from workers.providers.local.lingo import Lingo

# Together with reading one text, well inside the time limit of a message.
PATIENCE_SECONDS = 45.0
BUSY_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What each engine said about one text; an engine that is missing or fell over said nothing."""

    lingo: tuple[Flag, ...]
    harper: tuple[Flag, ...]
    versions: tuple[tuple[str, str], ...]
    silent: tuple[str, ...]
    common: frozenset[str]

    def has(self, name: str) -> bool:
        """Return whether this engine read the whole text."""
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

    def hear(self, safe: str, dialect: str) -> Heard:
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

    def _hear(self, safe: str, dialect: str) -> Heard:
        parts = blocks(safe)
        said: dict[str, tuple[Flag, ...]] = {}
        versions: list[tuple[str, str]] = []
        common: frozenset[str] = frozenset()
        for name in self._makers:
            engine = self._engine(name)
            if engine is None:
                continue
            try:
                said[name] = tuple(engine.flags(safe, parts, dialect))
            except BaseException as error:
                # A Rust panic arrives as PanicException, which is no Exception; anything else is not ours to stop.
                if type(error).__name__ != "PanicException":
                    raise
                self._loaded.pop(name)
                continue
            versions.append((name, engine.version))
            common |= engine.common
        silent = tuple(name for name in self._makers if name not in said)
        return Heard(
            lingo=said.get("lingotweaker", ()),
            harper=said.get("harper-py", ()),
            versions=tuple(versions),
            silent=silent,
            common=common,
        )

    def _engine(self, name: str) -> Engine | None:
        if name not in self._loaded:
            try:
                self._loaded[name] = self._makers[name]()
            except ImportError:
                self._loaded[name] = None
        return self._loaded[name]
