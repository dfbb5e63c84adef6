"""Pages of the second factor: the code at sign-in, setting one up, and proving again who one is before something dangerous."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import segno
from flask import Blueprint, Response, g, request, url_for
from markupsafe import Markup

from ingest.accounts import proof, schemas
from ingest.accounts import second_factor as own
from ingest.accounts.proof import Proved
from ingest.pages import passkeys, session, short_cookies
from ingest.pages.forms import check_body, local_path, read_form
from ingest.pages.rendering import page, page_blueprint, see
from ingest.pages.session import reader
from ingest.web import rate_limits
from ingest.web.client_address import request_address
from ingest.web.identity import Identity
from ingest.web.problems import PROBLEM_TYPES, Problem
from models import db, second_factors, sessions
from models import passkeys as stored_passkeys
from models.errors import NotFound
from models.networks import is_within

blueprint: Blueprint = page_blueprint("second_factor_pages")

# Remembers whose password was right, until the code is there too.
PENDING = "pending"


class StepOver(Exception):
    """The step between password and session is over, or was never begun in this browser: begin again."""


@blueprint.errorhandler(StepOver)
def begin_again(_: StepOver) -> Response:
    """Send the browser back to the sign-in page."""
    return short_cookies.forget(see(url_for("account_pages.sign_in")), PENDING)


def ask(proved: Proved, *, wanted: str | None) -> Response:
    """Return the way to the page that asks for the code, or that sets a second factor up first."""
    account = proved.account
    if proved.new_hash is not None:
        # The next step does not know the password any more.
        with db.session(org=proved.org, role="ec_auth", actor=account.user):
            sessions.upgrade_password(account, org=proved.org, password_hash=proved.new_hash)
    values = {"org": str(proved.org), "user": str(account.user), "tv": account.token_version, "next": wanted}
    step = "ask_code" if account.has_second_factor else "enrol"
    return short_cookies.put(see(url_for(f"second_factor_pages.{step}")), PENDING, values)


@blueprint.get("/sign-in/code")
def ask_code() -> Response:
    """Show the form for the code of the second factor."""
    proved, _ = _pending()
    return _code_page(proved)


@blueprint.post("/sign-in/code")
def check_code() -> Response:
    """Sign the browser in when the code is right."""
    rate_limits.count_address()
    proved, wanted = _pending()
    try:
        code = read_form(schemas.CodeSent).code
        proof.check_code(proved, code)
        if not proved.account.has_second_factor:  # an admin took it away a moment ago
            raise StepOver
        return _begin(proved, wanted)
    except Problem as problem:
        return _code_page(proved, problem)


@blueprint.post("/sign-in/passkey")
def check_passkey() -> Response:
    """Sign the browser in when a passkey of the person signed what it was asked."""
    rate_limits.count_address()
    proved, wanted = _pending()
    try:
        passkeys.check_answer(proved.account.user, org=proved.org, step=_step(proved))
        return short_cookies.forget(_begin(proved, wanted), passkeys.CHALLENGE)
    except Problem as problem:
        return _code_page(proved, problem)


@blueprint.get("/sign-in/enrol")
def enrol() -> Response:
    """Show a new secret to somebody whose school requires a second factor, and who has none."""
    proved, _ = _pending()
    return page("second_factor_new.html", action=url_for("second_factor_pages.finish_enrol"), **_new_secret(proved))


@blueprint.post("/sign-in/enrol")
def finish_enrol() -> Response:
    """Switch the second factor on, sign the browser in, and show the recovery codes."""
    rate_limits.count_address()
    proved, wanted = _pending()
    code = read_form(schemas.CodeSent).code
    if proved.account.has_second_factor or not proved.account.needs_second_factor:
        raise StepOver
    with db.session(org=proved.org, role="ec_auth", actor=proved.account.user):
        codes = second_factors.confirm(proved.account.user, code, org=proved.org)
    if codes is None:
        again = url_for("second_factor_pages.finish_enrol")
        return page("second_factor_new.html", code=422, problem=own.wrong_code(), action=again, **_new_secret(proved))
    shown = page("recovery_codes.html", codes=codes, next=wanted or "/")
    family = proof.begin_session(proved)
    return session.begin(short_cookies.forget(shown, PENDING), family, org=proved.org)


@blueprint.get("/second-factor")
def show() -> Response:
    """Show whether the reader has a second factor."""
    who = reader("educator", "admin").who
    with who.session(role="ec_auth"):
        found = second_factors.fetch(who.caller, org=who.org)
        own_passkeys = stored_passkeys.list_passkeys(who.caller, org=who.org)
    return page("second_factor.html", found=found, passkeys=own_passkeys, most=stored_passkeys.MOST)


@blueprint.post("/second-factor/new")
def set_up() -> Response:
    """Show a new secret."""
    who = reader("educator", "admin").who
    check_body()
    made = own.begin(who)
    return page("second_factor_new.html", action=url_for("second_factor_pages.confirm"), **_shown(made))


@blueprint.post("/second-factor/confirm")
def confirm() -> Response:
    """Switch the second factor on, and show the recovery codes."""
    who = reader("educator", "admin").who
    try:
        codes = own.finish(who, read_form(schemas.CodeSent).code)
    except Problem as problem:
        made, status = own.begin(who), PROBLEM_TYPES[problem.slug].status
        again = url_for("second_factor_pages.confirm")
        return page("second_factor_new.html", code=status, problem=problem, action=again, **_shown(made))
    return page("recovery_codes.html", codes=codes, next=url_for("second_factor_pages.show"))


@blueprint.post("/second-factor/remove")
def remove() -> Response:
    """Remove the reader's second factor."""
    who = reader("educator", "admin").who
    check_body()
    own.remove(who)
    return see(url_for("second_factor_pages.show"))


@blueprint.get("/prove")
def prove() -> Response:
    """Ask the reader to prove again who they are, before something dangerous. `next` says where to go then."""
    who = reader().who
    return _prove_page(who, way=_way_to_prove(who), wanted=local_path(request.args.get("next")))


@blueprint.post("/prove/form")
def prove_for_form() -> Response:
    """Ask the same before a form is carried out, and keep what it says. `next` is where it was sent."""
    who = reader().who
    check_body()
    said = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf"]
    return _prove_page(who, way=_way_to_prove(who), wanted=local_path(request.args.get("next")), sent=urlencode(said))


@blueprint.post("/prove")
def check_proof() -> Response:
    """Note that the reader proved who they are, and go on."""
    rate_limits.count_address()
    who, wanted = reader().who, local_path(request.form.get("next"))
    way = _way_to_prove(who)
    try:
        if way == "code":
            proof.spend_code(who.caller, read_form(schemas.CodeSent).code, org=who.org)
        else:
            proof.check_own_password(who, read_form(schemas.PasswordSent).password)
    except Problem as problem:
        return _prove_page(who, way=way, wanted=wanted, sent=request.form.get("sent"), problem=problem)
    return _proved_again(who, wanted)


@blueprint.post("/prove/passkey")
def check_proof_by_passkey() -> Response:
    """Note that a passkey of the reader proved who they are, and go on."""
    rate_limits.count_address()
    who, wanted = reader().who, local_path(request.form.get("next"))
    try:
        passkeys.check_answer(who.caller, org=who.org, step=f"prove {g.session_id}")
    except Problem as problem:
        return _prove_page(who, way=_way_to_prove(who), wanted=wanted, sent=request.form.get("sent"), problem=problem)
    return short_cookies.forget(_proved_again(who, wanted), passkeys.CHALLENGE)


def _proved_again(who: Identity, wanted: str | None) -> Response:
    with who.session(role="ec_auth"):
        sessions.note_proof(g.session_id, org=who.org)
    sent = request.form.get("sent")
    if wanted is None or sent is None:
        return see(wanted or "/")
    return page("proved.html", action=wanted, fields=parse_qsl(sent, keep_blank_values=True))


def _prove_page(
    who: Identity, *, way: str, wanted: str | None, sent: str | None = None, problem: Problem | None = None
) -> Response:
    values: dict[str, Any] = {"problem": problem, "way": way, "next": wanted, "sent": sent}
    values["code"] = PROBLEM_TYPES[problem.slug].status if problem else 200
    if way != "code":
        return page("prove.html", **values)
    return passkeys.page_with_offer("prove.html", who.caller, org=who.org, step=f"prove {g.session_id}", **values)


def _code_page(proved: Proved, problem: Problem | None = None) -> Response:
    status = PROBLEM_TYPES[problem.slug].status if problem else 200
    user, step = proved.account.user, _step(proved)
    return passkeys.page_with_offer("sign_in_code.html", user, org=proved.org, step=step, code=status, problem=problem)


def _step(proved: Proved) -> str:
    return f"sign-in {proved.account.user}"


def _way_to_prove(who: Identity) -> str:
    """Return how this person proves here who they are: `code`, `password`, or `sign-in`, which is at the school's provider."""
    with who.session(role="ec_auth"):
        account = sessions.fetch_account(who.caller, org=who.org)
    if account.has_second_factor:
        return "code"
    return "password" if account.may_use_password and account.password_hash is not None else "sign-in"


def _pending() -> tuple[Proved, str | None]:
    """Return whose password was right in this browser a short time ago, as the account is now. Raises StepOver."""
    values = short_cookies.read(PENDING)
    if values is None:
        raise StepOver
    org = UUID(values["org"])
    try:
        with db.session(org=org, role="ec_auth"):
            account = sessions.fetch_account(UUID(values["user"]), org=org)
    except NotFound:
        raise StepOver from None
    # A new password or role, or a disabled account: the password that was right counts no more.
    is_same = account.token_version == values["tv"] and account.may_use_password and not account.disabled
    if not is_same or not is_within(request_address(), account.networks):
        raise StepOver
    return Proved(org, account), local_path(values["next"])


def _begin(proved: Proved, wanted: str | None) -> Response:
    family = proof.begin_session(proved)
    response = short_cookies.forget(see(wanted or url_for("account_pages.home")), PENDING)
    return session.begin(response, family, org=proved.org)


def _new_secret(proved: Proved) -> dict[str, Any]:
    """Return what the page of a new secret shows. Raises StepOver for whoever has a second factor or needs none."""
    account, org = proved.account, proved.org
    if account.has_second_factor or not account.needs_second_factor:
        raise StepOver
    with db.session(org=org, role="ec_auth", actor=account.user):
        secret = second_factors.begin(account.user, org=org)
        contact = sessions.fetch_contact(account.user, org=org)
    uri = second_factors.otpauth_uri(secret, name=f"{contact.org_slug}: {contact.email}")
    return _shown(schemas.NewSecondFactor(secret=secret, otpauth_uri=uri))


def _shown(made: schemas.NewSecondFactor) -> dict[str, Any]:
    code = segno.make(made.otpauth_uri, micro=False).svg_inline(scale=4, border=4, light="#fff", dark="#000")
    groups = " ".join(made.secret[start : start + 4] for start in range(0, len(made.secret), 4))
    return {"qr": Markup(code), "secret": groups, "uri": made.otpauth_uri}  # noqa: S704 - segno draws squares, no text
