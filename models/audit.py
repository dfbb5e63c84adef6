"""The audit trail: who did what to what. An entry is written in the same transaction as the action it describes.

No database role that can log in may change an entry. A moment later the clock appends the entry to the chain of its org:
hash = sha256(hash of the previous entry || text of this entry, with its org and sequence number).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.db import row, rows, run


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A chained entry. `says` is the text that was hashed; it begins with the org and the sequence number."""

    id: UUID
    sequence: int
    hash: bytes
    says: str


@dataclass(frozen=True, kw_only=True)
class Head:
    """The end of an org's chain: the sequence number and hash of its last entry."""

    sequence: int
    hash: bytes


def write_entry(action: str, *, entity: str, entity_id: UUID, **detail: Any) -> None:
    """Write a permanent audit entry. `detail` holds identifiers and words from fixed lists, never text that a person wrote.

    Org, actor, role and request are those of the session. An actor without an id is an operator at a command line. Raises
    Forbidden when this role causes no such entry (the list is in migration 0026).
    """
    write_entries(action, entity=entity, entries=[(entity_id, detail)])


def write_entries(action: str, *, entity: str, entries: Sequence[tuple[UUID, Mapping[str, Any]]]) -> None:
    """Write one permanent audit entry for each entity id and its detail, as `write_entry` does, all in one round trip."""
    run(
        "select audit_write(%s, %s, %s::uuid[], %s::jsonb[])",
        (action, entity, [entity_id for entity_id, _ in entries], [json.dumps(detail) for _, detail in entries]),
    )


def chain(most: int) -> list[dict[str, Any]]:
    """Append up to `most` new entries to the chains of their orgs and return them. Call it as the clock, once in a session."""
    return rows(
        """
        select id, created_at, org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail
        from chain_audit_entries(%s)
        """,
        (most,),
    )


def fetch_head(org: UUID) -> Head | None:
    """Return the end of the org's chain as `audit_heads` has it, or None before the first entry. Call it as the clock."""
    found = row("select sequence, hash from audit_heads where org_id = %s", (org,))
    return None if found is None else Head(sequence=found["sequence"], hash=bytes(found["hash"]))


def fetch_heads() -> dict[UUID, Head]:
    """Return the end of each org's chain, by org. Call it as the clock."""
    found = rows("select org_id, sequence, hash from audit_ends()")
    return {one["org_id"]: Head(sequence=one["sequence"], hash=bytes(one["hash"])) for one in found}


def list_entries(*, org: UUID, limit: int, after: Entry | None = None) -> list[Entry]:
    """Return the org's chained entries by sequence number. `after` is the last of the previous page.

    Call it as the clock or as ec_admin.
    """
    condition = "(a.sequence, a.id) > (%(sequence)s, %(id)s)" if after else "a.sequence is not null"
    found = rows(
        f"""
        select a.id, a.sequence, a.hash, audit_entry(a, a.sequence) as says from audit_log as a
        where a.org_id = %(org)s and {condition} order by a.sequence, a.id limit %(limit)s
        """,  # noqa: S608 - constants of this function
        {"org": org, "limit": limit, "sequence": after and after.sequence, "id": after and after.id},
    )
    return [
        Entry(id=record["id"], sequence=record["sequence"], hash=bytes(record["hash"] or b""), says=record["says"])
        for record in found
    ]


def count_unchained(org: UUID) -> int:
    """Return how many of the org's entries are not chained yet. Call it as the clock."""
    found = row("select count(*) as waiting from audit_log where org_id = %s and sequence is null", (org,))
    return int(found["waiting"]) if found else 0


def hashes_at(org: UUID, sequence: int) -> list[bytes]:
    """Return the hash of the org's entry with this number; several hashes mean a forgery. Call it as the clock."""
    found = rows("select hash from audit_log where org_id = %s and sequence = %s", (org, sequence))
    return [bytes(record["hash"] or b"") for record in found]


def list_newest(
    *, org: UUID, limit: int, before: UUID | None = None, entity_id: UUID | None = None, actor_id: UUID | None = None
) -> list[dict[str, Any]]:
    """Return the org's entries, newest first, optionally only those about one entity or by one actor.

    `before` is the last id of the previous page. Call it as ec_admin.
    """
    return rows(
        """
        select id, created_at, actor_id, actor_role, request_id, action, entity, entity_id, detail, sequence from audit_log
        where org_id = %(org)s and (%(before)s::uuid is null or id < %(before)s)
            and (%(entity_id)s::uuid is null or entity_id = %(entity_id)s)
            and (%(actor_id)s::uuid is null or actor_id = %(actor_id)s)
        order by id desc limit %(limit)s
        """,
        {"org": org, "before": before, "entity_id": entity_id, "actor_id": actor_id, "limit": limit},
    )
