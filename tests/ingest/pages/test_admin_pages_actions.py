"""Test what an admin does by pages: people, courses, settings and approvals."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from models import approvals, db, users
from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.conftest import SignedIn
from tests.support.pages import Page, PageReader
from tests.support.schools import session_of


@pytest.fixture
def ada(signed_in: SignedIn) -> PageReader:
    reader = signed_in("ada")
    reader.get("/admin")
    return reader


def path_of(page: Page) -> str:
    return str(page.answer.request.path)


def add_person(ada: PageReader, **fields: str) -> str:
    """Add a person by the page and return the path of their page."""
    name = uuid4().hex
    page = ada.post("/admin/people", **{"name": name, "email": f"{name}@n.example", "role": "student", **fields})
    assert page.words(".notice.good") == ["Added."], page.text
    return path_of(page)


def test_person_is_added_found_and_changed(shared_api: ApiUnderTest, ada: PageReader) -> None:
    path = add_person(ada, name="Grace", email="Grace@North.example", external_id="grace-sis")
    for wanted in ({"email": "grace@north.example"}, {"external_id": "grace-sis"}):
        assert path_of(ada.post("/admin/people/search", **wanted)) == path
    page = ada.post("/admin/people/search", email="nobody@north.example")
    assert "Nobody here has this address or id." in page.text
    assert "nobody@north.example" not in page.answer.request.url
    ada.get(path)
    page = ada.post(path, name="Grace Hopper", email="Grace@North.example", external_id="", language="German")
    assert page.words("h1") == ["Grace Hopper"]
    with session_of(shared_api.school, "ada"):
        person = users.fetch_person(UUID(path.split("/")[-1]), org=shared_api.school.org)
    assert (person.name, person.external_id, person.language) == ("Grace Hopper", None, "de")


def test_refused_form_says_why_and_keeps_what_was_written(shared_api: ApiUnderTest, ada: PageReader) -> None:
    page = ada.post("/admin/people", name="Twin", email=shared_api.school.email("alice"), role="student")
    assert page.status == 409
    assert page.attributes("#name", "value") == ["Twin"]
    page = ada.post("/admin/people", name="Nobody", role="student")
    assert page.status == 422
    assert "an email or an external_id is needed" in page.text.lower()


def test_role_is_changed_on_a_page_of_its_own_and_never_one_s_own(shared_api: ApiUnderTest, ada: PageReader) -> None:
    path = add_person(ada)
    assert ada.get(f"{path}/role").all('select[name="role"]')
    assert ada.post(f"{path}/role", role="educator").words(".facts .state") == ["Teacher"]
    own = f"/admin/people/{shared_api.school.ada}"
    assert ada.post(f"{own}/role", role="student").status == 409
    assert ada.post(f"{own}/disable").status == 409
    assert ada.get(own).words(".facts .state") == ["Administrator"]


def test_disabled_person_is_signed_out_and_can_be_enabled_again(shared_api: ApiUnderTest, ada: PageReader) -> None:
    path = add_person(ada)
    page = ada.get(f"{path}/disable")
    assert "can no longer sign in" in page.text
    page = ada.post(f"{path}/disable")
    assert "Disabled" in page.words(".state")
    page = ada.post(f"{path}/enable")
    assert "Disabled" not in page.words(".state")


def test_ended_sessions_are_over(shared_api: ApiUnderTest, ada: PageReader, signed_in: SignedIn) -> None:
    bob = signed_in("bob")
    path = f"/admin/people/{shared_api.school.bob}"
    assert "Signed in now Since" in ada.get(path).text
    ada.get(f"{path}/end-sessions")
    assert "Nowhere." in ada.post(f"{path}/end-sessions").text
    assert path_of(bob.get("/essays/new")) == "/sign-in"


def test_invitation_is_mailed(shared_api: ApiUnderTest, ada: PageReader) -> None:
    path = add_person(ada)
    page = ada.post(f"{path}/invite")
    assert page.words(".notice.good") == ["The invitation is on its way."]
    tokens = shared_api.database.sql("select purpose from one_time_tokens where user_id = %s", path.rsplit("/", 1)[-1])
    assert tokens == [("invitation",)]


def test_course_is_added_filled_archived_and_deleted(shared_api: ApiUnderTest, ada: PageReader) -> None:
    path = path_of(ada.post("/admin/courses", name="Poetry", external_id="po-1"))
    page = ada.post(f"{path}/members", email=shared_api.school.email("zoe"), role="student")
    assert "Zoe" in page.words("#members + ul a")
    assert ada.post(f"{path}/members", email="nobody@north.example", role="student").status == 422
    page = ada.post(path, name="Poems", external_id="")
    assert page.words("h1") == ["Poems"]
    assert "Archived" in ada.post(f"{path}/archive", archived="1").words(".state")
    assert ada.post(f"{path}/archive").words(".state") == []
    zoe = f"{path}/members/{shared_api.school.zoe}/remove"
    assert "Essays that they wrote here stay." in ada.get(zoe).text
    assert "Nobody is in this course yet." in ada.post(zoe).text
    assert "goes for ever" in ada.get(f"{path}/delete").text
    assert ada.post(f"{path}/delete").words(".notice.good") == ["Deleted."]
    assert ada.get(path).status == 404


def test_course_with_essays_is_not_deleted(shared_api: ApiUnderTest, ada: PageReader) -> None:
    shared_api.hand_in("alice", assignment_id=str(shared_api.school.assignment))
    page = ada.post(f"/admin/courses/{shared_api.school.course}/delete")
    assert page.status == 409
    assert page.words("h1") == ["English 9"]


def test_settings_change_after_a_look_at_what_they_do(shared_api: ApiUnderTest, ada: PageReader) -> None:
    form = ada.get("/admin/settings")
    sent = {
        **{name: form.attributes(f"#{name}", "value")[0] for name in ("name", "default_language")},
        "release_policy": "auto", "ai_policy": "local", "ai_fallback": "wait", "monthly_budget": "99.50", "retention_texts": "400",
        "require_assignment": "1", "embed_origins": "https://lms.example\nhttps://moodle.example:8443",
    }  # fmt: skip
    page = ada.post("/admin/settings", **sent)
    assert "Only the local engine reads" in page.text
    assert "deleted for ever" in page.text
    assert org(shared_api)["ai_policy"] == "anthropic"
    carried = {name: page.hidden(name) for name in sent}
    page = ada.post("/admin/settings", sure="1", **carried)
    assert page.words(".notice.good") == ["Saved."]
    changed = org(shared_api)
    assert (changed["ai_policy"], changed["monthly_budget_micros"], changed["retention_texts"]) == (
        "local",
        99_500_000,
        400,
    )
    assert changed["require_assignment"] is True
    assert changed["embed_origins"] == ["https://lms.example", "https://moodle.example:8443"]
    assert "$99.50" in ada.get("/admin").text
    for wrong in (
        {"monthly_budget": "much"}, {"retention_texts": "3"}, {"admin_networks": "198.51.100.0/24"}, {"embed_origins": "lms.example"},
    ):  # fmt: skip
        page = ada.post("/admin/settings", sure="1", **{**sent, **wrong})
        assert page.status == 422, wrong
        assert page.words(".notice.bad") != []
    assert org(shared_api) == changed
    ada.get("/admin/settings")
    ada.post(
        "/admin/settings",
        sure="1",
        **{
            **sent,
            "ai_policy": "anthropic",
            "require_assignment": "",
            "monthly_budget": "",
            "retention_texts": "",
            "embed_origins": "",
        },
    )
    assert org(shared_api)["monthly_budget_micros"] is None


def org(api: ApiUnderTest) -> dict[str, Any]:
    return dict(api.client.get("/v1/org", headers=api.signed_in("ada")).json)


def test_second_administrator_approves_what_the_first_asked_for(shared_api: ApiUnderTest, ada: PageReader) -> None:
    second = UUID(add_person(ada, role="admin", name="Second").rsplit("/", 1)[-1])
    org = shared_api.school.org
    assert "operator can remove" in ada.get("/admin/approvals/ask?action=remove_org").text
    assert ada.post("/admin/approvals/ask", action="remove_org").words(".rows .state") == ["Waiting"]
    assert ada.get("/admin").words("#waits + ul .state")[0] == "1"
    [(own,)] = shared_api.database.sql("select id::text from approvals")
    assert ada.post(f"/admin/approvals/{own}/approve").status == 409
    assert ada.get("/admin/approvals").words(".rows .state") == ["Waiting"]
    with db.session(org=org, user=second, role="ec_admin"):
        theirs = approvals.ask("end_dual_approval")
    assert "one administrator alone" in ada.get(f"/admin/approvals/{theirs}/approve").text
    page = ada.post(f"/admin/approvals/{theirs}/approve")
    assert page.words(".notice.good") == ["Approved."], page.text
    assert sorted(page.words(".rows .state")) in (["Approved", "Waiting"], ["Carried out", "Waiting"])
    assert ada.post(f"/admin/approvals/{theirs}/approve").status == 409


def test_failed_pass_is_read_again_or_taken_off_the_list(shared_api: ApiUnderTest, ada: PageReader) -> None:
    first, second = shared_api.hand_in("bob"), shared_api.hand_in("bob")
    for receipt in (first, second):
        shared_api.worker.give_up(receipt["id"], "grammar")
    page = ada.get("/admin/failed-passes")
    assert first["id"] in page.text
    ada.post(f"/admin/failed-passes/{first['id']}")
    page = ada.post(f"/admin/failed-passes/{second['id']}", discard="1")
    assert page.words(".notice.good") == ["Taken off the list."]
    assert first["id"] not in page.text
    assert second["id"] not in page.text


def test_lists_go_on_where_the_page_ends(shared_api: ApiUnderTest, ada: PageReader) -> None:
    school = shared_api.school
    with session_of(school, "ada"):
        for number in range(60):
            users.add_user("student", org=school.org, external_id=f"page-{number}")
    first = ada.get("/admin/people?role=student")
    more = first.attributes("p > a.button", "href")[0]
    assert "role=student" in more
    second = ada.get(more)
    assert len(first.all(".rows > li")) == 50
    assert not set(first.attributes(".rows a", "href")) & set(second.attributes(".rows a", "href"))
