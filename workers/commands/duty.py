"""Carry out one duty of the clock now: `python -m workers duty NAME`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from psycopg2.extensions import parse_dsn

from models import crypto, db, duty_runs, index_report, log, settings
from models.broker import make_broker
from models.db import session
from workers.duties import audit_heads, data_audit, retire, tables
from workers.duties.data_audit import Report
from workers.duties.limits import BATCH
from workers.duties.record import Counted, DutyTaken, RecordedDuty
from workers.duties.registry import Tools, all_duties

ANSWER_SECONDS = 65.0
OK, FAULTY, WRONG_USE = 0, 1, 2
BY_HAND = "clean_orphans"
# Which options belong to which duty.
OPTIONS = {"yes": BY_HAND, "mend": "check_indexes", "all": "audit_data", "json": "audit_data"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duty` to the parser."""
    parser.add_argument(
        "name", nargs="?", choices=(*all_duties(), BY_HAND), metavar="NAME", help="which duty; --list shows them"
    )
    parser.add_argument("--list", action="store_true", help="list the duties with their intervals and last runs")
    parser.add_argument("--json", action="store_true", help="audit_data: print the report as JSON")
    parser.add_argument("--all", action="store_true", help="audit_data: the whole history, not only a part of it")
    parser.add_argument("--mend", action="store_true", help="check_indexes: reindex what is invalid or bloated")
    parser.add_argument(
        "--yes", action="store_true", help="clean_orphans: delete them (otherwise only say what would go)"
    )


def run(chosen: argparse.Namespace) -> int:
    """Carry out the duty, print what it did, and return the exit code. Raises SettingsError, DatabaseAway."""
    if (chosen.name is None) != chosen.list:
        return _refuse("name a duty, or give --list")
    for option, duty in OPTIONS.items():
        if getattr(chosen, option) and chosen.name != duty:
            return _refuse(f"--{option} belongs to {duty}")
    log.set_up("clock", level="ERROR")
    program = "ec-worker" if parse_dsn(settings.database_url()).get("user") == "ec_worker" else "ec-clock"
    if program == "ec-worker" and chosen.name != "audit_data":
        return _refuse("only audit_data runs in a worker's environment; the other duties need the clock's DATABASE_URL")
    db.connect(settings.read_store(program, pool_size=2, answer_seconds=ANSWER_SECONDS))
    if chosen.list:
        return _list()
    special: dict[str, Callable[[], int]] = {
        "audit_data": lambda: _audit_data(chosen, with_texts=program == "ec-worker"),
        "check_indexes": lambda: _check_indexes(mend=chosen.mend),
        BY_HAND: lambda: _clean_orphans(delete=chosen.yes),
    }
    try:
        return special.get(chosen.name, lambda: _carry_out(chosen.name))()
    except DutyTaken:
        sys.stderr.write(f"workers: the clock is carrying out {chosen.name} now; try again when it has ended\n")
        return FAULTY
    except (OSError, ValueError) as error:
        sys.stderr.write(f"workers: {chosen.name} failed: {error}\n")
        return FAULTY


def _carry_out(name: str) -> int:
    tools = Tools(
        broker=lambda: make_broker(settings.redis_url(), answer_seconds=1.0),
        seal=audit_heads.read_seal(),
        retire=retire.read_settings(),
    )
    duty = all_duties()[name].make(tools)
    if duty is None:
        return _refuse(f"{name} needs {audit_heads.FILE} and {audit_heads.KEY}")
    recorded = RecordedDuty(name, duty, alone=all_duties()[name].alone)
    found = recorded.carry_out()
    detail = "".join(f", {key} {value:,}" for key, value in getattr(found, "detail", {}).items())
    _print(f"{name}: {found:,}{detail}")
    if not recorded.succeeded:
        sys.stderr.write(f"workers: a part of {name} failed; the lines above say which\n")
        return FAULTY
    return OK


def _list() -> int:
    with session():
        runs = {one.name: one for one in duty_runs.list_runs()}
    known = [(one.name, one.interval, one.says) for one in all_duties().values()]
    known.append((BY_HAND, "by hand", "delete rows that refer to nothing any more"))
    named = {name for name, _, _ in known}
    known += [(name, "elsewhere", "docs/operations.md") for name in runs if name not in named]
    table = [("duty", "interval", "last run", "result", "found", "what it does")]
    for name, interval, says in known:
        last = runs.get(name)
        ended, outcome, found = (_moment(last.ended_at), last.outcome, f"{last.found:,}") if last else ("never", "", "")
        table.append((name, interval, ended, outcome, found, says))
    _print_table(table)
    return OK


def _audit_data(chosen: argparse.Namespace, *, with_texts: bool) -> int:
    if with_texts:
        crypto.load(settings.read_crypto())
    reports: list[Report] = []

    def audit() -> Counted:
        reports.append(data_audit.audit(with_texts=with_texts, whole_history=chosen.all))
        return reports[0].counted()

    RecordedDuty("audit_data", audit, alone=True).carry_out()
    report = reports[0]
    if chosen.json:
        _print(json.dumps(_as_json(report), indent=1))
    else:
        _print_table([
            ("check", "severity", "found", "what it looks for"),
            *((one.check.name, one.check.severity, f"{one.count:,}", one.check.says) for one in report.results),
        ])  # fmt: skip
        for one in report.results:
            if one.count:
                _print(f"\n{one.check.name}: {', '.join(one.ids)}{' …' if one.count > len(one.ids) else ''}")
        _print(f"\nLooked at: {report.coverage}.")
        if not with_texts:
            _print(
                f"Not looked at: {', '.join(data_audit.TEXT_CHECKS)}. They need the keys: run this in a worker's environment."
            )
    return FAULTY if report.errors else OK


def _as_json(report: Report) -> dict[str, object]:
    return {
        "coverage": report.coverage,
        "with_texts": report.with_texts,
        "errors": report.errors,
        "checks": [
            {"name": one.check.name, "severity": one.check.severity, "count": one.count, "ids": list(one.ids)}
            for one in report.results
        ],
    }


def _check_indexes(*, mend: bool) -> int:
    findings: list[index_report.IndexFinding] = []

    def check() -> Counted:
        findings[:] = tables.list_findings()
        return tables.count_findings(findings)

    mended: list[tuple[index_report.IndexFinding, str]] = []
    faults = int(RecordedDuty("check_indexes", check, alone=True).carry_out())
    if mend:
        mended = tables.mend(findings)
        faults = int(RecordedDuty("check_indexes", check, alone=True).carry_out())
    for one, result in mended:
        _print(f"{one.statement}: {result}")
    if not findings:
        _print("No index is invalid, duplicate, missing, bloated or unused.")
        return OK
    _print_table([
        ("finding", "table", "index", "why", "what to run (as ec_owner)"),
        *((one.kind, one.table, one.name, one.why, one.statement) for one in findings),
    ])  # fmt: skip
    return FAULTY if faults else OK


def _clean_orphans(*, delete: bool) -> int:
    results: list[data_audit.Result] = []

    def clean() -> Counted:
        results[:] = data_audit.clean_orphans(delete=delete, limit=BATCH)
        return Counted(sum(one.count for one in results), **{one.check.name: one.count for one in results})

    if delete:
        RecordedDuty(BY_HAND, clean, alone=True).carry_out()
    else:
        clean()
    for one in results:
        _print(f"{one.check.name}: {one.count:,} {'deleted' if delete else 'would go'} ({one.check.says})")
        if one.ids:
            _print(f"  {', '.join(one.ids)}{' …' if one.count > len(one.ids) else ''}")
    if not delete and any(one.count for one in results):
        _print("Nothing was deleted. Delete them: python -m workers duty clean_orphans --yes")
    return OK


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _print_table(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        _print(_padded(line, widths))


def _padded(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _refuse(message: str) -> int:
    sys.stderr.write(f"workers: {message}\n")
    return WRONG_USE
