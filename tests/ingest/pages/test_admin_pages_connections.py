"""Test what an admin does with the connections to an LMS: sources, keys, refused deliveries, and what the overview says of them."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from models import overview
from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.conftest import SignedIn
from tests.support.pages import PageReader
from tests.support.schools import session_of


@pytest.fixture
def ada(signed_in: SignedIn) -> PageReader:
    reader = signed_in("ada")
    reader.get("/admin")
    return reader


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
    assert "Nothing is taken from this source from then on" in ada.get(f"{source}/delete").text
    assert "Switched off" in ada.post(f"{source}/delete").words(".state")
    assert ada.post(f"{source}/enable").words(".state") == []


def test_hand_ins_that_failed_are_listed_with_the_reason_and_tried_again(
    shared_api: ApiUnderTest, ada: PageReader
) -> None:
    made = ada.post(
        "/admin/sources", name="Moodle", site="https://moodle.example", token="0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"
    )
    source = made.answer.request.path.rpartition("/")[2]
    shared_api.database.sql(
        """
        insert into arrivals (org_id, source_id, version_key, place, changed_at, state, finished_at, error)
        values (%s, %s, '1', '{"title": "A <b>letter</b>"}', now(), 'refused', now(), 'file_encrypted') returning 1
        """,
        shared_api.school.org,
        source,
    )
    assert f'href="/admin/sources/{source}"' in ada.get("/admin").answer.text
    page = ada.get(f"/admin/sources/{source}")
    assert "A <b>letter</b>" in page.text
    assert "The file has a password. The student can hand it in without one." in page.text
    assert "What failed is tried again." in ada.post(f"/admin/sources/{source}/again").text
    assert shared_api.database.sql("select state from arrivals where source_id = %s", source) == [("queued",)]
    assert actions(shared_api, source)[-1] == "replayed"


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
    assert page.words(".notice.good") == ["Carried out again."], page.text
    assert page.words(".state") == ["Accepted"]
    assert "delivery_replayed" in actions(shared_api, delivery)


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


def test_moodle_is_connected_and_shows_how_the_exchange_goes(shared_api: ApiUnderTest, ada: PageReader) -> None:
    token = "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"
    page = ada.post("/admin/sources", name="Our Moodle", site="https://moodle.school.example", token="short")
    assert page.status == 422
    ada.post("/admin/sources", name="Our Moodle", site="https://moodle.school.example", token=token)
    [(source,)] = shared_api.database.sql("select id from moodle_sites where site = 'https://moodle.school.example'")
    page = ada.get(f"/admin/sources/{source}")
    assert "https://moodle.school.example" in page.text
    assert "None so far" in page.text
    assert token not in page.text
    assert "webhooks" not in page.text
    shared_api.database.sql("update moodle_sites set error = 'lms_token_refused' where id = %s returning 1", source)
    assert "Make a new token in the LMS and enter it here." in ada.get(f"/admin/sources/{source}").text
    shared_api.database.sql("update moodle_sites set next_at = 'infinity' where id = %s returning 1", source)
    ada.post(f"/admin/sources/{source}", name="Our Moodle", creates_courses="1", token=token[::-1])
    assert shared_api.database.sql("select next_at <= now() from moodle_sites where id = %s", source) == [(True,)]

    stored = "select returns, courses, token from moodle_sites where id = %s"
    [(_, _, sealed)] = shared_api.database.sql(stored, source)
    refused = ada.post(f"/admin/sources/{source}", name="Our Moodle", returns="summary", courses="7\r\nHistory")
    assert refused.words(".notice.bad") == ["Courses 2: must be a whole number"]
    assert refused.words("#courses") == ["7 History"]
    assert ada.post(f"/admin/sources/{source}", name="Our Moodle", courses="9" * 5000).status == 422
    page = ada.post(f"/admin/sources/{source}", name="Our Moodle", returns="summary", courses="7\r\n12", token="")
    assert (page.words("#courses"), page.words("#returns option[selected]")) == (["7 12"], ["Also its main points"])
    assert shared_api.database.sql(stored, source) == [("summary", [7, 12], sealed)]
    ada.post(f"/admin/sources/{source}", name="Our Moodle", returns="link", courses="")
    assert shared_api.database.sql(stored, source) == [("link", [], sealed)]


def test_canvas_is_connected_and_shows_where_events_go(shared_api: ApiUnderTest, ada: PageReader) -> None:
    token = "7~0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"
    form = {"name": "Our Canvas", "canvas_site": "https://school.instructure.com"}
    assert ada.post("/admin/sources", **form, token="short").status == 422
    ada.post("/admin/sources", **form, token=token)
    [(source,)] = shared_api.database.sql("select id from canvas_sites where site = 'https://school.instructure.com'")
    page = ada.get(f"/admin/sources/{source}")
    assert f"/v1/webhooks/{source}" in page.text
    assert "This Canvas tells us what was handed in" in page.text
    for hidden in (token, "Make a new secret"):
        assert hidden not in page.text
    assert ada.post(f"/admin/sources/{source}/again").status == 200
    sealed = "select token from canvas_sites where id = %s"
    before = shared_api.database.sql(sealed, source)
    ada.post(f"/admin/sources/{source}", name="Our Canvas", creates_courses="1", token=token[::-1])
    assert ada.post(f"/admin/sources/{source}", name="Our Canvas", token="short").status == 422
    assert shared_api.database.sql(sealed, source) != before
    page = ada.post(f"/admin/sources/{source}", name="Our Canvas", returns="none")
    assert page.words("#returns option[selected]") == ["Nothing"]
