"""Events of the Moodle plugin `local_webhookengine`: they let us look at the site at once, and nothing in them is believed."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.ingest.conftest import Lms

SOURCES = "/v1/sources"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SITE = {"site": "https://moodle.school.example", "token": "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"}


@pytest.fixture
def plugin(shared_api, client, ada):
    """Give a Moodle site with the plugin, whose next look is an hour away."""
    answer = client.post(
        SOURCES, json={"name": "Moodle", "kind": "moodle_webhookengine", "moodle": SITE, "secret": SECRET}, headers=ada
    )
    assert answer.status_code == 201, answer.text
    assert answer.json["url"] == f"/v1/webhooks/{answer.json['id']}"
    shared_api.database.sql(
        "update moodle_sites set next_at = now() + interval '1 hour' where id = %s returning 1", answer.json["id"]
    )
    return Lms(client, answer.json["id"], SECRET)


def event(kind: str = "mod_assign.assessable_submitted", **changes: Any) -> bytes:
    """Return an event as the plugin sends it (schema 1)."""
    body = {
        "id": uuid4().hex, "schema": 1, "type": kind, "eventname": "\\mod_assign\\event\\assessable_submitted", "created": 1_795_824_125,
        "site": {"url": SITE["site"]},
        "event": {"component": "mod_assign", "objectid": 4, "contextinstanceid": 9, "courseid": 2, "userid": 5, "relateduserid": None},
        "user": {"fullname": "Ana Ruiz"},
    }  # fmt: skip
    return json.dumps({**body, **changes}).encode()


def seconds_to_next_look(shared_api, plugin: Lms) -> float:
    """Return in how many seconds the site is looked at."""
    [(seconds,)] = shared_api.database.sql(
        "select extract(epoch from next_at - now())::float from moodle_sites where id = %s", str(plugin.source)
    )
    return float(seconds)


def test_hand_in_lets_us_look_at_once_and_an_event_counts_once(shared_api, plugin):
    body = event()
    headers = plugin.signed(body)
    answer = plugin.send(body, headers)
    assert (answer.status_code, list(answer.json)) == (202, ["noted"])
    assert seconds_to_next_look(shared_api, plugin) < 1
    shared_api.database.sql(
        "update moodle_sites set next_at = now() + interval '1 hour' where id = %s returning 1", str(plugin.source)
    )
    again = plugin.send(body, headers)
    assert (again.status_code, again.json) == (202, answer.json)
    assert seconds_to_next_look(shared_api, plugin) > 3000
    # The event names a person. Nothing of it is kept.
    assert shared_api.database.sql("select from inbound_events where source_id = %s", str(plugin.source)) == []


def test_a_class_that_hands_in_at_once_makes_few_looks(shared_api, plugin):
    shared_api.database.sql("update moodle_sites set started_at = now() where id = %s returning 1", str(plugin.source))
    for _ in range(3):
        body = event()
        assert plugin.send(body, plugin.signed(body)).status_code == 202
    [(after,)] = shared_api.database.sql(
        "select extract(epoch from next_at - started_at)::float from moodle_sites where id = %s", str(plugin.source)
    )
    assert after == pytest.approx(15)


@pytest.mark.parametrize(
    "kind", ["core.user_loggedin", "mod_assign.submission_graded", "mod_quiz.attempt_submitted", "mod_assign", "x"]
)
def test_other_events_are_answered_and_ignored(shared_api, plugin, kind):
    body = event(kind)
    answer = plugin.send(body, plugin.signed(body))
    assert (answer.status_code, list(answer.json)) == (200, ["ignored"])
    assert seconds_to_next_look(shared_api, plugin) > 3000


def test_forged_and_misshapen_events_are_refused(shared_api, plugin, refused):
    body = event()
    forged = {**plugin.signed(body), "webhook-signature": "v1," + "A" * 43 + "="}
    refused(plugin.send(body, forged), 401, "invalid-signature")
    own_form = json.dumps({"hello": "from a template of the school's own"}).encode()
    document = refused(plugin.send(own_form, plugin.signed(own_form)), 422, "invalid-payload")
    assert document["errors"][0]["pointer"] == "/type"
    assert shared_api.database.sql("select from inbound_events where source_id = %s", str(plugin.source)) == []
    assert seconds_to_next_look(shared_api, plugin) > 3000


def test_secret_must_be_one_of_the_plugin(client, ada):
    answer = client.post(
        SOURCES, json={"name": "Moodle", "kind": "moodle_webhookengine", "moodle": SITE, "secret": "not-base64-of-theirs"}, headers=ada
    )  # fmt: skip
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/secret")


def test_a_site_without_the_plugin_takes_no_deliveries(client, ada, refused):
    made = client.post(SOURCES, json={"name": "Moodle", "kind": "moodle", "moodle": SITE}, headers=ada).json
    lms = Lms(client, made["id"], SECRET)
    body = event()
    refused(lms.send(body, lms.signed(body)), 404, "not-found")
