"""What the library of WebAuthn asks a browser, and what it reads from its answer.

It takes 5 MiB of each process, so this module is loaded when the first passkey is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import webauthn
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

from models.passkeys import Credential

# What a wrong or malformed answer raises.
MALFORMED = (WebAuthnException, ValueError, LookupError, TypeError, RecursionError)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the browser is asked, as the JSON of WebAuthn, and the challenge in it, as base64url."""

    options: str
    challenge: str


def ask_for_new(site: str, *, user: UUID, account: str, name: str, known: Iterable[bytes]) -> Asked:
    """Return what to ask the browser of this person for a passkey for this site, and for none of the known ones."""
    return _asked(
        webauthn.generate_registration_options(
            rp_id=site,
            rp_name="EssayCoach",
            user_id=user.bytes,
            user_name=account,
            user_display_name=name,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
        )
    )


def read_new(answer: str, *, challenge: str, site: str, origin: str) -> Credential | None:
    """Return the passkey that a browser made, or None when the answer is not genuine."""
    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=site,
            expected_origin=origin,
            require_user_verification=True,
        )
    except MALFORMED:
        return None
    return Credential(
        credential_id=made.credential_id, public_key=made.credential_public_key, sign_count=made.sign_count
    )


def ask_to_sign(site: str, *, known: Iterable[bytes]) -> Asked:
    """Return what to ask the browser to sign with one of the known passkeys."""
    return _asked(
        webauthn.generate_authentication_options(
            rp_id=site,
            allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def read_credential_id(answer: str) -> bytes | None:
    """Return which passkey an answer says it was signed with, or None when it is malformed."""
    try:
        return parse_authentication_credential_json(answer).raw_id
    except MALFORMED:
        return None


def check_signed(answer: str, stored: Credential, *, challenge: str, site: str, origin: str) -> int | None:
    """Return how often the passkey has signed, by its own count, or None when the answer is not genuine."""
    try:
        used = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=site,
            expected_origin=origin,
            credential_public_key=stored.public_key,
            credential_current_sign_count=stored.sign_count,
            require_user_verification=True,
        )
    except MALFORMED:
        return None
    return used.new_sign_count


def _asked(options: PublicKeyCredentialCreationOptions | PublicKeyCredentialRequestOptions) -> Asked:
    return Asked(options=webauthn.options_to_json(options), challenge=bytes_to_base64url(options.challenge))
