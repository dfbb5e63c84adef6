"""Keep named programs running, each in a session of its own, restarted when it dies, and stopped with this process.

One thread owns every child: it alone starts, reaps, restarts and stops them, so an exception from a signal handler in the
main thread can never fall between starting a child and recording it. One watchdog process holds the reading end of a pipe:
when this process ends, however that happens, the pipe ends and the watchdog stops every child. (PR_SET_PDEATHSIG does not
fit. It fires when the *thread* that started the child ends, it is lost when the child changes user, as PostgreSQL does under
root, and it reaches only the leader of a group.)
"""

from __future__ import annotations

import atexit
import fcntl
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self, TypeVar

import psutil

from standalone.procfile import Command

Reply = TypeVar("Reply")
WATCHDOG = Path(__file__).with_name("watchdog.py")

TICK_SECONDS = 0.05
DEATHS_BEFORE_WAITING = 5
DEATHS_WINDOW_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 30.0


class AlreadyRunning(RuntimeError):
    """Another supervisor owns this data directory."""


@dataclass
class _Child:
    command: Command
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS_BEFORE_WAITING))
    wait_seconds: float = 0.0
    start_at: float = 0.0
    started_at: float = 0.0
    last_words: str = ""
    echoed: int = 0

    def schedule_restart(self, now: float) -> None:
        """Set `start_at`: now for a child that died rarely, and later each time for one that keeps dying."""
        if now - self.started_at >= DEATHS_WINDOW_SECONDS:
            self.deaths.clear()
            self.wait_seconds = 0.0
        self.deaths.append(now)
        recent = sum(now - at < DEATHS_WINDOW_SECONDS for at in self.deaths)
        if self.wait_seconds:
            self.wait_seconds = min(self.wait_seconds * 2, LONGEST_WAIT_SECONDS)
        elif recent >= DEATHS_BEFORE_WAITING:
            self.wait_seconds = 1.0
        self.start_at = now + self.wait_seconds


class Supervisor:
    """Runs commands for one data directory; leaving the `with` block stops them all."""

    def __init__(
        self, data_dir: Path, *, echo: IO[str] | None = None, say: Callable[[str], None] | None = None
    ) -> None:
        self.log_dir = data_dir / "log"
        self.log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._echo = echo
        self._say = say or _print_error
        self._children: dict[str, _Child] = {}
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue()
        self._leaving = False
        self._stopped = False
        self._stop_lock = threading.Lock()
        self._lock = _lock(data_dir / "supervisor.lock")
        self._watchdog = _start_watchdog(self._lock)
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    def start(self, command: Command) -> int:
        """Start the command with its output in `DATA/log/NAME.log`. Return its pid, which is also its process group."""
        return self._run_in_owner(lambda: self._start_first(command))

    def stop_one(self, name: str) -> None:
        """Stop the named command and do not restart it. `start` starts it again."""
        self._run_in_owner(lambda: self._end([self._children.pop(name)]))

    def stop(self) -> None:
        """Stop every child, later stages first. Calling it again changes nothing."""
        with self._stop_lock:
            if self._stopped:
                return
            if not self._leaving:
                self._run_in_owner(self._stop_all)
            self._stopped = True
            self._thread.join()
            assert self._watchdog.stdin is not None
            self._watchdog.stdin.close()
            try:
                self._watchdog.wait(timeout=5.0)
            except subprocess.TimeoutExpired:  # a child that was forked without exec holds our end of the pipe
                self._watchdog.kill()
                self._watchdog.wait()
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            os.close(self._lock)
            atexit.unregister(self.stop)

    def pids(self) -> dict[str, int]:
        """Return the pid of every running child by name. A child that waits for its restart is missing."""
        return {
            name: process.pid
            for name, child in list(self._children.items())
            if (process := child.process) is not None  # read once: the owning thread may reap it meanwhile
        }

    def stop_on_signals(self) -> None:
        """Raise SystemExit in the main thread on SIGTERM, SIGINT and SIGHUP, so that its `with` blocks stop everything."""

        def leave(signum: int, _frame: FrameType | None) -> None:
            for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the clean-up
            raise SystemExit(128 + signum)

        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, leave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run_in_owner(self, job: Callable[[], Reply]) -> Reply:
        future: Future[Reply] = Future()

        def answer() -> None:
            try:
                future.set_result(job())
            except BaseException as error:  # the caller gets it, not the owning thread
                future.set_exception(error)

        self._jobs.put(answer)
        while not future.done():
            wait([future], timeout=0.5)
            if not self._thread.is_alive() and not future.done():
                raise RuntimeError("this supervisor has stopped")
        return future.result()

    # Everything below runs in the owning thread only.

    def _run(self) -> None:
        while not self._leaving:
            with suppress(queue.Empty):
                self._jobs.get(timeout=TICK_SECONDS)()
            for child in list(self._children.values()):
                try:
                    self._check_child(child)
                    self._copy_output(child)
                except Exception as error:  # a fault with one child must not stop the care for the others
                    self._say(f"standalone: {child.command.name}: {_one_line(error)}")

    def _start_first(self, command: Command) -> int:
        if command.name in self._children:
            raise ValueError(f"{command.name} has been started already")
        log = self.log_dir / f"{command.name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        child = _Child(command=command, log=log)
        pid = self._spawn(child)
        self._children[command.name] = child
        return pid

    def _spawn(self, child: _Child) -> int:
        command = child.command
        if command.before_start is not None:
            command.before_start()
        descriptor = os.open(child.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            child.process = subprocess.Popen(
                command.argv,
                env=dict(command.env),
                cwd=command.cwd,
                user=command.user,
                group=command.group,
                extra_groups=None if command.user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        child.started_at = time.monotonic()
        self._tell_watchdog(child, started=True)
        return child.process.pid

    def _check_child(self, child: _Child) -> None:
        if self._watchdog.poll() is not None:
            self._watchdog = _start_watchdog(self._lock)
            for each in self._children.values():
                if each.process is not None:
                    self._tell_watchdog(each, started=True)
        now = time.monotonic()
        if child.process is not None:
            if child.process.poll() is None:
                return
            end = _how_it_ended(child.process.returncode)
            child.last_words = f"{child.command.name} (pid {child.process.pid}) {end}"
            self._reap(child)
            child.schedule_restart(now)
            if child.wait_seconds:
                self._say(f"standalone: {child.last_words}; it keeps dying, next start in {child.wait_seconds:.0f} s")
                child.last_words = child.command.name
        if now < child.start_at:
            return
        try:
            pid = self._spawn(child)
        except (
            Exception
        ) as error:  # such as a taken port or a missing file: print it and try again, less and less often
            child.wait_seconds = min(max(1.0, child.wait_seconds * 2), LONGEST_WAIT_SECONDS)
            child.start_at = time.monotonic() + child.wait_seconds
            trouble = f"not started again ({_one_line(error)}), next try in {child.wait_seconds:.0f} s"
            self._say(f"standalone: {child.last_words}; {trouble}")
            child.last_words = child.command.name
        else:
            self._say(f"standalone: {child.last_words}; started again as pid {pid}")

    def _reap(self, child: _Child) -> None:
        """Kill what is left of the process group of a child whose leader has ended."""
        assert child.process is not None
        _kill_group(child.process.pid)
        self._tell_watchdog(child, started=False)
        child.process = None
        if child.command.after_stop is not None:
            try:
                child.command.after_stop()
            except Exception as error:  # the other children still have to be stopped
                self._say(f"standalone: {child.command.name}: {_one_line(error)}")

    def _stop_all(self) -> None:
        for stage in sorted({child.command.stage for child in self._children.values()}, reverse=True):
            self._end([child for child in self._children.values() if child.command.stage == stage])
        self._children.clear()
        self._leaving = True

    def _end(self, children: list[_Child]) -> None:
        # Signal only the leader. A Dramatiq worker that gets a second SIGTERM, one from its own leader and one from us,
        # drops its work at once. The rest of a group is killed after its leader has ended.
        running = [child for child in reversed(children) if child.process is not None]
        asking = {child.command.name: list(child.command.stop_signals) for child in running}
        until = {child.command.name: 0.0 for child in running}
        while running:
            for child in list(running):
                process, name = child.process, child.command.name
                assert process is not None
                if process.poll() is not None:
                    running.remove(child)
                    self._reap(child)
                    self._copy_output(child)
                elif time.monotonic() < until[name]:
                    continue
                elif asking[name]:
                    process.send_signal(asking[name].pop(0))
                    until[name] = time.monotonic() + child.command.grace_seconds
                else:
                    self._say(f"standalone: {name} (pid {process.pid}) would not stop; killed")
                    process.kill()
                    process.wait()
            time.sleep(0.01)

    def _copy_output(self, child: _Child) -> None:
        if self._echo is None:
            return
        # Follow the log file instead of a pipe, so that no child blocks or dies when nobody reads its output.
        with suppress(OSError), child.log.open("rb") as log:
            log.seek(child.echoed)
            *lines, _unfinished = log.read().split(b"\n")
            for line in lines:
                child.echoed += len(line) + 1
                print(f"{child.command.name:>8} | {line.decode(errors='replace')}", file=self._echo, flush=True)

    def _tell_watchdog(self, child: _Child, *, started: bool) -> None:
        command, process = child.command, child.process
        assert process is not None
        assert self._watchdog.stdin is not None
        line = f"{process.pid} {int(started)} {command.stop_signals[0]:d} {command.stage} {command.grace_seconds}\n"
        with suppress(OSError):  # it has died: the next tick starts another one and sends it every child
            self._watchdog.stdin.write(line.encode())
            self._watchdog.stdin.flush()


def _start_watchdog(lock: int) -> subprocess.Popen[bytes]:
    # It shares the lock: the data directory is free again only after the last child of a killed supervisor has ended.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(WATCHDOG)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(lock,),
    )


def _lock(path: Path) -> int:
    """Lock `path` for this process and return its descriptor.

    Raises AlreadyRunning when a running process holds it, or when a dead one's children stay too long.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    asked_at = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = path.read_text(encoding="ascii").strip()
            # A killed owner stays visible for a moment, and its watchdog holds the lock until the children are gone.
            patience_seconds = 1.0 if owner and _is_running(int(owner)) else LONGEST_WAIT_SECONDS
            if time.monotonic() - asked_at > patience_seconds:
                os.close(descriptor)
                raise AlreadyRunning(f"{path.parent} is in use by process {owner or 'unknown'}") from None
        time.sleep(TICK_SECONDS)
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _kill_group(pgid: int) -> None:
    """Kill a process group and wait until it is gone. A zombie counts as gone: in a container nobody may ever reap it."""
    try:
        os.killpg(pgid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline and any(_group_of(pid) == pgid and _is_running(pid) for pid in psutil.pids()):
        time.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _how_it_ended(status: int) -> str:
    return f"died of {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _print_error(line: str) -> None:
    with suppress(OSError, ValueError):  # a closed terminal must not stop the care for the children
        print(line, file=sys.stderr, flush=True)
