"""The second factor of staff: set up, confirmed, removed, and taken away by an admin when somebody lost theirs."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, g

from ingest.accounts import schemas
from ingest.web.body import invalid_member, read_body
from ingest.web.identity import Identity, admin, identity, is_staff
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from ingest.web.step_up import require_step_up
from models import open_sessions, second_factors, sessions
from models.users import fetch_person

blueprint = Blueprint("second_factor", __name__)


@blueprint.get("/v1/me/second-factor")
@operation("Get your second factor", answers={200: schemas.SecondFactor}, problems=("forbidden",))
def read() -> Response:
    """Return whether you have a second factor, and how many recovery codes are left. Educators and admins only."""
    who = _staff_person()
    with who.session(role="ec_auth"):
        found = second_factors.fetch(who.caller, org=who.org)
        is_required = sessions.fetch_account(who.caller, org=who.org).needs_second_factor
    return json_response(
        schemas.SecondFactor(
            enrolled=found is not None,
            required=is_required,
            confirmed_at=found.confirmed_at if found else None,
            recovery_codes_left=found.recovery_codes_left if found else 0,
        )
    )


@blueprint.post("/v1/me/second-factor")
@operation(
    "Set up a second factor",
    answers={200: schemas.NewSecondFactor},
    problems=("forbidden", "sign-in-again", "conflict"),
)
def set_up() -> Response:
    """Return a new secret for your authenticator app (TOTP). It counts once you confirmed it with a code.

    An earlier one that waits is replaced. You must have signed in within the last 15 minutes. Educators and admins only.
    """
    return json_response(begin(_staff_person()))


@blueprint.post("/v1/me/second-factor/confirm")
@operation(
    "Confirm your second factor",
    answers={200: schemas.RecoveryCodes},
    body=schemas.CodeSent,
    problems=("forbidden", "sign-in-again"),
)
def confirm() -> Response:
    """Switch your second factor on with a code of the app. The answer has, only this once, ten recovery codes.

    From then on every sign-in with your password needs a code. You must have signed in within the last 15 minutes.
    """
    who = _staff_person()
    codes = finish(who, read_body(schemas.CodeSent).code)
    return json_response(schemas.RecoveryCodes(recovery_codes=codes))


@blueprint.delete("/v1/me/second-factor")
@operation("Remove your second factor", answers={204: None}, problems=("forbidden", "sign-in-again"))
def remove_own() -> tuple[str, int]:
    """Remove your second factor, its recovery codes and your passkeys. You must have signed in within the last 15 minutes.

    Where your school requires one, the next sign-in sets up a new one.
    """
    remove(_staff_person())
    return "", 204


@blueprint.delete("/v1/users/<uuid:user_id>/second-factor")
@operation("Take a person's second factor away", answers={204: None}, problems=("forbidden", "sign-in-again"))
def take_away(user_id: UUID) -> tuple[str, int]:
    """Remove the second factor and passkeys of somebody who lost theirs, and end all their sessions. Writes an audit entry. Admins only.

    Make sure first that it is they who ask: with their password alone they sign in again. Your own only within 15 minutes after you
    signed in.
    """
    who = admin()
    with who.session():
        fetch_person(user_id, org=who.org)
        require_step_up(who)
        if user_id == who.user:
            open_sessions.require_fresh(g.session_id, org=who.org)
        if second_factors.remove(user_id, org=who.org):
            sessions.end_sessions(user_id, org=who.org, reason="logout")
    return "", 204


def begin(who: Identity) -> schemas.NewSecondFactor:
    """Store a secret of this person that waits for its first code. Raises SignInAgain, Taken."""
    with who.session(role="ec_auth"):
        open_sessions.require_fresh(g.session_id, org=who.org)
        secret = second_factors.begin(who.caller, org=who.org)
        contact = sessions.fetch_contact(who.caller, org=who.org)
    uri = second_factors.otpauth_uri(secret, name=f"{contact.org_slug}: {contact.email}")
    return schemas.NewSecondFactor(secret=secret, otpauth_uri=uri)


def finish(who: Identity, code: str) -> list[str]:
    """Confirm the secret that waits, and return the recovery codes. Raises SignInAgain, Problem."""
    with who.session(role="ec_auth"):
        open_sessions.require_fresh(g.session_id, org=who.org)
        codes = second_factors.confirm(who.caller, code, org=who.org)
    if codes is None:
        raise wrong_code()
    return codes


def remove(who: Identity) -> None:
    """Remove this person's second factor. Raises SignInAgain."""
    with who.session(role="ec_auth"):
        open_sessions.require_fresh(g.session_id, org=who.org)
        second_factors.remove(who.caller, org=who.org)


def wrong_code() -> Problem:
    """Return the problem of a code that does not confirm a new secret."""
    return invalid_member("/code", "is not the code that the app shows now")


def _staff_person() -> Identity:
    who = identity(api_keys=False)
    if not is_staff(who):
        raise Problem("forbidden", "Only educators and admins have a second factor.")
    return who
