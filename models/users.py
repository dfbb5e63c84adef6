"""People: who they are, their keys, and how an LMS's student becomes a user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from peewee import fn

from models import one_time_tokens
from models.constraints import explained
from models.crypto import AssociatedData, Ciphertext, Key, WrappedKey, keyring
from models.db import new_ids, row, rows, run
from models.errors import LastAdmin, NotFound
from models.tables import UserKeys, Users

PersonRole = Literal["student", "educator", "admin"]

# What each column of a person may run into, and the field it is about.
RULES = {
    "idx_users_email": "/email",
    "idx_users_external_id": "/external_id",
    "users_can_be_recognised": "/email",
    "users_email_with_digest": "/email",
    "users_external_id_with_digest": "/external_id",
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody's readable profile."""

    id: UUID
    role: PersonRole
    name: str | None
    email: str | None
    external_id: str | None
    language: str | None
    disabled: bool
    created_at: datetime


def add_user(
    role: PersonRole,
    *,
    org: UUID,
    name: str | None = None,
    email: str | None = None,
    external_id: str | None = None,
    language: str | None = None,
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
        language=language,
        password_hash=password_hash,
    ).execute()
    UserKeys.insert(user_id=user, org_id=org, wrapped=wrapped.wrapped, master_key_id=wrapped.master_key_id).execute()
    return user


def admit(
    role: PersonRole, *, org: UUID, name: str | None, email: str | None, external_id: str | None, language: str | None
) -> Person:
    """A person an admin names exists, without a password. Raises Taken for another's e-mail or external id, Invalid for neither."""
    with explained(fields=RULES, thing="person"):
        user = add_user(role, org=org, name=name, email=email, external_id=external_id, language=language)
    return fetch_person(user, org=org)


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
        select u.id, u.role, u.name, u.email, u.external_id, u.language, u.disabled_at, u.created_at, k.wrapped, k.master_key_id
        from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
        where u.org_id = %s and u.id = %s
        """,
        (org, user),
    )
    if found is None:
        raise NotFound("There is no such person.")
    return _person(found, org=org)


def list_people(
    *,
    org: UUID,
    limit: int,
    before: UUID | None = None,
    role: PersonRole | None = None,
    email: str | None = None,
    external_id: str | None = None,
    course: UUID | None = None,
) -> list[Person]:
    """Return the people the acting role may see, newest first, in the clear; `before` is the last id of a page.

    An e-mail and an external id are looked for by their digests; of a course, whoever is enrolled there.
    """
    found = rows(
        """
        select u.id, u.role, u.name, u.email, u.external_id, u.language, u.disabled_at, u.created_at, k.wrapped, k.master_key_id
        from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
        where u.org_id = %(org)s
            and (%(before)s::uuid is null or u.id < %(before)s)
            and (%(role)s::text is null or u.role = %(role)s)
            and (%(email)s::bytea is null or u.email_digest = %(email)s)
            and (%(external_id)s::bytea is null or u.external_id_digest = %(external_id)s)
            and (%(course)s::uuid is null or exists (
                select from enrollments as e where e.org_id = u.org_id and e.course_id = %(course)s and e.user_id = u.id
            ))
        order by u.id desc
        limit %(limit)s
        """,
        {
            "org": org,
            "limit": limit,
            "before": before,
            "role": role,
            "email": keyring().email_index(email, org=org) if email is not None else None,
            "external_id": keyring().external_id_index(external_id, org=org) if external_id is not None else None,
            "course": course,
        },
    )
    return [_person(one, org=org) for one in found]


def change_person(user: UUID, *, org: UUID, changes: Mapping[str, Any]) -> Person:
    """The person is as `changes` says, and what it does not name stays. Call it as ec_admin.

    Names of `changes`: role, name, email, external_id, language, disabled. Whose role changes, or who is disabled, holds
    no valid access token from now on; who becomes a student teaches no course any more. What was mailed to an address that
    is no longer theirs lets nobody in.
    Raises NotFound, Taken, Invalid, and LastAdmin when nobody would be left to administer the org.
    """
    if changes.get("disabled") or changes.get("role", "admin") != "admin":
        _keep_an_admin(user, org=org)
    known = row(
        """
        select role, email, disabled_at is not null as disabled from users
        where org_id = %s and id = %s and erase_requested_at is null for no key update
        """,
        (org, user),
    )
    if known is None:
        raise NotFound("There is no such person.")
    if changes.get("disabled") or ("email" in changes and _has_moved(known, changes["email"], org=org, user=user)):
        one_time_tokens.end_all(user, org=org)
    role, disabled = changes.get("role", known["role"]), changes.get("disabled", known["disabled"])
    columns = _sealed_columns(changes, org=org, user=user)
    if "language" in changes:
        columns["language"] = changes["language"]
    if role != known["role"]:
        columns["role"] = role
    if disabled != known["disabled"]:
        columns["disabled_at"] = fn.now() if disabled else None
    if role != known["role"] or (disabled and not known["disabled"]):
        columns["token_version"] = Users.token_version + 1
    if columns:
        with explained(fields=RULES, thing="person"):
            Users.update(columns).where(Users.org_id == org, Users.id == user).execute()
    if columns.get("role") == "student":
        run("delete from enrollments where org_id = %s and user_id = %s and role = 'educator'", (org, user))
    return fetch_person(user, org=org)


def _keep_an_admin(user: UUID, *, org: UUID) -> None:
    # Two admins who take each other's rights away at one moment go one after the other, and the second is told.
    admins = rows(
        """
        select id from users where org_id = %s and role = 'admin' and disabled_at is null
        order by id for no key update
        """,
        (org,),
    )
    if [one["id"] for one in admins] == [user]:
        raise LastAdmin("This is the last admin of the org who can sign in.")


def _has_moved(known: Mapping[str, Any], email: str | None, *, org: UUID, user: UUID) -> bool:
    # To the letter: two spellings may be one account here and two mailboxes out there.
    if known["email"] is None:
        return email is not None
    return data_key(user, org=org).open(known["email"], place=AssociatedData("users", "email", org, user)) != email


def _sealed_columns(changes: Mapping[str, Any], *, org: UUID, user: UUID) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if changes.keys() & {"name", "email", "external_id"}:
        key = data_key(user, org=org)
        for column in ("name", "email", "external_id"):
            if column in changes:
                columns[column] = _sealed(key, changes[column], column=column, org=org, user=user)
    if "email" in changes:
        email = changes["email"]
        columns["email_digest"] = keyring().email_index(email, org=org) if email else None
    if "external_id" in changes:
        external_id = changes["external_id"]
        columns["external_id_digest"] = keyring().external_id_index(external_id, org=org) if external_id else None
    return columns


def _person(found: dict[str, Any], *, org: UUID) -> Person:
    user = found["id"]
    key = unwrapped(found, org=org, user=user)
    named = {
        column: key.open(found[column], place=AssociatedData("users", column, org, user))
        if found[column] is not None
        else None
        for column in ("name", "email", "external_id")
    }
    return Person(
        id=user,
        role=found["role"],
        language=found["language"],
        disabled=found["disabled_at"] is not None,
        created_at=found["created_at"],
        **named,
    )


def _sealed(key: Key, value: str | None, *, column: str, org: UUID, user: UUID) -> Ciphertext | None:
    return None if value is None else key.seal(value, place=AssociatedData("users", column, org, user))


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
