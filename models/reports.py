"""Which reports were asked for. A row each: by whom, about what, and how old the figures were."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Literal
from uuid import UUID

from models.audit import write_entry
from models.db import new_ids, run
from models.errors import FiguresMissing
from models.report_views import list_refreshes

ReportKind = Literal["course", "student", "usage", "quality"]


def age_of(*views: str) -> datetime:
    """Return the time of the oldest of these views: the figures are not newer. Raises FiguresMissing before their first refresh."""
    refreshed = {one.name: one.refreshed_at for one in list_refreshes()}
    if not refreshed.keys() >= set(views):
        raise FiguresMissing
    return min(refreshed[name] for name in views)


def record(
    kind: ReportKind,
    *,
    org: UUID,
    user: UUID,
    data_as_of: datetime,
    audited: bool = False,
    student: UUID | None = None,
    **parameters: UUID | str,
) -> None:
    """Store that this person asked for a report; `parameters` are a course or dates. With `audited`, the audit trail says it too.

    `student` is whom a report of the kind `student` is about: the row goes with that person too.
    """
    [report] = new_ids(1)
    about = {name: str(value) for name, value in parameters.items()}
    run(
        """
        insert into reports (id, org_id, user_id, kind, student_id, parameters, data_as_of) values (%s, %s, %s, %s, %s, %s, %s)
        """,
        (report, org, user, kind, student, json.dumps(about), data_as_of),
    )
    if audited:
        write_entry("read", entity="report", entity_id=report, kind=kind, **about)
