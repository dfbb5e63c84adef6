"""How a person proves who they are: a password, then the code of a second factor where they have one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

from flask import current_app

from ingest.accounts import schemas
from ingest.web import rate_limits, security_log, system_log
from ingest.web.client_address import request_address
from ingest.web.identity import Identity
from ingest.web.problems import Problem
from models import second_factors, sessions, sign_in_providers
from models.db import session
from models.errors import Unauthorised
from models.networks import is_within
from models.orgs import find_org
from models.passwords import Passwords, TooManyAtOnce
from models.sessions import Account, Family
from models.sign_in_providers import Subject
from models.users import check_key_restored

WRONG = "The org, e-mail or password is wrong."
NOT_ENROLLED = "Your school asks for a second factor. Sign in on the sign-in page once, which sets it up."


@dataclass(frozen=True)
class Proved:
    """The account of somebody who has proved who they are.

    `new_hash` is one of the same password at the current cost. `subject` is the account of a provider that leads here from now on.
    """

    org: UUID
    account: Account
    new_hash: str | None = None
    subject: Subject | None = None


def check_password(payload: schemas.Credentials) -> Proved:
    """Return whose password this is. The answer to everybody else is the same. Raises Problem."""
    with system_log.keep_if_refused("too many sign-ins", org=payload.org):
        rate_limits.count_sign_in(payload.org, payload.email)
    passwords: Passwords = current_app.extensions["essaycoach.passwords"]
    account = None
    with session(role="ec_auth"):
        org = find_org(payload.org)
    if org is not None:
        security_log.acts(org)
        with session(org=org, role="ec_auth"):
            account = sessions.find_account(payload.email, org=org)
    if account is not None:
        # Nobody has shown yet that they are this person, so the event is about them and not by them.
        security_log.concerns("user", account.user)
    stored = account.password_hash if account else None
    try:
        is_correct = passwords.matches(payload.password, stored, caller=rate_limits.client())
        if not is_correct or org is None or account is None or stored is None or account.disabled:
            refuse(WRONG)
        # As to a wrong password: a stranger must not learn that this one is right. Nothing is kept in the log either, because
        # that would delay the next answer on this connection.
        if not account.may_use_password or not is_within(request_address(), account.networks):
            refuse(WRONG)
        # Hash before taking a database connection, because it keeps a core busy for a third of a second.
        is_outdated = passwords.is_outdated(stored)
        new_hash = passwords.hash(payload.password, caller=rate_limits.client()) if is_outdated else None
    except TooManyAtOnce:
        security_log.note("sign_in_limited")
        raise Problem("temporarily-unavailable", "Too many people are signing in at this moment.") from None
    return Proved(org, account, new_hash)


def check_code(proved: Proved, code: str | None) -> None:
    """Check the second factor of whoever has one, and use the code up. Raises Problem."""
    if proved.account.has_second_factor:
        if code is None:
            raise Problem("second-factor-needed", "Send the code of your authenticator app too, or a recovery code.")
        spend_code(proved.account.user, code, org=proved.org)
    elif proved.account.needs_second_factor:
        raise Problem("second-factor-needed", NOT_ENROLLED)


def spend_code(user: UUID, code: str, *, org: UUID) -> None:
    """Use up a code of this person's second factor. Raises Problem when it is wrong, or after many wrong ones."""
    with session(org=org, role="ec_auth", actor=user):
        outcome = second_factors.spend(user, code, org=org)
    if outcome == "paused":
        security_log.note("sign_in_limited")
        wait = str(second_factors.PAUSE_MINUTES * 60)
        raise Problem("rate-limited", "Too many wrong codes. Wait a quarter of an hour.", headers={"Retry-After": wait})
    if outcome != "correct":
        security_log.note("sign_in_failed")
        raise Problem("second-factor-needed", "That code is wrong, or it was used already. Wait for the next one.")


def check_own_password(who: Identity, password: str) -> None:
    """Check the password of somebody who is signed in. Raises Problem."""
    with system_log.keep_if_refused("too many sign-ins", org=who.org):
        rate_limits.count_sign_in(str(who.org), str(who.caller))
    passwords: Passwords = current_app.extensions["essaycoach.passwords"]
    with who.session(role="ec_auth"):
        account = sessions.fetch_account(who.caller, org=who.org)
    try:
        is_correct = passwords.matches(password, account.password_hash, caller=rate_limits.client())
    except TooManyAtOnce:
        raise Problem("temporarily-unavailable", "Too many passwords are being checked at this moment.") from None
    if not is_correct or not account.may_use_password:
        security_log.note("password_refused")
        raise Problem("unauthorized", "That is not your password.")


def begin_session(proved: Proved) -> Family:
    """Open a session of a person who has proved who they are; return its family of tokens. Raises Problem."""
    account, org = proved.account, proved.org
    try:
        with session(org=org, role="ec_auth", actor=account.user):
            check_key_restored(account.user)
            if proved.new_hash is not None:
                sessions.upgrade_password(account, org=org, password_hash=proved.new_hash)
            if proved.subject is not None:
                sign_in_providers.link(account.user, proved.subject, org=org)
            family = sessions.open_family(account, org=org)
    except Unauthorised:  # the password was changed or the account disabled during the check
        refuse(WRONG)
    security_log.acts(org, actor=account.user, role=account.role)
    security_log.concerns("session", family.id)
    security_log.note("sign_in_succeeded")
    return family


def refuse(detail: str) -> NoReturn:
    """Refuse a sign-in, and write it down as a security event. Raises Problem."""
    security_log.note("sign_in_failed")
    raise Problem("unauthorized", detail)
