"""How people come by a password: they change it, get a new one by mail, or follow an invitation."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, current_app, jsonify

from ingest.accounts import schemas
from ingest.accounts.mail import Email, MailQueue, is_address
from ingest.settings import IngestSettings
from ingest.web import rate_limits
from ingest.web.body import read_body
from ingest.web.identity import admin, identity
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from models import one_time_tokens, sessions
from models.db import session
from models.one_time_tokens import LIFETIME_HOURS, Purpose
from models.orgs import fetch_org, find_org
from models.passwords import Passwords, TooManyAtOnce
from models.sessions import Account, Contact
from models.users import fetch_person

blueprint = Blueprint("passwords", __name__)

# No org has this id: who names one that is not there costs us the same two transactions.
NO_ORG = UUID(int=0)
SUBJECTS: dict[Purpose, str] = {
    "invitation": "Your EssayCoach account",
    "password_reset": "A new password for EssayCoach",
}
REASONS: dict[Purpose, str] = {
    "invitation": "An administrator of your school invites you to EssayCoach. Choose a password to sign in with.",
    "password_reset": "Somebody, probably you, asked for a new password for EssayCoach. "
    "If it was not you, do nothing: your password stays as it is.",
}


@blueprint.post("/v1/auth/password")
@operation("Change your password", answers={204: None}, problems=("forbidden",), body=schemas.PasswordChange)
def change() -> tuple[str, int]:
    """Replace your password. Every sign-in of yours ends with it, this one included: sign in again with the new one."""
    who = identity(api_keys=False)
    assert who.user is not None
    rate_limits.count_sign_in(str(who.org), str(who.user))
    wanted = read_body(schemas.PasswordChange)
    with session(org=who.org, user=who.user, role="ec_auth", live=who.live):
        stored = sessions.fetch_account(who.user, org=who.org).password_hash
        contact = sessions.fetch_contact(who.user, org=who.org)
    try:
        right = _passwords().matches(wanted.current_password, stored)
    except TooManyAtOnce:
        raise _busy() from None
    if not right:
        # Not 401: a client would take that for its token's end, and sign the person out for a slip of the finger.
        raise _not_acceptable("/current_password", "is not your password")
    hashed = _hash(wanted.new_password, contact, pointer="/new_password")
    with session(org=who.org, user=who.user, role="ec_auth", live=who.live):
        sessions.set_password(who.user, org=who.org, password_hash=hashed, instead_of=stored)
    return "", 204


@blueprint.post("/v1/auth/forgot")
@operation(
    "Ask for a new password",
    answers={202: schemas.MailAccepted},
    body=schemas.PasswordForgotten,
    security=(),
)
def forgot() -> tuple[Response, int]:
    """Mail a token to the address on record of this account, if there is one. The answer never tells whether there is."""
    rate_limits.count_address()
    wanted = read_body(schemas.PasswordForgotten)
    rate_limits.count_forgotten(wanted.org, wanted.email)
    with session(role="ec_auth"):
        org = find_org(wanted.org)
    with session(org=org or NO_ORG, role="ec_auth"):
        account = sessions.find_account(wanted.email, org=org or NO_ORG)
    # From here on the work is done elsewhere, so that its length cannot be seen from outside; even when too much waits.
    _post().enqueue(partial(_write_reset, account, org=org or NO_ORG, link=_link()))
    return jsonify({"detail": "If there is such an account, a mail is on its way to its address."}), 202


@blueprint.post("/v1/auth/reset")
@operation(
    "Choose a password with a token",
    answers={204: None},
    body=schemas.PasswordReset,
    problems=("invalid-token",),
    security=(),
)
def reset() -> tuple[str, int]:
    """Set the password of whoever the mailed token was for. It works once; every sign-in of theirs ends."""
    rate_limits.count_address()
    wanted = read_body(schemas.PasswordReset)
    rate_limits.count_reset(wanted.token)
    user = contact = None
    with session(role="ec_auth"):
        org = find_org(wanted.org)
    if org is not None:
        with session(org=org, role="ec_auth"):
            user = one_time_tokens.find_holder(wanted.token, org=org)
            contact = sessions.fetch_contact(user, org=org) if user is not None else None
    if org is None or user is None or contact is None:
        raise _spent()
    hashed = _hash(wanted.password, contact, pointer="/password")
    with session(org=org, role="ec_auth", actor=user):
        if not one_time_tokens.spend(wanted.token, org=org, user=user):
            raise _spent()
        sessions.set_password(user, org=org, password_hash=hashed)
    return "", 204


@blueprint.post("/v1/users/<uuid:user_id>/invite")
@operation(
    "Invite somebody to choose a password",
    answers={202: schemas.MailAccepted},
    problems=("forbidden", "no-email", "account-disabled"),
)
def invite(user_id: UUID) -> tuple[Response, int]:
    """Mail this person a token with which they choose a password. It lives for a week and ends the invitations before it."""
    who = admin()
    rate_limits.count_forgotten(str(who.org), str(user_id))
    with who.session():
        person = fetch_person(user_id, org=who.org)
        slug = fetch_org(who.org)["slug"]
        if person.disabled:
            raise Problem("account-disabled", "This account is disabled.")
        if person.email is None or not is_address(person.email):
            raise Problem("no-email", "There is no address on record that can be written to.")
        token = one_time_tokens.issue(user_id, org=who.org, purpose="invitation")
    letter = _email("invitation", to=person.email, slug=slug, token=token, link=_link())
    if not _post().enqueue(lambda: letter):
        raise Problem("temporarily-unavailable", "Too many mails wait to be sent.")
    return jsonify({"detail": "The invitation is on its way."}), 202


def _write_reset(account: Account | None, *, org: UUID, link: str | None) -> Email | None:
    """Return the letter with a token that now exists; None when there is nobody who may have one."""
    if account is None or account.disabled:
        return None
    with session(org=org, role="ec_auth"):
        contact = sessions.fetch_contact(account.user, org=org)
        if contact.email is None or not is_address(contact.email):
            return None
        token = one_time_tokens.issue(account.user, org=org, purpose="password_reset")
    return _email("password_reset", to=contact.email, slug=contact.org_slug, token=token, link=link)


def _email(purpose: Purpose, *, to: str, slug: str, token: str, link: str | None) -> Email:
    # A fragment is not sent to any server, so the token stands in no log on the way. No name: an LMS's account can hold
    # whatever its owner typed, and this letter is ours.
    way = f"{link}#{urlencode({'org': slug, 'token': token})}" if link else f"Org: {slug}\nToken: {token}"
    hours = LIFETIME_HOURS[purpose]
    lives = f"{hours} hour" if hours == 1 else f"{hours // 24} days"
    text = f"{REASONS[purpose]}\n\n{way}\n\nIt works once, within {lives}.\n"
    return Email(to=to, subject=SUBJECTS[purpose], text=text)


def _hash(password: str, contact: Contact, *, pointer: str) -> str:
    """Return the hash of a password that may be chosen. Raises Problem. Call it without a connection: it takes its time."""
    try:
        objection = _passwords().objection(password, about=(contact.email, contact.name, contact.org_slug))
        if objection is not None:
            raise _not_acceptable(pointer, objection)
        return _passwords().hash(password)
    except TooManyAtOnce:
        raise _busy() from None


def _passwords() -> Passwords:
    passwords: Passwords = current_app.extensions["essaycoach.passwords"]
    return passwords


def _post() -> MailQueue:
    post: MailQueue = current_app.extensions["essaycoach.post"]
    return post


def _link() -> str | None:
    chosen: IngestSettings = current_app.extensions["essaycoach.settings"]
    return chosen.link


def _not_acceptable(pointer: str, detail: str) -> Problem:
    field = pointer.removeprefix("/")
    return Problem("invalid-payload", f"{field} {detail}.", errors=[{"pointer": pointer, "detail": detail}])


def _busy() -> Problem:
    return Problem("temporarily-unavailable", "Too many passwords are being checked at this moment.")


def _spent() -> Problem:
    return Problem("invalid-token", "The token is not known, was used before, or is over. Ask for a new one.")
