"""Who reads a page: a cookie that names the session, and the token that every form carries against forgery.

The cookie is a signed token of the type `page`, which the API refuses as bearer. It names the same row of `sessions` as the
tokens of the API, so that ending a session ends both. (docs/adr/0161-pages-have-a-cookie-of-their-own.md)

A session that an LMS has opened in a frame has a cookie beside that one. Browsers send it inside this LMS only, and its token names
the sites that may frame the pages. (docs/adr/0172-launches-without-passwords.md)
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Response, current_app, g, request
from flask_jwt_extended import create_access_token

from ingest.settings import IngestSettings
from ingest.web.client_address import request_address
from ingest.web.identity import Identity, SigningKeys, decode_token, identity_of, verified_claims
from ingest.web.problems import Problem
from models import sessions
from models.errors import NotFound
from models.sessions import LIFETIME_DAYS, Family

# Each use of a page lets the session live on. So often is that written down.
RENEW_SECONDS = 600
# What a token says of the session, and what a renewed one says again.
KEPT = ("org", "sid", "role", "tv", "frame")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """The signed-in person who reads a page: the identity of their requests, and the token of their forms.

    `frame_origins` may show the page in a frame: none, unless an LMS has opened the session there.
    """

    who: Identity
    csrf: str
    renewed: str | None = None
    frame_origins: tuple[str, ...] = ()


class SignInFirst(Exception):
    """Nobody is signed in here, or no longer."""


def reader(*roles: str) -> Reader:
    """Return who reads this page. Raises SignInFirst, and Problem `not-found` for somebody in none of these roles."""
    token, is_framed = _sent_token()
    if not token:
        raise SignInFirst
    if is_framed:
        # Also what this session is refused must be seen in its frame.
        g.frame_origins = _origins_in(token)
    try:
        claims = decode_token(token, expected_type="page")
    except Problem:
        raise SignInFirst from None
    who = identity_of(claims, address=request_address())
    if roles and claims["role"] not in roles:
        # What the page is about exists for others. Whoever may not see it learns nothing.
        raise NotFound("This page is not for your account.")
    origins = tuple(claims.get("frame", ()))
    g.reader = Reader(who=who, csrf=str(claims["csrf"]), renewed=_renew(claims, who), frame_origins=origins)
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
    _set_cookie(response, _token(str(family.user), claims, csrf=secrets.token_urlsafe(18)), is_framed=False)
    return response


def enter(family: Family, *, org: UUID, frame_origins: Sequence[str]) -> Reader:
    """Let the page that answers this request be the first of this session, in frames of those sites; return its reader."""
    user, csrf = str(family.user), secrets.token_urlsafe(18)
    claims: dict[str, object] = {
        "org": str(org),
        "sid": str(family.id),
        "role": family.role,
        "tv": family.token_version,
    }
    if frame_origins:
        claims["frame"] = list(frame_origins)
    g.reader = Reader(
        who=identity_of({**claims, "sub": user}, address=request_address()), csrf=csrf,
        renewed=_token(user, claims, csrf=csrf), frame_origins=tuple(frame_origins),
    )  # fmt: skip
    return g.reader  # type: ignore[no-any-return]


def renew_cookie(response: Response) -> Response:
    """Send the cookie again when the session was renewed in this request."""
    known = known_reader()
    if known is not None and known.renewed is not None:
        _set_cookie(response, known.renewed, is_framed=bool(known.frame_origins))
    return response


def end(response: Response) -> Response:
    """Let the browser forget the cookie."""
    known = known_reader()
    is_framed = known is not None and bool(known.frame_origins)
    response.delete_cookie(cookie_name(is_framed=is_framed), httponly=True, **_kept(is_framed=is_framed))
    return response


def frame_origins() -> tuple[str, ...]:
    """Return the sites that may show the answer to this request in a frame."""
    known = known_reader()
    found: tuple[str, ...] = known.frame_origins if known is not None else g.get("frame_origins", ())
    return found


def allow_frames(origins: Sequence[str]) -> None:
    """Let these sites show the answer to this request in a frame, also when nobody is signed in."""
    g.frame_origins = tuple(origins)


def cookie_name(*, is_framed: bool = False) -> str:
    """Return the name of the cookie. Over TLS its prefix tells the browser to take it from this host and over TLS only."""
    name = "essaycoach-launch" if is_framed else "essaycoach"
    return f"__Host-{name}" if request.is_secure else name


def _sent_token() -> tuple[str, bool]:
    """Return the token of this request, and whether it is that of a session in a frame."""
    framed = request.cookies.get(cookie_name(is_framed=True), "")
    # Browsers that know no partitioned cookies would send it outside of frames too.
    if framed and request.headers.get("Sec-Fetch-Dest") != "document":
        return framed, True
    return request.cookies.get(cookie_name(), ""), False


def _origins_in(token: str) -> tuple[str, ...]:
    try:
        return tuple(verified_claims(token).get("frame", ()))
    except Exception:  # noqa: BLE001 - whatever is wrong with the token, it names no site
        return ()


def _kept(*, is_framed: bool) -> dict[str, Any]:
    """Return for which requests the browser keeps the cookie."""
    if is_framed and request.is_secure:
        return {"secure": True, "samesite": "None", "partitioned": True}
    return {"secure": request.is_secure, "samesite": "Lax"}


def _renew(claims: dict[str, object], who: Identity) -> str | None:
    """Return a new token for a session that goes on, or None when the present one is fresh. Raises Unauthorised."""
    if time.time() - float(str(claims["iat"])) < RENEW_SECONDS or request.method != "GET":
        return None
    assert who.live is not None
    with who.session(role="ec_auth"):
        sessions.keep(who.live.session, org=who.org)
    kept = {name: claims[name] for name in KEPT if name in claims}
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


def _set_cookie(response: Response, token: str, *, is_framed: bool) -> None:
    # Without an age the browser forgets it when it is closed: school computers are shared.
    response.set_cookie(cookie_name(is_framed=is_framed), token, httponly=True, **_kept(is_framed=is_framed))
