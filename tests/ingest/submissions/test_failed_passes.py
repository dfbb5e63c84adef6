"""Tests of failed passes: who may list, retry and discard them, and idempotence. And of the bulk queue."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import dramatiq
import psycopg2
import pytest
import redis
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from werkzeug.test import TestResponse

from models import db, passes
from models.courses import add_assignment, add_member
from models.jobs import ACTOR, Hint
from tests.support.races import eventually, together, warm_up
from tests.support.scale import short_and_full
from tests.support.schools import School, make_school, session_of

if TYPE_CHECKING:
    from tests.ingest.conftest import ApiUnderTest, Headers, Refused

NAMES = ("grammar", "structure", "content")
ROUTES = ("retry", "discard")
PEOPLE = (
    "stranger",
    "alice",
    "bob",
    "zoe",
    "ed",
    "nell",
    "ada",
    "key",
    "other alice",
    "other ed",
    "other ada",
    "other key",
)
STAFF = {"ed", "nell", "ada", "other ed", "other ada"}

_numbers = count(1)


def hand_in(
    api: ApiUnderTest, who: str = "alice", *, course: UUID | None = None, of: School | None = None, **changes: Any
) -> dict[str, Any]:
    """Submit for a new assignment, by default in Ed's course, so that the essay is nobody's next version."""
    school = of or api.school
    with session_of(school, "ada"):
        task = add_assignment(f"Task {next(_numbers)}", org=school.org, course=course or school.course)
    return api.hand_in(who, of, assignment_id=str(task), **changes)


def close(
    api: ApiUnderTest,
    submission: str,
    *,
    done: tuple[str, ...] = (),
    gave_up: tuple[str, ...] = NAMES,
    of: School | None = None,
) -> None:
    """Finish and give up these passes of a submission."""
    worker = replace(api.worker, school=of or api.school)
    for name in done:
        worker.finish(submission, name)
    for name in gave_up:
        worker.give_up(submission, name)


def failed(api: ApiUnderTest, *, done: tuple[str, ...] = (), gave_up: tuple[str, ...] = NAMES) -> dict[str, Any]:
    """Submit an essay, finish and give up its passes, and return the receipt."""
    receipt = hand_in(api)
    close(api, receipt["id"], done=done, gave_up=gave_up)
    return receipt


def post(api: ApiUnderTest, route: str, submission: str, headers: Headers | None = None) -> TestResponse:
    given = api.signed_in("ed") if headers is None else headers
    return api.app.test_client().post(f"/v1/submissions/{submission}/{route}", headers=given)


def listed(api: ApiUnderTest, headers: Headers | None = None, **query: object) -> TestResponse:
    """Request the list of failed passes, by default as Ed."""
    given = api.signed_in("ed") if headers is None else headers
    return api.client.get("/v1/given-up", query_string=query, headers=given)


def headers_of(api: ApiUnderTest, who: str) -> Headers:
    if who == "stranger":
        return {}
    name, school = who.removeprefix("other "), api.other if who.startswith("other ") else api.school
    return api.with_key(school) if name == "key" else api.signed_in(name, school)


def status_of(api: ApiUnderTest, receipt: dict[str, Any], who: str = "alice") -> dict[str, Any]:
    return dict(api.client.get(receipt["links"]["self"], headers=api.signed_in(who)).json)


def stored(api: ApiUnderTest, submission: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a submission's passes by name, and the row of the submission as `submission`."""
    found = api.database.sql("select to_jsonb(p) from passes as p where submission_id = %s", submission)
    [(own,)] = api.database.sql("select to_jsonb(s) - 'text' from submissions as s where id = %s", submission)
    return {"submission": own, **{one["name"]: one for (one,) in found}}


def audit_entries(api: ApiUnderTest, submission: str) -> list[dict[str, Any]]:
    """Return the audit entries about a submission's passes, oldest first."""
    found = api.database.sql(
        "select to_jsonb(a) - 'sequence' - 'hash' from audit_log as a where detail ->> 'submission_id' = %s order by id",
        submission,
    )
    return [one for (one,) in found]


def hinted(client: redis.Redis, queue: str = "interactive") -> list[str]:
    """Return the ids of the passes that have a hint in this Redis queue, sorted."""
    ids = client.lrange(f"dramatiq:{queue}", 0, -1)
    messages = [dramatiq.Message.decode(one) for one in (client.hmget(f"dramatiq:{queue}.msgs", ids) if ids else [])]
    assert all((one.actor_name, one.kwargs["queue"]) == (ACTOR, queue) for one in messages)
    return sorted(str(Hint.from_fields(one.kwargs).pass_id) for one in messages)


@pytest.fixture
def fresh(shared_api: ApiUnderTest) -> ApiUnderTest:
    """Give the shared app with two new schools that have no submissions."""
    return replace(
        shared_api, school=make_school(f"school-{next(_numbers)}"), other=make_school(f"school-{next(_numbers)}")
    )


def ids(rows: dict[str, dict[str, Any]], *names: str) -> list[str]:
    return sorted(rows[name]["id"] for name in names)


# Permissions.


@pytest.fixture(scope="module")
def alices(shared_api: ApiUnderTest) -> dict[str, Any]:
    """Give the receipt of Alice's submission in Ed's course, with a failed grammar pass; no test may change it."""
    return failed(shared_api, gave_up=("grammar",))


def test_each_person_lists_only_failed_passes_they_may_see(fresh: ApiUnderTest, refused: Refused) -> None:
    """Ed is also a student in Nell's course; `diary` belongs to no course, and `own` is an essay that Ed wrote."""
    with session_of(fresh.school, "ada"):
        add_member(fresh.school.bob, org=fresh.school.org, course=fresh.school.other_course, role="student")
        add_member(fresh.school.ed, org=fresh.school.org, course=fresh.school.other_course, role="student")
    pieces = {
        "course": hand_in(fresh), "other course": hand_in(fresh, "bob", course=fresh.school.other_course),
        "diary": fresh.hand_in("alice"), "own": fresh.hand_in("ed"), "elsewhere": hand_in(fresh, of=fresh.other),
    }  # fmt: skip
    for what, receipt in pieces.items():
        close(fresh, receipt["id"], gave_up=("structure",), of=fresh.other if what == "elsewhere" else None)
    sees = {
        "ed": {"course", "own"}, "nell": {"other course"}, "ada": {"course", "other course", "diary", "own"},
        "other ed": {"elsewhere"}, "other nell": set(), "other ada": {"elsewhere"},
    }  # fmt: skip
    for who, expected in sees.items():
        page = listed(fresh, headers_of(fresh, who)).json
        assert sorted(one["submission_id"] for one in page["items"]) == sorted(
            pieces[what]["id"] for what in expected
        ), who
        assert page["next_cursor"] is None

    # An educator removed from the course can no longer list, retry or discard its passes.
    fresh.database.sql("delete from enrollments where user_id = %s", fresh.school.ed)
    assert [one["submission_id"] for one in listed(fresh).json["items"]] == [pieces["own"]["id"]]
    for route in ROUTES:
        refused(post(fresh, route, pieces["course"]["id"]), 404, "not-found")


def test_listed_failed_pass_has_exactly_the_documented_fields(shared_api: ApiUnderTest) -> None:
    receipt = failed(shared_api, gave_up=("content",))
    answer = listed(shared_api)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    [entry] = [one for one in answer.json["items"] if one["submission_id"] == receipt["id"]]
    moment = entry.pop("finished_at")
    assert entry == {
        "id": stored(shared_api, receipt["id"])["content"]["id"], "submission_id": receipt["id"], "essay_id": receipt["essay_id"],
        "pass": "content", "reason": "provider_refused",
    }  # fmt: skip
    assert moment.endswith("Z")
    assert datetime.fromisoformat(moment) == datetime.fromisoformat(
        status_of(shared_api, receipt)["passes"]["content"]["finished_at"]
    )


@pytest.mark.parametrize("who", [who for who in PEOPLE if who not in STAFF])
def test_only_staff_can_list_failed_passes(
    shared_api: ApiUnderTest, alices: dict[str, Any], refused: Refused, who: str
) -> None:
    answer = listed(shared_api, headers_of(shared_api, who))
    refused(answer, *((401, "unauthorized") if who == "stranger" else (403, "forbidden")))
    assert alices["id"] not in answer.text


@pytest.mark.parametrize("who", [who for who in PEOPLE if who not in ("ed", "ada")])
@pytest.mark.parametrize("route", ROUTES)
def test_others_cannot_retry_or_discard_and_learn_nothing(
    shared_api: ApiUnderTest, alices: dict[str, Any], refused: Refused, redis_client: redis.Redis, route: str, who: str
) -> None:
    before = stored(shared_api, alices["id"])
    answers = [post(shared_api, route, one, headers_of(shared_api, who)) for one in (alices["id"], str(uuid4()))]
    expected = (
        (401, "unauthorized") if who == "stranger" else (404, "not-found") if who in STAFF else (403, "forbidden")
    )
    documents = [refused(one, *expected) for one in answers]
    # The answer is the same as for an unknown id.
    assert {**documents[0], "instance": ""} == {**documents[1], "instance": ""}
    assert stored(shared_api, alices["id"]) == before
    assert audit_entries(shared_api, alices["id"]) == []
    assert hinted(redis_client) == []


@pytest.mark.parametrize("route", ROUTES)
def test_only_an_admin_can_retry_or_discard_an_essay_without_a_course(
    shared_api: ApiUnderTest, refused: Refused, route: str
) -> None:
    diary = shared_api.hand_in("alice")
    close(shared_api, diary["id"], gave_up=("grammar",))
    refused(post(shared_api, route, diary["id"]), 404, "not-found")
    answer = post(shared_api, route, diary["id"], shared_api.signed_in("ada"))
    assert answer.status_code == {"retry": 202, "discard": 200}[route]
    assert [one["entity_id"] for one in audit_entries(shared_api, diary["id"])] == ids(
        stored(shared_api, diary["id"]), "grammar"
    )


@pytest.mark.parametrize("route", ROUTES)
def test_signed_out_educator_cannot_retry_discard_or_list(
    shared_api: ApiUnderTest, refused: Refused, route: str
) -> None:
    receipt = failed(shared_api, gave_up=("grammar",))
    before = stored(shared_api, receipt["id"])
    headers = {"Authorization": f"Bearer {shared_api.sign_in('ed')['access_token']}"}
    assert shared_api.client.post("/v1/auth/logout", headers=headers).status_code == 204
    refused(post(shared_api, route, receipt["id"], headers), 401, "invalid-token")
    refused(listed(shared_api, headers), 401, "invalid-token")
    assert stored(shared_api, receipt["id"]) == before


@pytest.mark.parametrize("route", ROUTES)
def test_retry_and_discard_accept_only_post(shared_api: ApiUnderTest, refused: Refused, route: str) -> None:
    receipt = failed(shared_api, gave_up=("grammar",))
    before = stored(shared_api, receipt["id"])
    for method in ("GET", "PUT", "DELETE"):
        answer = shared_api.client.open(
            f"/v1/submissions/{receipt['id']}/{route}", method=method, headers=shared_api.signed_in("ed")
        )
        refused(answer, 405, "method-not-allowed")
    refused(post(shared_api, route, "not-an-id"), 404, "not-found")
    assert stored(shared_api, receipt["id"]) == before


# Retry.


@pytest.mark.parametrize(
    ("done", "final"), [((), "failed"), (("grammar",), "partial"), (("grammar", "content"), "partial")]
)
def test_retry_requeues_exactly_the_failed_passes(
    shared_api: ApiUnderTest, redis_client: redis.Redis, done: tuple[str, ...], final: str
) -> None:
    gave_up = tuple(name for name in NAMES if name not in done)
    receipt = failed(shared_api, done=done, gave_up=gave_up)
    before = stored(shared_api, receipt["id"])
    assert (before["submission"]["status"], before["submission"]["completed_at"] is None) == (final, False)
    redis_client.flushdb()

    answer = post(shared_api, "retry", receipt["id"])

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/submissions/{receipt['id']}"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json == {**receipt, "status": "processing"}
    after = stored(shared_api, receipt["id"])
    assert {name: after[name] for name in done} == {name: before[name] for name in done}
    for name in gave_up:
        row = after[name]
        assert (row["state"], row["queue"], row["attempt"], row["lost"], row["error"]) == (
            "queued",
            "interactive",
            0,
            0,
            None,
        )
        assert (row["started_at"], row["finished_at"], row["lease_until"], row["discarded_at"]) == (
            None,
            None,
            None,
            None,
        )
        assert row["fence"] == before[name]["fence"] == 1
    assert after["submission"] == {**before["submission"], "status": "processing", "completed_at": None}
    assert hinted(redis_client) == ids(after, *gave_up)
    assert hinted(redis_client, "bulk") == []
    assert receipt["id"] not in listed(shared_api, limit=100).text


def test_status_after_a_retry_is_processing(shared_api: ApiUnderTest) -> None:
    receipt = failed(shared_api, done=("grammar",), gave_up=("structure", "content"))
    grammar = status_of(shared_api, receipt)["passes"]["grammar"]
    post(shared_api, "retry", receipt["id"])
    answer = shared_api.client.get(receipt["links"]["self"], headers=shared_api.signed_in("alice"))
    body = answer.json
    assert (body["status"], body["completed_at"]) == ("processing", None)
    assert body["queue"]["position"] >= 1
    assert int(answer.headers["Retry-After"]) > 0
    queued = {
        "status": "queued",
        "attempts": 0,
        "started_at": None,
        "finished_at": None,
        "comments": None,
        "reason": None,
    }
    assert body["passes"] == {"grammar": grammar, "structure": queued, "content": queued}


def test_retried_submission_ends_completed_with_all_feedback(shared_api: ApiUnderTest) -> None:
    receipt = failed(shared_api, done=("grammar",), gave_up=("structure", "content"))

    def comments() -> list[str]:
        answer = shared_api.client.get(receipt["links"]["feedback"], headers=shared_api.signed_in("alice"))
        assert answer.status_code == 200
        return [one["pass"] for one in answer.json["comments"]]

    assert set(comments()) == {"grammar"}
    post(shared_api, "retry", receipt["id"])
    assert set(comments()) == {"grammar"}
    close(shared_api, receipt["id"], done=("structure",), gave_up=())
    assert status_of(shared_api, receipt)["status"] == "processing"
    close(shared_api, receipt["id"], done=("content",), gave_up=())

    body = status_of(shared_api, receipt)
    assert body["status"] == "completed"
    assert body["completed_at"] >= body["received_at"]
    assert {one["status"] for one in body["passes"].values()} == {"done"}
    assert list(dict.fromkeys(comments())) == list(NAMES)
    assert len(comments()) == 6
    assert {name: row["fence"] for name, row in stored(shared_api, receipt["id"]).items() if name in NAMES} == {
        "grammar": 1, "structure": 2, "content": 2,
    }  # fmt: skip


def test_pass_that_fails_again_is_listed_and_can_be_retried_again(shared_api: ApiUnderTest) -> None:
    receipt = failed(shared_api, gave_up=NAMES)
    post(shared_api, "retry", receipt["id"])
    close(shared_api, receipt["id"], done=("grammar",), gave_up=("structure", "content"))
    assert status_of(shared_api, receipt)["status"] == "partial"
    mine = [one["pass"] for one in listed(shared_api, limit=100).json["items"] if one["submission_id"] == receipt["id"]]
    assert sorted(mine) == ["content", "structure"]
    assert post(shared_api, "retry", receipt["id"]).json["status"] == "processing"
    assert len(audit_entries(shared_api, receipt["id"])) == 5


def test_bulk_submission_is_retried_in_the_interactive_queue(
    shared_api: ApiUnderTest, redis_client: redis.Redis
) -> None:
    receipt = hand_in(shared_api, queue="bulk")
    close(shared_api, receipt["id"], gave_up=("grammar",))
    redis_client.flushdb()
    post(shared_api, "retry", receipt["id"])
    rows = stored(shared_api, receipt["id"])
    assert [rows[name]["queue"] for name in NAMES] == ["interactive", "bulk", "bulk"]
    assert (hinted(redis_client), hinted(redis_client, "bulk")) == (ids(rows, "grammar"), [])


def test_retry_is_idempotent(shared_api: ApiUnderTest, redis_client: redis.Redis) -> None:
    receipt = failed(shared_api, done=("content",), gave_up=("grammar", "structure"))
    redis_client.flushdb()
    first = post(shared_api, "retry", receipt["id"])
    once = stored(shared_api, receipt["id"]), audit_entries(shared_api, receipt["id"]), hinted(redis_client)
    second = post(shared_api, "retry", receipt["id"])
    assert (second.status_code, second.json, second.headers["Location"]) == (202, first.json, first.headers["Location"])
    assert (stored(shared_api, receipt["id"]), audit_entries(shared_api, receipt["id"]), hinted(redis_client)) == once
    assert len(once[1]) == len(once[2]) == 2


def test_eight_concurrent_retries_act_once(shared_api: ApiUnderTest, redis_client: redis.Redis) -> None:
    for _ in range(3):
        receipt = failed(shared_api, done=("content",), gave_up=("grammar", "structure"))
        before = stored(shared_api, receipt["id"])
        redis_client.flushdb()
        warm_up(8)
        answers = together(8, lambda _, mine=receipt["id"]: post(shared_api, "retry", mine))
        assert [one.status_code for one in answers] == [202] * 8
        assert {one.json["status"] for one in answers} == {"processing"}
        after = stored(shared_api, receipt["id"])
        assert [(after[name]["state"], after[name]["fence"]) for name in NAMES] == [
            ("queued", 1),
            ("queued", 1),
            ("done", 1),
        ]
        assert after["content"] == before["content"]
        assert hinted(redis_client) == ids(after, "grammar", "structure")
        assert sorted(one["entity_id"] for one in audit_entries(shared_api, receipt["id"])) == ids(
            after, "grammar", "structure"
        )


def test_retry_does_not_touch_a_running_pass(shared_api: ApiUnderTest) -> None:
    """Of a failed, a running and a waiting pass, only the failed one changes, and the running claim stays valid."""
    receipt = hand_in(shared_api)
    close(shared_api, receipt["id"], gave_up=("grammar",))
    held = shared_api.worker.claim(receipt["id"], "structure")
    before = stored(shared_api, receipt["id"])
    answer = post(shared_api, "retry", receipt["id"])
    after = stored(shared_api, receipt["id"])
    assert (answer.status_code, answer.json["status"]) == (202, "processing")
    assert after["grammar"]["state"] == "queued"
    assert {**after, "grammar": None} == {**before, "grammar": None}
    with shared_api.worker._as_worker():
        assert passes.renew([held], lease_seconds=60)


@pytest.mark.parametrize("what", ["completed", "queued", "processing"])
def test_retry_without_failed_passes_changes_nothing(
    shared_api: ApiUnderTest, redis_client: redis.Redis, what: str
) -> None:
    receipt = hand_in(shared_api)
    close(
        shared_api, receipt["id"], done={"completed": NAMES, "processing": ("grammar",), "queued": ()}[what], gave_up=()
    )
    before = stored(shared_api, receipt["id"])
    redis_client.flushdb()
    answer = post(shared_api, "retry", receipt["id"])
    assert (answer.status_code, answer.json) == (202, {**receipt, "status": what})
    assert stored(shared_api, receipt["id"]) == before
    assert audit_entries(shared_api, receipt["id"]) == []
    assert hinted(redis_client) == []


def revise(api: ApiUnderTest, first: dict[str, Any]) -> dict[str, Any]:
    second = api.hand_in("alice", essay_id=first["essay_id"], text="Phones were distracting.")
    assert (second["essay_id"], second["version"]) == (first["essay_id"], 2)
    return second


def test_retry_of_a_superseded_version_changes_nothing(shared_api: ApiUnderTest, redis_client: redis.Redis) -> None:
    """The grammar pass gave up before a newer version came; then the other passes were cancelled."""
    receipt = hand_in(shared_api)
    close(shared_api, receipt["id"], gave_up=("grammar",))
    revise(shared_api, receipt)
    with shared_api.worker._as_worker():
        for name in ("structure", "content"):
            passes.cancel(shared_api.worker._claim(receipt["id"], name))
    before = stored(shared_api, receipt["id"])
    assert before["submission"]["status"] == "superseded"
    redis_client.flushdb()
    answer = post(shared_api, "retry", receipt["id"])
    assert (answer.status_code, answer.json["status"]) == (202, "superseded")
    assert stored(shared_api, receipt["id"]) == before
    assert audit_entries(shared_api, receipt["id"]) == []
    assert hinted(redis_client) == []


def test_retry_of_a_partial_older_version_changes_nothing(shared_api: ApiUnderTest, redis_client: redis.Redis) -> None:
    """The newer version is the one to read: requeued passes would only be cancelled, and the final status lost."""
    receipt = failed(shared_api, done=("grammar",), gave_up=("structure", "content"))
    revise(shared_api, receipt)
    before = stored(shared_api, receipt["id"])
    redis_client.flushdb()
    answer = post(shared_api, "retry", receipt["id"])
    assert (answer.status_code, answer.json["status"]) == (202, "partial")
    assert stored(shared_api, receipt["id"]) == before
    assert audit_entries(shared_api, receipt["id"]) == []
    assert hinted(redis_client) == []


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Give a port that is bound but not listening, so that it refuses every connection."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def test_retry_without_redis_leaves_the_passes_queued(shared_api: ApiUnderTest, closed_port: int) -> None:
    receipt = failed(shared_api, done=("content",), gave_up=("grammar", "structure"))
    app = shared_api.make_app(REDIS_URL=f"redis://127.0.0.1:{closed_port}/0")
    answer = post(replace(shared_api, app=app), "retry", receipt["id"])
    assert (answer.status_code, answer.json["status"]) == (202, "processing")
    rows = stored(shared_api, receipt["id"])
    assert [rows[name]["state"] for name in NAMES] == ["queued", "queued", "done"]
    assert len(audit_entries(shared_api, receipt["id"])) == 2


# Discard.


def test_discard_removes_passes_from_the_list_and_keeps_the_status(
    shared_api: ApiUnderTest, redis_client: redis.Redis
) -> None:
    receipt, another = failed(shared_api, done=("grammar",), gave_up=("structure", "content")), failed(shared_api)
    before, shown = stored(shared_api, receipt["id"]), status_of(shared_api, receipt)
    redis_client.flushdb()

    answer = post(shared_api, "discard", receipt["id"])

    assert (answer.status_code, answer.json) == (200, {"discarded": 2})
    assert status_of(shared_api, receipt) == shown
    after = stored(shared_api, receipt["id"])
    for name in ("structure", "content"):
        assert after[name]["discarded_at"] is not None
        after[name]["discarded_at"] = None
    assert after == before
    listed_ids = [one["submission_id"] for one in listed(shared_api, limit=100).json["items"]]
    assert receipt["id"] not in listed_ids
    assert listed_ids.count(another["id"]) == 3
    assert receipt["id"] not in listed(shared_api, shared_api.signed_in("ada"), limit=100).text
    assert hinted(redis_client) == []


def test_discard_is_idempotent_even_when_concurrent(shared_api: ApiUnderTest) -> None:
    receipt = failed(shared_api)
    warm_up(8)
    answers = together(8, lambda _: post(shared_api, "discard", receipt["id"]))
    assert sum(one.json["discarded"] for one in answers) == 3
    once = stored(shared_api, receipt["id"]), audit_entries(shared_api, receipt["id"])
    assert len(once[1]) == 3
    assert post(shared_api, "discard", receipt["id"]).json == {"discarded": 0}
    assert (stored(shared_api, receipt["id"]), audit_entries(shared_api, receipt["id"])) == once


def test_discard_does_not_touch_passes_that_did_not_fail(shared_api: ApiUnderTest) -> None:
    receipt = hand_in(shared_api)
    shared_api.worker.finish(receipt["id"], "grammar")
    shared_api.worker.claim(receipt["id"], "structure")
    before = stored(shared_api, receipt["id"])
    assert post(shared_api, "discard", receipt["id"]).json == {"discarded": 0}
    assert stored(shared_api, receipt["id"]) == before
    assert audit_entries(shared_api, receipt["id"]) == []


def test_submission_continues_and_ends_partial_after_a_discard(shared_api: ApiUnderTest) -> None:
    receipt = hand_in(shared_api)
    close(shared_api, receipt["id"], gave_up=("grammar",))
    assert post(shared_api, "discard", receipt["id"]).json == {"discarded": 1}
    close(shared_api, receipt["id"], done=("structure", "content"), gave_up=())
    body = status_of(shared_api, receipt)
    assert (body["status"], body["passes"]["grammar"]["status"]) == ("partial", "gave_up")
    assert body["passes"]["grammar"]["reason"] == "provider_refused"


def test_retry_requeues_discarded_passes(shared_api: ApiUnderTest, redis_client: redis.Redis) -> None:
    receipt = failed(shared_api, done=("grammar",), gave_up=("structure", "content"))
    post(shared_api, "discard", receipt["id"])
    redis_client.flushdb()
    answer = post(shared_api, "retry", receipt["id"])
    assert (answer.status_code, answer.json["status"]) == (202, "processing")
    rows = stored(shared_api, receipt["id"])
    assert [(rows[name]["state"], rows[name]["discarded_at"]) for name in NAMES] == [
        ("done", None),
        ("queued", None),
        ("queued", None),
    ]
    assert hinted(redis_client) == ids(rows, "structure", "content")
    assert [one["action"] for one in audit_entries(shared_api, receipt["id"])] == ["pass_discarded"] * 2 + [
        "pass_replayed"
    ] * 2


@pytest.mark.parametrize("route", ["retry", "discard"])
def test_retry_and_discard_wait_for_the_submission_lock(shared_api: ApiUnderTest, route: str) -> None:
    """All code locks the submission before its passes, so that two transactions cannot deadlock."""
    receipt = failed(shared_api, gave_up=("grammar",))
    before = stored(shared_api, receipt["id"])
    warm_up(2)
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    held = psycopg2.connect(shared_api.database.admin_url)
    try:
        with ThreadPoolExecutor(1) as pool, held, held.cursor() as cursor:
            cursor.execute("select from submissions where id = %s for update", (receipt["id"],))
            asked = pool.submit(post, shared_api, route, receipt["id"])
            eventually(lambda: asked.done() or shared_api.database.sql(waiting) == [(1,)])
            during = stored(shared_api, receipt["id"])
            held.rollback()
            assert asked.result(timeout=60).status_code in (200, 202)
    finally:
        held.close()
    assert during == before
    assert stored(shared_api, receipt["id"]) != before


def test_concurrent_retry_and_discard_leave_a_consistent_state(
    shared_api: ApiUnderTest,
) -> None:
    for _ in range(3):
        receipt = failed(shared_api)
        warm_up(8)
        answers = together(8, lambda n, mine=receipt["id"]: post(shared_api, ROUTES[n % 2], mine))
        assert {one.status_code for one in answers} == {200, 202}
        rows = stored(shared_api, receipt["id"])
        for name in NAMES:
            assert (rows[name]["state"], rows[name]["discarded_at"] is None) in (("queued", True), ("gave_up", False))
        queued = [rows[name]["id"] for name in NAMES if rows[name]["state"] == "queued"]
        replayed = [
            one["entity_id"] for one in audit_entries(shared_api, receipt["id"]) if one["action"] == "pass_replayed"
        ]
        assert sorted(replayed) == sorted(queued)
        closed = rows["submission"]["completed_at"] is not None
        assert closed == (not queued)


# Audit trail.


@pytest.mark.parametrize("who", ["ed", "ada"])
@pytest.mark.parametrize(("route", "action"), [("retry", "pass_replayed"), ("discard", "pass_discarded")])
def test_audit_entry_names_actor_pass_and_reason(shared_api: ApiUnderTest, route: str, action: str, who: str) -> None:
    receipt = failed(shared_api, done=("grammar",), gave_up=("structure", "content"))
    rows = stored(shared_api, receipt["id"])
    own_id = f"desk-{uuid4().hex}"
    answer = post(shared_api, route, receipt["id"], {**shared_api.signed_in(who), "X-Request-Id": own_id})
    assert answer.headers["X-Request-Id"] == own_id
    found = audit_entries(shared_api, receipt["id"])
    assert len(found) == 2
    for one in found:
        name = one["detail"]["pass"]
        assert {key: value for key, value in one.items() if key not in ("id", "created_at")} == {
            "org_id": str(shared_api.school.org), "actor_id": str(getattr(shared_api.school, who)),
            "actor_role": {"ed": "educator", "ada": "admin"}[who], "request_id": own_id, "action": action, "entity": "pass",
            "entity_id": rows[name]["id"],
            "detail": {"submission_id": receipt["id"], "pass": name, "reason": "provider_refused"},
        }  # fmt: skip
    assert {one["detail"]["pass"] for one in found} == {"structure", "content"}


def test_admin_reads_audit_entries_of_their_org_only(shared_api: ApiUnderTest) -> None:
    receipt = failed(shared_api, gave_up=("grammar",))
    post(shared_api, "retry", receipt["id"])
    wanted = "select entity_id from audit_log where detail ->> 'submission_id' = %s"
    with session_of(shared_api.school, "ada"):
        assert len(db.rows(wanted, (receipt["id"],))) == 1
    with session_of(shared_api.other, "ada"):
        assert db.rows(wanted, (receipt["id"],)) == []


# Pages.


def test_failed_passes_are_paged_without_gap_or_repeat_newest_first(fresh: ApiUnderTest) -> None:
    older, newer = failed(fresh), failed(fresh, done=("content",), gave_up=("grammar", "structure"))
    found: list[dict[str, Any]] = []
    sizes, query = [], {"limit": "2"}
    while True:
        page = listed(fresh, **query).json
        sizes.append(len(page["items"]))
        found += page["items"]
        if page["next_cursor"] is None:
            break
        assert re.fullmatch(r"[A-Za-z0-9_-]{22}", page["next_cursor"])
        query["cursor"] = page["next_cursor"]
        # A retry of listed passes and a new failed pass between two pages must not change the later pages.
        if len(sizes) == 1:
            post(fresh, "retry", newer["id"])
            failed(fresh, gave_up=("grammar",))
    assert sizes == [2, 2, 1]
    assert [one["submission_id"] for one in found] == [newer["id"]] * 2 + [older["id"]] * 3
    assert [one["id"] for one in found] == sorted({one["id"] for one in found}, reverse=True)
    assert {(one["submission_id"], one["pass"]) for one in found} == {
        *((older["id"], name) for name in NAMES), (newer["id"], "grammar"), (newer["id"], "structure"),
    }  # fmt: skip


@pytest.mark.parametrize("limit", [3, 4, 100])
def test_last_page_has_no_next_cursor(fresh: ApiUnderTest, limit: int) -> None:
    failed(fresh)
    page = listed(fresh, limit=limit).json
    assert (len(page["items"]), page["next_cursor"]) == (3, None)
    assert len(listed(fresh).json["items"]) == 3


def test_forged_cursor_shows_nothing_of_others(shared_api: ApiUnderTest, alices: dict[str, Any]) -> None:
    beyond_all = base64.urlsafe_b64encode(b"\xff" * 16).decode().rstrip("=")
    assert alices["id"] in listed(shared_api, shared_api.signed_in("ada"), cursor=beyond_all, limit=100).text
    for who in ("nell", "other ed", "other ada"):
        assert alices["id"] not in listed(shared_api, headers_of(shared_api, who), cursor=beyond_all, limit=100).text


@pytest.mark.parametrize("limit", ["0", "-1", "101", "1.5", "ten", "", " 5", "\u0665", "1e1", "99999999999999999999"])
def test_invalid_limit_is_refused(shared_api: ApiUnderTest, refused: Refused, limit: str) -> None:
    document = refused(listed(shared_api, limit=limit), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == ["?limit"]


@pytest.mark.parametrize(
    "cursor", ["", "x", "!!!", "A" * 21, "A" * 23, "\u00e9" * 22, "' or 1=1 --", "A" * 21 + "\0", "=" * 22]
)
def test_invalid_cursor_is_refused(shared_api: ApiUnderTest, refused: Refused, cursor: str) -> None:
    document = refused(listed(shared_api, cursor=cursor), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == ["?cursor"]


def test_permission_is_checked_before_the_query(shared_api: ApiUnderTest, refused: Refused) -> None:
    refused(listed(shared_api, {}, limit="ten"), 401, "unauthorized")
    refused(listed(shared_api, shared_api.signed_in("alice"), limit="ten", cursor="x"), 403, "forbidden")


GENERATED = settings(
    deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.parametrize("examples", short_and_full(2, 15, reason="hundreds of generated requests"))
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_generated_staff_requests_match_the_openapi_document(
    shared_api: ApiUnderTest, mode: GenerationMode, examples: int
) -> None:
    """test_openapi.py sends requests as a student and with an API key, which get only 403 from these routes."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", shared_api.app)
    existing = failed(shared_api)["id"]
    tried = set()
    for found in schema.include(path_regex="given-up|retry|discard").get_all_operations():
        operation = found.ok()

        @settings(GENERATED, max_examples=examples)
        @given(case=operation.as_strategy(generation_mode=mode), exists=st.booleans())
        def check(case: Any, exists: bool) -> None:
            # The only invalid header of these routes is a missing Authorization, which is always sent here.
            assume(not case.meta.is_negative_at(ParameterLocation.HEADER))
            tried.add(case.path)
            if exists and mode.is_positive:
                case.path_parameters |= dict.fromkeys(case.path_parameters, existing)
            case.call_and_validate(headers=shared_api.signed_in("ed"))

        with suppress(Unsatisfiable):  # an operation without input has no invalid request
            check()
    assert len(tried) == 3


# The bulk queue.


def by_person(api: ApiUnderTest, piece: dict[str, Any]) -> TestResponse:
    return api.client.post("/v1/submissions", json=piece, headers=api.signed_in("alice"))


def by_key(api: ApiUnderTest, piece: dict[str, Any]) -> TestResponse:
    body = {**piece, "student": {"external_id": f"sis-{uuid4().hex}"}}
    return api.client.post("/v1/submissions", json=body, headers=api.with_key())


def by_webhook(api: ApiUnderTest, piece: dict[str, Any]) -> TestResponse:
    return api.lms.deliver({**piece, "student": {"external_id": f"sis-{uuid4().hex}"}})


WAYS = {"person": (by_person, "/queue"), "key": (by_key, "/queue"), "webhook": (by_webhook, "/data/queue")}
Way = Callable[["ApiUnderTest", dict[str, Any]], TestResponse]


@pytest.mark.parametrize("way", [way for way, _ in WAYS.values()], ids=WAYS)
@pytest.mark.parametrize("queue", ["interactive", "bulk", None])
def test_submission_and_its_hints_go_to_the_named_queue(
    shared_api: ApiUnderTest,
    draft: Callable[..., dict[str, Any]],
    redis_client: redis.Redis,
    way: Way,
    queue: str | None,
) -> None:
    answer = way(shared_api, draft(queue=queue))
    assert answer.status_code == 202, answer.text
    rows = stored(shared_api, answer.json["id"])
    chosen = queue or "interactive"
    assert {row["queue"] for row in rows.values()} == {chosen}
    assert hinted(redis_client, chosen) == ids(rows, *NAMES)
    assert hinted(redis_client, {"bulk": "interactive", "interactive": "bulk"}[chosen]) == []


@pytest.mark.parametrize(("way", "pointer"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("queue", ["urgent", 1, True, ["bulk"], {"bulk": 1}], ids=repr)
def test_unknown_queue_is_not_used_and_named_in_a_warning(
    shared_api: ApiUnderTest,
    draft: Callable[..., dict[str, Any]],
    redis_client: redis.Redis,
    way: Way,
    pointer: str,
    queue: Any,
) -> None:
    answer = way(shared_api, {**draft(), "queue": queue})
    assert answer.status_code == 202, answer.text
    assert [one["pointer"] for one in answer.json["warnings"]] == [pointer]
    rows = stored(shared_api, answer.json["id"])
    assert hinted(redis_client, "interactive") == ids(rows, *NAMES)


@pytest.mark.parametrize(("way", "pointer"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("written", "queue"), [("BULK", "bulk"), ("bulk ", "bulk"), ("", "interactive"), (None, "interactive")]
)
def test_queue_is_read_in_any_case_and_blank_is_interactive(
    shared_api: ApiUnderTest,
    draft: Callable[..., dict[str, Any]],
    way: Way,
    pointer: str,
    written: str | None,
    queue: str,
) -> None:
    answer = way(shared_api, {**draft(), "queue": written})
    assert answer.status_code == 202, answer.text
    assert "warnings" not in answer.json
    assert {row["queue"] for row in stored(shared_api, answer.json["id"]).values()} == {queue}


def test_bulk_queue_is_documented(shared_api: ApiUnderTest) -> None:
    schema = shared_api.client.get("/openapi.json").json["components"]["schemas"]["Submission"]["properties"]["queue"]
    described = schema["anyOf"][0]["anyOf"][0]
    assert (described["enum"], schema["default"]) == (["interactive", "bulk"], "interactive")


def test_interactive_submission_is_ahead_of_an_earlier_bulk_one(fresh: ApiUnderTest) -> None:
    imported = fresh.hand_in("alice", queue="bulk")
    waiting = fresh.hand_in("alice")
    positions = [status_of(fresh, one)["queue"]["position"] for one in (waiting, imported)]
    assert positions == sorted(set(positions))
