"""The door of the one-machine set-up: `up` and `demo`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from standalone.demo import play, reader
from standalone.machine import Machine, StartError
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
    up.add_argument("--fresh", action="store_true", help="delete what is kept there first")
    chosen = parser.parse_args(arguments)
    # Everything the machine starts must stop with it, also on a plain `kill` or when its terminal closes.
    for number in STOPS:
        signal.signal(number, _leave if chosen.command == "up" else _break_off)
    try:
        if chosen.command == "demo":
            return play(chosen.data)
        return _up(chosen)
    except (StartError, AlreadyRunning) as error:
        print(f"standalone: {error}", file=sys.stderr)
        return 1


def _up(chosen: argparse.Namespace) -> int:
    if chosen.fresh and not os.environ.get("DATABASE_URL"):
        shutil.rmtree(chosen.data, ignore_errors=True)
    with Machine(chosen.data, port=chosen.port, metrics_port=chosen.metrics_port, tell=_tell) as machine:
        machine.start()
        if chosen.json:
            print(json.dumps(machine.description()), flush=True)
        else:
            _introduce(machine)
        signal.pause()
    return 0


def _introduce(machine: Machine) -> None:
    known = machine.description()
    print(f"\nEssayCoach is running.\n\n  API      {known['ingest']}   (documentation: {known['ingest']}/docs)")
    print(f"  metrics  {known['metrics']}\n  logs     {machine.data_dir / 'log'}\n\n  org      {known['org']}")
    for role in ("admin", "educator", "student"):
        print(f"  {role:8} {known[role]['email']}  password {known[role]['password']}")
    print(f"  webhook  {known['ingest']}/v1/webhooks/{known['source']['id']}\n  feedback by {reader()}\n")
    source = known["source"]
    print(
        f"export KEY={known['api_key']} SOURCE={source['id']} SECRET={source['secret']} ASSIGNMENT={known['assignment_id']}"
    )
    print("\nCtrl-C stops everything.", flush=True)


def _tell(line: str) -> None:
    print(f"standalone: {line}", file=sys.stderr, flush=True)


def _leave(_number: int, _frame: object) -> None:
    # Once is enough: a second signal must not interrupt the stopping.
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(0)


def _break_off(number: int, _frame: object) -> None:
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    print("\nstandalone: broken off; everything has been stopped", file=sys.stderr)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
