"""Sign-in sessions: families of refresh tokens that rotate, and that are revoked when a token is used twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models import one_time_tokens
from models.crypto import AssociatedData, keyring
from models.db import row, run
from models.errors import AddressRefused, NotFound, Unauthorised
from models.networks import is_within
from models.users import PersonRole, data_key

LIFETIME_DAYS = 30
# A client that lost the answer to its refresh may repeat it within this time and gets the same successor.
GRACE_SECONDS = 10
# So long an educator or an admin may leave a session alone: a working day, and not the night after it.
STAFF_IDLE_HOURS = 12

# From where a person is accepted.
_NETWORKS = "case u.role when 'admin' then o.admin_networks else '{}' end as networks"
_ACCOUNT = f"""
    u.id, u.role, u.password_hash, u.token_version, u.disabled_at, u.address_confirmed_at, {_NETWORKS},
    u.role = any (o.password_roles) as may_use_password, f.user_id is not null as has_second_factor,
    o.second_factor_required and u.role <> 'student' as needs_second_factor
    from users as u join orgs as o on o.id = u.org_id
    left join second_factors as f on f.org_id = u.org_id and f.user_id = u.id and f.confirmed_at is not null
"""
# Whether a session was used lately enough, in hours for staff.
IN_USE = "(u.role = 'student' or s.rotated_at > now() - make_interval(hours => %(idle)s))"

# Why a family was revoked. `logout`: by the person, or by an admin for them; the audit trail says by whom.
Reason = Literal["logout", "reuse", "disabled", "password"]


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a sign-in needs to know about a person. With `confirmed` false they have no password and get no mail.

    `networks` are those from which the person is accepted; none means everywhere. With `needs_second_factor` the org lets them sign
    in with a password and a second factor only, whether they have one yet or not.
    """

    user: UUID
    role: PersonRole
    password_hash: str | None
    token_version: int
    disabled: bool
    confirmed: bool
    networks: tuple[str, ...]
    may_use_password: bool
    has_second_factor: bool
    needs_second_factor: bool


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A person's address and name and their org's short name, as stored and not as somebody typed them."""

    email: str | None
    name: str | None
    org_slug: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of refresh tokens, with the generation that may be used next."""

    id: UUID
    user: UUID
    role: PersonRole
    token_version: int
    generation: int
    expires_at: datetime


def find_account(email: str, *, org: UUID) -> Account | None:
    """Return the account with this address, or None. Call it as ec_auth."""
    found = row(
        f"select {_ACCOUNT} where u.org_id = %s and u.email_digest = %s",
        (org, keyring().email_index(email, org=org)),
    )
    return _to_account(found) if found else None


def fetch_account(user: UUID, *, org: UUID) -> Account:
    """Return a person's account. Call it as ec_auth. Raises NotFound."""
    found = row(
        f"select {_ACCOUNT} where u.org_id = %s and u.id = %s",
        (org, user),
    )
    if found is None:
        raise NotFound("There is no such person.")
    return _to_account(found)


def fetch_contact(user: UUID, *, org: UUID) -> Contact:
    """Return a person's address and name. Call it as ec_auth. Raises NotFound, also when their data was erased."""
    found = row(
        "select u.email, u.name, o.slug from users as u join orgs as o on o.id = u.org_id where u.org_id = %s and u.id = %s",
        (org, user),
    )
    if found is None:
        raise NotFound("There is no such person.")
    key = data_key(user, org=org)
    readable = {
        column: key.open(found[column], place=AssociatedData("users", column, org, user))
        if found[column] is not None
        else None
        for column in ("email", "name")
    }
    return Contact(**readable, org_slug=found["slug"])


def upgrade_password(account: Account, *, org: UUID, password_hash: str) -> None:
    """Store a hash of the same password at the current cost, unless the stored hash was changed meanwhile."""
    run(
        "update users set password_hash = %s where org_id = %s and id = %s and password_hash = %s",
        (password_hash, org, account.user, account.password_hash),
    )


def set_password(user: UUID, *, org: UUID, password_hash: str, instead_of: str | None = None) -> None:
    """Store the password hash and end all the person's tokens, of every kind. Call it as ec_auth.

    Raises Unauthorised when the stored hash is no longer the one in `instead_of`.
    """
    # Update the person's row first: a concurrent sign-in with the old password waits for this lock and then fails.
    replaced = run(
        """
        update users set password_hash = %s, token_version = token_version + 1
        where org_id = %s and id = %s and password_hash is not distinct from coalesce(%s, password_hash)
        """,
        (password_hash, org, user, instead_of),
    )
    if not replaced:
        raise Unauthorised("The password was changed a moment ago. Sign in again.")
    end_sessions(user, org=org, reason="password")
    one_time_tokens.end_all(user, org=org)


def open_family(account: Account, *, org: UUID, is_proof: bool = True) -> Family:
    """Store a new family for this person and return it, with its first token ready to be used.

    Without `is_proof` somebody else said who it is: before what is dangerous, the person has to prove it.

    Raises Unauthorised when the account was changed or disabled since it was looked up.
    """
    found = row(
        """
        insert into sessions (org_id, user_id, expires_at, proved_at)
        select u.org_id, u.id, now() + make_interval(days => %s), case when %s then null else timestamptz '-infinity' end from users as u
        where u.org_id = %s and u.id = %s and u.token_version = %s and u.disabled_at is null
        for share of u
        returning id, generation, expires_at
        """,
        (LIFETIME_DAYS, is_proof, org, account.user, account.token_version),
    )
    if found is None:
        raise Unauthorised("This account was changed a moment ago. Sign in again.")
    return Family(
        id=found["id"],
        user=account.user,
        role=account.role,
        token_version=account.token_version,
        generation=found["generation"],
        expires_at=found["expires_at"],
    )


def spend(
    family: UUID,
    *,
    org: UUID,
    user: UUID,
    generation: int,
    staff_idle_hours: int = STAFF_IDLE_HOURS,
    address: str | None = None,
) -> Family | None:
    """Use up a token and return its family, one generation further; revoke the family and return None after a second use.

    One conditional UPDATE uses up a token. Within GRACE_SECONDS the token just before the current one gets the same
    successor again. Raises Unauthorised when the family has ended or is not this person's, the person is disabled or the org is
    closed. The family of an educator or admin ends when it was not used for `staff_idle_hours`. Raises AddressRefused when the
    person is not accepted from this address (canonical); roll back, so that the token is not used up.
    """
    of_token = {"org": org, "family": family, "user": user, "generation": generation, "idle": staff_idle_hours}
    advanced = run(
        f"""
        update sessions as s set generation = s.generation + 1, rotated_at = now() from users as u
        where s.org_id = %(org)s and s.id = %(family)s and s.user_id = %(user)s and s.generation = %(generation)s
            and s.revoked_at is null and s.expires_at > now() and u.org_id = s.org_id and u.id = s.user_id and {IN_USE}
        """,  # noqa: S608 - a constant
        of_token,
    )
    found = row(
        f"""
        select s.user_id, s.generation, s.expires_at, s.revoked_at is null and s.expires_at > now() and {IN_USE} as live,
            s.rotated_at > now() - make_interval(secs => %(grace)s) as fresh, u.role, u.token_version, u.disabled_at, o.closed_at,
            {_NETWORKS}
        from sessions as s join users as u on u.org_id = s.org_id and u.id = s.user_id join orgs as o on o.id = s.org_id
        where s.org_id = %(org)s and s.id = %(family)s and s.user_id = %(user)s
        """,  # noqa: S608 - constants
        {**of_token, "grace": GRACE_SECONDS},
    )
    if found is None or not found["live"] or found["disabled_at"] is not None or found["closed_at"] is not None:
        raise Unauthorised("This session has ended. Sign in again.")
    if not advanced and not (found["generation"] == generation + 1 and found["fresh"]):
        run(
            "update sessions set revoked_at = now(), revoked_reason = 'reuse' where org_id = %s and id = %s and revoked_at is null",
            (org, family),
        )
        return None
    if not is_within(address, found["networks"]):
        raise AddressRefused
    return Family(
        id=family,
        user=found["user_id"],
        role=found["role"],
        token_version=found["token_version"],
        generation=found["generation"],
        expires_at=found["expires_at"],
    )


def keep(family: UUID, *, org: UUID) -> None:
    """Note that the session is in use, so that it does not end as left alone. Call it as ec_auth."""
    run(
        "update sessions set rotated_at = now() where org_id = %s and id = %s and revoked_at is null and expires_at > now()",
        (org, family),
    )


def note_proof(family: UUID, *, org: UUID) -> None:
    """Note that the person has proved who they are once more in this session. Call it as ec_auth."""
    run("update sessions set proved_at = now() where org_id = %s and id = %s and revoked_at is null", (org, family))


def close_family(family: UUID, *, org: UUID) -> None:
    """Revoke the family after a log-out; its access tokens stop working with the next request."""
    run(
        "update sessions set revoked_at = now(), revoked_reason = 'logout' where org_id = %s and id = %s and revoked_at is null",
        (org, family),
    )


def end_sessions(user: UUID, *, org: UUID, reason: Reason, keep: UUID | None = None) -> None:
    """Revoke every family of this person but `keep`; their tokens stop working with the next request."""
    run(
        """
        update sessions set revoked_at = now(), revoked_reason = %s
        where org_id = %s and user_id = %s and revoked_at is null and id is distinct from %s
        """,
        (reason, org, user, keep),
    )


def _to_account(found: dict[str, Any]) -> Account:
    return Account(
        user=found["id"],
        role=found["role"],
        password_hash=found["password_hash"],
        token_version=found["token_version"],
        disabled=found["disabled_at"] is not None,
        confirmed=found["address_confirmed_at"] is not None,
        networks=tuple(found["networks"]),
        may_use_password=found["may_use_password"],
        has_second_factor=found["has_second_factor"],
        needs_second_factor=found["needs_second_factor"],
    )
