"""Addresses that only an LMS has named. Such an address gets no mail, and belongs to whomever the school gives it to."""

from __future__ import annotations

from uuid import UUID

from models import one_time_tokens
from models.crypto import keyring
from models.db import row, run


def find_claimant(external_id: str, *, org: UUID) -> UUID | None:
    """Return the account with this external id that only an LMS has named so far, or None. Call it as ec_admin."""
    found = row(
        "select id from users where org_id = %s and external_id_digest = %s and address_confirmed_at is null for no key update",
        (org, keyring().external_id_index(external_id, org=org)),
    )
    return found["id"] if found else None


def free(email: str | None, *, org: UUID, owner: UUID | None = None) -> None:
    """Take this address from an account that only an LMS gave it to, unless that is the `owner`. Call it as ec_admin.

    The account keeps its essays and its external id. One without an external id keeps the address: nothing else names it.
    """
    if email is None:
        return
    vacated = row(
        """
        update users set email = null, email_digest = null
        where org_id = %s and email_digest = %s and address_confirmed_at is null and external_id_digest is not null
            and id is distinct from %s
        returning id
        """,
        (org, keyring().email_index(email, org=org), owner),
    )
    if vacated is not None:
        one_time_tokens.end_all(vacated["id"], org=org)


def confirm(user: UUID, *, org: UUID) -> None:
    """Store that the school stands by this person's address. Idempotent. Call it as ec_admin."""
    run(
        "update users set address_confirmed_at = now() where org_id = %s and id = %s and address_confirmed_at is null",
        (org, user),
    )
