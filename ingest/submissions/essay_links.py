"""Make a short-lived link to one essay, which a page of an LMS can show in a frame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import Blueprint, Response, request

from ingest.submissions.link_schemas import Link, NewLink
from ingest.web import link_token
from ingest.web.access_log import note_link
from ingest.web.body import read_body
from ingest.web.identity import staff
from ingest.web.openapi import operation
from ingest.web.responses import json_response
from models import essays

blueprint = Blueprint("essay_links", __name__)


@blueprint.post("/v1/essays/<uuid:essay_id>/links")
@operation("Make a link to an essay", answers={201: Link}, body=NewLink, problems=("forbidden",))
def make_link(essay_id: UUID) -> Response:
    """Return the address of a page that shows this essay as its student sees it, for 10 minutes or the `minutes` you send.

    The page shows the newest draft and released feedback, and nobody can change anything there. The sites in the setting
    `embed_origins` of your org may show it in a frame. Make a new link each time somebody opens it; the audit trail says who made
    it. Educators, admins and API keys only.
    """
    who = staff(or_key="read")
    minutes = read_body(NewLink).minutes
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)
    with who.session():
        student = essays.fetch_essay(essay_id, org=who.org)["user_id"]
        note_link(essay=essay_id, person=student, minutes=minutes)
    link = link_token.Link(org=who.org, essay=essay_id, student=student, expires_at=expires_at)
    answer = Link(url=f"{request.host_url}shared/{link_token.sign(link)}", expires_at=expires_at)
    return json_response(answer, status=201)
