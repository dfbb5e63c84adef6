"""Passkeys (WebAuthn): what a browser is asked to sign, and whether its answer is genuine. Only pages use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit
from uuid import UUID

from flask import current_app, g, request

from ingest.settings import IngestSettings
from ingest.web import security_log
from ingest.web.identity import Identity
from ingest.web.problems import Problem
from models import open_sessions, passkeys, sessions
from models.db import session

if TYPE_CHECKING:
    from ingest.accounts.webauthn_ceremony import Asked


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What the browser is asked, as the JSON of WebAuthn, and what it has to bring back to be believed."""

    options: str
    known: dict[str, Any]


def begin_adding(who: Identity) -> Begun:
    """Return what to ask the browser for a new passkey of this person. Raises SignInAgain."""
    with who.session(role="ec_auth"):
        open_sessions.require_fresh(g.session_id, org=who.org)
        contact = sessions.fetch_contact(who.caller, org=who.org)
        known = passkeys.list_credential_ids(who.caller, org=who.org)
        now = passkeys.begin_challenge()
    from ingest.accounts import webauthn_ceremony as ceremony  # noqa: PLC0415 - loaded when the first passkey is used

    asked = ceremony.ask_for_new(
        site(),
        user=who.caller,
        account=f"{contact.org_slug}: {contact.email}",
        name=contact.name or "",
        known=known,
    )
    return _begun(asked, now, step=f"add {g.session_id}")


def finish_adding(who: Identity, answer: str, *, name: str, known: dict[str, Any]) -> None:
    """Store the passkey that the browser made. Raises SignInAgain, Problem, Invalid, Taken."""
    if known.get("step") != f"add {g.session_id}":
        refuse_new()
    from ingest.accounts import webauthn_ceremony as ceremony  # noqa: PLC0415 - loaded when the first passkey is used

    new = ceremony.read_new(answer, challenge=known["challenge"], site=site(), origin=_origin())
    if new is None:
        refuse_new()
    with who.session(role="ec_auth"):
        open_sessions.require_fresh(g.session_id, org=who.org)
        passkeys.add(who.caller, new, name=name, org=who.org)


def begin_use(user: UUID, *, org: UUID, step: str) -> Begun | None:
    """Return what to ask the browser of somebody who has passkeys, or None for others. `step` says what the answer is good for."""
    with session(org=org, role="ec_auth", actor=user):
        own = passkeys.list_credential_ids(user, org=org)
        now = passkeys.begin_challenge()
    if not own:
        return None
    from ingest.accounts import webauthn_ceremony as ceremony  # noqa: PLC0415 - loaded when the first passkey is used

    return _begun(ceremony.ask_to_sign(site(), known=own), now, step=step)


def check_use(user: UUID, answer: str, *, org: UUID, step: str, known: dict[str, Any]) -> None:
    """Check that a passkey of this person signed what this browser was asked at this step, once. Raises Problem."""
    if known.get("step") != step:
        refuse_use()
    from ingest.accounts import webauthn_ceremony as ceremony  # noqa: PLC0415 - loaded when the first passkey is used

    credential_id = ceremony.read_credential_id(answer)
    if credential_id is None:
        refuse_use()
    with session(org=org, role="ec_auth", actor=user):
        challenged_at = datetime.fromisoformat(known["at"])
        found = passkeys.lock(user, credential_id, org=org, challenged_at=challenged_at)
        if found is None:
            refuse_use()
        passkey, stored = found
        sign_count = ceremony.check_signed(answer, stored, challenge=known["challenge"], site=site(), origin=_origin())
        if sign_count is None:
            refuse_use()
        passkeys.note_use(passkey, org=org, sign_count=sign_count)


def remove(who: Identity, passkey: UUID) -> None:
    """Remove a passkey of this person. Raises SignInAgain, NotFound."""
    with who.session(role="ec_auth"):
        open_sessions.require_fresh(g.session_id, org=who.org)
        passkeys.remove(passkey, user=who.caller, org=who.org)


def site() -> str:
    """Return the host that passkeys are made for: that of links in e-mails if this host is the same or below it, else this host."""
    settings: IngestSettings = current_app.extensions["essaycoach.settings"]
    host, wanted = urlsplit(_origin()).hostname or "", urlsplit(settings.link or "").hostname
    return wanted if wanted and (host == wanted or host.endswith(f".{wanted}")) else host


def refuse_new() -> NoReturn:
    """Refuse a new passkey, and write it down as a security event. Raises Problem."""
    security_log.note("credential_refused")
    detail = "is not a passkey that this page has asked for"
    raise Problem("invalid-payload", f"This {detail}.", errors=[{"pointer": "/credential", "detail": detail}])


def refuse_use() -> NoReturn:
    """Refuse what a passkey signed, and write it down as a security event. Raises Problem."""
    security_log.note("sign_in_failed")
    raise Problem("second-factor-needed", "That passkey was not accepted. Try once more, or use a code.")


def _begun(asked: Asked, now: datetime, *, step: str) -> Begun:
    return Begun(options=asked.options, known={"challenge": asked.challenge, "at": now.isoformat(), "step": step})


def _origin() -> str:
    return request.host_url.rstrip("/")
