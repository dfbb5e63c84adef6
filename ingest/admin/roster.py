"""Taking a school's roster over: people, courses and who is in which, all of it or nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import NoReturn

from flask import Blueprint, Response

from ingest.admin import roster_schemas as schemas
from ingest.admin.roster_csv import read_roster
from ingest.web.body import read_body
from ingest.web.identity import Identity, actor_of, admin
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from models.audit import note
from models.roster import BadRoster, Report, import_roster
from models.roster_plan import Roster

blueprint = Blueprint("roster", __name__)

MOST_FAULTS = 200


class DryRun(Exception):
    """Everything was done and is to be taken back."""

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
    """Import users, classes and enrollments from OneRoster CSV texts. One bad row, and nothing is imported."""
    who = admin()
    wanted = read_body(schemas.RosterUpload)
    texts = {"users": wanted.users, "classes": wanted.classes, "enrollments": wanted.enrollments}
    roster = read_roster({file: text for file, text in texts.items() if text is not None})
    try:
        report = _carry_out(roster, who, allow_admins=wanted.allow_admins, dry_run=wanted.dry_run)
    except BadRoster as error:
        _refuse(error)
    answer = schemas.RosterReport(dry_run=wanted.dry_run, **asdict(report))
    return json_response(answer)


def _carry_out(roster: Roster, who: Identity, *, allow_admins: bool, dry_run: bool) -> Report:
    try:
        with who.session():
            report = import_roster(roster, org=who.org, allow_admins=allow_admins)
            if dry_run:
                raise DryRun(report)
            actor = actor_of(who)
            note(
                "roster_imported", org=who.org, actor=actor, entity="org", entity_id=who.org, allow_admins=allow_admins
            )
    except DryRun as done:
        report = done.report
    return report


def _refuse(error: BadRoster) -> NoReturn:
    shown = error.faults[:MOST_FAULTS]
    rest = f" The first {MOST_FAULTS} are listed." if error.total > MOST_FAULTS else ""
    raise Problem(
        "invalid-roster",
        f"{error}{rest}",
        errors=[{"pointer": fault.pointer, "detail": fault.detail} for fault in shown],
    ) from None
