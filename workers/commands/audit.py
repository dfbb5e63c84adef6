"""Verify the audit trail: `python -m workers audit verify`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from models import db, log, orgs, settings
from models.db import session
from models.errors import DatabaseAway, SettingsError
from workers.commands.audit_chain import Report, check
from workers.duties import audit_heads
from workers.duties.audit_heads import SignedHead

OK, FAULTY, UNCHECKED = 0, 1, 2
ANSWER_SECONDS = 65.0
SAY_EVERY_SECONDS = 2.0


def run(chosen: argparse.Namespace) -> int:
    """Verify the chosen audit chains, print the faults, and return the exit code: OK, FAULTY or UNCHECKED."""
    try:
        return _verify(chosen)
    except (SettingsError, DatabaseAway, OSError) as error:
        _print_error(f"workers: the audit trail could not be checked: {error}")
    except Exception as error:  # noqa: BLE001 - Python's own exit code would mean that a fault was found
        _print_error(f"workers: the audit trail could not be checked: {type(error).__name__}")
    return UNCHECKED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `audit` to the parser."""
    parser.add_argument("action", choices=("verify",))
    parser.add_argument("--org", metavar="SLUG", help="only this org's (default: every org's)")
    parser.add_argument(
        "--heads",
        metavar="FILE",
        type=Path,
        action="append",
        help=f"signed heads to compare with; may be given several times (default: the file {audit_heads.FILE} names)",
    )


def _verify(chosen: argparse.Namespace) -> int:
    log.set_up("clock", level="WARNING")
    db.connect(settings.read_store("ec-clock", pool_size=1, answer_seconds=ANSWER_SECONDS))
    signed, broken = _signed_heads(chosen.heads)
    with session():
        known = orgs.list_orgs()
    if not known:
        _print_error("workers: the audit trail could not be checked: no org is there, or none for this log-in")
        return UNCHECKED
    if chosen.org and chosen.org not in known:
        _print_error(f"workers: there is no org {chosen.org!r}; there are: {', '.join(sorted(known))}")
        return UNCHECKED
    faulty = len(broken)
    for message in broken:
        _print(f"signed heads: {message}")
    by_org = audit_heads.by_org(signed)
    for org in sorted(set(by_org) - set(known.values())) if chosen.org is None else ():
        faulty += 1
        _print(f"{org}: cut off: heads of this org were signed, and there is no such org")
    wanted = {slug: org for slug, org in sorted(known.items()) if chosen.org in (None, slug)}
    for slug, org in wanted.items():
        others = {name: other for name, other in known.items() if other != org}
        report = check(org, others=others, signed=by_org.get(org, ()), tell=_Progress(slug).tell)
        faulty += report.found
        _print("\n".join(_report_lines(slug, report)))
    _print(
        f"{len(wanted)} {'org' if len(wanted) == 1 else 'orgs'}, {faulty or 'no'} {'fault' if faulty == 1 else 'faults'}"
    )
    return FAULTY if faulty else OK


def _signed_heads(given: list[Path] | None) -> tuple[list[SignedHead], list[str]]:
    if not given:
        seal = audit_heads.read_seal()
        if seal is None:
            _print_error("workers: no signed heads to compare with: a tail that was cut cleanly cannot be seen")
        given = [seal.path] if seal else []
    ledgers = [audit_heads.read_ledger(path, key=settings.key_bytes(audit_heads.KEY)) for path in given]
    heads = [head for ledger in ledgers for head in ledger.heads]
    return heads, [
        f"{path}, {message}" for path, ledger in zip(given, ledgers, strict=True) for message in ledger.broken
    ]


def _report_lines(slug: str, report: Report) -> Iterator[str]:
    end = f"{report.found:,} {'fault' if report.found == 1 else 'faults'}" if report.found else "ok"
    yield f"{slug}: {report.checked:,} entries checked, {report.waiting:,} waiting for their place: {end}"
    for fault in report.faults:
        yield f"  place {fault.place:,}" + (f", entry {fault.entry}" if fault.entry else "") + f": {fault.words}"
    if report.more:
        yield f"  and {report.more:,} more"


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _print_error(line: str) -> None:
    sys.stderr.write(f"{line}\n")


class _Progress:
    """Reports the progress of a long check on standard error."""

    def __init__(self, slug: str) -> None:
        self._slug = slug
        self._last_report = time.monotonic()

    def tell(self, checked: int) -> None:
        """Report how many entries are checked, at most once in SAY_EVERY_SECONDS."""
        if time.monotonic() - self._last_report >= SAY_EVERY_SECONDS:
            self._last_report = time.monotonic()
            _print_error(f"{self._slug}: {checked:,} entries so far")
