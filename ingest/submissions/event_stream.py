"""The event stream of a submission's status. It waits for changes without a thread, as long polls do."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any
from uuid import UUID

from ingest.web import long_poll
from ingest.web.identity import Identity
from ingest.web.long_poll import Parked, ReadTags, Wait
from models.errors import DomainError

STREAM_SECONDS = 300.0
# A comment line stops proxies from closing an idle stream.
SILENT_SECONDS = 15.0
FINAL_STATUSES = ("completed", "partial", "failed", "superseded", "cancelled")


class EventStream:
    """One stream. `read` reads the present status under the caller's identity, and `known` is the id of the last event it got."""

    def __init__(
        self,
        who: Identity,
        submission: UUID,
        first: dict[str, Any],
        *,
        known: str | None,
        read: Callable[[], dict[str, Any]],
        read_tags: ReadTags,
    ) -> None:
        self._who = who
        self._first = first
        self._known = known
        self._read = read
        until = time.monotonic() + STREAM_SECONDS
        # Later parts of the stream run outside the request. Their log lines and refusals name it all the same.
        context = copy_context()
        self._wait = Wait(
            org=who.org,
            submission=submission,
            caller=who.caller,
            tag=etag(first),
            until=until,
            look_at=until,
            read_tags=read_tags,
            next_events=lambda: context.run(self._next_events),
        )

    @property
    def ends_unfinished(self) -> bool:
        """Return whether the stream will end at once, before the final status, because too many requests wait."""
        is_person = not self._who.is_api_key
        return not self._is_over and not long_poll.has_place(self._who.caller, is_person=is_person)

    @property
    def _is_over(self) -> bool:
        return self._first["status"] in FINAL_STATUSES

    def begin(self) -> Iterator[str]:
        """Yield the present status unless the client knows it, then wait. Raises Parked when the stream goes on."""
        yield ": known\n\n" if self._known == event_id(self._wait.tag) else event_of(self._first)
        is_person = not self._who.is_api_key
        if not self._is_over and long_poll.reserve(self._who.caller, is_person=is_person):
            self._look_again()
            raise Parked(self._wait)

    def _next_events(self) -> tuple[str, bool]:
        wait = self._wait
        try:
            body = self._read()
            self._who.require_live("read")
        except DomainError:
            return (
                "",
                False,
            )  # signed out, key revoked, erased, or no database: the next request gets the matching problem
        tag = etag(body)
        text = event_of(body) if tag != wait.tag else ": still waiting\n\n"
        wait.tag = tag
        self._look_again()
        return text, body["status"] not in FINAL_STATUSES and not wait.is_over

    def _look_again(self) -> None:
        self._wait.look_at = min(time.monotonic() + SILENT_SECONDS, self._wait.until)


def etag(body: dict[str, Any]) -> str:
    """Return the ETag of a status. It is weak, because the position in the queue changes while the status stays the same."""
    state = {name: value for name, value in body.items() if name != "queue"}
    return f'W/"{hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:32]}"'


def event_of(body: dict[str, Any]) -> str:
    """Return a status as one server-sent event."""
    return f"event: status\nid: {event_id(etag(body))}\ndata: {json.dumps(body)}\n\n"


def event_id(tag: str) -> str:
    """Return the id of the event that tells the state with this ETag."""
    return tag[3:-1]
