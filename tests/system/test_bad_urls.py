"""Test that a URL which cannot be used ends every program at its start with one sentence that never shows the URL."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import migrations.__main__
import monitoring.__main__
import standalone.__main__
import workers.__main__
from ingest.app import create_app
from models.errors import SettingsError
from tests.support.commands import run_command
from tests.support.ports import free_port
from tests.support.servers import ROOT
from workers import boot

SECRET = "hunter2"
BAD_REDIS = [
    "",
    "garbage",
    f"http://{SECRET}/0",
    f"redis+unix:///run/{SECRET}.sock",
    f"redis+sentinel://:{SECRET}@one:26379/primary",
    f"redis://:{SECRET}@host:{SECRET}/0",
    f"redis://:{SECRET}@/0",
    f"redis://:{SECRET}@host?colour={SECRET}",
]
BAD_DATABASE = [
    "",
    "garbage",
    f"mysql://u:{SECRET}@db/x",
    f"postgresql://u:{SECRET}@/x",
    f"postgresql://u:{SECRET}@db:x/x",
]
BAD_WEB = ["garbage", f"ftp://u:{SECRET}@host", "https://", f"https://u:{SECRET}@host:x"]
BAD_SYSLOG = [
    "garbage",
    f"http://{SECRET}",
    "tls://",
    f"udp://host:{SECRET}",
    f"tls://me:{SECRET}@host",
    f"unix:{SECRET}",
]
BAD_MAIL = ["garbage", f"http://u:{SECRET}@host", f"smtp://u:{SECRET}@", f"smtp://u:{SECRET}@host:x", "smtp://host:0"]


def _create_app(*_: str) -> int:
    try:
        create_app()
    except SettingsError as error:
        print(f"ingest: {error}", file=sys.stderr)
        return 1
    return 0


def _boot(*_: str) -> int:
    try:
        boot.boot()
    except SystemExit as stopped:  # as multiprocessing does
        print(stopped.code, file=sys.stderr)
        return 1
    return 0


# Program: how it starts in this process, and the variables of addresses that it reads.
PROGRAMS: dict[str, tuple[Callable[[list[str]], int], tuple[str, ...], dict[str, list[str]]]] = {
    "web": (
        _create_app, (),
        {"DATABASE_URL": BAD_DATABASE, "REDIS_URL": BAD_REDIS, "ESSAYCOACH_MAIL": BAD_MAIL, "ESSAYCOACH_LINK": BAD_WEB,
         "ESSAYCOACH_SECURITY_SYSLOG": BAD_SYSLOG},
    ),
    "worker": (
        _boot, (), {"DATABASE_URL": BAD_DATABASE, "REDIS_URL": BAD_REDIS, "ANTHROPIC_BASE_URL": BAD_WEB},
    ),
    "clock": (
        workers.__main__.main, ("clock",),
        {"DATABASE_URL": BAD_DATABASE, "REDIS_URL": BAD_REDIS, "ESSAYCOACH_SECURITY_SYSLOG": BAD_SYSLOG},
    ),
    "monitor": (monitoring.__main__.main, (), {"DATABASE_URL": BAD_DATABASE, "REDIS_URL": BAD_REDIS}),
    "migrations": (migrations.__main__.main, ("status",), {"DATABASE_URL": BAD_DATABASE}),
    "standalone": (
        standalone.__main__.main, ("up",), {"DATABASE_URL": BAD_DATABASE[1:], "REDIS_URL": BAD_REDIS[1:]},
    ),
}  # fmt: skip


@pytest.fixture
def signals() -> Iterator[None]:
    """Restore the signal handling that a program sets up for its process."""
    stops = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in stops}
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.slow(reason="starts a program for each address")
@pytest.mark.parametrize(
    ("program", "name", "url"),
    [(program, name, url) for program, (_, _, bad) in PROGRAMS.items() for name, urls in bad.items() for url in urls],
)
def test_program_ends_with_one_sentence(
    program: str, name: str, url: str, program_env: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, signals: None
) -> None:  # fmt: skip
    program_env("ec_ingest")
    monkeypatch.setenv("ESSAYCOACH_MAIL_FROM", "post@school.example")
    monkeypatch.setenv(name, url)
    main, arguments, _ = PROGRAMS[program]
    if program == "standalone":
        arguments = (*arguments, "--data", str(tmp_path))

    result = run_command(main, *arguments)

    assert (result.returncode, result.stdout) == (1, "")
    sentences = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert len(sentences) == 1, result.stderr
    assert re.fullmatch(rf"\w+: {name} (must be .*://.*: .*|is not set; it must be .*://.*)\.", sentences[0])
    assert SECRET not in result.stderr


STARTS = {
    "web": ("gunicorn", "--config", "ingest/gunicorn.py", "ingest.app:create_app()"),
    "worker": ("workers", "run"),
    "clock": ("workers", "clock"),
    "monitor": ("monitoring",),
    "migrations": ("migrations", "status"),
    "standalone": ("standalone", "up"),
}


@pytest.mark.slow(reason="starts six programs")
@pytest.mark.parametrize("program", STARTS)
def test_started_program_shows_neither_traceback_nor_url(
    program: str, program_env: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program_env("ec_worker" if program == "worker" else "ec_ingest")
    name = "DATABASE_URL" if program == "migrations" else "REDIS_URL"
    monkeypatch.setenv(name, f"redis+sentinel://:{SECRET}@one:26379/primary")
    monkeypatch.setenv("WEB_PROCESSES", "1")
    monkeypatch.setenv("PORT", str(free_port()))
    extra = ["--data", str(tmp_path)] if program == "standalone" else []

    done = subprocess.run(
        [sys.executable, "-m", *STARTS[program], *extra], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode != 0
    assert done.stderr.count(f"{name} must be ") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
