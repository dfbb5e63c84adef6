"""Our own keys of LTI: one set for the installation. A key signs for 90 days, and can be checked for 30 more."""

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

KEY_BITS = 2048
SIGN_DAYS = 90
KEEP_DAYS = 120
# A new key is shown for so long before it signs, because platforms keep the set that they have fetched.
SHOWN_HOURS = 24


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """The key that signs now: its id (`kid`) and the private key as PEM."""

    id: UUID
    private_key: str


def public_keys() -> list[dict[str, Any]]:
    """Return the public keys with which what we signed can be checked, newest first. Call it as ec_auth."""
    _renew()
    return [
        {**found["public_key"], "kid": str(found["id"]), "use": "sig", "alg": "RS256"}
        for found in rows("select id, public_key from lti_keys order by id desc")
    ]


def signing_key() -> SigningKey:
    """Return the key that signs now. Call it as ec_auth."""
    _renew()
    found = row(
        """
        select id, private_key from lti_keys
        order by created_at > now() - make_interval(hours => %s), created_at desc limit 1
        """,
        (SHOWN_HOURS,),
    )
    assert found is not None
    return SigningKey(id=found["id"], private_key=keyring().open(found["private_key"], place=_place(found["id"])))


def _renew() -> None:
    """Make a key when the newest is too old to sign for long, and forget those that sign no more."""
    if _is_fresh():
        return
    # One of several processes makes it.
    run("select pg_advisory_xact_lock(hashtextextended('lti_keys', 0))")
    if _is_fresh():
        return
    pair = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private_key = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    key = new_ids(1)[0]
    run(
        "insert into lti_keys (id, private_key, public_key) values (%s, %s, %s)",
        (key, keyring().seal(private_key, place=_place(key)), json.dumps(RSAAlgorithm.to_jwk(pair.public_key(), as_dict=True))),
    )  # fmt: skip
    run("delete from lti_keys where created_at < now() - make_interval(days => %s)", (KEEP_DAYS,))


def _is_fresh() -> bool:
    return (
        row("select from lti_keys where created_at > now() - make_interval(days => %s) limit 1", (SIGN_DAYS,))
        is not None
    )


def _place(key: UUID) -> AssociatedData:
    # The keys belong to no org: their own id stands in its place.
    return AssociatedData("lti_keys", "private_key", key, key)
