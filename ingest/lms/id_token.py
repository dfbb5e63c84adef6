"""Check what a platform has signed: the ID token of a launch, or a notice. Who signed it, for whom, when, and for which launch."""

from __future__ import annotations

import hmac
from typing import Any

import jwt

from ingest.lms.claim_values import MAX_ID
from ingest.web.key_sets import ALGORITHMS, KeySets
from models.platforms import Platform
from outgoing.client import Client

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
VERSION = "1.3.0"
LEEWAY_SECONDS = 300
NEEDED = ["exp", "iat", "iss", "aud"]
NEEDED_OF_LAUNCH = [*NEEDED, "sub", "nonce"]


class NotProved(Exception):
    """The token does not prove what it says. The text says why, for the log; it holds nothing that was sent.

    `is_signed`: the platform has signed it all the same, so its admin should hear of it.
    """

    def __init__(self, reason: str, *, is_signed: bool = False) -> None:
        super().__init__(reason)
        self.is_signed = is_signed


def check(token: str, platform: Platform, *, nonce: str | None, key_sets: KeySets, client: Client) -> dict[str, Any]:
    """Return the claims of the platform's token. Raises NotProved, and NoAnswer when the platform's keys cannot be fetched.

    A launch has the nonce that we gave it. A notice, which nobody asked for, has `nonce=None`: it may be about nobody.
    """
    known = platform.registration
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError):
        raise NotProved("it holds no token") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or not isinstance(kid, str):
        raise NotProved("it is not signed as we accept it")
    key = key_sets.find(known.jwks_url, kid=kid, algorithm=algorithm, client=client)
    if key is None:
        raise NotProved("it is signed with a key that is not the platform's")
    try:
        claims = jwt.decode(
            token, key, algorithms=[algorithm], audience=known.client_id, issuer=known.issuer, leeway=LEEWAY_SECONDS,
            options={"require": NEEDED if nonce is None else NEEDED_OF_LAUNCH},
        )  # fmt: skip
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
        raise NotProved("it is not signed with the platform's key") from None
    except jwt.DecodeError:
        raise NotProved("it holds no token") from None
    except jwt.PyJWTError as error:
        raise NotProved(f"the token does not hold: {type(error).__name__}", is_signed=True) from None
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise NotProved("a claim of the token has another type") from None
    _check_claims(claims, platform)
    if nonce is not None:
        _check_launch(claims, nonce)
    return dict(claims)


def _check_launch(claims: dict[str, Any], nonce: str) -> None:
    if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise NotProved("it has the nonce of another launch", is_signed=True)
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= MAX_ID:
        raise NotProved("it names nobody", is_signed=True)


def _check_claims(claims: dict[str, Any], platform: Platform) -> None:
    client_id, audience, azp = platform.client_id, claims["aud"], claims.get("azp")
    if (isinstance(audience, list) and len(audience) > 1 and azp is None) or azp not in (None, client_id):
        raise NotProved("it is for another tool", is_signed=True)
    if claims.get(CLAIM + "version") != VERSION:
        raise NotProved("it is no LTI 1.3", is_signed=True)
    if claims.get(CLAIM + "deployment_id") not in platform.deployments:
        raise NotProved("it comes from a deployment that nobody has approved", is_signed=True)
