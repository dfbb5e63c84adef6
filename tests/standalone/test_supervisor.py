"""The supervisor keeps its children running, and leaves none behind however it ends."""

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

from standalone.procfile import SERVER_STAGE, Command, procfile_command, read_procfile
from standalone.supervisor import AlreadyRunning, Supervisor
from tests.support import races

eventually = partial(races.eventually, within_seconds=15)

ROOT = Path(__file__).resolve().parents[2]
SLEEP = "import time; time.sleep(600)"
# Announces itself only after the handler is in place: until then a signal would do its default work.
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
PARENT = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid, flush=True); {SLEEP}"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "with spaces"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(data_dir: Path, said: list[str]) -> Iterator[Supervisor]:
    with Supervisor(data_dir, say=said.append) as running:
        yield running


def test_a_child_that_is_killed_is_started_again_and_one_line_says_so(
    data_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Supervisor(data_dir) as supervisor:
        first = supervisor.start(_python("worker", SLEEP))
        os.kill(first, signal.SIGKILL)
        eventually(lambda: supervisor.pids().get("worker", first) != first)
        second = supervisor.pids()["worker"]
        _eventually_says(capfd, f"standalone: worker (pid {first}) died of SIGKILL; started again as pid {second}\n")


def test_a_child_that_exits_is_started_again_with_its_status_told(supervisor: Supervisor, said: list[str]) -> None:
    pid = supervisor.start(_python("worker", "raise SystemExit(3)"))
    eventually(lambda: bool(said))
    assert re.fullmatch(rf"standalone: worker \(pid {pid}\) exited with status 3; started again as pid \d+", said[0])


def test_a_child_that_keeps_dying_waits_longer_each_time_and_is_never_given_up(
    supervisor: Supervisor, said: list[str]
) -> None:
    supervisor.start(Command(name="worker", argv=("/bin/false",), env={}))
    eventually(lambda: len(said) >= 7)
    assert [line.rpartition(";")[2].split()[0] for line in said[:4]] == ["started"] * 4
    assert said[4].endswith("it keeps dying, next start in 1 s")
    assert re.fullmatch(r"standalone: worker; started again as pid \d+", said[5])
    assert said[6].endswith("it keeps dying, next start in 2 s")
    supervisor.start(_python("other", SLEEP))
    assert "other" in supervisor.pids()


def test_a_child_that_cannot_be_started_again_is_said_and_tried_again(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    obstacle = tmp_path / "obstacle"

    def refuse() -> None:
        if obstacle.exists():
            raise OSError("the port is taken")

    pid = supervisor.start(_python("worker", SLEEP, before_start=refuse))
    obstacle.touch()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: bool(said))
    assert "not started again (OSError: the port is taken), next try in 1 s" in said[0]
    obstacle.unlink()
    eventually(lambda: "worker" in supervisor.pids())


def test_what_a_dead_child_left_in_its_group_is_gone_before_the_next_one_starts(
    supervisor: Supervisor, data_dir: Path
) -> None:
    log = data_dir / "log" / "worker.log"
    first = supervisor.start(_python("worker", PARENT))
    eventually(lambda: log.read_text().count("\n") == 1)
    grandchild = int(log.read_text())
    os.kill(first, signal.SIGKILL)
    eventually(lambda: supervisor.pids().get("worker", first) != first)
    assert not _lives(grandchild)


def test_nothing_survives_a_stop_neither_the_deaf_nor_the_grandchildren(
    supervisor: Supervisor, data_dir: Path, said: list[str]
) -> None:
    logs = data_dir / "log"
    pids = [
        supervisor.start(_python("parent", PARENT)),
        supervisor.start(_python("deaf", STUBBORN, grace_seconds=0.2)),
    ]
    eventually(lambda: all(log.read_text().count("\n") == 1 for log in logs.iterdir()))
    pids.append(int((logs / "parent.log").read_text()))
    supervisor.stop()
    assert not [pid for pid in pids if _lives(pid)]
    assert said == [f"standalone: deaf (pid {pids[1]}) would not stop; killed"]
    assert supervisor.pids() == {}
    supervisor.stop()
    with pytest.raises(RuntimeError, match="has stopped"):
        supervisor.start(_python("late", SLEEP))


def test_servers_stop_only_after_the_programs_that_use_them(data_dir: Path, supervisor: Supervisor) -> None:
    diary = data_dir / "diary"
    source = """
        import signal, sys, time
        def leave(*_):
            time.sleep(0.1)
            open("diary", "a").write(sys.argv[1] + "\\n")
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
    assert diary.read_text() == "program\nserver\n"


def test_one_child_can_be_stopped_and_started_while_the_others_run_on(supervisor: Supervisor, said: list[str]) -> None:
    staying = supervisor.start(_python("staying", SLEEP))
    leaving = supervisor.start(_python("leaving", SLEEP))
    supervisor.stop_one("leaving")
    assert not _lives(leaving)
    assert supervisor.pids() == {"staying": staying}
    supervisor.start(_python("leaving", SLEEP))
    assert set(supervisor.pids()) == {"staying", "leaving"}
    assert said == []


def test_output_goes_to_a_private_log_and_with_its_name_to_the_terminal_and_the_last_log_is_kept(
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
def test_a_supervisor_that_is_asked_to_end_stops_its_children_first(data_dir: Path, signum: signal.Signals) -> None:
    process, pids = _machine(data_dir)
    process.send_signal(signum)
    assert process.wait(timeout=15) == 128 + signum
    assert not [pid for pid in pids if _lives(pid)]


def test_the_children_of_a_killed_supervisor_end_and_then_the_data_directory_is_free(data_dir: Path) -> None:
    process, pids = _machine(data_dir)
    process.kill()
    with Supervisor(data_dir):  # waits for the leftovers of the dead one
        assert not [pid for pid in pids if _lives(pid)]
    process.wait()


def test_the_children_end_with_a_killed_supervisor_even_if_its_watchdog_was_killed_before(data_dir: Path) -> None:
    process, pids = _machine(data_dir)
    family = psutil.Process(process.pid)
    [watchdog] = [child.pid for child in family.children() if child.pid not in pids]
    os.kill(watchdog, signal.SIGKILL)
    eventually(lambda: any(child.pid not in (*pids, watchdog) for child in family.children()))
    process.kill()
    eventually(lambda: not any(_lives(pid) for pid in pids))
    process.wait()


def test_a_procfile_line_becomes_the_program_itself_with_its_variables_filled_in(
    supervisor: Supervisor, data_dir: Path
) -> None:
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
def test_a_procfile_line_that_would_be_lost_or_half_run_is_refused(
    tmp_path: Path, content: str, complaint: str
) -> None:
    (tmp_path / "Procfile").write_text(content)
    with pytest.raises(ValueError, match=complaint):
        read_procfile(tmp_path / "Procfile")


def _python(
    name: str, source: str, *, grace_seconds: float = 10.0, before_start: Callable[[], None] | None = None
) -> Command:
    argv = (sys.executable, "-c", source)
    return Command(name=name, argv=argv, env={}, grace_seconds=grace_seconds, before_start=before_start)


def _machine(data_dir: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A supervisor in a process of its own runs two children, one with a grandchild; all their pids are returned."""
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


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _eventually_says(capfd: pytest.CaptureFixture[str], expected: str) -> None:
    heard = ""
    deadline = time.monotonic() + 15
    while expected not in heard:
        assert time.monotonic() < deadline, f"heard only {heard!r}"
        heard += capfd.readouterr().err
        time.sleep(0.01)
