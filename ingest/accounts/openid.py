"""OpenID Connect: the authorization code flow with PKCE, state and nonce. Authlib knows the protocol."""

from __future__ import annotations

import hmac
import json
import unicodedata
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from authlib.common.security import generate_token
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from models.sign_in_providers import Provider, Subject
from outgoing.client import Client, NoAnswer, Refused, url_objection
from outgoing.web_slots import hold_slot

SCOPE = "openid email"
# Signatures that need no secret which we share with the provider.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
# How much the provider's clock may differ from ours.
LEEWAY_SECONDS = 60
MAX_SUBJECT = 255
SECONDS = 5.0
MAX_BYTES = 256 * 1024


class NotProved(Exception):
    """The provider did not prove who this is. The text says why, for the log; it holds nothing that the provider sent."""


def begin(provider: Provider, *, redirect_uri: str, client: Client) -> tuple[str, dict[str, str]]:
    """Return the address of the provider to send the browser to, and what the browser must still know when it comes back.

    Raises NoAnswer.
    """
    metadata = _discover(provider, client=client)
    known = {"state": generate_token(32), "nonce": generate_token(32), "verifier": generate_token(64)}
    address = prepare_grant_uri(
        metadata["authorization_endpoint"],
        provider.client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=SCOPE,
        state=known["state"],
        nonce=known["nonce"],
        code_challenge=create_s256_code_challenge(known["verifier"]),
        code_challenge_method="S256",
        # School computers are shared: the provider must not take whom it saw last.
        prompt="select_account",
    )
    return address, known


def finish(
    provider: Provider,
    secret: str,
    *,
    known: dict[str, str],
    state: str,
    code: str,
    redirect_uri: str,
    client: Client,
) -> Subject:
    """Return whom the provider names for this code. Raises NotProved, NoAnswer."""
    if not hmac.compare_digest(state.encode(), known["state"].encode()):
        raise NotProved("foreign state")
    metadata = _discover(provider, client=client)
    tokens = _redeem(provider, secret, metadata, known=known, code=code, redirect_uri=redirect_uri, client=client)
    keys = _fetch(metadata["jwks_uri"], client=client)
    claims = _check_token(provider, tokens, keys, nonce=known["nonce"])
    if "email" not in claims and metadata.get("userinfo_endpoint") and tokens.get("access_token"):
        claims = {**claims, **_user_info(metadata, tokens, subject=claims["sub"], client=client)}
    email, subject = claims.get("email"), claims["sub"]
    is_verified = claims.get("email_verified") is True and isinstance(email, str) and is_plain(email)
    return Subject(issuer=provider.issuer, id=subject, verified_email=email if is_verified else None)


def is_plain(email: str) -> bool:
    """Return whether the address has one spelling only. To the provider another spelling may be somebody else's address."""
    return email.isprintable() and unicodedata.normalize("NFKC", email) == email


def _discover(provider: Provider, *, client: Client) -> dict[str, Any]:
    """Return what the provider says about itself. Raises NoAnswer."""
    metadata = _fetch(get_well_known_url(provider.issuer, external=True), client=client)
    if metadata.get("issuer") != provider.issuer:
        raise NoAnswer("it calls itself by another name")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        url = metadata.get(name)
        if not isinstance(url, str) or url_objection(url, allow_local=client.allows_local) is not None:
            raise NoAnswer(f"it names no {name}")
    return metadata


def _redeem(
    provider: Provider,
    secret: str,
    metadata: dict[str, Any],
    *,
    known: dict[str, str],
    code: str,
    redirect_uri: str,
    client: Client,
) -> dict[str, Any]:
    """Return the tokens that the provider gives for the code. Raises NoAnswer."""
    methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
    body = prepare_token_request(
        "authorization_code", redirect_uri=redirect_uri, code=code, code_verifier=known["verifier"]
    )
    url, headers, body = ClientAuth(provider.client_id, secret, method).prepare(
        "POST", metadata["token_endpoint"], {}, body
    )
    return _fetch(url, client=client, body=body, headers=headers)


def _check_token(provider: Provider, tokens: dict[str, Any], keys: dict[str, Any], *, nonce: str) -> dict[str, Any]:
    """Return the claims of the ID token after checking its signature, issuer, audience, times and nonce. Raises NotProved."""
    try:
        token = jwt.decode(str(tokens.get("id_token", "")), KeySet.import_key_set(keys), algorithms=ALGORITHMS)  # type: ignore[arg-type]
        claims = CodeIDToken(
            token.claims,
            token.header,
            options={
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
                "exp": {"essential": True},
                "nonce": {"essential": True, "value": nonce},
            },
            params={"client_id": provider.client_id, "nonce": nonce, "access_token": tokens.get("access_token")},
        )
        claims.validate(leeway=LEEWAY_SECONDS)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotProved(f"ID token: {type(error).__name__}") from None
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise NotProved("ID token: no subject")
    return dict(claims)


def _user_info(metadata: dict[str, Any], tokens: dict[str, Any], *, subject: str, client: Client) -> dict[str, Any]:
    """Return the address that the provider keeps about this subject. Raises NoAnswer, and NotProved when it is about another one."""
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    found = _fetch(str(metadata["userinfo_endpoint"]), client=client, headers=headers)
    if found.get("sub") != subject:
        raise NotProved("user info of somebody else")
    return {name: found[name] for name in ("email", "email_verified") if name in found}


def _fetch(
    url: str, *, client: Client, body: str | None = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the JSON object at this address; with `body`, a form, the answer to it. Raises NoAnswer."""
    all_headers = {"Accept": "application/json", **(headers or {})}
    if body is not None:
        all_headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        with hold_slot(url):
            answer = client.send(
                "GET" if body is None else "POST",
                url,
                headers=all_headers,
                body=None if body is None else body.encode(),
                seconds=SECONDS,
                max_bytes=MAX_BYTES,
            )
    except (Refused, ValueError) as error:
        raise NoAnswer(str(error)) from None
    if answer.status != HTTPStatus.OK:
        raise NoAnswer(f"status {answer.status}")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise NoAnswer("the answer is no JSON") from None
    if not isinstance(found, dict):
        raise NoAnswer("the answer is no JSON object")
    return found


def issuer_objection(issuer: str, *, client: Client) -> str | None:
    """Return why this cannot be the issuer of a provider, or None."""
    objection = client.objection(issuer)
    return objection or ("has a query" if urlsplit(issuer).query else None)
