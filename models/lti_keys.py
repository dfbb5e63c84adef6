"""Our own keys of LTI: a set for each platform. A key signs for 90 days, and can be checked for 30 more.

With one set for all, the admin of one school could get proofs signed that another school's LMS accepts.
(docs/adr/0181-each-platform-has-its-own-key.md)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from models.crypto import AssociatedData, keyring
from models.db import new_ids, row, rows, run
from models.errors import NotFound

KEY_BITS = 2048
SIGN_DAYS = 90
KEEP_DAYS = 120
# How long a new key is published before it signs, because platforms keep the set that they have fetched.
SHOWN_HOURS = 24


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """The key that signs now: its id (`kid`) and the private key as PEM."""

    id: UUID
    private_key: str


def public_keys(platform: UUID) -> list[dict[str, Any]]:
    """Return the public keys with which the platform checks what we signed, newest first. Call it as ec_auth. Raises NotFound."""
    if row("select from platforms where id = %s", (platform,)) is None:
        raise NotFound("There is no such platform.")
    _renew(platform)
    return [
        {**found["public_key"], "kid": str(found["id"]), "use": "sig", "alg": "RS256"}
        for found in rows("select id, public_key from lti_keys where platform_id = %s order by id desc", (platform,))
    ]


def signing_key(platform: UUID) -> SigningKey:
    """Return the key that signs now for an existing platform. Call it as ec_auth, or as a worker."""
    _renew(platform)
    found = row(
        """
        select id, private_key from lti_keys where platform_id = %s
        order by created_at > now() - make_interval(hours => %s), created_at desc limit 1
        """,
        (platform, SHOWN_HOURS),
    )
    assert found is not None
    return SigningKey(id=found["id"], private_key=keyring().open(found["private_key"], place=_place(found["id"])))


def _renew(platform: UUID) -> None:
    """Make a key when the newest is too old to sign for long, and forget those that sign no more."""
    if _is_fresh(platform):
        return
    # One of several processes makes it.
    run("select pg_advisory_xact_lock(hashtextextended('lti_keys ' || %s::text, 0))", (platform,))
    if _is_fresh(platform):
        return
    pair = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private_key = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    key = new_ids(1)[0]
    run(
        "insert into lti_keys (id, platform_id, private_key, public_key) values (%s, %s, %s, %s)",
        (key, platform, keyring().seal(private_key, place=_place(key)), json.dumps(RSAAlgorithm.to_jwk(pair.public_key(), as_dict=True))),
    )  # fmt: skip
    run(
        "delete from lti_keys where platform_id = %s and created_at < now() - make_interval(days => %s)",
        (platform, KEEP_DAYS),
    )


def _is_fresh(platform: UUID) -> bool:
    return (
        row(
            "select from lti_keys where platform_id = %s and created_at > now() - make_interval(days => %s) limit 1",
            (platform, SIGN_DAYS),
        )
        is not None
    )


def _place(key: UUID) -> AssociatedData:
    # A key is sealed for its own id; the row says for which platform it is.
    return AssociatedData("lti_keys", "private_key", key, key)
