"""The sessions of a person that have not ended: listed, and ended one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.db import row, rows, run
from models.errors import NotFound, SignInAgain
from models.sessions import IN_USE, STAFF_IDLE_HOURS

# So long after a sign-in its session may end other sessions of the person, and do what is dangerous.
FRESH_MINUTES = 15


@dataclass(frozen=True, kw_only=True)
class OpenSession:
    """A session that has not ended. It was last used when its tokens were last refreshed."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


def list_sessions(
    user: UUID, *, org: UUID, limit: int, before: UUID | None = None, staff_idle_hours: int = STAFF_IDLE_HOURS
) -> list[OpenSession]:
    """Return the person's sessions that have not ended, newest first. `before` is the last id of the previous page.

    Call it as ec_auth or ec_admin.
    """
    found = rows(
        f"""
        select s.id, s.created_at, s.rotated_at as last_used_at, case u.role when 'student' then s.expires_at
            else least(s.expires_at, s.rotated_at + make_interval(hours => %(idle)s)) end as expires_at
        from sessions as s join users as u on u.org_id = s.org_id and u.id = s.user_id
        where s.org_id = %(org)s and s.user_id = %(user)s and (%(before)s::uuid is null or s.id < %(before)s)
            and s.revoked_at is null and s.expires_at > now() and {IN_USE}
        order by s.id desc limit %(limit)s
        """,  # noqa: S608 - a constant
        {"org": org, "user": user, "before": before, "limit": limit, "idle": staff_idle_hours},
    )
    return [OpenSession(**one) for one in found]


def require_fresh(family: UUID, *, org: UUID) -> None:
    """Check that the person signed in, or proved again who they are, a short time ago. Raises SignInAgain."""
    found = row(
        """
        select from sessions
        where org_id = %s and id = %s and coalesce(proved_at, created_at) > now() - make_interval(mins => %s)
        """,
        (org, family, FRESH_MINUTES),
    )
    if found is None:
        raise SignInAgain(f"Sign in again first: the last sign-in was more than {FRESH_MINUTES} minutes ago.")


def require_step_up(family: UUID, *, org: UUID) -> None:
    """Check the same where the org has switched `step_up` on, before what is dangerous. Call it as ec_admin. Raises SignInAgain."""
    if row("select from orgs where id = %s and step_up", (org,)) is not None:
        require_fresh(family, org=org)


def end_session(family: UUID, *, org: UUID, user: UUID) -> None:
    """End one session of this person; its tokens stop working with the next request. Raises NotFound, also when it has ended."""
    ended = run(
        """
        update sessions set revoked_at = now(), revoked_reason = 'logout'
        where org_id = %s and id = %s and user_id = %s and revoked_at is null and expires_at > now()
        """,
        (org, family, user),
    )
    if not ended:
        raise NotFound("There is no such session, or it has ended.")
