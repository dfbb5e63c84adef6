"""Read grammar in a few processes beside the worker, each with both engines, so that a slow essay holds up nothing else.

A process that dies, hangs or grows is replaced. One thread owns each process: Linux ends a process with the thread that
started it, and this one lives as long as the worker.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from models.jobs import PassName
from models.log import logger
from workers.passes.request import PassRequest
from workers.providers.contract import GiveUp, Outcome, Pause, Repair, Reply, TryAgain
from workers.providers.local.engines import BUSY_SECONDS, PATIENCE_SECONDS, Engines
from workers.providers.local.fair_line import FairLine, Full
from workers.providers.local.provider import LocalProvider

log = logger(__name__)

ROOT = Path(__file__).resolve().parents[3]
COMMAND = ("-P", "-m", "workers.providers.local.engine_process")
# The longest essay that an engine is known to read takes half a minute. Loading takes two seconds.
READING_SECONDS = 60.0
# A fresh process has 500 MiB. A replaced one costs two seconds of loading.
LARGEST_MIB = 1_000.0
# With so many essays of a school in line, a further one is refused.
MOST_IN_LINE = 64

_REQUEST = TypeAdapter(PassRequest)
_REPLY = TypeAdapter(Reply)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Reading:
    """One essay to read. `context` names the pass in log lines."""

    request: PassRequest
    reply: Future[Reply] = field(default_factory=Future)
    context: Context = field(default_factory=copy_context)


class EnginePool:
    """Processes that read grammar. They start with `start` or the first essay, and end with this process."""

    def __init__(
        self,
        *,
        size: int = 1,
        reading_seconds: float = READING_SECONDS,
        largest_mib: float = LARGEST_MIB,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._size = size
        self._reading_seconds = reading_seconds
        self._largest_mib = largest_mib
        self._command = command
        self._line: FairLine[_Reading] = FairLine(most=MOST_IN_LINE)
        self._under_way: set[Future[Reply]] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the processes, which load their engines. Calling it again changes nothing."""
        with self._lock:
            while len(self._threads) < self._size:
                thread = threading.Thread(target=self._serve, name="engine", daemon=True)
                self._threads.append(thread)
                thread.start()

    def begin(self, request: PassRequest) -> Future[Reply]:
        """Put the essay in line, where schools take turns, and return the reply to come. Cancel it when nobody wants it any more.

        The reply raises Pause when too many essays of its school are in line, and TryAgain when a process died or hung over
        this one.
        """
        self.start()
        reading = _Reading(request=request)
        try:
            self._line.put(reading, group=request.org)
        except Full:
            reading.reply.set_exception(_busy())
        return reading.reply

    def under_way(self) -> set[Future[Reply]]:
        """Return the replies that processes are working on."""
        return self._under_way.copy()

    def close(self) -> None:
        """End the processes once they have read what is in line."""
        with self._lock:
            threads, self._threads = self._threads, []
        self._line.close()
        for thread in threads:
            thread.join()

    def _serve(self) -> None:
        process = _EngineProcess(self._command)
        process.replace()
        while (reading := self._line.get()) is not None:
            if not reading.reply.set_running_or_notify_cancel():
                continue
            self._under_way.add(reading.reply)
            try:
                reading.reply.set_result(reading.context.run(self._read, process, reading.request))
            except BaseException as error:  # noqa: BLE001 - raised again by whoever waits for the reply
                reading.reply.set_exception(error)
            finally:
                self._under_way.discard(reading.reply)
        process.end()

    def _read(self, process: _EngineProcess, request: PassRequest) -> Reply:
        """Return the reply. A process that dies is replaced and asked once more: it may have been killed from outside."""
        question, ends_at = _REQUEST.dump_json(request), time.monotonic() + self._reading_seconds
        for _ in range(2):
            try:
                answer = process.ask(question, seconds=ends_at - time.monotonic())
            except TimeoutError:
                self._replace(process, "hangs")
                raise TryAgain(Outcome.TIMEOUT, "a grammar engine read this essay for too long") from None
            except (EOFError, OSError):
                self._replace(process, "died")
                continue
            if process.resident_mib() > self._largest_mib:
                self._replace(process, "grew")
            if not answer.startswith(b"{"):
                raise GiveUp(Outcome.CRASHED, f"a grammar engine failed: {answer[:200].decode(errors='replace')}")
            return _REPLY.validate_json(answer)
        raise TryAgain(Outcome.CRASHED, "a grammar engine died over this essay")

    def _replace(self, process: _EngineProcess, reason: str) -> None:
        log.warning("engine process replaced", reason=reason)
        process.replace()


class _EngineProcess:
    """One process and the connection to it. Only one thread may use it."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Any = None

    def start(self) -> None:
        """Start the process. Raises OSError when the system cannot."""
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - a program of ours
                [sys.executable, *self._command, str(theirs.fileno())],
                env={"PYTHONPATH": str(ROOT)},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )

    def ask(self, question: bytes, *, seconds: float) -> bytes:
        """Return the answer. Raises TimeoutError after `seconds`, and EOFError or OSError when the process has died."""
        if self._process is None:
            self.start()
        self._connection.send_bytes(question)
        if not self._connection.poll(max(0.0, seconds)):
            raise TimeoutError
        answer: bytes = self._connection.recv_bytes()
        return answer

    def resident_mib(self) -> float:
        """Return the resident memory of the process, 0 where the system does not say."""
        try:
            pages = int(Path(f"/proc/{self._process.pid if self._process else 0}/statm").read_text().split()[1])
        except OSError:
            return 0.0
        return pages * os.sysconf("SC_PAGESIZE") / 2**20

    def replace(self) -> None:
        """Kill the process if there is one, and start another. Its engines load while nobody waits."""
        self.end()
        with suppress(OSError):  # the next question tries again
            self.start()

    def end(self) -> None:
        """Kill the process, if there is one."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._connection = None


class PooledProvider(LocalProvider):
    """The local provider whose grammar passes a pool of processes reads. This process loads no engine."""

    def __init__(self, pool: EnginePool, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        super().__init__(Engines())
        self._pool = pool
        self._patience_seconds = patience_seconds

    def warm_up(self) -> None:
        """Let the processes load their engines, and wait for nothing."""
        self._pool.start()

    def begin(self, request: PassRequest) -> Future[Reply]:
        """Begin to read the grammar of an essay, and return the reply to come."""
        return self._pool.begin(request)

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        """Return the answer to one pass. Raises Pause when the processes stay busy with other essays, and TryAgain."""
        if request.pass_name is not PassName.GRAMMAR:
            return super().ask(request, repair=repair)
        reply = self.begin(request)
        try:
            return reply.result(timeout=self._patience_seconds)
        except TimeoutError:
            if reply.cancel():
                raise _busy() from None
        # Reading has already begun, and its time is limited.
        return reply.result()


def _busy() -> Pause:
    return Pause(Outcome.OVERLOADED, "the grammar engines are busy with other essays", retry_after_seconds=BUSY_SECONDS)
