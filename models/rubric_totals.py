"""The points of a version: the levels that the passes chose, added up by code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.db import row


@dataclass(frozen=True, kw_only=True)
class Total:
    """The points of all criteria of a rubric, and the most that they allow. Both are None unless every criterion has a level."""

    points: int | None
    max_points: int | None


NO_TOTAL = Total(points=None, max_points=None)


def add_up(results: Sequence[dict[str, Any]], *, org: UUID) -> Total:
    """Return the total of the criterion results of one version (`criterion_id`, `rubric_id`, `points`, `max_points`, `confidence`).

    A criterion for which several passes chose a level counts once, with the level of the highest confidence; of equal ones, the
    first. There is no total when results of two rubrics are mixed, as after a rerun of one pass with a new rubric.
    """
    rubrics = {result["rubric_id"] for result in results}
    if len(rubrics) != 1:
        return NO_TOTAL
    chosen: dict[UUID, dict[str, Any]] = {}
    for result in results:
        known = chosen.get(result["criterion_id"])
        if known is None or result["confidence"] > known["confidence"]:
            chosen[result["criterion_id"]] = result
    counted = row(
        "select count(*) as criteria from rubric_criteria where org_id = %s and rubric_id = %s", (org, rubrics.pop())
    )
    if counted is None or counted["criteria"] != len(chosen):
        return NO_TOTAL
    return Total(
        points=sum(result["points"] for result in chosen.values()),
        max_points=sum(result["max_points"] for result in chosen.values()),
    )
