"""The people around an essay: its author, and everybody in its course."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData, Key
from models.db import rows
from models.errors import MasterKeyMissing, Undecipherable
from models.log import logger
from models.users import unwrap_key

log = logger(__name__)


@dataclass(frozen=True, kw_only=True)
class CoursePerson:
    """The decrypted name, e-mail address and external id of a person; empty where unknown."""

    name: str
    email: str
    external_id: str


@dataclass(frozen=True, kw_only=True)
class SealedPeople:
    """People as they are stored, in no order of meaning. Two are equal when the same people are stored in the same bytes."""

    org: UUID
    stored: frozenset[tuple[tuple[str, Any], ...]]

    def open(self) -> list[CoursePerson]:
        """Return the people, decrypted. Those whose row is damaged are left out. Raises MasterKeyMissing."""
        people = (_decrypt_person(dict(one), self.org) for one in self.stored)
        return [person for person in people if person is not None]


_SELECT_NAMES = """
select u.id, u.name, u.email, u.external_id, k.wrapped, k.master_key_id
from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id where u.org_id = %s and u.id = any (%s)
"""


def fetch_names(people: Collection[UUID], *, org: UUID) -> dict[UUID, str]:
    """Return what to call each of these people that the acting role may see: the name, else the external id, else the address.

    People who asked for erasure are left out. Raises MasterKeyMissing.
    """
    found = {one["id"]: _decrypt_person(one, org) for one in rows(_SELECT_NAMES, (org, list(people)))} if people else {}
    return {user: one.name or one.external_id or one.email for user, one in found.items() if one is not None}


_SELECT_PEOPLE = """
select u.id, u.name, u.email, u.external_id, k.wrapped, k.master_key_id
from (
    select e.user_id, 0 as turn, null::timestamptz as since from essays as e where e.org_id = %(org)s and e.id = %(essay)s
    union all
    select n.user_id, case n.role when 'educator' then 1 else 2 end, n.created_at
    from essays as e join enrollments as n on n.org_id = e.org_id and n.course_id = e.course_id and n.user_id <> e.user_id
    where e.org_id = %(org)s and e.id = %(essay)s
) as around
join users as u on u.org_id = %(org)s and u.id = around.user_id
join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
order by around.turn, around.since desc, u.id
limit %(most)s
"""


def fetch_around(essay: UUID, *, org: UUID, most: int) -> list[CoursePerson]:
    """Return the author, then the educators and then the students of the essay's course, at most `most` people in all.

    In each group the newest enrolment comes first. People who asked for erasure have no name any more and are left out.
    Raises MasterKeyMissing.
    """
    people = (_decrypt_person(one, org) for one in _fetch_rows(essay, org=org, most=most))
    return [person for person in people if person is not None]


def fetch_sealed_around(essay: UUID, *, org: UUID, most: int) -> SealedPeople:
    """Return the same people as `fetch_around`, still encrypted. Everybody in a course has the same people around their essays."""
    found = _fetch_rows(essay, org=org, most=most)
    stored = frozenset(tuple((name, _hashable(value)) for name, value in one.items()) for one in found)
    return SealedPeople(org=org, stored=stored)


def _fetch_rows(essay: UUID, *, org: UUID, most: int) -> list[dict[str, Any]]:
    found = rows(_SELECT_PEOPLE, {"org": org, "essay": essay, "most": most + 1})
    if len(found) > most:
        log.warning("course too large to know everybody", essay_id=str(essay), most=most)
    return found[:most]


def _decrypt_person(found: dict[str, Any], org: UUID) -> CoursePerson | None:
    try:
        key = unwrap_key(found, org=org, user=found["id"])
        return CoursePerson(
            **{column: _decrypt_column(found, column, key, org) for column in ("name", "email", "external_id")}
        )
    except MasterKeyMissing:
        raise
    except Undecipherable:
        # One damaged row must not stop the feedback of a class. A name that nobody can decrypt cannot be searched for anyway.
        log.exception("person does not decrypt", person=str(found["id"]))
        return None


def _decrypt_column(found: dict[str, Any], column: str, key: Key, org: UUID) -> str:
    return (
        ""
        if found[column] is None
        else key.open(found[column], place=AssociatedData("users", column, org, found["id"]))
    )


def _hashable(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
