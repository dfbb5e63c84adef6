"""What goes back to an LMS about a version that came from there. A trigger writes the rows (migration 0062)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.db import row
from models.errors import NotFound
from models.leased_rows import HeldRow

MOST_RESENT = 5_000


@dataclass(frozen=True, kw_only=True)
class Task:
    """A version whose feedback its student may see, and where its LMS keeps it (`place`, as its arrival says).

    `is_shown` is False when the student may not see it any more, or a newer version has taken its place.
    """

    submission: UUID
    essay: UUID
    version: int
    feedback_language: str
    place: dict[str, Any]
    is_shown: bool


def load(held: HeldRow) -> Task:
    """Return what is to be sent back. Needs a session of the org as a worker. Raises NotFound."""
    found = row(
        """
        select s.id as submission, s.essay_id as essay, s.version, a.place, coalesce(u.language, s.language) as feedback_language,
            s.released_at is not null and s.status in ('completed', 'partial') as is_shown
        from returns as r
        join submissions as s on s.org_id = r.org_id and s.id = r.submission_id
        join arrivals as a on a.org_id = r.org_id and a.submission_id = r.submission_id
        join users as u on u.org_id = s.org_id and u.id = s.user_id
        where r.org_id = %s and r.id = %s limit 1
        """,
        (held.org, held.id),
    )
    if found is None:
        raise NotFound("There is no such return.")
    return Task(**found)


def resend(source: UUID, *, wanted: UUID | None = None) -> int:
    """Send one return, or the oldest that were given up, again; return how many. Call it as ec_admin. Recorded in the audit trail."""
    found = row("select resend_returns(%s, %s, %s) as queued", (source, wanted, MOST_RESENT))
    return int(found["queued"]) if found else 0
