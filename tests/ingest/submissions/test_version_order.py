"""Tests of which version is the newest when deliveries arrive in another order than they were sent."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.ingest.conftest import ApiUnderTest, piece

EARLY, LATE = "2026-11-22T10:00:01Z", "2026-11-22T10:00:05Z"
CREATED, UPDATED = "submission.created", "submission.updated"


@pytest.fixture(params=["external_id", "assignment_id"])
def where(request: pytest.FixtureRequest, shared_api: ApiUnderTest) -> dict[str, Any]:
    """Give the ids of one essay of a new student: an id of the LMS, or an assignment."""
    essay = (
        {"external_id": "attempt-1"}
        if request.param == "external_id"
        else {"assignment_id": str(shared_api.school.assignment)}
    )
    return {"student": {"external_id": uuid4().hex}, **essay}


def newest(api: ApiUnderTest, receipt: dict[str, Any]) -> str:
    """Return the id of the newest version of the essay."""
    return str(api.client.get(receipt["links"]["essay"], headers=api.with_key()).json["submission_id"])


def test_without_submitted_at_the_time_of_the_event_decides(shared_api: ApiUnderTest, where: dict[str, Any]) -> None:
    update = shared_api.lms.deliver(piece(**where, text="New."), event_type=UPDATED, timestamp=LATE).json
    late = shared_api.lms.deliver(piece(**where, text="Old."), event_type=CREATED, timestamp=EARLY).json
    assert late["essay_id"] == update["essay_id"]
    assert (update["status"], late["status"], late["version"]) == ("queued", "superseded", 2)
    assert newest(shared_api, late) == update["id"]


@pytest.mark.parametrize("by", ["submitted_at", "timestamp"])
def test_update_beats_creation_on_a_tie(shared_api: ApiUnderTest, where: dict[str, Any], by: str) -> None:
    def deliver(event_type: str) -> dict[str, Any]:
        if by == "submitted_at":
            answer = shared_api.lms.deliver(piece(**where, submitted_at=LATE), event_type=event_type)
        else:
            answer = shared_api.lms.deliver(piece(**where), event_type=event_type, timestamp=LATE)
        return dict(answer.json)

    update, late = deliver(UPDATED), deliver(CREATED)
    assert late["status"] == "superseded"
    assert newest(shared_api, late) == update["id"]
    again = deliver(UPDATED)
    assert again["status"] == "queued"
    assert newest(shared_api, again) == again["id"]


@pytest.mark.parametrize("event_type", [CREATED, UPDATED])
def test_of_two_equal_events_the_one_that_arrives_later_is_newer(
    shared_api: ApiUnderTest, where: dict[str, Any], event_type: str
) -> None:
    first, second = (
        shared_api.lms.deliver(piece(**where), event_type=event_type, timestamp=LATE).json for _ in range(2)
    )
    assert second["status"] == "queued"
    assert newest(shared_api, first) == second["id"]


def test_submitted_at_counts_before_the_time_of_the_event(shared_api: ApiUnderTest, where: dict[str, Any]) -> None:
    newer = shared_api.lms.deliver(piece(**where, submitted_at=LATE), timestamp=EARLY).json
    older = shared_api.lms.deliver(piece(**where, submitted_at=EARLY), event_type=UPDATED, timestamp=LATE).json
    assert (newer["status"], older["status"]) == ("queued", "superseded")


def test_request_by_api_without_submitted_at_is_new_when_it_arrives(
    shared_api: ApiUnderTest, where: dict[str, Any]
) -> None:
    delivered = shared_api.lms.deliver(piece(**where), event_type=UPDATED, timestamp=LATE).json
    posted = shared_api.client.post("/v1/submissions", json=piece(**where), headers=shared_api.with_key()).json
    assert (posted["essay_id"], posted["status"]) == (delivered["essay_id"], "queued")
    assert shared_api.lms.deliver(piece(**where), event_type=UPDATED, timestamp=LATE).json["status"] == "superseded"


@pytest.mark.parametrize("who", ["alice", "ed", "ada"])
@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "2026-11-22T08:30:00+0000", "2099-01-01T00:00:00Z"])
def test_signed_in_people_cannot_say_when_they_handed_in(shared_api: ApiUnderTest, who: str, moment: str) -> None:
    name = uuid4().hex
    shared_api.hand_in(who, external_id=name)
    second = shared_api.hand_in(who, external_id=name, submitted_at=moment)
    [warning] = second["warnings"]
    assert warning["pointer"] == "/submitted_at"
    assert warning["detail"].startswith("is read from an LMS only")
    stored = shared_api.database.sql(
        "select extract(epoch from created_at - submitted_at)::float from submissions where id = %s", second["id"]
    )
    assert abs(stored[0][0]) < 1
    assert (second["version"], second["status"]) == (2, "queued"), "an old time would have made it superseded"
