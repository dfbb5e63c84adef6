"""The courses of a school and who is in them: add, rename, archive and delete them, enrol and remove people."""

from __future__ import annotations

from typing import Any, get_args
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.admin import schemas
from ingest.pages.admin_parts import PAGE, REFUSALS, Refusal, admin, admin_page, confirm, cut
from ingest.pages.forms import check_body, read_form
from ingest.pages.rendering import page_blueprint, see
from ingest.pages.wording import gettext
from ingest.web import pagination
from ingest.web.body import check
from ingest.web.identity import Identity
from ingest.web.problems import Problem
from models import courses, users

blueprint: Blueprint = page_blueprint("admin_courses")

MEMBERSHIPS = get_args(schemas.Membership)


@blueprint.get("/admin/courses")
def list_courses() -> Response:
    """List the courses of the school, newest first."""
    return _list_page(admin())


@blueprint.post("/admin/courses")
def add_course() -> Response:
    """Add a course, and show it."""
    who = admin()
    try:
        wanted = read_form(schemas.NewCourse)
        with who.session():
            course = courses.add_course(wanted.name, org=who.org, external_id=wanted.external_id)
    except REFUSALS as refusal:
        return _list_page(who, refusal=refusal, values=request.form)
    return _see(course, "added")


@blueprint.get("/admin/courses/<uuid:course_id>")
def one_course(course_id: UUID) -> Response:
    """Show a course and its members."""
    return _course_page(admin(), course_id)


@blueprint.post("/admin/courses/<uuid:course_id>")
def change_course(course_id: UUID) -> Response:
    """Change the name and the LMS's id of the course; an emptied id is cleared."""
    who = admin()
    check_body()
    try:
        sent = {"name": request.form.get("name", ""), "external_id": request.form.get("external_id") or None}
        changes = check(sent, schemas.CourseChange).changes()
        with who.session():
            known = courses.fetch_course(course_id, org=who.org)
            changed = {name: value for name, value in changes.items() if value != known[name]}
            courses.change_course(course_id, org=who.org, changes=changed)
    except REFUSALS as refusal:
        return _course_page(who, course_id, refusal=refusal, values=request.form)
    return _see(course_id, "saved")


@blueprint.post("/admin/courses/<uuid:course_id>/archive")
def archive(course_id: UUID) -> Response:
    """Mark the course as archived, or with `archived=` nothing take the mark away."""
    who = admin()
    check_body()
    archived = bool(request.form.get("archived"))
    with who.session():
        courses.change_course(course_id, org=who.org, changes={"archived": archived})
    return _see(course_id, "archived" if archived else "restored")


@blueprint.get("/admin/courses/<uuid:course_id>/delete")
def ask_delete(course_id: UUID) -> Response:
    """Say what deleting the course does."""
    who = admin()
    with who.session():
        found = courses.fetch_course(course_id, org=who.org)
    says = [
        gettext("The course goes for ever, with its assignments and the list of its members."),
        gettext("The people stay. A course in which essays were written is not deleted: archive it instead."),
    ]
    back = url_for("admin_courses.one_course", course_id=course_id)
    return confirm(gettext("Delete this course"), says, about=found["name"], button=gettext("Delete"), back=back)


@blueprint.post("/admin/courses/<uuid:course_id>/delete")
def delete_course(course_id: UUID) -> Response:
    """Delete the course."""
    who = admin()
    check_body()
    try:
        with who.session():
            courses.delete_course(course_id, org=who.org)
    except REFUSALS as refusal:
        return _course_page(who, course_id, refusal=refusal)
    return see(url_for("admin_courses.list_courses", did="deleted"))


@blueprint.post("/admin/courses/<uuid:course_id>/members")
def enrol(course_id: UUID) -> Response:
    """Enrol the person with this e-mail or external id."""
    who = admin()
    try:
        wanted = read_form(schemas.PersonSearch)
        with who.session():
            courses.fetch_course(course_id, org=who.org)
            found = users.list_people(org=who.org, limit=1, email=wanted.email, external_id=wanted.external_id)
            if not found:
                raise Problem("invalid-payload", gettext("Nobody here has this address or id. Add the person first."))
            member = {"user_id": str(found[0].id), "role": request.form.get("role")}
            courses.enrol(found[0].id, org=who.org, course=course_id, role=check(member, schemas.NewEnrollment).role)
    except REFUSALS as refusal:
        return _course_page(who, course_id, refusal=refusal, wanted=request.form)
    return _see(course_id, "enrolled")


@blueprint.get("/admin/courses/<uuid:course_id>/members/<uuid:user_id>/remove")
def ask_remove(course_id: UUID, user_id: UUID) -> Response:
    """Say what removing a person from the course does."""
    who = admin()
    with who.session():
        found = courses.fetch_course(course_id, org=who.org)
        courses.fetch_member(user_id, org=who.org, course=course_id)
        person = users.fetch_person(user_id, org=who.org)
    says = [gettext("They no longer see this course. Essays that they wrote here stay."), found["name"]]
    about = person.name or person.email or person.external_id or ""
    back = url_for("admin_courses.one_course", course_id=course_id)
    return confirm(gettext("Remove from the course"), says, about=about, button=gettext("Remove"), back=back)


@blueprint.post("/admin/courses/<uuid:course_id>/members/<uuid:user_id>/remove")
def remove(course_id: UUID, user_id: UUID) -> Response:
    """Remove the person from the course."""
    who = admin()
    check_body()
    with who.session():
        courses.remove_member(user_id, org=who.org, course=course_id)
    return _see(course_id, "removed")


def _list_page(who: Identity, *, refusal: Refusal | None = None, values: Any = None) -> Response:
    with who.session():
        found = courses.list_courses(org=who.org, limit=PAGE + 1, before=pagination.cursor())
    listed = cut(found, key=lambda course: course["id"])
    return admin_page("admin_courses.html", refusal=refusal, values=values or {}, **listed)


def _course_page(who: Identity, course_id: UUID, *, refusal: Refusal | None = None, **values: Any) -> Response:
    before = pagination.cursor()
    with who.session():
        course = courses.fetch_course(course_id, org=who.org)
        found = courses.list_members(course_id, org=who.org, limit=PAGE + 1, before=before)
        # The same order and the same place, so the same people; somebody who is being erased has no profile any more.
        people = users.list_people(org=who.org, limit=PAGE, before=before, course=course_id)
    shown = {"values": course, "wanted": {}, **values}
    members = cut(found, key=lambda member: member["user_id"])
    profiles = {person.id: person for person in people}
    return admin_page(
        "admin_course.html",
        refusal=refusal,
        course=course,
        profiles=profiles,
        memberships=MEMBERSHIPS,
        **members,
        **shown,
    )


def _see(course_id: UUID, did: str) -> Response:
    return see(url_for("admin_courses.one_course", course_id=course_id, did=did))
