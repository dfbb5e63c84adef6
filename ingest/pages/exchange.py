"""How the exchange with an LMS goes, as pages of admins show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ingest.admin.lms_words import explain, explain_status
from ingest.pages.wording import gettext
from models import arrivals, lms_status, returns
from models.lms_status import SourceStatus
from models.returns import FailedReturn

MOST_SHOWN = 10
MOST_RETURNS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A hand-in that could not be read: why, and what can be done."""

    changed_at: datetime
    place: dict[str, Any]
    said: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Unsent:
    """Feedback that could not be sent back, and why."""

    feedback: FailedReturn
    said: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """How it goes with a source or a platform."""

    status: SourceStatus
    problem: str | None
    advice: str | None
    failed: list[Failed]
    unsent: list[Unsent]


def fetch(source: UUID, *, org: UUID) -> Exchange:
    """Return how the exchange with a source or a platform goes, in the language of the page. Call it as ec_admin."""
    status = lms_status.fetch_status(source, org=org)
    problem, advice = explain_status(status, translate=gettext)
    found = [
        one
        for state in arrivals.FAILED_STATES
        for one in arrivals.list_arrivals(source, org=org, limit=MOST_SHOWN, state=state)
    ]
    newest = sorted(found, key=lambda one: one.id, reverse=True)[:MOST_SHOWN]
    failed = [
        Failed(changed_at=one.changed_at, place=one.place, said=_say(one.error, is_over=one.state == "gave_up"))
        for one in newest
    ]
    unsent = [
        Unsent(feedback=one, said=_say(one.error, is_over=True))
        for one in returns.list_failed(source, org=org, limit=MOST_RETURNS_SHOWN)
    ]
    return Exchange(status=status, problem=problem, advice=advice, failed=failed, unsent=unsent)


def _say(error: str | None, *, is_over: bool) -> tuple[str, ...]:
    return tuple(filter(None, explain(error, is_over=is_over, translate=gettext)))
