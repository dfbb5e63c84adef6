"""List, replay or discard the passes that ended without a result: `python -m workers given-up`."""

from __future__ import annotations

import argparse
import sys
from uuid import UUID

from models import db, failed_passes, log, orgs, settings
from models.broker import make_broker
from models.db import session
from models.failed_passes import FailedPass
from models.jobs import Hint, Queue

PAGE = 500
ANSWER_SECONDS = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `given-up` to the parser."""
    parser.add_argument("action", choices=("list", "replay", "discard"))
    parser.add_argument("--org", metavar="SLUG", help="only this org's (default: every org's)")
    parser.add_argument("--pass", dest="pass_id", type=UUID, metavar="ID", help="only this pass")
    parser.add_argument("--reason", help="only those given up for this reason, such as worker_lost")
    parser.add_argument("--all", action="store_true", help="replay or discard everything that list shows")


def is_limited(chosen: argparse.Namespace) -> bool:
    """Return whether the arguments say which passes are meant. Only `list` may leave this open."""
    return chosen.action == "list" or bool(chosen.all or chosen.pass_id or chosen.reason or chosen.org)


def run(chosen: argparse.Namespace) -> int:
    """Run the chosen action, and return the exit code."""
    log.set_up("clock", level="WARNING")
    db.connect(settings.read_store("ec-clock", pool_size=1, answer_seconds=ANSWER_SECONDS))
    with session():
        known = orgs.list_orgs()
    if chosen.org and chosen.org not in known:
        print(f"workers: there is no org {chosen.org!r}; there are: {', '.join(sorted(known))}", file=sys.stderr)
        return 1
    total = 0
    hints: list[Hint] = []
    for slug, org in sorted(known.items()):
        if chosen.org in (None, slug):
            last = None
            while page := _list_page(org, last):
                wanted = [one for one in page if _is_wanted(one, chosen)]
                total += _apply(chosen.action, wanted, slug=slug, org=org, hints=hints)
                last = page[-1].id
    if hints:
        make_broker(settings.redis_url(), answer_seconds=1.0).send(hints)
    done = {"list": "given up", "replay": "replayed", "discard": "discarded"}[chosen.action]
    print(f"{total} {'pass' if total == 1 else 'passes'} {done}")
    return 0


def _list_page(org: UUID, last: UUID | None) -> list[FailedPass]:
    with session(org=org):
        return failed_passes.list_all(org=org, limit=PAGE, before=last)


def _is_wanted(one: FailedPass, chosen: argparse.Namespace) -> bool:
    return chosen.pass_id in (None, one.id) and chosen.reason in (None, one.reason)


def _apply(action: str, wanted: list[FailedPass], *, slug: str, org: UUID, hints: list[Hint]) -> int:
    if action == "list":
        for one in wanted:
            print(f"{slug:20} {one.id}  {one.name:10} {one.reason:20} {one.finished_at:%Y-%m-%d %H:%M:%SZ}")
        return len(wanted)
    with session(org=org):
        if action == "discard":
            return failed_passes.discard(wanted)
        # Nobody waits for these at a screen. In the bulk queue, a thousand of them do not delay one student.
        replayed = failed_passes.replay(wanted, org=org, queue=Queue.BULK)
    hints += replayed
    return len(replayed)
