"""Import a school's roster (people, courses, enrolments) in one transaction, completely or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import NoReturn

from flask import Blueprint, Response

from ingest.admin import roster_schemas as schemas
from ingest.admin.roster_csv import read_roster
from ingest.web import system_log
from ingest.web.body import read_body
from ingest.web.identity import Identity, admin
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from models.audit import write_entry
from models.roster import BadRoster, Report, import_roster
from models.roster_rows import Roster

blueprint = Blueprint("roster", __name__)

MAX_SHOWN_FAULTS = 200


class DryRun(Exception):
    """Raised to roll back a dry run after the import; carries the report."""

    def __init__(self, report: Report) -> None:
        super().__init__("taken back")
        self.report = report


@blueprint.post("/v1/roster")
@operation(
    "Import a roster",
    answers={200: schemas.RosterReport},
    body=schemas.RosterUpload,
    problems=("forbidden", "invalid-roster", "request-in-progress"),
)
def import_upload() -> Response:
    """Import users, classes and enrollments from OneRoster 1.1 CSV texts. Admins only.

    When one row is invalid, nothing is imported and `errors` names the invalid rows. Small defects of real exports are read as
    they are meant, and `warnings` names the rows. Importing the same roster again changes nothing. Rows that are missing from the
    texts change nothing.
    """
    who = admin()
    payload = read_body(schemas.RosterUpload)
    texts = {"users": payload.users, "classes": payload.classes, "enrollments": payload.enrollments}
    given = {file: text for file, text in texts.items() if text is not None}
    report = import_as(who, given, allow_admins=payload.allow_admins, dry_run=payload.dry_run)
    answer = schemas.RosterReport(dry_run=payload.dry_run, **asdict(report))
    return json_response(answer)


def import_as(who: Identity, files: Mapping[str, str | bytes], *, allow_admins: bool, dry_run: bool) -> Report:
    """Import the files as this admin, or with `dry_run` only find out what would happen. Raises Problem `invalid-roster`."""
    try:
        return _run_import(read_roster(files), who, allow_admins=allow_admins, dry_run=dry_run)
    except BadRoster as error:
        system_log.keep("roster refused", org=who.org, faults=error.total, dry_run=dry_run)
        _raise_problem(error)


def _run_import(roster: Roster, who: Identity, *, allow_admins: bool, dry_run: bool) -> Report:
    try:
        with who.session():
            report = import_roster(roster, org=who.org, allow_admins=allow_admins, acting=who.user)
            if dry_run:
                raise DryRun(report)
            write_entry("roster_imported", entity="org", entity_id=who.org, allow_admins=allow_admins)
    except DryRun as rollback:
        report = rollback.report
    return report


def _raise_problem(error: BadRoster) -> NoReturn:
    shown = error.faults[:MAX_SHOWN_FAULTS]
    suffix = f" The first {MAX_SHOWN_FAULTS} are listed." if error.total > MAX_SHOWN_FAULTS else ""
    raise Problem(
        "invalid-roster",
        f"{error}{suffix}",
        errors=[{"pointer": fault.pointer, "detail": fault.detail} for fault in shown],
    ) from None
