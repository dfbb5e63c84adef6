"""The audit trail: who did what to what. Written in the same transaction as the deed; nobody who logs in may change it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.db import run


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
