"""Tests of the admin routes for Moodle sites: settings, status, arrivals and replay."""

from __future__ import annotations

import json

import pytest

from ingest.admin.lms_words import ERRORS
from workers.lms.errors import Trouble

SOURCES = "/v1/sources"
TOKEN = "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"
SITE = {"site": "https://moodle.school.example/", "token": TOKEN}


@pytest.fixture
def moodle(client, ada):
    """Create a Moodle site and return it."""
    answer = client.post(SOURCES, json={"name": "Moodle", "kind": "moodle", "moodle": SITE}, headers=ada)
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def test_new_site_is_looked_at_at_once_and_never_shows_its_token(shared_api, client, ada, moodle):
    assert (moodle["kind"], moodle["url"], moodle["secret"], moodle["creates_courses"]) == ("moodle", None, None, True)
    assert moodle["moodle"]["site"] == "https://moodle.school.example"
    assert (moodle["moodle"]["interval_seconds"], moodle["moodle"]["returns"]) == (300, "link")
    for path in ("", f"/{moodle['id']}", f"/{moodle['id']}/status"):
        answer = client.get(SOURCES + path, headers=ada)
        assert answer.status_code == 200
        assert TOKEN not in answer.text
    [(state, due, sealed)] = shared_api.database.sql(
        "select state, next_at <= now(), token from moodle_sites where id = %s", moodle["id"]
    )
    assert (state, due) == ("queued", True)
    assert TOKEN.encode() not in bytes(sealed)


@pytest.mark.parametrize(
    ("kind", "settings"), [("moodle_webhookengine", "moodle"), ("canvas", "canvas"), ("signed", None)]
)
def test_new_source_is_open_to_its_networks_only(client, ada, kind, settings):
    body = {"name": "LMS", "kind": kind, "networks": ["192.0.2.0/24"], **({settings: SITE} if settings else {})}
    made = client.post(SOURCES, json=body, headers=ada)
    assert (made.status_code, made.json["networks"]) == (201, ["192.0.2.0/24"])
    assert client.post(made.json["url"], data=b"{}").status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "moodle"}, "/moodle"),
        ({"moodle": SITE}, "/moodle"),
        ({"kind": "blackboard"}, "/kind"),
        ({"kind": "moodle", "moodle": {**SITE, "site": "http://moodle.school.example"}}, "/moodle/site"),
        ({"kind": "moodle", "moodle": {**SITE, "site": "https://10.0.0.5"}}, "/moodle/site"),
        ({"kind": "moodle", "moodle": {**SITE, "site": "https://m.example/?wstoken=x"}}, "/moodle/site"),
        ({"kind": "moodle", "moodle": {**SITE, "token": "no token"}}, "/moodle/token"),
        ({"kind": "moodle", "moodle": {**SITE, "interval_seconds": 1}}, "/moodle/interval_seconds"),
        ({"kind": "moodle", "moodle": {**SITE, "returns": "grade"}}, "/moodle/returns"),
    ],
)
def test_bad_settings_are_named(client, ada, body, pointer):
    answer = client.post(SOURCES, json={"name": "Moodle", **body}, headers=ada)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == pointer
    assert TOKEN not in answer.text


def test_change_keeps_the_rest_and_looks_again(shared_api, client, ada, moodle):
    shared_api.database.sql(
        "update moodle_sites set next_at = now() + interval '1 hour' where id = %s returning 1", moodle["id"]
    )
    change = {"moodle": {"courses": [4, 7], "returns": "summary"}, "name": "Our Moodle"}
    answer = client.patch(f"{SOURCES}/{moodle['id']}", json=change, headers=ada)
    assert answer.status_code == 200, answer.text
    assert (answer.json["name"], answer.json["moodle"]["courses"], answer.json["moodle"]["returns"]) == (
        "Our Moodle",
        [4, 7],
        "summary",
    )
    assert answer.json["moodle"]["interval_seconds"] == 300
    assert shared_api.database.sql("select next_at <= now() from moodle_sites where id = %s", moodle["id"]) == [(True,)]


def test_webhook_source_is_no_site_and_a_site_is_no_webhook(shared_api, client, ada, moodle):
    signed = client.post(SOURCES, json={"name": "Canvas"}, headers=ada).json
    for lms, change in (("moodle", {"courses": [4]}), ("canvas", {"returns": "none"})):
        answer = client.patch(f"{SOURCES}/{signed['id']}", json={lms: change}, headers=ada)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, f"/{lms}")
    assert client.post(f"/v1/webhooks/{moodle['id']}", data=b"{}").status_code == 404


def test_status_says_what_is_wrong_and_what_to_do(shared_api, client, ada, moodle):
    path = f"{SOURCES}/{moodle['id']}/status"
    assert client.get(path, headers=ada).json["last_exchange_at"] is None
    shared_api.database.sql(
        "update moodle_sites set error = 'lms_function_missing', error_about = 'mod_assign_get_submissions', closed = '{7}'"
        " where id = %s returning 1", moodle["id"],
    )  # fmt: skip
    found = client.get(path, headers=ada).json
    assert "mod_assign_get_submissions" in found["problem"]
    assert found["advice"] == "Add the function to the service in the LMS."
    assert (found["closed_assignments"], found["arrivals_waiting"]) == ([7], 0)


def test_refused_arrival_is_shown_with_its_reason_and_replayed(shared_api, client, ada, moodle):
    place = {"assignment": 1, "hand_in": 5, "title": "Essay"}
    shared_api.database.sql(
        "insert into arrivals (org_id, source_id, version_key, place, changed_at, state, error, finished_at)"
        " values (%s, %s, '1:5:0:9', %s, now(), 'refused', 'file_encrypted', now()) returning 1",
        shared_api.school.org, moodle["id"], json.dumps(place),
    )  # fmt: skip
    at = f"{SOURCES}/{moodle['id']}"
    [shown] = client.get(f"{at}/arrivals?state=refused", headers=ada).json["items"]
    assert (shown["hand_in_external_id"], shown["problem"]) == ("5", "The file has a password.")
    assert client.get(f"{at}/status", headers=ada).json["arrivals_refused"] == 1
    assert client.get(f"{at}/arrivals?state=odd", headers=ada).status_code == 422
    answer = client.post(f"{at}/replay", headers=ada)
    assert (answer.status_code, answer.json) == (202, {"arrivals": 1, "returns": 0})
    [again] = client.get(f"{at}/arrivals", headers=ada).json["items"]
    assert (again["state"], again["error"]) == ("queued", None)


def test_every_word_of_an_error_has_its_sentence():
    assert [str(trouble) for trouble in Trouble if trouble not in ERRORS] == []
