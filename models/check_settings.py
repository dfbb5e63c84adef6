"""Ask every program what it would use in this environment: `python -m models.check_settings`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from models import settings_report
from models.settings_report import Line, Report

# Each program reads its variables itself, so what it refuses is what it would refuse when it starts.
COMMANDS = {
    "web": ("ingest", "check-settings"),
    "worker": ("workers", "check-settings", "--program", "worker"),
    "clock": ("workers", "check-settings", "--program", "clock"),
    "metrics": ("monitoring", "--check-settings"),
    "migrations": ("migrations", "check-settings"),
}


def main(arguments: list[str] | None = None) -> int:
    """Print the reports and return the exit code: 1 when a program would not start in this environment."""
    parser = argparse.ArgumentParser(
        prog="python -m models.check_settings",
        description="Print what each program would use in this environment and where it comes from; secrets are hidden. "
        "Starts nothing.",
        epilog="Exit code 1: one of the programs would not start.",
    )
    parser.add_argument("--program", choices=tuple(COMMANDS), action="append", help="only this one (may be repeated)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    reports = [_ask(program) for program in options.program or COMMANDS]
    return settings_report.show(reports, as_json=options.json)


def _ask(program: str) -> Report:
    command = [sys.executable, "-m", *COMMANDS[program], "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own programs
    try:
        (found,) = json.loads(done.stdout)
    except ValueError:
        sentence = done.stderr.strip().rpartition("\n")[2] or f"ended with exit code {done.returncode}"
        return Report(program=program, settings=(), refused=(sentence,), unknown={})
    return Report(
        program=program,
        settings=tuple(Line(**line) for line in found["settings"]),
        refused=tuple(found["refused"]),
        unknown=found["unknown"],
    )


if __name__ == "__main__":
    sys.exit(main())
