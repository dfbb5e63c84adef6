"""Who is asking: signing in, the tokens, and the identity a request acts under."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from flask import current_app, g, request
from flask_jwt_extended import JWTManager

from ingest.settings import IngestSettings
from ingest.web import rate_limits
from ingest.web.problems import Problem
from models import sessions
from models.audit import Actor
from models.connections import EVERY_SCOPE, KEY_PREFIX, Scope, recognise_api_key
from models.db import Live, Role, session
from models.errors import Unauthorised
from models.passwords import Passwords

ISSUER = "essaycoach"
AUDIENCE = "essaycoach-api"
ALGORITHM = "HS256"
CLAIMS = ["exp", "iat", "nbf", "jti", "iss", "aud", "type", "sub", "sid", "org"]

# The secrets that may have signed a token, by the name a token calls them, newest first.
SigningKeys = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whom a request acts for, and what they may do. `caller` is the user, or the API key; people have every scope."""

    org: UUID
    caller: UUID
    role: Role
    user: UUID | None = None
    live: Live | None = None
    scopes: frozenset[str] = frozenset(EVERY_SCOPE)

    @property
    def is_api_key(self) -> bool:
        """Return whether an LMS is asking, not a person."""
        return self.user is None

    @contextmanager
    def session(self) -> Iterator[None]:
        """Run the block in one transaction as this identity. Raises Unauthorised when it has been revoked since."""
        actor = self.caller if self.is_api_key else None
        with session(org=self.org, user=self.user, role=self.role, live=self.live, actor=actor):
            yield


def actor_of(who: Identity) -> Actor:
    """Return whom the audit trail is to name for this request."""
    return Actor(role=who.role.removeprefix("ec_"), id=who.user, request_id=g.request_id)


def set_up(app: Any, settings: IngestSettings) -> None:
    """The app can make and check tokens: one algorithm, one issuer, one audience, and the newest secret signs."""
    keys: SigningKeys = tuple((key_id(secret), secret) for secret in settings.jwt_secrets)
    app.extensions["essaycoach.signing_keys"] = keys
    app.config.update(
        JWT_SECRET_KEY=settings.jwt_secrets[0],
        JWT_ALGORITHM=ALGORITHM,
        JWT_ENCODE_ISSUER=ISSUER,
        JWT_ENCODE_AUDIENCE=AUDIENCE,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=settings.access_minutes),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=sessions.LIFETIME_DAYS),
        JWT_ERROR_MESSAGE_KEY="detail",
    )
    JWTManager(app)
    app.extensions["essaycoach.passwords"] = Passwords(rounds=settings.password_rounds)


def key_id(secret: str) -> str:
    """Return the name by which a token calls the secret that signed it; it tells nothing of the secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def identity(*, api_keys: bool = True, scope: Scope | None = None) -> Identity:
    """Return whom this request acts for; an API key must have the scope. Raises Problem."""
    token = read_bearer()
    if token.startswith(KEY_PREFIX):
        if not api_keys:
            raise Problem("forbidden", "API keys cannot do this; a person must sign in.")
        settings: IngestSettings = current_app.extensions["essaycoach.settings"]
        try:
            with session(role="ec_auth"):
                caller = recognise_api_key(token, pepper=settings.api_key_pepper)
        except Unauthorised as error:
            raise _unauthenticated("unauthorized", str(error)) from None
        rate_limits.count(f"key:{caller.id}")
        if scope is not None and scope not in caller.scopes:
            raise Problem("forbidden", f"This API key lacks the scope {scope!r}.")
        return Identity(org=caller.org, caller=caller.id, role="ec_lms", scopes=caller.scopes)
    claims = decode_token(token, wanted="access")
    user = UUID(claims["sub"])
    rate_limits.count(f"user:{user}")
    role: Role = {"student": "ec_student", "educator": "ec_educator", "admin": "ec_admin"}[claims["role"]]  # type: ignore[assignment]
    live = Live(session=UUID(claims["sid"]), role=claims["role"], token_version=claims["tv"])
    g.session_id = live.session
    return Identity(org=UUID(claims["org"]), caller=user, user=user, role=role, live=live)


def staff() -> Identity:
    """Return the educator or admin this request acts for. Raises Problem."""
    who = identity(api_keys=False)
    if who.role not in ("ec_educator", "ec_admin"):
        raise Problem("forbidden", "Only educators and admins may do this.")
    return who


def admin() -> Identity:
    """Return the admin this request acts for. Raises Problem."""
    who = identity(api_keys=False)
    if who.role != "ec_admin":
        raise Problem("forbidden", "Only admins may do this.")
    return who


def read_bearer() -> str:
    """Return the bearer token of this request. Raises Problem."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise _unauthenticated("unauthorized", "The Authorization header must be 'Bearer' and a token.")
    if not token.startswith(KEY_PREFIX) and token.count(".") != 2:
        raise _unauthenticated("unauthorized", "The bearer is neither an access token nor an API key.")
    return token


def decode_token(token: str, *, wanted: str) -> dict[str, Any]:
    """Return the claims of a token of the wanted type, `access` or `refresh`. Raises Problem."""
    try:
        claims = _verified(token, current_app.extensions["essaycoach.signing_keys"])
        if claims["exp"] <= time.time():
            raise jwt.ExpiredSignatureError
        # Every claim that is used below must be there and of its type, whoever signed the token.
        UUID(claims["sub"]), UUID(claims["sid"]), UUID(claims["org"])
        int(claims["gen"] if wanted == "refresh" else claims["tv"])
        if wanted == "access" and claims["role"] not in ("student", "educator", "admin"):
            raise KeyError("role")
    except jwt.ExpiredSignatureError:
        raise _unauthenticated("token-expired", "The token has expired.") from None
    except Exception:  # noqa: BLE001 - whatever is wrong with a stranger's token, the answer is the same
        raise _unauthenticated("invalid-token", "The token was not issued here, or has been changed.") from None
    if claims["type"] != wanted:
        raise _unauthenticated(
            "invalid-token", f"This is not the kind of token that is needed here: send an {wanted} token."
        )
    return claims


@lru_cache(maxsize=4096)
def _verified(token: str, keys: SigningKeys) -> dict[str, Any]:
    """Return a token's claims. A signature that was right stays right as long as the secrets are the same ones.

    What may change is asked each time: the end of its life of the clock, all else of the database.
    """
    secret = dict(keys)[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(
        token, secret, algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE, options={"require": CLAIMS}
    )


def _unauthenticated(slug: str, detail: str) -> Problem:
    """Return the problem of somebody who cannot be told; one who tries too often from one address hears of that instead."""
    rate_limits.count_address()
    return Problem(slug, detail)


def is_staff(who: Identity) -> bool:
    """Return whether this is an educator or an admin."""
    return who.role in ("ec_educator", "ec_admin")


def signed_in() -> Identity:
    """Return the person, in whichever role, this request acts for. Raises Problem."""
    return identity(api_keys=False)
