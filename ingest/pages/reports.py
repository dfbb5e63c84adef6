"""Reports as pages to look at and to print: the same figures as the API gives, with charts drawn on the server."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.pages import report_charts
from ingest.pages.rendering import page, page_blueprint
from ingest.pages.session import reader
from ingest.reports import charts, routes, schemas

blueprint: Blueprint = page_blueprint("report_pages")


@blueprint.get("/desk/courses/<uuid:course_id>/report")
def course(course_id: UUID) -> Response:
    """Show how a course is getting on."""
    return show(routes.ask_course(reader("educator", "admin").who, course_id))


@blueprint.get("/desk/students/<uuid:student_id>/report")
def student(student_id: UUID) -> Response:
    """Show a student's progress across drafts and assignments."""
    return show(routes.ask_student(reader("educator", "admin").who, student_id))


@blueprint.get("/essays/progress")
def own() -> Response:
    """Show the student's own progress."""
    who = reader("student").who
    return show(routes.ask_student(who, who.caller))


@blueprint.get("/admin/usage")
def usage() -> Response:
    """Show what reading cost."""
    return show(routes.ask_usage(reader("admin").who))


@blueprint.get("/admin/quality")
def quality() -> Response:
    """Show how far feedback and data can be trusted."""
    return show(routes.ask_quality(reader("admin").who))


def show(report: schemas.Report) -> Response:
    """Return the page of a report."""
    values: dict[str, Any] = {"bars": charts.bars, "line": charts.line, "table": charts.table}
    match report:
        case schemas.CourseReport():
            return page("report_course.html", report=report, charts=report_charts.of_course(report), **values)
        case schemas.StudentReport():
            return page("report_student.html", report=report, **values)
        case schemas.UsageReport():
            return page("report_usage.html", report=report, charts=report_charts.of_usage(report), **values)
        case _:
            return page("report_quality.html", report=report, charts=report_charts.of_quality(report), **values)  # type: ignore[arg-type]
