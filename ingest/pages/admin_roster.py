"""Import a roster from the browser: first a dry run that shows what would happen, then the import."""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict

from flask import Blueprint, Response, request

from ingest.admin import roster, roster_files
from ingest.pages.admin_parts import REFUSALS, Refusal, admin, admin_page, as_problem
from ingest.pages.forms import check_body, read_files
from ingest.pages.rendering import page_blueprint
from ingest.pages.wording import gettext
from ingest.web.problems import Problem

blueprint: Blueprint = page_blueprint("admin_roster")

MOST_FILES = len(roster_files.FILES)
# The page of the dry run carries the files to the import, so they must fit into its form.
MOST_CARRIED = 900_000


@blueprint.get("/admin/roster")
def choose() -> Response:
    """Show the form to choose the files."""
    admin()
    return _choose_page()


@blueprint.post("/admin/roster")
def try_out() -> Response:
    """Run the whole import without storing anything, and show its report."""
    who = admin()
    try:
        files = roster_files.read_uploads(read_files("files", most=MOST_FILES))
        allow_admins = bool(request.form.get("allow_admins"))
        carried = base64.urlsafe_b64encode(roster_files.pack(files)).decode()
        if len(carried) > MOST_CARRIED:
            raise _too_large()
        report = roster.import_as(who, files, allow_admins=allow_admins, dry_run=True)
    except REFUSALS as refusal:
        is_large = isinstance(refusal, Problem) and refusal.slug == "payload-too-large"
        return _choose_page(_too_large() if is_large else refusal)
    return admin_page(
        "admin_roster_report.html", report=asdict(report), carried=carried, allow_admins=allow_admins, is_dry=True
    )


@blueprint.post("/admin/roster/import")
def import_files() -> Response:
    """Import the files that the page of the dry run carried."""
    who = admin()
    check_body()
    try:
        files = roster_files.read_uploads({"roster.zip": _carried()})
        report = roster.import_as(who, files, allow_admins=bool(request.form.get("allow_admins")), dry_run=False)
    except REFUSALS as refusal:
        return _choose_page(refusal)
    return admin_page("admin_roster_report.html", report=asdict(report), is_dry=False)


def _carried() -> bytes:
    try:
        return base64.b64decode(request.form.get("roster", ""), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Problem("invalid-payload", gettext("The files got lost on the way. Choose them again.")) from None


def _too_large() -> Problem:
    said = gettext(
        "These files are larger than 1 MiB. Put them into a zip file, or import the courses one part at a time."
    )
    return Problem("payload-too-large", said)


def _choose_page(refusal: Refusal | None = None) -> Response:
    faults = (as_problem(refusal).errors or []) if refusal else []
    rows = [fault["detail"] for fault in faults if fault["detail"].startswith("row ")]
    named = [(fault["pointer"].split("/")[1], fault["detail"]) for fault in faults if fault["detail"] in rows]
    return admin_page("admin_roster.html", refusal=refusal, faults=named, files=roster_files.FILES)
