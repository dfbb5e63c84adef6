"""The audit trail: who did what to what. Written in the same transaction as the deed; nobody who logs in may change it.

An entry takes its place in its org's chain a moment later, when the clock comes by:
hash = sha256(hash of the entry before || what this one says, its org and place included).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.db import row, rows, run


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry in its place: `says` is the text that was hashed, with the org and the place in front."""

    id: UUID
    sequence: int
    hash: bytes
    says: str


@dataclass(frozen=True, kw_only=True)
class Head:
    """Where an org's chain ends."""

    sequence: int
    hash: bytes


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts: a person with their role, or a program of ours (then without an id)."""

    role: str
    id: UUID | None = None
    request_id: str | None = None


def note(action: str, *, org: UUID, actor: Actor, entity: str, entity_id: UUID, **detail: Any) -> None:
    """It is on record for good. Identifiers and closed words only; never a word anybody wrote."""
    run(
        """
        insert into audit_log (org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (org, actor.id, actor.role, actor.request_id, action, entity, entity_id, json.dumps(detail)),
    )


def chain(most: int) -> int:
    """Up to `most` new entries have their place in the chain of their org; returns how many. Call it as the clock."""
    found = row("select chain_audit(%s) as chained", (most,))
    return int(found["chained"]) if found else 0


def fetch_head(org: UUID) -> Head | None:
    """Return where the org's chain ends by its own account, or None before its first entry. Call it as the clock."""
    found = row("select sequence, hash from audit_heads where org_id = %s", (org,))
    return None if found is None else Head(sequence=found["sequence"], hash=bytes(found["hash"]))


def list_entries(*, org: UUID, limit: int, after: Entry | None = None) -> list[Entry]:
    """Return the org's chained entries in the order of their places; `after` is the last of a page. Call it as the clock."""
    condition = "(a.sequence, a.id) > (%(sequence)s, %(id)s)" if after else "a.sequence is not null"
    found = rows(
        f"""
        select a.id, a.sequence, a.hash, audit_entry(a, a.sequence) as says from audit_log as a
        where a.org_id = %(org)s and {condition} order by a.sequence, a.id limit %(limit)s
        """,  # noqa: S608 - constants of this function
        {"org": org, "limit": limit, "sequence": after and after.sequence, "id": after and after.id},
    )
    return [
        Entry(id=one["id"], sequence=one["sequence"], hash=bytes(one["hash"] or b""), says=one["says"]) for one in found
    ]


def count_unchained(org: UUID) -> int:
    """Return how many of the org's entries have no place yet. Call it as the clock."""
    found = row("select count(*) as waiting from audit_log where org_id = %s and sequence is null", (org,))
    return int(found["waiting"]) if found else 0


def hashes_at(org: UUID, sequence: int) -> list[bytes]:
    """Return the hash of the org's entry in that place; more than one when somebody forged. Call it as the clock."""
    found = rows("select hash from audit_log where org_id = %s and sequence = %s", (org, sequence))
    return [bytes(one["hash"] or b"") for one in found]


def list_newest(
    *, org: UUID, limit: int, before: UUID | None = None, entity_id: UUID | None = None, actor_id: UUID | None = None
) -> list[dict[str, Any]]:
    """Return the org's entries, newest first, about one thing or by one actor if wished. `before` is the last id of a page.

    Call it as ec_admin.
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
