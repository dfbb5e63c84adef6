"""Passwords: people change theirs, reset a forgotten one by e-mail, or choose one after an invitation."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, current_app, jsonify

from ingest.accounts import schemas
from ingest.settings import IngestSettings
from ingest.web import outgoing, rate_limits, security_log, system_log
from ingest.web.body import invalid_member, read_body
from ingest.web.identity import Identity, admin, identity
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from models import claimed_addresses, one_time_tokens, sessions
from models.db import session
from models.one_time_tokens import LIFETIME_HOURS, Purpose
from models.orgs import fetch_org, find_org
from models.passwords import Passwords, TooManyAtOnce
from models.sessions import Account, Contact
from models.users import fetch_person
from outgoing.mail import Email, is_address

blueprint = Blueprint("passwords", __name__)

# No org has this id. A request that names an unknown org runs the same two transactions with it, so it takes as long.
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
@operation("Change your own password", answers={204: None}, problems=("forbidden",), body=schemas.PasswordChange)
def change() -> tuple[str, int]:
    """Replace the signed-in person's password. Ends all their sessions, this one included: sign in again with the new one."""
    who = identity(api_keys=False)
    assert who.user is not None
    with system_log.keep_if_refused("too many sign-ins", org=who.org):
        rate_limits.count_sign_in(str(who.org), str(who.user))
    payload = read_body(schemas.PasswordChange)
    with who.session(role="ec_auth"):
        stored = sessions.fetch_account(who.user, org=who.org).password_hash
        contact = sessions.fetch_contact(who.user, org=who.org)
    try:
        is_correct = _passwords().matches(payload.current_password, stored, caller=rate_limits.client())
    except TooManyAtOnce:
        raise _too_busy() from None
    if not is_correct:
        security_log.note("password_refused")
        # Not 401: a client would think its token has expired, and sign the person out because of a typing error.
        raise invalid_member("/current_password", "is not your password")
    hashed = _hash(payload.new_password, contact, pointer="/new_password")
    with who.session(role="ec_auth"):
        sessions.set_password(who.user, org=who.org, password_hash=hashed, instead_of=stored)
    return "", 204


@blueprint.post("/v1/auth/forgot")
@operation(
    "Request a password reset",
    answers={202: schemas.MailAccepted},
    body=schemas.PasswordForgotten,
    security=(),
)
def forgot() -> tuple[Response, int]:
    """E-mail a reset token to the stored address of this account. The answer is the same when there is no such account.

    An address that only an LMS has named gets no mail until the school confirms it.
    Earlier tokens stay valid until one is used or their hour is over. After many requests no further mail is sent.
    """
    rate_limits.count_address()
    mail_reset(read_body(schemas.PasswordForgotten))
    return jsonify({"detail": "If there is such an account, a mail is on its way to its address."}), 202


def mail_reset(payload: schemas.PasswordForgotten) -> None:
    """Mail a reset token to the account, if there is one. Raises Problem `rate-limited` after too many requests."""
    may_mail = rate_limits.count_reset_mail(payload.org, payload.email)
    with session(role="ec_auth"):
        org = find_org(payload.org)
    with session(org=org or NO_ORG, role="ec_auth"):
        account = sessions.find_account(payload.email, org=org or NO_ORG)
    # The background thread does the rest, so that the time taken shows nothing about the account. A full queue shows nothing either.
    if may_mail:
        outgoing.mail_queue().enqueue(partial(_write_reset, account, org=org or NO_ORG, link=_password_page()))


@blueprint.post("/v1/auth/reset")
@operation(
    "Set a password with an e-mailed token",
    answers={204: None},
    body=schemas.PasswordReset,
    problems=("invalid-token",),
    security=(),
)
def reset() -> tuple[str, int]:
    """Set the password of the person for whom the token was e-mailed. The token works once. Ends all their sessions."""
    rate_limits.count_address()
    set_by_token(read_body(schemas.PasswordReset))
    return "", 204


def set_by_token(payload: schemas.PasswordReset) -> None:
    """Set the password of the person that the token was mailed to, and use the token up. Raises Problem."""
    rate_limits.count_reset(payload.token)
    user = contact = None
    with session(role="ec_auth"):
        org = find_org(payload.org)
    if org is not None:
        with session(org=org, role="ec_auth"):
            user = one_time_tokens.find_holder(payload.token, org=org)
            contact = sessions.fetch_contact(user, org=org) if user is not None else None
    if org is None or user is None or contact is None:
        raise _invalid_token()
    hashed = _hash(payload.password, contact, pointer="/password")
    with session(org=org, role="ec_auth", actor=user):
        if not one_time_tokens.spend(payload.token, org=org, user=user):
            raise _invalid_token()
        sessions.set_password(user, org=org, password_hash=hashed)


@blueprint.post("/v1/users/<uuid:user_id>/invite")
@operation(
    "Invite a person to choose a password",
    answers={202: schemas.MailAccepted},
    problems=("forbidden", "no-email", "account-disabled"),
)
def invite(user_id: UUID) -> tuple[Response, int]:
    """E-mail this person a token with which they can choose a password. It is valid for 7 days; earlier invitations become invalid.

    It confirms the address, if only an LMS had named it. Admins only.
    """
    invite_as(admin(), user_id)
    return jsonify({"detail": "The invitation is on its way."}), 202


def invite_as(who: Identity, user_id: UUID) -> None:
    """E-mail this person an invitation as this admin. Raises Problem."""
    rate_limits.count_invitation(str(who.org), str(user_id))
    with who.session():
        person = fetch_person(user_id, org=who.org)
        slug = fetch_org(who.org)["slug"]
        if person.disabled:
            raise Problem("account-disabled", "This account is disabled.")
        if person.email is None or not is_address(person.email):
            raise Problem("no-email", "There is no address on record that can be written to.")
        claimed_addresses.confirm(user_id, org=who.org)
        token = one_time_tokens.issue(user_id, org=who.org, purpose="invitation")
    email = _compose("invitation", to=person.email, slug=slug, token=token, link=_password_page())
    if not outgoing.mail_queue().enqueue(lambda: email):
        raise Problem("temporarily-unavailable", "Too many mails wait to be sent.")


def _write_reset(account: Account | None, *, org: UUID, link: str | None) -> Email | None:
    """Issue a reset token and return the e-mail that carries it; None when there is no account, address or permission."""
    if account is None or account.disabled or not account.confirmed:
        return None
    with session(org=org, role="ec_auth"):
        contact = sessions.fetch_contact(account.user, org=org)
        if contact.email is None or not is_address(contact.email):
            return None
        token = one_time_tokens.issue(account.user, org=org, purpose="password_reset")
    return _compose("password_reset", to=contact.email, slug=contact.org_slug, token=token, link=link)


def _compose(purpose: Purpose, *, to: str, slug: str, token: str, link: str | None) -> Email:
    # A browser sends the fragment to no server, so the token is in no access log. The e-mail does not contain the name,
    # because the owner of an LMS account can type anything into it.
    instructions = f"{link}#{urlencode({'org': slug, 'token': token})}" if link else f"Org: {slug}\nToken: {token}"
    hours = LIFETIME_HOURS[purpose]
    lifetime = f"{hours} hour" if hours == 1 else f"{hours // 24} days"
    text = f"{REASONS[purpose]}\n\n{instructions}\n\nIt works once, within {lifetime}.\n"
    return Email(to=to, subject=SUBJECTS[purpose], text=text)


def _hash(password: str, contact: Contact, *, pointer: str) -> str:
    """Return the hash of a new password. Raises Problem when it is too weak. Slow: call it without a database connection."""
    try:
        about = (contact.email, contact.name, contact.org_slug)
        objection = _passwords().objection(password, about=about, caller=rate_limits.client())
        if objection is not None:
            raise invalid_member(pointer, objection)
        return _passwords().hash(password, caller=rate_limits.client())
    except TooManyAtOnce:
        raise _too_busy() from None


def _passwords() -> Passwords:
    passwords: Passwords = current_app.extensions["essaycoach.passwords"]
    return passwords


def _password_page() -> str | None:
    settings: IngestSettings = current_app.extensions["essaycoach.settings"]
    return settings.link


def _too_busy() -> Problem:
    return Problem("temporarily-unavailable", "Too many passwords are being checked at this moment.")


def _invalid_token() -> Problem:
    return Problem("invalid-token", "The token is not known, was used before, or is over. Ask for a new one.")
