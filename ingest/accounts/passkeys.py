"""Passkeys (WebAuthn): what a browser is asked to sign, and whether its answer is genuine. Only pages use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from flask import current_app, g, request
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRequestOptions,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ingest.settings import IngestSettings
from ingest.web import security_log
from ingest.web.identity import Identity
from ingest.web.problems import Problem
from models import open_sessions, passkeys, sessions
from models.db import session
from models.passkeys import Credential

# What a wrong answer raises, and one that is not of the form that the standard wants.
MALFORMED = (WebAuthnException, ValueError, LookupError, TypeError, RecursionError)


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
    options = webauthn.generate_registration_options(
        rp_id=site(),
        rp_name="EssayCoach",
        user_id=who.caller.bytes,
        user_name=f"{contact.org_slug}: {contact.email}",
        user_display_name=contact.name or "",
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return _begun(options, now, step=f"add {g.session_id}")


def finish_adding(who: Identity, answer: str, *, name: str, known: dict[str, Any]) -> None:
    """Store the passkey that the browser made. Raises SignInAgain, Problem, Invalid, Taken."""
    if known.get("step") != f"add {g.session_id}":
        refuse_new()
    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(known["challenge"]),
            expected_rp_id=site(),
            expected_origin=_origin(),
            require_user_verification=True,
        )
    except MALFORMED:
        refuse_new()
    new = Credential(
        credential_id=made.credential_id, public_key=made.credential_public_key, sign_count=made.sign_count
    )
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
    options = webauthn.generate_authentication_options(
        rp_id=site(),
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in own],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _begun(options, now, step=step)


def check_use(user: UUID, answer: str, *, org: UUID, step: str, known: dict[str, Any]) -> None:
    """Check that a passkey of this person signed what this browser was asked at this step, once. Raises Problem."""
    if known.get("step") != step:
        refuse_use()
    try:
        credential_id = parse_authentication_credential_json(answer).raw_id
        with session(org=org, role="ec_auth", actor=user):
            challenged_at = datetime.fromisoformat(known["at"])
            found = passkeys.lock(user, credential_id, org=org, challenged_at=challenged_at)
            if found is None:
                refuse_use()
            passkey, stored = found
            used = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(known["challenge"]),
                expected_rp_id=site(),
                expected_origin=_origin(),
                credential_public_key=stored.public_key,
                credential_current_sign_count=stored.sign_count,
                require_user_verification=True,
            )
            passkeys.note_use(passkey, org=org, sign_count=used.new_sign_count)
    except MALFORMED:
        refuse_use()


def remove(who: Identity, passkey: UUID) -> None:
    """Remove a passkey of this person. Raises SignInAgain, NotFound."""
    with who.session(role="ec_auth"):
        open_sessions.require_fresh(g.session_id, org=who.org)
        passkeys.remove(passkey, user=who.caller, org=who.org)


def site() -> str:
    """Return the host that passkeys are made for: that of the page in mails where this page is on it or below it, else this host."""
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


def _begun(
    options: PublicKeyCredentialCreationOptions | PublicKeyCredentialRequestOptions, now: datetime, *, step: str
) -> Begun:
    known = {"challenge": bytes_to_base64url(options.challenge), "at": now.isoformat(), "step": step}
    return Begun(options=webauthn.options_to_json(options), known=known)


def _origin() -> str:
    return request.host_url.rstrip("/")
