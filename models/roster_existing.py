"""Read the people, courses and enrolments that a roster names and that exist already. Call it as ec_admin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData, keyring
from models.db import rows
from models.roster_identities import ExistingPerson
from models.roster_rows import in_batches
from models.users import unwrap_key


def fetch_current_roles(courses: Iterable[UUID], *, org: UUID) -> dict[tuple[UUID, UUID], str]:
    """Return the role of each enrolment in these courses, by course and user."""
    return {
        (found["course_id"], found["user_id"]): found["role"]
        for batch in in_batches(courses)
        for found in rows(
            "select course_id, user_id, role from enrollments where org_id = %s and course_id = any(%s::uuid[])",
            (org, batch),
        )
    }


def fetch_courses(external_ids: Iterable[str], *, org: UUID) -> dict[str, dict[str, Any]]:
    """Return the courses that have one of these external ids, by that id: id, name and archived_at."""
    return {
        found["external_id"]: found
        for batch in in_batches(external_ids)
        for found in rows(
            # The school's own ids come before those of a webhook source, and those of the oldest course before others.
            """
            select distinct on (external_id) id, external_id, name, archived_at from courses
            where org_id = %s and external_id = any(%s) order by external_id, source_id is not null, id
            """,
            (org, batch),
        )
    }


def stored_external_ids(external_ids: Iterable[str], *, org: UUID) -> set[str]:
    """Return those of the external ids that somebody in the org has."""
    digests = {keyring().external_id_index(external_id, org=org): external_id for external_id in external_ids}
    return {
        digests[bytes(found["external_id_digest"])]
        for batch in in_batches(digests)
        for found in rows(
            "select external_id_digest from users where org_id = %s and external_id_digest = any(%s)", (org, batch)
        )
    }


def fetch_by_external_id(external_ids: set[str], *, org: UUID) -> dict[str, ExistingPerson]:
    """Return the people who have one of these external ids, by that id."""
    digests = {keyring().external_id_index(external_id, org=org): external_id for external_id in external_ids}
    return {
        digests[bytes(found["external_id_digest"])]: _decrypt_person(found, org=org)
        for batch in in_batches(digests)
        for found in rows(
            """
            select u.id, u.role, u.name, u.email, u.external_id, u.external_id_digest, u.disabled_at,
                u.address_confirmed_at, k.wrapped, k.master_key_id
            from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
            where u.org_id = %s and u.external_id_digest = any(%s)
            """,
            (org, batch),
        )
    }


def fetch_by_email(emails: set[str], *, org: UUID) -> dict[bytes, ExistingPerson]:
    """Return the people who have one of these addresses, by the digest of the address."""
    return {
        bytes(found["email_digest"]): _decrypt_person(found, org=org)
        for batch in in_batches({keyring().email_index(email, org=org) for email in emails})
        for found in rows(
            """
            select u.id, u.role, u.name, u.email, u.email_digest, u.external_id, u.disabled_at, u.address_confirmed_at,
                k.wrapped, k.master_key_id
            from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
            where u.org_id = %s and u.email_digest = any(%s)
            """,
            (org, batch),
        )
    }


def _decrypt_person(found: dict[str, Any], *, org: UUID) -> ExistingPerson:
    key = unwrap_key(found, org=org, user=found["id"])
    decrypted = {
        column: None
        if found[column] is None
        else key.open(found[column], place=AssociatedData("users", column, org, found["id"]))
        for column in ("name", "email", "external_id")
    }
    return ExistingPerson(
        id=found["id"],
        role=found["role"],
        disabled=found["disabled_at"] is not None,
        confirmed=found["address_confirmed_at"] is not None,
        key=key,
        **decrypted,
    )
