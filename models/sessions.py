"""Signing in and staying signed in: refresh-token families that rotate, and are revoked when one is used twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.crypto import keyring
from models.db import row, run
from models.errors import Unauthorised
from models.users import PersonRole

LIFETIME_DAYS = 30
# A client that lost the answer to its refresh may ask once more within this time and gets the same successor.
GRACE_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Account:
    """What signing in needs to know about a person."""

    user: UUID
    role: PersonRole
    password_hash: str | None
    token_version: int
    disabled: bool


@dataclass(frozen=True, kw_only=True)
class Family:
    """A refresh-token family and the generation that may be spent next."""

    id: UUID
    user: UUID
    role: PersonRole
    token_version: int
    generation: int
    expires_at: datetime


def find_account(email: str, *, org: UUID) -> Account | None:
    """Return the account with this address, if there is one. Call it as ec_auth."""
    found = row(
        "select id, role, password_hash, token_version, disabled_at from users where org_id = %s and email_digest = %s",
        (org, keyring().email_index(email, org=org)),
    )
    if found is None:
        return None
    return Account(
        user=found["id"],
        role=found["role"],
        password_hash=found["password_hash"],
        token_version=found["token_version"],
        disabled=found["disabled_at"] is not None,
    )


def upgrade_password(user: UUID, *, org: UUID, password_hash: str) -> None:
    """The stored hash is the given one: same password, today's cost."""
    run("update users set password_hash = %s where org_id = %s and id = %s", (password_hash, org, user))


def open_family(account: Account, *, org: UUID) -> Family:
    """A new family exists for this person; its first token may be spent."""
    found = row(
        """
        insert into sessions (org_id, user_id, expires_at) values (%s, %s, now() + make_interval(days => %s))
        returning id, generation, expires_at
        """,
        (org, account.user, LIFETIME_DAYS),
    )
    assert found is not None
    return Family(
        id=found["id"],
        user=account.user,
        role=account.role,
        token_version=account.token_version,
        generation=found["generation"],
        expires_at=found["expires_at"],
    )


def spend(family: UUID, *, org: UUID, generation: int) -> Family | None:
    """Return the family one generation on; None means this token was used before and the family is now revoked.

    One conditional UPDATE spends a token. Within the grace time the direct parent gets the same successor again.
    Raises Unauthorised when the family has ended.
    """
    moved = run(
        """
        update sessions set generation = generation + 1, rotated_at = now()
        where org_id = %s and id = %s and generation = %s and revoked_at is null and expires_at > now()
        """,
        (org, family, generation),
    )
    found = row(
        """
        select s.user_id, s.generation, s.expires_at, s.revoked_at is null and s.expires_at > now() as live,
            s.rotated_at > now() - make_interval(secs => %s) as fresh, u.role, u.token_version, u.disabled_at
        from sessions as s join users as u on u.org_id = s.org_id and u.id = s.user_id
        where s.org_id = %s and s.id = %s
        """,
        (GRACE_SECONDS, org, family),
    )
    if found is None or not found["live"] or found["disabled_at"] is not None:
        raise Unauthorised("This session has ended. Sign in again.")
    if not moved and not (found["generation"] == generation + 1 and found["fresh"]):
        run(
            "update sessions set revoked_at = now(), revoked_reason = 'reuse' where org_id = %s and id = %s and revoked_at is null",
            (org, family),
        )
        return None
    return Family(
        id=family,
        user=found["user_id"],
        role=found["role"],
        token_version=found["token_version"],
        generation=found["generation"],
        expires_at=found["expires_at"],
    )


def close_family(family: UUID, *, org: UUID) -> None:
    """The family is revoked; its access tokens stop working with the next request."""
    run(
        "update sessions set revoked_at = now(), revoked_reason = 'logout' where org_id = %s and id = %s and revoked_at is null",
        (org, family),
    )
