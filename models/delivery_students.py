"""Which student a delivery names, so that what was refused or ignored is encrypted by their key and goes with them.

A delivery that cannot be used may have any form, so this is a best effort. It reads JSON, JSON that breaks off, and form fields.
Only an LMS id or an e-mail address is compared, never a name, and only in a place where a student is named or, for an address,
as a whole value: what a student writes about somebody else must not make the text theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models.crypto import Key, keyring
from models.db import row, rows
from models.delivery_names import Named, read_named
from models.users import unwrap_key


@dataclass(frozen=True, kw_only=True)
class Student:
    """A student whom a delivery names, and their key."""

    id: UUID
    key: Key


@dataclass(frozen=True, kw_only=True)
class Mentions:
    """The digests of everybody whom a delivery may name: of LMS ids, of addresses in a student's place, and of other addresses.

    `with_id`: the student's place has more than an address.
    """

    external_ids: frozenset[bytes]
    emails: frozenset[bytes]
    other_emails: frozenset[bytes]
    with_id: bool

    def name(self, external_id_digest: bytes | None, email_digest: bytes | None) -> bool:
        """Return whether a person with these digests is among them."""
        return external_id_digest in self.external_ids or email_digest in self.emails | self.other_emails


def mentions_of(body: str, *, org: UUID) -> Mentions:
    """Return the digests of the people whom a stored body may name."""
    named: Named = read_named(body)
    ring = keyring()
    return Mentions(
        external_ids=frozenset(ring.external_id_index(one, org=org) for one in named.ids),
        emails=frozenset(ring.email_index(one, org=org) for one in named.emails),
        other_emails=frozenset(ring.email_index(one, org=org) for one in named.other_emails),
        with_id=any("@" not in one for one in named.ids),
    )


def recognise(body: str, *, org: UUID) -> Student | None:
    """Return the one student of the org whom the body names; None when it names nobody who is known, or several.

    An LMS id says more than an address: two students may share one. An address elsewhere counts only when the student's place is
    empty, because it may be a friend's or a parent's.
    """
    return recognise_by(mentions_of(body, org=org), org=org)


def recognise_by(mentions: Mentions, *, org: UUID) -> Student | None:
    """Return the one student whom these digests name, or None."""
    if not (mentions.external_ids or mentions.emails or mentions.other_emails):
        return None
    found = rows(
        """
        select u.id, u.external_id_digest, u.email_digest, k.wrapped, k.master_key_id
        from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
        where u.org_id = %s and u.role = 'student'
            and (u.external_id_digest = any (%s::bytea[]) or u.email_digest = any (%s::bytea[]))
        order by u.id
        """,
        (org, sorted(mentions.external_ids), sorted(mentions.emails | mentions.other_emails)),
    )
    by_id = [
        one for one in found if one["external_id_digest"] and bytes(one["external_id_digest"]) in mentions.external_ids
    ]
    emails = mentions.emails or (frozenset() if mentions.with_id else mentions.other_emails)
    by_email = [
        one for one in found
        if one["email_digest"] and bytes(one["email_digest"]) in emails
        and not (mentions.with_id and one["external_id_digest"])
    ]  # fmt: skip
    match by_id or by_email:
        case [only]:
            return Student(id=only["id"], key=unwrap_key(only, org=org, user=only["id"]))
        case _:
            return None


def digests_of(user: UUID, *, org: UUID) -> tuple[bytes | None, bytes | None]:
    """Return the digests of a person's external id and e-mail, each None where they have none."""
    found = row("select external_id_digest, email_digest from users where org_id = %s and id = %s", (org, user))
    external_id, email = (found["external_id_digest"], found["email_digest"]) if found else (None, None)
    return external_id and bytes(external_id), email and bytes(email)
