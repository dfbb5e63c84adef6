"""Tests of the admin routes for endpoints and for what is sent to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from models import endpoints
from models.broker import make_broker
from models.jobs import Queue
from tests.support.races import eventually
from tests.support.schools import session_of

ENDPOINTS = "/v1/endpoints"
DRAFT = {"name": "LMS", "url": "https://lms.example/hooks", "events": ["feedback.ready", "submission.refused"]}
FIELDS = {
    "id", "name", "url", "events", "created_at", "disabled", "disabled_reason", "failing_since", "previous_secret_until",
}  # fmt: skip


@pytest.fixture
def make(shared_api, client, ada):
    """`make(name="LMS")` creates an endpoint and returns it with its secret. The earlier ones are gone."""
    shared_api.database.sql("delete from endpoints")

    def make_endpoint(**wanted):
        answer = client.post(ENDPOINTS, json={**DRAFT, **wanted}, headers=ada)
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    return make_endpoint


@pytest.fixture
def post(client, ada):
    """`post(endpoint, "ping")` sends a request below an endpoint and returns the response."""

    def send(endpoint, path, body=None):
        return client.post(f"{ENDPOINTS}/{endpoint['id']}/{path}", json=body, headers=ada)

    return send


def test_new_endpoint_shows_its_secret_once(shared_api, client, ada, make):
    made = make()
    assert set(made) == FIELDS | {"secret"}
    assert made["secret"].startswith("whsec_")
    assert (made["disabled"], made["failing_since"]) == (False, None)
    for path in (ENDPOINTS, f"{ENDPOINTS}/{made['id']}"):
        assert "whsec_" not in client.get(path, headers=ada).text
    [(stored,)] = shared_api.database.sql("select e::text from endpoints as e where id = %s", made["id"])
    assert made["secret"] not in str(stored)


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({"url": "http://lms.example/hooks"}, "/url"), ({"url": "https://user:pw@lms.example/"}, "/url"),
        ({"url": "ftp://lms.example/x"}, "/url"), ({"url": "https://10.0.0.1/x"}, "/url"), ({"url": "https://"}, "/url"), ({"events": []}, "/events"),
        ({"events": ["essay.eaten"]}, "/events/0"), ({"events": ["feedback.ready", "feedback.ready"]}, "/events"), ({"name": " "}, "/name"),
    ],
)  # fmt: skip
def test_unusable_endpoint_is_refused(client, ada, refused, wanted, pointer):
    problem = refused(client.post(ENDPOINTS, json={**DRAFT, **wanted}, headers=ada), 422, "invalid-payload")
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


def test_a_school_has_few_endpoints(client, ada, make, refused):
    made = [make() for _ in range(endpoints.MOST_ENDPOINTS)]
    refused(client.post(ENDPOINTS, json=DRAFT, headers=ada), 422, "invalid-payload")
    assert client.delete(f"{ENDPOINTS}/{made[0]['id']}", headers=ada).status_code == 204
    make()
    enabled = client.patch(f"{ENDPOINTS}/{made[0]['id']}", json={"disabled": False}, headers=ada)
    refused(enabled, 422, "invalid-payload")


def test_requests_at_the_same_time_make_no_more(shared_api, client, ada, make):
    for _ in range(endpoints.MOST_ENDPOINTS - 1):
        make()

    def waits_or_has_ended():
        return second.done() or shared_api.database.sql(
            "select from pg_locks where locktype = 'advisory' and not granted"
        )

    with ThreadPoolExecutor(1) as other:
        with session_of(shared_api.school, "ada"):
            endpoints.add_endpoint("LMS", org=shared_api.school.org, url=DRAFT["url"], events=["feedback.ready"])
            second = other.submit(client.post, ENDPOINTS, json=DRAFT, headers=ada)
            eventually(waits_or_has_ended)
        assert second.result().status_code == 422


def test_endpoints_are_listed_in_pages_newest_first(client, ada, make):
    made = [make(name=f"endpoint {number}")["id"] for number in range(3)]
    first = client.get(ENDPOINTS, query_string={"limit": 2}, headers=ada).json
    second = client.get(ENDPOINTS, query_string={"limit": 2, "cursor": first["next_cursor"]}, headers=ada).json
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert all(set(item) == FIELDS for item in first["items"])


def test_changes_and_rotation_are_in_the_audit_trail_without_values(shared_api, client, ada, make, post):
    made = make()
    changed = client.patch(f"{ENDPOINTS}/{made['id']}", json={"url": "https://new.example/"}, headers=ada)
    assert changed.json["url"] == "https://new.example/"
    new = post(made, "rotate", {"overlap_seconds": 60}).json
    assert new["secret"] != made["secret"]
    end = datetime.fromisoformat(new["previous_secret_until"])
    assert timedelta(seconds=0) < end - datetime.now(UTC) < timedelta(seconds=90)
    client.delete(f"{ENDPOINTS}/{made['id']}", headers=ada)
    found = shared_api.database.sql(
        "select action, actor_role, detail -> 'changed' from audit_log where entity = 'endpoint' and entity_id = %s order by id", made["id"]
    )  # fmt: skip
    assert found == [
        ("created", "admin", None), ("changed", "admin", ["url"]),
        ("changed", "admin", ["previous_secret", "previous_secret_until", "secret"]),
        ("changed", "admin", ["disabled_at", "disabled_reason"]),
    ]  # fmt: skip


def test_a_test_event_is_hinted_at_once_and_listed(servers, client, ada, make, post):
    made = make()
    broker = make_broker(servers.redis_url)
    before = broker.depth(Queue.DELIVERIES)
    sent = post(made, "ping")
    assert (sent.status_code, sent.json["type"], sent.json["outcome"], sent.json["attempts"]) == (
        202,
        "ping",
        "waiting",
        0,
    )
    assert broker.depth(Queue.DELIVERIES) == before + 1
    broker.close()
    broker.client.connection_pool.disconnect()
    assert client.get(sent.headers["Location"], headers=ada).json == sent.json
    assert client.get(f"{ENDPOINTS}/{made['id']}/deliveries", headers=ada).json["items"] == [sent.json]


def test_deliveries_are_listed_by_outcome_in_pages(shared_api, client, ada, make, post, refused):
    made = make()
    ids = [post(made, "ping").json["id"] for _ in range(4)]
    shared_api.database.sql(
        "update deliveries set state = 'gave_up', finished_at = now(), error = 'not_accepted', http_status = 503 where id = any (%s::uuid[])",
        ids[:2],
    )  # fmt: skip
    path = f"{ENDPOINTS}/{made['id']}/deliveries"
    failed = client.get(path, query_string={"outcome": "gave_up"}, headers=ada).json["items"]
    assert [(one["id"], one["http_status"], one["next_attempt_at"]) for one in failed] == [
        (ids[1], 503, None),
        (ids[0], 503, None),
    ]
    assert [
        one["id"] for one in client.get(path, query_string={"outcome": "waiting"}, headers=ada).json["items"]
    ] == ids[:1:-1]
    first = client.get(path, query_string={"limit": 3}, headers=ada).json
    second = client.get(path, query_string={"limit": 3, "cursor": first["next_cursor"]}, headers=ada).json
    assert [one["id"] for one in first["items"] + second["items"]] == ids[::-1]
    refused(client.get(path, query_string={"outcome": "lost"}, headers=ada), 422, "invalid-payload")


def test_deliveries_are_sent_again_one_or_all_that_failed(shared_api, client, ada, make, post, refused):
    made = make()
    ids = [post(made, "ping").json["id"] for _ in range(3)]
    shared_api.database.sql(
        "update deliveries set state = 'gave_up', attempt = 8, finished_at = now(), error = 'no_answer'"
    )
    again = post(made, f"deliveries/{ids[0]}/redeliver")
    assert (again.status_code, again.json["id"], again.json["outcome"], again.json["attempts"]) == (
        202,
        ids[0],
        "waiting",
        0,
    )
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert post(made, "redeliver", {"since": since}).json == {"deliveries": 2}
    assert post(made, "redeliver", {"since": since}).json == {"deliveries": 0}
    refused(post(made, f"deliveries/{uuid4()}/redeliver"), 404, "not-found")
    refused(post(make(), f"deliveries/{ids[0]}/redeliver"), 404, "not-found")
    found = shared_api.database.sql(
        "select actor_id, detail from audit_log where action = 'redelivered' and entity_id = %s order by id", made["id"]
    )
    assert found == [
        (shared_api.school.ada, {"deliveries": 1, "delivery_id": ids[0]}), (shared_api.school.ada, {"deliveries": 2}),
    ]  # fmt: skip


def test_nothing_is_sent_to_a_disabled_endpoint(client, ada, make, post, refused):
    made = make()
    sent = post(made, "ping").json
    client.delete(f"{ENDPOINTS}/{made['id']}", headers=ada)
    [ended] = client.get(f"{ENDPOINTS}/{made['id']}/deliveries", headers=ada).json["items"]
    assert (ended["outcome"], ended["error"]) == ("gave_up", "endpoint_disabled")
    for path, body in (
        ("ping", None),
        (f"deliveries/{sent['id']}/redeliver", None),
        ("redeliver", {"since": "2026-01-01T00:00:00Z"}),
    ):
        refused(post(made, path, body), 409, "endpoint-disabled")


def test_a_refused_delivery_is_told_without_its_words(shared_api, client, ada, make):
    made = make()
    refused = shared_api.lms.deliver({"title": "Phones", "text": "", "student": {"external_id": "alice-sis"}})
    assert refused.status_code == 422
    [sent] = client.get(f"{ENDPOINTS}/{made['id']}/deliveries", headers=ada).json["items"]
    assert sent["type"] == "submission.refused"
    assert set(sent["data"]) == {"source_id", "delivery_id", "webhook_id", "reason", "received_at", "links"}
    assert sent["data"]["reason"] == "essay-empty"
    assert client.get(sent["data"]["links"]["delivery"], headers=ada).json["id"] == sent["data"]["delivery_id"]
