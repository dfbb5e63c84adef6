"""The workers' doors for operators: the clock, and what to do about passes that gave up."""

from __future__ import annotations

import argparse
import sys
from uuid import UUID

from models import db, failed_passes, log, orgs, settings
from models.audit import Actor
from models.broker import make_broker
from models.db import session
from models.errors import DatabaseAway, SettingsError
from models.failed_passes import GivenUp
from models.jobs import Hint, Queue
from workers import clock
from workers.commands import audit, calibrate, compare, keys

OPERATOR = Actor(role="operator")
PAGE = 500


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m workers", description="The workers' side programs (same environment as the clock)."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("clock", help="re-send hints, free leases, fold totals, make partitions; until stopped")
    about = commands.add_parser("given-up", help="passes that ended without a result: list, replay or discard them")
    about.add_argument("action", choices=("list", "replay", "discard"))
    about.add_argument("--org", metavar="SLUG", help="only this org's (default: every org's)")
    about.add_argument("--pass", dest="pass_id", type=UUID, metavar="ID", help="only this pass")
    about.add_argument("--reason", help="only those given up for this reason, such as worker_lost")
    about.add_argument("--all", action="store_true", help="replay or discard everything that list shows")
    audit.add_arguments(commands.add_parser("audit", help="verify that nobody bent the audit trail (exit code 1: somebody did)"))
    keys.add_arguments(commands.add_parser("keys", help="rotate the master keys; keep and restore people's keys (a worker's environment)"))
    calibrate.add_arguments(commands.add_parser("calibrate", help="fit confidence to what people made of comments (a worker's)"))
    compare.add_arguments(
        commands.add_parser("compare", help="is another model or prompt worse on reviewed comments? (exit code 1: it is; 2: cannot say)")
    )
    chosen = parser.parse_args(arguments)
    if chosen.command == "audit":
        return audit.run(chosen)
    try:
        if chosen.command == "clock":
            clock.run()
            return 0
        if chosen.command == "keys":
            return keys.run(chosen)
        if chosen.command == "calibrate":
            return calibrate.run(chosen)
        if chosen.command == "compare":
            return compare.run(chosen)
        if chosen.action != "list" and not (chosen.all or chosen.pass_id or chosen.reason or chosen.org):
            parser.error(f"{chosen.action} needs --pass, --reason, --org or --all")
        return _given_up(chosen)
    except (SettingsError, DatabaseAway) as error:
        print(f"workers: {error}", file=sys.stderr)
        return 1


def _given_up(chosen: argparse.Namespace) -> int:
    log.set_up("clock", level="WARNING")
    db.connect(settings.read_store("ec-clock", pool_size=1, answer_seconds=clock.ANSWER_SECONDS))
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
            while page := _page(org, last):
                wanted = [one for one in page if _is_wanted(one, chosen)]
                total += _act(chosen.action, wanted, slug=slug, org=org, hints=hints)
                last = page[-1].id
    if hints:
        make_broker(settings.redis_url(), answer_seconds=1.0).send(hints)
    done = {"list": "given up", "replay": "replayed", "discard": "discarded"}[chosen.action]
    print(f"{total} {'pass' if total == 1 else 'passes'} {done}")
    return 0


def _page(org: UUID, last: UUID | None) -> list[GivenUp]:
    with session(org=org):
        return failed_passes.list_all(org=org, limit=PAGE, before=last)


def _is_wanted(one: GivenUp, chosen: argparse.Namespace) -> bool:
    return chosen.pass_id in (None, one.id) and chosen.reason in (None, one.reason)


def _act(action: str, wanted: list[GivenUp], *, slug: str, org: UUID, hints: list[Hint]) -> int:
    if action == "list":
        for one in wanted:
            print(f"{slug:20} {one.id}  {one.name:10} {one.reason:20} {one.finished_at:%Y-%m-%d %H:%M:%SZ}")
        return len(wanted)
    with session(org=org):
        if action == "discard":
            return failed_passes.discard(wanted, org=org, actor=OPERATOR)
        # Nobody waits at the screen for these: bulk, so that a thousand of them do not stand before one student.
        replayed = failed_passes.replay(wanted, org=org, queue=Queue.BULK, actor=OPERATOR)
    hints += replayed
    return len(replayed)


if __name__ == "__main__":
    sys.exit(main())
