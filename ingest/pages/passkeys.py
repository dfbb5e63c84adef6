"""Pages of passkeys: one added and removed, and offered beside a code (docs/adr/0167-passkeys-stand-beside-codes.md)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, url_for

from ingest.accounts import passkeys as own
from ingest.accounts import schemas
from ingest.pages import short_cookies
from ingest.pages.forms import check_body, read_form
from ingest.pages.rendering import page, page_blueprint, see
from ingest.pages.session import reader
from ingest.web import rate_limits

blueprint: Blueprint = page_blueprint("passkey_pages")

# Remembers what this browser was asked to sign.
CHALLENGE = "challenge"


@blueprint.get("/second-factor/passkeys/new")
def new() -> Response:
    """Let the browser make a passkey, and the reader name it."""
    begun = own.begin_adding(reader("educator", "admin").who)
    return short_cookies.put(page("passkey_new.html", options=begun.options), CHALLENGE, begun.known)


@blueprint.post("/second-factor/passkeys")
def add() -> Response:
    """Store the passkey that the browser made."""
    rate_limits.count_address()
    who = reader("educator", "admin").who
    sent = read_form(schemas.NewPasskey)
    own.finish_adding(who, sent.credential, name=sent.name, known=short_cookies.read(CHALLENGE) or {})
    return short_cookies.forget(_to_own_page(), CHALLENGE)


@blueprint.post("/second-factor/passkeys/<uuid:passkey>/remove")
def remove(passkey: UUID) -> Response:
    """Remove a passkey of the reader."""
    who = reader("educator", "admin").who
    check_body()
    own.remove(who, passkey)
    return _to_own_page()


def page_with_offer(template: str, user: UUID, *, org: UUID, step: str, **values: Any) -> Response:
    """Return a page that offers this person to use a passkey, if they have one."""
    begun = own.begin_use(user, org=org, step=step)
    if begun is None:
        return page(template, passkey=None, **values)
    return short_cookies.put(page(template, passkey=begun.options, **values), CHALLENGE, begun.known)


def check_answer(user: UUID, *, org: UUID, step: str) -> None:
    """Check the form with what the browser signed. Raises Problem."""
    sent = read_form(schemas.PasskeyAnswer)
    own.check_use(user, sent.credential, org=org, step=step, known=short_cookies.read(CHALLENGE) or {})


def _to_own_page() -> Response:
    return see(url_for("second_factor_pages.show"))
