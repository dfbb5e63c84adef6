"""Who reads a page: a cookie that names the session, and the token that every form carries against forgery.

The cookie is a signed token of the type `page`, which the API refuses as bearer. It names the same row of `sessions` as the
tokens of the API, so that ending a session ends both. (docs/adr/0161-pages-have-a-cookie-of-their-own.md)
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from flask import Response, current_app, g, request
from flask_jwt_extended import create_access_token

from ingest.settings import IngestSettings
from ingest.web.client_address import request_address
from ingest.web.identity import Identity, SigningKeys, decode_token, identity_of
from ingest.web.problems import Problem
from models import sessions
from models.errors import NotFound
from models.sessions import LIFETIME_DAYS, Family

# Each use of a page lets the session live on. So often is that written down.
RENEW_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Reader:
    """The signed-in person who reads a page: the identity of their requests, and the token of their forms."""

    who: Identity
    csrf: str
    renewed: str | None = None


class SignInFirst(Exception):
    """Nobody is signed in here, or no longer."""


def reader(*roles: str) -> Reader:
    """Return who reads this page. Raises SignInFirst, and Problem `not-found` for somebody in none of these roles."""
    token = request.cookies.get(cookie_name(), "")
    if not token:
        raise SignInFirst
    try:
        claims = decode_token(token, expected_type="page")
    except Problem:
        raise SignInFirst from None
    who = identity_of(claims, address=request_address())
    if roles and claims["role"] not in roles:
        # What the page is about exists for others. Whoever may not see it learns nothing.
        raise NotFound("This page is not for your account.")
    g.reader = Reader(who=who, csrf=str(claims["csrf"]), renewed=_renew(claims, who))
    return g.reader  # type: ignore[no-any-return]


def known_reader() -> Reader | None:
    """Return who reads this page, if the route has asked for it."""
    found: Reader | None = g.get("reader")
    return found


def check_form() -> None:
    """Check that the form of this request came from a page that we made for this reader. Raises Problem."""
    known = known_reader()
    sent = request.form.get("csrf", "")
    if not is_from_here() or (known is not None and not secrets.compare_digest(sent.encode(), known.csrf.encode())):
        raise Problem(
            "forbidden", "This form did not come from a page of ours. Go back, load the page again, and send it."
        )


def is_from_here() -> bool:
    """Return whether the browser says that the request comes from a page of this server, or says nothing."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or origin.split("://", 1)[-1] == request.host


def begin(response: Response, family: Family, *, org: UUID) -> Response:
    """Let the response sign the browser in with this session."""
    claims = {"org": str(org), "sid": str(family.id), "role": family.role, "tv": family.token_version}
    _set_cookie(response, _token(str(family.user), claims, csrf=secrets.token_urlsafe(18)))
    return response


def renew_cookie(response: Response) -> Response:
    """Send the cookie again when the session was renewed in this request."""
    known = known_reader()
    if known is not None and known.renewed is not None:
        _set_cookie(response, known.renewed)
    return response


def end(response: Response) -> Response:
    """Let the browser forget the cookie."""
    response.delete_cookie(cookie_name(), secure=request.is_secure, httponly=True, samesite="Lax")
    return response


def cookie_name() -> str:
    """Return the name of the cookie. Over TLS its prefix tells the browser to take it from this host and over TLS only."""
    return "__Host-essaycoach" if request.is_secure else "essaycoach"


def _renew(claims: dict[str, object], who: Identity) -> str | None:
    """Return a new token for a session that goes on, or None when the present one is fresh. Raises Unauthorised."""
    if time.time() - float(str(claims["iat"])) < RENEW_SECONDS or request.method != "GET":
        return None
    assert who.live is not None
    with who.session(role="ec_auth"):
        sessions.keep(who.live.session, org=who.org)
    kept = {name: claims[name] for name in ("org", "sid", "role", "tv")}
    return _token(str(claims["sub"]), kept, csrf=str(claims["csrf"]))


def _token(user: str, claims: dict[str, object], *, csrf: str) -> str:
    settings: IngestSettings = current_app.extensions["essaycoach.settings"]
    keys: SigningKeys = current_app.extensions["essaycoach.signing_keys"]
    is_student = claims["role"] == "student"
    token: str = create_access_token(
        user,
        # Staff who leave a page alone for so long sign in again, as with the API.
        expires_delta=timedelta(days=LIFETIME_DAYS) if is_student else timedelta(hours=settings.staff_idle_hours),
        additional_claims={**claims, "type": "page", "csrf": csrf},
        additional_headers={"kid": keys[0][0]},
    )
    return token


def _set_cookie(response: Response, token: str) -> None:
    # Without an age the browser forgets it when it is closed: school computers are shared.
    response.set_cookie(cookie_name(), token, secure=request.is_secure, httponly=True, samesite="Lax")
