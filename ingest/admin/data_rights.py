"""The rights of a person, carried out by an admin: a copy of everything, and erasure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile

from flask import Blueprint, Response, jsonify

from ingest.admin import schemas
from ingest.web.access_log import note_read
from ingest.web.identity import admin
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from models import rights

blueprint = Blueprint("rights", __name__)

ZIP = "application/zip"
# An archive larger than this, packed, waits on disk (in a file without a name) while it is made and sent.
IN_MEMORY_BYTES = 16 * 1024 * 1024
PIECE_BYTES = 64 * 1024


@blueprint.get("/v1/users/<uuid:user_id>/export")
@operation(
    "Hand over everything about a person",
    answers={200: ZIP},
    problems=("forbidden",),
    headers={200: {"Content-Disposition": "a file name made of the person's id"}},
)
def export(user_id: UUID) -> Response:
    """Answer an archive of everything that is held about this person, as JSON and text. That it was asked for is on record."""
    who = admin()
    with ExitStack() as unless_sent:
        archive = unless_sent.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY_BYTES))
        with who.session(), ZipFile(archive, "w", ZIP_DEFLATED) as zipped:
            note_read(who, entity="user", entity_id=user_id, person=user_id)
            for name, text in rights.gather(user_id, org=who.org):
                zipped.writestr(name, text)
        response = Response(_pieces(archive), content_type=ZIP)
        response.content_length = archive.tell()
        response.headers["Content-Disposition"] = f"attachment; filename={user_id}.zip"
        # Also when nobody reads it to its end.
        response.call_on_close(archive.close)
        unless_sent.pop_all()
    return response


@blueprint.post("/v1/users/<uuid:user_id>/erase")
@operation("Erase a person", answers={202: schemas.Erasing}, problems=("forbidden", "last-admin", "own-account"))
def erase(user_id: UUID) -> tuple[Response, int]:
    """Make everything of this person unreadable at once; their rows follow within seconds. Asking twice is as asking once.

    Nobody erases themselves or the last admin. What was done stays on record under an id that then means nobody.
    """
    who = admin()
    if user_id == who.user:
        raise Problem("own-account", "You cannot erase yourself.")
    with who.session():
        rights.request_erasure(user_id, org=who.org)
    return jsonify(schemas.Erasing(status="erasing").model_dump()), 202


def _pieces(archive: IO[bytes]) -> Iterator[bytes]:
    archive.seek(0)
    with archive:
        while piece := archive.read(PIECE_BYTES):
            yield piece
