"""Access log: an audit entry for each time staff read another person's data, in the same transaction as the reading."""

from __future__ import annotations

from uuid import UUID

from ingest.web.identity import Identity, actor_of, is_staff
from models.audit import write_entry


def note_read(who: Identity, *, entity: str, entity_id: UUID, person: UUID) -> None:
    """Write an audit entry when an educator or admin reads data of another person.

    Does nothing when students or API keys read, or when people read their own data. Needs an open session: if the entry cannot
    be stored, the reading fails too.
    """
    if is_staff(who) and who.user != person:
        actor = actor_of(who)
        write_entry("read", org=who.org, actor=actor, entity=entity, entity_id=entity_id, user_id=str(person))
