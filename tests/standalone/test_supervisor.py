"""Test that the supervisor keeps its children running, and that none survives its end, whatever the cause."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from standalone import supervisor as supervisor_module
from standalone.procfile import SERVER_STAGE, Command, procfile_command, read_procfile
from standalone.supervisor import AlreadyRunning, Supervisor
from tests.support.processes import is_alive
from tests.support.races import eventually

ROOT = Path(__file__).resolve().parents[2]
SLEEP = "import time; time.sleep(600)"
# It prints only after the handler is in place, because before that a signal would end it.
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
PARENT = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid, flush=True); {SLEEP}"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory whose name has spaces, not created yet."""
    return tmp_path / "with spaces"


@pytest.fixture
def reports() -> list[str]:
    """The lines that the supervisor has reported."""
    return []


@pytest.fixture
def supervisor(data_dir: Path, reports: list[str]) -> Iterator[Supervisor]:
    """A running supervisor that reports to `reports`."""
    with Supervisor(data_dir, say=reports.append) as running:
        yield running


def test_killed_child_is_restarted_and_reported(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Supervisor(data_dir) as supervisor:
        first = supervisor.start(_python("worker", SLEEP))
        os.kill(first, signal.SIGKILL)
        eventually(lambda: supervisor.pids().get("worker", first) != first)
        second = supervisor.pids()["worker"]
        _eventually_printed(capfd, f"standalone: worker (pid {first}) died of SIGKILL; started again as pid {second}\n")


def test_exited_child_is_restarted_and_its_status_is_reported(supervisor: Supervisor, reports: list[str]) -> None:
    pid = supervisor.start(_python("worker", "raise SystemExit(3)"))
    eventually(lambda: bool(reports))
    assert re.fullmatch(rf"standalone: worker \(pid {pid}\) exited with status 3; started again as pid \d+", reports[0])


def test_child_that_keeps_dying_is_restarted_with_growing_delay(
    supervisor: Supervisor, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "DEATHS_WINDOW_SECONDS", 600.0)  # a busy machine starts five slowly
    supervisor.start(Command(name="worker", argv=("/bin/false",), env={}))
    eventually(lambda: len(reports) >= 7)
    assert [line.rpartition(";")[2].split()[0] for line in reports[:4]] == ["started"] * 4
    assert reports[4].endswith("it keeps dying, next start in 1 s")
    assert re.fullmatch(r"standalone: worker; started again as pid \d+", reports[5])
    assert reports[6].endswith("it keeps dying, next start in 2 s")
    supervisor.start(_python("other", SLEEP))
    assert "other" in supervisor.pids()


def test_failed_restart_is_reported_and_retried(supervisor: Supervisor, reports: list[str], tmp_path: Path) -> None:
    obstacle = tmp_path / "obstacle"

    def refuse() -> None:
        if obstacle.exists():
            raise OSError("the port is taken")

    pid = supervisor.start(_python("worker", SLEEP, before_start=refuse))
    obstacle.touch()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: bool(reports))
    assert "not started again (OSError: the port is taken), next try in 1 s" in reports[0]
    obstacle.unlink()
    eventually(lambda: "worker" in supervisor.pids())


def test_process_group_of_a_dead_child_is_killed_before_its_restart(supervisor: Supervisor, data_dir: Path) -> None:
    log = data_dir / "log" / "worker.log"
    first = supervisor.start(_python("worker", PARENT))
    eventually(lambda: log.read_text().count("\n") == 1)
    grandchild = int(log.read_text())
    os.kill(first, signal.SIGKILL)
    eventually(lambda: supervisor.pids().get("worker", first) != first)
    assert not is_alive(grandchild)


def test_stop_ends_grandchildren_and_children_that_ignore_sigterm(
    supervisor: Supervisor, data_dir: Path, reports: list[str]
) -> None:
    logs = data_dir / "log"
    pids = [
        supervisor.start(_python("parent", PARENT)),
        supervisor.start(_python("deaf", STUBBORN, grace_seconds=0.2)),
    ]
    eventually(lambda: all(log.read_text().count("\n") == 1 for log in logs.iterdir()))
    pids.append(int((logs / "parent.log").read_text()))
    supervisor.stop()
    assert not [pid for pid in pids if is_alive(pid)]
    assert reports == [f"standalone: deaf (pid {pids[1]}) would not stop; killed"]
    assert supervisor.pids() == {}
    supervisor.stop()
    with pytest.raises(RuntimeError, match="has stopped"):
        supervisor.start(_python("late", SLEEP))


def test_servers_stop_only_after_the_programs_that_use_them(data_dir: Path, supervisor: Supervisor) -> None:
    stop_order = data_dir / "stop_order"
    source = """
        import signal, sys, time
        def leave(*_):
            time.sleep(0.1)
            open("stop_order", "a").write(sys.argv[1] + "\\n")
            sys.exit()
        signal.signal(signal.SIGTERM, leave)
        print("ready", flush=True)
        time.sleep(600)
    """
    for name, stage in (("server", SERVER_STAGE), ("program", SERVER_STAGE + 1)):
        argv = (sys.executable, "-c", textwrap.dedent(source), name)
        supervisor.start(Command(name=name, argv=argv, env={}, cwd=data_dir, stage=stage))
    eventually(lambda: all(log.read_text() == "ready\n" for log in (data_dir / "log").iterdir()))
    supervisor.stop()
    assert stop_order.read_text() == "program\nserver\n"


def test_one_child_can_be_stopped_and_started_while_others_run(supervisor: Supervisor, reports: list[str]) -> None:
    staying = supervisor.start(_python("staying", SLEEP))
    leaving = supervisor.start(_python("leaving", SLEEP))
    supervisor.stop_one("leaving")
    assert not is_alive(leaving)
    assert supervisor.pids() == {"staying": staying}
    supervisor.start(_python("leaving", SLEEP))
    assert set(supervisor.pids()) == {"staying", "leaving"}
    assert reports == []


def test_output_goes_to_private_log_and_terminal_and_last_log_is_kept(
    data_dir: Path,
) -> None:
    for word in ("first", "second"):
        terminal = io.StringIO()
        with Supervisor(data_dir, echo=terminal) as supervisor:
            supervisor.start(_python("web", f"import sys; print('{word}', file=sys.stderr, flush=True); {SLEEP}"))
            eventually(partial(_is_shown, terminal))
        assert terminal.getvalue() == f"     web | {word}\n"
    log = data_dir / "log" / "web.log"
    assert log.read_text() == "second\n"
    assert log.with_name("web.log.1").read_text() == "first\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_data_directory_has_one_supervisor_at_a_time(supervisor: Supervisor, data_dir: Path) -> None:
    with pytest.raises(AlreadyRunning, match=f"in use by process {os.getpid()}"):
        Supervisor(data_dir)
    supervisor.stop()
    Supervisor(data_dir).stop()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)
def test_supervisor_stops_its_children_on_sigterm_and_sigint(data_dir: Path, signum: signal.Signals) -> None:
    process, pids = _start_supervisor(data_dir)
    process.send_signal(signum)
    assert process.wait(timeout=60) == 128 + signum
    assert not [pid for pid in pids if is_alive(pid)]


def test_killed_supervisor_leaves_no_child_and_frees_the_data_directory(data_dir: Path) -> None:
    process, pids = _start_supervisor(data_dir)
    process.kill()
    with Supervisor(data_dir):  # waits until the children of the dead one have ended
        assert not [pid for pid in pids if is_alive(pid)]
    process.wait()


def test_children_of_killed_supervisor_end_even_if_watchdog_was_killed(data_dir: Path) -> None:
    process, pids = _start_supervisor(data_dir)
    family = psutil.Process(process.pid)
    [watchdog] = [child.pid for child in family.children() if child.pid not in pids]
    os.kill(watchdog, signal.SIGKILL)
    eventually(lambda: any(child.pid not in (*pids, watchdog) for child in family.children()))
    process.kill()
    eventually(lambda: not any(is_alive(pid) for pid in pids))
    process.wait()


def test_procfile_line_runs_without_shell_and_with_variables_expanded(supervisor: Supervisor, data_dir: Path) -> None:
    procfile = data_dir / "Procfile"
    show = "import os,sys,time; print(os.getpid(), sys.argv[1], os.environ.get('MODE'), flush=True); time.sleep(600)"
    procfile.write_text(f"""# how to run it\n\nweb: MODE="a b" "{sys.executable}" -c "{show}" $PORT\n""")
    [(name, text)] = read_procfile(procfile).items()
    pid = supervisor.start(procfile_command(name, text=text, env={"PORT": "8123"}, cwd=data_dir))
    log = data_dir / "log" / "web.log"
    eventually(lambda: log.read_text().endswith("\n"))
    assert log.read_text() == f"{pid} 8123 a b\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("web gunicorn\n", "not of the form"),
        ("web: a\nweb: b\n", "appears twice"),
        ("web: migrate && serve\n", "one program"),
        ("web: serve | tee log\n", "one program"),
    ],
)
def test_malformed_duplicate_or_shell_procfile_line_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "Procfile").write_text(content)
    with pytest.raises(ValueError, match=complaint):
        read_procfile(tmp_path / "Procfile")


def _python(
    name: str, source: str, *, grace_seconds: float = 10.0, before_start: Callable[[], None] | None = None
) -> Command:
    argv = (sys.executable, "-c", source)
    return Command(name=name, argv=argv, env={}, grace_seconds=grace_seconds, before_start=before_start)


def _start_supervisor(data_dir: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a supervisor in its own process with two children, one of them with a child. Return it and all their pids."""
    source = f"""
        import sys, time
        from pathlib import Path
        from standalone.procfile import Command
        from standalone.supervisor import Supervisor
        with Supervisor(Path(sys.argv[1])) as supervisor:
            supervisor.stop_on_signals()
            for name, source in (("plain", {SLEEP!r}), ("parent", {PARENT!r})):
                supervisor.start(Command(name=name, argv=(sys.executable, "-c", source), env={{}}))
            print(*supervisor.pids().values(), flush=True)
            time.sleep(600)
    """
    argv = [sys.executable, "-c", textwrap.dedent(source), str(data_dir)]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    log = data_dir / "log" / "parent.log"
    eventually(lambda: log.read_text().endswith("\n"))
    return process, [*pids, int(log.read_text())]


def _is_shown(terminal: io.StringIO) -> bool:
    return bool(terminal.getvalue())


def _eventually_printed(capfd: pytest.CaptureFixture[str], expected: str) -> None:
    output = ""
    deadline = time.monotonic() + 60
    while expected not in output:
        assert time.monotonic() < deadline, f"only {output!r} was printed"
        output += capfd.readouterr().err
        time.sleep(0.01)
