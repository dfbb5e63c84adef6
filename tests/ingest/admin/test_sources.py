"""Tests of the admin routes for sources and for the audit trail."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from models import connections, db
from tests.support.races import together, warm_up

SOURCES = "/v1/sources"
FIELDS = {
    "id", "kind", "name", "url", "moodle", "canvas", "mapping", "creates_courses", "networks", "created_at", "disabled", "previous_secret_until",
}  # fmt: skip


@pytest.fixture
def make(client, ada):
    """`make(name="LMS")` creates a source and returns it with its secret."""

    def make_source(**wanted):
        answer = client.post(SOURCES, json={"name": "LMS", **wanted}, headers=ada)
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    return make_source


@pytest.fixture
def rotate(client, ada):
    """`rotate(source, overlap_seconds=60)` rotates the secret and returns the source with the new one."""

    def rotate_source(source, **wanted):
        answer = client.post(f"{SOURCES}/{source['id']}/rotate", json=wanted, headers=ada)
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    return rotate_source


@pytest.fixture
def deliver(shared_api):
    """`deliver(source, secret)` sends an essay signed with this secret and returns the response."""

    def send(source, secret):
        essay = {"title": "Phones", "text": "They was loud.", "student": {"external_id": "alice-sis"}}
        return replace(shared_api.lms, source=source["id"], secret=secret).deliver(essay)

    return send


def test_new_source_accepts_its_secret_and_shows_it_once(shared_api, client, ada, make, refused, deliver):
    made = make(name="Canvas")

    assert set(made) == FIELDS | {"secret"}
    assert (made["name"], made["url"], made["disabled"]) == ("Canvas", f"/v1/webhooks/{made['id']}", False)
    assert deliver(made, made["secret"]).status_code == 202
    refused(deliver(made, shared_api.school.source_secret), 401, "invalid-signature")
    for path in (SOURCES, f"{SOURCES}/{made['id']}"):
        assert "whsec_" not in client.get(path, headers=ada).text
    (row,) = shared_api.database.sql("select s::text from sources as s where id = %s", made["id"])[0]
    assert made["secret"] not in str(row)


def test_location_header_leads_to_the_new_source(client, ada):
    answer = client.post(SOURCES, json={"name": "LMS"}, headers=ada)

    shown = client.get(answer.headers["Location"], headers=ada)

    assert shown.json == {name: value for name, value in answer.json.items() if name != "secret"}


def test_sources_are_listed_in_pages_newest_first(client, ada, make):
    made = [make(name=f"source {number}")["id"] for number in range(3)]

    first = client.get(SOURCES, query_string={"limit": 2}, headers=ada).json
    second = client.get(SOURCES, query_string={"limit": 2, "cursor": first["next_cursor"]}, headers=ada).json

    assert [item["id"] for item in first["items"] + second["items"]][:3] == made[::-1]
    assert all(set(item) == FIELDS for item in first["items"])


def test_old_secret_is_valid_only_until_the_overlap_ends(shared_api, client, make, rotate, refused, deliver):
    made = make()
    new = rotate(made)

    assert new["secret"] != made["secret"]
    end = datetime.fromisoformat(new["previous_secret_until"])
    assert timedelta(hours=23) < end - datetime.now(UTC) < timedelta(hours=25)
    assert [deliver(made, secret).status_code for secret in (made["secret"], new["secret"])] == [202, 202]
    shared_api.database.sql("update sources set previous_secret_until = now() where id = %s", made["id"])
    refused(deliver(made, made["secret"]), 401, "invalid-signature")
    assert deliver(made, new["secret"]).status_code == 202


def test_second_rotation_revokes_the_oldest_secret(client, make, rotate, refused, deliver):
    first = make()
    second = rotate(first)
    third = rotate(first, overlap_seconds=60)

    refused(deliver(first, first["secret"]), 401, "invalid-signature")
    assert [deliver(first, one["secret"]).status_code for one in (second, third)] == [202, 202]


def test_rotation_without_overlap_revokes_the_old_secret_at_once(client, make, rotate, refused, deliver):
    made = make()
    new = rotate(made, overlap_seconds=0)

    refused(deliver(made, made["secret"]), 401, "invalid-signature")
    assert deliver(made, new["secret"]).status_code == 202


def test_last_two_secrets_are_valid_after_concurrent_rotations(shared_api, client, make, deliver):
    made = make()
    warm_up(8)

    def rotate_once(_):
        with db.session(org=shared_api.school.org, role="ec_admin"):
            return connections.rotate_source(made["id"], org=shared_api.school.org)

    shown = together(4, rotate_once)

    assert len(set(shown)) == 4
    codes = [deliver(made, secret).status_code for secret in (*shown, made["secret"])]
    assert sorted(codes) == [202, 202, 401, 401, 401]


def test_disabled_source_is_not_found_until_it_is_enabled(client, ada, make, refused, deliver):
    made = make()

    for _ in range(2):
        assert client.delete(f"{SOURCES}/{made['id']}", headers=ada).status_code == 204

    refused(deliver(made, made["secret"]), 404, "not-found")
    assert client.get(f"{SOURCES}/{made['id']}", headers=ada).json["disabled"] is True
    renamed = client.patch(f"{SOURCES}/{made['id']}", json={"name": "still off"}, headers=ada).json
    assert (renamed["name"], renamed["disabled"]) == ("still off", True)
    assert client.patch(f"{SOURCES}/{made['id']}", json={"disabled": False}, headers=ada).json["name"] == "still off"
    assert deliver(made, made["secret"]).status_code == 202
    assert client.patch(f"{SOURCES}/{made['id']}", json={"disabled": True}, headers=ada).status_code == 200
    refused(deliver(made, made["secret"]), 404, "not-found")


def every_request(source_id):
    """Return method, path and body of every request about sources."""
    return [
        ("GET", SOURCES, None),
        ("POST", SOURCES, {"name": "x"}),
        ("GET", f"{SOURCES}/{source_id}", None),
        ("PATCH", f"{SOURCES}/{source_id}", {"disabled": True}),
        ("DELETE", f"{SOURCES}/{source_id}", None),
        ("POST", f"{SOURCES}/{source_id}/rotate", {}),
    ]


@pytest.mark.parametrize("who", ["stranger", "alice", "ed", "key"])
def test_only_an_admin_can_manage_sources_or_read_the_audit_trail(shared_api, client, make, refused, who):
    mine = make()
    headers = {"stranger": dict, "key": shared_api.with_key}.get(who, lambda: shared_api.signed_in(who))()
    count = "select count(*), count(disabled_at), count(previous_secret) from sources"
    before = shared_api.database.sql(count)

    for method, path, body in [*every_request(mine["id"]), ("GET", "/v1/audit", None)]:
        answer = client.open(path, method=method, json=body, headers=headers)
        refused(answer, *((401, "unauthorized") if who == "stranger" else (403, "forbidden")))

    assert shared_api.database.sql(count) == before


def test_admin_of_another_org_cannot_find_the_source(shared_api, client, make, refused, deliver):
    mine = make()
    theirs = shared_api.signed_in("ada", shared_api.other)

    for method, path, body in every_request(mine["id"])[2:]:
        refused(client.open(path, method=method, json=body, headers=theirs), 404, "not-found")

    assert mine["id"] not in client.get(SOURCES, headers=theirs).text
    assert deliver(mine, mine["secret"]).status_code == 202


@pytest.mark.parametrize(
    "body", [{}, {"name": " "}, {"name": "x" * 201}, {"name": 1}, {"name": "x", "secret": "whsec_AAAA"}], ids=str
)
def test_invalid_source_is_refused(client, ada, refused, body):
    assert refused(client.post(SOURCES, json=body, headers=ada), 422, "invalid-payload")["errors"]


@pytest.mark.parametrize("body", [{"name": None}, {"disabled": None}, {"disabled": "yes"}, {"secret": "x"}], ids=str)
def test_invalid_source_change_is_refused(client, ada, make, refused, body):
    refused(client.patch(f"{SOURCES}/{make()['id']}", json=body, headers=ada), 422, "invalid-payload")


@pytest.mark.parametrize(
    "body", [{"overlap_seconds": -1}, {"overlap_seconds": 30 * 86400 + 1}, {"overlap": 1}], ids=str
)
def test_invalid_overlap_is_refused(client, ada, make, refused, body, deliver):
    made = make()

    refused(client.post(f"{SOURCES}/{made['id']}/rotate", json=body, headers=ada), 422, "invalid-payload")

    assert deliver(made, made["secret"]).status_code == 202


@pytest.mark.parametrize(("kind", "body"), [("moodle", {}), ("canvas", {}), ("moodle", {"secret": "s" * 16})])
def test_source_without_a_secret_of_ours_cannot_rotate_it(shared_api, client, ada, refused, kind, body):
    settings = {"site": "https://lms.school.example", "token": "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"}
    made = client.post(SOURCES, json={"name": "LMS", "kind": kind, kind: settings}, headers=ada).json
    path = f"{SOURCES}/{made['id']}/rotate"
    assert "PATCH" in refused(client.post(path, json=body, headers=ada), 409, "no-secret")["detail"]
    theirs = shared_api.signed_in("ada", shared_api.other)
    refused(client.post(path, json=body, headers=theirs), 404, "not-found")


def test_source_changes_are_audited_without_secrets(shared_api, client, ada, make, rotate, refused, caplog, deliver):
    with caplog.at_level(logging.INFO):
        made = make()
        new = rotate(made)
        deliver(made, made["secret"])
        refused(deliver(made, "whsec_" + "A" * 40 + "="), 401, "invalid-signature")
        client.delete(f"{SOURCES}/{made['id']}", headers=ada)

    entries = client.get("/v1/audit", query_string={"entity_id": made["id"]}, headers=ada).json["items"]
    assert [entry["action"] for entry in entries] == ["changed", "changed", "created"]
    assert entries[1]["detail"]["changed"] == ["previous_secret", "previous_secret_until", "secret"]
    assert {(entry["entity"], entry["actor_id"], entry["actor_role"]) for entry in entries} == {
        ("source", str(shared_api.school.ada), "admin")
    }
    everything = json.dumps(shared_api.database.sql("select l::text from audit_log as l")) + caplog.text
    for secret in (made["secret"], new["secret"]):
        assert secret not in everything
        assert secret.removeprefix("whsec_") not in everything


def test_audit_trail_is_filtered_by_actor_and_read_in_pages(shared_api, client, ada, make):
    made = [make() for _ in range(3)]
    all_entries = client.get("/v1/audit", query_string={"limit": 100}, headers=ada).json["items"]

    seen, cursor = [], None
    while True:
        query = {"limit": 2, "actor_id": str(shared_api.school.ada), **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/audit", query_string=query, headers=ada).json
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    mine = [entry for entry in all_entries if entry["actor_id"] == str(shared_api.school.ada)]
    assert seen[: len(mine)] == mine[: len(seen)]
    assert [entry["entity_id"] for entry in seen[:3]] == [one["id"] for one in made[::-1]]
    assert [entry["id"] for entry in seen] == sorted((entry["id"] for entry in seen), reverse=True)
    assert client.get("/v1/audit", query_string={"actor_id": str(uuid4())}, headers=ada).json == {
        "items": [], "next_cursor": None
    }  # fmt: skip


def test_audit_trail_of_another_org_is_not_readable_by_its_ids(shared_api, client, make):
    mine = make()
    theirs = shared_api.signed_in("ada", shared_api.other)

    for query in ({"entity_id": mine["id"]}, {"actor_id": str(shared_api.school.ada)}):
        assert client.get("/v1/audit", query_string=query, headers=theirs).json["items"] == []


@pytest.mark.parametrize("query", ["entity_id=x", "actor_id=1' or '1'='1", "limit=0", "cursor=x", "entity_id="])
def test_invalid_audit_trail_query_is_refused(client, ada, refused, query):
    refused(client.get(f"/v1/audit?{query}", headers=ada), 422, "invalid-payload")
