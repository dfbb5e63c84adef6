"""What a roster would change: its rows beside what is there, and every reason why it cannot be. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData, Key, keyring
from models.db import new_ids, rows
from models.users import PersonRole, unwrapped

BATCH = 500
# More are counted, and not kept: a file of commas must not fill the memory.
MOST_FAULTS = 1000


@dataclass(frozen=True, kw_only=True)
class PersonRow:
    """A row of the people's file. `enabled` is None where the file does not say; a person who is off needs no more."""

    row: int
    external_id: str
    role: PersonRole | None = None
    name: str | None = None
    email: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True, kw_only=True)
class CourseRow:
    """A row of the courses' file. `kept` is None where the file does not say."""

    row: int
    external_id: str
    name: str = ""
    kept: bool | None = None


@dataclass(frozen=True, kw_only=True)
class EnrollmentRow:
    """A row that puts a person into a course, or takes them out."""

    row: int
    course: str
    person: str
    role: Literal["student", "educator"]
    removed: bool = False


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a row cannot be imported, and what to do about it. Row 1 is the header, as a spreadsheet counts."""

    file: str
    row: int
    column: str
    what: str

    @property
    def pointer(self) -> str:
        """Return where it is, as a JSON pointer."""
        return f"/{self.file}/{self.row}/{self.column}" if self.column else f"/{self.file}/{self.row}"

    @property
    def detail(self) -> str:
        """Return it in words."""
        return f"row {self.row}, column {self.column}: {self.what}" if self.column else f"row {self.row}: {self.what}"


@dataclass(frozen=True, kw_only=True)
class Roster:
    """A roster as it was read. What is left out is named in it, but not imported; an unreadable file names nothing."""

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
class ExistingPeople:
    """Somebody who is there already."""

    id: UUID
    role: PersonRole
    name: str | None
    email: str | None
    has_external_id: bool
    disabled: bool
    key: Key


@dataclass(frozen=True, kw_only=True)
class PersonChange:
    """What is to be different about a person; None stays as it is."""

    known: ExistingPeople
    external_id: str | None = None
    name: str | None = None
    email: str | None = None
    role: PersonRole | None = None
    enable: bool = False


@dataclass(frozen=True, kw_only=True)
class CourseChange:
    """What is to be different about a course; None stays as it is."""

    id: UUID
    name: str | None = None
    archived: bool | None = None


@dataclass(kw_only=True)
class Plan:
    """What an import would do, and why it cannot."""

    new_people: list[tuple[UUID, PersonRow]] = field(default_factory=list)
    changed_people: list[PersonChange] = field(default_factory=list)
    disabled_people: set[UUID] = field(default_factory=set)
    # Whose address another row of the same roster takes over: it has to be free for a moment.
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
    """Return what importing the roster would do. Call it as ec_admin."""
    plan = Plan(faults=list(roster.faults), more_faults=roster.more_faults, warnings=list(roster.warnings))
    members = _plan_people(plan, roster, org=org, allow_admins=allow_admins)
    courses = _plan_courses(plan, roster, org=org)
    _plan_enrollments(plan, roster, org=org, members=members, courses=courses)
    order = {"users": 0, "classes": 1, "enrollments": 2}
    plan.faults.sort(key=lambda fault: (order[fault.file], fault.row))
    return plan


def in_batches(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the values some hundred at a time: a statement that nobody has to wait long for."""
    rest = iter(values)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _plan_people(plan: Plan, roster: Roster, *, org: UUID, allow_admins: bool) -> Members:
    """Plan what becomes of people, and return those the roster names who will be there, by external id."""
    by_id = _known_by_external_id(
        {*(one.external_id for one in roster.people), *(e.person for e in roster.enrollments)}, org=org
    )
    by_email = _known_by_email({one.email for one in roster.people if one.email}, org=org)
    matched = _match(roster.people, by_id=by_id, by_email=by_email, org=org)
    staying = [(one, known) for one, known in matched if one.enabled is not False]
    _check_addresses(plan, staying, by_email=by_email, org=org)
    _turn_off(plan, [(one, known) for one, known in matched if one.enabled is False], org=org)
    members: Members = {external_id: (known.id, known.role) for external_id, known in by_id.items()}
    new: list[PersonRow] = []
    for one, known in staying:
        if known is not None:
            members[one.external_id] = (known.id, _change_person(plan, one, known, allow_admins=allow_admins))
            continue
        if one.role == "admin" and not allow_admins:
            _add_fault(plan, one, "role", "a roster makes nobody an admin unless you allow it; see allow_admins")
        new.append(one)
    plan.new_people = list(zip(new_ids(len(new)), new, strict=True)) if new else []
    return members | {one.external_id: (user, one.role or "student") for user, one in plan.new_people}


def _match(
    people: Sequence[PersonRow], *, by_id: dict[str, ExistingPeople], by_email: dict[bytes, ExistingPeople], org: UUID
) -> list[tuple[PersonRow, ExistingPeople | None]]:
    """Return each row with the person it means: by external id, else by an address whose holder has no external id yet."""
    taken: set[UUID] = set()
    matched: list[tuple[PersonRow, ExistingPeople | None]] = []
    # Whoever stays comes first: a row that turns somebody off must not find them by an address that another row has.
    for one in sorted(people, key=lambda person: person.enabled is False):
        known = by_id.get(one.external_id)
        if known is None and one.email:
            holder = by_email.get(keyring().email_index(one.email, org=org))
            known = holder if holder is not None and not holder.has_external_id and holder.id not in taken else None
        if known is not None:
            taken.add(known.id)
        matched.append((one, known))
    return matched


def _check_addresses(
    plan: Plan,
    staying: list[tuple[PersonRow, ExistingPeople | None]],
    *,
    by_email: dict[bytes, ExistingPeople],
    org: UUID,
) -> None:
    """Nobody ends up with another's address; two who exchange theirs may."""
    takers: dict[bytes, tuple[PersonRow, UUID | None]] = {}
    leaving: set[UUID] = set()
    for one, known in staying:
        if one.email is None:
            continue
        digest = keyring().email_index(one.email, org=org)
        if digest in takers:
            _add_fault(
                plan, one, "email", f"the same address as in row {takers[digest][0].row}; two people cannot share one"
            )
            continue
        takers[digest] = (one, known.id if known else None)
        holder = by_email.get(digest)
        if known is not None and (holder is None or holder.id != known.id):
            leaving.add(known.id)
    for digest, (one, user) in takers.items():
        holder = by_email.get(digest)
        if holder is None or holder.id == user:
            continue
        plan.vacating.add(holder.id)
        if holder.id not in leaving:
            _add_fault(plan, one, "email", "belongs to somebody else in the org; change or clear it there first")


def _change_person(plan: Plan, one: PersonRow, known: ExistingPeople, *, allow_admins: bool) -> PersonRole:
    """Plan what becomes of somebody who is there, and return the role they will have."""
    role = one.role or known.role
    if known.role == "admin" and role != "admin":
        plan.warnings.append(f"users row {one.row}: is an admin here and stays one, whatever the roster says")
        role = "admin"
    change = PersonChange(
        known=known,
        external_id=None if known.has_external_id else one.external_id,
        name=one.name if one.name != known.name else None,
        email=one.email if one.email != known.email else None,
        role=role if role != known.role else None,
        enable=known.disabled and one.enabled is True,
    )
    if not allow_admins:
        if change.role == "admin":
            _add_fault(plan, one, "role", "a roster makes nobody an admin unless you allow it; see allow_admins")
        elif known.role == "admin" and change.enable:
            _add_fault(
                plan, one, "enabledUser", "a roster enables no admin again unless you allow it; see allow_admins"
            )
        elif known.role == "admin" and change.email is not None:
            _add_fault(plan, one, "email", "a roster changes no admin's address unless you allow it; see allow_admins")
    if change == PersonChange(known=known):
        plan.unchanged_people += 1
    else:
        plan.changed_people.append(change)
    return role


def _turn_off(plan: Plan, off: list[tuple[PersonRow, ExistingPeople | None]], *, org: UUID) -> None:
    going = [(one, known) for one, known in off if known is not None and not known.disabled]
    plan.disabled_people = {known.id for _, known in going}
    plan.unchanged_people += len(off) - len(going)
    if not any(known.role == "admin" for _, known in going):
        return
    # Locked in the order of their ids, as whoever else takes an admin's rights away does: one has to be left.
    admins = rows(
        """
        select id from users where org_id = %s and role = 'admin' and disabled_at is null
        order by id for no key update
        """,
        (org,),
    )
    if {one["id"] for one in admins} <= plan.disabled_people:
        for one, known in going:
            if known.role == "admin":
                _add_fault(
                    plan, one, "enabledUser", "nobody could administer the org then; make somebody else an admin first"
                )


def _plan_courses(plan: Plan, roster: Roster, *, org: UUID) -> dict[str, UUID]:
    """Plan what becomes of courses, and return those the roster names that will be there, by external id."""
    wanted = {*(one.external_id for one in roster.courses), *(one.course for one in roster.enrollments)}
    known = {
        found["external_id"]: found
        for batch in in_batches(wanted)
        for found in rows(
            "select id, external_id, name, archived_at from courses where org_id = %s and external_id = any(%s)",
            (org, batch),
        )
    }
    new: list[CourseRow] = []
    for one in roster.courses:
        found = known.get(one.external_id)
        if found is None:
            if one.kept is False:
                plan.unchanged_courses += 1
            else:
                new.append(one)
            continue
        archived = found["archived_at"] is not None
        change = CourseChange(
            id=found["id"],
            name=one.name if one.kept is not False and one.name != found["name"] else None,
            archived=None if one.kept is None or one.kept != archived else not one.kept,
        )
        if change == CourseChange(id=found["id"]):
            plan.unchanged_courses += 1
        else:
            plan.changed_courses.append(change)
    plan.new_courses = list(zip(new_ids(len(new)), new, strict=True)) if new else []
    return {external_id: found["id"] for external_id, found in known.items()} | {
        one.external_id: course for course, one in plan.new_courses
    }


def _plan_enrollments(plan: Plan, roster: Roster, *, org: UUID, members: Members, courses: dict[str, UUID]) -> None:
    there = _enrolled(courses.values(), org=org)
    left_out_people = roster.left_out_people | {one.external_id for one in roster.people if one.enabled is False}
    left_out_courses = roster.left_out_courses | {one.external_id for one in roster.courses if one.kept is False}
    left_out = 0
    wanted: dict[tuple[UUID, UUID], EnrollmentRow] = {}
    # Whoever moved from one term to the next has a row that ends and one that goes on: the one that goes on counts.
    for one in sorted(roster.enrollments, key=lambda enrollment: enrollment.removed):
        course, member = courses.get(one.course), members.get(one.person)
        if course is None or member is None:
            if one.removed:
                plan.unchanged_enrollments += 1
                continue
            unknown = [
                (column, what)
                for column, what, missing, excused in (
                    (
                        "classSourcedId",
                        "class",
                        course is None,
                        one.course in left_out_courses or "classes" in roster.unreadable,
                    ),
                    (
                        "userSourcedId",
                        "user",
                        member is None,
                        one.person in left_out_people or "users" in roster.unreadable,
                    ),
                )
                if missing and not excused
            ]
            for column, what in unknown:
                _add_fault(
                    plan,
                    one,
                    column,
                    f"there is no such {what}, neither in the roster nor here; add it or take the row out",
                )
            left_out += not unknown
            continue
        user, role = member
        before = wanted.setdefault((course, user), one)
        if before is not one:
            if not one.removed and before.role != one.role:
                _add_fault(
                    plan,
                    one,
                    "role",
                    f"row {before.row} enrols the same person in the same class in another role; keep one",
                )
            else:
                plan.unchanged_enrollments += 1
            continue
        _plan_enrollment(plan, one, course=course, user=user, role=role, there=there.get((course, user)))
    if left_out:
        plan.warnings.append(f"enrollments: {left_out} row(s) of users or classes that are left out")


def _plan_enrollment(
    plan: Plan, one: EnrollmentRow, *, course: UUID, user: UUID, role: PersonRole, there: str | None
) -> None:
    if one.removed:
        if there is None:
            plan.unchanged_enrollments += 1
        else:
            plan.removed.append((course, user))
    elif one.role == "educator" and role == "student":
        _add_fault(plan, one, "role", "a student cannot teach a class; change the role in users.csv or here")
    elif there is None:
        plan.enrolled.append((course, user, one.role))
    elif there != one.role:
        plan.moved.append((course, user, one.role))
    else:
        plan.unchanged_enrollments += 1


def _enrolled(courses: Iterable[UUID], *, org: UUID) -> dict[tuple[UUID, UUID], str]:
    return {
        (found["course_id"], found["user_id"]): found["role"]
        for batch in in_batches(courses)
        for found in rows(
            "select course_id, user_id, role from enrollments where org_id = %s and course_id = any(%s::uuid[])",
            (org, batch),
        )
    }


def _known_by_external_id(external_ids: set[str], *, org: UUID) -> dict[str, ExistingPeople]:
    digests = {keyring().external_id_index(one, org=org): one for one in external_ids}
    return {
        digests[bytes(found["external_id_digest"])]: _opened(found, org=org)
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


def _known_by_email(emails: set[str], *, org: UUID) -> dict[bytes, ExistingPeople]:
    return {
        bytes(found["email_digest"]): _opened(found, org=org)
        for batch in in_batches({keyring().email_index(one, org=org) for one in emails})
        for found in rows(
            """
            select u.id, u.role, u.name, u.email, u.email_digest, u.external_id_digest, u.disabled_at, k.wrapped, k.master_key_id
            from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
            where u.org_id = %s and u.email_digest = any(%s)
            """,
            (org, batch),
        )
    }


def _opened(found: dict[str, Any], *, org: UUID) -> ExistingPeople:
    key = unwrapped(found, org=org, user=found["id"])
    named = {
        column: None
        if found[column] is None
        else key.open(found[column], place=AssociatedData("users", column, org, found["id"]))
        for column in ("name", "email")
    }
    return ExistingPeople(
        id=found["id"],
        role=found["role"],
        has_external_id=found["external_id_digest"] is not None,
        disabled=found["disabled_at"] is not None,
        key=key,
        **named,
    )


def _add_fault(plan: Plan, one: PersonRow | EnrollmentRow, column: str, what: str) -> None:
    file = "users" if isinstance(one, PersonRow) else "enrollments"
    if len(plan.faults) < MOST_FAULTS:
        plan.faults.append(Fault(file=file, row=one.row, column=column, what=what))
    else:
        plan.more_faults += 1
