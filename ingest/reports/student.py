"""Build the report about a student's progress."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from ingest.reports import schemas
from models import report_figures, reports, users
from models.errors import NotFound
from models.report_figures import Reader


def build(student: UUID, *, reader: Reader) -> schemas.StudentReport:
    """Return the report, of what this reader may see. Needs an open session of the reader. Raises NotFound, FiguresMissing."""
    person = users.fetch_person(student, org=reader.org)
    if person.role != "student":
        raise NotFound("There is no such student.")
    data_as_of = reports.age_of("report_progress")
    versions = report_figures.versions(student, reader=reader)
    wanted = {UUID(level["criterion_id"]) for one in versions for level in one["levels"]}
    names = report_figures.criterion_names(wanted, org=reader.org) if wanted else {}
    drafts = [{**one, "handed_in_at": one["created_at"], "levels": _levels(one["levels"], names)} for one in versions]
    return schemas.StudentReport.model_validate(
        {
            "data_as_of": data_as_of, "generated_at": datetime.now(UTC), "student_id": student, "name": person.name or "",
            "essays": _essays(drafts), "criteria": _changes(drafts),
        }
    )  # fmt: skip


def _levels(stored: list[dict[str, Any]], names: dict[UUID, str]) -> list[dict[str, Any]]:
    named = [{**level, "criterion": names.get(UUID(level["criterion_id"]))} for level in stored]
    return [level for level in named if level["criterion"] is not None]


def _essays(drafts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the essays, the one that was handed in last first."""
    essays = []
    for _, group in groupby(drafts, key=itemgetter("essay_id")):
        of_essay = list(group)
        about = {name: of_essay[0][name] for name in ("essay_id", "assignment_id", "assignment")}
        essays.append({**about, "drafts": of_essay})
    return sorted(essays, key=lambda one: one["drafts"][-1]["handed_in_at"], reverse=True)


def _changes(drafts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first and the newest level of each criterion, by its name: each assignment may have a rubric of its own."""
    seen: dict[str, list[dict[str, Any]]] = {}
    for draft in sorted(drafts, key=itemgetter("handed_in_at")):
        for level in draft["levels"]:
            seen.setdefault(level["criterion"], []).append(level)
    return [{"criterion": name, "first": levels[0], "newest": levels[-1]} for name, levels in seen.items()]
