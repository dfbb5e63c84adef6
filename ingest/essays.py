"""Looking at essays."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from ingest import schemas
from ingest.auth import identity
from ingest.openapi import Parameter, operation
from ingest.problems import Problem
from models import essays

blueprint = Blueprint("essays", __name__)

PAGE = 50
_CURSOR = re.compile(r"[A-Za-z0-9_-]{22}")
LIMIT = Parameter(
    name="limit",
    where="query",
    description=f"How many (default {PAGE}).",
    schema={"type": "integer", "minimum": 1, "maximum": 100},
)
CURSOR = Parameter(
    name="cursor",
    where="query",
    description="The next_cursor of the page before.",
    schema={"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"},
)


@blueprint.get("/v1/essays")
@operation("List essays", answers={200: schemas.Essays}, parameters=(LIMIT, CURSOR), problems=("invalid-payload",))
def list_essays() -> Response:
    """Answer the essays you may see, newest first, a page at a time."""
    who = identity()
    limit, before = _limit(), _cursor()
    with who.session():
        found = essays.list_essays(org=who.org, limit=limit + 1, before=before)
    page = found[:limit]
    more = len(found) > limit
    next_cursor = base64.urlsafe_b64encode(page[-1]["id"].bytes).decode().rstrip("=") if more else None
    answer = schemas.Essays(items=[_essay(one) for one in page], next_cursor=next_cursor)
    return Response(answer.model_dump_json(), content_type="application/json")


@blueprint.get("/v1/essays/<uuid:essay_id>")
@operation("One essay with its versions", answers={200: schemas.EssayWithVersions})
def one_essay(essay_id: UUID) -> Response:
    """Answer an essay and all its versions, oldest first."""
    who = identity()
    with who.session():
        found = essays.fetch_essay(essay_id, org=who.org)
    versions = [schemas.Version.model_validate(version) for version in found["submissions"]]
    answer = schemas.EssayWithVersions(**_essay(found).model_dump(), versions=versions)
    return Response(answer.model_dump_json(), content_type="application/json")


def _essay(found: dict[str, Any]) -> schemas.Essay:
    return schemas.Essay(
        **{
            name: found[name]
            for name in ("id", "title", "assignment_id", "course_id", "category", "external_id", "status")
        },
        student_id=found["user_id"],
        version=found["newest_version"],
        submission_id=found["newest_submission_id"],
        created_at=found["created_at"],
        updated_at=found["updated_at"],
    )


def _limit() -> int:
    given = request.args.get("limit", str(PAGE))
    if not (given.isascii() and given.isdigit() and len(given) <= 3 and 1 <= int(given) <= 100):
        raise _not_acceptable("limit", "must be a whole number from 1 to 100")
    return int(given)


def _cursor() -> UUID | None:
    given = request.args.get("cursor")
    if given is None:
        return None
    try:
        if not _CURSOR.fullmatch(given):
            raise ValueError(given)
        return UUID(bytes=base64.b64decode(given + "==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise _not_acceptable("cursor", "is not a next_cursor from here") from None


def _not_acceptable(name: str, detail: str) -> Problem:
    return Problem("invalid-payload", f"{name} {detail}.", errors=[{"pointer": f"?{name}", "detail": detail}])
