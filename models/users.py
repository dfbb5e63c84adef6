"""People: their profiles and data keys, and how a student of an LMS becomes a user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from peewee import fn

from models import claimed_addresses, one_time_tokens
from models.constraints import translate_violations
from models.crypto import AssociatedData, Ciphertext, Key, WrappedKey, keyring
from models.db import new_ids, row, rows, run
from models.errors import Invalid, KeysMissing, LastAdmin, NotFound
from models.tables import UserKeys, Users

PersonRole = Literal["student", "educator", "admin"]

# The constraints that a write to a person may violate, each with its field.
RULES = {
    "idx_users_email": "/email",
    "idx_users_external_id": "/external_id",
    "users_can_be_recognised": "/email",
    "users_email_with_digest": "/email",
    "users_external_id_with_digest": "/external_id",
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """The decrypted profile of a person. `email_confirmed` is false while only an LMS has named the address."""

    id: UUID
    role: PersonRole
    name: str | None
    email: str | None
    email_confirmed: bool
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
    """Store a person with a new data key and encrypted identifying fields, and return their id.

    Raises peewee.IntegrityError when the e-mail or the external id belongs to somebody else in the org.
    """
    user = new_ids(1)[0]
    wrapped, key = keyring().new_data_key(org=org, user=user)
    Users.insert(
        id=user,
        org_id=org,
        role=role,
        name=_seal_column(key, name, column="name", org=org, user=user),
        email=_seal_column(key, email, column="email", org=org, user=user),
        email_digest=keyring().email_index(email, org=org) if email else None,
        external_id=_seal_column(key, external_id, column="external_id", org=org, user=user),
        external_id_digest=keyring().external_id_index(external_id, org=org) if external_id else None,
        language=language,
        password_hash=password_hash,
    ).execute()
    UserKeys.insert(user_id=user, org_id=org, wrapped=wrapped.wrapped, master_key_id=wrapped.master_key_id).execute()
    return user


def add_person(
    role: PersonRole, *, org: UUID, name: str | None, email: str | None, external_id: str | None, language: str | None
) -> Person:
    """Store a person whom an admin names, without a password, and return them.

    An address that only an LMS gave to somebody goes to this person. Raises Taken when the e-mail or the external id is
    another's, and Invalid when neither is given.
    """
    claimed_addresses.free(email, org=org)
    with translate_violations(fields=RULES, thing="person"):
        user = add_user(role, org=org, name=name, email=email, external_id=external_id, language=language)
    return fetch_person(user, org=org)


def adopt_claimant(
    role: PersonRole, *, org: UUID, name: str | None, email: str | None, external_id: str | None, language: str | None
) -> Person | None:
    """Let whom only an LMS has named so far under this external id be the person whom an admin names; None if there is nobody.

    They keep their essays, and their name and language where the admin gives none. Raises Taken when the e-mail is another's.
    """
    claimant = claimed_addresses.find_claimant(external_id, org=org) if external_id else None
    if claimant is None:
        return None
    # An address that the admin does not name goes, because an invitation would be mailed to it.
    changes: dict[str, Any] = {"role": role, "email": email}
    changes |= {key: value for key, value in (("name", name), ("language", language)) if value is not None}
    if role != "student":
        run("delete from enrollments where org_id = %s and user_id = %s and role = 'student'", (org, claimant))
    return change_person(claimant, org=org, changes=changes)


def find_or_add_student(external_id: str, *, org: UUID, name: str | None, email: str | None) -> UUID:
    """Return the user that the LMS means; add a student if needed. A student known by e-mail gets the external id.

    Equal concurrent calls are safe: a lock on the student's digest, held until the transaction ends, lets one of them add. The
    database leaves the address of an added student unconfirmed (`models/claimed_addresses.py`). Raises Invalid for the external
    id of somebody who is not a student.
    """
    digest = keyring().external_id_index(external_id, org=org)
    found = _find_by_external_id_digest(org, digest)
    if found is not None:
        return found
    _lock_digest(digest)
    found = _find_by_external_id_digest(org, digest)
    if found is not None:
        return found
    if email:
        # Two new students may share an address. This lock always comes after the first one, so there is no deadlock.
        _lock_digest(keyring().email_index(email, org=org))
    known = _find_by_email(email, org=org) if email else None
    if known is None:
        return add_user("student", org=org, name=name, email=email, external_id=external_id)
    if known["external_id_digest"] is None and known["role"] == "student":
        key = data_key(known["id"], org=org)
        run(
            "update users set external_id = %s, external_id_digest = %s where org_id = %s and id = %s",
            (_seal_column(key, external_id, column="external_id", org=org, user=known["id"]), digest, org, known["id"]),
        )
        return UUID(str(known["id"]))
    # The address belongs to another student (two LMS accounts may share one) or to a teacher. Somebody who can edit an address
    # in the LMS must not become that person, so the new student is stored with the external id alone.
    return add_user("student", org=org, name=name, external_id=external_id)


def data_key(user: UUID, *, org: UUID) -> Key:
    """Return a person's key ready for use. Raises NotFound when the acting role may not read that person, and KeysMissing."""
    found = row("select wrapped, master_key_id from user_keys where org_id = %s and user_id = %s", (org, user))
    return unwrap_key(found or {"wrapped": None}, org=org, user=user)


def unwrap_key(found: dict[str, Any], *, org: UUID, user: UUID) -> Key:
    """Return the unwrapped data key of a row that has `wrapped` and `master_key_id`.

    Raises NotFound when `wrapped` is None because the person was erased, and KeysMissing when it was not restored.
    """
    if found["wrapped"] is None:
        check_key_restored(user)
        raise NotFound("There is no such person, or their data was erased.")
    return keyring().data_key(WrappedKey(Ciphertext(found["wrapped"]), found["master_key_id"]), org=org, user=user)


def check_key_restored(user: UUID) -> None:
    """Check that a person of the acting org without a key was erased. Raises KeysMissing: else the key was not restored."""
    found = row("select lacks_key(%s) as lacks", (user,))
    if found and found["lacks"]:
        raise KeysMissing


def fetch_person(user: UUID, *, org: UUID) -> Person:
    """Return a person's decrypted profile. Raises NotFound and KeysMissing."""
    found = row(
        """
        select u.id, u.role, u.name, u.email, u.external_id, u.language, u.disabled_at, u.created_at, u.address_confirmed_at,
            k.wrapped, k.master_key_id
        from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
        where u.org_id = %s and u.id = %s
        """,
        (org, user),
    )
    if found is None:
        check_key_restored(user)
        raise NotFound("There is no such person.")
    return _to_person(found, org=org)


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
    """Return the people that the acting role may see, newest first, decrypted; `before` is the last id of the previous page.

    `email` and `external_id` are searched by their digests. `course` limits the list to the people enrolled there.
    """
    found = rows(
        """
        select u.id, u.role, u.name, u.email, u.external_id, u.language, u.disabled_at, u.created_at, u.address_confirmed_at,
            k.wrapped, k.master_key_id
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
    return [_to_person(record, org=org) for record in found]


def change_person(user: UUID, *, org: UUID, changes: Mapping[str, Any]) -> Person:
    """Change the person as `changes` says and return them; what it does not name stays. Call it as ec_admin.

    Names in `changes`: role, name, email, external_id, language, disabled. A new role or disabling invalidates the person's
    access tokens. A person who becomes a student no longer teaches any course. A new e-mail address or disabling ends the
    one-time tokens that were mailed to them. An address that is named is confirmed; whoever had it from an LMS alone loses it.
    Raises NotFound, Taken, Invalid, and LastAdmin when nobody would be left to administer the org.
    """
    if changes.get("disabled") or changes.get("role", "admin") != "admin":
        _check_admin_remains(user, org=org)
    known = row(
        """
        select role, email, disabled_at is not null as disabled from users
        where org_id = %s and id = %s and erase_requested_at is null for no key update
        """,
        (org, user),
    )
    if known is None:
        raise NotFound("There is no such person.")
    if changes.get("disabled") or ("email" in changes and _email_differs(known, changes["email"], org=org, user=user)):
        one_time_tokens.end_all(user, org=org)
    role, disabled = changes.get("role", known["role"]), changes.get("disabled", known["disabled"])
    columns = _sealed_columns(changes, org=org, user=user)
    claimed_addresses.free(changes.get("email"), org=org, owner=user)
    if "language" in changes:
        columns["language"] = changes["language"]
    if role != known["role"]:
        columns["role"] = role
    if disabled != known["disabled"]:
        columns["disabled_at"] = fn.now() if disabled else None
    if role != known["role"] or (disabled and not known["disabled"]):
        columns["token_version"] = Users.token_version + 1
    if columns:
        with translate_violations(fields=RULES, thing="person"):
            Users.update(columns).where(Users.org_id == org, Users.id == user).execute()
    if columns.get("role") == "student":
        run("delete from enrollments where org_id = %s and user_id = %s and role = 'educator'", (org, user))
    return fetch_person(user, org=org)


def change_own_profile(user: UUID, *, org: UUID, changes: Mapping[str, Any]) -> Person:
    """Change the name and language of the acting person as `changes` says and return them. Raises NotFound.

    A database function changes them, so that no role needs the right to change a person.
    """
    name = _sealed_columns({"name": changes["name"]}, org=org, user=user)["name"] if "name" in changes else None
    changed = row(
        "select change_own_profile(%s, %s, %s, %s) as done",
        ("name" in changes, name, "language" in changes, changes.get("language")),
    )
    if changed is None or not changed["done"]:
        raise NotFound("There is no such person.")
    return fetch_person(user, org=org)


def _check_admin_remains(user: UUID, *, org: UUID) -> None:
    # The lock orders two admins who take each other's rights away, so that the second one gets the error.
    admins = rows(
        """
        select id from users where org_id = %s and role = 'admin' and disabled_at is null
        order by id for no key update
        """,
        (org,),
    )
    if [record["id"] for record in admins] == [user]:
        raise LastAdmin("This is the last admin of the org who can sign in.")


def _email_differs(known: Mapping[str, Any], email: str | None, *, org: UUID, user: UUID) -> bool:
    # Compare exactly: two spellings may be one account here and two mailboxes elsewhere.
    if known["email"] is None:
        return email is not None
    return data_key(user, org=org).open(known["email"], place=AssociatedData("users", "email", org, user)) != email


def _sealed_columns(changes: Mapping[str, Any], *, org: UUID, user: UUID) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if changes.keys() & {"name", "email", "external_id"}:
        key = data_key(user, org=org)
        for column in ("name", "email", "external_id"):
            if column in changes:
                columns[column] = _seal_column(key, changes[column], column=column, org=org, user=user)
    if "email" in changes:
        email = changes["email"]
        columns["email_digest"] = keyring().email_index(email, org=org) if email else None
        columns["address_confirmed_at"] = fn.coalesce(Users.address_confirmed_at, fn.now())
    if "external_id" in changes:
        external_id = changes["external_id"]
        columns["external_id_digest"] = keyring().external_id_index(external_id, org=org) if external_id else None
    return columns


def _to_person(found: dict[str, Any], *, org: UUID) -> Person:
    user = found["id"]
    key = unwrap_key(found, org=org, user=user)
    decrypted = {
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
        email_confirmed=found["address_confirmed_at"] is not None,
        created_at=found["created_at"],
        **decrypted,
    )


def _seal_column(key: Key, value: str | None, *, column: str, org: UUID, user: UUID) -> Ciphertext | None:
    return None if value is None else key.seal(value, place=AssociatedData("users", column, org, user))


def _lock_digest(digest: bytes) -> None:
    run("select pg_advisory_xact_lock(hashtextextended(encode(%s, 'hex'), 0))", (digest,))


def _find_by_external_id_digest(org: UUID, digest: bytes) -> UUID | None:
    found = row("select id, role from users where org_id = %s and external_id_digest = %s", (org, digest))
    if found is None:
        return None
    if found["role"] != "student":
        # Else a key could enrol a teacher in a course and put essays under their name.
        raise Invalid(
            "An LMS hands in for students only.", errors=[("/student/external_id", "is not the id of a student here")]
        )
    return UUID(str(found["id"]))


def _find_by_email(email: str, *, org: UUID) -> dict[str, Any] | None:
    return row(
        "select id, role, external_id_digest from users where org_id = %s and email_digest = %s",
        (org, keyring().email_index(email, org=org)),
    )
