"""Tests of the admin routes for courses, enrolments, categories, assignments, rubrics and the org."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from models import courses, essays
from models.identifiers import fold_identifier
from tests.support.races import together, warm_up
from tests.support.schools import make_school, session_of

if TYPE_CHECKING:
    from tests.ingest.conftest import ApiUnderTest

NASTY = (
    "'); drop table courses; --",
    "%s %(x)s {0} %%",
    "<img src=x onerror=alert(1)>",
    "line\r\nX-Injected: 1",
    "\u202e👩‍🏫",
    '"\\',
)
_numbers = count(1)


@pytest.fixture
def fresh(shared_api: ApiUnderTest) -> ApiUnderTest:
    """Give the shared app with a new school."""
    return replace(shared_api, school=make_school(f"school-{next(_numbers)}"))


def ask(api: ApiUnderTest, method: str, path: str, body: Any = None, *, who: str = "ada") -> Any:
    return api.app.test_client().open(f"/v1/{path}", method=method, json=body, headers=api.signed_in(who))


def make(api: ApiUnderTest, path: str, who: str = "ada", **body: Any) -> dict[str, Any]:
    """Create a thing, check that its Location leads to it, and return it."""
    answer = ask(api, "POST", path, body, who=who)
    assert answer.status_code == 201, answer.text
    assert ask(api, "GET", answer.headers["Location"].removeprefix("/v1/"), who=who).json == answer.json
    return dict(answer.json)


def hand_in(api: ApiUnderTest, assignment: object) -> None:
    answer = api.client.post(
        "/v1/submissions",
        json={"title": "t", "text": "Some words.", "assignment_id": str(assignment)},
        headers=api.signed_in("alice"),
    )
    assert answer.status_code == 202, answer.text


def rubric_body(name: str = "Argument", *, criteria: int = 1, levels: int = 2) -> dict[str, Any]:
    return {
        "name": name,
        "criteria": [
            {
                "name": f"criterion {one}",
                "description": "d",
                "levels": [{"name": f"level {n}", "points": n, "description": "e"} for n in range(levels)],
            }
            for one in range(criteria)
        ],
    }


# Courses and enrolments.


def test_course_is_added_changed_and_deleted(fresh):
    made = make(fresh, "courses", name="English 11", external_id="e11")
    assert made == {**made, "name": "English 11", "external_id": "e11", "archived": False}
    changed = ask(fresh, "PATCH", f"courses/{made['id']}", {"archived": True, "external_id": None})
    assert changed.json == {**made, "archived": True, "external_id": None}
    assert ask(fresh, "PATCH", f"courses/{made['id']}", {}).json == changed.json
    assert ask(fresh, "PATCH", f"courses/{made['id']}", {"archived": False}).json["archived"] is False
    assert ask(fresh, "DELETE", f"courses/{made['id']}").status_code == 204
    assert ask(fresh, "GET", f"courses/{made['id']}").status_code == 404
    assert ask(fresh, "DELETE", f"courses/{made['id']}").status_code == 404


def test_course_with_essays_cannot_be_deleted(fresh, refused):
    hand_in(fresh, fresh.school.assignment)
    refused(ask(fresh, "DELETE", f"courses/{fresh.school.course}"), 409, "in-use")
    refused(ask(fresh, "DELETE", f"assignments/{fresh.school.assignment}"), 409, "in-use")
    refused(ask(fresh, "DELETE", f"assignments/{fresh.school.assignment}", who="ed"), 409, "in-use")
    assert ask(fresh, "GET", f"courses/{fresh.school.course}").status_code == 200
    # A course without essays is deleted with its assignments and enrolments.
    assert ask(fresh, "DELETE", f"courses/{fresh.school.other_course}").status_code == 204
    assert ask(fresh, "GET", "courses", who="nell").json["items"] == []


def test_course_external_id_is_unique_within_an_org(fresh, shared_api, refused):
    made = make(fresh, "courses", name="A", external_id="same")
    answer = ask(fresh, "POST", "courses", {"name": "B", "external_id": "same"})
    assert refused(answer, 409, "conflict")["errors"] == [{"pointer": "/external_id", "detail": "is taken"}]
    other = make(fresh, "courses", name="B")
    refused(ask(fresh, "PATCH", f"courses/{other['id']}", {"external_id": "same"}), 409, "conflict")
    assert ask(fresh, "PATCH", f"courses/{made['id']}", {"external_id": "same"}).status_code == 200
    assert make(shared_api, "courses", name="C", external_id="same")["external_id"] == "same"


def test_enrolment_is_idempotent(fresh, refused):
    path = f"courses/{fresh.school.course}/enrollments"
    body = {"user_id": str(fresh.school.zoe), "role": "student"}
    first, again = ask(fresh, "POST", path, body), ask(fresh, "POST", path, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert ask(fresh, "GET", first.headers["Location"].removeprefix("/v1/")).json == first.json
    assert ask(fresh, "GET", f"courses/{fresh.school.course}", who="zoe").status_code == 200
    assert ask(fresh, "DELETE", f"{path}/{fresh.school.zoe}").status_code == 204
    refused(ask(fresh, "DELETE", f"{path}/{fresh.school.zoe}"), 404, "not-found")
    assert ask(fresh, "GET", f"courses/{fresh.school.course}", who="zoe").status_code == 404


def test_concurrent_enrolments_of_one_person_create_one(fresh):
    warm_up(8)
    path = f"courses/{fresh.school.course}/enrollments"
    body = {"user_id": str(fresh.school.zoe), "role": "student"}
    fresh.signed_in("ada")
    answers = together(8, lambda _: ask(fresh, "POST", path, body).status_code)
    assert sorted(answers) == [200] * 7 + [201]


def test_enrolment_cannot_make_a_student_an_educator(fresh, refused):
    path = f"courses/{fresh.school.course}/enrollments"
    answer = ask(fresh, "POST", path, {"user_id": str(fresh.school.zoe), "role": "educator"})
    assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == "/role"
    assert ask(fresh, "POST", path, {"user_id": str(fresh.school.nell), "role": "student"}).status_code == 201
    assert str(fresh.school.alice) not in ask(fresh, "GET", "users", who="nell").text
    changed = ask(fresh, "POST", path, {"user_id": str(fresh.school.nell), "role": "educator"})
    assert (changed.status_code, changed.json["role"]) == (200, "educator")
    assert str(fresh.school.alice) in ask(fresh, "GET", "users", who="nell").text


def test_educator_removed_from_a_course_loses_access_to_it(fresh, refused):
    assert ask(fresh, "GET", f"users/{fresh.school.alice}", who="ed").status_code == 200
    assert ask(fresh, "DELETE", f"courses/{fresh.school.course}/enrollments/{fresh.school.ed}").status_code == 204
    refused(ask(fresh, "GET", f"users/{fresh.school.alice}", who="ed"), 404, "not-found")
    refused(ask(fresh, "PATCH", f"assignments/{fresh.school.assignment}", {"title": "x"}, who="ed"), 404, "not-found")
    body = {"course_id": str(fresh.school.course), "title": "x"}
    refused(ask(fresh, "POST", "assignments", body, who="ed"), 422, "invalid-payload")


def test_enrolments_are_listed_in_pages(fresh):
    for name in ("zoe", "nell", "ada"):
        ask(
            fresh,
            "POST",
            f"courses/{fresh.school.course}/enrollments",
            {"user_id": str(getattr(fresh.school, name)), "role": "student"},
        )
    path, seen, cursor = f"courses/{fresh.school.course}/enrollments?limit=2", [], ""
    while cursor is not None:
        page = ask(fresh, "GET", path + (f"&cursor={cursor}" if cursor else ""), who="ed").json
        seen += [one["user_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == sorted(
        str(getattr(fresh.school, name)) for name in ("alice", "bob", "ed", "zoe", "nell", "ada")
    )


# Categories.


def test_category_is_added_renamed_and_not_deleted_while_in_use(fresh, refused):
    made = make(fresh, "categories", slug="haiku", name="Haiku")
    refused(ask(fresh, "POST", "categories", {"slug": "haiku", "name": "x"}), 409, "conflict")
    refused(ask(fresh, "PATCH", f"categories/{made['id']}", {"slug": "narrative"}), 409, "conflict")
    assert ask(fresh, "PATCH", f"categories/{made['id']}", {"name": "Short"}).json == {**made, "name": "Short"}
    task = make(fresh, "assignments", course_id=str(fresh.school.course), title="t", category="haiku")
    refused(ask(fresh, "DELETE", f"categories/{made['id']}"), 409, "in-use")
    assert ask(fresh, "PATCH", f"assignments/{task['id']}", {"category": None}).json["category"] is None
    assert ask(fresh, "DELETE", f"categories/{made['id']}").status_code == 204
    answer = fresh.client.post(
        "/v1/submissions", json={"title": "t", "text": "x", "category": "haiku"}, headers=fresh.signed_in("alice")
    )
    assert [one["pointer"] for one in answer.json["warnings"]] == ["/category"]
    kinds = ask(fresh, "GET", "categories?limit=100", who="alice").json["items"]
    assert {"argumentative", "narrative"} <= {one["slug"] for one in kinds}
    narrative = next(one for one in kinds if one["slug"] == "narrative")
    fresh.client.post(
        "/v1/submissions", json={"title": "t", "text": "x", "category": "narrative"}, headers=fresh.signed_in("alice")
    )
    refused(ask(fresh, "DELETE", f"categories/{narrative['id']}"), 409, "in-use")


@pytest.mark.parametrize("slug", ["", "Haiku", "a b", "-a", "é", "x" * 64, "a\n", None, 1])
def test_invalid_category_slug_is_refused(shared_api, refused, slug):
    answer = ask(shared_api, "POST", "categories", {"slug": slug, "name": "x"})
    assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == "/slug"


# Assignments.


def test_educator_edits_an_assignment_and_students_read_it(fresh):
    whole = {
        "course_id": str(fresh.school.course), "title": "Phones II", "prompt": "Ban them?", "due_at": "2027-01-31T23:00:00+02:00",
        "release_policy": "after_review", "category": "argumentative", "rubric_id": str(fresh.school.rubric), "external_id": "lms-7",
    }  # fmt: skip
    made = make(fresh, "assignments", "ed", **whole)
    given = {"id": made["id"], "created_at": made["created_at"], "source_id": None}
    assert made == {**whole, "due_at": "2027-01-31T21:00:00Z", **given}
    assert ask(fresh, "GET", f"assignments/{made['id']}", who="alice").json == made
    nothing = {
        "due_at": None,
        "release_policy": None,
        "category": None,
        "rubric_id": None,
        "external_id": None,
        "prompt": "",
    }
    assert ask(fresh, "PATCH", f"assignments/{made['id']}", nothing, who="ed").json == {**made, **nothing}
    assert ask(fresh, "PATCH", f"assignments/{made['id']}", {"title": "III"}, who="ed").json == {
        **made,
        **nothing,
        "title": "III",
    }
    assert ask(fresh, "DELETE", f"assignments/{made['id']}", who="ed").status_code == 204
    assert ask(fresh, "GET", f"assignments/{made['id']}", who="ed").status_code == 404


def test_assignments_are_listed_by_course_in_pages(fresh):
    ids = [make(fresh, "assignments", "ed", course_id=str(fresh.school.course), title=f"t{n}")["id"] for n in range(4)]
    other = make(fresh, "assignments", "nell", course_id=str(fresh.school.other_course), title="o")["id"]
    path = f"assignments?course_id={fresh.school.course}&limit=3"
    first = ask(fresh, "GET", path).json
    second = ask(fresh, "GET", f"{path}&cursor={first['next_cursor']}").json
    seen = [one["id"] for one in first["items"] + second["items"]]
    assert seen[:4] == ids[::-1]
    assert len(seen) == 6
    assert second["next_cursor"] is None
    assert [one["id"] for one in ask(fresh, "GET", "assignments", who="nell").json["items"]] == [other]
    assert other not in ask(fresh, "GET", "assignments?limit=100", who="alice").text
    assert ask(fresh, "GET", "assignments", who="zoe").json == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"title": ""}, "/title"), ({"title": " "}, "/title"), ({"title": "x" * 501}, "/title"), ({"title": None}, "/title"),
        ({"prompt": "x" * 20_001}, "/prompt"), ({"prompt": None}, "/prompt"), ({"due_at": "tomorrow"}, "/due_at"),
        ({"due_at": "9999-12-31T23:59:59-23:59"}, "/due_at"), ({"due_at": 0}, "/due_at"),
        ({"release_policy": "never"}, "/release_policy"), ({"category": "no-such"}, "/category"), ({"category": "A"}, "/category"),
        ({"rubric_id": "x"}, "/rubric_id"), ({"rubric_id": 7}, "/rubric_id"), ({"external_id": 7}, "/external_id"),
        ({"external_id": "x" * 256}, "/external_id"), ({"rubric": "x"}, "/rubric"), ({"org_id": str(uuid4())}, "/org_id"),
    ],
)  # fmt: skip
def test_invalid_assignment_is_refused_with_the_field(shared_api, refused, changes, pointer):
    whole = {"course_id": str(shared_api.school.course), "title": "t", **changes}
    for answer in (
        ask(shared_api, "POST", "assignments", whole, who="ed"),
        ask(shared_api, "PATCH", f"assignments/{shared_api.school.assignment}", changes, who="ed"),
    ):
        assert [one["pointer"] for one in refused(answer, 422, "invalid-payload")["errors"]] == [pointer]


def test_assignment_cannot_move_to_another_course(shared_api, refused):
    body = {"course_id": str(shared_api.school.other_course)}
    answer = ask(shared_api, "PATCH", f"assignments/{shared_api.school.assignment}", body)
    assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == "/course_id"


def test_length_limits_are_inclusive_and_count_characters(shared_api):
    made = make(
        shared_api,
        "assignments",
        course_id=str(shared_api.school.course),
        title="😀" * 500,
        prompt="é" * 20_000,
        external_id="😀" * 255,
    )
    assert (len(made["title"]), len(made["prompt"]), len(made["external_id"])) == (500, 20_000, 255)


def test_unusual_text_is_stored_unchanged_and_an_id_in_its_folded_form(shared_api):
    for value in NASTY:
        course = make(shared_api, "courses", name=value, external_id=value)
        task = make(shared_api, "assignments", course_id=course["id"], title=value, prompt=value, external_id=value)
        assert (course["name"], task["title"], task["prompt"]) == (value,) * 3
        assert course["external_id"] == task["external_id"] == fold_identifier(value)
        assert ask(shared_api, "PATCH", f"courses/{course['id']}", {"name": value + value}).json["name"] == value * 2


# Rubrics.


def test_same_rubric_is_reused_and_a_changed_one_is_new(fresh):
    body = rubric_body(criteria=2, levels=3)
    made = make(fresh, "rubrics", "ed", **body)
    assert [one["name"] for one in made["criteria"]] == ["criterion 0", "criterion 1"]
    assert made["criteria"][0]["levels"] == body["criteria"][0]["levels"]
    again = ask(fresh, "POST", "rubrics", body)
    assert (again.status_code, again.json) == (200, made)
    for change in (
        lambda r: r.update(name="x"),
        lambda r: r["criteria"].reverse(),
        lambda r: r["criteria"][0]["levels"][0].update(points=9),
    ):
        other = copy.deepcopy(body)
        change(other)
        assert make(fresh, "rubrics", **other)["id"] != made["id"]
    listed = ask(fresh, "GET", "rubrics?limit=100", who="alice").json["items"]
    assert {"id": made["id"], "name": "Argument", "created_at": made["created_at"]} in listed


def test_concurrent_equal_rubrics_create_one(fresh):
    warm_up(8)
    fresh.signed_in("ed")
    answers = together(8, lambda _: ask(fresh, "POST", "rubrics", rubric_body("Race"), who="ed"))
    assert sorted(one.status_code for one in answers) == [200] * 7 + [201]
    assert len({one.json["id"] for one in answers}) == 1
    assert all(len(one.json["criteria"]) == 1 for one in answers)


def test_rubric_can_be_deleted_only_when_unused(fresh, refused):
    made = make(fresh, "rubrics", **rubric_body())
    task = make(fresh, "assignments", course_id=str(fresh.school.course), title="t", rubric_id=made["id"])
    refused(ask(fresh, "DELETE", f"rubrics/{made['id']}"), 409, "in-use")
    ask(fresh, "DELETE", f"assignments/{task['id']}")
    refused(ask(fresh, "DELETE", f"rubrics/{made['id']}", who="ed"), 403, "forbidden")
    assert ask(fresh, "DELETE", f"rubrics/{made['id']}").status_code == 204
    refused(ask(fresh, "GET", f"rubrics/{made['id']}"), 404, "not-found")


def test_rubric_used_for_an_essay_cannot_be_deleted(shared_api, refused):
    task = make(
        shared_api,
        "assignments",
        course_id=str(shared_api.school.course),
        title="Judged",
        rubric_id=str(shared_api.school.rubric),
    )
    receipt = shared_api.hand_in("alice", assignment_id=task["id"])
    shared_api.worker.finish(receipt["id"], "content")
    with session_of(shared_api.school, "ada"):
        assert essays.fetch_status(receipt["id"], org=shared_api.school.org)
        for assignment in courses.list_assignments(org=shared_api.school.org, limit=100):
            courses.change_assignment(assignment["id"], org=shared_api.school.org, changes={"rubric_id": None})
    refused(ask(shared_api, "DELETE", f"rubrics/{shared_api.school.rubric}"), 409, "in-use")


def test_rubric_of_the_largest_size_is_accepted(shared_api):
    body = rubric_body("Large", criteria=20, levels=10)
    for criterion in body["criteria"]:
        criterion["description"] = "d" * 1000
        for level in criterion["levels"]:
            level["description"] = "e" * 1000
    made = make(shared_api, "rubrics", **body)
    assert len(made["criteria"]) == 20


def invalid_rubrics() -> dict[str, tuple[dict[str, Any], str]]:
    """Return invalid rubrics by name, each with the pointer of its fault."""

    def one(change: Any) -> dict[str, Any]:
        body = rubric_body(criteria=2, levels=3)
        change(body)
        return body

    first = lambda r: r["criteria"][0]  # noqa: E731
    level = lambda r: first(r)["levels"][0]  # noqa: E731
    return {
        "no criteria": (one(lambda r: r.update(criteria=[])), "/criteria"),
        "criteria are no list": (one(lambda r: r.update(criteria={})), "/criteria"),
        "21 criteria": (rubric_body(criteria=21), "/criteria"),
        "one level": (rubric_body(levels=1), "/criteria/0/levels"),
        "11 levels": (rubric_body(levels=11), "/criteria/0/levels"),
        "equal criteria": (one(lambda r: first(r).update(name=" CRITERION 1 ")), "/criteria"),
        "equal levels": (one(lambda r: level(r).update(name="LEVEL 1")), "/criteria/0/levels"),
        "negative points": (one(lambda r: level(r).update(points=-1)), "/criteria/0/levels/0/points"),
        "too many points": (one(lambda r: level(r).update(points=1001)), "/criteria/0/levels/0/points"),
        "half points": (one(lambda r: level(r).update(points=0.5)), "/criteria/0/levels/0/points"),
        "points as text": (one(lambda r: level(r).update(points="1")), "/criteria/0/levels/0/points"),
        "points as boolean": (one(lambda r: level(r).update(points=True)), "/criteria/0/levels/0/points"),
        "points beyond any integer": (one(lambda r: level(r).update(points=10**30)), "/criteria/0/levels/0/points"),
        "blank name": (one(lambda r: r.update(name=" ")), "/name"),
        "long name": (one(lambda r: first(r).update(name="x" * 201)), "/criteria/0/name"),
        "long description": (one(lambda r: first(r).update(description="x" * 1001)), "/criteria/0/description"),
        "misspelt member": (one(lambda r: level(r).update(point=1)), "/criteria/0/levels/0/point"),
        "null level": (one(lambda r: first(r)["levels"].append(None)), "/criteria/0/levels/3"),
    }


@pytest.mark.parametrize("what", invalid_rubrics())
def test_invalid_rubric_is_refused_with_the_field(shared_api, refused, what):
    body, pointer = invalid_rubrics()[what]
    answer = ask(shared_api, "POST", "rubrics", body, who="ed")
    assert [one["pointer"] for one in refused(answer, 422, "invalid-payload")["errors"]] == [pointer]


def test_unstorable_text_in_a_nested_field_is_refused(shared_api, refused):
    for bad in ("\0", "\ud800"):
        body = rubric_body()
        body["criteria"][0]["levels"][1]["description"] = f"a{bad}"
        assert (
            refused(ask(shared_api, "POST", "rubrics", body), 422, "invalid-text")["errors"][0]["pointer"]
            == "/criteria/0/levels/1/description"
        )
        for method, path, field in (
            ("POST", "courses", "name"), ("PATCH", f"courses/{shared_api.school.course}", "name"), ("PATCH", "org", "name"),
            ("POST", "assignments", "prompt"), ("POST", "categories", "name"),
        ):  # fmt: skip
            refused(ask(shared_api, method, path, {field: bad}), 422, "invalid-text")


# The org.


def test_admin_changes_the_settings_of_the_org(fresh):
    before = ask(fresh, "GET", "org").json
    assert (before["slug"], before["require_approval"]) == (fresh.school.slug, False)
    wanted = {
        "name": "New Name", "default_language": "de", "release_policy": "after_review", "ai_policy": "none", "ai_fallback": "local",
        "require_approval": True, "require_assignment": True, "monthly_budget_micros": 5_000_000,
    }  # fmt: skip
    assert ask(fresh, "PATCH", "org", wanted).json == {**before, **wanted}
    assert ask(fresh, "PATCH", "org", {"monthly_budget_micros": None}).json == {
        **before,
        **wanted,
        "monthly_budget_micros": None,
    }
    receipt = fresh.hand_in("alice", assignment_id=str(fresh.school.assignment))
    assert fresh.client.get(receipt["links"]["self"], headers=fresh.signed_in("alice")).json["released"] is False
    assert ask(fresh, "GET", "org").json["ai_policy"] == "none"


@pytest.mark.parametrize(
    "changes",
    [
        {"ai_policy": "openai"}, {"ai_policy": None}, {"ai_fallback": "none"}, {"release_policy": None}, {"name": ""}, {"name": "x" * 201},
        {"name": None}, {"default_language": "English!"}, {"default_language": None}, {"monthly_budget_micros": -1},
        {"monthly_budget_micros": 1.5}, {"monthly_budget_micros": "1"}, {"monthly_budget_micros": 10**13 + 1}, {"slug": "stolen"},
        {"id": str(uuid4())}, {"monthly_budget": 1}, {"require_approval": None}, {"require_approval": "true"}, {"require_approval": 1},
        {"require_assignment": None}, {"require_assignment": "true"},
    ],
)  # fmt: skip
def test_invalid_org_setting_is_refused(shared_api, refused, changes):
    before = ask(shared_api, "GET", "org").json
    answer = ask(shared_api, "PATCH", "org", changes)
    assert [one["pointer"] for one in refused(answer, 422, "invalid-payload")["errors"]] == [f"/{next(iter(changes))}"]
    assert ask(shared_api, "GET", "org").json == before


def test_default_language_of_an_org_is_stored_as_a_tag(fresh):
    assert ask(fresh, "PATCH", "org", {"default_language": "en_gb"}).json["default_language"] == "en-GB"
    assert ask(fresh, "PATCH", "org", {"default_language": "German"}).json["default_language"] == "de"


def test_blank_member_of_an_assignment_or_course_is_the_same_as_null(fresh):
    blank = {"due_at": "", "release_policy": " ", "category": "", "rubric_id": "", "external_id": "'"}
    made = make(fresh, "assignments", course_id=str(fresh.school.course), title="T", **blank)
    assert {made[name] for name in blank} == {None}
    assert make(fresh, "courses", name="C", external_id=" ")["external_id"] is None


def test_only_an_admin_switches_the_approval_and_each_change_is_in_the_audit_trail(fresh, refused):
    for who in ("alice", "ed"):
        refused(ask(fresh, "PATCH", "org", {"require_approval": True}, who=who), 403, "forbidden")
    for wanted in (True, True, False):
        assert ask(fresh, "PATCH", "org", {"require_approval": wanted}).json["require_approval"] is wanted
    entries = ask(fresh, "GET", f"audit?actor_id={fresh.school.ada}&entity_id={fresh.school.org}").json["items"]
    found = [(one["action"], one["actor_role"], one["detail"]) for one in entries]
    assert found == [("changed", "admin", {"changed": ["require_approval"]})] * 2


def test_settings_of_one_org_do_not_change_another(shared_api):
    theirs = shared_api.client.get("/v1/org", headers=shared_api.signed_in("ada", shared_api.other)).json
    ask(shared_api, "PATCH", "org", {"name": "Mine alone", "ai_policy": "local"})
    assert shared_api.client.get("/v1/org", headers=shared_api.signed_in("ada", shared_api.other)).json == theirs
