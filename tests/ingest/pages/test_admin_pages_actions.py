"""Test what an admin does by pages: people, courses, sources, keys, settings and approvals, and what the overview says of it."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from models import db, overview, users
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


def refused_delivery(api: ApiUnderTest, data: dict[str, Any]) -> str:
    """Let the LMS deliver what is refused, and return the path of its page."""
    event = f"msg_{uuid4().hex}"
    assert api.lms.deliver(data, event=event).status_code == 422
    [(found,)] = api.database.sql("select id from inbound_events where event_id = %s", event)
    return f"/admin/sources/{api.school.source}/deliveries/{found}"


def actions(api: ApiUnderTest, entity: str | UUID) -> list[str]:
    """Return what the audit trail says was done to this thing."""
    found = api.database.sql("select action from audit_log where entity_id = %s order by id", str(entity))
    return [action for (action,) in found]


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


def test_secret_of_a_source_and_text_of_a_key_are_shown_once(shared_api: ApiUnderTest, ada: PageReader) -> None:
    page = ada.post("/admin/sources", name="Moodle", networks="192.0.2.0/24\n2001:db8::/32", creates_courses="1")
    assert page.status == 201
    secrets = page.words(".secret")
    source = page.attributes("p > a.button", "href")[0]
    assert "cannot be shown again" in page.text
    assert "accepted for one more day" in ada.get(f"{source}/rotate").text
    secrets += ada.post(f"{source}/rotate").words(".secret")
    page = ada.post(
        "/admin/keys", name="Moodle's key", scopes=["submit", "manage"], expires_on="2199-12-31", networks=""
    )
    secrets += page.words(".secret")
    [(key, scopes)] = shared_api.database.sql("select id::text, scopes from api_keys where name = %s", "Moodle's key")
    assert sorted(scopes) == ["manage", "submit"]
    secrets += ada.post(f"/admin/keys/{key}/rotate").words(".secret")
    assert [re.sub("[A-Za-z0-9+/=]{20,}$", "", one) for one in secrets] == ["whsec_", "whsec_", "ec_live_", "ec_live_"]
    later = [
        ada.get(path).answer.text
        for path in (
            "/admin",
            "/admin/sources",
            source,
            f"{source}/deliveries",
            "/admin/keys",
            "/admin/audit",
            "/admin/logs",
        )
    ]
    assert [secret for secret in secrets if any(secret in text for text in later)] == []
    page = ada.get(source)
    assert page.words("#networks") == ["192.0.2.0/24 2001:db8::/32"]


def test_source_is_switched_off_and_on(shared_api: ApiUnderTest, ada: PageReader) -> None:
    page = ada.post("/admin/sources", name="Short-lived", networks="")
    source = page.attributes("p > a.button", "href")[0]
    assert "refused from then on" in ada.get(f"{source}/delete").text
    assert "Switched off" in ada.post(f"{source}/delete").words(".state")
    assert ada.post(f"{source}/enable").words(".state") == []


def test_revoked_key_is_refused(shared_api: ApiUnderTest, ada: PageReader) -> None:
    text = ada.post("/admin/keys", name="Stolen", scopes="read").words(".secret")[0]
    headers = {"Authorization": f"Bearer {text}"}
    assert shared_api.client.get("/v1/essays", headers=headers).status_code == 200
    [(key,)] = shared_api.database.sql("select id::text from api_keys where name = 'Stolen'")
    assert "cannot be taken back" in ada.get(f"/admin/keys/{key}/revoke").text
    assert ada.post(f"/admin/keys/{key}/revoke").status == 200
    assert shared_api.client.get("/v1/essays", headers=headers).status_code == 401
    assert ada.post(f"/admin/keys/{key}/rotate").status == 409


def test_refused_delivery_shows_why_and_is_carried_out_again(shared_api: ApiUnderTest, ada: PageReader) -> None:
    homework = uuid4().hex
    data = {"title": "Late", "text": "Words enough.", "student": {"external_id": "alice-sis"}}
    path = refused_delivery(shared_api, {**data, "assignment": {"external_id": homework}})
    deliveries, delivery = path.rsplit("/", 1)
    before = actions(shared_api, delivery)
    assert ada.get(deliveries).words(".rows .state")[0] == "Refused"
    assert actions(shared_api, delivery) == before  # the list does not show what was said
    page = ada.get(path)
    assert "Words enough." in page.words("pre")[0]
    assert actions(shared_api, delivery) == [*before, "read"]
    page = ada.post(f"{path}/replay")
    assert page.status == 422
    assert page.words(".state") == ["Refused"]
    task = {"course_id": str(shared_api.school.course), "title": "Homework", "external_id": homework}
    assert shared_api.client.post("/v1/assignments", json=task, headers=shared_api.signed_in("ada")).status_code == 201
    page = ada.post(f"{path}/replay")
    assert page.words(".notice.good") == ["Carried out again: it was accepted."], page.text
    assert page.words(".state") == ["Accepted"]
    assert "delivery_replayed" in actions(shared_api, delivery)


def test_settings_change_after_a_look_at_what_they_do(shared_api: ApiUnderTest, ada: PageReader) -> None:
    form = ada.get("/admin/settings")
    sent = {
        **{name: form.attributes(f"#{name}", "value")[0] for name in ("name", "default_language")},
        "release_policy": "auto", "ai_policy": "local", "ai_fallback": "wait", "monthly_budget": "99.50", "retention_texts": "400",
        "require_assignment": "1",
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
    assert "$99.50" in ada.get("/admin").text
    for wrong in ({"monthly_budget": "much"}, {"retention_texts": "3"}, {"admin_networks": "198.51.100.0/24"}):
        page = ada.post("/admin/settings", sure="1", **{**sent, **wrong})
        assert page.status == 422, wrong
        assert page.words(".notice.bad") != []
    assert org(shared_api) == changed
    ada.get("/admin/settings")
    ada.post(
        "/admin/settings",
        sure="1",
        **{**sent, "ai_policy": "anthropic", "require_assignment": "", "monthly_budget": "", "retention_texts": ""},
    )
    assert org(shared_api)["monthly_budget_micros"] is None


def org(api: ApiUnderTest) -> dict[str, Any]:
    return dict(api.client.get("/v1/org", headers=api.signed_in("ada")).json)


def test_second_administrator_approves_what_the_first_asked_for(shared_api: ApiUnderTest, ada: PageReader) -> None:
    path = add_person(ada, role="admin", name="Second")
    second = UUID(path.rsplit("/", 1)[-1])
    assert "operator can remove" in ada.get("/admin/approvals/ask?action=remove_org").text
    page = ada.post("/admin/approvals/ask", action="remove_org")
    assert page.words(".rows .state") == ["Waiting"]
    assert ada.get("/admin").words("#waits + ul .state")[0] == "1"
    [(request,)] = shared_api.database.sql("select id::text from approvals")
    assert ada.post(f"/admin/approvals/{request}/approve").status == 409
    with db.session(org=shared_api.school.org, user=second, role="ec_admin"):
        assert overview.fetch_overview(shared_api.school.org).approvals == 1
    shared_api.client.post(f"/v1/approvals/{request}/approve", headers=shared_api.signed_in("ada"))
    assert ada.get("/admin/approvals").words(".rows .state") == ["Waiting"]


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


def test_overview_counts_the_school_and_says_how_each_source_fares(shared_api: ApiUnderTest, ada: PageReader) -> None:
    page = ada.post("/admin/sources", name="Canvas", networks="")
    source, secret = page.attributes("p > a.button", "href")[0].rsplit("/", 1)[-1], page.words(".secret")[0]
    health = {one.name: one for one in listed(shared_api)}
    assert (health["Canvas"].state, health["Canvas"].reason) == ("silent", None)
    lms = type(shared_api.lms)(shared_api.client, UUID(source), "whsec_" + "A" * 43 + "=")
    answer = lms.deliver({"title": "T", "text": "Words.", "student": {"external_id": "alice-sis"}})
    assert answer.status_code == 401
    answer.close()  # the line is kept after the answer
    assert named(shared_api, "Canvas").reason == "invalid-signature"
    assert named(shared_api, "Canvas").state == "refused"
    assert "Last refused" in ada.get("/admin").text
    lms = type(shared_api.lms)(shared_api.client, UUID(source), secret)
    assert lms.deliver({"title": "T", "text": "Words.", "student": {"external_id": "alice-sis"}}).status_code == 202
    assert named(shared_api, "Canvas").state == "fine"
    with session_of(shared_api.school, "ada"):
        counts = overview.fetch_overview(shared_api.school.org)
    assert counts.open_essays >= 1
    assert counts.educators >= 2
    with session_of(shared_api.other, "ada"):
        other = overview.fetch_overview(shared_api.other.org)
    assert (other.open_essays, other.failed_passes, other.refused_deliveries, other.students) == (0, 0, 0, 3)


def listed(api: ApiUnderTest) -> list[overview.SourceHealth]:
    with session_of(api.school, "ada"):
        return overview.list_health(api.school.org)


def named(api: ApiUnderTest, name: str) -> overview.SourceHealth:
    return next(one for one in listed(api) if one.name == name)


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
