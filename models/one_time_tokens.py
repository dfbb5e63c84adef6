"""Single-use tokens that let somebody choose a password: an invitation, or a reset of a forgotten one."""

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
    """A token exists, and older ones of this person and purpose are over; its text is returned once and never stored.

    Call it as ec_auth or ec_admin. Raises NotFound when there is no such person, or they are disabled.
    """
    # Two tokens asked for at the same moment: the later one ends the earlier.
    if row(
        "select id from users where org_id = %s and id = %s and disabled_at is null for no key update", (org, user)
    ) is None:  # fmt: skip
        raise NotFound("There is no such person.")
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
    """Return whom a token that may still be used lets in, if anybody. Call it as ec_auth."""
    found = row(
        """
        select t.user_id from one_time_tokens as t join users as u on u.org_id = t.org_id and u.id = t.user_id
        where t.org_id = %s and t.digest = %s and t.used_at is null and t.expires_at > now() and u.disabled_at is null
        """,
        (org, _digest(text)),
    )
    return found["user_id"] if found else None


def spend(text: str, *, org: UUID, user: UUID) -> bool:
    """The token is used up; False when it was before, or is over. Call it as ec_auth.

    The person's row is locked first, as by everything that changes how they sign in.
    """
    if row(
        "select id from users where org_id = %s and id = %s and disabled_at is null for no key update", (org, user)
    ) is None:  # fmt: skip
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
    """No token lets anybody in as this person. Call it when their password or their address has changed."""
    run(
        "update one_time_tokens set used_at = now() where org_id = %s and user_id = %s and used_at is null",
        (org, user),
    )


def _digest(text: str) -> bytes:
    # Thirty-two random bytes cannot be guessed from their digest; a slow hash would add nothing.
    return hashlib.sha256(text.encode()).digest()
