"""Tests of the admin routes for API keys: creation, scopes, rotation and revocation."""

from __future__ import annotations

import base64
import json
import logging
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from models import connections, db
from models.api_key_text import KEY_PREFIX, RANDOM_LENGTH, checksum
from models.callers import recognise_api_key
from tests.support.schools import PEPPER

KEYS = "/v1/api-keys"
UNKNOWN_ID = "0190b5f6-0000-7000-8000-000000000001"  # an id that does not exist
FIELDS = {
    "id", "name", "prefix", "scopes", "creates_courses", "networks", "created_at", "expires_at", "last_used_on", "revoked_at",
}  # fmt: skip


@pytest.fixture
def make(client, ada):
    """`make(name="LMS")` creates a key and returns it with its text."""

    def make_key(**wanted):
        answer = client.post(KEYS, json={"name": "LMS", **wanted}, headers=ada)
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    return make_key


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}", "Idempotency-Key": uuid4().hex}


def hand_in(client, text):
    """Submit an essay with this API key and return the response."""
    body = {"title": "Phones", "text": "They was loud.", "student": {"external_id": "alice-sis"}}
    return client.post("/v1/submissions", json=body, headers=bearer(text))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_new_key_is_shown_once_and_works_at_once(shared_api, client, ada, make):
    made = make(name="Moodle")

    assert set(made) == FIELDS | {"key"}
    assert re.fullmatch(KEY_PREFIX + r"[0-9A-Za-z]{36}", made["key"])
    assert made["prefix"] == made["key"][: len(KEY_PREFIX) + 4]
    assert (made["name"], made["scopes"], made["expires_at"]) == ("Moodle", ["submit", "read"], None)
    assert hand_in(client, made["key"]).status_code == 202
    for path in (KEYS, f"{KEYS}/{made['id']}"):
        assert made["key"] not in client.get(path, headers=ada).text
    (row,) = shared_api.database.sql("select a::text from api_keys as a where id = %s", made["id"])[0]
    assert made["key"] not in str(row)
    assert made["key"][len(made["prefix"]) :] not in str(row)


def test_location_header_leads_to_the_new_key(client, ada):
    answer = client.post(KEYS, json={"name": "LMS"}, headers=ada)

    assert answer.headers["Location"] == f"{KEYS}/{answer.json['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    shown = client.get(answer.headers["Location"], headers=ada)
    assert set(shown.json) == FIELDS


def test_keys_are_listed_in_pages_newest_first_without_digests(client, ada, make):
    made = [make(name=f"key {number}")["id"] for number in range(3)]

    seen, cursor = [], None
    while True:
        answer = client.get(KEYS, query_string={"limit": 2, **({"cursor": cursor} if cursor else {})}, headers=ada)
        assert answer.status_code == 200
        assert all(set(item) == FIELDS for item in answer.json["items"])
        seen += [item["id"] for item in answer.json["items"]]
        cursor = answer.json["next_cursor"]
        if cursor is None:
            break
    assert seen[:3] == made[::-1]
    assert len(seen) == len(set(seen))
    assert "digest" not in answer.text


def test_read_key_cannot_submit_and_submit_key_cannot_read(client, make, refused):
    reader, writer = make(scopes=["read"]), make(scopes=["submit"])

    refused(hand_in(client, reader["key"]), 403, "forbidden")
    assert client.get("/v1/essays", headers=bearer(reader["key"])).status_code == 200
    receipt = hand_in(client, writer["key"])
    assert receipt.status_code == 202
    for path in ("/v1/essays", receipt.json["links"]["self"], receipt.json["links"]["feedback"]):
        refused(client.get(path, headers=bearer(writer["key"])), 403, "forbidden")


def test_scope_change_applies_to_the_next_request(client, ada, make, refused):
    made = make()
    assert hand_in(client, made["key"]).status_code == 202

    changed = client.patch(f"{KEYS}/{made['id']}", json={"scopes": ["read"]}, headers=ada)

    assert (changed.status_code, changed.json["scopes"], changed.json["name"]) == (200, ["read"], "LMS")
    refused(hand_in(client, made["key"]), 403, "forbidden")


def test_key_change_leaves_other_fields_unchanged(client, ada, make):
    end = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    made = make(name="Old", scopes=["submit"], expires_at=end)

    unchanged = client.patch(f"{KEYS}/{made['id']}", json={}, headers=ada).json
    renamed = client.patch(f"{KEYS}/{made['id']}", json={"name": "New"}, headers=ada).json
    unlimited = client.patch(f"{KEYS}/{made['id']}", json={"expires_at": None}, headers=ada).json

    assert unchanged == {name: made[name] for name in FIELDS}
    assert renamed == {**unchanged, "name": "New"}
    assert unlimited == {**renamed, "expires_at": None}
    assert moment(made["expires_at"]) == moment(end)


def test_revoked_key_is_refused_permanently(client, ada, make, refused):
    made = make()
    assert hand_in(client, made["key"]).status_code == 202

    for _ in range(2):
        assert client.delete(f"{KEYS}/{made['id']}", headers=ada).status_code == 204

    refused(hand_in(client, made["key"]), 401, "unauthorized")
    revoked = client.get(f"{KEYS}/{made['id']}", headers=ada).json
    assert revoked["revoked_at"]
    client.patch(f"{KEYS}/{made['id']}", json={"expires_at": None, "scopes": ["submit", "read"]}, headers=ada)
    refused(hand_in(client, made["key"]), 401, "unauthorized")
    refused(client.post(f"{KEYS}/{made['id']}/rotate", json={}, headers=ada), 409, "key-ended")


def test_expired_unknown_and_mistyped_keys_get_the_same_answer(shared_api, client, make, refused):
    made = make(expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    assert hand_in(client, made["key"]).status_code == 202
    shared_api.database.sql("update api_keys set expires_at = now() - interval '1 ms' where id = %s", made["id"])
    body = "A" * RANDOM_LENGTH
    unknown = KEY_PREFIX + body + checksum(body)

    answers = [
        refused(hand_in(client, text), 401, "unauthorized") for text in (made["key"], unknown, made["key"][:-1] + "!")
    ]

    assert len({answer["detail"] for answer in answers}) == 1
    # Also where no key may go: whoever looks for a fault in a key is told of the key first.
    for path in ("/v1/me", "/v1/users", "/v1/org"):
        refused(client.get(path, headers={"Authorization": f"Bearer {unknown}"}), 401, "unauthorized")
        refused(client.get(path, headers={"Authorization": f"Bearer {make()['key']}"}), 403, "forbidden")


@pytest.mark.parametrize(
    ("collection", "body"),
    [
        (KEYS, {"name": "k", "scopes": ["read"]}),
        ("/v1/sources", {"name": "s"}),
        ("/v1/endpoints", {"name": "e", "url": "https://a.example/", "events": ["feedback.ready"]}),
    ],
)
def test_rotation_needs_no_body(shared_api, client, ada, refused, collection, body):
    made = client.post(collection, json=body, headers=ada).json
    address = f"{collection}/{made['id']}/rotate"
    for content_type in (None, "application/json"):
        assert client.post(address, content_type=content_type, headers=ada).status_code == 201
    refused(client.post(address, data="{}", content_type="text/plain", headers=ada), 415, "unsupported-media-type")


def test_rotated_key_works_until_the_overlap_ends(shared_api, client, ada, make, refused):
    old = make(name="LMS 7", scopes=["submit"])

    new = client.post(f"{KEYS}/{old['id']}/rotate", json={}, headers=ada)

    assert new.status_code == 201
    assert (new.json["name"], new.json["scopes"], new.json["expires_at"]) == ("LMS 7", ["submit"], None)
    assert new.json["key"] != old["key"]
    assert [hand_in(client, text).status_code for text in (old["key"], new.json["key"])] == [202, 202]
    end = moment(client.get(f"{KEYS}/{old['id']}", headers=ada).json["expires_at"])
    assert timedelta(hours=23) < end - datetime.now(UTC) < timedelta(hours=25)
    shared_api.database.sql("update api_keys set expires_at = now() where id = %s", old["id"])
    refused(hand_in(client, old["key"]), 401, "unauthorized")
    assert hand_in(client, new.json["key"]).status_code == 202


def test_rotation_without_overlap_revokes_the_old_key_at_once(client, ada, make, refused):
    old = make()

    assert client.post(f"{KEYS}/{old['id']}/rotate", json={"overlap_seconds": 0}, headers=ada).status_code == 201

    refused(hand_in(client, old["key"]), 401, "unauthorized")


def test_rotation_never_extends_the_expiry_of_a_key(client, ada, make):
    end = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    old = make(expires_at=end)

    new = client.post(f"{KEYS}/{old['id']}/rotate", json={"overlap_seconds": 30 * 86400}, headers=ada).json

    assert moment(new["expires_at"]) == moment(end)
    assert moment(client.get(f"{KEYS}/{old['id']}", headers=ada).json["expires_at"]) == moment(end)


def test_last_used_day_is_written_once_a_day(shared_api, client, ada, make):
    made = make()
    assert made["last_used_on"] is None
    version = "select last_used_on::text, xmin::text from api_keys where id = %s"

    hand_in(client, made["key"])
    first = shared_api.database.sql(version, made["id"])
    for _ in range(3):
        hand_in(client, made["key"])

    assert shared_api.database.sql(version, made["id"]) == first
    assert client.get(f"{KEYS}/{made['id']}", headers=ada).json["last_used_on"] == first[0][0]
    shared_api.database.sql("update api_keys set last_used_on = last_used_on - 1 where id = %s", made["id"])
    hand_in(client, made["key"])
    assert shared_api.database.sql(version, made["id"])[0][0] == first[0][0]


def every_request(key_id):
    """Return method, path and body of every request about keys."""
    return [
        ("GET", KEYS, None),
        ("POST", KEYS, {"name": "x"}),
        ("GET", f"{KEYS}/{key_id}", None),
        ("PATCH", f"{KEYS}/{key_id}", {"name": "mine now"}),
        ("DELETE", f"{KEYS}/{key_id}", None),
        ("POST", f"{KEYS}/{key_id}/rotate", {}),
    ]


@pytest.mark.parametrize("who", ["stranger", "alice", "ed", "key"])
def test_only_an_admin_can_manage_keys(shared_api, client, make, refused, who):
    mine = make()
    headers = {"stranger": dict, "key": shared_api.with_key}.get(who, lambda: shared_api.signed_in(who))()
    count = "select count(*), count(revoked_at) from api_keys"
    before = shared_api.database.sql(count)

    for method, path, body in every_request(mine["id"]):
        answer = client.open(path, method=method, json=body, headers=headers)
        refused(answer, *((401, "unauthorized") if who == "stranger" else (403, "forbidden")))

    assert shared_api.database.sql(count) == before


def test_admin_of_another_org_cannot_find_the_key(shared_api, client, make, refused):
    mine = make()
    theirs = shared_api.signed_in("ada", shared_api.other)

    for method, path, body in every_request(mine["id"])[2:]:
        refused(client.open(path, method=method, json=body, headers=theirs), 404, "not-found")

    assert mine["id"] not in client.get(KEYS, headers=theirs).text
    assert hand_in(client, mine["key"]).status_code == 202


@pytest.mark.parametrize("path", [f"{KEYS}/{UNKNOWN_ID}", f"{KEYS}/x", f"{KEYS}/{UNKNOWN_ID}%00", f"{KEYS}/' or 1=1--"])
def test_unknown_key_id_is_not_found(client, ada, refused, path):
    refused(client.get(path, headers=ada), 404, "not-found")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": ""}, {"name": "   "}, {"name": "x" * 201}, {"name": None}, {"name": 7}, {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["admin"]}, {"name": "x", "scopes": ["read", "read"]}, {"name": "x", "scopes": "read"},
        {"name": "x", "scopes": None}, {"name": "x", "scope": ["read"]}, {"name": "x", "expires_at": "tomorrow"},
        {"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, {"name": "x", "org_id": UNKNOWN_ID},
        {"name": "x", "digest": "00"},
    ],
    ids=str,
)  # fmt: skip
def test_invalid_key_is_refused_with_a_reason(shared_api, client, ada, refused, body):
    before = shared_api.database.sql("select count(*) from api_keys")

    document = refused(client.post(KEYS, json=body, headers=ada), 422, "invalid-payload")

    assert document["errors"]
    assert shared_api.database.sql("select count(*) from api_keys") == before


@pytest.mark.parametrize(
    "body", [{"name": None}, {"name": " "}, {"scopes": None}, {"scopes": []}, {"key": "x"}], ids=str
)
def test_invalid_key_change_is_refused(client, ada, make, refused, body):
    refused(client.patch(f"{KEYS}/{make()['id']}", json=body, headers=ada), 422, "invalid-payload")


@pytest.mark.parametrize("seconds", [-1, 30 * 86400 + 1, 1.5, "60", True, None, 10**30])
def test_overlap_out_of_bounds_is_refused(client, ada, make, refused, seconds):
    made = make()

    answer = client.post(f"{KEYS}/{made['id']}/rotate", json={"overlap_seconds": seconds}, headers=ada)

    assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == "/overlap_seconds"
    assert client.get(f"{KEYS}/{made['id']}", headers=ada).json["expires_at"] is None


def test_key_changes_are_audited_without_key_texts(shared_api, client, ada, make, caplog):
    with caplog.at_level(logging.INFO):
        old = make(name="Hidden name")
        client.patch(f"{KEYS}/{old['id']}", json={"name": "Other name"}, headers=ada)
        new = client.post(f"{KEYS}/{old['id']}/rotate", json={}, headers=ada).json
        client.delete(f"{KEYS}/{new['id']}", headers=ada)
        hand_in(client, new["key"])

    entries = client.get("/v1/audit", query_string={"entity_id": old["id"]}, headers=ada).json["items"]
    assert [entry["action"] for entry in entries] == ["changed", "changed", "created"]
    assert {entry["actor_id"] for entry in entries} == {str(shared_api.school.ada)}
    assert [entry["detail"].get("changed") for entry in entries] == [["expires_at"], ["name"], None]
    everything = json.dumps(shared_api.database.sql("select l::text from audit_log as l")) + caplog.text
    for secret in (old["key"], new["key"], old["key"][len(old["prefix"]) :], "Hidden name", "Other name"):
        assert secret not in everything


def test_models_refuse_to_change_protected_key_fields(shared_api):
    with db.session(org=shared_api.school.org, role="ec_admin"), pytest.raises(ValueError, match="only the name"):
        connections.change_api_key(shared_api.school.api_key_id, org=shared_api.school.org, changes={"digest": b"x"})
    with db.session(org=shared_api.school.org, role="ec_admin"):
        _, text = connections.add_api_key(
            "x", org=shared_api.school.org, pepper=base64.b64decode(PEPPER), scopes=("read",)
        )
    with db.session(role="ec_auth"):
        assert recognise_api_key(text, pepper=base64.b64decode(PEPPER)).scopes == {"read"}
