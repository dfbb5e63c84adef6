"""Services of an LTI platform: ask it for JSON, and for a token with our key instead of a password."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from models.lti_keys import SigningKey
from models.platforms import Platform
from outgoing.client import Answer, Client
from outgoing.errors import BadStatus, NoAnswer, Refused
from outgoing.sites import is_same_site
from outgoing.web_slots import hold_slot

CALL_SECONDS = 5.0
# How long a token that we have signed is valid.
SIGNED_SECONDS = 300
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# The characters of a token that may stand in a header (RFC 6750).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def sign(claims: dict[str, Any], key: SigningKey) -> str:
    """Return these claims as a token of ours that is valid for a few minutes."""
    now = int(time.time())
    times = {"iat": now, "exp": now + SIGNED_SECONDS, "nonce": uuid4().hex, "jti": uuid4().hex}
    return jwt.encode(
        {**claims, **times}, _private_key(key.private_key), algorithm="RS256", headers={"kid": str(key.id)}
    )


@lru_cache(maxsize=2)
def _private_key(pem: str) -> rsa.RSAPrivateKey:
    """Return the key. It is kept, because reading one takes as long as ten signatures."""
    found = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(found, rsa.RSAPrivateKey)
    return found


def access_token(platform: Platform, scope: str, key: SigningKey, *, client: Client, in_web: bool = True) -> str:
    """Return a token of the platform for this scope. Raises NoAnswer."""
    known = platform.registration
    audience = known.token_audience or known.token_url
    if not is_same_site(audience, known.token_url):
        raise NoAnswer("its audience is another site than its address for tokens")
    proof = sign({"iss": known.client_id, "sub": known.client_id, "aud": audience}, key)
    asked = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION,
        "client_assertion": proof,
        "scope": scope,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    _, found = fetch_json(
        client, "POST", known.token_url, headers=headers, body=urlencode(asked).encode(), in_web=in_web
    )
    token = found.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise NoAnswer("it gave no token")
    return token


def is_own_site(platform: Platform, url: str) -> bool:
    """Return whether an address is of the platform's own site, or of one that an admin has named. Its tokens go to no other."""
    known = platform.registration
    return any(is_same_site(url, own) for own in (known.issuer, known.token_url, *platform.frame_origins))


def fetch_json(
    client: Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    in_web: bool = True,
) -> tuple[Answer, dict[str, Any]]:
    """Return the answer of the platform and the JSON object in it. Raises NoAnswer, whose text holds nothing that was sent.

    `in_web`: in one of the slots of a web process. A worker has its own bounds.
    """
    with hold_slot(url) if in_web else nullcontext():
        try:
            answer = client.send(
                method, url, headers={"Accept": "application/json", **(headers or {})}, body=body, seconds=CALL_SECONDS
            )
        except Refused as error:
            raise NoAnswer(str(error)) from None
    if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        raise BadStatus(answer.status)
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise NoAnswer("its answer is no JSON") from None
    if not isinstance(found, dict):
        raise NoAnswer("its answer is no JSON object")
    return answer, found
