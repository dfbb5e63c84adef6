"""A roster taken over as a whole, or not at all: people, courses, and who is in which, as another system lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import peewee
import psycopg2

from models.crypto import AssociatedData, Ciphertext, Key, keyring
from models.db import row, run, run_many
from models.errors import InProgress, Invalid
from models.roster_plan import Fault, PersonChange, PersonRow, Plan, Roster, in_batches, make_plan


@dataclass(frozen=True, kw_only=True)
class PeopleCount:
    """What became of the people's rows."""

    added: int
    changed: int
    unchanged: int
    disabled: int


@dataclass(frozen=True, kw_only=True)
class CourseCount:
    """What became of the courses' rows; an archived course that comes back counts as changed."""

    added: int
    changed: int
    unchanged: int
    archived: int


@dataclass(frozen=True, kw_only=True)
class EnrollmentCount:
    """What became of the enrolments' rows."""

    added: int
    changed: int
    removed: int
    unchanged: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an import did."""

    users: PeopleCount
    courses: CourseCount
    enrollments: EnrollmentCount
    warnings: tuple[str, ...]


class BadRoster(Invalid):
    """Some rows cannot be imported, so none was. Of very many faults only the first are kept; `total` counts them all."""

    def __init__(self, faults: list[Fault], *, total: int) -> None:
        super().__init__(
            f"{total} fault(s) in the roster; nothing was imported.",
            errors=[(fault.pointer, fault.detail) for fault in faults],
        )
        self.faults = faults
        self.total = total


Progress = Callable[[int, int], None]


def import_roster(roster: Roster, *, org: UUID, allow_admins: bool = False, progress: Progress | None = None) -> Report:
    """Everything the roster says is so; importing it again changes nothing. Call it as ec_admin.

    `progress` is told how many changes of how many are made. Raises BadRoster, and InProgress when another import of the
    org is under way or somebody changed the same rows meanwhile; the session must then be rolled back.
    """
    found = row("select pg_try_advisory_xact_lock(hashtextextended(%s, 0)) as mine", (f"roster|{org}",))
    if found is None or not found["mine"]:
        raise InProgress("Another roster of this org is being imported.")
    plan = make_plan(roster, org=org, allow_admins=allow_admins)
    if plan.faults:
        raise BadRoster(plan.faults, total=len(plan.faults) + plan.more_faults)
    steps = _Steps(progress, total=_size(plan))
    try:
        _people(plan, steps, org=org)
        _courses(plan, steps, org=org)
        removed = _enrollments(plan, steps, org=org)
    # A batch of rows goes past Peewee, so either may say it.
    except (peewee.IntegrityError, psycopg2.IntegrityError):
        raise InProgress(
            "Somebody added or changed what the roster names at the same moment. Import it again."
        ) from None
    return _report(plan, removed=removed)


class _Steps:
    """How far an import is."""

    def __init__(self, progress: Progress | None, *, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def made(self, count: int) -> None:
        """So many more changes are made."""
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)


def _size(plan: Plan) -> int:
    return (
        len(plan.new_people) + len(plan.changed_people) + len(plan.disabled_people) + len(plan.new_courses)
        + len(plan.changed_courses) + len(plan.enrolled) + len(plan.moved) + len(plan.removed)
    )  # fmt: skip


def _report(plan: Plan, *, removed: int) -> Report:
    archived = sum(change.archived is True for change in plan.changed_courses)
    return Report(
        users=PeopleCount(
            added=len(plan.new_people),
            changed=len(plan.changed_people),
            unchanged=plan.unchanged_people,
            disabled=len(plan.disabled_people),
        ),
        courses=CourseCount(
            added=len(plan.new_courses),
            changed=len(plan.changed_courses) - archived,
            unchanged=plan.unchanged_courses,
            archived=archived,
        ),
        enrollments=EnrollmentCount(
            added=len(plan.enrolled), changed=len(plan.moved), removed=removed, unchanged=plan.unchanged_enrollments
        ),
        warnings=tuple(plan.warnings),
    )


def _people(plan: Plan, steps: _Steps, *, org: UUID) -> None:
    for batch in in_batches(sorted(plan.vacating)):
        run(
            "update users set email = null, email_digest = null where org_id = %s and id = any(%s::uuid[])",
            (org, batch),
        )
    for batch in in_batches(sorted(plan.changed_people, key=lambda change: change.known.id)):
        _change_people(batch, org=org)
        steps.made(len(batch))
    for batch in in_batches(plan.new_people):
        _add_people(batch, org=org)
        steps.made(len(batch))
    for batch in in_batches(sorted(plan.disabled_people)):
        run(
            """
            update users set disabled_at = now(), token_version = token_version + 1
            where org_id = %s and id = any(%s::uuid[]) and disabled_at is null
            """,
            (org, batch),
        )
        run(
            """
            update sessions set revoked_at = now(), revoked_reason = 'disabled'
            where org_id = %s and user_id = any(%s::uuid[]) and revoked_at is null
            """,
            (org, batch),
        )
        _end_tokens(batch, org=org)
        steps.made(len(batch))


def _add_people(batch: list[tuple[UUID, PersonRow]], *, org: UUID) -> None:
    people: list[tuple[Any, ...]] = []
    keys: list[tuple[Any, ...]] = []
    for user, one in batch:
        wrapped, key = keyring().new_data_key(org=org, user=user)
        people.append((user, org, one.role, *_named(key, one.name, one.email, one.external_id, org=org, user=user)))
        keys.append((user, org, wrapped.wrapped, wrapped.master_key_id))
    run_many(
        """
        insert into users (id, org_id, role, name, email, email_digest, external_id, external_id_digest) values %s
        """,
        people,
    )
    run_many("insert into user_keys (user_id, org_id, wrapped, master_key_id) values %s", keys)


def _change_people(batch: list[PersonChange], *, org: UUID) -> None:
    run_many(
        """
        update users as u set
            name = coalesce(v.name::bytea, u.name),
            email = coalesce(v.email::bytea, u.email),
            email_digest = coalesce(v.email_digest::bytea, u.email_digest),
            external_id = coalesce(v.external_id::bytea, u.external_id),
            external_id_digest = coalesce(v.external_id_digest::bytea, u.external_id_digest),
            role = coalesce(v.role, u.role),
            token_version = u.token_version + case when v.role is null then 0 else 1 end,
            disabled_at = case when v.enable then null else u.disabled_at end
        from (values %s) as v (id, org_id, role, enable, name, email, email_digest, external_id, external_id_digest)
        where u.org_id = v.org_id and u.id = v.id
        """,
        [
            (
                change.known.id,
                org,
                change.role,
                change.enable,
                *_named(change.known.key, change.name, change.email, change.external_id, org=org, user=change.known.id),
            )
            for change in batch
        ],
    )
    _end_tokens([change.known.id for change in batch if change.email is not None], org=org)


def _end_tokens(people: list[UUID], *, org: UUID) -> None:
    # What was mailed to an address that is theirs no more opens nothing.
    if people:
        run(
            "update one_time_tokens set used_at = now() where org_id = %s and user_id = any(%s::uuid[]) and used_at is null",
            (org, people),
        )


def _courses(plan: Plan, steps: _Steps, *, org: UUID) -> None:
    for batch in in_batches(plan.new_courses):
        values = [(course, org, one.name, one.external_id) for course, one in batch]
        run_many("insert into courses (id, org_id, name, external_id) values %s", values)
        steps.made(len(batch))
    for batch in in_batches(plan.changed_courses):
        run_many(
            """
            update courses as c set
                name = coalesce(v.name, c.name),
                archived_at = case v.archived::boolean when true then now() when false then null else c.archived_at end
            from (values %s) as v (id, org_id, name, archived)
            where c.org_id = v.org_id and c.id = v.id
            """,
            [(change.id, org, change.name, change.archived) for change in batch],
        )
        steps.made(len(batch))


def _enrollments(plan: Plan, steps: _Steps, *, org: UUID) -> int:
    """The courses have the members the plan says; returns how many enrolments are gone."""
    gone = 0
    for batch in in_batches(plan.removed):
        gone += run(
            """
            delete from enrollments where org_id = %s
                and (course_id, user_id) in (select * from unnest(%s::uuid[], %s::uuid[]))
            """,
            (org, [course for course, _ in batch], [user for _, user in batch]),
        )
        steps.made(len(batch))
    for batch in in_batches(plan.moved):
        run_many(
            """
            update enrollments as e set role = v.role from (values %s) as v (org_id, course_id, user_id, role)
            where e.org_id = v.org_id and e.course_id = v.course_id and e.user_id = v.user_id
            """,
            [(org, *one) for one in batch],
        )
        steps.made(len(batch))
    for batch in in_batches(plan.enrolled):
        run_many("insert into enrollments (org_id, course_id, user_id, role) values %s", [(org, *one) for one in batch])
        steps.made(len(batch))
    # Whoever became a student teaches no course any more.
    for batch in in_batches(change.known.id for change in plan.changed_people if change.role == "student"):
        gone += run(
            "delete from enrollments where org_id = %s and user_id = any(%s::uuid[]) and role = 'educator'",
            (org, batch),
        )
    return gone


def _named(
    key: Key, name: str | None, email: str | None, external_id: str | None, *, org: UUID, user: UUID
) -> tuple[Ciphertext | bytes | None, ...]:
    """Return what the columns name, email and external_id hold, the last two with the digest that finds them."""
    return (
        _sealed(key, name, column="name", org=org, user=user),
        _sealed(key, email, column="email", org=org, user=user),
        keyring().email_index(email, org=org) if email else None,
        _sealed(key, external_id, column="external_id", org=org, user=user),
        keyring().external_id_index(external_id, org=org) if external_id else None,
    )


def _sealed(key: Key, value: str | None, *, column: str, org: UUID, user: UUID) -> Ciphertext | None:
    return None if value is None else key.seal(value, place=AssociatedData("users", column, org, user))
