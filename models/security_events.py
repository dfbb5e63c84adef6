"""Security events: who got in or was refused, and what was done with data, one JSON line each (docs/security-events.md).

The names of the events are a closed list. A line holds ids, words of fixed lists and a client address; never a name, an
e-mail address, a password, a token, a body or a URL with a query, and nothing that a caller typed.
"""

from __future__ import annotations

import atexit
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from models.security_sinks import Sink, StandardError, open_sinks

Outcome = Literal["success", "failure"]

# What the web program sees and the audit trail does not have.
WEB_EVENTS: dict[str, Outcome] = {
    "sign_in_succeeded": "success",
    "sign_in_failed": "failure",
    "sign_in_limited": "failure",
    "password_refused": "failure",
    "refresh_token_reused": "failure",
    "credential_refused": "failure",
    "token_expired": "failure",
    "access_refused": "failure",
    "object_not_found": "failure",
    "rate_limited": "failure",
    "webhook_signature_refused": "failure",
    "webhook_replayed": "failure",
    "request_malformed": "failure",
    "api_key_used": "success",
}
# What the audit trail says; the clock writes it when it chains the entry.
TRAIL_EVENTS: dict[str, Outcome] = dict.fromkeys(
    (
        "session_ended", "person_changed", "person_erased", "person_exported", "data_read", "one_time_token_changed", "roster_imported",
        "api_key_changed", "source_changed", "org_changed", "org_exported", "teaching_changed", "writing_deleted", "feedback_changed",
        "endpoint_changed", "processing_changed", "model_approved", "hold_changed", "approval_changed", "expired_data_deleted",
    ),
    "success",
)  # fmt: skip
LEFT_OUT = "left_out"
EVENTS: dict[str, Outcome] = {**WEB_EVENTS, **TRAIL_EVENTS, LEFT_OUT: "failure"}

# Entries that are no line: a hand-in is no security event, and the web wrote `sign_in_succeeded` with the client's address.
NO_LINE = frozenset({("submission", "created"), ("session", "created")})
_BY_ACTION = {
    "ai_chosen": "org_changed", "org_closed": "org_changed", "org_removed": "org_changed", "org_exported": "org_exported",
    "roster_imported": "roster_imported", "read": "data_read", "link_made": "data_read", "feedback_reviewed": "feedback_changed",
    "feedback_added": "feedback_changed", "feedback_released": "feedback_changed", "pass_rerun": "processing_changed",
    "hold_placed": "hold_changed", "hold_lifted": "hold_changed", "retention_run": "expired_data_deleted",
    "orphans_deleted": "expired_data_deleted",
    "pass_replayed": "processing_changed", "pass_discarded": "processing_changed", "delivery_replayed": "processing_changed",
    "redelivered": "processing_changed",
}  # fmt: skip
_BY_ENTITY = {
    "session": "session_ended", "user": "person_changed", "user_key": "person_erased", "one_time_token": "one_time_token_changed",
    "api_key": "api_key_changed", "source": "source_changed", "endpoint": "endpoint_changed", "org": "org_changed",
    "course": "teaching_changed",
    "assignment": "teaching_changed", "category": "teaching_changed", "rubric": "teaching_changed",
    "enrollment": "teaching_changed", "essay": "writing_deleted", "submission": "feedback_changed",
    "model_approval": "model_approved", "approval": "approval_changed", "second_factor": "person_changed",
    "linked_account": "person_changed", "passkey": "person_changed", "sign_in_provider": "org_changed",
    "platform": "source_changed", "moodle_site": "source_changed", "canvas_site": "source_changed", "lms_person": "person_changed",
}  # fmt: skip

# So many lines of one event does a process write in a second, so that a flood of refusals does not fill the disk.
LINES_PER_SECOND = 10
REPORT_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The fields of a line beside those that every line has. A field that is None is left out."""

    org_id: UUID | None = None
    actor_id: UUID | None = None
    actor_role: str | None = None
    request_id: str | None = None
    address: str | None = None
    method: str | None = None
    route: str | None = None
    reason: str | None = None
    action: str | None = None
    target_type: str | None = None
    target_id: UUID | None = None
    detail: Mapping[str, Any] | None = None
    count: int | None = None


FIELDS = ("at", "stream", "id", "event", "outcome", "program", *(field.name for field in fields(Facts)))
Count = Callable[[str], None]


class Stream:
    """The security events of one process: where their lines go, and how many were left out."""

    def __init__(self, program: str, *, sinks: Sequence[Sink], count: Count | None = None) -> None:
        self._program = program
        self._sinks = sinks
        self._count = count
        self._lock = threading.Lock()
        self._second = 0
        self._written: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._reporting = threading.Lock()
        self._timer: threading.Timer | None = None

    def emit(self, event: str, facts: Facts) -> None:
        """Count an event and write its line, unless this process has written LINES_PER_SECOND of its kind in this second."""
        if self._count is not None:
            self._count(event)
        if self._may_write(event):
            self.write(event, facts, line_id=uuid4(), at=datetime.now(UTC))

    def write(self, event: str, facts: Facts, *, line_id: UUID, at: datetime) -> None:
        """Write the line of an event. Never raises for a sink that cannot take it."""
        known = {field.name: getattr(facts, field.name) for field in fields(facts)}
        values = {
            "at": at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "stream": "security",
            "id": line_id,
            "event": event,
            "outcome": EVENTS[event],
            "program": self._program,
            **{name: value for name, value in known.items() if value is not None},
        }
        # ASCII only: JSON escapes every line break, also those that only some readers take for one.
        line = json.dumps(values, default=str)
        for sink in self._sinks:
            sink.write(line, at=str(values["at"]), event=event, failed=EVENTS[event] == "failure")
        if event != LEFT_OUT and any(sink.may_tell_lost() for sink in self._sinks):
            with self._lock:
                self._report_soon()

    def report_left_out(self) -> None:
        """Write one line for each event of which lines were left out, and for each sink that lost lines."""
        # One at a time, so that `close` does not close the sinks before a report that has begun is written.
        with self._reporting:
            with self._lock:
                left_out, self._left_out = self._left_out, Counter()
                self._timer = None
            for sink in self._sinks:
                if lost := sink.take_lost():
                    left_out[sink.name] += lost
            for reason, count in left_out.items():
                self.emit(LEFT_OUT, Facts(reason=reason, count=count))

    def close(self) -> None:
        """Write what is still to be said about lines left out, and close the sinks."""
        self.report_left_out()
        for sink in self._sinks:
            sink.close()

    def _may_write(self, event: str) -> bool:
        if event == LEFT_OUT:
            return True
        with self._lock:
            second = int(time.monotonic())
            if second != self._second:
                self._second, self._written = second, Counter()
            self._written[event] += 1
            if self._written[event] <= LINES_PER_SECOND:
                return True
            self._left_out[event] += 1
            self._report_soon()
        return False

    def _report_soon(self) -> None:
        if self._timer is None:
            timer = threading.Timer(REPORT_SECONDS, self.report_left_out)
            timer.daemon = True
            with suppress(RuntimeError):  # no thread can be started now; the next line that is left out tries again
                timer.start()
                self._timer = timer


_stream = Stream("", sinks=(StandardError(),))


def set_up(program: str, *, count: Count | None = None) -> None:
    """Open where this process's events go, as the environment says. `count` gets each event. Raises SettingsError."""
    global _stream  # noqa: PLW0603 - one stream for a process, as for the log
    _stream.close()
    _stream = Stream(program, sinks=open_sinks(), count=count)


@atexit.register
def close() -> None:
    """Write what is still to be said, and close where the events go."""
    _stream.close()


def emit(event: str, facts: Facts) -> None:
    """Count and write an event of this process. Never raises for a place that cannot take the line."""
    _stream.emit(event, facts)


def event_of(entity: str, action: str) -> str | None:
    """Return the event that an audit entry is, or None when it is no line of the stream."""
    if (entity, action) in NO_LINE:
        return None
    if (entity, action) == ("user", "read"):
        return "person_exported"
    return _BY_ACTION.get(action) or _BY_ENTITY[entity]


def emit_entry(entry: Mapping[str, Any]) -> None:
    """Write an entry of the audit trail, a row of `audit_log`, under its own id and time. Nothing is left out."""
    event = event_of(entry["entity"], entry["action"])
    if event is None:
        return
    facts = Facts(
        org_id=entry["org_id"],
        actor_id=entry["actor_id"],
        actor_role=entry["actor_role"],
        request_id=entry["request_id"],
        action=entry["action"],
        target_type=entry["entity"],
        target_id=entry["entity_id"],
        detail=entry["detail"] or None,
    )
    _stream.write(event, facts, line_id=entry["id"], at=entry["created_at"])
