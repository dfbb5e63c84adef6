"""Authentication: decode access tokens and API keys, and return the identity under which a request acts."""

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
from ingest.web import rate_limits, security_log, system_log
from ingest.web.client_address import request_address
from ingest.web.problems import Problem
from models import sessions
from models.api_key_text import KEY_PREFIX
from models.callers import recognise_api_key, require_live_key
from models.connections import EVERY_SCOPE, Scope
from models.db import Role, SessionClaims, session
from models.errors import Unauthorised
from models.passwords import Passwords

ISSUER = "essaycoach"
AUDIENCE = "essaycoach-api"
ALGORITHM = "HS256"
CLAIMS = ["exp", "iat", "nbf", "jti", "iss", "aud", "type", "sub", "org"]

# Pairs of key id and secret, newest first. A token names the key id of the secret that signed it (`kid`).
SigningKeys = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The identity under which a request acts. `caller` is the id of the user or of the API key; a user has every scope.

    `address` is where the request comes from, or None when that is unknown.
    """

    org: UUID
    caller: UUID
    role: Role
    user: UUID | None = None
    live: SessionClaims | None = None
    address: str | None = None
    scopes: frozenset[str] = frozenset(EVERY_SCOPE)

    @property
    def is_api_key(self) -> bool:
        """Return whether an API key is used, which means that an LMS is asking and not a person."""
        return self.user is None

    @contextmanager
    def session(
        self, *, role: Role | None = None, single: bool = False, answer_seconds: float | None = None
    ) -> Iterator[None]:
        """Run the block in one transaction as this identity, with its own role or another one. For the rest see `models.db.session`.

        Raises Unauthorised when the session was revoked meanwhile, and AddressRefused.
        """
        actor = self.caller if self.is_api_key else None
        with (
            system_log.keep_if_undecipherable(self.org),
            system_log.keep_if_address_refused(self.org, user_id=self.caller),
            session(
                org=self.org,
                user=self.user,
                role=role or self.role,
                live=self.live,
                actor=actor,
                single=single,
                answer_seconds=answer_seconds,
            ),
        ):
            yield

    def require_live(self, scope: Scope) -> None:
        """Check before an answer that was held back that the API key is still valid, also from its address. Raises Unauthorised.

        Of a person every `session` checks it.
        """
        if self.is_api_key:
            with session(role="ec_auth"):
                require_live_key(self.caller, scope=scope, address=self.address)


def set_up(app: Any, settings: IngestSettings) -> None:
    """Set the app up to sign and verify tokens: one algorithm, one issuer, one audience; the newest secret signs."""
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
    """Return the key id (`kid`) of a signing secret. The secret cannot be derived from it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def identity(*, api_keys: bool = True, scope: Scope | None = None) -> Identity:
    """Return the identity of this request, and count the request against its rate limit. Raises Problem.

    With `api_keys=False` only a signed-in person is accepted. `scope` is what an API key must have; a person has every scope.
    A key acts with the database role of that scope.
    """
    token, address = read_bearer(), request_address()
    if token.startswith(KEY_PREFIX):
        settings: IngestSettings = current_app.extensions["essaycoach.settings"]
        try:
            with session(role="ec_auth"):
                caller = recognise_api_key(token, pepper=settings.api_key_pepper, address=address)
        except Unauthorised as error:
            raise _unauthenticated("unauthorized", str(error)) from None
        key_role: Role = "ec_manager" if scope == "manage" else "ec_lms"
        security_log.acts(caller.org, actor=caller.id, role=key_role.removeprefix("ec_"))
        if caller.refused:
            # Counted by address: whoever holds a stolen key must not use up the rate of the LMS.
            rate_limits.count_address()
            with system_log.keep_if_refused("API key from a refused address", org=caller.org, api_key_id=caller.id):
                raise Problem(
                    "address-refused", "This API key is accepted from certain networks only, and not from yours."
                )
        with system_log.keep_if_refused("API key over its rate limit", org=caller.org, api_key_id=caller.id):
            rate_limits.count(f"key:{caller.id}")
        if not api_keys:
            raise Problem("forbidden", "API keys cannot do this; a person must sign in.")
        if scope is not None and scope not in caller.scopes:
            raise Problem("forbidden", f"This API key lacks the scope {scope!r}.")
        security_log.note_key_use(caller.id)
        return Identity(org=caller.org, caller=caller.id, role=key_role, address=address, scopes=caller.scopes)
    return identity_of(decode_token(token, expected_type="access"), address=address)


def identity_of(claims: dict[str, Any], *, address: str | None) -> Identity:
    """Return the person that a verified token names, and count the request against their rate limit. Raises Problem."""
    org, user = UUID(claims["org"]), UUID(claims["sub"])
    security_log.acts(org, actor=user, role=claims["role"])
    rate_limits.count(f"user:{user}")
    role: Role = {"student": "ec_student", "educator": "ec_educator", "admin": "ec_admin"}[claims["role"]]  # type: ignore[assignment]
    live = SessionClaims(session=UUID(claims["sid"]), role=claims["role"], token_version=claims["tv"], address=address)
    g.session_id = live.session
    return Identity(org=org, caller=user, user=user, role=role, live=live, address=address)


def staff(*, or_key: Scope | None = None) -> Identity:
    """Return the identity of this request: an educator, an admin, or an API key with the scope `or_key`. Raises Problem."""
    who = identity(api_keys=or_key is not None, scope=or_key)
    if not (who.is_api_key or is_staff(who)):
        raise Problem("forbidden", "Only educators and admins may do this.")
    return who


def admin(*, or_key: Scope | None = None) -> Identity:
    """Return the identity of this request: an admin, or an API key with the scope `or_key`. Raises Problem."""
    who = identity(api_keys=or_key is not None, scope=or_key)
    if not (who.is_api_key or who.role == "ec_admin"):
        raise Problem("forbidden", "Only admins may do this.")
    return who


def read_bearer() -> str:
    """Return the bearer token of this request, a JWT or an API key. Raises Problem."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise _unauthenticated("unauthorized", "The Authorization header must be 'Bearer' and a token.")
    if not token.startswith(KEY_PREFIX) and token.count(".") != 2:
        raise _unauthenticated("unauthorized", "The bearer is neither an access token nor an API key.")
    return token


def decode_token(token: str, *, expected_type: str) -> dict[str, Any]:
    """Return the claims of a token of this type: `access`, `refresh`, or `page` (ingest/pages/session.py). Raises Problem."""
    try:
        claims = verified_claims(token)
        if claims["exp"] <= time.time():
            raise jwt.ExpiredSignatureError
        # Check that each claim used later is there and has its type, even in a token with a valid signature.
        UUID(claims["sub"]), UUID(claims["sid"]), UUID(claims["org"])
        int(claims["gen"] if expected_type == "refresh" else claims["tv"])
        if expected_type != "refresh" and claims["role"] not in ("student", "educator", "admin"):
            raise KeyError("role")
    except jwt.ExpiredSignatureError:
        raise _unauthenticated("token-expired", "The token has expired.") from None
    except Exception:  # noqa: BLE001 - the answer is the same whatever is wrong with the token
        raise _unauthenticated("invalid-token", "The token was not issued here, or has been changed.") from None
    if claims["type"] != expected_type:
        raise _unauthenticated(
            "invalid-token", f"This is not the kind of token that is needed here: send an {expected_type} token."
        )
    return claims


def verified_claims(token: str) -> dict[str, Any]:
    """Return the claims of a token that was signed here, of any type, also when it has expired. Raises an exception of any kind."""
    return _verify(token, current_app.extensions["essaycoach.signing_keys"])


@lru_cache(maxsize=4096)
def _verify(token: str, keys: SigningKeys) -> dict[str, Any]:
    """Return a token's claims after checking its signature. Cached: a valid signature stays valid while `keys` are the same.

    What can change is checked for each request instead: the expiry by the caller, everything else in the database.
    """
    secret = dict(keys)[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(
        token,
        secret,
        algorithms=[ALGORITHM],
        issuer=ISSUER,
        audience=AUDIENCE,
        options={"require": CLAIMS, "verify_exp": False},
    )


def _unauthenticated(slug: str, detail: str) -> Problem:
    """Return the problem of a request without valid credentials. Raises Problem `rate-limited` after too many from one address."""
    rate_limits.count_address()
    return Problem(slug, detail)


def is_staff(who: Identity) -> bool:
    """Return whether the identity is an educator or an admin."""
    return who.role in ("ec_educator", "ec_admin")


def signed_in(*, or_key: Scope | None = None) -> Identity:
    """Return the identity of this request: a person in any role, or an API key with the scope `or_key`. Raises Problem."""
    return identity(api_keys=or_key is not None, scope=or_key)
