"""Tests of the status of a submission: its fields, ETag, long polling, event stream and waiting slots."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.support.races import promptly

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
    assert set(body["queue"]) == {"position", "estimated_seconds", "age_seconds"}
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


@pytest.mark.parametrize(
    "prefer",
    ["", "wait", "wait=", "wait=soon", "wait=-5", "respond-async", "await", "return=minimal", "wait=0", "x-wait=20", "min-wait=20",
     'note="wait=20"', "return=minimal;wait=20"],
)  # fmt: skip
def test_prefer_header_without_a_wait_is_answered_at_once(shared_api, get, prefer):
    receipt = shared_api.hand_in()
    answer = promptly(lambda: get(receipt["links"]["self"], Prefer=prefer), seconds=2)
    assert answer.status_code == 200
    assert answer.headers.get("Preference-Applied") in (None, "wait=0")


def test_several_prefer_headers_are_one_list(shared_api):
    receipt = shared_api.hand_in("alice")
    headers = [*shared_api.signed_in("alice").items(), ("Prefer", "respond-async"), ("Prefer", "wait=0")]
    assert shared_api.client.get(receipt["links"]["self"], headers=headers).headers["Preference-Applied"] == "wait=0"


def test_long_poll_of_a_final_status_returns_at_once(shared_api, get):
    receipt = shared_api.hand_in()
    give_up_all(shared_api, receipt["id"])
    answer = promptly(lambda: get(receipt["links"]["self"], Prefer="wait=25"), seconds=2)
    assert answer.json["status"] == "failed"
    assert "Preference-Applied" not in answer.headers


def test_longest_wait_setting_is_25_seconds():
    from ingest.submissions.routes import MAX_WAIT_SECONDS

    assert MAX_WAIT_SECONDS == 25


def read_events(text: str) -> list[dict]:
    """Return the data of the status events in this text."""
    blocks = [block for block in text.split("\n\n") if block.startswith("event:")]
    for block in blocks:
        assert block.split("\n")[0] == "event: status"
    return [json.loads(block.split("data: ", 1)[1]) for block in blocks]


def test_event_stream_of_a_final_submission_has_one_event(shared_api, get):
    receipt = shared_api.hand_in()
    give_up_all(shared_api, receipt["id"])
    [only] = read_events(get(receipt["links"]["events"]).text)
    assert only["status"] == "failed"
