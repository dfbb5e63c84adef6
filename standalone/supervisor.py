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
    """A command that the supervisor keeps running, its current process, and what decides about its next start."""

    command: Command
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS_BEFORE_WAITING))
    wait_seconds: float = 0.0  # the delay before the next start
    start_at: float = 0.0
    started_at: float = 0.0
    subject: str = ""  # how the next report about this child begins
    echoed_bytes: int = 0  # how much of the log has been copied to the terminal

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
        self._report = say or _print_error
        self._children: dict[str, _Child] = {}
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue()
        self._exit_loop = False
        self._stopped = False
        self._stop_lock = threading.Lock()
        self._lock = _lock(data_dir / "supervisor.lock")
        self._watchdog = _start_watchdog(self._lock)
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    def start(self, command: Command) -> int:
        """Start the command with its output in `DATA/log/NAME.log`. Return its pid, which is also its process group."""
        return self._run_in_owning_thread(lambda: self._start_new(command))

    def stop_one(self, name: str) -> None:
        """Stop the named command and do not restart it. `start` starts it again."""
        self._run_in_owning_thread(lambda: self._stop_children([self._children.pop(name)]))

    def stop(self) -> None:
        """Stop every child, later stages first. Calling it again changes nothing."""
        with self._stop_lock:
            if self._stopped:
                return
            if not self._exit_loop:
                self._run_in_owning_thread(self._stop_all)
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

        def exit_main_thread(signum: int, _frame: FrameType | None) -> None:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the clean-up
            raise SystemExit(128 + signum)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, exit_main_thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run_in_owning_thread(self, job: Callable[[], Reply]) -> Reply:
        """Run `job` in the owning thread and return its result.

        Raises what the job raises, and RuntimeError when the owning thread has ended.
        """
        future: Future[Reply] = Future()

        def complete_future() -> None:
            try:
                future.set_result(job())
            except BaseException as error:  # raise it in the caller's thread, not in the owning thread
                future.set_exception(error)

        self._jobs.put(complete_future)
        while not future.done():
            wait([future], timeout=0.5)
            if not self._thread.is_alive() and not future.done():
                raise RuntimeError("this supervisor has stopped")
        return future.result()

    # Only the owning thread runs the methods below.

    def _supervise(self) -> None:
        """Run the jobs of other threads, and check every child at each tick, until all children are stopped."""
        while not self._exit_loop:
            with suppress(queue.Empty):
                self._jobs.get(timeout=TICK_SECONDS)()
            for child in list(self._children.values()):
                try:
                    self._check_child(child)
                    self._copy_output(child)
                except Exception as error:  # an error with one child must not stop the supervision of the others
                    self._report(f"standalone: {child.command.name}: {_one_line(error)}")

    def _start_new(self, command: Command) -> int:
        """Start a command that does not run yet, keep its last log as NAME.log.1, and return its pid. Raises ValueError."""
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
        """Start the process of a child in a session of its own, tell the watchdog, and return the pid."""
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
        self._notify_watchdog(child, started=True)
        return child.process.pid

    def _check_child(self, child: _Child) -> None:
        """Start a dead child again when its delay is over, and report it. Restart the watchdog first if it has died."""
        if self._watchdog.poll() is not None:
            running = [one for one in self._children.values() if one.process is not None]
            self._watchdog = _start_watchdog(self._lock, *(_watchdog_line(one, started=True) for one in running))
        now = time.monotonic()
        if child.process is not None:
            if child.process.poll() is None:
                return
            exit_text = _describe_exit(child.process.returncode)
            child.subject = f"{child.command.name} (pid {child.process.pid}) {exit_text}"
            self._reap(child)
            child.schedule_restart(now)
            if child.wait_seconds:
                self._report(f"standalone: {child.subject}; it keeps dying, next start in {child.wait_seconds:.0f} s")
                child.subject = child.command.name
        if now < child.start_at:
            return
        try:
            pid = self._spawn(child)
        except Exception as error:
            # The cause can be a taken port or a missing file: report it and try again, less and less often.
            child.wait_seconds = min(max(1.0, child.wait_seconds * 2), LONGEST_WAIT_SECONDS)
            child.start_at = time.monotonic() + child.wait_seconds
            retry = f"not started again ({_one_line(error)}), next try in {child.wait_seconds:.0f} s"
            self._report(f"standalone: {child.subject}; {retry}")
            child.subject = child.command.name
        else:
            self._report(f"standalone: {child.subject}; started again as pid {pid}")

    def _reap(self, child: _Child) -> None:
        """Kill what is left of the process group of a child whose leader has ended."""
        assert child.process is not None
        _kill_group(child.process.pid)
        self._notify_watchdog(child, started=False)
        child.process = None
        if child.command.after_stop is not None:
            try:
                child.command.after_stop()
            except Exception as error:  # the other children still have to be stopped
                self._report(f"standalone: {child.command.name}: {_one_line(error)}")

    def _stop_all(self) -> None:
        """Stop every child, the highest stage first, and let the owning thread end."""
        for stage in sorted({child.command.stage for child in self._children.values()}, reverse=True):
            self._stop_children([child for child in self._children.values() if child.command.stage == stage])
        self._children.clear()
        self._exit_loop = True

    def _stop_children(self, children: list[_Child]) -> None:
        """Stop these children at the same time: send each its stop signals in turn, and kill it after the last grace time."""
        # Signal only the leader. A Dramatiq worker that gets a second SIGTERM, one from its own leader and one from us,
        # drops its work at once. The rest of a group is killed after its leader has ended.
        running = [child for child in reversed(children) if child.process is not None]
        signals_left = {child.command.name: list(child.command.stop_signals) for child in running}
        next_step_at = {child.command.name: 0.0 for child in running}
        while running:
            for child in list(running):
                process, name = child.process, child.command.name
                assert process is not None
                if process.poll() is not None:
                    running.remove(child)
                    self._reap(child)
                    self._copy_output(child)
                elif time.monotonic() < next_step_at[name]:
                    continue
                elif signals_left[name]:
                    process.send_signal(signals_left[name].pop(0))
                    next_step_at[name] = time.monotonic() + child.command.grace_seconds
                else:
                    self._report(f"standalone: {name} (pid {process.pid}) would not stop; killed")
                    process.kill()
                    process.wait()
            time.sleep(0.01)

    def _copy_output(self, child: _Child) -> None:
        """Print the complete lines that the child has written since the last call, if there is a terminal to print to."""
        if self._echo is None:
            return
        # Follow the log file instead of a pipe, so that no child blocks or dies when nobody reads its output.
        with suppress(OSError), child.log.open("rb") as log:
            log.seek(child.echoed_bytes)
            *lines, _unfinished = log.read().split(b"\n")
            for line in lines:
                child.echoed_bytes += len(line) + 1
                print(f"{child.command.name:>8} | {line.decode(errors='replace')}", file=self._echo, flush=True)

    def _notify_watchdog(self, child: _Child, *, started: bool) -> None:
        """Send the watchdog the line that `watchdog.read_children` describes."""
        assert self._watchdog.stdin is not None
        with suppress(OSError):  # the watchdog has died: the next tick starts a new one that knows every child
            self._watchdog.stdin.write(f"{_watchdog_line(child, started=started)}\n".encode())
            self._watchdog.stdin.flush()


def _watchdog_line(child: _Child, *, started: bool) -> str:
    command, process = child.command, child.process
    assert process is not None
    return f"{process.pid} {int(started)} {command.stop_signals[0]:d} {command.stage} {command.grace_seconds}"


def _start_watchdog(lock: int, *known: str) -> subprocess.Popen[bytes]:
    """Start the watchdog and return its process. It knows the children of these lines from its first moment."""
    # The watchdog shares the lock: the data directory is free again only after the last child of a killed supervisor has ended.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(WATCHDOG), *known],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(lock,),
    )


def _lock(path: Path) -> int:
    """Lock `path` for this process and return its descriptor.

    Raises AlreadyRunning when a running process holds it, or when the children of a dead process run for too long.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    requested_at = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = path.read_text(encoding="ascii").strip()
            # A killed owner stays visible for a moment, and its watchdog holds the lock until the children are gone.
            wait_limit_seconds = 1.0 if owner and _is_running(int(owner)) else LONGEST_WAIT_SECONDS
            if time.monotonic() - requested_at > wait_limit_seconds:
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
    """Return whether the process exists and is no zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _group_of(pid: int) -> int | None:
    """Return the process group of a process, or None when the process does not exist."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _describe_exit(status: int) -> str:
    """Return how a process ended; a negative status is the number of the signal that ended it."""
    return f"died of {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"


def _one_line(error: BaseException) -> str:
    """Return the type and the text of an error on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _print_error(line: str) -> None:
    """Print a line to standard error."""
    with suppress(OSError, ValueError):  # a closed terminal must not stop the supervision of the children
        print(line, file=sys.stderr, flush=True)
