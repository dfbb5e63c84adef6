"""The plan of a roster import: what would change in the database, and every fault that prevents it. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from models.crypto import keyring
from models.db import new_ids, rows
from models.roster_existing import (
    fetch_by_email,
    fetch_by_external_id,
    fetch_courses,
    fetch_current_roles,
    stored_external_ids,
)
from models.roster_identities import ExistingPerson, Match, match_people
from models.roster_rows import MOST_FAULTS, CourseRow, EnrollmentRow, Findings, PersonRow, Roster
from models.roster_zeros import describe, find_lookalikes
from models.users import PersonRole


@dataclass(frozen=True, kw_only=True)
class PersonChange:
    """What to change about a person; None changes nothing."""

    known: ExistingPerson
    external_id: str | None = None
    name: str | None = None
    email: str | None = None
    role: PersonRole | None = None
    enable: bool = False
    confirm: bool = False


@dataclass(frozen=True, kw_only=True)
class CourseChange:
    """What to change about a course; None changes nothing."""

    id: UUID
    name: str | None = None
    archived: bool | None = None


@dataclass(kw_only=True)
class Plan:
    """What an import would change, and the faults that prevent it."""

    findings: Findings
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


Members = dict[str, tuple[UUID, PersonRole]]


def make_plan(roster: Roster, *, org: UUID, allow_admins: bool, acting: UUID | None = None) -> Plan:
    """Return what an import of the roster by the admin `acting` would change. Call it as ec_admin."""
    plan = Plan(findings=roster.findings.copy())
    members = _plan_people(plan, roster, org=org, allow_admins=allow_admins, acting=acting)
    courses = _plan_courses(plan, roster, org=org)
    _plan_enrollments(plan, roster, org=org, members=members, courses=courses)
    order = {"users": 0, "classes": 1, "enrollments": 2}
    plan.findings.faults.sort(key=lambda fault: (order[fault.file], fault.row))
    return plan


def _plan_people(plan: Plan, roster: Roster, *, org: UUID, allow_admins: bool, acting: UUID | None) -> Members:
    """Plan the changes of people; return, by external id, the people whom the roster names and who will exist."""
    by_id = fetch_by_external_id(
        {
            *(person_row.external_id for person_row in roster.people),
            *(enrollment.person for enrollment in roster.enrollments),
        },
        org=org,
    )
    by_email = fetch_by_email({person_row.email for person_row in roster.people if person_row.email}, org=org)
    by_email |= {keyring().email_index(known.email, org=org): known for known in by_id.values() if known.email}
    staying = [person_row for person_row in roster.people if person_row.enabled is not False]
    matches = match_people(plan.findings, staying, by_id=by_id, by_email=by_email, org=org)
    _plan_disabling(plan, roster.people, matches, by_id=by_id, by_email=by_email, org=org, acting=acting)
    members: Members = {external_id: (known.id, known.role) for external_id, known in by_id.items()}
    new: list[Match] = []
    for match in matches:
        _plan_vacating(plan, match, allow_admins=allow_admins)
        if match.known is not None:
            role = _plan_person_change(plan, match.person, match.known, allow_admins=allow_admins)
            members |= dict.fromkeys(match.ids, (match.known.id, role))
            continue
        if match.person.role == "admin" and not allow_admins:
            _add_fault(
                plan, match.person, "role", "a roster makes nobody an admin unless you allow it; see allow_admins"
            )
        new.append(match)
    for user, match in zip(new_ids(len(new)) if new else (), new, strict=True):
        plan.new_people.append((user, match.person))
        members |= dict.fromkeys(match.ids, (user, match.person.role or "student"))
    _warn_of_lost_zeros(plan, staying, new={one for match in new for one in match.ids}, org=org)
    return members


def _plan_vacating(plan: Plan, match: Match, *, allow_admins: bool) -> None:
    """Plan to clear the address of the existing person who gives it up for the person of the match."""
    if match.vacated is None:
        return
    plan.vacating.add(match.vacated.id)
    if match.vacated.role == "admin" and not allow_admins:
        _add_fault(
            plan, match.person, "email", "a roster changes no admin's address unless you allow it; see allow_admins"
        )


def _warn_of_lookalikes(
    plan: Plan, listed: Sequence[PersonRow | CourseRow], lookalikes: Mapping[str, str], *, file: str, thing: str
) -> None:
    """Warn at each row whose id differs from another one only by leading zeros."""
    for row in listed:
        if row.external_id in lookalikes:
            what = describe(row.external_id, lookalikes[row.external_id])
            detail = f"{what}; if both are one {thing}, format the column as text and export the file again"
            plan.findings.add_warning(file, row.row, "sourcedId", detail)


def _warn_of_lost_zeros(plan: Plan, people: Sequence[PersonRow], *, new: set[str], org: UUID) -> None:
    lookalikes = find_lookalikes(
        new,
        listed={person_row.external_id for person_row in people},
        stored=lambda spellings: stored_external_ids(spellings, org=org),
    )
    _warn_of_lookalikes(plan, people, lookalikes, file="users", thing="person")


def _plan_person_change(plan: Plan, person_row: PersonRow, known: ExistingPerson, *, allow_admins: bool) -> PersonRole:
    """Plan the change of a person who exists, and return the role they will have."""
    role = person_row.role or known.role
    if known.role == "admin" and role != "admin":
        plan.findings.add_warning(
            "users", person_row.row, "", "is an admin here and stays one, whatever the roster says"
        )
        role = "admin"
    change = PersonChange(
        known=known,
        external_id=None if known.external_id else person_row.external_id,
        name=person_row.name if person_row.name != known.name else None,
        email=person_row.email if person_row.email != known.email else None,
        role=role if role != known.role else None,
        enable=known.disabled and person_row.enabled is True,
        confirm=bool(person_row.email) and not known.confirmed,
    )
    if change.role is not None and known.email and not known.confirmed and not person_row.email:
        # An invitation of a new teacher must not be mailed to an address that an LMS made up.
        plan.vacating.add(known.id)
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


def _plan_disabling(
    plan: Plan,
    people: Sequence[PersonRow],
    matches: list[Match],
    *,
    by_id: dict[str, ExistingPerson],
    by_email: dict[bytes, ExistingPerson],
    org: UUID,
    acting: UUID | None,
) -> None:
    staying = {match.known.id: match.person.row for match in matches if match.known is not None}
    to_disable: list[tuple[PersonRow, ExistingPerson]] = []
    for person_row in people:
        if person_row.enabled is not False:
            continue
        known = by_id.get(person_row.external_id)
        if known is not None and known.id in staying:
            what = f"is the same person as in row {staying[known.id]}, who stays, so the account stays open"
            plan.findings.add_warning("users", person_row.row, "", what)
        if known is None and person_row.email:
            holder = by_email.get(keyring().email_index(person_row.email, org=org))
            known = holder if holder is not None and holder.external_id is None else None
        if known is None or known.disabled or known.id in staying:
            plan.unchanged_people += 1
        else:
            to_disable.append((person_row, known))
    plan.disabled_people = {known.id for _, known in to_disable}
    _refuse_disabling_admins(plan, to_disable, org=org, acting=acting)


def _refuse_disabling_admins(
    plan: Plan, to_disable: Sequence[tuple[PersonRow, ExistingPerson]], *, org: UUID, acting: UUID | None
) -> None:
    """Add a fault for each row that would disable the admin who imports, or the last admin."""
    admin_rows = [(person_row, known) for person_row, known in to_disable if known.role == "admin"]
    if not admin_rows:
        return
    # At least one admin must remain. All code that takes an admin's rights away locks the admins in the order of their ids.
    admins = rows(
        """
        select id from users where org_id = %s and role = 'admin' and disabled_at is null
        order by id for no key update
        """,
        (org,),
    )
    nobody_stays = {admin["id"] for admin in admins} <= plan.disabled_people
    for person_row, known in admin_rows:
        if nobody_stays:
            detail = "nobody could administer the org then; make somebody else an admin first"
            _add_fault(plan, person_row, "enabledUser", detail)
        elif known.id == acting:
            _add_fault(plan, person_row, "enabledUser", "is you; another admin must disable your account")


def _plan_courses(plan: Plan, roster: Roster, *, org: UUID) -> dict[str, UUID]:
    """Plan the changes of courses; return, by external id, the courses that the roster names and that will exist."""
    wanted = {
        *(course_row.external_id for course_row in roster.courses),
        *(enrollment.course for enrollment in roster.enrollments),
    }
    known = fetch_courses(wanted, org=org)
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
    lookalikes = find_lookalikes(
        (course_row.external_id for course_row in new),
        listed={course_row.external_id for course_row in roster.courses},
        stored=lambda spellings: set(fetch_courses(spellings, org=org)),
    )
    _warn_of_lookalikes(plan, new, lookalikes, file="classes", thing="class")
    return {external_id: found["id"] for external_id, found in known.items()} | {
        course_row.external_id: course for course, course_row in plan.new_courses
    }


def _plan_enrollments(plan: Plan, roster: Roster, *, org: UUID, members: Members, courses: dict[str, UUID]) -> None:
    current_roles = fetch_current_roles(courses.values(), org=org)
    left_out_people = roster.left_out_people | {
        person.external_id for person in roster.people if person.enabled is False
    }
    left_out_courses = roster.left_out_courses | {
        course.external_id for course in roster.courses if course.kept is False
    }
    left_out = 0
    unknown: list[tuple[EnrollmentRow, str]] = []
    wanted: dict[tuple[UUID, UUID], EnrollmentRow] = {}
    # A person who moves from one term to the next may have a row that ends and one that continues: the latter counts.
    for enrollment_row in sorted(roster.enrollments, key=lambda enrollment: enrollment.removed):
        course, member = courses.get(enrollment_row.course), members.get(enrollment_row.person)
        if course is None or member is None:
            if enrollment_row.removed:
                plan.unchanged_enrollments += 1
                continue
            missing = [
                (enrollment_row, column)
                for column, is_missing, excused in (
                    (
                        "classSourcedId",
                        course is None,
                        enrollment_row.course in left_out_courses or "classes" in roster.unreadable,
                    ),
                    (
                        "userSourcedId",
                        member is None,
                        enrollment_row.person in left_out_people or "users" in roster.unreadable,
                    ),
                )
                if is_missing and not excused
            ]
            unknown += missing
            left_out += not missing
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
    _add_unknown(plan, unknown, members=members, courses=courses, org=org)
    if left_out:
        plan.findings.add_summary(f"enrollments: {left_out} row(s) of users or classes that are left out")


def _add_unknown(
    plan: Plan, unknown: list[tuple[EnrollmentRow, str]], *, members: Members, courses: dict[str, UUID], org: UUID
) -> None:
    """Add a fault for each user or class that an enrolment names and nobody knows, with the id that it may mean."""
    named = unknown[:MOST_FAULTS]
    lookalikes = {
        "userSourcedId": find_lookalikes(
            {row.person for row, column in named if column == "userSourcedId"},
            listed=members,
            stored=lambda spellings: stored_external_ids(spellings, org=org),
        ),
        "classSourcedId": find_lookalikes(
            {row.course for row, column in named if column == "classSourcedId"},
            listed=courses,
            stored=lambda spellings: set(fetch_courses(spellings, org=org)),
        ),
    }
    for row, column in unknown:
        what, identifier = ("user", row.person) if column == "userSourcedId" else ("class", row.course)
        lookalike = lookalikes[column].get(identifier)
        hint = f"; it {describe(identifier, lookalike)}" if lookalike else ""
        _add_fault(
            plan,
            row,
            column,
            f"there is no such {what}, neither in the roster nor here; add it or take the row out{hint}",
        )


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


def _add_fault(plan: Plan, faulty_row: PersonRow | EnrollmentRow, column: str, what: str) -> None:
    file = "users" if isinstance(faulty_row, PersonRow) else "enrollments"
    plan.findings.add_fault(file, faulty_row.row, column, what)
