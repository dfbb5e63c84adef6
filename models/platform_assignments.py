"""Where a platform takes the scores of an assignment, as its last launch there said (LTI Assignment and Grade Services)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.crypto import AssociatedData
from models.db import row, run
from models.errors import NotFound
from models.users import data_key


@dataclass(frozen=True, kw_only=True)
class HandedIn:
    """An essay that was handed in: when first, by whom as the platform names them, and where the platform takes the score."""

    line_item_url: str
    subject: str
    at: datetime


def store(assignment: UUID, line_item_url: str, *, org: UUID, platform: UUID) -> None:
    """Store where the acting platform takes the scores of the assignment. Call it as ec_lms, the platform as actor."""
    run(
        """
        insert into platform_assignments (org_id, source_id, assignment_id, line_item_url) values (%s, %s, %s, %s)
        on conflict (org_id, source_id, assignment_id) do update set line_item_url = excluded.line_item_url
            where platform_assignments.line_item_url <> excluded.line_item_url
        """,
        (org, platform, assignment, line_item_url),
    )


def fetch_handed_in(submission: UUID, *, org: UUID, platform: UUID) -> HandedIn:
    """Return what the score of a version says. Needs a session of the org as a worker. Raises NotFound.

    It is the same for all versions of an essay: when the first was handed in. A mark that a teacher gave since then is newer.
    """
    # A platform may have named one person by two ids: the newest counts.
    found = row(
        """
        select a.line_item_url, e.created_at, l.id as link, l.user_id, l.subject
        from submissions as s
        join essays as e on e.org_id = s.org_id and e.id = s.essay_id
        join platform_assignments as a on a.org_id = e.org_id and a.assignment_id = e.assignment_id
        join lms_people as l on l.org_id = a.org_id and l.source_id = a.source_id and l.user_id = s.user_id
        where s.org_id = %s and s.id = %s and a.source_id = %s order by l.id desc limit 1
        """,
        (org, submission, platform),
    )
    if found is None:
        raise NotFound("The platform takes no score of this version.")
    place = AssociatedData("lms_people", "subject", org, found["link"])
    subject = data_key(found["user_id"], org=org).open(found["subject"], place=place)
    return HandedIn(line_item_url=found["line_item_url"], subject=subject, at=found["created_at"])
