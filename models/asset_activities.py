"""Assignments of an LMS to which EssayCoach is attached (LTI Asset Processor), and what launches from there said about them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models.db import row, run


@dataclass(frozen=True, kw_only=True)
class Activity:
    """An assignment by the platform's own id. Reports about its documents go to `report_url`, if a launch has said so."""

    deployment: str
    id: str
    title: str | None
    report_url: str | None
    report_scopes: list[str]


def store(activity: Activity, *, org: UUID, platform: UUID) -> None:
    """Store what a launch said; what it left out stays as it was. Call it as ec_lms, the platform as actor."""
    run(
        """
        insert into asset_activities as a (org_id, source_id, deployment, activity, title, report_url, report_scopes)
        values (%(org)s, %(platform)s, %(deployment)s, %(id)s, %(title)s, %(report_url)s, %(report_scopes)s)
        on conflict (org_id, source_id, deployment, activity) do update
            set title = coalesce(excluded.title, a.title), report_url = coalesce(excluded.report_url, a.report_url),
                report_scopes = case when excluded.report_url is null then a.report_scopes else excluded.report_scopes end
        """,
        {**vars(activity), "org": org, "platform": platform},
    )


def find(activity: str, *, deployment: str, org: UUID, platform: UUID) -> Activity | None:
    """Return what launches said about the assignment, or None. Call it as a worker."""
    found = row(
        """
        select deployment, activity as id, title, report_url, report_scopes from asset_activities
        where org_id = %s and source_id = %s and deployment = %s and activity = %s
        """,
        (org, platform, deployment, activity),
    )
    return Activity(**found) if found else None
