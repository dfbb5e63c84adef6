"""Keep warnings that the admins of an org should know of (`GET /v1/logs`): facts and ids, never names or text.

A line is stored after the answer was sent, so it delays no request and cannot fail one. The same line is kept once a minute at
most by each process, so that nobody can fill the log.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal
from uuid import UUID

from flask import Flask, Response, after_this_request, current_app, g, has_request_context

from ingest.web.problems import Problem, from_domain
from models import events
from models.db import session
from models.errors import AddressRefused, AuthorLimit, Invalid, KeyReused, NotFound, Undecipherable
from models.log import logger
from models.orgs import find_org

log = logger(__name__)

REPEAT_SECONDS = 60.0
MAX_REMEMBERED = 10_000
Level = Literal["warning", "error"]


class KeptLines:
    """The lines that this process kept within the last minute."""

    def __init__(self) -> None:
        self.kept_at: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def is_new(self, line: tuple[str, ...]) -> bool:
        """Return whether this line was not kept within REPEAT_SECONDS, and remember it as kept."""
        now = time.monotonic()
        with self._lock:
            if now - self.kept_at.get(line, -REPEAT_SECONDS) < REPEAT_SECONDS:
                return False
            if len(self.kept_at) >= MAX_REMEMBERED:
                self.kept_at.clear()
            self.kept_at[line] = now
            return True


def set_up(app: Flask) -> None:
    """Create the memory of the app."""
    app.extensions["essaycoach.kept_lines"] = KeptLines()


def keep(event: str, *, org: UUID | str, level: Level = "warning", **facts: object) -> None:
    """Keep a line for the admins of this org, given by its id or its short name. Stored after the answer to this request."""
    if not has_request_context():
        return
    kept: KeptLines = current_app.extensions["essaycoach.kept_lines"]
    if not kept.is_new((event, str(org), *(f"{name}={value}" for name, value in sorted(facts.items())))):
        return
    store = partial(_store, event, org=org, level=level, request_id=g.request_id, facts=facts)

    @after_this_request
    def store_later(response: Response) -> Response:
        response.call_on_close(store)
        return response


@contextmanager
def keep_if_refused(event: str, *, org: UUID | str, **facts: object) -> Iterator[None]:
    """Keep a line when the block refuses the request, with the name of the problem as `reason`. Raises what the block raises."""
    try:
        yield
    except (Problem, AuthorLimit, Invalid, NotFound, KeyReused) as refusal:
        reason = refusal.slug if isinstance(refusal, Problem) else from_domain(refusal).slug
        keep(event, org=org, level="warning", reason=reason, **facts)
        raise


@contextmanager
def keep_if_address_refused(org: UUID, **facts: object) -> Iterator[None]:
    """Keep a line when an admin is not accepted from this address. Raises what the block raises."""
    try:
        yield
    except AddressRefused:
        keep("admin from a refused address", org=org, level="warning", **facts)
        raise


@contextmanager
def keep_if_undecipherable(org: UUID) -> Iterator[None]:
    """Keep a line when something in the block does not decrypt. Raises what the block raises."""
    try:
        yield
    except Undecipherable as error:
        keep("stored data does not decrypt", org=org, level="error", reason=type(error).__name__)
        raise


def _store(event: str, *, org: UUID | str, level: Level, request_id: str, facts: dict[str, Any]) -> None:
    try:
        if isinstance(org, str):
            with session(role="ec_auth"):
                found = find_org(org)
            if found is None:
                return
            org = found
        with session(org=org, role="ec_auth"):
            events.keep_log(event, program="ingest", level=level, org=org, request_id=request_id, **facts)
    except Exception as error:  # noqa: BLE001 - the request was answered; a line that cannot be kept must do no harm
        log.warning("log line not kept", event_kept=event, reason=type(error).__name__)
