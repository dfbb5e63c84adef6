"""People list and end their own sessions, and admins those of the people of their org. A session begins with a sign-in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, g

from ingest.accounts import schemas
from ingest.settings import IngestSettings
from ingest.web import pagination
from ingest.web.identity import Identity, admin, identity
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from models import open_sessions, sessions
from models.open_sessions import OpenSession
from models.users import fetch_person

blueprint = Blueprint("sessions", __name__)


@blueprint.get("/v1/me/sessions")
@operation(
    "List your sessions",
    answers={200: schemas.Sessions},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_own() -> Response:
    """Return your sessions that have not ended, newest first, one page per request."""
    who = identity(api_keys=False)
    limit, before = pagination.limit(), pagination.cursor()
    with who.session(role="ec_auth"):
        found = open_sessions.list_sessions(
            who.caller, org=who.org, limit=limit + 1, before=before, staff_idle_hours=idle_hours()
        )
    return _page_of(found, limit=limit)


@blueprint.delete("/v1/me/sessions")
@operation("End your other sessions", answers={204: None}, problems=("forbidden", "sign-in-again"))
def end_others() -> tuple[str, int]:
    """End all your sessions but this one. Their tokens are refused from the next request on.

    You must have signed in within the last 15 minutes, so that a stolen token cannot send you away.
    """
    who = identity(api_keys=False)
    with who.session(role="ec_auth"):
        open_sessions.require_fresh(g.session_id, org=who.org)
        sessions.end_sessions(who.caller, org=who.org, reason="logout", keep=g.session_id)
    return "", 204


@blueprint.delete("/v1/me/sessions/<uuid:session_id>")
@operation("End one of your sessions", answers={204: None}, problems=("forbidden", "sign-in-again"))
def end_own(session_id: UUID) -> tuple[str, int]:
    """End a session of yours, this one or another. Its tokens are refused from the next request on.

    For another one you must have signed in within the last 15 minutes, so that a stolen token cannot send you away.
    """
    who = identity(api_keys=False)
    with who.session(role="ec_auth"):
        if session_id != g.session_id:
            open_sessions.require_fresh(g.session_id, org=who.org)
        open_sessions.end_session(session_id, org=who.org, user=who.caller)
    return "", 204


@blueprint.get("/v1/users/<uuid:user_id>/sessions")
@operation(
    "List a person's sessions",
    answers={200: schemas.Sessions},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_of_person(user_id: UUID) -> Response:
    """Return a person's sessions that have not ended, newest first, one page per request. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        fetch_person(user_id, org=who.org)
        found = open_sessions.list_sessions(
            user_id, org=who.org, limit=limit + 1, before=before, staff_idle_hours=idle_hours()
        )
    return _page_of(found, limit=limit)


@blueprint.delete("/v1/users/<uuid:user_id>/sessions")
@operation("End a person's sessions", answers={204: None}, problems=("forbidden", "sign-in-again"))
def end_all_of_person(user_id: UUID) -> tuple[str, int]:
    """End all sessions of a person. Their tokens are refused from the next request on, but they may sign in again. Admins only.

    Your own, this one included, only within 15 minutes after you signed in.
    """
    end_all_as(admin(), user_id)
    return "", 204


def end_all_as(who: Identity, user_id: UUID) -> None:
    """End all sessions of a person as this admin. Raises SignInAgain for their own after a while."""
    with who.session():
        fetch_person(user_id, org=who.org)
        if user_id == who.user:
            open_sessions.require_fresh(g.session_id, org=who.org)
        sessions.end_sessions(user_id, org=who.org, reason="logout")


@blueprint.delete("/v1/users/<uuid:user_id>/sessions/<uuid:session_id>")
@operation("End a session of a person", answers={204: None}, problems=("forbidden", "sign-in-again"))
def end_of_person(user_id: UUID, session_id: UUID) -> tuple[str, int]:
    """End a session of a person. Its tokens are refused from the next request on. Admins only.

    Another one of your own only within 15 minutes after you signed in.
    """
    who = admin()
    with who.session():
        if user_id == who.user and session_id != g.session_id:
            open_sessions.require_fresh(g.session_id, org=who.org)
        open_sessions.end_session(session_id, org=who.org, user=user_id)
    return "", 204


def idle_hours() -> int:
    """Return after how many hours without use the sessions of staff end."""
    settings: IngestSettings = current_app.extensions["essaycoach.settings"]
    return settings.staff_idle_hours


def _page_of(found: list[OpenSession], *, limit: int) -> Response:
    return page_of(schemas.Sessions, found, limit=limit, show=_to_schema, key=lambda one: one.id)


def _to_schema(found: OpenSession) -> dict[str, Any]:
    return {**asdict(found), "current": found.id == g.session_id}
