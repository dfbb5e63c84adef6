"""Tests of the admin routes for Canvas: settings, status and replay."""

from __future__ import annotations

import json

import pytest

from models.canvas_sites import USUAL_JWKS_URL
from tests.support.canvas import TOKEN

SOURCES = "/v1/sources"
SITE = {"site": "https://school.instructure.com/", "token": TOKEN}


@pytest.fixture
def canvas(client, ada):
    """Create a Canvas and return it."""
    answer = client.post(SOURCES, json={"name": "Canvas", "kind": "canvas", "canvas": SITE}, headers=ada)
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def test_new_canvas_has_an_address_for_events_and_never_shows_its_token(shared_api, client, ada, canvas):
    assert (canvas["kind"], canvas["url"]) == ("canvas", f"/v1/webhooks/{canvas['id']}")
    assert (canvas["secret"], canvas["creates_courses"], canvas["moodle"]) == (None, True, None)
    assert canvas["canvas"] == {
        "site": "https://school.instructure.com", "root_account_uuid": None, "jwks_url": USUAL_JWKS_URL, "returns": "link", "pages_url": None,
    }  # fmt: skip
    for path in ("", f"/{canvas['id']}", f"/{canvas['id']}/status"):
        assert TOKEN not in client.get(SOURCES + path, headers=ada).text
    [(sealed,)] = shared_api.database.sql("select token from canvas_sites where id = %s", canvas["id"])
    assert TOKEN.encode() not in bytes(sealed)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "canvas"}, "/canvas"),
        ({"canvas": SITE}, "/canvas"),
        ({"kind": "canvas", "canvas": {**SITE, "site": "http://school.instructure.com"}}, "/canvas/site"),
        ({"kind": "canvas", "canvas": {**SITE, "jwks_url": "http://keys.example"}}, "/canvas/jwks_url"),
        ({"kind": "canvas", "canvas": {**SITE, "jwks_url": "https://169.254.169.254/keys"}}, "/canvas/jwks_url"),
        ({"kind": "canvas", "canvas": {**SITE, "token": "no token"}}, "/canvas/token"),
        ({"kind": "canvas", "canvas": {**SITE, "root_account_uuid": "a b"}}, "/canvas/root_account_uuid"),
        ({"kind": "canvas", "canvas": {**SITE, "returns": "grade"}}, "/canvas/returns"),
    ],
)
def test_bad_settings_are_named(client, ada, body, pointer):
    answer = client.post(SOURCES, json={"name": "Canvas", **body}, headers=ada)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == pointer
    assert TOKEN not in answer.text


def test_change_keeps_the_rest(client, ada, canvas):
    path = f"{SOURCES}/{canvas['id']}"
    changed = client.patch(path, json={"canvas": {"returns": "summary", "root_account_uuid": "Abc"}}, headers=ada)
    assert changed.status_code == 200, changed.text
    assert (changed.json["canvas"]["returns"], changed.json["canvas"]["root_account_uuid"]) == ("summary", "Abc")
    forgotten = client.patch(path, json={"canvas": {"root_account_uuid": None}}, headers=ada)
    assert (forgotten.json["canvas"]["returns"], forgotten.json["canvas"]["root_account_uuid"]) == ("summary", None)
    assert client.patch(path, json={"moodle": {"courses": [4]}}, headers=ada).status_code == 422


def test_status_says_why_hand_ins_wait_and_what_to_do(shared_api, client, ada, canvas):
    shared_api.database.sql(
        "insert into arrivals (org_id, source_id, version_key, place, changed_at, attempt, error)"
        " values (%s, %s, 'a:1:1', %s, now(), 1, 'lms_token_refused') returning 1",
        shared_api.school.org, canvas["id"], json.dumps({"assignment": "31", "hand_in": "104"}),
    )  # fmt: skip
    found = client.get(f"{SOURCES}/{canvas['id']}/status", headers=ada).json
    assert (found["error"], found["advice"]) == ("lms_token_refused", "Make a new token in the LMS and enter it here.")
    assert (found["kind"], found["arrivals_waiting"]) == ("canvas", 1)
    [shown] = client.get(f"{SOURCES}/{canvas['id']}/arrivals", headers=ada).json["items"]
    assert (shown["assignment_external_id"], shown["hand_in_external_id"]) == ("31", "104")


def test_replay_asks_what_no_event_told(shared_api, client, ada, canvas):
    path = f"{SOURCES}/{canvas['id']}"
    assert client.post(f"{path}/replay", headers=ada).json == {"arrivals": 0, "returns": 0}
    assert client.get(f"{path}/status", headers=ada).json["arrivals_waiting"] == 0
    shared_api.database.sql(
        "insert into arrivals (org_id, source_id, version_key, place, changed_at, state, finished_at)"
        " select %s, %s, 'a:' || n, jsonb_build_object('root_account', 'a', 'course', n::text, 'hand_in', '1'), now(), 'accepted', now() from generate_series(1, 3) as n returning 1",
        shared_api.school.org, canvas["id"],
    )  # fmt: skip
    assert client.post(f"{path}/replay", headers=ada).status_code == 202
    waiting = client.get(f"{path}/arrivals?state=queued", headers=ada).json["items"]
    assert [one["assignment_external_id"] for one in waiting] == [None] * 3
    entries = client.get("/v1/audit?limit=5", headers=ada).json["items"]
    assert {"courses": 3} in [one["detail"] for one in entries if one["action"] == "replayed"]


def test_replay_asks_in_every_course_also_when_a_look_was_given_up(shared_api, client, ada, canvas):
    path = f"{SOURCES}/{canvas['id']}"
    for key, course, hand_in, state in (("a:1", "1", {"hand_in": "1"}, "accepted"), ("a:2", "2", {"hand_in": "2"}, "accepted"),
                                        ("look:1", "1", {}, "gave_up")):  # fmt: skip
        shared_api.database.sql(
            "insert into arrivals (org_id, source_id, version_key, place, changed_at, state, finished_at) values (%s, %s, %s, %s, now(), %s, now())",
            shared_api.school.org, canvas["id"], key, json.dumps({"root_account": "a", "course": course, **hand_in}), state,
        )  # fmt: skip
    assert client.post(f"{path}/replay", headers=ada).json == {"arrivals": 0, "returns": 0}
    assert client.get(f"{path}/status", headers=ada).json["arrivals_waiting"] == 2
