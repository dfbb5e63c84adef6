"""Who is who in a roster: which rows and which existing person are one person, and who gets an address that several share.

An address is a way to reset a password, so nobody gets one that may be somebody else's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from models.crypto import Key, keyring
from models.roster_rows import Findings, PersonRow
from models.roster_zeros import number_of
from models.users import PersonRole

RANKS: dict[PersonRole | None, int] = {None: 0, "student": 0, "educator": 1, "admin": 2}
# One person whom a roster lists as teacher and as administrator has this id here: classes name the teacher.
ID_ORDER: dict[PersonRole | None, int] = {"educator": 0, "admin": 1, "student": 2, None: 2}


@dataclass(frozen=True, kw_only=True)
class ExistingPerson:
    """A person who exists already. With `confirmed` false, only an LMS has named their address: it belongs to nobody yet."""

    id: UUID
    role: PersonRole
    name: str | None
    email: str | None
    external_id: str | None
    disabled: bool
    confirmed: bool
    key: Key


@dataclass(frozen=True, kw_only=True)
class Match:
    """One person of the roster, and the existing person they are.

    `person` unites the rows that name them; its address is None if it may be somebody else's. `ids` holds the external ids of
    these rows. `vacated` is the existing person who gives this address up in the same roster.
    """

    person: PersonRow
    known: ExistingPerson | None
    ids: tuple[str, ...]
    vacated: ExistingPerson | None = None


def match_people(
    findings: Findings,
    people: Sequence[PersonRow],
    *,
    by_id: Mapping[str, ExistingPerson],
    by_email: Mapping[bytes, ExistingPerson],
    org: UUID,
) -> list[Match]:
    """Return one match for each person whom these rows name. The rows must not be rows that disable a person.

    A person is found by external id; else by address, when that is safe.
    """
    matches: list[Match] = []
    sharing: dict[bytes, list[PersonRow]] = {}
    for person in people:
        known = by_id.get(person.external_id)
        # An empty address keeps the known one, but it is no word of the roster for an address that an LMS made up.
        email = person.email or (known.email if known and known.confirmed else None)
        if email:
            sharing.setdefault(keyring().email_index(email, org=org), []).append(person)
        else:
            matches.append(Match(person=person, known=known, ids=(person.external_id,)))
    listed = {known.id for person in people if (known := by_id.get(person.external_id))}
    for digest, group in sharing.items():
        persons = [_unite(findings, rows, by_id) for rows in _rows_by_person(group, by_id)]
        matches += _give_address(findings, persons, holder=by_email.get(digest), listed=listed)
    return sorted(matches, key=lambda match: match.person.row)


def _rows_by_person(rows: list[PersonRow], by_id: Mapping[str, ExistingPerson]) -> list[list[PersonRow]]:
    """Return the rows of one address, grouped into persons.

    Two rows are one person if they have the same username or the same name and one of them is staff: families share an address
    and even a name, so two students are always two persons.
    """
    persons: list[list[PersonRow]] = []
    staff: dict[tuple[str, str], list[PersonRow]] = {}
    for row in sorted(rows, key=lambda person: not person.is_staff):
        traits = _traits(row)
        person = next(
            (staff[trait] for trait in traits if trait in staff and _can_be_one(row, staff[trait], by_id)), None
        )
        if person is None:
            person = []
            persons.append(person)
        person.append(row)
        if person[0].is_staff:
            for trait in traits:
                staff.setdefault(trait, person)
    return persons


def _traits(row: PersonRow) -> list[tuple[str, str]]:
    return [(kind, _fold(text)) for kind, text in (("username", row.username), ("name", row.name)) if text]


def _can_be_one(row: PersonRow, others: list[PersonRow], by_id: Mapping[str, ExistingPerson]) -> bool:
    known = {found.id for one in (row, *others) if (found := by_id.get(one.external_id))}
    usernames = {_fold(other.username) for other in others if other.username}
    # A father who teaches and his child may share name and address; then their usernames tell them apart.
    is_other = not row.is_staff and row.username and usernames and _fold(row.username) not in usernames
    return len(known) <= 1 and not is_other


def _unite(findings: Findings, rows: list[PersonRow], by_id: Mapping[str, ExistingPerson]) -> Match:
    """Return one person with the highest role of the rows, and warn about each further row."""
    main = min(rows, key=lambda one: (one.external_id not in by_id, ID_ORDER[one.role]))
    highest = max(rows, key=lambda one: RANKS[one.role])
    for row in rows:
        if row is not main:
            findings.add_warning(
                "users",
                row.row,
                "sourcedId",
                f"is the same person as in row {main.row} (same address, same name or username), so both rows are one account, with "
                f"the id {main.external_id}; an LMS that sends work for {row.external_id} would add a new student, so let it "
                f"send {main.external_id}",
            )
    person = replace(
        main,
        row=highest.row,
        role=highest.role,
        email=next((one.email for one in (main, *rows) if one.email), None),
        enabled=True if any(one.enabled for one in rows) else None,
    )
    return Match(person=person, known=by_id.get(main.external_id), ids=tuple(row.external_id for row in rows))


def _give_address(
    findings: Findings, persons: list[Match], *, holder: ExistingPerson | None, listed: set[UUID]
) -> list[Match]:
    """Give the address that these persons share to at most one of them, and say why the others do not get it.

    `holder` is the existing person who has it now; `listed` are the existing people whom the roster names by id. A holder who
    has it from an LMS alone gives it up to anybody else.
    """
    owner: Match | None
    keeper = None
    if holder is None or not holder.confirmed or (holder.id in listed and not any(_is(one, holder) for one in persons)):
        owner = _choose_owner(persons)
        given = owner and replace(owner, vacated=None if holder and _is(owner, holder) else holder)
        _tell_claim_ended(findings, given)
    elif any(_is(person, holder) for person in persons):
        owner = given = next(person for person in persons if _is(person, holder))
        keeper = holder
    else:
        owner = _find_claimant(persons, holder)
        given = owner and _claim(findings, owner, holder)
        keeper = holder
    matches = [] if given is None else [given]
    full_ids = _find_full_ids(persons, keeper)
    for person in persons:
        if person is not owner:
            full_id = _find_full_id(person, full_ids)
            _explain(findings, person, persons, owner=owner, holder=keeper, full_id=full_id)
            matches.append(replace(person, person=replace(person.person, email=None)))
    return matches


def _tell_claim_ended(findings: Findings, match: Match | None) -> None:
    """Warn when the person gets an address that only an LMS had named for somebody else."""
    if match is not None and match.vacated is not None and not match.vacated.confirmed:
        findings.add_warning(
            "users",
            match.person.row,
            "email",
            f"goes to this person; only an LMS had named it, for {match.vacated.external_id}, whose essays stay and who loses the "
            "address; if both are one person, change the external id of that account first",
        )


def _find_full_ids(persons: list[Match], holder: ExistingPerson | None) -> dict[str, str]:
    """Return the ids of digits of an address by their number: the holder's, or else the one with most leading zeros."""
    ids = sorted((one for person in persons for one in person.ids), key=len)
    if holder is not None and holder.external_id is not None:
        ids.append(holder.external_id)
    return {number: one for one in ids if (number := number_of(one)) is not None}


def _find_full_id(person: Match, full_ids: dict[str, str]) -> str | None:
    """Return the id that an id of this person differs from only by leading zeros."""
    found = ((one, full_ids.get(number_of(one) or "")) for one in person.ids)
    return next((full_id for one, full_id in found if full_id is not None and full_id != one), None)


def _is(person: Match, existing: ExistingPerson) -> bool:
    return person.known is not None and person.known.id == existing.id


def _choose_owner(persons: list[Match]) -> Match | None:
    staff = [person for person in persons if person.person.is_staff]
    candidates = persons if len(persons) == 1 else staff
    return candidates[0] if len(candidates) == 1 else None


def _find_claimant(persons: list[Match], holder: ExistingPerson) -> Match | None:
    """Return the person who is the holder of the address under another id, or without one, if that is certain."""
    claimants = [person for person in persons if person.known is None and _can_claim(person, holder, persons)]
    return claimants[0] if len(claimants) == 1 else None


def _can_claim(person: Match, holder: ExistingPerson, persons: list[Match]) -> bool:
    has_same_name = _has_name_of(person, holder)
    is_staff = holder.role != "student"
    lost_zeros = _find_full_id(person, _find_full_ids([], holder)) is not None
    if holder.external_id is None:
        return has_same_name or (len(persons) == 1 and person.person.is_staff == is_staff)
    return has_same_name and (person.person.is_staff or is_staff) and not lost_zeros


def _claim(findings: Findings, person: Match, holder: ExistingPerson) -> Match:
    """Return the person as the holder of the address. If the holder has another id, they keep it and the higher role."""
    if holder.external_id is None:
        return replace(person, known=holder)
    findings.add_warning(
        "users",
        person.person.row,
        "sourcedId",
        f"is the same person as {holder.external_id} (same address and name), and the account keeps the id "
        f"{holder.external_id}; an LMS that sends work for {person.person.external_id} would add a new student, so let it "
        f"send {holder.external_id}",
    )
    role = max(person.person.role, holder.role, key=lambda one: RANKS[one])
    return replace(person, known=holder, person=replace(person.person, role=role))


def _explain(
    findings: Findings,
    person: Match,
    persons: list[Match],
    *,
    owner: Match | None,
    holder: ExistingPerson | None,
    full_id: str | None,
) -> None:
    """Say why a person does not get the address: a fault if their id is probably wrong, else a warning.

    `holder` is the existing person who keeps it. `full_id` is the id of somebody else with the address, to which this person's
    id lacks only leading zeros.
    """
    row, is_new = person.person.row, person.known is None
    if is_new and full_id is not None:
        findings.add_fault(
            "users",
            row,
            "sourcedId",
            f"differs only by leading zeros from {full_id}, who has the same address; spreadsheets drop leading zeros, so "
            "format the column as text and export the file again",
        )
    elif is_new and owner is None and holder is not None and holder.external_id and _has_name_of(person, holder):
        findings.add_fault(
            "users",
            row,
            "email",
            f"belongs to somebody else in the org with the same name, {holder.external_id}; if both are one person, change the "
            "external id there first, else change or clear the address there",
        )
    else:
        findings.add_warning("users", row, "email", _tell_sharer(person, persons, owner=owner, holder=holder))


def _tell_sharer(person: Match, persons: list[Match], *, owner: Match | None, holder: ExistingPerson | None) -> str:
    if owner is not None:
        return f"is also the address of the person in row {owner.person.row}, who alone gets it; give each person their own"
    if holder is not None:
        return "belongs to somebody else in the org, so it is not stored here; give each person their own"
    other = next(one.person.row for one in persons if one is not person)
    return f"is also the address of the person in row {other}, so neither gets it; give each person their own"


def _has_name_of(person: Match, holder: ExistingPerson) -> bool:
    return bool(person.person.name and holder.name) and _fold(person.person.name) == _fold(holder.name)


def _fold(text: str | None) -> str:
    return " ".join(unicodedata.normalize("NFKC", text or "").split()).casefold()
