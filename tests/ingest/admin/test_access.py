"""Tests of who may use each admin route, for things of the own org and of another org."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from models import courses, orgs
from models.courses import CriterionDraft
from models.users import add_person
from tests.support.schools import session_of

if TYPE_CHECKING:
    from tests.ingest.conftest import ApiUnderTest, Headers

_numbers = count(1)

# Alice is a student in Ed's course, Zoe in none; Nell teaches the other course and is a student in Ed's.
PEOPLE = (
    "stranger", "alice", "zoe", "ed", "nell", "ada", "key", "other alice", "other ed", "other ada", "other key",
)  # fmt: skip
ORG_OF_OTHERS = {"other alice", "other ed", "other ada"}
RUBRIC = {
    "name": "R",
    "criteria": [{"name": "thesis", "levels": [{"name": "no", "points": 0}, {"name": "yes", "points": 1}]}],
}


@dataclass(frozen=True)
class Things:
    """One thing of each kind, for one request to change or delete."""

    user: UUID
    course: UUID
    category: UUID
    rubric: UUID
    assignment: UUID


def things_of(api: ApiUnderTest) -> Things:
    """Create new things of the school; the assignment and the new person belong to Ed's course."""
    number, school = next(_numbers), api.school
    with session_of(school, "ada"):
        user = add_person(
            "student", org=school.org, name=f"S{number}", email=None, external_id=f"s-{number}", language=None
        ).id
        courses.add_member(user, org=school.org, course=school.course, role="student")
        return Things(
            user=user,
            course=courses.add_course(f"C{number}", org=school.org),
            category=orgs.add_category(f"kind-{number}", org=school.org, name="Kind")["id"],
            rubric=courses.add_rubric(
                f"R{number}", org=school.org, criteria=(CriterionDraft(name="c", description="", levels=(("a", 0, ""), ("b", 1, ""))),)
            ),
            assignment=courses.add_assignment(f"A{number}", org=school.org, course=school.course),
        )  # fmt: skip


@pytest.fixture(scope="module")
def api(shared_api: ApiUnderTest) -> ApiUnderTest:
    """Give the shared app, with Nell as a student in Ed's course."""
    school = shared_api.school
    with session_of(school, "ada"):
        courses.add_member(school.nell, org=school.org, course=school.course, role="student")
    return shared_api


def headers_of(api: ApiUnderTest, who: str) -> Headers:
    if who == "stranger":
        return {}
    name, school = who.removeprefix("other "), api.other if who.startswith("other ") else api.school
    return api.with_key(school) if name == "key" else api.signed_in(name, school)


# Each route: method, path, body, and the status for each person whose role may use it. Everybody else gets 403.
# A list is 200 for people of another org too; its contents are checked by other tests.
EVERYBODY = ("alice", "zoe", "ed", "nell", "ada")
ELSEWHERE = ("other alice", "other ed", "other ada")
STAFF = ("ed", "nell", "ada", "other ed", "other ada")
ADMINS = ("ada", "other ada")


def answers(*groups: tuple[tuple[str, ...], int]) -> dict[str, int]:
    return {who: status for group, status in groups for who in group}


ROUTES: dict[str, tuple[str, str, Any, dict[str, int]]] = {
    "list users": ("GET", "/v1/users", None, answers((STAFF, 200))),
    "add user": ("POST", "/v1/users", {"role": "student", "external_id": "new-{number}"}, answers((ADMINS, 201))),
    "search users": ("POST", "/v1/users/search", {"external_id": "nobody"}, answers((STAFF, 200))),
    "one user": ("GET", "/v1/users/{user}", None, answers((STAFF, 404), (("ed", "ada"), 200))),
    "change user": ("PATCH", "/v1/users/{user}", {"name": "x"}, answers((ADMINS, 404), (("ada",), 200))),
    "promote user": ("PATCH", "/v1/users/{user}", {"role": "admin"}, answers((ADMINS, 404), (("ada",), 200))),
    "delete user": ("DELETE", "/v1/users/{user}", None, answers((ADMINS, 404), (("ada",), 204))),
    "list courses": ("GET", "/v1/courses", None, answers((EVERYBODY + ELSEWHERE, 200))),
    "add course": ("POST", "/v1/courses", {"name": "x"}, answers((ADMINS, 201))),
    "one course": (
        "GET", "/v1/courses/{school.course}", None,
        answers((EVERYBODY + ELSEWHERE, 404), (("alice", "ed", "nell", "ada"), 200)),
    ),
    "an empty course": ("GET", "/v1/courses/{course}", None, answers((EVERYBODY + ELSEWHERE, 404), (("ada",), 200))),
    "change course": ("PATCH", "/v1/courses/{course}", {"archived": True}, answers((ADMINS, 404), (("ada",), 200))),
    "delete course": ("DELETE", "/v1/courses/{course}", None, answers((ADMINS, 404), (("ada",), 204))),
    "list members": (
        "GET", "/v1/courses/{school.course}/enrollments", None, answers((STAFF, 404), (("ed", "ada"), 200)),
    ),
    "one member": (
        "GET", "/v1/courses/{school.course}/enrollments/{user}", None, answers((STAFF, 404), (("ed", "ada"), 200)),
    ),
    "enrol": (
        "POST", "/v1/courses/{course}/enrollments", {"user_id": "{user}", "role": "student"},
        answers((ADMINS, 404), (("ada",), 201)),
    ),
    "end enrolment": (
        "DELETE", "/v1/courses/{school.course}/enrollments/{user}", None, answers((ADMINS, 404), (("ada",), 204)),
    ),
    "list categories": ("GET", "/v1/categories", None, answers((EVERYBODY + ELSEWHERE, 200))),
    "add category": ("POST", "/v1/categories", {"slug": "new-{number}", "name": "x"}, answers((ADMINS, 201))),
    "one category": ("GET", "/v1/categories/{category}", None, answers((ELSEWHERE, 404), (EVERYBODY, 200))),
    "change category": ("PATCH", "/v1/categories/{category}", {"name": "y"}, answers((ADMINS, 404), (("ada",), 200))),
    "delete category": ("DELETE", "/v1/categories/{category}", None, answers((ADMINS, 404), (("ada",), 204))),
    "list assignments": ("GET", "/v1/assignments", None, answers((EVERYBODY + ELSEWHERE, 200))),
    "add assignment": (
        "POST", "/v1/assignments", {"course_id": "{school.course}", "title": "x"},
        answers((STAFF, 422), (("ed", "ada"), 201)),
    ),
    "one assignment": (
        "GET", "/v1/assignments/{assignment}", None,
        answers((EVERYBODY + ELSEWHERE, 404), (("alice", "ed", "ada"), 200)),
    ),
    "change assignment": (
        "PATCH", "/v1/assignments/{assignment}", {"title": "y"}, answers((STAFF, 404), (("ed", "ada"), 200)),
    ),
    "delete assignment": (
        "DELETE", "/v1/assignments/{assignment}", None, answers((STAFF, 404), (("ed", "ada"), 204)),
    ),
    "list rubrics": ("GET", "/v1/rubrics", None, answers((EVERYBODY + ELSEWHERE, 200))),
    "add rubric": ("POST", "/v1/rubrics", {**RUBRIC, "name": "new-{number}"}, answers((STAFF, 201))),
    "one rubric": ("GET", "/v1/rubrics/{rubric}", None, answers((ELSEWHERE, 404), (EVERYBODY, 200))),
    "delete rubric": ("DELETE", "/v1/rubrics/{rubric}", None, answers((ADMINS, 404), (("ada",), 204))),
    "org": ("GET", "/v1/org", None, answers((ADMINS, 200))),
    "change org": ("PATCH", "/v1/org", {"default_language": "fr"}, answers((ADMINS, 200))),
}  # fmt: skip
SLUGS = {401: "unauthorized", 403: "forbidden", 404: "not-found", 422: "invalid-payload"}


def ask(api: ApiUnderTest, route: str, who: str, things: Things) -> Any:
    method, path, body, _ = ROUTES[route]
    known = {**vars(things), "school": api.school, "number": next(_numbers)}
    text = json.dumps(body)
    for name in ("user", "number"):
        text = text.replace("{" + name + "}", str(known[name]))
    text = text.replace("{school.course}", str(api.school.course))
    sent = None if body is None else json.loads(text)
    return api.client.open(path.format(**known), method=method, json=sent, headers=headers_of(api, who))


@pytest.mark.parametrize("route", ROUTES)
def test_each_admin_route_gives_each_person_the_right_status(api, refused, route):
    """A person of another org gets the answer of an unknown id, whatever their role is there."""
    expected = ROUTES[route][3]
    reported: Counter[int] = Counter()
    for who in PEOPLE:
        things = things_of(api)
        answer = ask(api, route, who, things)
        status = 401 if who == "stranger" else expected.get(who, 403)
        assert answer.status_code == status, (route, who, answer.text)
        if status in SLUGS:
            refused(answer, status, SLUGS[status])
        reported[status] += 1
    assert sum(reported.values()) == len(PEOPLE)
    print(f"{route}: {dict(reported)}")


def test_access_table_covers_every_admin_route(api):
    kinds = ("users", "courses", "categories", "assignments", "rubrics", "org")
    # Other tests cover the routes of data rights, retention, invitations, sessions and feedback.
    others = (
        "export",
        "erase",
        "hold",
        "retention",
        "invite",
        "rerun",
        "stale",
        "try",
        "release",
        "sessions",
        "{session_id}",
        "second-factor",
        "linked-account",
        "sign-in-provider",
    )
    paths = {
        path: (path.count("{"), path.split("/")[2], path.endswith("enrollments"))
        for path in api.client.get("/openapi.json").json["paths"]
        if path.startswith("/v1/") and path.split("/")[2] in kinds and path.split("/")[-1] not in others
    }
    document = api.client.get("/openapi.json").json["paths"]
    documented = {(method.upper(), *key) for path, key in paths.items() for method in document[path]}
    covered = {
        (method, path.count("{"), path.split("/")[2], path.endswith("enrollments"))
        for method, path, *_ in ROUTES.values()
    }
    assert documented == covered
    print(f"{len(ROUTES)} routes x {len(PEOPLE)} people = {len(ROUTES) * len(PEOPLE)} cells")


def test_id_of_another_org_and_unknown_id_get_the_same_answer(api, refused):
    theirs = things_of(replace(api, school=api.other))
    for route in ("one user", "change user", "delete user", "an empty course", "change course", "delete course", "enrol",
                 "one category", "change category", "delete category", "one assignment", "change assignment",
                 "delete assignment", "one rubric", "delete rubric"):  # fmt: skip
        unknown = Things(*(uuid4() for _ in range(5)))
        found = [refused(ask(api, route, "ada", things), 404, "not-found") for things in (theirs, unknown)]
        assert {**found[0], "instance": ""} == {**found[1], "instance": ""}, route


def test_id_of_another_org_in_a_body_is_refused_like_an_unknown_id(api, refused):
    theirs, mine = things_of(replace(api, school=api.other)), things_of(api)
    bodies = [
        ("POST", "/v1/assignments", {"title": "x"}, "course_id", theirs.course),
        ("POST", "/v1/assignments", {"title": "x", "course_id": str(api.school.course)}, "rubric_id", theirs.rubric),
        ("PATCH", f"/v1/assignments/{mine.assignment}", {}, "rubric_id", theirs.rubric),
        ("POST", f"/v1/courses/{mine.course}/enrollments", {"role": "student"}, "user_id", theirs.user),
    ]
    for method, path, body, field, foreign in bodies:
        found = []
        for value in (foreign, uuid4()):
            answer = api.client.open(
                path, method=method, json={**body, field: str(value)}, headers=api.signed_in("ada")
            )
            document = refused(answer, 422, "invalid-payload")
            assert [one["pointer"] for one in document["errors"]] == [f"/{field}"]
            found.append({**document, "instance": ""})
        assert found[0] == found[1]
    # A category is named by its slug: a slug of another org is as unknown as an invented one.
    with session_of(api.other, "ada"):
        orgs.add_category("only-theirs", org=api.other.org, name="x")
    for method, path, body in (
        ("POST", "/v1/assignments", {"title": "x", "course_id": str(api.school.course)}),
        ("PATCH", f"/v1/assignments/{mine.assignment}", {}),
    ):
        answer = api.client.open(
            path, method=method, json={**body, "category": "only-theirs"}, headers=api.signed_in("ada")
        )
        assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == "/category"


def test_educator_writes_only_in_courses_they_teach(api, refused):
    """Nell is a student in Ed's course and teaches the other one."""
    elsewhere = str(api.school.other_course)
    for who, course in (("ed", elsewhere), ("nell", str(api.school.course))):
        answer = api.client.post(
            "/v1/assignments", json={"course_id": course, "title": "x"}, headers=api.signed_in(who)
        )
        assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == "/course_id"
    made = api.client.post(
        "/v1/assignments", json={"course_id": elsewhere, "title": "x"}, headers=api.signed_in("nell")
    )
    assert made.status_code == 201
    for method in ("GET", "PATCH", "DELETE"):
        refused(
            api.client.open(made.headers["Location"], method=method, json={"title": "y"}, headers=api.signed_in("ed")),
            404,
            "not-found",
        )
    # A student of a course cannot list its members, even if she is an educator elsewhere.
    assert api.client.get(f"/v1/courses/{elsewhere}/enrollments", headers=api.signed_in("nell")).status_code == 200
    refused(
        api.client.get(f"/v1/courses/{api.school.course}/enrollments", headers=api.signed_in("nell")),
        404,
        "not-found",
    )


def test_lists_contain_nothing_of_another_org(api):
    theirs = replace(api, school=api.other)
    names = {str(value) for _ in range(3) for value in vars(things_of(theirs)).values()} | {str(api.other.org)}
    for who in ("alice", "ed", "ada"):
        for path in (
            "users",
            "courses",
            "categories",
            "assignments",
            "rubrics",
            f"courses/{api.school.course}/enrollments",
        ):
            for query in ("limit=100", f"limit=100&course_id={api.other.course}"):
                answer = api.client.get(f"/v1/{path}?{query}", headers=api.signed_in(who))
                assert not {name for name in names if name in answer.text}, (who, path)
    # A cursor with an id of another org is only a position in the order.
    cursor = api.client.get("/v1/courses?limit=1", headers=api.signed_in("ada", api.other)).json["next_cursor"]
    answer = api.client.get(f"/v1/courses?cursor={cursor}&limit=100", headers=api.signed_in("ada"))
    assert not {name for name in names if name in answer.text}


def test_path_with_an_invalid_id_is_not_found(api, refused):
    for kind in ("users", "courses", "categories", "assignments", "rubrics"):
        for value in ("1", "null", "%00", "..%2f..", "' or 1=1", "x" * 2000):
            refused(api.client.get(f"/v1/{kind}/{value}", headers=api.signed_in("ada")), 404, "not-found")


def test_rubric_cannot_be_edited(api, refused):
    things = things_of(api)
    for method in ("PATCH", "PUT"):
        answer = api.client.open(
            f"/v1/rubrics/{things.rubric}", method=method, json={"name": "x"}, headers=api.signed_in("ada")
        )
        refused(answer, 405, "method-not-allowed")
        assert "DELETE" in answer.headers["Allow"]
