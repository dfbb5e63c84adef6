"""Test the list of settings against the code, the documents, docker-compose.yml and .env.example, and its reports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import yaml

from ingest import settings as ingest_settings
from ingest.__main__ import main as ingest
from models import check_settings, log, setting_catalogue, settings
from models.errors import SettingsError
from models.setting_catalogue import BACKUP, PROGRAMS, SETTINGS, names_of
from standalone.procfile import read_procfile
from tests.support.commands import CommandResult, run_command
from tests.support.schools import JWT_SECRET
from tests.support.servers import ROOT
from tests.support.settings_table import PAGE, with_table
from workers.__main__ import main as workers
from workers.settings import read_limits, read_process, read_reading

ROOMS = ("ingest", "workers", "documents", "models", "migrations", "monitoring", "outgoing", "standalone")
NAME = re.compile(r'"((?:ESSAYCOACH|ANTHROPIC|WEB|WORKER|DATABASE|REDIS|PROMETHEUS)_[A-Z_]+|PORT)(_\{)?')
# What code names without reading it as a setting of its own: the SDK's level of logging, which production refuses.
NOT_SETTINGS = {"ANTHROPIC_LOG", "ESSAYCOACH_", "ANTHROPIC_"}
# Of services that are not ours, or interpolated by compose.
OF_COMPOSE = re.compile(
    r"(POSTGRES|DB|REDIS)_PASSWORD(_[A-Z]+)?|GF_SECURITY_ADMIN_PASSWORD|ALERT_(PAGE|TICKET)_URL|BACKUP_(FOLDER|APART)"
)
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
OURS = {"web": "web", "worker": "worker", "clock": "clock", "metrics": "metrics", "release": "migrations"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if any(name in names_of(setting) for setting in SETTINGS) or name.startswith("ESSAYCOACH_"):
            monkeypatch.delenv(name)


def names_in_code() -> set[str]:
    found = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if path.name != "setting_catalogue.py":
                text = path.read_text(encoding="utf-8")
                found |= {name for name, _ in NAME.findall(text)}
    found |= set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "Procfile").read_text(encoding="utf-8")))
    return {name for name in found if not name.endswith("_URLS")} - NOT_SETTINGS


def test_code_reads_exactly_the_variables_of_the_catalogue() -> None:
    known = {setting.name for setting in SETTINGS}
    passwords = {name for name in known if name.startswith("ESSAYCOACH_DB_PASSWORD_")}
    read = {name for name in names_in_code() if not name.startswith(("ESSAYCOACH_DB_PASSWORD", "REDIS_PASSWORD"))}
    assert sorted(read - known) == [], "add a line to models/setting_catalogue.py"
    assert sorted(known - read - passwords) == [], "nothing reads these"


def test_table_in_the_documents_is_the_catalogue() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run: python -m tests.support.settings_table --write"


def test_programs_of_the_catalogue_are_those_of_the_procfile() -> None:
    assert set(PROGRAMS) == {*read_procfile(ROOT / "Procfile"), "migrations"} == set(check_settings.COMMANDS)
    assert {program for setting in SETTINGS for program in setting.programs} == {*PROGRAMS, BACKUP}
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


@pytest.mark.parametrize("service", OURS)
def test_compose_gives_each_program_only_what_it_reads(service: str) -> None:
    read = {name for setting in SETTINGS if OURS[service] in setting.programs for name in names_of(setting)}
    assert sorted(set(COMPOSE["services"][service]["environment"]) - read) == []


def test_example_holds_only_known_variables_that_compose_uses() -> None:
    named = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    known = {setting.name for setting in SETTINGS}
    assert [name for name in named if name not in known and not OF_COMPOSE.fullmatch(name)] == []
    files = [ROOT / "docker-compose.yml", *(ROOT / "deploy" / "compose").glob("*.yml")]
    used = {name for path in files for name in re.findall(r"\$\{([A-Z_]+)", path.read_text(encoding="utf-8"))}
    assert [name for name in named if name not in used] == []


def test_defaults_of_the_catalogue_are_those_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, server, connections = read_limits(), ingest_settings.read_server(), ingest_settings.read_connection_limits()
    processes, threads, drain = read_process()
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    for name, value in {
        "ESSAYCOACH_JWT_SECRET": JWT_SECRET, "ESSAYCOACH_API_KEY_PEPPER": key, "REDIS_URL": "redis://redis",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    web = ingest_settings.read()
    found = {
        "ESSAYCOACH_PROVIDER_TIMEOUT_SECONDS": limits.provider, "ESSAYCOACH_MESSAGE_LIMIT_SECONDS": limits.message,
        "ESSAYCOACH_LEASE_SECONDS": limits.lease, "ESSAYCOACH_PAUSE_SECONDS": limits.pause,
        "ESSAYCOACH_GRAMMAR_MIX": "on" if read_reading().use_ensemble else "off",
        "ESSAYCOACH_BATCHES": "on" if read_reading().use_batches else "off",
        "WORKER_PROCESSES": processes, "WORKER_THREADS": threads, "WORKER_DRAIN_MS": drain,
        "ESSAYCOACH_HOST": server.host, "PORT": server.port, "WEB_PROCESSES": server.processes, "WEB_THREADS": server.threads,
        "ESSAYCOACH_KEEPALIVE_SECONDS": server.keepalive_seconds,
        "ESSAYCOACH_REQUEST_HEAD_SECONDS": connections.head_seconds, "ESSAYCOACH_REQUEST_BODY_SECONDS": connections.body_seconds,
        "ESSAYCOACH_RESPONSE_SECONDS": connections.send_seconds,
        "ESSAYCOACH_RATE_LIMIT": web.rate_limit, "ESSAYCOACH_ADDRESS_RATE_LIMIT": web.address_rate_limit,
        "ESSAYCOACH_ACCESS_MINUTES": web.access_minutes, "ESSAYCOACH_STAFF_IDLE_HOURS": web.staff_idle_hours,
        "ESSAYCOACH_PASSWORD_ROUNDS": web.password_rounds, "ESSAYCOACH_MAIL": web.mail.url, "ESSAYCOACH_MAIL_FROM": str(web.mail.sender),
        "ESSAYCOACH_PROXIES": web.proxies, "ESSAYCOACH_WAITING_SLOTS": web.waiting_slots,
        "ESSAYCOACH_LOG_LEVEL": settings.log_level().lower(),
    }  # fmt: skip
    defaults = {setting.name: setting.default for setting in SETTINGS}
    shown = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in found.items()}
    assert shown == {name: defaults[name] for name in found}


# Unknown names


def test_typing_error_is_named_with_the_nearest_name_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ESSAYCOACH_MAIL_COMAND", "hunter2")
    monkeypatch.setenv("ESSAYCOACH_QQQQ", "hunter2")
    monkeypatch.setenv("ESSAYCOACH_LEASE_SECONDS", "12")
    assert setting_catalogue.unknown_variables() == {
        "ESSAYCOACH_MAIL_COMAND": "ESSAYCOACH_MAIL_COMMAND", "ESSAYCOACH_QQQQ": None,
    }  # fmt: skip
    code = "from models import log, setting_catalogue\nlog.set_up('tester')\nsetting_catalogue.warn_unknown()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["event"], line["level"], line["nearest"]) == (
        "unknown variables",
        "warning",
        ["ESSAYCOACH_MAIL_COMMAND", None],
    )
    assert "hunter2" not in done.stderr


def test_unknown_name_is_refused_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESSAYCOACH_PRODUCTION", "on")
    assert setting_catalogue.refuse_unknown() == {}
    monkeypatch.setenv("ESSAYCOACH_MAIL_COMAND", "hunter2")
    with pytest.raises(
        SettingsError, match=r"ESSAYCOACH_MAIL_COMAND \(did you mean ESSAYCOACH_MAIL_COMMAND\?\) must not be set"
    ):
        setting_catalogue.refuse_unknown()


@pytest.mark.parametrize("value", ["verbose", "INFO", "10"])
def test_unknown_log_level_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ESSAYCOACH_LOG_LEVEL", value)
    with pytest.raises(SettingsError, match="ESSAYCOACH_LOG_LEVEL must be one of debug, info, warning, error"):
        settings.log_level()


DEBUG = """
import logging, sys, threading, warnings
from models import log
log.set_up("tester", level="DEBUG")
for name in ("workers.job.call", "peewee", "httpx2", "anthropic", "dramatiq.worker", "urllib3"):
    logging.getLogger(name).debug("debug of " + name)
warnings.warn("something is old")
thread = threading.Thread(target=lambda: 1 / 0, name="own")
thread.start()
thread.join()
raise ValueError("SECRET-" + "ESSAY")
"""


def test_debug_shows_our_own_lines_only_and_no_line_is_anything_but_json() -> None:
    """Peewee writes the values of every statement at DEBUG, the SDK whole requests. An uncaught error shows no message."""
    done = subprocess.run([sys.executable, "-c", DEBUG], cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [line["event"] for line in lines if line["level"] == "debug"] == ["debug of workers.job.call"]
    assert [line["exception"][0]["type"] for line in lines if line["event"] == "uncaught exception"] == [
        "ZeroDivisionError", "ValueError",
    ]  # fmt: skip
    assert any("something is old" in line["event"] for line in lines)
    assert "SECRET" not in done.stderr
    assert all(line["program"] == "tester" and line["pid"] for line in lines)


# Reports


def run_check(main: Callable[[list[str]], int], *arguments: str) -> CommandResult:
    return run_command(main, "check-settings", *arguments)


def test_report_shows_value_and_source_and_hides_secrets(
    monkeypatch: pytest.MonkeyPatch, program_env: Callable[[str], None]
) -> None:
    program_env("ec_worker")
    monkeypatch.setenv("ESSAYCOACH_LEASE_SECONDS", "7")
    monkeypatch.setenv("ANTHROPIC_API_KEY_COMMAND", "echo sk-hunter2")
    done = run_check(workers, "--program", "worker", "--json")

    assert done.returncode == 0, done.stdout
    (report,) = json.loads(done.stdout)
    lines = {line["name"]: (line["value"], line["source"]) for line in report["settings"]}
    assert lines["ESSAYCOACH_LEASE_SECONDS"] == ("7", "environment")
    assert lines["ESSAYCOACH_POOL_SIZE"] == ("8", "default")
    assert lines["ANTHROPIC_API_KEY"] == ("set, 10 characters", "command")
    assert lines["ESSAYCOACH_MODEL"] == (None, "not set")
    value, source = lines["DATABASE_URL"]
    assert re.fullmatch(r"postgresql://ec_worker@127\.0\.0\.1:\d+/\w+, \d+ characters", value or "")
    assert (source, report["refused"], report["unknown"]) == ("environment", [], {})
    for secret in ("hunter2", os.environ["ESSAYCOACH_INDEX_KEY"], os.environ["DATABASE_URL"]):
        assert secret not in done.stdout


def test_report_names_everything_that_is_refused(
    monkeypatch: pytest.MonkeyPatch, program_env: Callable[[str], None]
) -> None:
    program_env("ec_ingest")
    monkeypatch.setenv("ESSAYCOACH_JWT_SECRET", "replace-with-at-least-32-random-characters")
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("ESSAYCOACH_PASWORD_ROUNDS", "1")
    done = run_check(ingest)

    assert done.returncode == 1
    assert "web would not start:" in done.stdout
    assert "! ESSAYCOACH_JWT_SECRET must not hold a placeholder" in done.stdout
    assert "! PORT must be a whole number" in done.stdout
    assert "ESSAYCOACH_PASWORD_ROUNDS: no program reads it; did you mean ESSAYCOACH_PASSWORD_ROUNDS?" in done.stdout
    assert "replace-with" not in done.stdout


@pytest.mark.slow(reason="starts a process for each program")
def test_one_command_reports_every_program(program_env: Callable[[str], None]) -> None:
    program_env("ec_ingest")
    run = partial(subprocess.run, cwd=ROOT, capture_output=True, text=True, check=False)
    done = run([sys.executable, "-m", "models.check_settings", "--json"])
    reports = {report["program"]: report for report in json.loads(done.stdout)}
    assert list(reports) == list(PROGRAMS)
    assert {program: report["refused"] for program, report in reports.items()} == {program: [] for program in PROGRAMS}
    assert done.returncode == 0
    for program, report in reports.items():
        assert [line["name"] for line in report["settings"]] == [
            setting.name for setting in SETTINGS if program in setting.programs
        ]
    one = run([sys.executable, "-m", "models.check_settings", "--program", "web"])
    assert one.stdout.startswith("web would start\n")


def test_trace_id_is_that_of_the_context() -> None:
    assert log.trace_id() is None
    with log.log_context(trace_id="4bf92f3577b34da6a3ce929d0e0e4736"):
        trace = log.trace_id()
    assert trace is not None
    assert trace.hex == "4bf92f3577b34da6a3ce929d0e0e4736"
