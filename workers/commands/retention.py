"""Say what will be deleted because of its age: `python -m workers retention report`."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from models import db, log, orgs, retention, settings
from models.db import session
from models.retention import ClassReport

ANSWER_SECONDS = 65.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `retention` to the parser."""
    parser.add_argument("action", choices=("report",))
    parser.add_argument("--org", metavar="SLUG", help="only this org's (default: every org's)")


def run(chosen: argparse.Namespace) -> int:
    """Print what the next runs delete, and return the exit code. Raises SettingsError, DatabaseAway."""
    log.set_up("clock", level="WARNING")
    db.connect(settings.read_store("ec-clock", pool_size=1, answer_seconds=ANSWER_SECONDS))
    with session():
        known = orgs.list_orgs()
    if chosen.org is not None and chosen.org not in known:
        sys.stderr.write(f"workers: there is no org {chosen.org!r}\n")
        return 1
    for slug in sorted(known) if chosen.org is None else [chosen.org]:
        with session(org=known[slug]):
            found = retention.report(known[slug], most=None)
        sys.stdout.write(f"{slug}\n")
        for one in found:
            sys.stdout.write(f"  {one.name + ':':<13}{_words(one)}\n")
    return 0


def _words(one: ClassReport) -> str:
    if one.days is None:
        return "no limit of this org"
    last = (
        "no run yet"
        if one.last_run_at is None
        else f"last run {_day(one.last_run_at)}: {one.last_deleted or 0:,} deleted"
    )
    dates = f" of {_day(one.oldest)} to {_day(one.newest)}" if one.due else ""
    held = f", {one.held:,} on hold" if one.held else ""
    return f"{one.days:,} days; {one.due:,} go on {_day(one.next_run_at)}{dates}{held}; {last}"


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d}"
