"""Single-use tokens with which a person chooses a password: invitations, and resets of a forgotten password."""

from __future__ import annotations

import hashlib
import secrets
from typing import Literal
from uuid import UUID

from models.db import row, run
from models.errors import NotFound

Purpose = Literal["invitation", "password_reset"]

LIFETIME_HOURS: dict[Purpose, int] = {"invitation": 7 * 24, "password_reset": 1}
RANDOM_BYTES = 32


def issue(user: UUID, *, org: UUID, purpose: Purpose) -> str:
    """Store a token and return its text. A new invitation ends older ones; resets stay valid until a password is set.

    Anybody may ask for a reset of anybody, so a request must not end the link that its owner is about to use. Only the
    token's digest is stored, so the text cannot be returned again. Call it as ec_auth or ec_admin. Raises NotFound when the
    person does not exist or is disabled.
    """
    # The lock orders concurrent requests, so that the later invitation ends the earlier one.
    if row(
        "select id from users where org_id = %s and id = %s and disabled_at is null for no key update", (org, user)
    ) is None:  # fmt: skip
        raise NotFound("There is no such person.")
    if purpose == "invitation":
        run(
            "update one_time_tokens set used_at = now() where org_id = %s and user_id = %s and purpose = %s and used_at is null",
            (org, user, purpose),
        )
    text = secrets.token_urlsafe(RANDOM_BYTES)
    run(
        """
        insert into one_time_tokens (org_id, user_id, purpose, digest, expires_at)
        values (%s, %s, %s, %s, now() + make_interval(hours => %s))
        """,
        (org, user, purpose, _digest(text), LIFETIME_HOURS[purpose]),
    )
    return text


def find_holder(text: str, *, org: UUID) -> UUID | None:
    """Return the person that an unused token belongs to, or None. Call it as ec_auth."""
    found = row(
        """
        select t.user_id from one_time_tokens as t join users as u on u.org_id = t.org_id and u.id = t.user_id
        where t.org_id = %s and t.digest = %s and t.used_at is null and t.expires_at > now() and u.disabled_at is null
            and u.address_confirmed_at is not null
        """,
        (org, _digest(text)),
    )
    return found["user_id"] if found else None


def spend(text: str, *, org: UUID, user: UUID) -> bool:
    """Use up the token and return True; return False when it was used, has expired, or the person is disabled or unconfirmed.

    The person's row is locked first, as in everything that changes how they sign in. Call it as ec_auth.
    """
    locked = row(
        """
        select id from users where org_id = %s and id = %s and disabled_at is null and address_confirmed_at is not null
        for no key update
        """,
        (org, user),
    )
    if locked is None:
        return False
    spent = run(
        """
        update one_time_tokens set used_at = now()
        where org_id = %s and digest = %s and user_id = %s and used_at is null and expires_at > now()
        """,
        (org, _digest(text), user),
    )
    return spent == 1


def end_all(user: UUID, *, org: UUID) -> None:
    """End all tokens of this person. Call it when their password or their e-mail address has changed."""
    run(
        "update one_time_tokens set used_at = now() where org_id = %s and user_id = %s and used_at is null",
        (org, user),
    )


def _digest(text: str) -> bytes:
    # Thirty-two random bytes cannot be guessed from their digest, so a slow hash would add nothing.
    return hashlib.sha256(text.encode()).digest()
