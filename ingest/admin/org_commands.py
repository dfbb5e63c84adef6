"""Operators list the orgs of an installation, let the admins of one in again, and remove one."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from ingest.admin.org_archive import Folder, write_org
from ingest.admin.org_schemas import CaseNumber
from ingest.web.messages import NETWORK_FORM
from models import crypto, db, org_removal, orgs, second_factors, sessions, settings
from models.db import session
from models.errors import InProgress
from models.networks import MOST_NETWORKS, canonical_network

ANSWER_SECONDS = 65.0
TELL_EVERY_SECONDS = 2.0
LOOK_EVERY_SECONDS = 0.2
# A pass that is running ends within this time, or its lease does.
SETTLE_SECONDS = 900.0
CLOCK_SECONDS = 60.0
CANCEL_BATCH = 1000
# A batch takes about a tenth of a second, so other transactions never wait long for its locks.
DELETE_BATCH = 500


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `list-orgs`, `set-admin-networks`, `let-admin-in` and `remove-org` to the commands."""
    listing = commands.add_parser("list-orgs", help="list the orgs with their policy and size")
    listing.add_argument("--json", action="store_true", help="write JSON instead of a table")
    networks = commands.add_parser(
        "set-admin-networks", help="choose from where the admins of an org are accepted, also when none of them gets in"
    )
    networks.add_argument("slug", help="the org's short name")
    wanted = networks.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--everywhere", action="store_true", help="accept them from everywhere")
    wanted.add_argument(
        "--network", action="append", default=[], type=_network, help="a network as CIDR; may be repeated"
    )
    lost = commands.add_parser(
        "let-admin-in", help="let an admin sign in with the password alone, when provider or second factor are lost"
    )
    lost.add_argument("slug", help="the org's short name")
    lost.add_argument("--email", required=True, help="the admin's address")
    removal = commands.add_parser("remove-org", help="export a school, then delete everything about it")
    removal.add_argument("slug", help="the org's short name")
    removal.add_argument(
        "--export", type=Path, required=True, metavar="DIR", help="empty folder for the export of all the school's data"
    )
    removal.add_argument(
        "--without-approval",
        type=_case_number,
        metavar="CASE",
        help="remove a school with dual_approval whose admins did not agree; the number of the case is in its audit trail",
    )
    removal.add_argument("--yes", action="store_true", help="do it; without this only say what would be removed")
    removal.epilog = (
        "The clock must be running. There is no way back except a backup. An interrupted removal is run again."
    )


def list_orgs(options: argparse.Namespace) -> int:
    """Print the orgs and return the exit code."""
    _connect()
    with session(role="ec_auth"):
        known = orgs.list_unremoved()
    found = []
    for org in known:
        with session(org=org, role="ec_admin"):
            found.append(orgs.fetch_size(org))
    if options.json:
        print(json.dumps(found, default=datetime.isoformat, ensure_ascii=False, indent=1))
        return 0
    head = ("slug", "name", "policy", "people", "essays", "created")
    lines = [
        (
            one["slug"] + (" (closed)" if one["closed_at"] else ""), one["name"], one["ai_policy"], f"{one['people']:,}",
            f"{one['essays']:,}", f"{one['created_at']:%Y-%m-%d}",
        )
        for one in found
    ]  # fmt: skip
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    for line in (head, *lines):
        cells = [
            cell.rjust(width) if name in ("people", "essays") else cell.ljust(width)
            for name, cell, width in zip(head, line, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())
    return 0


def set_admin_networks(options: argparse.Namespace) -> int:
    """Store the networks from which the admins of the org are accepted, and return the exit code."""
    networks = list(dict.fromkeys(options.network))
    if len(networks) > MOST_NETWORKS:
        print(f"ingest: at most {MOST_NETWORKS} networks can be stored", file=sys.stderr)
        return 1
    _connect()
    with session(role="ec_auth"):
        org = orgs.find_org(options.slug)
    if org is None:
        print(f"ingest: there is no org {options.slug!r}", file=sys.stderr)
        return 1
    with session(org=org, role="ec_admin"):
        orgs.change_org(org, changes={"admin_networks": networks})
    print(f"org {options.slug}: admins are accepted from {', '.join(networks) or 'everywhere'}")
    return 0


def let_admin_in(options: argparse.Namespace) -> int:
    """Let admins use passwords, remove the second factor of this one, and return the exit code."""
    _connect()
    crypto.load(settings.read_crypto())
    account = None
    with session(role="ec_auth"):
        org = orgs.find_org(options.slug)
    if org is not None:
        with session(org=org, role="ec_auth"):
            account = sessions.find_account(options.email, org=org)
    if org is None or account is None or account.role != "admin":
        print(f"ingest: there is no such admin in {options.slug!r}", file=sys.stderr)
        return 1
    with session(org=org, role="ec_admin"):
        allowed = orgs.fetch_org(org)["password_roles"]
        if "admin" not in allowed:
            orgs.change_org(org, changes={"password_roles": [*allowed, "admin"]})
        second_factors.remove(account.user, org=org)
        sessions.end_sessions(account.user, org=org, reason="logout")
    print(f"org {options.slug}: this admin signs in with the password alone")
    return 0


def remove_org(options: argparse.Namespace) -> int:
    """Export the org and delete its rows, or say what would be removed. Return the exit code. Raises Invalid, InProgress."""
    _connect()
    with session(role="ec_auth"):
        org = orgs.find_unremoved(options.slug)
    if org is None:
        print(f"ingest: there is no org {options.slug!r}", file=sys.stderr)
        return 1
    with session(org=org, role="ec_admin"):
        counts = org_removal.count_rows()
    _print_counts(options.slug, counts)
    if not options.yes:
        print("Nothing was removed. Add --yes to export the school into the folder and then remove all of this.")
        return 0
    crypto.load(settings.read_crypto())
    with session(org=org, role="ec_admin"):
        progress = org_removal.fetch_progress(org)
    if progress.exported_at is not None:
        print(f"The removal goes on. The school was exported at {progress.exported_at:%Y-%m-%d %H:%M} UTC.")
    else:
        try:
            _close_and_export(options.slug, org, Folder.create(options.export), options.without_approval)
        except OSError as error:
            print(f"ingest: the export could not be written, and nothing was deleted: {error}", file=sys.stderr)
            return 1
    return _delete(options.slug, org)


def _network(text: str) -> str:
    try:
        return canonical_network(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} {NETWORK_FORM}") from None


def _connect() -> None:
    db.connect(settings.read_store("ec-ingest", pool_size=1, answer_seconds=ANSWER_SECONDS))


def _print_counts(slug: str, counts: dict[str, int]) -> None:
    print(f"rows of {slug} that go:")
    for name, total in sorted(counts.items()):
        if total:
            print(f"{total:>12,}  {name}")


def _case_number(value: str) -> str:
    try:
        return str(TypeAdapter(CaseNumber).validate_python(value))
    except ValidationError:
        raise argparse.ArgumentTypeError("write the number of a case, as 2026-CV-114, and no words") from None


def _close_and_export(slug: str, org: UUID, folder: Folder, without_approval: str | None) -> None:
    with session(org=org, role="ec_admin"):
        org_removal.close(org, without_approval=without_approval)
    print(f"{slug} is closed: nobody can sign in, and its API keys and webhooks are refused.")
    tell = _Progress()
    _wait_for_requests(tell)
    _wait_until_settled(org, tell)
    digest = write_org(folder, org=org, tell=tell.tell)
    with session(org=org, role="ec_admin"):
        org_removal.record_export(org, manifest_sha256=digest)
    print(f"exported {len(folder.files):,} files into {folder.path}; SHA-256 of the manifest: {digest}")


def _wait_for_requests(tell: _Progress) -> None:
    """Wait for requests that began before the org was closed, so that the export holds what they wrote. Raises InProgress."""
    deadline = time.monotonic() + CLOCK_SECONDS
    # In a transaction after the closing: what begins from here on sees that the org is closed.
    with session():
        closed_at = org_removal.read_clock()
    while True:
        with session():
            count = org_removal.count_older_requests(closed_at)
        if not count:
            return
        if time.monotonic() > deadline:
            raise InProgress(
                f"Requests that began before the closing have not ended in {CLOCK_SECONDS:.0f} s ({count} left). The school is "
                "closed, and nothing was deleted. Run this again."
            )
        tell.tell(f"waiting for {count} requests to end")
        time.sleep(LOOK_EVERY_SECONDS)


def _wait_until_settled(org: UUID, tell: _Progress) -> None:
    """Cancel queued passes, and wait until running ones have ended and the clock has caught up. Raises InProgress."""
    started = quiet_since = time.monotonic()
    while True:
        with session(org=org, role="ec_admin"):
            left = org_removal.settle(org, limit=CANCEL_BATCH)
        if not left:
            return
        now = time.monotonic()
        if left.passes:
            quiet_since = now
        if now - quiet_since > CLOCK_SECONDS or now - started > SETTLE_SECONDS:
            raise InProgress(
                "The school is closed, and nothing was deleted. "
                + (f"{left.passes} passes are still open. " if left.passes else "The clock does not run: start it. ")
                + "Then run this again with an empty folder."
            )
        tell.tell(
            f"waiting for {left.passes:,} passes to end"
            if left.passes
            else f"waiting for the clock: {left.unchained:,} audit entries to chain"
        )
        time.sleep(LOOK_EVERY_SECONDS)


def _delete(slug: str, org: UUID) -> int:
    tell, deleted = _Progress(), 0
    while True:
        with session(org=org, role="ec_admin"):
            step = org_removal.delete_rows(limit=DELETE_BATCH)
        if step is None:
            break
        deleted += step[1]
        tell.tell(f"{deleted:,} rows deleted, now {step[0]}")
    with session(org=org, role="ec_admin"):
        left = org_removal.finish(org)
    if left:
        rows_left = ", ".join(f"{total:,} of {name}" for name, total in left.items())
        print(f"ingest: rows are left ({rows_left}). Run this again.", file=sys.stderr)
        return 1
    print(f"{slug} is removed: {deleted:,} rows deleted. Its audit trail stays, under the name removed-{org}.")
    return 0


class _Progress:
    """Reports progress on standard error."""

    def __init__(self) -> None:
        self._last_report = time.monotonic()

    def tell(self, line: str) -> None:
        """Print the line, at most once in TELL_EVERY_SECONDS."""
        if time.monotonic() - self._last_report >= TELL_EVERY_SECONDS:
            self._last_report = time.monotonic()
            print(line, file=sys.stderr, flush=True)
