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
from flask import Blueprint, Response, current_app, g, jsonify, request
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token

from ingest.settings import IngestSettings
from ingest.web import rate_limits, schemas
from ingest.web.body import read_body
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from models import sessions
from models.audit import Actor
from models.connections import EVERY_SCOPE, KEY_PREFIX, Scope, recognise_api_key
from models.db import Live, Role, session
from models.errors import Unauthorised
from models.orgs import find_org
from models.passwords import Passwords, TooManyAtOnce
from models.sessions import Family
from models.users import fetch_person

blueprint = Blueprint("auth", __name__)

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
    token = _bearer()
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
    claims = _decode(token, wanted="access")
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


@blueprint.post("/v1/auth/login")
@operation("Sign in", answers={200: schemas.Tokens}, problems=("unauthorized",), body=schemas.Credentials, security=())
def login() -> Response:
    """Answer a pair of tokens for an e-mail and password. Unknown org, unknown e-mail and wrong password look the same."""
    rate_limits.count_address()
    wanted = read_body(schemas.Credentials)
    rate_limits.count_sign_in(wanted.org, wanted.email)
    passwords: Passwords = current_app.extensions["essaycoach.passwords"]
    account = None
    with session(role="ec_auth"):
        org = find_org(wanted.org)
    if org is not None:
        with session(org=org, role="ec_auth"):
            account = sessions.find_account(wanted.email, org=org)
    stored = account.password_hash if account else None
    wrong = Problem("unauthorized", "The org, e-mail or password is wrong.")
    try:
        right = passwords.matches(wanted.password, stored)
        if not right or org is None or account is None or stored is None or account.disabled:
            raise wrong
        # Hashed before a connection is taken: it keeps a core busy for a third of a second.
        newer = passwords.hash(wanted.password) if passwords.is_outdated(stored) else None
    except TooManyAtOnce:
        raise Problem("temporarily-unavailable", "Too many people are signing in at this moment.") from None
    try:
        with session(org=org, role="ec_auth", actor=account.user):
            if newer is not None:
                sessions.upgrade_password(account, org=org, password_hash=newer)
            family = sessions.open_family(account, org=org)
    except Unauthorised:  # the password was changed, or the account disabled, while this one was being checked
        raise wrong from None
    return jsonify(tokens_for(family, org=org))


@blueprint.post("/v1/auth/refresh")
@operation("Trade a refresh token for a new pair", answers={200: schemas.Tokens}, security=("refresh",))
def refresh() -> Response:
    """Spend the refresh token sent as bearer. Using one a second time revokes every token that came from the same sign-in."""
    rate_limits.count_address()
    claims = _decode(_bearer(), wanted="refresh")
    org = UUID(claims["org"])
    rate_limits.count(f"user:{claims['sub']}")
    with session(org=org, role="ec_auth", actor=UUID(claims["sub"])):
        family = sessions.spend(UUID(claims["sid"]), org=org, generation=claims["gen"])
    if family is None:
        raise Problem(
            "invalid-token", "This refresh token was used before. Everything it led to has been revoked; sign in again."
        )
    return jsonify(tokens_for(family, org=org))


@blueprint.post("/v1/auth/logout")
@operation("Sign out", answers={204: None}, problems=("forbidden",))
def logout() -> tuple[str, int]:
    """End the session: its access and refresh tokens stop working with the next request."""
    who = identity(api_keys=False)
    with who.session():
        fetch_person(
            who.caller, org=who.org
        )  # a token that no longer lives must not be told that it was signed out just now
    with session(org=who.org, role="ec_auth", actor=who.caller):
        sessions.close_family(g.session_id, org=who.org)
    return "", 204


@blueprint.get("/v1/me")
@operation("Who am I", answers={200: schemas.Me}, problems=("forbidden",))
def me() -> Response:
    """Answer the signed-in person's own profile."""
    who = identity(api_keys=False)
    assert who.user is not None
    with who.session():
        person = fetch_person(who.user, org=who.org)
    return jsonify(
        schemas.Me(
            id=person.id,
            org_id=who.org,
            role=person.role,
            name=person.name,
            email=person.email,
            external_id=person.external_id,
        ).model_dump(mode="json")
    )


def tokens_for(family: Family, *, org: UUID) -> dict[str, Any]:
    """Return a new pair of tokens for the family's newest generation."""
    user = str(family.user)
    shared = {"org": str(org), "sid": str(family.id)}
    keys: SigningKeys = current_app.extensions["essaycoach.signing_keys"]
    headers = {"kid": keys[0][0]}
    lifetime: timedelta = current_app.config["JWT_ACCESS_TOKEN_EXPIRES"]
    return {
        "access_token": create_access_token(
            user,
            additional_claims={**shared, "role": family.role, "tv": family.token_version},
            additional_headers=headers,
        ),
        "refresh_token": create_refresh_token(
            user, additional_claims={**shared, "gen": family.generation}, additional_headers=headers
        ),
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
    }


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise _unauthenticated("unauthorized", "The Authorization header must be 'Bearer' and a token.")
    if not token.startswith(KEY_PREFIX) and token.count(".") != 2:
        raise _unauthenticated("unauthorized", "The bearer is neither an access token nor an API key.")
    return token


def _decode(token: str, *, wanted: str) -> dict[str, Any]:
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
        raise _unauthenticated("invalid-token", f"This is not the kind of token that is needed here: send an {wanted} token.")
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
