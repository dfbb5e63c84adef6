"""Tests of the route for Live Events of Canvas: who is believed, what becomes an arrival, and that nothing written is kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from werkzeug.test import TestResponse

from tests.ingest.conftest import ApiUnderTest
from tests.support.canvas import ACCOUNT, ANA, BO, GROUP, KEYS, SHARD, TOKEN, CanvasSite, running_canvas
from tests.support.failing_server import Fault

OTHER_ACCOUNT = "AnotherAccountOfCanvas"


@pytest.fixture(scope="module")
def running() -> Iterator[CanvasSite]:
    """Run one Canvas for the file."""
    with running_canvas() as site:
        yield site


@dataclass(frozen=True)
class CanvasSource:
    """One Canvas source, and the route for its events."""

    api: ApiUnderTest
    site: CanvasSite
    source: str

    def post(self, body: bytes, **headers: str) -> TestResponse:
        return self.api.client.post(f"/v1/webhooks/{self.source}", data=body, headers=headers)

    def deliver(self, event: dict[str, Any], **claims: Any) -> TestResponse:
        return self.post(self.site.sign(event, **claims))

    def arrivals(self) -> list[tuple[Any, ...]]:
        return self.api.database.sql(
            "select version_key, state, place from arrivals where source_id = %s order by id", UUID(self.source)
        )

    def stored(self) -> list[tuple[Any, ...]]:
        return self.api.database.sql(
            "select outcome, reason from inbound_events where source_id = %s order by id", UUID(self.source)
        )


def connect(api: ApiUnderTest, site: CanvasSite, **settings: Any) -> CanvasSource:
    """Let an admin connect the Canvas as a new source."""
    made = api.client.post(
        "/v1/sources", headers=api.signed_in("ada"),
        json={"name": "Canvas", "kind": "canvas", "canvas": {
            "site": site.url, "token": TOKEN, "jwks_url": f"{site.url}/jwks", **settings,
        }},
    )  # fmt: skip
    assert made.status_code == 201, made.text
    return CanvasSource(api, site, made.json["id"])


@pytest.fixture
def canvas(shared_api: ApiUnderTest, running: CanvasSite) -> CanvasSource:
    """Give a new source of a Canvas in which nothing is handed in."""
    running.reset()
    return connect(shared_api, running)


def test_hand_in_becomes_one_arrival_however_often_it_is_told(canvas: CanvasSource) -> None:
    event = canvas.site.hand_in(ANA)
    first, second = canvas.deliver(event), canvas.post(canvas.site.sign(event))
    assert [one.status_code for one in (first, second)] == [202, 202]
    assert first.json == second.json
    [(key, state, place)] = canvas.arrivals()
    assert (key, state) == (f"{ACCOUNT}:104:1", "queued")
    assert place == {
        "root_account": ACCOUNT, "course": "7", "assignment": "31", "user": "4", "hand_in": "104", "group": None, "attempt": 1,
    }  # fmt: skip
    assert canvas.stored() == []


def test_second_attempt_is_an_arrival_and_grading_is_none(canvas: CanvasSource) -> None:
    canvas.deliver(canvas.site.hand_in(ANA))
    assert canvas.deliver(canvas.site.hand_in(ANA)).status_code == 202
    graded = canvas.deliver(canvas.site.grade(ANA))
    assert (graded.status_code, graded.json) == (200, {"ignored": "this attempt is known"})
    assert [key for key, _, _ in canvas.arrivals()] == [f"{ACCOUNT}:104:1", f"{ACCOUNT}:104:2"]


def test_lost_event_is_made_good_by_a_later_one_of_the_attempt(canvas: CanvasSource) -> None:
    canvas.site.hand_in(ANA)
    assert canvas.deliver(canvas.site.grade(ANA)).status_code == 202


def test_global_id_of_another_shard_stays_as_it_is(canvas: CanvasSource) -> None:
    canvas.site.hand_in(ANA)
    canvas.deliver(canvas.site.event("submission_created", ANA, user_id=str(3 * SHARD + 12)))
    [(_, _, place)] = canvas.arrivals()
    assert place["user"] == str(3 * SHARD + 12)


def test_members_of_a_group_have_one_arrival_and_keep_their_author(canvas: CanvasSource) -> None:
    for member in (ANA, BO):
        assert canvas.deliver(canvas.site.hand_in(member, group=GROUP)).status_code == 202
    for member in (BO, ANA):
        canvas.deliver(canvas.site.hand_in(member, group=GROUP))
    assert [(key, place["user"]) for key, _, place in canvas.arrivals()] == [
        (f"{ACCOUNT}:31:group-9:1", "4"), (f"{ACCOUNT}:31:group-9:2", "4"),
    ]  # fmt: skip


def test_event_without_a_course_is_taken_and_the_worker_looks_for_it(canvas: CanvasSource) -> None:
    canvas.site.hand_in(ANA)
    event = canvas.site.event("submission_created", ANA)
    del event["metadata"]["context_id"], event["metadata"]["context_type"]
    assert canvas.deliver(event).status_code == 202
    assert canvas.arrivals()[0][2]["course"] is None


@pytest.mark.parametrize(("state", "then"), [("refused", "queued"), ("gave_up", "queued"), ("accepted", "accepted")])
def test_resubmit_fetches_again_what_was_refused_and_nothing_else(canvas: CanvasSource, state: str, then: str) -> None:
    canvas.deliver(canvas.site.hand_in(ANA))
    canvas.api.database.sql(
        "update arrivals set state = %s, finished_at = now(), error = 'no_text' where source_id = %s returning 1", state, UUID(canvas.source)
    )  # fmt: skip
    assert (
        canvas.deliver(
            canvas.site.hand_in(ANA) and canvas.site.event("plagiarism_resubmit", ANA, attempt=1)
        ).status_code
        == 202
    )
    [(_, now, _)] = canvas.arrivals()
    assert now == then


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("submission_created", {"submission_type": "online_quiz"}, "hand-ins of type 'online_quiz' are not read"),
        ("submission_created", {"submission_type": "discussion_topic"}, "hand-ins of type 'discussion_topic' are not read"),
        ("submission_updated", {"attempt": None, "submitted_at": None}, "nothing is handed in"),
        ("submission_updated", {"workflow_state": "unsubmitted"}, "nothing is handed in"),
        ("submission_created", {"submitted_at": "2020-01-01T00:00:00.000Z"}, "it was handed in before this source was made"),
    ],
)  # fmt: skip
def test_authentic_event_without_an_essay_gets_200_and_is_shown(
    canvas: CanvasSource, name: str, changes: dict[str, Any], reason: str
) -> None:
    canvas.site.hand_in(ANA)
    answer = canvas.deliver(canvas.site.event(name, ANA, **changes))
    assert (answer.status_code, answer.json) == (200, {"ignored": reason})
    assert canvas.arrivals() == []
    assert canvas.stored() == [("ignored", reason)]


def test_other_kinds_of_events_get_200_and_leave_no_row(canvas: CanvasSource) -> None:
    for event in (
        {"metadata": {"event_name": "grade_change"}, "body": {"x": "y"}},
        {"metadata": None},
        {"metadata": {"event_name": ["x"]}},
        {},
    ):
        answer = canvas.deliver({"iat": int(time.time()), **event})
        assert (answer.status_code, answer.json) == (200, {"ignored": "events of this kind are not acted on"})
    assert (canvas.arrivals(), canvas.stored()) == ([], [])


def test_admin_sees_that_events_come_although_none_was_acted_on(canvas: CanvasSource) -> None:
    path, ada = f"/v1/sources/{canvas.source}/status", canvas.api.signed_in("ada")
    assert canvas.api.client.get(path, headers=ada).json["last_exchange_at"] is None
    canvas.deliver({"metadata": {"event_name": "course_updated", "event_time": datetime.now(UTC).isoformat()}})
    assert canvas.api.client.get(path, headers=ada).json["last_exchange_at"] is not None


def test_malformed_event_is_refused_and_shown_without_what_was_written(canvas: CanvasSource) -> None:
    canvas.site.hand_in(ANA)
    event = canvas.site.event(
        "submission_created", ANA, submission_id=10000000000104, workflow_state="They was late again."
    )
    answer = canvas.deliver(event)
    assert answer.status_code == 422
    assert {one["pointer"] for one in answer.json["errors"]} == {"/body/submission_id", "/body/workflow_state"}
    [item] = canvas.api.client.get(
        f"/v1/sources/{canvas.source}/deliveries?outcome=refused", headers=canvas.api.signed_in("ada")
    ).json["items"]
    assert item["reason"] == "invalid-payload"
    assert json.loads(item["body"])["body"]["assignment_id"] == str(SHARD + 31)
    for hidden in ("They was", "ana@school.example", "192.0.2.7"):
        assert hidden not in item["body"]
    again = canvas.api.client.post(
        f"/v1/sources/{canvas.source}/deliveries/{item['id']}/replay", headers=canvas.api.signed_in("ada")
    )
    assert again.status_code == 422
    assert len(canvas.stored()) == 1


def _hs256(_canvas: CanvasSource, event: dict[str, Any]) -> bytes:
    """Sign with the public key as if it were a secret. The library refuses to, so this is done by hand."""
    public = KEYS["this-month"].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    header, claims = ({"alg": "HS256", "typ": "JWT", "kid": "this-month"}, event)
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    return signed + b"." + _encoded(hmac.new(public, signed, hashlib.sha256).digest())


def _embedded(canvas: CanvasSource, event: dict[str, Any]) -> bytes:
    """Sign with a key that the token brings along."""
    own = KEYS["nobody-knows-it"]
    key = jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key(), as_dict=True)
    more = {"kid": "nobody-knows-it", "jwk": key, "jku": f"{canvas.site.url}/other"}
    return jwt.encode(event, own, algorithm="RS256", headers=more).encode()


def _deep(_canvas: CanvasSource, _event: dict[str, Any]) -> bytes:
    """Nest the header as deep as the body may be long."""
    return base64.urlsafe_b64encode(b"[" * 100_000) + b".e30.e30"


def _changed(canvas: CanvasSource, event: dict[str, Any]) -> bytes:
    head, _, signature = canvas.site.sign(event).split(b".")
    return b".".join((head, _encoded(json.dumps(event).encode()), signature))


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


FORGED: dict[str, tuple[Callable[[CanvasSource, dict[str, Any]], bytes], str]] = {
    "another key": (lambda _, e: jwt.encode(e, KEYS["nobody-knows-it"], "RS256", headers={"kid": "this-month"}).encode(), "invalid-signature"),
    "an unknown key": (lambda _, e: jwt.encode(e, KEYS["this-month"], "RS256", headers={"kid": "next"}).encode(), "invalid-signature"),
    "no kid": (lambda _, e: jwt.encode(e, KEYS["this-month"], "RS256").encode(), "invalid-signature"),
    "alg none": (lambda _, e: jwt.encode(e, None, "none", headers={"kid": "this-month"}).encode(), "invalid-signature"),
    "HS256 with the public key": (_hs256, "invalid-signature"),
    "a key that it brings along": (_embedded, "invalid-signature"),
    "a changed event": (_changed, "invalid-signature"),
    "a deep header": (_deep, "invalid-signature"),
    "no token": (lambda *_: b"hello", "invalid-signature"),
    "nothing": (lambda *_: b"", "invalid-signature"),
    "no JSON in it": (lambda *_: b"e30.e30.e30", "invalid-signature"),
    "unsigned": (lambda _, e: json.dumps(e).encode(), "missing-signature"),
    "run out": (lambda d, e: d.site.sign(e, exp=int(time.time()) - 3600), "timestamp-out-of-range"),
    "signed in the future": (lambda d, e: d.site.sign(e, iat=int(time.time()) + 3600), "timestamp-out-of-range"),
    "signed last week": (lambda d, e: d.site.sign(e, iat=int(time.time()) - 7 * 86_400), "timestamp-out-of-range"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
def test_forged_event_is_refused_and_nothing_is_stored(canvas: CanvasSource, case: str) -> None:
    forge, slug = FORGED[case]
    answer = canvas.post(forge(canvas, canvas.site.hand_in(ANA)))
    assert (answer.status_code, answer.json["type"].rsplit("/", 1)[1]) == (401, slug)
    assert (canvas.arrivals(), canvas.stored()) == ([], [])


def test_unsigned_event_says_where_to_switch_signing_on(canvas: CanvasSource) -> None:
    assert "Sign Payload" in canvas.post(json.dumps(canvas.site.hand_in(ANA)).encode()).json["detail"]


@pytest.mark.parametrize(
    ("age", "status"), [(timedelta(hours=23), 202), (timedelta(hours=25), 401), (timedelta(minutes=-10), 401)]
)
def test_event_without_times_of_its_token_is_as_old_as_it_says(
    canvas: CanvasSource, age: timedelta, status: int
) -> None:
    canvas.site.hand_in(ANA)
    reported = (datetime.now(UTC) - age).isoformat()
    assert (
        canvas.deliver(canvas.site.event("submission_created", ANA, metadata={"event_time": reported})).status_code
        == status
    )


def test_event_of_another_account_is_refused_once_the_account_is_known(canvas: CanvasSource) -> None:
    canvas.site.hand_in(ANA)
    elsewhere = canvas.site.event("submission_created", ANA, metadata={"root_account_uuid": OTHER_ACCOUNT})
    canvas.deliver({"metadata": {**elsewhere["metadata"], "event_name": "course_updated"}})
    assert canvas.deliver(canvas.site.event("submission_created", ANA)).status_code == 202
    assert canvas.deliver(elsewhere).status_code == 401
    pinned = connect(canvas.api, canvas.site, root_account_uuid=OTHER_ACCOUNT)
    assert pinned.deliver(canvas.site.hand_in(ANA)).status_code == 401
    elsewhere = canvas.site.event("submission_created", ANA, metadata={"root_account_uuid": OTHER_ACCOUNT})
    assert pinned.deliver(elsewhere).status_code == 202
    assert pinned.stored() == []


def test_event_of_another_source_is_no_event_of_this_one(canvas: CanvasSource, running: CanvasSite) -> None:
    """Each source believes the keys at its own address only."""
    other = connect(canvas.api, running, jwks_url=f"{running.url}/elsewhere/jwks")
    running.fail("jwks", Fault(body=b'{"keys": []}'))
    assert other.deliver(running.hand_in(ANA)).status_code == 401


def test_unreachable_keys_are_503_and_the_event_is_taken_later(shared_api: ApiUnderTest, running: CanvasSite) -> None:
    running.reset()
    canvas = connect(shared_api, running, jwks_url=f"{running.url}/down/jwks")
    event = running.hand_in(ANA)
    running.fail("jwks", Fault(status=500))
    answer = canvas.deliver(event)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert (canvas.arrivals(), canvas.stored()) == ([], [])


def test_oversize_and_compressed_bodies_are_refused(canvas: CanvasSource) -> None:
    assert canvas.post(b"e30." + b"A" * (256 * 1024)).status_code == 413
    assert canvas.post(canvas.site.sign(canvas.site.hand_in(ANA)), **{"Content-Encoding": "gzip"}).status_code == 415


def test_disabled_source_is_not_found_and_never_gone(canvas: CanvasSource) -> None:
    canvas.api.client.delete(f"/v1/sources/{canvas.source}", headers=canvas.api.signed_in("ada"))
    assert canvas.deliver(canvas.site.hand_in(ANA)).status_code == 404


def test_refusals_are_in_the_admins_log(canvas: CanvasSource) -> None:
    canvas.post(json.dumps(canvas.site.hand_in(ANA)).encode()).close()
    lines = canvas.api.client.get("/v1/logs?level=warning", headers=canvas.api.signed_in("ada")).json["items"]
    assert ("webhook delivery refused", "missing-signature", canvas.source) in [
        (line["event"], line["context"].get("reason"), line["context"].get("source_id")) for line in lines
    ]


def test_words_of_an_event_are_in_no_row(canvas: CanvasSource) -> None:
    canvas.deliver(canvas.site.hand_in(ANA))
    canvas.deliver(canvas.site.event("submission_created", ANA, submission_type="online_url"))
    found = canvas.api.database.sql("select place::text from arrivals where source_id = %s", UUID(canvas.source))
    assert "They was" not in str(found)
    [item] = canvas.api.client.get(
        f"/v1/sources/{canvas.source}/deliveries?outcome=ignored", headers=canvas.api.signed_in("ada")
    ).json["items"]
    assert "They was" not in item["body"]


def test_another_schools_admin_sees_nothing_of_it(canvas: CanvasSource) -> None:
    canvas.deliver(canvas.site.hand_in(ANA))
    theirs = canvas.api.signed_in("ada", canvas.api.other)
    for path in ("", "/arrivals", "/status", "/deliveries"):
        assert canvas.api.client.get(f"/v1/sources/{canvas.source}{path}", headers=theirs).status_code == 404
