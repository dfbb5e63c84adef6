"""The forms on pages that a teacher's launch has opened: what is remembered of the launch until they come, and the way back to the LMS."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request

from ingest.lms import deep_links, tickets
from ingest.lms.launch_claims import Launch
from ingest.pages.forms import check_body
from ingest.pages.rendering import page
from ingest.pages.session import known_reader, reader
from ingest.web import outgoing
from ingest.web.identity import Identity
from ingest.web.marking import _n
from ingest.web.problems import Problem
from models import db, platforms
from models.platforms import Platform
from outgoing.client import url_objection
from outgoing.sites import origin_of

TICKET_SECONDS = 3600


def teacher() -> Identity:
    """Return who reads the page, once the launch has let them in or their form has come."""
    known = known_reader()
    assert known is not None
    return known.who


def to_remember(platform: Platform, launch: Launch) -> dict[str, Any]:
    """Return what the form must know of the launch. Raises Problem when the LMS names no address to send the choice to."""
    asked = launch.deep_linking
    if asked is not None and url_objection(asked.return_url, allow_local=outgoing.client().allows_local) is not None:
        raise Problem("invalid-payload", _n("Your LMS names no web address to send the choice to."))
    return {
        "platform": str(platform.id), "deployment": launch.deployment, "user": str(teacher().user),
        "return_url": asked.return_url if asked else None, "data": asked.data if asked else None,
    }  # fmt: skip


def read_ticket(kind: str, *, field: str) -> tuple[dict[str, Any], Platform]:
    """Return what this field of the form remembers of the teacher's launch, and its platform. Raises Problem."""
    who = reader("educator").who
    check_body()
    remembered = tickets.read(kind, request.form.get(field, ""), seconds=TICKET_SECONDS)
    if remembered is None or remembered["user"] != str(who.user):
        raise Problem("forbidden", _n("This page is too old. Begin again in your LMS."))
    with db.session(role="ec_auth"):
        return remembered, platforms.find_active(UUID(remembered["platform"]))


def send_back(platform: Platform, item: dict[str, Any], remembered: dict[str, Any]) -> Response:
    """Return the page that sends the LMS what was chosen, to where it wants it."""
    token = deep_links.answer(platform, item, deployment=remembered["deployment"], data=remembered["data"])
    return_url = remembered["return_url"]
    response = page("deep_link.html", return_url=return_url, token=token, title=item["title"])
    policy = response.headers["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy.replace(
        "form-action 'self'", f"form-action {origin_of(return_url)}"
    )
    return response
