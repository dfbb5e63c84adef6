"""People: who they are, their keys, and how an LMS's student becomes a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from models.crypto import Ciphertext, Key, Place, WrappedKey, keyring
from models.db import new_ids, row, run
from models.errors import NotFound
from models.tables import UserKeys, Users

PersonRole = Literal["student", "educator", "admin"]


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody's readable profile."""

    id: UUID
    role: PersonRole
    name: str | None
    email: str | None
    external_id: str | None
    language: str | None


def add_user(
    role: PersonRole,
    *,
    org: UUID,
    name: str | None = None,
    email: str | None = None,
    external_id: str | None = None,
    password_hash: str | None = None,
) -> UUID:
    """A person exists, with a data key of their own; what names them is encrypted. Returns their id.

    Raises peewee.IntegrityError when the e-mail or the external id belongs to somebody else in the org.
    """
    user = new_ids(1)[0]
    wrapped, key = keyring().new_data_key(org=org, user=user)
    Users.insert(
        id=user,
        org_id=org,
        role=role,
        name=_sealed(key, name, column="name", org=org, user=user),
        email=_sealed(key, email, column="email", org=org, user=user),
        email_digest=keyring().email_index(email, org=org) if email else None,
        external_id=_sealed(key, external_id, column="external_id", org=org, user=user),
        external_id_digest=keyring().external_id_index(external_id, org=org) if external_id else None,
        password_hash=password_hash,
    ).execute()
    UserKeys.insert(user_id=user, org_id=org, wrapped=wrapped.wrapped, master_key_id=wrapped.master_key_id).execute()
    return user


def recognise_student(external_id: str, *, org: UUID, name: str | None, email: str | None) -> UUID:
    """Return the user the LMS means, adding a student if need be; an account known by e-mail learns its external id.

    Equal calls at the same moment are safe: a transaction-long lock on the student's digest lets one of them add.
    """
    digest = keyring().external_id_index(external_id, org=org)
    found = _by_digest(org, digest)
    if found is not None:
        return found
    _take_turns(digest)
    found = _by_digest(org, digest)
    if found is not None:
        return found
    if email:
        # Two new students may share an address: always after the first lock, so nobody waits in a circle.
        _take_turns(keyring().email_index(email, org=org))
    known = _by_email(email, org=org) if email else None
    if known is None:
        return add_user("student", org=org, name=name, email=email, external_id=external_id)
    if known["external_id_digest"] is None and known["role"] == "student":
        key = data_key(known["id"], org=org)
        run(
            "update users set external_id = %s, external_id_digest = %s where org_id = %s and id = %s",
            (_sealed(key, external_id, column="external_id", org=org, user=known["id"]), digest, org, known["id"]),
        )
        return UUID(str(known["id"]))
    # The address is another student's (two LMS accounts may share one), or a teacher's: whoever can edit an address in the
    # LMS must not become that person. The new student is known by the external id alone.
    return add_user("student", org=org, name=name, external_id=external_id)


def data_key(user: UUID, *, org: UUID) -> Key:
    """Return a person's key ready for use. Raises NotFound when the acting role may not read that person."""
    found = row("select wrapped, master_key_id from user_keys where org_id = %s and user_id = %s", (org, user))
    if found is None:
        raise NotFound("There is no such person, or their data was erased.")
    return unwrapped(found, org=org, user=user)


def unwrapped(found: dict[str, Any], *, org: UUID, user: UUID) -> Key:
    """Return the key held by a row that has `wrapped` and `master_key_id`."""
    return keyring().data_key(WrappedKey(Ciphertext(found["wrapped"]), found["master_key_id"]), org=org, user=user)


def fetch_person(user: UUID, *, org: UUID) -> Person:
    """Return a person's profile in the clear. Raises NotFound."""
    found = row(
        """
        select u.id, u.role, u.name, u.email, u.external_id, u.language, k.wrapped, k.master_key_id
        from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
        where u.org_id = %s and u.id = %s
        """,
        (org, user),
    )
    if found is None:
        raise NotFound("There is no such person.")
    key = unwrapped(found, org=org, user=user)
    named = {
        column: key.open(found[column], place=Place("users", column, org, user)) if found[column] is not None else None
        for column in ("name", "email", "external_id")
    }
    return Person(id=user, role=found["role"], language=found["language"], **named)


def _sealed(key: Key, value: str | None, *, column: str, org: UUID, user: UUID) -> Ciphertext | None:
    return None if value is None else key.seal(value, place=Place("users", column, org, user))


def _take_turns(digest: bytes) -> None:
    run("select pg_advisory_xact_lock(hashtextextended(encode(%s, 'hex'), 0))", (digest,))


def _by_digest(org: UUID, digest: bytes) -> UUID | None:
    found = row("select id from users where org_id = %s and external_id_digest = %s", (org, digest))
    return found["id"] if found else None


def _by_email(email: str, *, org: UUID) -> dict[str, Any] | None:
    return row(
        "select id, role, external_id_digest from users where org_id = %s and email_digest = %s",
        (org, keyring().email_index(email, org=org)),
    )
