"""Say what a worker or the clock would use in this environment: `python -m workers check-settings`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from models import security_sinks, security_syslog, setting_catalogue, settings
from models.settings_report import Report, make_report, show
from outgoing.settings import read_networks
from workers.duties import audit_heads
from workers.settings import read_limits, read_mail, read_process, read_provider, read_reading, read_worker_store

PROGRAMS = ("worker", "clock")
# What reads the settings of a worker. Each raises SettingsError.
WORKER: tuple[Callable[[], object], ...] = (
    settings.is_production,
    settings.log_level,
    read_process,
    read_limits,
    read_provider,
    read_reading,
    read_networks,
    read_mail,
    settings.redis_url,
    read_worker_store,
    settings.read_crypto,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `check-settings` to the parser."""
    parser.add_argument("--program", choices=PROGRAMS, action="append", help="only this one (may be repeated)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(chosen: argparse.Namespace) -> int:
    """Print the reports and return the exit code: 1 when a program would not start."""
    reports = {"worker": _worker, "clock": _clock}
    return show([reports[program]() for program in chosen.program or PROGRAMS], as_json=chosen.json)


def _worker() -> Report:
    return make_report("worker", [*WORKER, setting_catalogue.refuse_unknown])


def _clock() -> Report:
    return make_report(
        "clock",
        [
            settings.is_production,
            settings.log_level,
            audit_heads.read_seal,
            security_sinks.read_path,
            security_syslog.read_syslog_url,
            partial(settings.read_store, "ec-clock", pool_size=1, answer_seconds=1.0),
            settings.redis_url,
            setting_catalogue.refuse_unknown,
        ],
    )
