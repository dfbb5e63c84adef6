"""List the partitions with wrong bounds: `python -m workers partitions`."""

from __future__ import annotations

import argparse
import sys

from models import db, log, settings, upkeep
from models.db import session

ANSWER_SECONDS = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments to the parser: the command has none."""


def run(_: argparse.Namespace) -> int:
    """Print each partition that is not one month in UTC, and return 1 when there is one. Raises SettingsError, DatabaseAway."""
    log.set_up("clock", level="WARNING")
    db.connect(settings.read_store("ec-clock", pool_size=1, answer_seconds=ANSWER_SECONDS))
    with session():
        misplaced = upkeep.list_misplaced_partitions()
    for one in misplaced:
        sys.stdout.write(f"{one.name}: {one.begins_at:%Y-%m-%d %H:%M} to {one.ends_at:%Y-%m-%d %H:%M} UTC\n")
    if misplaced:
        sys.stderr.write('Mend them as docs/operations.md says under "Mend partitions".\n')
        return 1
    sys.stdout.write("Every partition is one month in UTC.\n")
    return 0
