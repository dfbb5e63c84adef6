"""Where each deployment of a platform sends its notices, as it has confirmed (LTI Platform Notification Service)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models.db import row, run

CONFIRMED_HOURS = 24


@dataclass(frozen=True, kw_only=True)
class NoticeHandler:
    """An order: notices of this type go from this deployment to `handler`. It was placed at `service_url`."""

    deployment: str
    notice_type: str
    service_url: str
    handler: str


def is_registered(wanted: NoticeHandler, *, org: UUID, platform: UUID) -> bool:
    """Return whether the platform has confirmed exactly this order within a day. Call it as ec_lms, the platform as actor.

    Placing it again changes nothing there, unless the platform has forgotten it meanwhile: it tells nobody of that.
    """
    found = row(
        """
        select from notice_handlers where org_id = %(org)s and source_id = %(platform)s and deployment = %(deployment)s
            and notice_type = %(notice_type)s and service_url = %(service_url)s and handler = %(handler)s
            and registered_at > now() - make_interval(hours => %(hours)s)
        """,
        {**vars(wanted), "org": org, "platform": platform, "hours": CONFIRMED_HOURS},
    )
    return found is not None


def store(confirmed: NoticeHandler, *, org: UUID, platform: UUID) -> None:
    """Store an order that the platform has confirmed. Call it as ec_lms, the platform as actor."""
    run(
        """
        insert into notice_handlers (org_id, source_id, deployment, notice_type, service_url, handler)
        values (%(org)s, %(platform)s, %(deployment)s, %(notice_type)s, %(service_url)s, %(handler)s)
        on conflict (org_id, source_id, deployment, notice_type) do update
            set service_url = excluded.service_url, handler = excluded.handler, registered_at = now()
        """,
        {**vars(confirmed), "org": org, "platform": platform},
    )
