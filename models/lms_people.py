"""Find the person whom a source (a platform, or an LMS that we ask) names: by its own id of them, or by that of the school's register."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from models.courses import Membership, add_member
from models.crypto import AssociatedData, keyring
from models.db import new_ids, row, run
from models.errors import Invalid, NotFound
from models.identifiers import fold_identifier
from models.users import add_user, data_key

MAX_NAME = 200
MAX_ID = 255
# The prefix of ids that we give to people whom only their LMS knows, whatever kind of source that is. No LMS may send such an id.
OWN_ID = "lti:"
LinkRole = Literal["student", "educator"]
ROLE_DIFFERS: dict[str, str] = {
    "student": "Your account here is a student's, and your LMS says that you teach. Ask an admin of your school to make it a teacher's.",
    "educator": "Your account here is a teacher's, and your LMS says that you are a student of this course.",
    "admin": "Your account here is an admin's. Sign in with it on our own page.",
}


@dataclass(frozen=True, kw_only=True)
class LmsPerson:
    """A person as a source names them: its own id, the school's id if it says so, and a name for somebody new."""

    subject: str
    sis_id: str | None
    name: str | None


def find_or_add(person: LmsPerson, *, role: LinkRole, org: UUID, source: UUID) -> UUID:
    """Return the user whom the acting source means, and add them when they are new. Call it as ec_lms, the source as actor.

    The school's id leads to the person of the roster. An e-mail address leads to nobody, because people may choose it in an LMS.
    Concurrent equal calls add one person. Raises Invalid when the account has another role, and NotFound when it was erased.
    """
    digest = _digest(person.subject, source=source)
    found = _find(digest, org=org, source=source)
    if found is None:
        for one in (digest, keyring().external_id_index(_external_id(person, source=source), org=org)):
            run("select pg_advisory_xact_lock(hashtextextended(encode(%s, 'hex'), 0))", (one,))
        found = _find(digest, org=org, source=source) or _link(person, digest, role=role, org=org, source=source)
    user, known_role = found
    if known_role != role:
        raise Invalid(ROLE_DIFFERS[known_role], errors=[])
    return user


def enrol(user: UUID, *, org: UUID, course: UUID, role: Membership) -> None:
    """Enrol whom the acting source has named. A teacher gets only the source's own courses. Call it as ec_lms. Raises NotFound."""
    if role == "student":
        add_member(user, org=org, course=course, role="student")
        return
    found = row("select enrol_lms_educator(%s, %s) as teaches", (user, course))
    if found is None or not found["teaches"]:
        raise NotFound("This course is not your LMS's own. Ask an admin of your school to let you teach it here.")


def _link(person: LmsPerson, digest: bytes, *, role: LinkRole, org: UUID, source: UUID) -> tuple[UUID, str]:
    external_id = _external_id(person, source=source)
    known = row(
        "select id, role from users where org_id = %s and external_id_digest = %s",
        (org, keyring().external_id_index(external_id, org=org)),
    )
    if known is None:
        name = person.name[:MAX_NAME] if person.name else None
        known = {"id": _add(name, external_id, role=role, org=org), "role": role}
    elif known["role"] != role:
        raise Invalid(ROLE_DIFFERS[known["role"]], errors=[])
    user, link = known["id"], new_ids(1)[0]
    sealed = data_key(user, org=org).seal(person.subject, place=AssociatedData("lms_people", "subject", org, link))
    run(
        "insert into lms_people (id, org_id, source_id, user_id, subject, subject_digest) values (%s, %s, %s, %s, %s, %s)",
        (link, org, source, user, sealed, digest),
    )
    return user, known["role"]


def _add(name: str | None, external_id: str, *, role: LinkRole, org: UUID) -> UUID:
    if role == "student":
        return add_user("student", org=org, name=name, external_id=external_id)
    user = new_ids(1)[0]
    wrapped, key = keyring().new_data_key(org=org, user=user)
    sealed = {
        column: None if value is None else key.seal(value, place=AssociatedData("users", column, org, user))
        for column, value in (("name", name), ("external_id", external_id))
    }
    run(
        "select add_lms_educator(%s, %s, %s, %s, %s, %s)",
        (
            user, sealed["name"], sealed["external_id"], keyring().external_id_index(external_id, org=org), wrapped.wrapped,
            wrapped.master_key_id,
        ),
    )  # fmt: skip
    return user


def _find(digest: bytes, *, org: UUID, source: UUID) -> tuple[UUID, str] | None:
    found = row(
        """
        select u.id, u.role from lms_people as l join users as u on u.org_id = l.org_id and u.id = l.user_id
        where l.org_id = %s and l.source_id = %s and l.subject_digest = %s
        """,
        (org, source, digest),
    )
    return (found["id"], found["role"]) if found else None


def _external_id(person: LmsPerson, *, source: UUID) -> str:
    """Return the id under which the school knows the person: its own, or one that no other source can give.

    Ids of a school are folded, and an LMS's are exact: `4` and `4 ` are two people.
    """
    own = f"{OWN_ID}{source}:{person.subject}"
    if not _is_folded(own):
        own = f"{OWN_ID}{source}:sha256:{hashlib.sha256(person.subject.encode()).hexdigest()}"
    return _register_id(person.sis_id) or own


def _is_folded(text: str) -> bool:
    try:
        return fold_identifier(text) == text
    except ValueError:
        return False


def _register_id(sis_id: str | None) -> str | None:
    """Return an id of the school's register as it is stored, or None for what is none, whatever an LMS says."""
    try:
        folded = fold_identifier(sis_id) if sis_id else ""
    except ValueError:
        return None
    return folded if 0 < len(folded) <= MAX_ID and not folded.startswith(OWN_ID) else None


def _digest(subject: str, *, source: UUID) -> bytes:
    key = keyring().derived_key("lms people")
    return hmac.new(key, f"{source}|{subject}".encode(), hashlib.sha256).digest()
