"""Passkeys of staff, which stand beside the codes of a person's second factor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData
from models.db import new_ids, row, rows, run
from models.errors import Invalid, NotFound, Taken
from models.users import data_key

MOST = 10


@dataclass(frozen=True, kw_only=True)
class Passkey:
    """What a person may know about a passkey of theirs."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What verifies a passkey: its id in the authenticator, its public key, and how often it has signed."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


def list_passkeys(user: UUID, *, org: UUID) -> list[Passkey]:
    """Return the person's passkeys, oldest first. Call it as ec_auth."""
    key = data_key(user, org=org)
    found = rows(
        "select id, name, created_at, last_used_at from passkeys where org_id = %s and user_id = %s order by id",
        (org, user),
    )
    return [Passkey(**{**one, "name": key.open(one["name"], place=_place("name", one["id"], org))}) for one in found]


def list_credential_ids(user: UUID, *, org: UUID) -> list[bytes]:
    """Return the ids by which the authenticators know the person's passkeys. Call it as ec_auth."""
    found = rows("select id, credential_id from passkeys where org_id = %s and user_id = %s order by id", (org, user))
    if not found:
        return []
    key = data_key(user, org=org)
    return [key.open_bytes(one["credential_id"], place=_place("credential_id", one["id"], org)) for one in found]


def begin_challenge() -> datetime:
    """Return the time of the database, which says whether a passkey was used after a challenge was made."""
    found = row("select clock_timestamp() as now")
    assert found is not None
    return found["now"]  # type: ignore[no-any-return]


def add(user: UUID, credential: Credential, *, name: str, org: UUID) -> UUID:
    """Store a passkey and return its id. Call it as ec_auth.

    Raises Invalid for a person without codes, who would be locked out with the device, and with MOST passkeys; Taken for a known one.
    """
    # The lock orders requests, so that no person gets more than MOST, and none in the moment when the codes are removed.
    has_codes = row(
        "select from second_factors where org_id = %s and user_id = %s and confirmed_at is not null for update",
        (org, user),
    )
    if has_codes is None:
        raise Invalid("Set up the codes of an app first: they let you in when the device is lost.", errors=[])
    counted = row("select count(*) as passkeys from passkeys where org_id = %s and user_id = %s", (org, user))
    if counted is not None and counted["passkeys"] >= MOST:
        raise Invalid("You have ten passkeys. Remove one first.", errors=[])
    new, key = new_ids(1)[0], data_key(user, org=org)
    stored = run(
        """
        insert into passkeys (id, org_id, user_id, name, credential_digest, credential_id, public_key, sign_count)
        values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
        """,
        (
            new, org, user, key.seal(name, place=_place("name", new, org)), _digest(credential.credential_id),
            key.seal_bytes(credential.credential_id, place=_place("credential_id", new, org)),
            key.seal_bytes(credential.public_key, place=_place("public_key", new, org)), credential.sign_count,
        ),
    )  # fmt: skip
    if not stored:
        raise Taken("This passkey is known already.", errors=[])
    return new


def lock(user: UUID, credential_id: bytes, *, org: UUID, challenged_at: datetime) -> tuple[UUID, Credential] | None:
    """Return the person's passkey with this id until the session ends, or None when they have none.

    None too when it was used since the challenge was made: so no answer counts twice. Call it as ec_auth.
    """
    found = row(
        """
        select id, public_key, sign_count from passkeys
        where org_id = %s and user_id = %s and credential_digest = %s and (last_used_at is null or last_used_at < %s) for update
        """,
        (org, user, _digest(credential_id), challenged_at),
    )
    if found is None:
        return None
    return found["id"], _to_credential(found, credential_id, user=user, org=org)


def note_use(passkey: UUID, *, org: UUID, sign_count: int) -> None:
    """Note that the passkey signed, and how often it has now. Call it as ec_auth."""
    run(
        "update passkeys set sign_count = %s, last_used_at = clock_timestamp() where org_id = %s and id = %s",
        (sign_count, org, passkey),
    )


def remove(passkey: UUID, *, user: UUID, org: UUID) -> None:
    """Remove a passkey of this person. Call it as ec_auth. Raises NotFound."""
    if not run("delete from passkeys where org_id = %s and user_id = %s and id = %s", (org, user, passkey)):
        raise NotFound("You have no such passkey.")


def _to_credential(found: dict[str, Any], credential_id: bytes, *, user: UUID, org: UUID) -> Credential:
    key = data_key(user, org=org).open_bytes(found["public_key"], place=_place("public_key", found["id"], org))
    return Credential(credential_id=credential_id, public_key=key, sign_count=found["sign_count"])


def _digest(credential_id: bytes) -> bytes:
    # Authenticators choose ids of sixteen random bytes or more, so nobody finds one by guessing.
    return hashlib.sha256(credential_id).digest()


def _place(column: str, passkey: UUID, org: UUID) -> AssociatedData:
    return AssociatedData("passkeys", column, org, passkey)
