"""Webhooks of an LMS with a form of its own: what the mapping of its source makes of them, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ingest.submissions.custom_webhooks import find

SOURCES = "/v1/sources"
MAPPING: dict[str, Any] = {
    "signature": {"header": "X-Hub-Signature-256", "prefix": "sha256="},
    "event_id": "/event/id",
    "event_type": "/event/name",
    "event_types": ["essay_submitted"],
    "members": {
        "text": "/essay/html",
        "title": "/essay/name",
        "student/external_id": "/user/id",
        "student/name": "/user/names/0",
        "assignment/external_id": "/task/id",
        "assignment/title": "/task/name",
        "assignment/course/external_id": "/task/class/id",
        "submitted_at": "/event/at",
    },
}


@dataclass(frozen=True)
class Lms:
    """An LMS that signs in its own way."""

    client: FlaskClient
    source: dict[str, Any]

    def send(self, body: bytes, **headers: str) -> TestResponse:
        """Deliver these bytes, signed with the source's secret unless `headers` say otherwise."""
        digest = hmac.new(self.source["secret"].encode(), body, hashlib.sha256).hexdigest()
        return self.client.post(
            self.source["url"], data=body, content_type="application/json", headers={"X-Hub-Signature-256": f"sha256={digest}", **headers}
        )  # fmt: skip


def said(**changes: Any) -> dict[str, Any]:
    """Return what the LMS says of a hand-in by a new student."""
    body = {
        "event": {"id": uuid4().hex, "name": "essay_submitted", "at": 1_795_824_125},
        "essay": {"html": "<p>They were <b>late</b>.</p>", "name": "A letter"},
        "user": {"id": int(uuid4().int % 10**15), "names": ["Ana Ruiz"]},
        "task": {"id": 17, "name": "Letters", "class": {"id": 4}},
    }
    return {**body, **changes}


@pytest.fixture
def make(client, ada):
    """Give a function that makes a custom source with a changed mapping."""

    def make_source(mapping: dict[str, Any] = MAPPING, **draft: Any) -> Lms:
        body = {"name": "Own LMS", "kind": "custom", "creates_courses": True, "mapping": mapping, **draft}
        answer = client.post(SOURCES, json=body, headers=ada)
        assert answer.status_code == 201, answer.text
        return Lms(client, answer.json)

    return make_source


def test_delivery_becomes_the_essay_that_the_mapping_finds(shared_api, make):
    lms, body = make(), json.dumps(said()).encode()
    answer = lms.send(body)
    assert answer.status_code == 202, answer.text
    [(submitted_at, external_id, source)] = shared_api.database.sql(
        """
        select extract(epoch from s.submitted_at)::bigint, a.external_id, c.source_id from submissions as s
        join essays as e on e.id = s.essay_id join assignments as a on a.id = e.assignment_id join courses as c on c.id = a.course_id
        where s.id = %s
        """,
        answer.json["id"],
    )
    assert (submitted_at, external_id, str(source)) == (1_795_824_125, "17", lms.source["id"])
    text = shared_api.client.get(answer.json["links"]["text"], headers=shared_api.signed_in("ada")).json
    assert (text["title"], text["text"], text["format"]) == ("A letter", "They were late.", "html")
    again = lms.send(body)
    assert (again.status_code, again.json["id"]) == (202, answer.json["id"])


@pytest.mark.parametrize(
    "signature",
    [
        {"header": "X-Sign", "algorithm": "sha512", "encoding": "base64"},
        {"header": "X-Sign", "encoding": "hex", "prefix": "v0=", "timestamp_header": "X-Time"},
    ],
)
def test_other_signatures_are_verified(make, refused, signature):
    lms, body = make({**MAPPING, "signature": signature}), json.dumps(said()).encode()
    at = str(int(time.time()))
    signed = f"{at}.".encode() + body if "timestamp_header" in signature else body
    digest = hmac.new(lms.source["secret"].encode(), signed, signature.get("algorithm", "sha256"))
    sent = base64.b64encode(digest.digest()).decode() if signature["encoding"] == "base64" else digest.hexdigest()
    headers = {"X-Sign": signature.get("prefix", "") + sent, "X-Time": at}
    assert lms.send(body, **headers).status_code == 202
    refused(lms.send(body + b" ", **headers), 401, "invalid-signature")
    if "timestamp_header" in signature:
        refused(lms.send(body, **{**headers, "X-Time": "1600000000"}), 401, "timestamp-out-of-range")
        refused(lms.send(body, **{**headers, "X-Time": str(int(at) + 1)}), 401, "invalid-signature")
        refused(lms.send(body, **{**headers, "X-Time": ""}), 401, "missing-signature")


@pytest.mark.parametrize(
    "signature", ["", "sha256=", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "é", "v1,AAAA"], ids=ascii
)
def test_forged_delivery_is_refused_and_nothing_is_stored(shared_api, make, signature):
    lms = make()
    answer = lms.send(json.dumps(said()).encode(), **{"X-Hub-Signature-256": signature.encode().decode("latin-1")})
    assert answer.status_code == 401
    assert shared_api.database.sql("select from inbound_events where source_id = %s", lms.source["id"]) == []


def test_a_secret_of_another_source_does_not_sign_here(make, refused):
    lms, other, body = make(), make(), json.dumps(said()).encode()
    digest = hmac.new(other.source["secret"].encode(), body, hashlib.sha256).hexdigest()
    refused(lms.send(body, **{"X-Hub-Signature-256": f"sha256={digest}"}), 401, "invalid-signature")
    # Nor does a signature in our own form.
    refused(lms.send(body, **{"X-Hub-Signature-256": "", "webhook-id": "1"}), 401, "missing-signature")


def test_secret_of_the_lms_is_taken_and_changed(client, ada, make, refused):
    lms = make(secret="made-by-the-lms-itself")
    assert lms.source["secret"] == "made-by-the-lms-itself"
    rotated = client.post(
        f"{SOURCES}/{lms.source['id']}/rotate", json={"secret": "another-secret-of-theirs", "overlap_seconds": 0}, headers=ada
    )  # fmt: skip
    assert rotated.status_code == 201, rotated.text
    refused(lms.send(json.dumps(said()).encode()), 401, "invalid-signature")
    assert Lms(client, {**lms.source, "secret": "another-secret-of-theirs"}).send(json.dumps(said()).encode()).status_code == 202  # fmt: skip


def test_refused_delivery_points_into_what_was_sent_and_can_be_replayed(shared_api, client, ada, make, refused):
    lms = make()
    document = refused(
        lms.send(json.dumps(said(essay={"html": "  ", "name": "A letter"})).encode()), 422, "essay-empty"
    )
    assert document["errors"][0]["pointer"] == "/essay/html"
    document = refused(lms.send(json.dumps(said(user={})).encode()), 422, "invalid-payload")
    assert document["errors"][0]["pointer"] == "/user/id"
    deliveries = client.get(f"{SOURCES}/{lms.source['id']}/deliveries?outcome=refused", headers=ada).json["items"]
    assert [one["reason"] for one in deliveries] == ["invalid-payload", "essay-empty"]
    members = {**MAPPING["members"], "student/external_id": "/task/id"}
    changed = client.patch(
        f"{SOURCES}/{lms.source['id']}", json={"mapping": {**MAPPING, "members": members}}, headers=ada
    )
    assert changed.status_code == 200, changed.text
    replayed = client.post(f"{SOURCES}/{lms.source['id']}/deliveries/{deliveries[0]['id']}/replay", headers=ada)
    assert replayed.status_code == 202, replayed.text


def test_delivery_that_led_nowhere_belongs_to_the_student_whom_only_the_mapping_finds(shared_api, make):
    members = {"text": "/aufsatz", "student/external_id": "/schueler/nr"}
    lms = make({"signature": MAPPING["signature"], "event_type": "/art", "event_types": ["abgabe"], "members": members})
    pupil = {"schueler": {"nr": int(uuid4().int % 10**15)}}
    for kind, text, status in (("abgabe", "Words.", 202), ("abgabe", "", 422), ("entwurf", "Words.", 200)):
        assert lms.send(json.dumps({**pupil, "art": kind, "aufsatz": text}).encode()).status_code == status
    owners = shared_api.database.sql("select user_id from inbound_events where source_id = %s", lms.source["id"])
    assert len(owners) == 3
    assert len({owner for (owner,) in owners} - {None}) == 1
    assert (None,) not in owners


def test_status_says_that_the_newest_delivery_was_refused(client, ada, make):
    lms = make()
    address = f"{SOURCES}/{lms.source['id']}/status"
    assert client.get(address, headers=ada).json["last_exchange_at"] is None
    for essay, error, problem in (
        ({"html": ""}, "essay-empty", "The newest delivery was refused: The essay is empty."),
        ({"html": "Words."}, None, None),
    ):
        lms.send(json.dumps(said(essay=essay)).encode())
        status = client.get(address, headers=ada).json
        assert (status["error"], status["problem"]) == (error, problem)
        assert status["last_exchange_at"] is not None


def test_other_events_are_answered_and_ignored(shared_api, make):
    lms = make()
    answer = lms.send(json.dumps(said(event={"id": "e1", "name": "quiz_taken"})).encode())
    assert (answer.status_code, list(answer.json)) == (200, ["ignored"])
    for name in (7, None, "", ["essay_submitted"], "submission.created", "x" * 201):
        assert lms.send(json.dumps(said(event={"id": uuid4().hex, "name": name})).encode()).status_code == 200


def test_mapping_that_is_mended_hands_in_what_was_ignored(shared_api, client, ada, make):
    lms = make({**MAPPING, "event_types": ["essay_submited"]})
    first, second = json.dumps(said()).encode(), json.dumps(said()).encode()
    for body in (first, second):
        assert list(lms.send(body).json) == ["ignored"]
    address = f"{SOURCES}/{lms.source['id']}"
    assert client.patch(address, json={"mapping": MAPPING}, headers=ada).status_code == 200
    # One comes again by itself, the other is replayed.
    assert lms.send(first).status_code == 202
    ignored = client.get(f"{address}/deliveries?outcome=ignored", headers=ada).json["items"]
    replayed = client.post(f"{address}/deliveries/{ignored[0]['id']}/replay", headers=ada)
    assert replayed.status_code == 202, replayed.text
    assert replayed.json["id"] != lms.send(first).json["id"]
    shown = client.get(f"{address}/deliveries/{ignored[0]['id']}", headers=ada).json
    assert (shown["outcome"], shown["submission_id"]) == ("accepted", replayed.json["id"])


def test_a_header_makes_no_other_event_of_a_recorded_delivery(make):
    lms, body = make(), json.dumps(said()).encode()
    answers = [lms.send(body, **{"X-Id": name, "X-GitHub-Delivery": name}).json for name in ("one", "two")]
    assert answers[0] == answers[1]


def test_without_an_id_the_same_body_is_the_same_event(make):
    lms = make({**{k: v for k, v in MAPPING.items() if k != "event_id"}})
    body = json.dumps(said()).encode()
    first, again = lms.send(body), lms.send(body)
    assert (first.status_code, again.json) == (202, first.json)


def test_blank_title_is_none(shared_api, make):
    lms = make()
    for name, task, expected in (("", "Letters", "Letters"), (" \u200b", " ", "Essay"), (None, "", "Essay")):
        event = said(essay={"html": "They were late.", "name": name}, task={"id": 17, "name": task, "class": {"id": 4}})
        answer = lms.send(json.dumps(event).encode())
        assert answer.status_code == 202, answer.text
        text = shared_api.client.get(answer.json["links"]["text"], headers=shared_api.signed_in("ada")).json
        assert text["title"] == expected


def test_type_may_be_a_number(make):
    lms = make({**MAPPING, "event_types": ["7"]})
    assert lms.send(json.dumps(said(event={"id": uuid4().hex, "name": 7})).encode()).status_code == 202


@pytest.mark.parametrize(
    ("encoding", "write", "status"),
    [
        ("hex", lambda digest: digest.hex().upper(), 202), ("hex", lambda digest: base64.b64encode(digest).decode(), 401),
        ("hex", lambda digest: digest.hex() + "00", 401), ("base64", lambda digest: base64.b64encode(digest).decode().rstrip("="), 202),
        ("base64", lambda digest: base64.b64encode(digest).decode().lower(), 401), ("base64", lambda digest: digest.hex(), 401),
    ],
)  # fmt: skip
def test_digest_counts_in_each_way_of_writing_it(make, encoding, write, status):
    lms, body = make({**MAPPING, "signature": {"header": "X-Sign", "encoding": encoding}}), json.dumps(said()).encode()
    digest = hmac.new(lms.source["secret"].encode(), body, hashlib.sha256).digest()
    assert lms.send(body, **{"X-Sign": write(digest)}).status_code == status


def test_event_that_comes_again_says_the_same_where_the_mapping_looks(make, refused):
    lms, event = make(), said()
    first = lms.send(json.dumps(event).encode())
    again = lms.send(json.dumps({"attempt": 2, **event}, indent=1).encode())
    assert (first.status_code, again.status_code, again.json) == (202, 202, first.json)
    other = {**event, "essay": {"html": "<p>Another essay.</p>", "name": "A letter"}}
    refused(lms.send(json.dumps(other).encode()), 422, "idempotency-key-reused")


def test_essays_under_one_id_are_kept_until_the_mapping_finds_another(client, ada, make, refused):
    lms = make({**MAPPING, "event_id": "/task/id"})
    address = f"{SOURCES}/{lms.source['id']}"
    first, second = lms.send(json.dumps(said()).encode()), json.dumps(said()).encode()
    refused(lms.send(second), 422, "idempotency-key-reused")
    [kept] = client.get(f"{address}/deliveries?outcome=refused", headers=ada).json["items"]
    replay = f"{address}/deliveries/{kept['id']}/replay"
    refused(client.post(replay, headers=ada), 422, "idempotency-key-reused")
    assert client.patch(address, json={"mapping": MAPPING}, headers=ada).status_code == 200
    replayed = client.post(replay, headers=ada)
    assert (replayed.status_code, replayed.json["id"] != first.json["id"]) == (202, True)
    shown = client.get(f"{address}/deliveries/{kept['id']}", headers=ada).json
    assert (shown["outcome"], shown["submission_id"]) == ("accepted", replayed.json["id"])
    # It is the same event when it comes again by itself, and however often it is replayed.
    assert lms.send(second).json == replayed.json
    assert client.post(replay, headers=ada).json == replayed.json
    client.patch(address, json={"mapping": {**MAPPING, "event_id": None}}, headers=ada)
    assert client.post(replay, headers=ada).json == replayed.json


def test_members_that_are_called_as_ours_are_not_compared_in_their_place(make, refused):
    lms, event = make(), {**said(), "type": "hook", "data": {}}
    assert lms.send(json.dumps(event).encode()).status_code == 202
    other = {**event, "essay": {"html": "<p>Another essay.</p>", "name": "A letter"}}
    refused(lms.send(json.dumps(other).encode()), 422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("draft", "pointer"),
    [
        ({"mapping": None}, "/mapping"),
        ({"kind": "signed"}, "/mapping"),
        ({"mapping": {**MAPPING, "members": {"text": "essay"}}}, "/mapping/members/text"),
        ({"mapping": {**MAPPING, "members": {"role": "/x"}}}, "/mapping/members/role/[key]"),
        ({"mapping": {**MAPPING, "members": {"text": "/x"}}}, "/mapping/members"),
        (
            {"mapping": {**MAPPING, "signature": {"header": "X-A", "algorithm": "none"}}},
            "/mapping/signature/algorithm",
        ),
        ({"mapping": {**MAPPING, "signature": {"header": "X A"}}}, "/mapping/signature/header"),
        ({"mapping": {**MAPPING, "event_types": []}}, "/mapping"),
        ({"mapping": {**MAPPING, "event_type": None}}, "/mapping"),
        ({"secret": "short"}, "/secret"),
        ({"kind": "signed", "mapping": None, "secret": "long-enough-for-a-secret"}, "/secret"),
    ],
)
def test_bad_mapping_is_named(client, ada, draft, pointer):
    body = {"name": "Own LMS", "kind": "custom", "mapping": MAPPING, **draft}
    answer = client.post(SOURCES, json={name: value for name, value in body.items() if value is not None}, headers=ada)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == pointer


def test_mapping_is_for_custom_sources_only(shared_api, client, ada):
    made = client.post(SOURCES, json={"name": "LMS"}, headers=ada).json
    answer = client.patch(f"{SOURCES}/{made['id']}", json={"mapping": MAPPING}, headers=ada)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/mapping")


def test_sample_shows_what_it_would_become_and_stores_nothing(shared_api, client, ada, make):
    lms = make()
    address = f"{SOURCES}/{lms.source['id']}/try"
    before = shared_api.database.sql("select count(*) from submissions")
    tried = client.post(address, json=said(), headers=ada).json
    assert (tried["outcome"], tried["submission"]["text"], tried["errors"]) == ("accepted", "They were late.", [])
    assert tried["submission"]["assignment"]["external_id"] == "17"
    tried = client.post(address, json=said(essay={}), headers=ada).json
    assert (tried["outcome"], tried["submission"], tried["errors"][0]["pointer"]) == ("refused", None, "/essay/html")
    tried = client.post(address, json=said(event={"name": "quiz_taken"}), headers=ada).json
    assert (tried["outcome"], tried["event_type"]) == ("ignored", "quiz_taken")
    assert tried["detail"].startswith("the type at /event/name is none that hands in: ")
    tried = client.post(address, json=said(event={"id": 1}), headers=ada).json
    assert tried["detail"] == "there is no type of the event at /event/name"
    assert shared_api.database.sql("select count(*) from submissions") == before
    assert shared_api.database.sql("select from inbound_events where source_id = %s", lms.source["id"]) == []


def test_trying_out_is_for_admins_of_the_school(shared_api, client, make):
    address = f"{SOURCES}/{make().source['id']}/try"
    assert client.post(address, json=said(), headers=shared_api.signed_in("ed")).status_code == 403
    assert (
        client.post(address, json=said(), headers=shared_api.signed_in("ada", of=shared_api.other)).status_code == 404
    )


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("/a/b", 1), ("/c/1", "y"), ("/c/2", None), ("/c/-", None), ("/c/01x", None), ("/d~1e/f~0g", 2), ("/a/b/x", None), ("/", 3)],
)  # fmt: skip
def test_pointer_finds_its_value(pointer, value):
    assert find({"a": {"b": 1}, "c": ["x", "y"], "d/e": {"f~g": 2}, "": 3}, pointer) == value
