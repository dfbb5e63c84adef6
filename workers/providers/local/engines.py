"""Load the grammar engines that are installed, and call each from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from workers.providers.contract import Outcome, Pause
from workers.providers.local.flags import Engine, Flag
from workers.providers.local.guards import blocks
from workers.providers.local.harper_engine import Harper
from workers.providers.local.lingo import Lingo

# This wait and the reading of one text together stay well below the time limit of a message.
PATIENCE_SECONDS = 45.0
BUSY_SECONDS = 5.0
# Reading stops once a text has more flags than this: each costs about a millisecond, and only 25 comments are shown.
ENOUGH_FLAGS = 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineFlags:
    """The flags of each engine for one text. An engine that is not installed, or that panicked, has none.

    `silent` names those engines. `until` is the offset where reading stopped because there were more than ENOUGH_FLAGS flags;
    None when the whole text was read.
    """

    lingo: tuple[Flag, ...]
    harper: tuple[Flag, ...]
    versions: tuple[tuple[str, str], ...]
    silent: tuple[str, ...]
    common: frozenset[str]
    until: int | None = None

    def has(self, name: str) -> bool:
        """Return whether this engine read the text, up to `until` where that is set."""
        return any(name == engine_name for engine_name, _ in self.versions)


class Engines:
    """Both engines, each behind a thread of its own, loaded when the first text is read.

    Each engine keeps memory for every thread that has called it: 32 worker threads cost 1.6 GB, one thread 0.7 GB. Both read
    the same block at the same time, and one text is read after the other. A few very long essays can occupy them for
    minutes. A caller who waits longer than `patience_seconds` is sent away.
    """

    def __init__(
        self,
        lingo: Callable[[], Engine] = Lingo,
        harper: Callable[[], Engine] = Harper,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._factories = {"lingotweaker": lingo, "harper-py": harper}
        self._loaded: dict[str, Engine | None] = {}
        self._turn = threading.Lock()
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._patience_seconds = patience_seconds

    def read_flags(self, safe: str, dialect: str) -> EngineFlags:
        """Return the flags of the engines for a text that `guards.engine_text` has made safe.

        Raises Pause when the engines are busy with other texts for longer than `patience_seconds`.
        """
        if not self._turn.acquire(timeout=self._patience_seconds):
            message = "every engine of this process is busy with other essays"
            raise Pause(Outcome.OVERLOADED, message, retry_after_seconds=BUSY_SECONDS)
        try:
            return self._read(safe, dialect)
        finally:
            self._turn.release()

    def _read(self, safe: str, dialect: str) -> EngineFlags:
        for name in self._factories:
            if name not in self._threads:
                self._threads[name] = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        loading = {name: self._threads[name].submit(self._load, name) for name in self._factories}
        active = {name: engine for name, one in loading.items() if (engine := one.result()) is not None}
        flags_by_engine: dict[str, list[Flag]] = {name: [] for name in active}
        until: int | None = None
        for block in blocks(safe):
            if sum(map(len, flags_by_engine.values())) > ENOUGH_FLAGS:
                until = block.start
                break
            reading = {
                name: self._threads[name].submit(engine.flags, safe, (block,), dialect)
                for name, engine in active.items()
            }
            wait(reading.values())
            for name, one in reading.items():
                try:
                    flags_by_engine[name] += one.result()
                except BaseException as error:
                    # A Rust panic arrives as PanicException, which is not a subclass of Exception. Any other error is raised again.
                    if type(error).__name__ != "PanicException":
                        raise
                    del self._loaded[name], active[name], flags_by_engine[name]
        return EngineFlags(
            lingo=_sorted_by_place(flags_by_engine.get("lingotweaker", [])),
            harper=_sorted_by_place(flags_by_engine.get("harper-py", [])),
            versions=tuple((name, engine.version) for name, engine in active.items()),
            silent=tuple(name for name in self._factories if name not in active),
            common=frozenset().union(*(engine.common for engine in active.values())),
            until=until,
        )

    def _load(self, name: str) -> Engine | None:
        if name not in self._loaded:
            try:
                self._loaded[name] = self._factories[name]()
            except ImportError:
                self._loaded[name] = None
        return self._loaded[name]


def _sorted_by_place(flags: list[Flag]) -> tuple[Flag, ...]:
    return tuple(sorted(flags, key=lambda flag: (flag.start, flag.end, flag.rule, flag.suggestions)))
