"""Keeps named programs running: each in its own session, restarted when it dies, and none left when this process ends.

Two things do the work. One thread owns every child: it alone forks, reaps, restarts and stops, so a signal handler's
exception in the main thread can never fall between a fork and the note that it happened. And one watchdog process holds
the reading end of a pipe: when this process is gone, however it went, the pipe ends and the watchdog stops every child.
(PR_SET_PDEATHSIG was the other candidate. It fires when the *thread* that forked ends, is forgotten when the child
changes user, as PostgreSQL does under root, and reaches only the leader of a group.)
"""

from __future__ import annotations

import atexit
import fcntl
import inspect
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

    def put_off(self, now: float) -> None:
        """`start_at` is now for a child that died seldom, and later each time for one that keeps dying."""
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
        self._say = say or _say_on_standard_error
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
        """The command runs, its output goes to `DATA/log/NAME.log`, and its pid, also its group's id, is returned."""
        return self._ask(lambda: self._start_first(command))

    def stop_one(self, name: str) -> None:
        """The named command no longer runs and is not restarted; `start` brings it back."""
        self._ask(lambda: self._end([self._children.pop(name)]))

    def stop(self) -> None:
        """No child of this supervisor is alive: later stages ended first; calling it again changes nothing."""
        with self._stop_lock:
            if self._stopped:
                return
            if not self._leaving:
                self._ask(self._end_all)
            self._stopped = True
            self._thread.join()
            assert self._watchdog.stdin is not None
            self._watchdog.stdin.close()
            try:
                self._watchdog.wait(timeout=5.0)
            except subprocess.TimeoutExpired:  # something forked without exec holds our end of the pipe
                self._watchdog.kill()
                self._watchdog.wait()
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            os.close(self._lock)
            atexit.unregister(self.stop)

    def pids(self) -> dict[str, int]:
        """Name to pid of every child now running; one that waits for its restart is missing."""
        return {
            name: process.pid
            for name, child in list(self._children.items())
            if (process := child.process) is not None  # read once: the owning thread may bury it meanwhile
        }

    def stop_on_signals(self) -> None:
        """SIGTERM, SIGINT and SIGHUP raise SystemExit in the main thread, so that its `with` blocks stop everything."""

        def leave(signum: int, frame: FrameType | None) -> None:
            for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not cut the clean-up short
            raise SystemExit(128 + signum)

        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, leave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _ask(self, job: Callable[[], Reply]) -> Reply:
        future: Future[Reply] = Future()

        def answer() -> None:
            try:
                future.set_result(job())
            except BaseException as error:  # whatever it is belongs to the caller, not to the owning thread
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
                    self._look_after(child)
                    self._copy_output(child)
                except Exception as error:  # one child's trouble must not leave all the others alone
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
        self._tell_watchdog(child, born=True)
        return child.process.pid

    def _look_after(self, child: _Child) -> None:
        if self._watchdog.poll() is not None:
            self._watchdog = _start_watchdog(self._lock)
            for each in self._children.values():
                if each.process is not None:
                    self._tell_watchdog(each, born=True)
        now = time.monotonic()
        if child.process is not None:
            if child.process.poll() is None:
                return
            end = _how_it_ended(child.process.returncode)
            child.last_words = f"{child.command.name} (pid {child.process.pid}) {end}"
            self._bury(child)
            child.put_off(now)
            if child.wait_seconds:
                self._say(f"standalone: {child.last_words}; it keeps dying, next start in {child.wait_seconds:.0f} s")
                child.last_words = child.command.name
        if now < child.start_at:
            return
        try:
            pid = self._spawn(child)
        except Exception as error:  # a taken port, a missing file: say it and keep trying, less and less often
            child.wait_seconds = min(max(1.0, child.wait_seconds * 2), LONGEST_WAIT_SECONDS)
            child.start_at = time.monotonic() + child.wait_seconds
            trouble = f"not started again ({_one_line(error)}), next try in {child.wait_seconds:.0f} s"
            self._say(f"standalone: {child.last_words}; {trouble}")
            child.last_words = child.command.name
        else:
            self._say(f"standalone: {child.last_words}; started again as pid {pid}")

    def _bury(self, child: _Child) -> None:
        """Nothing is left of a child whose leader has ended."""
        assert child.process is not None
        _kill_group(child.process.pid)
        self._tell_watchdog(child, born=False)
        child.process = None
        if child.command.after_stop is not None:
            try:
                child.command.after_stop()
            except Exception as error:  # the other children still have to be stopped
                self._say(f"standalone: {child.command.name}: {_one_line(error)}")

    def _end_all(self) -> None:
        for stage in sorted({child.command.stage for child in self._children.values()}, reverse=True):
            self._end([child for child in self._children.values() if child.command.stage == stage])
        self._children.clear()
        self._leaving = True

    def _end(self, children: list[_Child]) -> None:
        # Only the leader is asked. A Dramatiq worker takes a second SIGTERM, one from its own leader and one from us,
        # as the order to drop its work at once; the rest of a group is killed after its leader has gone.
        running = [child for child in reversed(children) if child.process is not None]
        asking = {child.command.name: list(child.command.stop_signals) for child in running}
        until = {child.command.name: 0.0 for child in running}
        while running:
            for child in list(running):
                process, name = child.process, child.command.name
                assert process is not None
                if process.poll() is not None:
                    running.remove(child)
                    self._bury(child)
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
        # The log file is followed instead of a pipe: no child ever blocks on, or dies of, what becomes of its words.
        with suppress(OSError), child.log.open("rb") as log:
            log.seek(child.echoed)
            *lines, _unfinished = log.read().split(b"\n")
            for line in lines:
                child.echoed += len(line) + 1
                print(f"{child.command.name:>8} | {line.decode(errors='replace')}", file=self._echo, flush=True)

    def _tell_watchdog(self, child: _Child, *, born: bool) -> None:
        command, process = child.command, child.process
        assert process is not None and self._watchdog.stdin is not None
        line = f"{process.pid} {int(born)} {command.stop_signals[0]:d} {command.stage} {command.grace_seconds}\n"
        with suppress(OSError):  # it has died: the next tick starts another one and tells it everything
            self._watchdog.stdin.write(line.encode())
            self._watchdog.stdin.flush()


def _watch() -> None:
    """After the pipe on standard input ends, every child named on it has been asked to stop, or else killed."""
    # This function is sent as text to a process of its own, so its imports come with it.
    import os
    import signal
    import sys
    import time
    from contextlib import suppress

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # the end of the pipe is what counts
    children: dict[int, tuple[int, int, float]] = {}
    for line in sys.stdin:
        pid, born, stop_signal, stage, grace_seconds = line.split()
        children.pop(int(pid), None)
        if born == "1":
            children[int(pid)] = (int(stop_signal), int(stage), float(grace_seconds))

    def lives(pid: int) -> bool:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as stat:
                return stat.read().rpartition(")")[2].split()[0] != "Z"
        except ProcessLookupError:
            return False
        except OSError:
            return not os.path.exists("/proc/self/stat")  # without /proc, the signal's word is all there is

    for stage_now in sorted({stage for _, stage, _ in children.values()}, reverse=True):
        group = {pid: child for pid, child in children.items() if child[1] == stage_now and lives(pid)}
        for pid_now, (stop_signal_now, _, _) in group.items():
            with suppress(ProcessLookupError):
                os.kill(pid_now, stop_signal_now)
        deadline = time.monotonic() + max((grace for _, _, grace in group.values()), default=0.0)
        while time.monotonic() < deadline and any(lives(pid_now) for pid_now in group):
            time.sleep(0.02)
        for pid_now, child in children.items():
            if child[1] == stage_now:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid_now, signal.SIGKILL)


def _start_watchdog(lock: int) -> subprocess.Popen[bytes]:
    source = f"{inspect.getsource(_watch)}\n_watch()\n"
    # It shares the lock: the data directory is free again only after the last child of a killed supervisor has gone.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", source],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(lock,),
    )


def _lock(path: Path) -> int:
    """This process alone owns `path`; AlreadyRunning if a living one does, or a dead one's children stay too long."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    asked_at = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = path.read_text(encoding="ascii").strip()
            # A killed owner can be seen for a moment more, and its watchdog holds the lock until the children are gone.
            patience_seconds = 1.0 if owner and _lives(int(owner)) else LONGEST_WAIT_SECONDS
            if time.monotonic() - asked_at > patience_seconds:
                os.close(descriptor)
                raise AlreadyRunning(f"{path.parent} is in use by process {owner or 'unknown'}") from None
        time.sleep(TICK_SECONDS)
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _kill_group(pgid: int) -> None:
    """No process of the group is alive; a zombie counts as dead, since in a container nobody may ever reap it."""
    try:
        os.killpg(pgid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline and any(_group_of(pid) == pgid and _lives(pid) for pid in psutil.pids()):
        time.sleep(0.01)


def _lives(pid: int) -> bool:
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


def _say_on_standard_error(line: str) -> None:
    with suppress(OSError, ValueError):  # a closed terminal is no reason to stop looking after the children
        print(line, file=sys.stderr, flush=True)
