"""Check the ID token of a launch: who signed it, for whom, when, and for which launch."""

from __future__ import annotations

import hmac
from typing import Any

import jwt

from ingest.lms.key_sets import ALGORITHMS, KeySets
from models.platforms import Platform
from outgoing.client import Client

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
VERSION = "1.3.0"
LEEWAY_SECONDS = 300
MAX_SUBJECT = 255
NEEDED = ["exp", "iat", "iss", "aud", "sub", "nonce"]


class NotProved(Exception):
    """The launch does not prove who it is about. The text says why, for the log; it holds nothing that was sent."""


def check(token: str, platform: Platform, *, nonce: str, key_sets: KeySets, client: Client) -> dict[str, Any]:
    """Return the claims of the platform's token. Raises NotProved, and NoAnswer when the platform's keys cannot be fetched."""
    known = platform.registration
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise NotProved("it holds no token") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS or not isinstance(kid, str):
        raise NotProved("it is not signed as we accept it")
    key = key_sets.find(platform, kid=kid, algorithm=algorithm, client=client)
    if key is None:
        raise NotProved("it is signed with a key that is not the platform's")
    try:
        claims = jwt.decode(
            token, key, algorithms=[algorithm], audience=known.client_id, issuer=known.issuer, leeway=LEEWAY_SECONDS,
            options={"require": NEEDED},
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise NotProved(f"the token does not hold: {type(error).__name__}") from None
    except (ValueError, TypeError, OverflowError):
        raise NotProved("a claim of the token has another type") from None
    _check_claims(claims, platform, nonce=nonce)
    return dict(claims)


def _check_claims(claims: dict[str, Any], platform: Platform, *, nonce: str) -> None:
    client_id, audience, azp = platform.client_id, claims["aud"], claims.get("azp")
    if (isinstance(audience, list) and len(audience) > 1 and azp is None) or azp not in (None, client_id):
        raise NotProved("it is for another tool")
    if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise NotProved("it has the nonce of another launch")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= MAX_SUBJECT:
        raise NotProved("it names nobody")
    if claims.get(CLAIM + "version") != VERSION:
        raise NotProved("it is no LTI 1.3")
    if claims.get(CLAIM + "deployment_id") not in platform.deployments:
        raise NotProved("it comes from a deployment that nobody has approved")
