"""Who is asking: signing in, the tokens, and the identity a request acts under."""

from __future__ import annotations

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
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, decode_token

from ingest import limits, schemas
from ingest.openapi import operation
from ingest.problems import Problem
from ingest.settings import IngestSettings
from ingest.strict_json import read_body
from models import sessions
from models.connections import KEY_PREFIX, recognise_api_key
from models.db import Live, Role, session
from models.errors import Unauthorised
from models.orgs import find_org
from models.passwords import Passwords, TooManyAtOnce
from models.sessions import Family
from models.users import fetch_person

blueprint = Blueprint("auth", __name__)

ISSUER = "essaycoach"
AUDIENCE = "essaycoach-api"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whom a request acts for. `caller` is the user, or the API key."""

    org: UUID
    caller: UUID
    role: Role
    user: UUID | None = None
    live: Live | None = None

    @property
    def is_api_key(self) -> bool:
        """Return whether an LMS is asking, not a person."""
        return self.user is None

    @contextmanager
    def session(self) -> Iterator[None]:
        """Run the block in one transaction as this identity. Raises Unauthorised when it has been revoked since."""
        with session(org=self.org, user=self.user, role=self.role, live=self.live):
            yield


def set_up(app: Any, settings: IngestSettings) -> None:
    """The app can make and check tokens: one algorithm, one issuer, one audience."""
    app.config.update(
        JWT_SECRET_KEY=settings.jwt_secret,
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_ENCODE_ISSUER=ISSUER,
        JWT_DECODE_ISSUER=ISSUER,
        JWT_ENCODE_AUDIENCE=AUDIENCE,
        JWT_DECODE_AUDIENCE=AUDIENCE,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=settings.access_minutes),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=sessions.LIFETIME_DAYS),
        JWT_ERROR_MESSAGE_KEY="detail",
    )
    JWTManager(app)
    app.extensions["essaycoach.passwords"] = Passwords(rounds=settings.password_rounds)


def identity(*, api_keys: bool = True) -> Identity:
    """Return whom this request acts for. Raises Problem."""
    token = _bearer()
    if token.startswith(KEY_PREFIX):
        if not api_keys:
            raise Problem("forbidden", "API keys cannot do this; a person must sign in.")
        settings: IngestSettings = current_app.extensions["essaycoach.settings"]
        try:
            with session(role="ec_auth"):
                caller = recognise_api_key(token, pepper=settings.api_key_pepper)
        except Unauthorised as error:
            raise Problem("unauthorized", str(error)) from None
        limits.count(f"key:{caller.id}")
        return Identity(org=caller.org, caller=caller.id, role="ec_lms")
    claims = _decode(token, wanted="access")
    user = UUID(claims["sub"])
    limits.count(f"user:{user}")
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


@blueprint.post("/v1/auth/login")
@operation("Sign in", answers={200: schemas.Tokens}, problems=("unauthorized",), body=schemas.Credentials, security=())
def login() -> Response:
    """Answer a pair of tokens for an e-mail and password. Unknown org, unknown e-mail and wrong password look the same."""
    wanted = read_body(schemas.Credentials)
    limits.count_sign_in(wanted.org, wanted.email)
    passwords: Passwords = current_app.extensions["essaycoach.passwords"]
    account = None
    with session(role="ec_auth"):
        org = find_org(wanted.org)
    if org is not None:
        with session(org=org, role="ec_auth"):
            account = sessions.find_account(wanted.email, org=org)
    stored = account.password_hash if account else None
    try:
        right = passwords.matches(wanted.password, stored)
    except TooManyAtOnce:
        raise Problem("temporarily-unavailable", "Too many people are signing in at this moment.") from None
    if not right or org is None or account is None or stored is None or account.disabled:
        raise Problem("unauthorized", "The org, e-mail or password is wrong.")
    # Hashed before a connection is taken: it keeps a core busy for a third of a second.
    newer = passwords.hash(wanted.password) if passwords.is_outdated(stored) else None
    with session(org=org, role="ec_auth"):
        if newer is not None:
            sessions.upgrade_password(account.user, org=org, password_hash=newer)
        family = sessions.open_family(account, org=org)
    return jsonify(_tokens(family, org))


@blueprint.post("/v1/auth/refresh")
@operation("Trade a refresh token for a new pair", answers={200: schemas.Tokens}, security=("refresh",))
def refresh() -> Response:
    """Spend the refresh token sent as bearer. Using one a second time revokes every token that came from the same sign-in."""
    claims = _decode(_bearer(), wanted="refresh")
    org = UUID(claims["org"])
    limits.count(f"user:{claims['sub']}")
    with session(org=org, role="ec_auth"):
        family = sessions.spend(UUID(claims["sid"]), org=org, generation=claims["gen"])
    if family is None:
        raise Problem(
            "invalid-token", "This refresh token was used before. Everything it led to has been revoked; sign in again."
        )
    return jsonify(_tokens(family, org))


@blueprint.post("/v1/auth/logout")
@operation("Sign out", answers={204: None}, problems=("forbidden",))
def logout() -> tuple[str, int]:
    """End the session: its access and refresh tokens stop working with the next request."""
    who = identity(api_keys=False)
    with who.session():
        fetch_person(
            who.caller, org=who.org
        )  # a token that no longer lives must not be told that it was signed out just now
    with session(org=who.org, role="ec_auth"):
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


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Problem("unauthorized", "The Authorization header must be 'Bearer' and a token.")
    if not token.startswith(KEY_PREFIX) and token.count(".") != 2:
        raise Problem("unauthorized", "The bearer is neither an access token nor an API key.")
    return token


def _decode(token: str, *, wanted: str) -> dict[str, Any]:
    try:
        claims = _verified(token, current_app.config["JWT_SECRET_KEY"])
        if claims["exp"] <= time.time():
            raise jwt.ExpiredSignatureError
        # Every claim that is used below must be there and of its type, whoever signed the token.
        UUID(claims["sub"]), UUID(claims["sid"]), UUID(claims["org"])
        int(claims["gen"] if wanted == "refresh" else claims["tv"])
        if wanted == "access" and claims["role"] not in ("student", "educator", "admin"):
            raise KeyError("role")
    except jwt.ExpiredSignatureError:
        raise Problem("token-expired", "The token has expired.") from None
    except Exception:  # noqa: BLE001 - whatever is wrong with a stranger's token, the answer is the same
        raise Problem("invalid-token", "The token was not issued here, or has been changed.") from None
    if claims["type"] != wanted:
        raise Problem("invalid-token", f"This is a {claims['type']} token; here an {wanted} token is needed.")
    return claims


@lru_cache(maxsize=4096)
def _verified(token: str, _secret: str) -> dict[str, Any]:
    """Return a token's claims. A signature that was right stays right; what may change is asked of the database each time."""
    claims: dict[str, Any] = decode_token(token)
    return claims


def _tokens(family: Family, org: UUID) -> dict[str, Any]:
    user = str(family.user)
    shared = {"org": str(org), "sid": str(family.id)}
    lifetime: timedelta = current_app.config["JWT_ACCESS_TOKEN_EXPIRES"]
    return {
        "access_token": create_access_token(
            user, additional_claims={**shared, "role": family.role, "tv": family.token_version}
        ),
        "refresh_token": create_refresh_token(user, additional_claims={**shared, "gen": family.generation}),
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
    }
