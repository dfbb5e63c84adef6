"""Verify that Canvas signed an event: the body is a JSON Web Token whose claims are the event. Nothing of it is read before that.

Canvas signs only when the subscription says so, with keys that Instructure changes every month and publishes at one address for all
schools. A signature therefore says that it is an event of Canvas, and its account whose.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import jwt

from ingest.web.key_sets import KeySets
from ingest.web.problems import Problem
from outgoing.client import Client, NoAnswer

ALGORITHM = "RS256"
MAX_BYTES = 256 * 1024
LEEWAY_SECONDS = 300
# Canvas repeats an event for 20 minutes. An older one was recorded and is replayed by somebody.
LONGEST_SECONDS = 24 * 3600
AGAIN_SECONDS = 30
UNSIGNED = "The event is not signed. In Canvas, edit the subscription (Admin, Data Services): switch Sign Payload on, and save."


def verify(
    body: bytes, *, jwks_url: str, key_sets: KeySets, client: Client, now: float | None = None
) -> dict[str, Any]:
    """Return the event in an authentic body. Raises Problem."""
    if body.lstrip()[:1] in (b"{", b"["):
        raise Problem("missing-signature", UNSIGNED)
    try:
        header = jwt.get_unverified_header(body)
    except (jwt.PyJWTError, RecursionError):
        raise _refused("The body is not a JSON Web Token.") from None
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(kid, str):
        raise _refused(f"The token must be signed with {ALGORITHM} and name its key (kid).")
    try:
        key = key_sets.find(jwks_url, kid=kid, algorithm=ALGORITHM, client=client)
    except NoAnswer:
        raise Problem(
            "temporarily-unavailable",
            "The keys of Canvas cannot be fetched at the moment.",
            headers={"Retry-After": str(AGAIN_SECONDS)},
        ) from None
    if key is None:
        raise _refused("The token is signed with a key that is not one of Canvas's.")
    try:
        claims: dict[str, Any] = jwt.decode(
            body, key, algorithms=[ALGORITHM], leeway=LEEWAY_SECONDS,
            # Canvas documents none of these claims.
            options={"verify_aud": False, "verify_iss": False, "verify_sub": False, "verify_jti": False},
        )  # fmt: skip
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
        raise _out_of_time() from None
    except (jwt.PyJWTError, RecursionError, ValueError, TypeError, OverflowError):
        raise _refused("The token does not hold.") from None
    _check_time(claims, now=time.time() if now is None else now)
    return claims


def _check_time(claims: dict[str, Any], *, now: float) -> None:
    """Check when the event was signed, or when it happened if the token does not say so. Raises Problem."""
    metadata = claims.get("metadata")
    signed_at = claims.get("iat")
    if not isinstance(signed_at, int | float):
        try:
            signed_at = datetime.fromisoformat(metadata["event_time"]).timestamp()  # type: ignore[index]
        except (KeyError, TypeError, ValueError, OverflowError, OSError):
            raise _out_of_time() from None
    if not -LEEWAY_SECONDS <= now - signed_at <= LONGEST_SECONDS:
        raise _out_of_time()


def _out_of_time() -> Problem:
    return Problem(
        "timestamp-out-of-range",
        f"The event has run out, is more than {LONGEST_SECONDS // 3600} hours old, or is of a time to come.",
    )


def _refused(detail: str) -> Problem:
    return Problem("invalid-signature", detail)
