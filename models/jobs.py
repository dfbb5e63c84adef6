"""The job contract: the names of passes and queues, and the hint that says "look at this row".

A hint carries identifiers only. It may be lost, repeated or late without harm: the row in `passes` is the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import dramatiq


class PassName(StrEnum):
    """The readings of an essay. How to add one is in the README."""

    GRAMMAR = "grammar"
    STRUCTURE = "structure"
    CONTENT = "content"


class Queue(StrEnum):
    """Where a person waits, and where nobody does (imports, re-runs)."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


ACTOR = "run_pass"


@dataclass(frozen=True, kw_only=True)
class Hint:
    """Look at this pass. Fields may be added with a default, never renamed, while old messages can exist."""

    org_id: UUID
    pass_id: UUID
    queue: Queue

    def to_message(self, **options: str) -> dramatiq.Message[Any]:
        """Return the message for the broker: the actor's name and identifiers as text."""
        fields = {"org_id": str(self.org_id), "pass_id": str(self.pass_id), "queue": str(self.queue)}
        return dramatiq.Message(queue_name=self.queue, actor_name=ACTOR, args=(), kwargs=fields, options=options)

    @classmethod
    def from_fields(cls, fields: dict[str, str]) -> Hint:
        """Return the hint a message carried; fields of newer senders are ignored."""
        return cls(org_id=UUID(fields["org_id"]), pass_id=UUID(fields["pass_id"]), queue=Queue(fields["queue"]))
