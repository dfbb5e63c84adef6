"""When a platform last opened our pages, and why it was last refused: what its admins ask when nothing arrives."""

from __future__ import annotations

from uuid import UUID

from models.db import run

# A school begins its day with hundreds of launches. They must not wait for one row.
ONCE_IN_SECONDS = 60
_ONE = """
id = (
    select p.id from platforms as p where p.org_id = %(org)s and p.id = %(platform)s
        and coalesce(p.{column}, '-infinity') < now() - make_interval(secs => %(seconds)s) for no key update skip locked
)
"""


def note_launch(platform: UUID, *, org: UUID) -> None:
    """Note that the platform has opened a page, once a minute. Call it as ec_auth."""
    run(
        f"update platforms set launched_at = now() where {_ONE.format(column='launched_at')}",  # noqa: S608 - constants
        {"org": org, "platform": platform, "seconds": ONCE_IN_SECONDS},
    )


def note_refusal(platform: UUID, reason: str, *, org: UUID) -> None:
    """Note why a launch was refused, once a minute. `reason` is in our own words. Call it as ec_auth."""
    run(
        f"""
        update platforms set refused_at = now(), refused_reason = %(reason)s where {_ONE.format(column="refused_at")}
        """,  # noqa: S608 - constants
        {"org": org, "platform": platform, "reason": reason[:200], "seconds": ONCE_IN_SECONDS},
    )
