"""Tests of the status of a submission: its fields, ETag, long polling, event stream and waiting slots."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"


@pytest.fixture
def get(shared_api):
    """`get(path, name="ed", Prefer="wait=1")` sends a GET request as this person."""

    def ask(path: str, *, name: str = "alice", app=None, **headers: str):
        client = (app or shared_api.app).test_client()
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        return client.get(path, headers={**shared_api.signed_in(name), **given})

    return ask


def update_pass(shared_api, submission: str, name: str, change: str) -> None:
    """Update the row of a pass with this SQL assignment."""
    shared_api.database.sql(f"update passes set {change} where submission_id = %s and name = %s", submission, name)


RUNNING = "state = 'running', lease_until = now() + interval '1 minute', attempt = 1, started_at = now()"
GAVE_UP = "state = 'gave_up', lease_until = null, error = 'provider_refused', finished_at = now()"


def give_up_all(shared_api, submission: str, status: str = "failed") -> None:
    """Give up all passes of a submission and set its final status."""
    shared_api.database.sql(
        "update passes set state = 'gave_up', lease_until = null, error = 'x', finished_at = now() where submission_id = %s",
        submission,
    )
    shared_api.database.sql(
        "update submissions set status = %s, completed_at = now() where id = %s", status, submission
    )


def test_status_has_exactly_the_documented_fields(shared_api, get):
    receipt = shared_api.hand_in()
    answer = get(receipt["links"]["self"])
    assert answer.status_code == 200
    body = answer.json
    assert list(body) == [
        "id", "essay_id", "version", "status", "received_at", "completed_at", "released", "format",
        "pictures_left_out", "reading", "passes", "queue",
    ]  # fmt: skip
    assert (body["id"], body["essay_id"], body["version"]) == (receipt["id"], receipt["essay_id"], 1)
    assert (body["status"], body["completed_at"], body["released"]) == ("queued", None, False)
    datetime.strptime(body["received_at"], MOMENT)
    assert list(body["passes"]) == ["grammar", "structure", "content"]
    for one in body["passes"].values():
        assert one == {
            "status": "queued", "attempts": 0, "started_at": None, "finished_at": None, "comments": None, "reason": None,
        }  # fmt: skip
    assert set(body["queue"]) == {"position", "estimated_seconds"}
    assert body["queue"]["position"] >= 1
    assert isinstance(body["queue"]["estimated_seconds"], int)
    assert int(answer.headers["Retry-After"]) > 0


def test_pass_status_matches_its_row(shared_api, get):
    receipt = shared_api.hand_in()
    update_pass(shared_api, receipt["id"], "grammar", RUNNING)
    update_pass(
        shared_api,
        receipt["id"],
        "structure",
        "error = 'provider_busy', attempt = 2, next_at = now() + interval '1 hour'",
    )
    update_pass(shared_api, receipt["id"], "content", GAVE_UP)
    shared_api.database.sql("update submissions set status = 'processing' where id = %s", receipt["id"])
    body = get(receipt["links"]["self"]).json
    assert {name: one["status"] for name, one in body["passes"].items()} == {
        "grammar": "running", "structure": "retrying", "content": "gave_up",
    }  # fmt: skip
    assert body["passes"]["structure"]["attempts"] == 2
    assert body["passes"]["content"]["reason"] == "provider_refused"
    assert body["status"] == "processing"
    shared_api.database.sql("update passes set state = 'queued', error = null, attempt = 0, lease_until = null, finished_at = null "
                          "where submission_id = %s", receipt["id"])  # fmt: skip


def test_completed_submission_has_comment_counts_and_no_queue_position(shared_api, get):
    receipt = shared_api.hand_in("bob")
    for name in ("grammar", "structure", "content"):
        shared_api.worker.finish(receipt["id"], name)
    answer = get(receipt["links"]["self"], name="bob")
    assert answer.json["status"] == "completed"
    assert answer.json["queue"] is None
    assert {one["status"] for one in answer.json["passes"].values()} == {"done"}
    assert {one["comments"] for one in answer.json["passes"].values()} == {1}
    assert answer.json["completed_at"] >= answer.json["received_at"]
    assert "Retry-After" not in answer.headers


def test_some_passes_done_is_partial_and_none_done_is_failed(shared_api, get):
    partial, failed = shared_api.hand_in("bob"), shared_api.hand_in("bob")
    shared_api.worker.finish(partial["id"], "grammar")
    for name in ("structure", "content"):
        shared_api.worker.give_up(partial["id"], name)
    for name in ("grammar", "structure", "content"):
        shared_api.worker.give_up(failed["id"], name)
    assert get(partial["links"]["self"], name="bob").json["status"] == "partial"
    assert get(failed["links"]["self"], name="bob").json["status"] == "failed"


def test_queue_position_follows_the_order_of_arrival_and_the_turns_of_authors(shared_api, get):
    """An author's second essay waits behind the first; essays of others that wait may be read between them."""
    first, second = shared_api.hand_in("bob"), shared_api.hand_in("bob")
    places = [get(one["links"]["self"], name="bob").json["queue"]["position"] for one in (first, second)]
    assert places[1] > places[0]
    give_up_all(shared_api, first["id"])
    assert get(second["links"]["self"], name="bob").json["queue"]["position"] == places[1] - 1


def test_unchanged_status_is_304_and_a_changed_one_is_200(shared_api, get):
    receipt = shared_api.hand_in()
    first = get(receipt["links"]["self"])
    tag = first.headers["ETag"]
    same = get(receipt["links"]["self"], If_None_Match=tag)
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    shared_api.hand_in("bob")
    assert get(receipt["links"]["self"], If_None_Match=tag).status_code == 304
    update_pass(shared_api, receipt["id"], "grammar", RUNNING)
    changed = get(receipt["links"]["self"], If_None_Match=tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    assert get(receipt["links"]["self"], If_None_Match='W/"something-else"').status_code == 200


@pytest.mark.parametrize("how", ["in a list", "a star", "strong", "with blanks"])
def test_if_none_match_is_accepted_in_every_http_form(shared_api, get, how):
    receipt = shared_api.hand_in()
    tag = get(receipt["links"]["self"]).headers["ETag"]
    given = {"in a list": f'"abc", {tag}', "a star": "*", "strong": tag.removeprefix("W/"), "with blanks": f" {tag} "}[
        how
    ]
    assert get(receipt["links"]["self"], If_None_Match=given).status_code == 304


def timed(ask) -> tuple:
    """Return the result of the call and how many seconds it took."""
    started = time.monotonic()
    answer = ask()
    return answer, time.monotonic() - started


def change_while_waiting(shared_api, ask, change):
    """Start `ask` in a thread, apply the change once it holds a slot, and return its response and its seconds."""
    slots = shared_api.app.extensions["essaycoach.waiting"]._slots
    before = slots._value
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(timed, ask)
        deadline = time.monotonic() + 5
        while slots._value == before and time.monotonic() < deadline and not asked.done():
            time.sleep(0.005)
        assert slots._value == before - 1
        change()
        answer = asked.result(timeout=30)
    assert slots._value == before
    return answer


def test_long_poll_ends_when_the_status_changes(shared_api, get):
    receipt = shared_api.hand_in()
    answer, seconds = change_while_waiting(
        shared_api,
        lambda: get(receipt["links"]["self"], Prefer="wait=20"),
        lambda: update_pass(shared_api, receipt["id"], "grammar", RUNNING),
    )
    assert answer.json["passes"]["grammar"]["status"] == "running"
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert seconds < 5


def test_long_poll_with_an_etag_ends_when_the_status_differs(shared_api, get):
    receipt = shared_api.hand_in()
    tag = get(receipt["links"]["self"]).headers["ETag"]
    answer, _ = change_while_waiting(
        shared_api,
        lambda: get(receipt["links"]["self"], Prefer="wait=20", If_None_Match=tag),
        lambda: give_up_all(shared_api, receipt["id"]),
    )
    assert (answer.status_code, answer.json["status"]) == (200, "failed")
    answer, seconds = timed(lambda: get(receipt["links"]["self"], Prefer="wait=20", If_None_Match='W/"older"'))
    assert (answer.status_code, seconds < 2) == (200, True)


def test_long_poll_ends_on_time_without_a_change(shared_api, get):
    receipt = shared_api.hand_in()
    answer, seconds = timed(lambda: get(receipt["links"]["self"], Prefer="wait=1"))
    assert answer.status_code == 200
    assert 1.0 <= seconds < 4
    tag = answer.headers["ETag"]
    answer, seconds = timed(lambda: get(receipt["links"]["self"], Prefer="respond-async, wait=1", If_None_Match=tag))
    assert (answer.status_code, answer.headers["ETag"]) == (304, tag)
    assert 1.0 <= seconds < 4


@pytest.mark.parametrize(
    "prefer",
    ["", "wait", "wait=", "wait=soon", "wait=-5", "respond-async", "await", "return=minimal", "wait=0", "x-wait=20", "min-wait=20",
     'note="wait=20"', "return=minimal;wait=20"],
)  # fmt: skip
def test_prefer_header_without_a_wait_is_answered_at_once(shared_api, get, prefer):
    receipt = shared_api.hand_in()
    answer, seconds = timed(lambda: get(receipt["links"]["self"], Prefer=prefer))
    assert answer.status_code == 200
    assert seconds < 2
    assert answer.headers.get("Preference-Applied") in (None, "wait=0")


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("WAIT=20", "wait=20"),
        ('Wait="00020"; x=y', "wait=20"),
        ("wait=99999", "wait=25"),
        ('note="wait=1", wait=20', "wait=20"),
    ],
)
def test_long_poll_says_how_long_it_would_have_waited(shared_api, get, prefer, applied):
    receipt = shared_api.hand_in()
    answer, _ = change_while_waiting(
        shared_api,
        lambda: get(receipt["links"]["self"], Prefer=prefer),
        lambda: update_pass(shared_api, receipt["id"], "grammar", RUNNING),
    )
    assert answer.headers["Preference-Applied"] == applied


def test_several_prefer_headers_are_one_list(shared_api):
    receipt = shared_api.hand_in("alice")
    headers = [*shared_api.signed_in("alice").items(), ("Prefer", "respond-async"), ("Prefer", "wait=0")]
    assert shared_api.client.get(receipt["links"]["self"], headers=headers).headers["Preference-Applied"] == "wait=0"


def test_long_poll_of_a_final_status_returns_at_once(shared_api, get):
    receipt = shared_api.hand_in()
    give_up_all(shared_api, receipt["id"])
    answer, seconds = timed(lambda: get(receipt["links"]["self"], Prefer="wait=25"))
    assert (answer.json["status"], seconds < 2) == ("failed", True)
    assert "Preference-Applied" not in answer.headers


def test_longest_wait_setting_is_25_seconds():
    from ingest.submissions.routes import MAX_WAIT_SECONDS

    assert MAX_WAIT_SECONDS == 25


def test_long_poll_without_a_free_slot_returns_at_once(shared_api, get):
    receipt = shared_api.hand_in()
    app = shared_api.make_app(ESSAYCOACH_WAITING_SLOTS="1")
    with app.extensions["essaycoach.waiting"].slot() as free:
        assert free
        answer, seconds = timed(lambda: get(receipt["links"]["self"], app=app, Prefer="wait=20"))
        assert answer.status_code == 200
        assert seconds < 3
        assert int(answer.headers["Retry-After"]) > 0
        assert "Preference-Applied" not in answer.headers
        events, seconds = timed(lambda: get(receipt["links"]["events"], app=app))
        assert seconds < 3
        assert len(read_events(events.text)) == 1
        assert int(events.headers["Retry-After"]) > 0
    assert get(receipt["links"]["self"], app=app, Prefer="wait=1").headers["Preference-Applied"] == "wait=1"


def test_long_polls_do_not_use_up_database_connections(shared_api, get):
    """Eight long polls wait, and a process with two connections still accepts essays."""
    app = shared_api.make_app(ESSAYCOACH_POOL_SIZE="2", ESSAYCOACH_WAITING_SLOTS="8")
    receipt = shared_api.hand_in()
    headers = shared_api.signed_in("bob")
    waiting = app.extensions["essaycoach.waiting"]
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(get, receipt["links"]["self"], app=app, Prefer="wait=20") for _ in range(8)]
        deadline = time.monotonic() + 10
        while waiting._slots._value and time.monotonic() < deadline:
            time.sleep(0.01)
        assert waiting._slots._value == 0
        for _ in range(5):
            answer = app.test_client().post("/v1/submissions", json={"title": "t", "text": "x"}, headers=headers)
            assert answer.status_code == 202
        give_up_all(shared_api, receipt["id"])
        assert {one.result(timeout=20).json["status"] for one in asked} == {"failed"}


def read_events(text: str) -> list[dict]:
    """Return the data of the status events in this text."""
    blocks = [block for block in text.split("\n\n") if block.startswith("event:")]
    for block in blocks:
        assert block.split("\n")[0] == "event: status"
    return [json.loads(block.split("data: ", 1)[1]) for block in blocks]


def test_event_stream_sends_each_change_and_ends_with_the_final_status(shared_api):
    receipt = shared_api.hand_in()
    answer = shared_api.client.get(receipt["links"]["events"], headers=shared_api.signed_in("alice"))
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store"
    stream, reported = iter(answer.response), []

    def next_event() -> dict:
        reported.append(read_events(next(stream).decode())[0])
        return reported[-1]

    assert next_event()["status"] == "queued"
    update_pass(shared_api, receipt["id"], "grammar", RUNNING)
    assert next_event()["passes"]["grammar"]["status"] == "running"
    give_up_all(shared_api, receipt["id"])
    while next_event()["status"] not in ("failed", "partial"):
        assert len(reported) < 6
    with pytest.raises(StopIteration):
        next(stream)
    status = shared_api.client.get(receipt["links"]["self"], headers=shared_api.signed_in("alice")).json
    assert reported[-1] == status


def test_event_stream_of_a_final_submission_has_one_event(shared_api, get):
    receipt = shared_api.hand_in()
    give_up_all(shared_api, receipt["id"])
    [only] = read_events(get(receipt["links"]["events"]).text)
    assert only["status"] == "failed"


def test_closed_event_stream_releases_its_slot(shared_api):
    receipt = shared_api.hand_in()
    slots = shared_api.app.extensions["essaycoach.waiting"]._slots
    before = slots._value
    answer = shared_api.client.get(receipt["links"]["events"], headers=shared_api.signed_in("alice"))
    stream = iter(answer.response)
    next(stream)
    update_pass(shared_api, receipt["id"], "grammar", RUNNING)
    next(stream)
    assert slots._value == before - 1
    answer.close()
    del stream
    assert slots._value == before


def test_event_stream_ends_when_its_session_ends(shared_api):
    """After a sign-out the stream ends without a server error."""
    receipt = shared_api.hand_in()
    token = shared_api.sign_in("alice")["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = shared_api.client.get(receipt["links"]["events"], headers=headers)
    stream = iter(answer.response)
    assert read_events(next(stream).decode())
    assert shared_api.client.post("/v1/auth/logout", headers=headers).status_code == 204
    update_pass(shared_api, receipt["id"], "grammar", RUNNING)
    assert read_events("".join(part.decode() for part in stream)) == []


def test_failed_wait_releases_its_slot(shared_api):
    waiting = shared_api.app.extensions["essaycoach.waiting"]
    before = waiting._slots._value
    with pytest.raises(ZeroDivisionError), waiting.slot() as free:
        assert free
        waiting.wait_until(lambda: 1 // 0, bool, seconds=1, now=0)
    assert waiting._slots._value == before


def test_slots_are_counted_across_threads(shared_api):
    waiting = shared_api.make_app(ESSAYCOACH_WAITING_SLOTS="3").extensions["essaycoach.waiting"]
    arrived, leave = threading.Barrier(11), threading.Event()

    def hold(_number: int) -> bool:
        with waiting.slot() as free:
            arrived.wait(timeout=10)
            leave.wait(timeout=10)
            return free

    with ThreadPoolExecutor(10) as pool:
        held = [pool.submit(hold, number) for number in range(10)]
        arrived.wait(timeout=10)
        leave.set()
        assert sum(one.result() for one in held) == 3


REVOKED = {
    "revoked": "update api_keys set revoked_at = now() where id = %s",
    "expired": "update api_keys set expires_at = now() where id = %s",
    "without the scope": "update api_keys set scopes = array['submit'] where id = %s",
}


@pytest.fixture
def own_key(shared_api):
    """Give a new API key that only one test uses: its id, and the headers with it."""
    body = {"name": "stream", "scopes": ["read", "submit"]}
    made = shared_api.client.post("/v1/api-keys", json=body, headers=shared_api.signed_in("ada")).json
    return made["id"], {"Authorization": f"Bearer {made['key']}"}


@pytest.mark.parametrize("how", REVOKED)
def test_stream_of_an_api_key_ends_without_an_event_once_the_key_is_no_longer_valid(shared_api, own_key, how):
    key, headers = own_key
    receipt = shared_api.hand_in()
    stream = iter(shared_api.client.get(receipt["links"]["events"], headers=headers).response)
    assert "queued" in str(next(stream))
    shared_api.database.sql(REVOKED[how], key)
    give_up_all(shared_api, receipt["id"])
    assert list(stream) == []


@pytest.mark.parametrize("how", REVOKED)
def test_long_poll_of_an_api_key_tells_nothing_once_the_key_is_no_longer_valid(shared_api, own_key, refused, how):
    key, headers = own_key
    receipt = shared_api.hand_in()

    def change():
        shared_api.database.sql(REVOKED[how], key)
        give_up_all(shared_api, receipt["id"])

    answer, _ = change_while_waiting(
        shared_api,
        lambda: shared_api.client.get(receipt["links"]["self"], headers={**headers, "Prefer": "wait=20"}),
        change,
    )
    refused(answer, 401, "invalid-token")


@pytest.mark.parametrize("ended", ["signed out", "disabled"])
def test_stream_of_a_person_ends_without_an_event_once_their_session_has_ended(shared_api, ended):
    receipt = shared_api.hand_in("bob")
    headers = {"Authorization": f"Bearer {shared_api.sign_in('bob')['access_token']}"}
    stream = iter(shared_api.client.get(receipt["links"]["events"], headers=headers).response)
    next(stream)
    if ended == "signed out":
        assert shared_api.client.post("/v1/auth/logout", headers=headers).status_code == 204
    else:
        shared_api.database.sql("update users set disabled_at = now() where id = %s", shared_api.school.bob)
    try:
        give_up_all(shared_api, receipt["id"])
        assert list(stream) == []
    finally:
        shared_api.database.sql("update users set disabled_at = null where id = %s", shared_api.school.bob)
