"""Command line of the workers: worker, clock, and tools for operators."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from models.errors import DatabaseAway, KeysMissing, SettingsError
from workers import clock
from workers.commands import (
    audit,
    backup,
    calibrate,
    check_settings,
    compare,
    duty,
    failed_passes,
    keys,
    partitions,
    retention,
    run,
    trace,
)

COMMANDS = {
    "run": (run, "run passes until stopped (a worker's environment)"),
    "given-up": (failed_passes, "passes that ended without a result: list, replay or discard them"),
    "trace": (trace, "print the life of one submission, from its receipt to its release"),
    "audit": (audit, "check the audit trail for tampering (exit code 1: something was changed)"),
    "keys": (keys, "rotate the master keys; back up and restore people's keys (a worker's environment)"),
    "duty": (duty, "carry out one duty of the clock now, or list them (exit code 1: it failed, or found a fault)"),
    "backup": (backup, "back up the database, verify, restore and list backups (environments: docs/backups.md)"),
    "partitions": (partitions, "list the partitions with wrong bounds (exit code 1: there are some)"),
    "retention": (retention, "say what will be deleted because of its age"),
    "calibrate": (calibrate, "fit confidence to educators' decisions about comments (a worker's environment)"),
    "check-settings": (check_settings, "what worker and clock would use (exit code 1: one would not start)"),
    "compare": (compare, "is another model or prompt worse on reviewed comments? (exit code 1: it is; 2: cannot say)"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m workers", description="Programs of the workers (most have the environment of the clock)."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("clock", help="re-send hints, free leases, fold totals, make partitions; until stopped")
    for name, (command, summary) in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=summary))
    chosen = parser.parse_args(arguments)
    if chosen.command == "given-up" and not failed_passes.is_limited(chosen):
        parser.error(f"{chosen.action} needs --pass, --reason, --org or --all")
    try:
        if chosen.command == "clock":
            clock.run()
            return 0
        carry_out: Callable[[argparse.Namespace], int] = COMMANDS[chosen.command][0].run
        return carry_out(chosen)
    except (SettingsError, DatabaseAway, KeysMissing) as error:
        print(f"workers: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
