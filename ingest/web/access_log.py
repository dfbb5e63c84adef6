"""What staff read of somebody else's is on record, in the same transaction: no record, no reading."""

from __future__ import annotations

from uuid import UUID

from ingest.web.identity import Identity, actor_of
from models.audit import note


def note_read(who: Identity, *, entity: str, entity_id: UUID, person: UUID) -> None:
    """It is on record that an educator or admin read this of that person. One's own reading is nobody's business."""
    if who.role in ("ec_educator", "ec_admin") and who.user != person:
        actor = actor_of(who)
        note("read", org=who.org, actor=actor, entity=entity, entity_id=entity_id, user_id=str(person))
