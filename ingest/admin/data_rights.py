"""Data subject rights: an admin exports all data about a person, or erases a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import UUID

from flask import Blueprint, Response, jsonify

from ingest.admin import schemas
from ingest.admin.person_archive import write_archive
from ingest.web.access_log import note_read
from ingest.web.identity import admin
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from ingest.web.step_up import require_step_up
from models import approvals, events, rights, users

blueprint = Blueprint("rights", __name__)

ZIP = "application/zip"
# A packed archive larger than this is kept on disk, in an unnamed temporary file, while it is built and sent.
IN_MEMORY_BYTES = 16 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


@blueprint.get("/v1/users/<uuid:user_id>/export")
@operation(
    "Export all data about a person",
    answers={200: ZIP, 202: schemas.Waiting},
    problems=("forbidden", "sign-in-again"),
    headers={200: {"Content-Disposition": "file name made of the person's id"}},
)
def export(user_id: UUID) -> Response:
    """Return a zip archive of all stored data about this person, as JSON and text. Writes an audit entry. Admins only.

    With dual_approval the first request asks for an approval (202). Once another admin approved it, you get one archive.
    """
    who = admin()
    with ExitStack() as cleanup:
        archive = cleanup.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY_BYTES))
        with who.session():
            require_step_up(who)
            if approvals.are_needed(who.org) and not approvals.use("export_person", person=user_id):
                request = _ask("export_person", user_id, org=who.org)
                return json_response(schemas.Waiting(status="waiting for approval", approval_id=request), status=202)
            note_read(who, entity="user", entity_id=user_id, person=user_id)
            events.note("exported")
            write_archive(archive, user_id, org=who.org)
        response = Response(_chunks(archive), content_type=ZIP)
        response.content_length = archive.tell()
        response.headers["Content-Disposition"] = f"attachment; filename={user_id}.zip"
        # Close the archive also when the client does not read it to its end.
        response.call_on_close(archive.close)
        cleanup.pop_all()
    return response


@blueprint.post("/v1/users/<uuid:user_id>/erase")
@operation(
    "Erase a person",
    answers={202: schemas.Erasing},
    problems=("forbidden", "last-admin", "on-hold", "own-account", "sign-in-again"),
)
def erase(user_id: UUID) -> tuple[Response, int]:
    """Make all data of this person unreadable at once; their rows are deleted within seconds. Idempotent. Admins only.

    You cannot erase yourself, the last admin, or somebody on hold. With dual_approval it is done when another admin approves
    it. The audit trail keeps its entries under an id that no longer names anybody.
    """
    who = admin()
    if user_id == who.user:
        raise Problem("own-account", "You cannot erase yourself.")
    with who.session():
        require_step_up(who)
        if approvals.are_needed(who.org):
            answer = schemas.Erasing(
                status="waiting for approval", approval_id=_ask("erase_person", user_id, org=who.org)
            )
        else:
            rights.request_erasure(user_id, org=who.org)
            answer = schemas.Erasing(status="erasing")
    return jsonify(answer.model_dump(mode="json", exclude_none=True)), 202


def _ask(action: approvals.Action, user_id: UUID, *, org: UUID) -> UUID:
    users.fetch_person(user_id, org=org)
    return approvals.ask(action, person=user_id)


def _chunks(archive: IO[bytes]) -> Iterator[bytes]:
    archive.seek(0)
    with archive:
        while chunk := archive.read(CHUNK_BYTES):
            yield chunk
