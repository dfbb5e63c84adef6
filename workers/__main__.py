"""The clock's door: `python -m workers clock`."""

from __future__ import annotations

import argparse
import sys

from models.errors import DatabaseAway, SettingsError
from workers import clock


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers", description="The workers' side programs.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("clock", help="re-send hints, free leases, fold totals, make partitions; until stopped")
    parser.parse_args(arguments)
    try:
        clock.run()
    except (SettingsError, DatabaseAway) as error:
        print(f"workers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
