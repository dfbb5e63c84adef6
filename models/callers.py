"""Who calls: the owner of an API key, and the source of a delivery. All of it as ec_auth, before anybody is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.api_key_text import digest, has_right_checksum
from models.connections import DELIVERING_KINDS, Scope, SourceKind
from models.crypto import AssociatedData, keyring
from models.db import row, run
from models.errors import KeysMissing, NotFound, Unauthorised
from models.networks import is_within


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The caller that an API key belongs to: the key's id, its org and its scopes. `refused`: not from this address."""

    id: UUID
    org: UUID
    scopes: frozenset[str]
    refused: bool = False


@dataclass(frozen=True, kw_only=True)
class Source:
    """A webhook source with its networks and valid secrets, newest first; each of them may have signed a delivery.

    `mapping`: how the deliveries of a `custom` source are read.
    """

    id: UUID
    org: UUID
    kind: SourceKind
    secrets: tuple[str, ...]
    networks: tuple[str, ...]
    mapping: dict[str, Any] | None


def recognise_api_key(text: str, *, pepper: bytes, address: str | None = None) -> Caller:
    """Return the caller that the key belongs to, and store the day of its last use. Call it as ec_auth.

    A key that is not accepted from this address (canonical) is returned as `refused`, and its day is not stored. Raises
    Unauthorised, and KeysMissing while nobody's writing can be read.
    """
    # The checksum refuses a mistyped or invented key without a query.
    if has_right_checksum(text):
        found = row(
            """
            select id, org_id, scopes, networks, last_used_on is distinct from (now() at time zone 'utc')::date as first_today,
                keys_missing() as keyless
            from api_keys where digest = %s and revoked_at is null and coalesce(expires_at, 'infinity') > now()
                and exists (select from orgs as o where o.id = org_id and o.closed_at is null)
            """,
            (digest(text, pepper),),
        )
        if found is not None:
            if found["keyless"]:
                raise KeysMissing
            refused = not is_within(address, found["networks"])
            if found["first_today"] and not refused:
                _store_last_use(found["id"])
            return Caller(id=found["id"], org=found["org_id"], scopes=frozenset(found["scopes"]), refused=refused)
    raise Unauthorised("The API key is not known, has expired or was revoked.")


def require_live_key(key: UUID, *, scope: Scope, address: str | None = None) -> None:
    """Check that the API key is still valid, also from this address, and has this scope. Call it as ec_auth. Raises Unauthorised."""
    found = row(
        """
        select networks from api_keys where id = %s and revoked_at is null and coalesce(expires_at, 'infinity') > now()
            and %s = any (scopes) and exists (select from orgs as o where o.id = org_id and o.closed_at is null)
        """,
        (key, scope),
    )
    if found is None or not is_within(address, found["networks"]):
        raise Unauthorised("The API key has expired or was revoked.")


def find_source(source: UUID) -> Source:
    """Return a source with its valid secrets. Call it as ec_auth.

    Raises NotFound, also when the source is disabled or its org is closed, and KeysMissing while nobody's writing can be read.
    """
    found = row(
        """
        select org_id, kind, secret, networks, mapping, case when previous_secret_until > now() then previous_secret end as previous_secret,
            keys_missing() as keyless
        from sources where id = %s and disabled_at is null and kind = any (%s)
            and exists (select from orgs as o where o.id = org_id and o.closed_at is null)
        """,
        (source, list(DELIVERING_KINDS)),
    )
    if found is None:
        raise NotFound("There is no such webhook source.")
    if found["keyless"]:
        raise KeysMissing
    places = {
        column: AssociatedData("sources", column, found["org_id"], source) for column in ("secret", "previous_secret")
    }
    valid_secrets = tuple(
        keyring().open(found[column], place=places[column]) for column in places if found[column] is not None
    )
    return Source(
        id=source,
        org=found["org_id"],
        kind=found["kind"],
        secrets=valid_secrets,
        networks=tuple(found["networks"]),
        mapping=found["mapping"],
    )


def _store_last_use(key: UUID) -> None:
    run(
        """
        update api_keys set last_used_on = (now() at time zone 'utc')::date
        where id = %s and last_used_on is distinct from (now() at time zone 'utc')::date
        """,
        (key,),
    )
