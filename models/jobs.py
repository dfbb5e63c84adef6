"""The job contract: the names of passes, tables and queues, and the hints that tell a worker to look at a row.

A hint carries identifiers only. It does no harm when it is lost, repeated or late: the row is the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import dramatiq


class PassName(StrEnum):
    """The readings of an essay. docs/adding-a-pass.md says how to add one."""

    GRAMMAR = "grammar"
    STRUCTURE = "structure"
    CONTENT = "content"


# The order in which comments of a version are shown.
PASS_ORDER = [str(name) for name in PassName]


class Queue(StrEnum):
    """The queues of passes: interactive, where a person waits, and bulk, where nobody waits (imports, reruns). And that of deliveries."""

    INTERACTIVE = "interactive"
    BULK = "bulk"
    DELIVERIES = "deliveries"


PASS_QUEUES = (Queue.INTERACTIVE, Queue.BULK)
ACTOR = "run_pass"
ROW_ACTOR = "carry_out_rows"


class RowTable(StrEnum):
    """The tables of leased rows (models/leased_rows.py), which share the queue of deliveries."""

    DELIVERIES = "deliveries"
    MOODLE_SITES = "moodle_sites"
    ARRIVALS = "arrivals"
    RETURNS = "returns"
    WEEKLY_SUMMARIES = "weekly_summaries"


@dataclass(frozen=True, kw_only=True)
class Hint:
    """A request to look at one pass. While old messages can exist, fields may be added with a default but not renamed."""

    org_id: UUID
    pass_id: UUID
    queue: Queue

    def to_message(self, **options: str) -> dramatiq.Message[Any]:
        """Return the message for the broker: the actor's name, and the identifiers as text."""
        fields = {"org_id": str(self.org_id), "pass_id": str(self.pass_id), "queue": str(self.queue)}
        return dramatiq.Message(queue_name=self.queue, actor_name=ACTOR, args=(), kwargs=fields, options=options)

    @classmethod
    def from_fields(cls, fields: dict[str, str]) -> Hint:
        """Return the hint that a message carried; ignore fields of newer senders."""
        return cls(org_id=UUID(fields["org_id"]), pass_id=UUID(fields["pass_id"]), queue=Queue(fields["queue"]))


@dataclass(frozen=True, kw_only=True)
class RowHint:
    """A request to look at the leased rows of one lane: those that go to the same endpoint, for example."""

    org_id: UUID
    lane_id: UUID
    table: RowTable
    queue: Queue = Queue.DELIVERIES

    def to_message(self, **options: str) -> dramatiq.Message[Any]:
        """Return the message for the broker: the actor's name, and the identifiers as text."""
        fields = {"org_id": str(self.org_id), "lane_id": str(self.lane_id), "table": str(self.table)}
        return dramatiq.Message(queue_name=self.queue, actor_name=ROW_ACTOR, args=(), kwargs=fields, options=options)

    @classmethod
    def from_fields(cls, fields: dict[str, str]) -> RowHint:
        """Return the hint that a message carried; ignore fields of newer senders."""
        return cls(org_id=UUID(fields["org_id"]), lane_id=UUID(fields["lane_id"]), table=RowTable(fields["table"]))


AnyHint = Hint | RowHint
