"""Access log: an audit entry for each time staff read another person's data, in the same transaction as the reading."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from ingest.web.identity import Identity, is_staff
from ingest.web.metrics import count_security_event
from models.audit import write_entries, write_entry
from models.security_events import event_of


def note_read(who: Identity, *, entity: str, entity_id: UUID, person: UUID, by_api_key: bool = False) -> None:
    """Write an audit entry when an educator or admin reads data of another person.

    Does nothing when people read their own data, and when an API key reads, unless `by_api_key` is true. Needs an open session:
    if the entry cannot be stored, the reading fails too.
    """
    note_reads(who, entity=entity, people={entity_id: person}, by_api_key=by_api_key)


def note_reads(who: Identity, *, entity: str, people: Mapping[UUID, UUID], by_api_key: bool = False) -> None:
    """Write an audit entry as `note_read` does for each thing that was read. `people` maps its id to the person it is about."""
    if not (is_staff(who) or (by_api_key and who.is_api_key)):
        return
    entries = [(thing, {"user_id": str(person)}) for thing, person in people.items() if person != who.user]
    write_entries("read", entity=entity, entries=entries)
    _count(entity, len(entries))


def note_link(*, essay: UUID, person: UUID, minutes: int) -> None:
    """Write an audit entry for a link to an essay: whoever made it lets others read. Needs an open session of the maker."""
    write_entry("link_made", entity="essay", entity_id=essay, user_id=str(person), minutes=minutes)
    _count("essay", 1)


def note_read_deliveries(*, entity: str, entity_id: UUID, **facts: object) -> None:
    """Write an audit entry when an admin reads what an LMS sent: a delivery, or the deliveries of a source."""
    write_entry("read", entity=entity, entity_id=entity_id, **facts)
    _count(entity, 1)


def _count(entity: str, times: int) -> None:
    event = event_of(entity, "read")
    if event is not None:
        count_security_event(event, times)
