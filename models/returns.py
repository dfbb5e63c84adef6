"""What goes back to an LMS about a version that came from there. A trigger writes the rows (migration 0062)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData
from models.db import row, rows
from models.errors import MasterKeyMissing, NotFound, Undecipherable
from models.leased_rows import HeldRow
from models.log import logger
from models.users import unwrap_key

log = logger(__name__)

# The ways in which feedback goes back.
Channel = Literal["moodle_comment", "canvas_comment", "lti_score", "asset_report"]
MOST_RESENT = 5_000


@dataclass(frozen=True, kw_only=True)
class DueReturn:
    """A version whose feedback its student (`user`) may see, and where its LMS keeps it: `place`, as its arrival says, if it has one.

    `is_shown` is False when the student may not see it any more, or a newer version has taken its place. `is_open`: it is being read
    again, so that will be known later.
    """

    channel: Channel
    submission: UUID
    user: UUID
    essay: UUID
    version: int
    feedback_language: str
    place: dict[str, Any] | None
    is_shown: bool
    is_open: bool = False


@dataclass(frozen=True, kw_only=True)
class FailedReturn:
    """Feedback that could not be sent back: of which version of which essay, since when, and why, in a word.

    `title` is None when it does not decrypt.
    """

    ended_at: datetime
    error: str | None
    essay: UUID
    version: int
    title: str | None


def load(held: HeldRow) -> DueReturn:
    """Return what is to be sent back. Needs a session of the org as a worker. Raises NotFound."""
    found = row(
        """
        select r.channel, s.id as submission, s.user_id as "user", s.essay_id as essay, s.version, a.place,
            coalesce(u.language, s.language) as feedback_language,
            s.released_at is not null and s.status in ('completed', 'partial') as is_shown,
            s.completed_at is null as is_open
        from returns as r
        join submissions as s on s.org_id = r.org_id and s.id = r.submission_id
        left join arrivals as a on a.org_id = r.org_id and a.submission_id = r.submission_id
        join users as u on u.org_id = s.org_id and u.id = s.user_id
        where r.org_id = %s and r.id = %s limit 1
        """,
        (held.org, held.id),
    )
    if found is None:
        raise NotFound("There is no such return.")
    return DueReturn(**found)


def list_failed(source: UUID, *, org: UUID, limit: int) -> list[FailedReturn]:
    """Return the newest returns that were given up, but those that nobody wants any more. Call it as ec_admin.

    Raises KeysMissing and MasterKeyMissing.
    """
    found = rows(
        """
        select r.finished_at as ended_at, r.error, s.version, e.id as essay, e.title, e.user_id, k.wrapped, k.master_key_id
        from returns as r
        join submissions as s on s.org_id = r.org_id and s.id = r.submission_id
        join essays as e on e.org_id = s.org_id and e.id = s.essay_id
        join user_keys as k on k.org_id = e.org_id and k.user_id = e.user_id
        where r.org_id = %s and r.source_id = %s and r.state = 'gave_up' and r.error is distinct from 'not_wanted'
        order by r.id desc limit %s
        """,
        (org, source, limit),
    )
    return [_to_failed(record, org) for record in found]


def resend(source: UUID) -> int:
    """Send the returns again that were given up, the oldest first, and last those that nobody wanted; return how many.

    At most MOST_RESENT. Call it as ec_admin. Recorded in the audit trail.
    """
    found = row("select resend_returns(%s, null, %s) as queued", (source, MOST_RESENT))
    return int(found["queued"]) if found else 0


def _to_failed(found: dict[str, Any], org: UUID) -> FailedReturn:
    title = None
    try:
        key = unwrap_key(found, org=org, user=found["user_id"])
        title = key.open(found["title"], place=AssociatedData("essays", "title", org, found["essay"]))
    except MasterKeyMissing:
        raise
    except Undecipherable:
        # One damaged row must not hide from an admin how it goes with the source.
        log.exception("title does not decrypt", essay_id=str(found["essay"]))
    return FailedReturn(title=title, **{name: found[name] for name in ("ended_at", "error", "essay", "version")})
