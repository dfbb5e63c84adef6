"""Courses, who is in them, and what is asked there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from models.db import new_ids, row, rows
from models.tables import Assignments, Courses, Enrollments, RubricCriteria, Rubrics


@dataclass(frozen=True, kw_only=True)
class CriterionDraft:
    """One criterion as a teacher writes it: `levels` pairs a name with points and a description."""

    name: str
    description: str
    levels: tuple[tuple[str, int, str], ...]


def add_course(name: str, *, org: UUID, external_id: str | None = None) -> UUID:
    """The course exists. Returns its id."""
    course = new_ids(1)[0]
    Courses.insert(id=course, org_id=org, name=name, external_id=external_id).execute()
    return course


def add_member(user: UUID, *, org: UUID, course: UUID, role: Literal["student", "educator"]) -> None:
    """The person is in the course."""
    Enrollments.insert(org_id=org, course_id=course, user_id=user, role=role).on_conflict_ignore().execute()


def add_rubric(name: str, *, org: UUID, criteria: tuple[CriterionDraft, ...]) -> UUID:
    """The rubric exists; the same wording is the same rubric. Returns its id."""
    wording = json.dumps([name, [(c.name, c.description, c.levels) for c in criteria]], ensure_ascii=False)
    content_hash = hashlib.sha256(wording.encode()).digest()
    known = row("select id from rubrics where org_id = %s and content_hash = %s", (org, content_hash))
    if known is not None:
        return UUID(str(known["id"]))
    rubric = new_ids(1)[0]
    Rubrics.insert(id=rubric, org_id=org, name=name, content_hash=content_hash).execute()
    RubricCriteria.insert_many(
        [
            {
                "org_id": org,
                "rubric_id": rubric,
                "position": position,
                "name": criterion.name,
                "description": criterion.description,
                "levels": [{"name": n, "points": p, "description": d} for n, p, d in criterion.levels],
            }
            for position, criterion in enumerate(criteria, start=1)
        ]
    ).execute()
    return rubric


def add_assignment(
    title: str,
    *,
    org: UUID,
    course: UUID,
    prompt: str = "",
    category: str | None = None,
    rubric: UUID | None = None,
    release_policy: str | None = None,
) -> UUID:
    """The assignment exists. Returns its id."""
    known = row("select id from categories where org_id = %s and slug = %s", (org, category)) if category else None
    assignment = new_ids(1)[0]
    Assignments.insert(
        id=assignment,
        org_id=org,
        course_id=course,
        title=title,
        prompt=prompt,
        category_id=known["id"] if known else None,
        rubric_id=rubric,
        release_policy=release_policy,
    ).execute()
    return assignment


def fetch_criteria(rubric: UUID, *, org: UUID) -> list[dict[str, Any]]:
    """Return a rubric's criteria in their order."""
    return rows(
        "select id, name, description, levels from rubric_criteria where org_id = %s and rubric_id = %s order by position",
        (org, rubric),
    )
