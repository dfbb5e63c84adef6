"""The plan of a roster import: what would change in the database, and every fault that prevents it. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData, Key, keyring
from models.db import new_ids, rows
from models.users import PersonRole, unwrap_key

BATCH = 500
# Further faults are only counted, so that a file of commas does not fill the memory.
MOST_FAULTS = 1000


@dataclass(frozen=True, kw_only=True)
class PersonRow:
    """A row of the people's file. `enabled` is None where the file does not say; with False, no other field is needed."""

    row: int
    external_id: str
    role: PersonRole | None = None
    name: str | None = None
    email: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True, kw_only=True)
class CourseRow:
    """A row of the courses' file. `kept` is False for a course to archive, and None where the file does not say."""

    row: int
    external_id: str
    name: str = ""
    kept: bool | None = None


@dataclass(frozen=True, kw_only=True)
class EnrollmentRow:
    """A row that enrols a person in a course or, with `removed`, ends the enrolment."""

    row: int
    course: str
    person: str
    role: Literal["student", "educator"]
    removed: bool = False


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a row cannot be imported, and what to do about it. Row 1 is the header, as in a spreadsheet."""

    file: str
    row: int
    column: str
    what: str

    @property
    def pointer(self) -> str:
        """Return the place of the fault as a JSON pointer."""
        return f"/{self.file}/{self.row}/{self.column}" if self.column else f"/{self.file}/{self.row}"

    @property
    def detail(self) -> str:
        """Return the place and the fault in words."""
        return f"row {self.row}, column {self.column}: {self.what}" if self.column else f"row {self.row}: {self.what}"


@dataclass(frozen=True, kw_only=True)
class Roster:
    """A roster as it was read from its files.

    The external ids in `left_out_people` and `left_out_courses` are in the files but are not imported. `unreadable` names
    files that could not be read, so their ids are unknown.
    """

    people: Sequence[PersonRow] = ()
    courses: Sequence[CourseRow] = ()
    enrollments: Sequence[EnrollmentRow] = ()
    left_out_people: frozenset[str] = frozenset()
    left_out_courses: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    faults: Sequence[Fault] = ()
    more_faults: int = 0
    warnings: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ExistingPerson:
    """A person who exists already."""

    id: UUID
    role: PersonRole
    name: str | None
    email: str | None
    has_external_id: bool
    disabled: bool
    key: Key


@dataclass(frozen=True, kw_only=True)
class PersonChange:
    """What to change about a person; None changes nothing."""

    known: ExistingPerson
    external_id: str | None = None
    name: str | None = None
    email: str | None = None
    role: PersonRole | None = None
    enable: bool = False


@dataclass(frozen=True, kw_only=True)
class CourseChange:
    """What to change about a course; None changes nothing."""

    id: UUID
    name: str | None = None
    archived: bool | None = None


@dataclass(kw_only=True)
class Plan:
    """What an import would change, and the faults that prevent it."""

    new_people: list[tuple[UUID, PersonRow]] = field(default_factory=list)
    changed_people: list[PersonChange] = field(default_factory=list)
    disabled_people: set[UUID] = field(default_factory=set)
    # People whose address another row of the same roster takes over. Theirs is cleared first, so that it is free.
    vacating: set[UUID] = field(default_factory=set)
    unchanged_people: int = 0
    new_courses: list[tuple[UUID, CourseRow]] = field(default_factory=list)
    changed_courses: list[CourseChange] = field(default_factory=list)
    unchanged_courses: int = 0
    enrolled: list[tuple[UUID, UUID, str]] = field(default_factory=list)
    moved: list[tuple[UUID, UUID, str]] = field(default_factory=list)
    removed: list[tuple[UUID, UUID]] = field(default_factory=list)
    unchanged_enrollments: int = 0
    faults: list[Fault] = field(default_factory=list)
    more_faults: int = 0
    warnings: list[str] = field(default_factory=list)


Members = dict[str, tuple[UUID, PersonRole]]


def make_plan(roster: Roster, *, org: UUID, allow_admins: bool) -> Plan:
    """Return what an import of the roster would change. Call it as ec_admin."""
    plan = Plan(faults=list(roster.faults), more_faults=roster.more_faults, warnings=list(roster.warnings))
    members = _plan_people(plan, roster, org=org, allow_admins=allow_admins)
    courses = _plan_courses(plan, roster, org=org)
    _plan_enrollments(plan, roster, org=org, members=members, courses=courses)
    order = {"users": 0, "classes": 1, "enrollments": 2}
    plan.faults.sort(key=lambda fault: (order[fault.file], fault.row))
    return plan


def in_batches(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the values in lists of at most BATCH, so that no statement takes long."""
    rest = iter(values)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _plan_people(plan: Plan, roster: Roster, *, org: UUID, allow_admins: bool) -> Members:
    """Plan the changes of people; return, by external id, the people whom the roster names and who will exist."""
    by_id = _existing_by_external_id(
        {
            *(person_row.external_id for person_row in roster.people),
            *(enrollment.person for enrollment in roster.enrollments),
        },
        org=org,
    )
    by_email = _existing_by_email({person_row.email for person_row in roster.people if person_row.email}, org=org)
    matched = _match_people(roster.people, by_id=by_id, by_email=by_email, org=org)
    staying = [(person_row, known) for person_row, known in matched if person_row.enabled is not False]
    _check_addresses(plan, staying, by_email=by_email, org=org)
    _plan_disabling(
        plan, [(person_row, known) for person_row, known in matched if person_row.enabled is False], org=org
    )
    members: Members = {external_id: (known.id, known.role) for external_id, known in by_id.items()}
    new: list[PersonRow] = []
    for person_row, known in staying:
        if known is not None:
            members[person_row.external_id] = (
                known.id,
                _plan_person_change(plan, person_row, known, allow_admins=allow_admins),
            )
            continue
        if person_row.role == "admin" and not allow_admins:
            _add_fault(plan, person_row, "role", "a roster makes nobody an admin unless you allow it; see allow_admins")
        new.append(person_row)
    plan.new_people = list(zip(new_ids(len(new)), new, strict=True)) if new else []
    return members | {
        person_row.external_id: (user, person_row.role or "student") for user, person_row in plan.new_people
    }


def _match_people(
    people: Sequence[PersonRow], *, by_id: dict[str, ExistingPerson], by_email: dict[bytes, ExistingPerson], org: UUID
) -> list[tuple[PersonRow, ExistingPerson | None]]:
    """Return each row with the existing person it means, found by external id, or by address if they have no external id."""
    taken: set[UUID] = set()
    matched: list[tuple[PersonRow, ExistingPerson | None]] = []
    # Rows of people who stay come first: a row that disables a person must not find them by an address that such a row has.
    for person_row in sorted(people, key=lambda person: person.enabled is False):
        known = by_id.get(person_row.external_id)
        if known is None and person_row.email:
            holder = by_email.get(keyring().email_index(person_row.email, org=org))
            known = holder if holder is not None and not holder.has_external_id and holder.id not in taken else None
        if known is not None:
            taken.add(known.id)
        matched.append((person_row, known))
    return matched


def _check_addresses(
    plan: Plan,
    staying: list[tuple[PersonRow, ExistingPerson | None]],
    *,
    by_email: dict[bytes, ExistingPerson],
    org: UUID,
) -> None:
    """Add a fault for each address that would belong to two people; two people may exchange their addresses."""
    takers: dict[bytes, tuple[PersonRow, UUID | None]] = {}
    leaving: set[UUID] = set()
    for person_row, known in staying:
        if person_row.email is None:
            continue
        digest = keyring().email_index(person_row.email, org=org)
        if digest in takers:
            _add_fault(
                plan,
                person_row,
                "email",
                f"the same address as in row {takers[digest][0].row}; two people cannot share one",
            )
            continue
        takers[digest] = (person_row, known.id if known else None)
        holder = by_email.get(digest)
        if known is not None and (holder is None or holder.id != known.id):
            leaving.add(known.id)
    for digest, (person_row, user) in takers.items():
        holder = by_email.get(digest)
        if holder is None or holder.id == user:
            continue
        plan.vacating.add(holder.id)
        if holder.id not in leaving:
            _add_fault(plan, person_row, "email", "belongs to somebody else in the org; change or clear it there first")


def _plan_person_change(plan: Plan, person_row: PersonRow, known: ExistingPerson, *, allow_admins: bool) -> PersonRole:
    """Plan the change of a person who exists, and return the role they will have."""
    role = person_row.role or known.role
    if known.role == "admin" and role != "admin":
        plan.warnings.append(f"users row {person_row.row}: is an admin here and stays one, whatever the roster says")
        role = "admin"
    change = PersonChange(
        known=known,
        external_id=None if known.has_external_id else person_row.external_id,
        name=person_row.name if person_row.name != known.name else None,
        email=person_row.email if person_row.email != known.email else None,
        role=role if role != known.role else None,
        enable=known.disabled and person_row.enabled is True,
    )
    if not allow_admins:
        if change.role == "admin":
            _add_fault(plan, person_row, "role", "a roster makes nobody an admin unless you allow it; see allow_admins")
        elif known.role == "admin" and change.enable:
            _add_fault(
                plan, person_row, "enabledUser", "a roster enables no admin again unless you allow it; see allow_admins"
            )
        elif known.role == "admin" and change.email is not None:
            _add_fault(
                plan, person_row, "email", "a roster changes no admin's address unless you allow it; see allow_admins"
            )
    if change == PersonChange(known=known):
        plan.unchanged_people += 1
    else:
        plan.changed_people.append(change)
    return role


def _plan_disabling(plan: Plan, disabled_rows: list[tuple[PersonRow, ExistingPerson | None]], *, org: UUID) -> None:
    to_disable = [
        (person_row, known) for person_row, known in disabled_rows if known is not None and not known.disabled
    ]
    plan.disabled_people = {known.id for _, known in to_disable}
    plan.unchanged_people += len(disabled_rows) - len(to_disable)
    if not any(known.role == "admin" for _, known in to_disable):
        return
    # At least one admin must remain. All code that takes an admin's rights away locks the admins in the order of their ids.
    admins = rows(
        """
        select id from users where org_id = %s and role = 'admin' and disabled_at is null
        order by id for no key update
        """,
        (org,),
    )
    if {admin["id"] for admin in admins} <= plan.disabled_people:
        for person_row, known in to_disable:
            if known.role == "admin":
                _add_fault(
                    plan,
                    person_row,
                    "enabledUser",
                    "nobody could administer the org then; make somebody else an admin first",
                )


def _plan_courses(plan: Plan, roster: Roster, *, org: UUID) -> dict[str, UUID]:
    """Plan the changes of courses; return, by external id, the courses that the roster names and that will exist."""
    wanted = {
        *(course_row.external_id for course_row in roster.courses),
        *(enrollment.course for enrollment in roster.enrollments),
    }
    known = {
        found["external_id"]: found
        for batch in in_batches(wanted)
        for found in rows(
            # The school's own ids come before those of a webhook source, and those of the oldest course before others.
            """
            select distinct on (external_id) id, external_id, name, archived_at from courses
            where org_id = %s and external_id = any(%s) order by external_id, source_id is not null, id
            """,
            (org, batch),
        )
    }
    new: list[CourseRow] = []
    for course_row in roster.courses:
        found = known.get(course_row.external_id)
        if found is None:
            if course_row.kept is False:
                plan.unchanged_courses += 1
            else:
                new.append(course_row)
            continue
        archived = found["archived_at"] is not None
        change = CourseChange(
            id=found["id"],
            name=course_row.name if course_row.kept is not False and course_row.name != found["name"] else None,
            archived=None if course_row.kept is None or course_row.kept != archived else not course_row.kept,
        )
        if change == CourseChange(id=found["id"]):
            plan.unchanged_courses += 1
        else:
            plan.changed_courses.append(change)
    plan.new_courses = list(zip(new_ids(len(new)), new, strict=True)) if new else []
    return {external_id: found["id"] for external_id, found in known.items()} | {
        course_row.external_id: course for course, course_row in plan.new_courses
    }


def _plan_enrollments(plan: Plan, roster: Roster, *, org: UUID, members: Members, courses: dict[str, UUID]) -> None:
    current_roles = _fetch_current_roles(courses.values(), org=org)
    left_out_people = roster.left_out_people | {
        person.external_id for person in roster.people if person.enabled is False
    }
    left_out_courses = roster.left_out_courses | {
        course.external_id for course in roster.courses if course.kept is False
    }
    left_out = 0
    wanted: dict[tuple[UUID, UUID], EnrollmentRow] = {}
    # A person who moves from one term to the next may have a row that ends and one that continues: the latter counts.
    for enrollment_row in sorted(roster.enrollments, key=lambda enrollment: enrollment.removed):
        course, member = courses.get(enrollment_row.course), members.get(enrollment_row.person)
        if course is None or member is None:
            if enrollment_row.removed:
                plan.unchanged_enrollments += 1
                continue
            unknown = [
                (column, what)
                for column, what, missing, excused in (
                    (
                        "classSourcedId",
                        "class",
                        course is None,
                        enrollment_row.course in left_out_courses or "classes" in roster.unreadable,
                    ),
                    (
                        "userSourcedId",
                        "user",
                        member is None,
                        enrollment_row.person in left_out_people or "users" in roster.unreadable,
                    ),
                )
                if missing and not excused
            ]
            for column, what in unknown:
                _add_fault(
                    plan,
                    enrollment_row,
                    column,
                    f"there is no such {what}, neither in the roster nor here; add it or take the row out",
                )
            left_out += not unknown
            continue
        user, role = member
        first = wanted.setdefault((course, user), enrollment_row)
        if first is not enrollment_row:
            if not enrollment_row.removed and first.role != enrollment_row.role:
                _add_fault(
                    plan,
                    enrollment_row,
                    "role",
                    f"row {first.row} enrols the same person in the same class in another role; keep one",
                )
            else:
                plan.unchanged_enrollments += 1
            continue
        _plan_enrollment(
            plan, enrollment_row, course=course, user=user, role=role, current_role=current_roles.get((course, user))
        )
    if left_out:
        plan.warnings.append(f"enrollments: {left_out} row(s) of users or classes that are left out")


def _plan_enrollment(
    plan: Plan, enrollment_row: EnrollmentRow, *, course: UUID, user: UUID, role: PersonRole, current_role: str | None
) -> None:
    if enrollment_row.removed:
        if current_role is None:
            plan.unchanged_enrollments += 1
        else:
            plan.removed.append((course, user))
    elif enrollment_row.role == "educator" and role == "student":
        _add_fault(plan, enrollment_row, "role", "a student cannot teach a class; change the role in users.csv or here")
    elif current_role is None:
        plan.enrolled.append((course, user, enrollment_row.role))
    elif current_role != enrollment_row.role:
        plan.moved.append((course, user, enrollment_row.role))
    else:
        plan.unchanged_enrollments += 1


def _fetch_current_roles(courses: Iterable[UUID], *, org: UUID) -> dict[tuple[UUID, UUID], str]:
    """Return the role of each enrolment in these courses, by course and user."""
    return {
        (found["course_id"], found["user_id"]): found["role"]
        for batch in in_batches(courses)
        for found in rows(
            "select course_id, user_id, role from enrollments where org_id = %s and course_id = any(%s::uuid[])",
            (org, batch),
        )
    }


def _existing_by_external_id(external_ids: set[str], *, org: UUID) -> dict[str, ExistingPerson]:
    digests = {keyring().external_id_index(external_id, org=org): external_id for external_id in external_ids}
    return {
        digests[bytes(found["external_id_digest"])]: _decrypt_person(found, org=org)
        for batch in in_batches(digests)
        for found in rows(
            """
            select u.id, u.role, u.name, u.email, u.external_id_digest, u.disabled_at, k.wrapped, k.master_key_id
            from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
            where u.org_id = %s and u.external_id_digest = any(%s)
            """,
            (org, batch),
        )
    }


def _existing_by_email(emails: set[str], *, org: UUID) -> dict[bytes, ExistingPerson]:
    return {
        bytes(found["email_digest"]): _decrypt_person(found, org=org)
        for batch in in_batches({keyring().email_index(email, org=org) for email in emails})
        for found in rows(
            """
            select u.id, u.role, u.name, u.email, u.email_digest, u.external_id_digest, u.disabled_at, k.wrapped, k.master_key_id
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
        for column in ("name", "email")
    }
    return ExistingPerson(
        id=found["id"],
        role=found["role"],
        has_external_id=found["external_id_digest"] is not None,
        disabled=found["disabled_at"] is not None,
        key=key,
        **decrypted,
    )


def _add_fault(plan: Plan, faulty_row: PersonRow | EnrollmentRow, column: str, what: str) -> None:
    file = "users" if isinstance(faulty_row, PersonRow) else "enrollments"
    if len(plan.faults) < MOST_FAULTS:
        plan.faults.append(Fault(file=file, row=faulty_row.row, column=column, what=what))
    else:
        plan.more_faults += 1
