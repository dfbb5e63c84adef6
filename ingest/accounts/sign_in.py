"""Sign-in, sign-out, refresh tokens, and the profile of the signed-in person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, g, jsonify
from flask_jwt_extended import create_access_token, create_refresh_token

from ingest.accounts import proof, schemas
from ingest.settings import IngestSettings
from ingest.web import rate_limits, security_log, system_log
from ingest.web.body import read_body
from ingest.web.client_address import request_address
from ingest.web.identity import Identity, SigningKeys, decode_token, identity, read_bearer
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from models import sessions, weekly_summaries
from models.db import session
from models.sessions import Family
from models.users import Person, change_own_profile, fetch_person

blueprint = Blueprint("auth", __name__)


@blueprint.post("/v1/auth/login")
@operation(
    "Sign in",
    answers={200: schemas.Tokens},
    problems=("unauthorized", "second-factor-needed"),
    body=schemas.Credentials,
    security=(),
)
def login() -> Response:
    """Return a pair of tokens for an org, e-mail and password. The error does not say which of the three is wrong.

    It is the same for an admin who signs in from outside the networks that the org has named (`admin_networks`), and for a role
    that the org lets sign in without a password only (`password_roles`). Whoever has a second factor sends a `code` of it too. It
    works once; without one, or with a wrong one, the answer is 401 `second-factor-needed`.
    """
    rate_limits.count_address()
    payload = read_body(schemas.Credentials)
    proved = proof.check_password(payload)
    proof.check_code(proved, payload.code)
    return jsonify(tokens_for(proof.begin_session(proved), org=proved.org))


@blueprint.post("/v1/auth/refresh")
@operation("Refresh the tokens", answers={200: schemas.Tokens}, security=("refresh",))
def refresh() -> Response:
    """Exchange the refresh token, sent as bearer, for a new pair of tokens.

    A refresh token works once. Using it a second time revokes all tokens that came from the same sign-in. Educators and admins
    sign in again when they have not refreshed for twelve hours (the operator may set another number).
    """
    rate_limits.count_address()
    claims = decode_token(read_bearer(), expected_type="refresh")
    org, user = UUID(claims["org"]), UUID(claims["sub"])
    security_log.acts(org, actor=user)
    security_log.concerns("session", UUID(claims["sid"]))
    rate_limits.count(f"user:{user}")
    settings: IngestSettings = current_app.extensions["essaycoach.settings"]
    with (
        system_log.keep_if_address_refused(org, user_id=user),
        session(org=org, role="ec_auth", actor=user),
    ):
        family = sessions.spend(
            UUID(claims["sid"]),
            org=org,
            user=user,
            generation=claims["gen"],
            staff_idle_hours=settings.staff_idle_hours,
            address=request_address(),
        )
    if family is None:
        security_log.note("refresh_token_reused")
        raise Problem(
            "invalid-token", "This refresh token was used before. Everything it led to has been revoked; sign in again."
        )
    return jsonify(tokens_for(family, org=org))


@blueprint.post("/v1/auth/logout")
@operation("Sign out", answers={204: None}, problems=("forbidden",))
def logout() -> tuple[str, int]:
    """End the session. Its access and refresh tokens are refused from the next request on."""
    who = identity(api_keys=False)
    with who.session():
        # Reading the profile raises Unauthorised when the session has ended already.
        fetch_person(who.caller, org=who.org)
    with session(org=who.org, role="ec_auth", actor=who.caller):
        sessions.close_family(g.session_id, org=who.org)
    return "", 204


@blueprint.get("/v1/me")
@operation("Get your own profile", answers={200: schemas.Me}, problems=("forbidden",))
def me() -> Response:
    """Return the profile of the signed-in person."""
    who = identity(api_keys=False)
    assert who.user is not None
    with who.session():
        return _profile(fetch_person(who.user, org=who.org), who)


@blueprint.patch("/v1/me")
@operation(
    "Change your own profile",
    answers={200: schemas.Me},
    body=schemas.ProfileChange,
    problems=("forbidden", "invalid-payload"),
)
def change_me() -> Response:
    """Change your own name or language. `null` clears the language: feedback is then in the language of the essay.

    Educators and admins say here whether they want the weekly summary by mail. Admins change everything else (`PATCH /v1/users/{id}`).
    """
    who = identity(api_keys=False)
    assert who.user is not None
    changes = read_body(schemas.ProfileChange).changes()
    with who.session():
        if "weekly_summary" in changes:
            _choose_summary(who, wanted=changes["weekly_summary"])
        person = change_own_profile(who.user, org=who.org, changes=changes)
        return _profile(person, who)


def _choose_summary(who: Identity, *, wanted: bool) -> None:
    if who.role == "ec_student":
        detail = "is for educators and admins: students get no summary"
        raise Problem(
            "invalid-payload", f"weekly_summary {detail}", errors=[{"pointer": "/weekly_summary", "detail": detail}]
        )
    weekly_summaries.choose(who.caller, org=who.org, wanted=wanted)


def _profile(person: Person, who: Identity) -> Response:
    return json_response(
        schemas.Me(
            id=person.id,
            org_id=who.org,
            role=person.role,
            name=person.name,
            email=person.email,
            external_id=person.external_id,
            language=person.language,
            weekly_summary=person.role != "student" and weekly_summaries.is_wanted(person.id, org=who.org),
        )
    )


def tokens_for(family: Family, *, org: UUID) -> dict[str, Any]:
    """Return a pair of tokens for the newest generation of a refresh-token family, in the shape of `schemas.Tokens`."""
    user = str(family.user)
    shared = {"org": str(org), "sid": str(family.id)}
    keys: SigningKeys = current_app.extensions["essaycoach.signing_keys"]
    headers = {"kid": keys[0][0]}
    lifetime: timedelta = current_app.config["JWT_ACCESS_TOKEN_EXPIRES"]
    return {
        "access_token": create_access_token(
            user,
            additional_claims={**shared, "role": family.role, "tv": family.token_version},
            additional_headers=headers,
        ),
        "refresh_token": create_refresh_token(
            user, additional_claims={**shared, "gen": family.generation}, additional_headers=headers
        ),
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
    }
