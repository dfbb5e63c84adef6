"""Sign-in with the account of the school: to its provider and back (docs/adr/0164-schools-sign-in-with-their-own-accounts.md)."""

from __future__ import annotations

from typing import NoReturn
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.accounts import openid, proof
from ingest.accounts.openid import NotProved
from ingest.accounts.proof import Proved
from ingest.pages import session, short_cookies
from ingest.pages.forms import local_path
from ingest.pages.rendering import page, page_blueprint, see
from ingest.web import outgoing, rate_limits, security_log, system_log
from ingest.web.client_address import request_address
from ingest.web.problems import PROBLEM_TYPES, Problem
from models import db, sign_in_providers
from models.networks import is_within
from models.orgs import find_org
from models.sessions import Account
from models.sign_in_providers import Provider, Subject
from outgoing.client import NoAnswer

blueprint: Blueprint = page_blueprint("school_sign_in_pages")

# Remembers which sign-in this browser has begun.
BEGUN = "school"
REFUSED = "Your school's account does not lead to an account here. Ask your teacher, or sign in with a password."
NO_ANSWER = "The sign-in of your school did not answer. Try again in a few minutes."


@blueprint.get("/sign-in/school")
def begin() -> Response:
    """Send the browser to the provider of the school in the address."""
    rate_limits.count_address()
    school, wanted = request.args.get("school", ""), local_path(request.args.get("next"))
    org, provider = _find(school)
    # Another site may not let a session begin without the reader's doing: it gets the page with the button.
    if org is None or provider is None or not session.is_from_here():
        return see(url_for("account_pages.sign_in", school=school or None, next=wanted))
    try:
        address, known = openid.begin(provider, redirect_uri=redirect_uri(), client=outgoing.client())
    except NoAnswer as error:
        system_log.keep("sign-in provider gave no answer", org=org, reason=str(error))
        return _show(Problem("temporarily-unavailable", NO_ANSWER), school=school, wanted=wanted)
    values = {**known, "org": str(org), "school": school, "next": wanted}
    return short_cookies.put(see(address), BEGUN, values)


@blueprint.get("/sign-in/school/back")
def come_back() -> Response:
    """Sign in the person whom the provider names, if this browser began the sign-in and they have an account here."""
    rate_limits.count_address()
    known = short_cookies.read(BEGUN) or {}
    school, wanted = known.get("school", ""), local_path(known.get("next"))
    try:
        proved = _proved(known)
        family = proof.begin_session(proved)
    except Problem as problem:
        return short_cookies.forget(_show(problem, school=school, wanted=wanted), BEGUN)
    response = short_cookies.forget(see(wanted or url_for("account_pages.home")), BEGUN)
    return session.begin(response, family, org=proved.org)


def provider_name(school: str) -> str | None:
    """Return the name on the button of this school's own sign-in, or None when it has none."""
    provider = _find(school)[1] if school else None
    return provider.name if provider else None


def redirect_uri() -> str:
    """Return the address that the provider sends people back to. The admin of the school registers it there."""
    return url_for("school_sign_in_pages.come_back", _external=True)


def _proved(known: dict[str, str]) -> Proved:
    """Return whom the provider has proved to be here. Raises Problem."""
    if not known:
        _refuse(None, "this browser began no sign-in")
    org = UUID(known["org"])
    security_log.acts(org)
    with db.session(org=org, role="ec_auth"):
        provider = sign_in_providers.find(org=org)
        secret = sign_in_providers.fetch_secret(provider, org=org) if provider else ""
    if provider is None:
        _refuse(org, "the provider was removed")
    if request.args.get("error") or not request.args.get("code"):
        _refuse(org, "the provider refused")
    try:
        subject = openid.finish(
            provider, secret, known=known, state=request.args.get("state", ""), code=request.args["code"],
            redirect_uri=redirect_uri(), client=outgoing.client(),
        )  # fmt: skip
    except NotProved as error:
        _refuse(org, str(error))
    except NoAnswer as error:
        system_log.keep("sign-in provider gave no answer", org=org, reason=str(error))
        security_log.note("sign_in_failed")
        raise Problem("temporarily-unavailable", NO_ANSWER) from None
    return Proved(org, _person(provider, subject, org=org), subject=subject if provider.find_by == "subject" else None)


def _person(provider: Provider, subject: Subject, *, org: UUID) -> Account:
    """Return the account of the person whom the provider names. The answer is the same whatever speaks against it. Raises Problem."""
    with db.session(org=org, role="ec_auth"):
        account = sign_in_providers.find_person(provider, subject, org=org)
    if account is None:
        _refuse(org, "nobody has this account")
    security_log.concerns("user", account.user)
    if account.disabled or account.role not in provider.roles:
        _refuse(org, "this person may not sign in this way")
    if not is_within(request_address(), account.networks):
        _refuse(org, "not from this address")
    return account


def _refuse(org: UUID | None, reason: str) -> NoReturn:
    if org is not None:
        system_log.keep("school sign-in refused", org=org, reason=reason)
    proof.refuse(REFUSED)


def _find(school: str) -> tuple[UUID | None, Provider | None]:
    with db.session(role="ec_auth"):
        org = find_org(school)
    if org is None:
        return None, None
    with db.session(org=org, role="ec_auth"):
        return org, sign_in_providers.find(org=org)


def _show(problem: Problem, *, school: str, wanted: str | None) -> Response:
    status, name = PROBLEM_TYPES[problem.slug].status, provider_name(school)
    return page("sign_in.html", code=status, problem=problem, school=school, next=wanted, provider=name)
