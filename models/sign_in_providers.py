"""Where the people of an org sign in with their school's account (OpenID Connect), and which account belongs to whom."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from models import sessions
from models.crypto import AssociatedData, keyring
from models.db import new_ids, row, run
from models.errors import Invalid, NotFound, Unauthorised
from models.sessions import Account
from models.users import PersonRole

FindBy = Literal["email", "subject"]
_FACTS = "id, name, issuer, client_id, find_by, roles"


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A provider of accounts, without its client secret. `roles` may sign in with it."""

    id: UUID
    name: str
    issuer: str
    client_id: str
    find_by: FindBy
    roles: list[PersonRole]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Who a provider says that somebody is: its own id for them, and their e-mail address if it has verified that."""

    issuer: str
    id: str
    verified_email: str | None


def find(*, org: UUID) -> Provider | None:
    """Return the org's provider, or None. Call it as ec_auth or ec_admin."""
    found = row(f"select {_FACTS} from sign_in_providers where org_id = %s", (org,))  # noqa: S608 - a constant
    return Provider(**found) if found else None


def fetch(*, org: UUID) -> Provider:
    """Return the org's provider. Raises NotFound."""
    found = find(org=org)
    if found is None:
        raise NotFound("Your org has no sign-in provider.")
    return found


def fetch_secret(provider: Provider, *, org: UUID) -> str:
    """Return the client secret. Call it as ec_auth. Raises NotFound when the provider was removed."""
    found = row("select client_secret from sign_in_providers where org_id = %s and id = %s", (org, provider.id))
    if found is None:
        raise NotFound("Your org has no sign-in provider.")
    return keyring().open(found["client_secret"], place=_place(provider.id, org))


def store(
    *,
    org: UUID,
    name: str,
    issuer: str,
    client_id: str,
    client_secret: str | None,
    find_by: FindBy,
    roles: Sequence[PersonRole],
) -> Provider:
    """Store the org's provider, in place of an earlier one, and return it. Without a secret the stored one stays.

    With another issuer or client id nobody's account is linked any more. Call it as ec_admin. Raises Invalid when the first one comes
    without a secret, and when no admin could sign in any more.
    """
    earlier = find(org=org)
    if earlier is None and client_secret is None:
        raise Invalid("A new provider needs its client secret.", errors=[("/client_secret", "is needed")])
    provider = earlier.id if earlier else new_ids(1)[0]
    values: dict[str, Any] = {
        "id": provider, "org": org, "name": name, "issuer": issuer, "client_id": client_id, "find_by": find_by,
        "roles": list(roles), "secret": keyring().seal(client_secret, place=_place(provider, org)) if client_secret else None,
    }  # fmt: skip
    if earlier is None:
        run(
            """
            insert into sign_in_providers (id, org_id, name, issuer, client_id, client_secret, find_by, roles)
            values (%(id)s, %(org)s, %(name)s, %(issuer)s, %(client_id)s, %(secret)s, %(find_by)s, %(roles)s)
            """,
            values,
        )
    else:
        run(
            """
            update sign_in_providers set name = %(name)s, issuer = %(issuer)s, client_id = %(client_id)s, find_by = %(find_by)s,
                roles = %(roles)s where org_id = %(org)s
            """,
            values,
        )
        if client_secret is not None:
            run("update sign_in_providers set client_secret = %(secret)s where org_id = %(org)s", values)
        if (earlier.issuer, earlier.client_id) != (issuer, client_id):
            run("delete from linked_accounts where org_id = %s", (org,))
    require_way_in(org)
    return fetch(org=org)


def remove(*, org: UUID) -> None:
    """Remove the org's provider and all links to its accounts. Call it as ec_admin. Raises NotFound, and Invalid as `store` does."""
    if not run("delete from sign_in_providers where org_id = %s", (org,)):
        raise NotFound("Your org has no sign-in provider.")
    run("delete from linked_accounts where org_id = %s", (org,))
    require_way_in(org)


def require_way_in(org: UUID) -> None:
    """Check that admins may sign in with a password or at the provider. Call it after a change, as ec_admin. Raises Invalid."""
    found = row(
        """
        select o.id from orgs as o where o.id = %s and ('admin' = any (o.password_roles)
            or exists (select from sign_in_providers as p where p.org_id = o.id and 'admin' = any (p.roles))) for no key update of o
        """,
        (org,),
    )
    if found is None:
        detail = "leaves admins no way to sign in, neither with a password nor at a provider"
        raise Invalid(f"This {detail}.", errors=[("", detail)])


def unlink(user: UUID, *, org: UUID) -> bool:
    """Forget which account of the provider belongs to a person; return False when none did. Call it as ec_admin."""
    return run("delete from linked_accounts where org_id = %s and user_id = %s", (org, user)) > 0


def find_person(provider: Provider, subject: Subject, *, org: UUID) -> Account | None:
    """Return the account of the person whom the provider names, or None. Call it as ec_auth.

    An address leads to its person only when the provider has verified it, and the school too (`claimed_addresses`). With
    `find_by` subject it does so once: then only the same account of the provider leads there.
    """
    by_link = provider.find_by == "subject"
    if by_link:
        linked = row(
            "select user_id from linked_accounts where org_id = %s and subject_digest = %s",
            (org, _digest(subject, org=org)),
        )
        if linked is not None:
            return sessions.fetch_account(linked["user_id"], org=org)
    if subject.verified_email is None:
        return None
    account = sessions.find_account(subject.verified_email, org=org)
    if account is None or not account.confirmed:
        return None
    if (
        by_link
        and row("select from linked_accounts where org_id = %s and user_id = %s", (org, account.user)) is not None
    ):
        return None
    return account


def link(user: UUID, subject: Subject, *, org: UUID) -> None:
    """Store which account of the provider belongs to this person. Call it as ec_auth. Raises Unauthorised when another one does."""
    digest = _digest(subject, org=org)
    run(
        "insert into linked_accounts (user_id, org_id, subject_digest) values (%s, %s, %s) on conflict do nothing",
        (user, org, digest),
    )
    if row("select from linked_accounts where user_id = %s and subject_digest = %s", (user, digest)) is None:
        raise Unauthorised("This person was linked with another account a moment ago.")


def _digest(subject: Subject, *, org: UUID) -> bytes:
    key = keyring().derived_key("linked accounts")
    return hmac.new(key, f"{org}|{subject.issuer}|{subject.id}".encode(), hashlib.sha256).digest()


def _place(provider: UUID, org: UUID) -> AssociatedData:
    return AssociatedData("sign_in_providers", "client_secret", org, provider)
