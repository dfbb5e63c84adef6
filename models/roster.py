"""Import of a roster, as a whole or not at all: people, courses and enrolments as another system lists them."""

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
from models.roster_plan import PersonChange, Plan, make_plan
from models.roster_rows import Fault, PersonRow, Roster, in_batches


@dataclass(frozen=True, kw_only=True)
class PeopleCount:
    """The number of people for each outcome."""

    added: int
    changed: int
    unchanged: int
    disabled: int


@dataclass(frozen=True, kw_only=True)
class CourseCount:
    """The number of courses for each outcome; an archived course that is active again counts as changed."""

    added: int
    changed: int
    unchanged: int
    archived: int


@dataclass(frozen=True, kw_only=True)
class EnrollmentCount:
    """The number of enrolments for each outcome."""

    added: int
    changed: int
    removed: int
    unchanged: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of an import."""

    users: PeopleCount
    courses: CourseCount
    enrollments: EnrollmentCount
    warnings: tuple[str, ...]


class BadRoster(Invalid):
    """Some rows cannot be imported, so none was. `faults` holds the first of very many faults; `total` counts them all."""

    def __init__(self, faults: list[Fault], *, total: int) -> None:
        super().__init__(
            f"{total} fault(s) in the roster; nothing was imported.",
            errors=[(fault.pointer, fault.detail) for fault in faults],
        )
        self.faults = faults
        self.total = total


Progress = Callable[[int, int], None]


def import_roster(
    roster: Roster,
    *,
    org: UUID,
    allow_admins: bool = False,
    acting: UUID | None = None,
    progress: Progress | None = None,
) -> Report:
    """Import everything in the roster. Idempotent. Call it as ec_admin.

    `acting` is the admin who imports; no row may disable them. `progress` is called with the number of changes made so far
    and in total. Raises BadRoster, and InProgress when another import of the org is running or somebody changed the same
    rows meanwhile; the session must then be rolled back.
    """
    found = row("select pg_try_advisory_xact_lock(hashtextextended(%s, 0)) as mine", (f"roster|{org}",))
    if found is None or not found["mine"]:
        raise InProgress("Another roster of this org is being imported.")
    plan = make_plan(roster, org=org, allow_admins=allow_admins, acting=acting)
    findings = plan.findings
    if findings.faults:
        raise BadRoster(findings.faults, total=len(findings.faults) + findings.more_faults)
    counter = _ProgressCounter(progress, total=_count_changes(plan))
    try:
        _apply_people(plan, counter, org=org)
        _apply_courses(plan, counter, org=org)
        removed = _apply_enrollments(plan, counter, org=org)
    # Batches of rows bypass Peewee, so the error may be Peewee's or psycopg2's.
    except (peewee.IntegrityError, psycopg2.IntegrityError):
        raise InProgress(
            "Somebody added or changed what the roster names at the same moment. Import it again."
        ) from None
    return _make_report(plan, removed=removed)


class _ProgressCounter:
    """The progress of an import, reported to `progress` if there is one."""

    def __init__(self, progress: Progress | None, *, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add(self, count: int) -> None:
        """Count `count` more changes and report the progress."""
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)


def _count_changes(plan: Plan) -> int:
    return (
        len(plan.new_people) + len(plan.changed_people) + len(plan.disabled_people) + len(plan.new_courses)
        + len(plan.changed_courses) + len(plan.enrolled) + len(plan.moved) + len(plan.removed)
    )  # fmt: skip


def _make_report(plan: Plan, *, removed: int) -> Report:
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
        warnings=plan.findings.warnings(),
    )


def _apply_people(plan: Plan, counter: _ProgressCounter, *, org: UUID) -> None:
    for batch in in_batches(sorted(plan.vacating)):
        run(
            "update users set email = null, email_digest = null where org_id = %s and id = any(%s::uuid[])",
            (org, batch),
        )
        _end_tokens(batch, org=org)
    for batch in in_batches(sorted(plan.changed_people, key=lambda change: change.known.id)):
        _change_people(batch, org=org)
        counter.add(len(batch))
    for batch in in_batches(plan.new_people):
        _add_people(batch, org=org)
        counter.add(len(batch))
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
        counter.add(len(batch))


def _add_people(batch: list[tuple[UUID, PersonRow]], *, org: UUID) -> None:
    people: list[tuple[Any, ...]] = []
    keys: list[tuple[Any, ...]] = []
    for user, person_row in batch:
        wrapped, key = keyring().new_data_key(org=org, user=user)
        people.append(
            (
                user,
                org,
                person_row.role,
                *_identity_values(key, person_row.name, person_row.email, person_row.external_id, org=org, user=user),
            )
        )
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
            disabled_at = case when v.enable then null else u.disabled_at end,
            address_confirmed_at = case when v.confirm then now() else u.address_confirmed_at end
        from (values %s) as v (id, org_id, role, enable, confirm, name, email, email_digest, external_id, external_id_digest)
        where u.org_id = v.org_id and u.id = v.id
        """,
        [
            (
                change.known.id,
                org,
                change.role,
                change.enable,
                change.confirm,
                *_identity_values(
                    change.known.key, change.name, change.email, change.external_id, org=org, user=change.known.id
                ),
            )
            for change in batch
        ],
    )
    _end_tokens([change.known.id for change in batch if change.email is not None], org=org)


def _end_tokens(people: list[UUID], *, org: UUID) -> None:
    # A token that was mailed to an address that is no longer theirs must not let anybody in.
    if people:
        run(
            "update one_time_tokens set used_at = now() where org_id = %s and user_id = any(%s::uuid[]) and used_at is null",
            (org, people),
        )


def _apply_courses(plan: Plan, counter: _ProgressCounter, *, org: UUID) -> None:
    for batch in in_batches(plan.new_courses):
        values = [(course, org, course_row.name, course_row.external_id) for course, course_row in batch]
        run_many("insert into courses (id, org_id, name, external_id) values %s", values)
        counter.add(len(batch))
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
        counter.add(len(batch))


def _apply_enrollments(plan: Plan, counter: _ProgressCounter, *, org: UUID) -> int:
    """Apply the plan's changes of enrolments and return how many enrolments were deleted."""
    deleted = 0
    for batch in in_batches(plan.removed):
        deleted += run(
            """
            delete from enrollments where org_id = %s
                and (course_id, user_id) in (select * from unnest(%s::uuid[], %s::uuid[]))
            """,
            (org, [course for course, _ in batch], [user for _, user in batch]),
        )
        counter.add(len(batch))
    for batch in in_batches(plan.moved):
        run_many(
            """
            update enrollments as e set role = v.role from (values %s) as v (org_id, course_id, user_id, role)
            where e.org_id = v.org_id and e.course_id = v.course_id and e.user_id = v.user_id
            """,
            [(org, *enrollment) for enrollment in batch],
        )
        counter.add(len(batch))
    for batch in in_batches(plan.enrolled):
        run_many(
            "insert into enrollments (org_id, course_id, user_id, role) values %s",
            [(org, *enrollment) for enrollment in batch],
        )
        counter.add(len(batch))
    # A person who becomes a student no longer teaches any course.
    for batch in in_batches(change.known.id for change in plan.changed_people if change.role == "student"):
        deleted += run(
            "delete from enrollments where org_id = %s and user_id = any(%s::uuid[]) and role = 'educator'",
            (org, batch),
        )
    return deleted


def _identity_values(
    key: Key, name: str | None, email: str | None, external_id: str | None, *, org: UUID, user: UUID
) -> tuple[Ciphertext | bytes | None, ...]:
    """Return the values of name, email, email_digest, external_id and external_id_digest, encrypted or hashed."""
    return (
        _seal_column(key, name, column="name", org=org, user=user),
        _seal_column(key, email, column="email", org=org, user=user),
        keyring().email_index(email, org=org) if email else None,
        _seal_column(key, external_id, column="external_id", org=org, user=user),
        keyring().external_id_index(external_id, org=org) if external_id else None,
    )


def _seal_column(key: Key, value: str | None, *, column: str, org: UUID, user: UUID) -> Ciphertext | None:
    return None if value is None else key.seal(value, place=AssociatedData("users", column, org, user))
