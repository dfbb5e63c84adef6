"""How an LMS connects: API keys known by their digest, and webhook sources with one or two live secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import string
import zlib
from dataclasses import dataclass
from uuid import UUID

from models.crypto import Place, keyring
from models.db import new_ids, row
from models.errors import NotFound, Unauthorised
from models.tables import ApiKeys, Sources

ALPHABET = string.digits + string.ascii_letters
KEY_PREFIX = "ec_live_"
RANDOM_LENGTH = 30
CHECKSUM_LENGTH = 6


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whom an API key stands for."""

    id: UUID
    org: UUID


@dataclass(frozen=True, kw_only=True)
class Source:
    """A webhook source with the secrets that may have signed a delivery, newest first."""

    id: UUID
    org: UUID
    secrets: tuple[str, ...]


def add_api_key(name: str, *, org: UUID, pepper: bytes) -> tuple[UUID, str]:
    """An API key exists; its text is returned once and never stored."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    text = KEY_PREFIX + body + _checksum(body)
    key = new_ids(1)[0]
    ApiKeys.insert(
        id=key, org_id=org, name=name, prefix=text[: len(KEY_PREFIX) + 4], digest=_digest(text, pepper)
    ).execute()
    return key, text


def recognise_api_key(text: str, *, pepper: bytes) -> Caller:
    """Return whom the key stands for. Call it as ec_auth. Raises Unauthorised."""
    body = text.removeprefix(KEY_PREFIX)
    # A mistyped or made-up key is refused by its checksum, before the database is asked.
    if len(body) == RANDOM_LENGTH + CHECKSUM_LENGTH and _checksum(body[:RANDOM_LENGTH]) == body[RANDOM_LENGTH:]:
        found = row(
            "select id, org_id from api_keys where digest = %s and revoked_at is null and coalesce(expires_at, 'infinity') > now()",
            (_digest(text, pepper),),
        )
        if found is not None:
            return Caller(id=found["id"], org=found["org_id"])
    raise Unauthorised("The API key is not known, has expired or was revoked.")


def add_source(name: str, *, org: UUID) -> tuple[UUID, str]:
    """A webhook source exists; its secret is returned once and stored encrypted."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    source = new_ids(1)[0]
    sealed = keyring().seal(secret, place=Place("sources", "secret", org, source))
    Sources.insert(id=source, org_id=org, name=name, secret=sealed).execute()
    return source, secret


def find_source(source: UUID) -> Source:
    """Return a source with its live secrets. Call it as ec_auth. Raises NotFound."""
    found = row(
        """
        select org_id, secret, case when previous_secret_until > now() then previous_secret end as previous_secret
        from sources where id = %s and disabled_at is null
        """,
        (source,),
    )
    if found is None:
        raise NotFound("There is no such webhook source.")
    place = {column: Place("sources", column, found["org_id"], source) for column in ("secret", "previous_secret")}
    live = tuple(keyring().open(found[column], place=place[column]) for column in place if found[column] is not None)
    return Source(id=source, org=found["org_id"], secrets=live)


def _digest(text: str, pepper: bytes) -> bytes:
    return hmac.new(pepper, text.encode(), hashlib.sha256).digest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits
