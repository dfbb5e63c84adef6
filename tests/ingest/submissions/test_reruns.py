"""Tests of reruns after a rubric changed, and of rubric previews on sample texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import dramatiq
import pytest
import redis
from werkzeug.test import TestResponse

from models import db, reruns
from models.courses import CriterionDraft, add_assignment, add_rubric
from models.essays import fetch_task
from models.jobs import Hint
from tests.ingest.conftest import ESSAY
from tests.support.schools import RUBRIC, connect_as, session_of
from workers.duties import erasure

if TYPE_CHECKING:
    from tests.ingest.conftest import ApiUnderTest, Refused

NAMES = ("grammar", "structure", "content")


def post(api: ApiUnderTest, path: str, body: Any = None, who: str = "ed") -> TestResponse:
    return api.client.post(path, json=body, headers=api.signed_in(who))


def get(api: ApiUnderTest, path: str, who: str = "ed") -> TestResponse:
    return api.client.get(path, headers=api.signed_in(who))


def other_rubric(api: ApiUnderTest) -> UUID:
    """Add a rubric that differs from the one of the school and return its id."""
    wanted = (
        *RUBRIC,
        CriterionDraft(name=f"voice {uuid4().hex}", description="", levels=(("weak", 0, ""), ("strong", 2, ""))),
    )
    with session_of(api.school, "ada"):
        return add_rubric("Argument, again", org=api.school.org, criteria=wanted)


def make_assignment(api: ApiUnderTest) -> UUID:
    """Add an assignment with the rubric of the school and return its id."""
    school = api.school
    with session_of(school, "ada"):
        return add_assignment(f"Task {uuid4().hex}", org=school.org, course=school.course, rubric=school.rubric)


def finish_passes(api: ApiUnderTest, receipt: dict[str, Any], *, rubric: UUID | None) -> None:
    """Finish all three passes and record that they used this rubric."""
    for name in NAMES:
        api.worker.finish(receipt["id"], name)
    api.database.sql(
        "update passes set rubric_id = %s, prompt_version = 'v1' where submission_id = %s", rubric, receipt["id"]
    )


def completed_submission(api: ApiUnderTest, who: str = "alice", assignment: UUID | None = None) -> dict[str, Any]:
    """Submit an essay, finish its passes with the rubric of the school, and return the receipt."""
    receipt = api.hand_in(who, assignment_id=str(assignment or make_assignment(api)))
    finish_passes(api, receipt, rubric=api.school.rubric)
    return receipt


def states(api: ApiUnderTest, submission: str) -> dict[str, str]:
    """Return the state of each pass of a submission by name."""
    found = api.database.sql("select name, state from passes where submission_id = %s", submission)
    return {str(name): str(state) for name, state in found}


def hinted(client: redis.Redis, queue: str) -> set[str]:
    """Return the ids of the passes that have a hint in this Redis queue."""
    ids = client.lrange(f"dramatiq:{queue}", 0, -1)
    found = client.hmget(f"dramatiq:{queue}.msgs", ids) if ids else []
    return {str(Hint.from_fields(dramatiq.Message.decode(one).kwargs).pass_id) for one in found}


def pass_ids(api: ApiUnderTest, *submissions: str) -> set[str]:
    found = api.database.sql("select id from passes where submission_id = any (%s::uuid[])", list(submissions))
    return {str(one) for (one,) in found}


def rerun_entries(api: ApiUnderTest, submission: str) -> list[tuple[object, ...]]:
    """Return pass and actor of each audit entry of a rerun of this submission."""
    return api.database.sql(
        "select detail ->> 'pass', actor_id::text from audit_log where action = 'pass_rerun' and detail ->> 'submission_id' = %s order by 1",
        submission,
    )


def test_bulk_rerun_repeats_only_submissions_with_a_stale_rubric(
    shared_api: ApiUnderTest, redis_client: redis.Redis
) -> None:
    assignment, school = make_assignment(shared_api), shared_api.school
    alices, bobs = (
        completed_submission(shared_api, "alice", assignment),
        shared_api.hand_in("bob", assignment_id=str(assignment)),
    )
    assert get(shared_api, f"/v1/assignments/{assignment}/stale").json == {"stale": 0, "submissions": []}

    rubric = other_rubric(shared_api)
    changed = shared_api.client.patch(
        f"/v1/assignments/{assignment}", json={"rubric_id": str(rubric)}, headers=shared_api.signed_in("ada")
    )
    assert changed.status_code == 200, changed.text
    finish_passes(shared_api, bobs, rubric=rubric)

    assert get(shared_api, f"/v1/assignments/{assignment}/stale").json == {"stale": 1, "submissions": [alices["id"]]}
    with session_of(school, "ed"):
        assert reruns.is_stale(UUID(alices["id"]), org=school.org)
        assert not reruns.is_stale(UUID(bobs["id"]), org=school.org)
    redis_client.flushdb()
    answer = post(shared_api, f"/v1/assignments/{assignment}/rerun")
    assert (answer.status_code, answer.json) == (202, {"passes": 3})
    assert states(shared_api, alices["id"]) == dict.fromkeys(NAMES, "queued")
    assert states(shared_api, bobs["id"]) == dict.fromkeys(NAMES, "done")
    assert hinted(redis_client, "bulk") == pass_ids(shared_api, alices["id"])
    assert hinted(redis_client, "interactive") == set()
    assert rerun_entries(shared_api, alices["id"]) == [(name, str(school.ed)) for name in sorted(NAMES)]
    # A second rerun finds nothing to do. After the passes used the new rubric, nothing is stale.
    assert post(shared_api, f"/v1/assignments/{assignment}/rerun").json == {"passes": 0}
    finish_passes(shared_api, alices, rubric=rubric)
    assert get(shared_api, f"/v1/assignments/{assignment}/stale").json == {"stale": 0, "submissions": []}


def test_rerun_keeps_old_comments_until_it_is_done(shared_api: ApiUnderTest, redis_client: redis.Redis) -> None:
    receipt = completed_submission(shared_api)
    before = get(shared_api, receipt["links"]["feedback"], "alice").json["comments"]
    redis_client.flushdb()
    answer = post(shared_api, f"/v1/submissions/{receipt['id']}/rerun")
    assert (answer.status_code, answer.json["id"], answer.json["status"]) == (202, receipt["id"], "processing")
    assert answer.headers["Location"] == receipt["links"]["self"]
    assert hinted(redis_client, "interactive") == pass_ids(shared_api, receipt["id"])
    during = get(shared_api, receipt["links"]["feedback"], "alice")
    assert during.status_code == 200, during.text
    assert [one["id"] for one in during.json["comments"]] == [one["id"] for one in before] != []
    # A second request changes nothing.
    assert post(shared_api, f"/v1/submissions/{receipt['id']}/rerun").json["status"] == "processing"
    assert len(rerun_entries(shared_api, receipt["id"])) == 3
    for name in NAMES:
        shared_api.worker.finish(receipt["id"], name)
    after = get(shared_api, receipt["links"]["feedback"], "alice").json["comments"]
    assert len(after) == len(before)
    assert not {one["id"] for one in after} & {one["id"] for one in before}
    assert get(shared_api, receipt["links"]["self"], "alice").json["status"] == "completed"


def test_rerun_changes_no_unfinished_or_older_version(shared_api: ApiUnderTest) -> None:
    assignment = make_assignment(shared_api)
    first = completed_submission(shared_api, "alice", assignment)
    second = shared_api.hand_in("alice", assignment_id=str(assignment), text=f"{ESSAY} Again.")
    for receipt, status in ((first, "completed"), (second, "queued")):
        before = states(shared_api, receipt["id"])
        answer = post(shared_api, f"/v1/submissions/{receipt['id']}/rerun")
        assert (answer.status_code, answer.json["status"]) == (202, status)
        assert states(shared_api, receipt["id"]) == before
        assert rerun_entries(shared_api, receipt["id"]) == []


@pytest.mark.parametrize(("who", "status", "slug"), [("alice", 403, "forbidden"), ("nell", 404, "not-found")])
def test_others_cannot_request_a_rerun(
    shared_api: ApiUnderTest, refused: Refused, who: str, status: int, slug: str
) -> None:
    receipt = completed_submission(shared_api)
    refused(post(shared_api, f"/v1/submissions/{receipt['id']}/rerun", who=who), status, slug)
    assert states(shared_api, receipt["id"]) == dict.fromkeys(NAMES, "done")


# Rubric previews.


def preview(api: ApiUnderTest, body: dict[str, Any] | None = None, who: str = "ed") -> TestResponse:
    return post(api, f"/v1/rubrics/{api.school.rubric}/try", {} if body is None else body, who)


def test_rubric_preview_accepts_own_texts_and_language(shared_api: ApiUnderTest) -> None:
    answer = preview(shared_api, {"texts": [ESSAY, "Etwas anderes."], "language": "de"})
    assert answer.status_code == 202, answer.text
    ids = [one["id"] for one in answer.json["submissions"]]
    found = shared_api.database.sql(
        "select language, characters from submissions where id = any (%s::uuid[]) order by id", ids
    )
    assert found == [("de", len(ESSAY)), ("de", len("Etwas anderes."))]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"texts": []}, "/texts"), ({"texts": ["a"] * 6}, "/texts"), ({"texts": [" "]}, "/texts/0"), ({"texts": [1]}, "/texts/0"),
        ({"text": "a"}, "/text"), ({"prompt": "a" * 20_001}, "/prompt"), ({"language": "d"}, "/language"),
    ],
)  # fmt: skip
def test_invalid_rubric_preview_is_refused_and_stores_nothing(
    shared_api: ApiUnderTest, refused: Refused, body: dict[str, Any], pointer: str
) -> None:
    [before] = shared_api.database.sql("select count(*) from essays")
    document = refused(preview(shared_api, body), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == [pointer]
    assert shared_api.database.sql("select count(*) from essays") == [before]


def test_rubric_preview_is_refused_to_students_and_for_unknown_rubrics(
    shared_api: ApiUnderTest, refused: Refused
) -> None:
    refused(preview(shared_api, who="alice"), 403, "forbidden")
    refused(post(shared_api, f"/v1/rubrics/{uuid4()}/try", {}), 404, "not-found")
    refused(post(shared_api, f"/v1/rubrics/{shared_api.other.rubric}/try", {}), 404, "not-found")


def test_each_preview_sample_counts_as_a_request(shared_api: ApiUnderTest, refused: Refused) -> None:
    app = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="4/minute")
    where, headers = f"/v1/rubrics/{shared_api.school.rubric}/try", shared_api.signed_in("ada")
    [before] = shared_api.database.sql("select count(*) from essays")
    refused(app.test_client().post(where, json={"texts": [ESSAY] * 5}, headers=headers), 429, "rate-limited")
    assert shared_api.database.sql("select count(*) from essays") == [before]


def test_rubric_preview_is_private_and_deleted_by_the_clock(
    api: ApiUnderTest, refused: Refused, redis_client: redis.Redis
) -> None:
    """This test is the last of the file, because its own app takes the connection pool from the shared app."""
    answer = preview(api, {"prompt": "Should schools change?"})
    assert answer.status_code == 202, answer.text
    receipts = answer.json["submissions"]
    assert len(receipts) == 3
    assert hinted(redis_client, "interactive") == pass_ids(api, *(one["id"] for one in receipts))
    stored = api.database.sql(
        "select e.user_id::text, e.assignment_id, e.trial_rubric_id::text, e.trial_prompt, s.released_at is not null, s.words,"
        " e.trial_until > now() + interval '23 hours' from essays as e join submissions as s on s.essay_id = e.id"
    )
    assert {row[:5] + row[6:] for row in stored} == {
        (str(api.school.ed), None, str(api.school.rubric), "Should schools change?", True, True)
    }
    assert all(120 <= int(str(row[5])) <= 200 for row in stored)
    # The worker gets the rubric and the prompt of the preview.
    connect_as("ec_worker", api.database)
    with db.session(org=api.school.org):
        task = fetch_task(UUID(receipts[0]["id"]), org=api.school.org)
    connect_as("ec_ingest", api.database)
    assert (task.rubric, task.assignment_prompt) == (api.school.rubric, "Should schools change?")
    for name in NAMES:
        api.worker.finish(receipts[0]["id"], name, quote="the")
    found = get(api, receipts[0]["links"]["feedback"])
    assert found.status_code == 200, found.text
    assert found.json["comments"]
    for who in ("nell", "alice"):
        for link in ("self", "feedback", "essay"):
            refused(get(api, receipts[0]["links"][link], who), 404, "not-found")
    for who in ("ed", "ada", "nell"):
        assert get(api, "/v1/essays", who).json["items"] == []
    # The rubric cannot be deleted while the preview exists.
    refused(api.client.delete(f"/v1/rubrics/{api.school.rubric}", headers=api.signed_in("ada")), 409, "in-use")

    own = api.hand_in("alice")
    connect_as("ec_clock", api.database)
    assert erasure.delete_rubric_previews() == 0
    api.database.sql("update essays set trial_until = now() - interval '1 s' where trial_until is not null")
    assert erasure.delete_rubric_previews() == 3
    assert erasure.delete_rubric_previews() == 0
    connect_as("ec_ingest", api.database)
    refused(get(api, receipts[0]["links"]["self"]), 404, "not-found")
    for table in ("essays", "submissions", "passes", "feedback"):
        assert api.database.sql(f"select count(*) from {table} where user_id = %s", api.school.ed) == [(0,)]
    assert get(api, own["links"]["self"], "alice").status_code == 200
