"""The people of an org: admins manage them, educators read those of their courses."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast, get_args
from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import schemas
from ingest.web import pagination
from ingest.web.body import read_body
from ingest.web.identity import Identity, admin, staff
from ingest.web.openapi import Parameter, operation
from ingest.web.pagination import id_filter, id_parameter, page_of
from ingest.web.problems import Problem
from ingest.web.responses import CREATED, json_response
from models import sessions, users
from models.users import Person

blueprint = Blueprint("users", __name__)

ROLE = Parameter(
    name="role", where="query", description="Only people with this role.", schema={"enum": list(get_args(schemas.Role))}
)
COURSE = id_parameter("course_id", "Only people who are enrolled in this course.")


@blueprint.get("/v1/users")
@operation(
    "List people",
    answers={200: schemas.People},
    parameters=(*pagination.PARAMETERS, ROLE, COURSE),
    problems=("invalid-payload", "forbidden"),
)
def list_users() -> Response:
    """Return the people you may see (educators: those of their courses), newest first, one page per request."""
    who = staff()
    limit, before = pagination.limit(), pagination.cursor()
    course, role = id_filter("course_id"), pagination.optional_choice("role", get_args(schemas.Role))
    with who.session():
        found = users.list_people(
            org=who.org,
            limit=limit + 1,
            before=before,
            role=cast("users.PersonRole | None", role),
            course=course,
        )
    return page_of(schemas.People, [asdict(person) for person in found], limit=limit)


@blueprint.post("/v1/users/search")
@operation("Find a person", answers={200: schemas.People}, body=schemas.PersonSearch, problems=("forbidden",))
def search_users() -> Response:
    """Return the person with this e-mail (in any spelling) or external id (in any Unicode form), if you may see them.

    This is a POST, because addresses in a query string would be stored in access logs. Educators and admins only.
    """
    who = staff()
    payload = read_body(schemas.PersonSearch)
    with who.session():
        found = users.list_people(org=who.org, limit=1, email=payload.email, external_id=payload.external_id)
    return page_of(schemas.People, [asdict(person) for person in found], limit=1)


@blueprint.post("/v1/users")
@operation(
    "Add a person",
    answers={201: schemas.Person, 200: schemas.Person},
    body=schemas.NewPerson,
    problems=("forbidden", "conflict"),
    headers=CREATED,
)
def add_user() -> Response:
    """Add a person. They have no password until they follow an invitation. Admins only.

    An address that only an LMS has named for somebody goes to this person. Whoever only an LMS has named so far under this
    `external_id` becomes this person: the answer is 200, and they keep their essays.
    """
    who = admin()
    person, is_new = add_as(who, read_body(schemas.NewPerson))
    if not is_new:
        return json_response(schemas.Person(**asdict(person)))
    return json_response(schemas.Person(**asdict(person)), status=201, at=f"/v1/users/{person.id}")


def add_as(who: Identity, payload: schemas.NewPerson) -> tuple[Person, bool]:
    """Add a person as this admin; return them, and whether they are new (else only an LMS had named them so far)."""
    named = payload.model_dump()
    with who.session():
        adopted = users.adopt_claimant(org=who.org, **named)
        return (adopted, False) if adopted else (users.add_person(org=who.org, **named), True)


@blueprint.get("/v1/users/<uuid:user_id>")
@operation("Get a person", answers={200: schemas.Person}, problems=("forbidden",))
def one_user(user_id: UUID) -> Response:
    """Return the profile of a person (educators: of their courses)."""
    who = staff()
    with who.session():
        person = users.fetch_person(user_id, org=who.org)
    return json_response(schemas.Person(**asdict(person)))


@blueprint.patch("/v1/users/<uuid:user_id>")
@operation(
    "Change a person",
    answers={200: schemas.Person},
    body=schemas.PersonChange,
    problems=("forbidden", "conflict", "last-admin", "own-account"),
)
def change_user(user_id: UUID) -> Response:
    """Change the members that are sent; null clears one. Admins only.

    A new role or `disabled: true` makes the person's access tokens invalid from their next request on. A person who becomes a
    student no longer teaches any course. Sending `email`, the same or another, confirms the address. You cannot demote or
    disable yourself or the last admin.
    """
    who = admin()
    person = change_as(who, user_id, read_body(schemas.PersonChange).changes())
    return json_response(schemas.Person(**asdict(person)))


def change_as(who: Identity, user_id: UUID, changes: dict[str, Any]) -> Person:
    """Change a person as this admin and return them. Raises Problem `own-account`."""
    if user_id == who.user and (changes.get("disabled") or changes.get("role", "admin") != "admin"):
        raise Problem("own-account", "You cannot disable or demote yourself.")
    with who.session():
        person = users.change_person(user_id, org=who.org, changes=changes)
        if changes.get("disabled"):
            sessions.end_sessions(user_id, org=who.org, reason="disabled")
    return person


@blueprint.delete("/v1/users/<uuid:user_id>")
@operation("Disable a person", answers={204: None}, problems=("forbidden", "last-admin", "own-account"))
def disable_user(user_id: UUID) -> tuple[str, int]:
    """Disable a person. They can no longer sign in; their essays stay. `POST /v1/users/{id}/erase` erases a person. Admins only."""
    who = admin()
    if user_id == who.user:
        raise Problem("own-account", "You cannot delete yourself.")
    with who.session():
        users.change_person(user_id, org=who.org, changes={"disabled": True})
        sessions.end_sessions(user_id, org=who.org, reason="disabled")
    return "", 204
