"""Command line of the one-machine set-up: up, demo, psql, backup, drill."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
from pathlib import Path

from models import production, secret_settings, settings
from models.errors import SettingsError
from standalone.backup import run_backup
from standalone.demo.play import play, reader
from standalone.drill import run_drill
from standalone.machine import Machine, StartError
from standalone.psql import open_psql
from standalone.supervisor import AlreadyRunning

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m standalone",
        description="Run the whole of EssayCoach on this machine: PostgreSQL and Redis from wheels, and every line of the Procfile.",
        epilog="DATABASE_URL (a superuser's) and REDIS_URL, when set, are used instead of the embedded servers. With "
        "ANTHROPIC_API_KEY set, Claude gives the feedback; otherwise the local engine does.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and stay until Ctrl-C")
    up.add_argument("--port", type=int, default=8000, help="port of the API (default: 8000; 0: any free)")
    up.add_argument("--metrics-port", type=int, default=9108, help="port of the metrics (default: 9108; 0: any free)")
    up.add_argument("--json", action="store_true", help="print one JSON object on the first line of standard output")
    demo = commands.add_parser("demo", help="start everything, play a school day against it, show it, stop")
    for command, where in ((up, ".essaycoach"), (demo, ".essaycoach/demo")):
        command.add_argument(
            "--data", type=Path, default=Path(where), help=f"where everything is kept (default: {where})"
        )
    psql = commands.add_parser("psql", help="open psql on the database of a running `up`, as its superuser")
    psql.add_argument("--data", type=Path, default=Path(".essaycoach"), help="data of that `up` (default: .essaycoach)")
    up.add_argument("--fresh", action="store_true", help="delete what is kept there first")
    up.add_argument(
        "--archive", type=Path, metavar="DIR", help="archive PostgreSQL's log there, for recovery to a point in time"
    )
    backup = commands.add_parser(
        "backup", help="back up, verify, restore: `python -m workers backup` for this data directory"
    )
    backup.add_argument(
        "--data", type=Path, default=Path(".essaycoach"), help="data of the `up` (default: .essaycoach)"
    )
    backup.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="ACTION …", help="create, verify, list, restore …; --help"
    )
    drill = commands.add_parser("drill", help="restore the newest backup into servers of its own and check everything")
    drill.add_argument(
        "--from",
        dest="backups",
        type=Path,
        metavar="DIR",
        help="the folder of dumps (default: a small machine is made)",
    )
    drill.add_argument("--apart", type=Path, metavar="DIR", help="the folder of keys and heads of those dumps")
    drill.add_argument(
        "--secrets",
        type=Path,
        metavar="DIR",
        help="the folder `keys` of the data directory they come from (default: secrets from the environment)",
    )
    options = parser.parse_args(arguments)
    if options.command == "psql":
        try:
            open_psql(options.data)
        except StartError as error:
            print(f"standalone: {error}", file=sys.stderr)
            return 1
    # All started processes must also stop after a plain `kill` and when the terminal closes.
    for number in STOPS:
        signal.signal(number, _exit_quietly if options.command == "up" else _exit_interrupted)
    try:
        if settings.is_production():
            remedy = "start each program by itself, or take the variable away"
            raise production.refusal("Standalone", "not be used", remedy)
        if options.command == "demo":
            return play(options.data)
        if options.command == "backup":
            return run_backup(options.arguments, data_dir=options.data)
        if options.command == "drill":
            return run_drill(backup=options.backups, apart=options.apart, keys=options.secrets, tell=_print_line)
        return _up(options)
    except (StartError, AlreadyRunning, SettingsError) as error:
        print(f"standalone: {error}", file=sys.stderr)
        return 1


def _up(options: argparse.Namespace) -> int:
    """Start the machine, print how to reach it, and wait for a signal."""
    if options.fresh and not secret_settings.is_given("DATABASE_URL"):
        shutil.rmtree(options.data, ignore_errors=True)
    with Machine(
        options.data, port=options.port, metrics_port=options.metrics_port, tell=_print_status, archive=options.archive
    ) as machine:
        machine.start()
        if options.json:
            print(json.dumps(machine.description()), flush=True)
        else:
            _print_access(machine)
        signal.pause()
    return 0


def _print_access(machine: Machine) -> None:
    """Print the addresses, the passwords of the demo org, and a line of shell variables for curl."""
    details = machine.description()
    print(f"\nEssayCoach is running.\n\n  pages    {details['ingest']}/sign-in?school={details['org']}")
    print(f"  API      {details['ingest']}   (documentation: {details['ingest']}/docs)")
    print(f"  metrics  {details['metrics']}\n  logs     {machine.data_dir / 'log'}\n\n  org      {details['org']}")
    for role in ("admin", "educator", "student"):
        print(f"  {role:8} {details[role]['email']}  password {details[role]['password']}")
    print(f"  webhook  {details['ingest']}/v1/webhooks/{details['source']['id']}\n  feedback by {reader()}\n")
    source = details["source"]
    print(
        f"export KEY={details['api_key']} SOURCE={source['id']} SECRET={source['secret']} ASSIGNMENT={details['assignment_id']}"
    )
    print("\nCtrl-C stops everything.", flush=True)


def _print_status(line: str) -> None:
    """Print a line about the start to standard error."""
    print(f"standalone: {line}", file=sys.stderr, flush=True)


def _print_line(line: str) -> None:
    """Print a line of the drill to standard output."""
    print(line, flush=True)


def _exit_quietly(_number: int, _frame: object) -> None:
    """Exit with 0; a second signal does not interrupt the stopping of the processes."""
    for stop_signal in STOPS:
        signal.signal(stop_signal, signal.SIG_IGN)
    raise SystemExit(0)


def _exit_interrupted(number: int, _frame: object) -> None:
    """Print that the demo was interrupted, and exit with the usual status for this signal."""
    for stop_signal in STOPS:
        signal.signal(stop_signal, signal.SIG_IGN)
    print("\nstandalone: broken off; everything has been stopped", file=sys.stderr)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
