"""Test what an admin does on the pages with the endpoints of the school, and that nobody else can do it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from models import connections, db, endpoints
from models.endpoints import EVENTS, MOST_ENDPOINTS
from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.conftest import SignedIn
from tests.support.pages import Page, PageReader
from tests.support.schools import session_of

WEBHOOKS = "/admin/webhooks"
FORM = {"name": "LMS", "url": "https://lms.example/hooks", "events": ["feedback.ready", "submission.refused"]}
MAPPED = {"header": "X-Sign", "member:text": "/text", "member:student/external_id": "/student"}


@pytest.fixture
def ada(shared_api: ApiUnderTest, signed_in: SignedIn) -> Iterator[PageReader]:
    """Give the admin's browser. At the end the school has no endpoint."""
    reader = signed_in("ada")
    reader.get(WEBHOOKS)
    yield reader
    shared_api.database.sql("delete from endpoints returning id")


def make(ada: PageReader, **changes: object) -> str:
    """Make an endpoint by the page, and return the path of its page."""
    page = ada.post(WEBHOOKS, **{**FORM, **changes})
    assert page.status == 201, page.text
    return page.attributes("p > a.button", "href")[0]


def end(api: ApiUnderTest, error: str, http_status: int | None = None) -> None:
    """Let every delivery end without having arrived."""
    api.database.sql(
        "update deliveries set state = 'gave_up', attempt = 8, finished_at = now(), error = %s, http_status = %s returning id",
        error, http_status,
    )  # fmt: skip


def refusal(page: Page) -> str:
    assert page.status == 422
    [said] = page.words(".notice.bad")
    return said


def test_endpoint_is_made_and_its_secrets_are_shown_once(shared_api: ApiUnderTest, ada: PageReader) -> None:
    page = ada.post(WEBHOOKS, **FORM)
    assert page.answer.headers["Cache-Control"] == "no-store"
    secrets, path = page.words(".secret"), page.attributes("p > a.button", "href")[0]
    assert "signed with the present secret too" in ada.get(f"{path}/rotate").text
    secrets += ada.post(f"{path}/rotate").words(".secret")
    assert [len(secret) for secret in secrets if secret.startswith("whsec_")] == [50, 50]
    later = [ada.get(one).answer.text for one in (WEBHOOKS, path, f"{path}/rotate", "/admin/audit", "/admin/logs")]
    assert [secret for secret in secrets if any(secret in text for text in later)] == []
    found = shared_api.database.sql("select name, url, events, disabled_at from endpoints")
    assert found == [("LMS", "https://lms.example/hooks", FORM["events"], None)]
    done = shared_api.database.sql(
        "select action, actor_id from audit_log where entity = 'endpoint' and entity_id = %s order by id", path[-36:]
    )
    assert done == [("created", shared_api.school.ada), ("changed", shared_api.school.ada)]


@pytest.mark.parametrize(("wrong", "field"), [
    ({"url": "http://lms.example/hooks"}, "Address"), ({"url": "https://user:pw@lms.example/"}, "Address"), ({"url": ""}, "Address"),
    ({"events": []}, "What it hears of"), ({"name": " "}, "Name"), ({"events": ["essay.eaten"]}, "What it hears of 1"),
])  # fmt: skip
def test_form_is_refused_by_the_name_of_its_field_and_keeps_what_was_written(
    shared_api: ApiUnderTest, ada: PageReader, wrong: dict[str, object], field: str
) -> None:
    form = {**FORM, "name": 'Ours <b>"x"', **wrong}
    api = shared_api.client.post("/v1/endpoints", json=form, headers=shared_api.signed_in("ada"))
    page = ada.post(WEBHOOKS, **form)
    words = f"{field}: {api.json['errors'][0]['detail']}"
    assert refusal(page) == words
    assert page.attributes("#name", "value") == [form["name"]]
    assert shared_api.database.sql("select from endpoints") == []
    path = make(ada)
    assert refusal(ada.post(path, **form)) == words
    assert shared_api.database.sql("select name, url, events from endpoints") == [tuple(FORM.values())]
    assert ada.post(path, **{**FORM, "name": "Other"}).words("h1") == ["Other"]


def test_test_event_is_sent_and_what_failed_is_sent_again(shared_api: ApiUnderTest, ada: PageReader) -> None:
    path = make(ada)
    assert ada.get(path).words(".empty") == ["There is nothing of this kind."]
    page = ada.post(f"{path}/ping")
    assert (page.words(".rows.card .state"), page.words(".notice.good")[0][:15]) == (["Waiting"], "It is sent now.")
    for error, status, words in (
        ("not_accepted", 503, "Your system did not accept it. Its answer was 503."), ("gone", 410, "answered 410: send nothing more."),
        ("no_answer", None, "did not answer within 15 seconds"), ("crashed", None, "EssayCoach has failed here. Tell its operator."),
        ("address_refused", None, "leads into a private network"),
    ):  # fmt: skip
        end(shared_api, error, status)
        assert words in ada.get(path).text, error
    assert ada.get(WEBHOOKS).words(".rows .state") == ["Not delivered", "On"]
    assert ada.get(f"{path}?outcome=delivered").words(".empty") == ["There is nothing of this kind."]
    again = ada.get(f"{path}?outcome=gave_up").attributes(".rows.card form", "action")
    assert ada.post(again[0]).words(".rows.card .state") == ["Waiting"]
    end(shared_api, "no_answer")
    assert refusal(ada.post(f"{path}/redeliver", since="")).startswith(
        "Send again what was not delivered since: must be a day"
    )
    page = ada.post(f"{path}/redeliver", since="2999-01-01")
    assert (page.words(".rows.card .state"), page.words(".notice.good")) == (
        ["Not delivered"],
        ["Nothing had failed since then."],
    )
    assert ada.post(f"{path}/redeliver", since="2026-01-01").words(".rows.card .state") == ["Waiting"]
    done = shared_api.database.sql(
        "select actor_id from audit_log where action = 'redelivered' and entity_id = %s", path[-36:]
    )
    assert done == [(shared_api.school.ada,)] * 2


def test_no_more_than_the_limit_is_sent_again_at_once(shared_api: ApiUnderTest, ada: PageReader) -> None:
    school, path = shared_api.school, make(ada)
    for _ in range(3):
        ada.get(path)
        ada.post(f"{path}/ping")
    end(shared_api, "no_answer")
    shared_api.database.sql(
        """
        insert into arrivals (org_id, source_id, version_key, place, changed_at, state, finished_at, error)
        select %s, %s, n, '{}', now(), 'refused', now(), 'file_encrypted' from generate_series(1, 3) as n returning 1
        """,
        school.org, school.source,
    )  # fmt: skip
    with session_of(school, "ada"):
        sent = db.row("select redeliver(%s, null, now() - interval '1 day', 2) as queued", (path[-36:],))
        fetched = db.row("select replay_arrivals(%s, null, 2) as queued", (school.source,))
    assert (sent, fetched) == ({"queued": 2}, {"queued": 2})


def test_endpoint_is_switched_off_and_on_and_says_why_it_is_off(shared_api: ApiUnderTest, ada: PageReader) -> None:
    path = make(ada)
    ada.post(f"{path}/ping")
    assert "what waits is not sent any more" in ada.get(f"{path}/delete").text
    page = ada.post(f"{path}/delete")
    assert "An administrator switched it off." in page.text
    assert "It was not sent: the webhook is switched off." in page.text
    offered = [one for one in page.attributes("main form", "action") if one.startswith(f"{path}/")]
    assert offered == [f"{path}/enable"]
    for again in (f"{path}/ping", f"{path}/redeliver"):
        assert ada.post(again, since="2026-01-01").status == 409
    for reason, words in (("gone", "answered 410: send nothing more."), ("failing", "took nothing for five days.")):
        shared_api.database.sql("update endpoints set disabled_reason = %s returning id", reason)
        assert words in ada.get(path).text
        assert words in ada.get(WEBHOOKS).text
    assert ada.post(f"{path}/enable").words(".notice.good") == ["Switched on again."]
    assert shared_api.database.sql("select disabled_at from endpoints") == [(None,)]
    shared_api.database.sql("update endpoints set failing_since = now() returning id")
    assert "Nothing could be delivered since" in ada.get(WEBHOOKS).text
    ada.post(f"{path}/delete")
    with session_of(shared_api.school, "ada"):
        for _ in range(MOST_ENDPOINTS):
            endpoints.add_endpoint("LMS", org=shared_api.school.org, url=str(FORM["url"]), events=EVENTS)
    for too_many in (f"{path}/enable", WEBHOOKS):
        assert "at most 20 of them enabled; disable one first" in refusal(ada.post(too_many, **FORM))


@pytest.fixture
def unproved(shared_api: ApiUnderTest, signed_in: SignedIn) -> PageReader:
    """Give the browser of the other school's admin, who signed in an hour ago; that school wants a new proof."""
    headers = shared_api.signed_in("ada", of=shared_api.other)
    assert shared_api.client.patch("/v1/org", json={"step_up": True}, headers=headers).status_code == 200
    reader = signed_in("ada", of="other")
    shared_api.database.sql("update sessions set proved_at = now() - interval '1 hour' returning id")
    return reader


def test_what_the_api_wants_a_new_proof_for_the_pages_want_one_for_too(
    shared_api: ApiUnderTest, unproved: PageReader
) -> None:
    org = shared_api.other.org
    with session_of(shared_api.other, "ada"):
        endpoint, _ = endpoints.add_endpoint("LMS", org=org, url=str(FORM["url"]), events=EVENTS)
        endpoints.disable(endpoint, org=org, reason="admin")
        source = add_custom(org)
        connections.change_source(source, org=org, disabled=True)
    rows = "select (select string_agg(e::text, ',') from endpoints as e), (select string_agg(s::text, ',') from sources as s)"
    before = shared_api.database.sql(rows)
    for path, fields in (
        (WEBHOOKS, FORM), (f"{WEBHOOKS}/{endpoint}", FORM), (f"{WEBHOOKS}/{endpoint}/rotate", {}),
        (f"{WEBHOOKS}/{endpoint}/enable", {}), ("/admin/sources", {"name": "Own", **MAPPED}),
        (f"/admin/sources/{source}/mapping", MAPPED), (f"/admin/sources/{source}/enable", {}),
        (f"/admin/sources/{source}/rotate", {"secret": "s" * 16}),
    ):  # fmt: skip
        unproved.get("/admin/webhooks")
        assert unproved.post(path, **fields).answer.request.path == "/prove/form", path
    assert shared_api.database.sql(rows) == before


def add_custom(org: UUID) -> UUID:
    mapping = {"signature": {"header": "X"}, "members": {"text": "/text", "student/external_id": "/student"}}
    source, _ = connections.add_source("Own form", org=org, kind="custom", mapping=mapping)
    return source
