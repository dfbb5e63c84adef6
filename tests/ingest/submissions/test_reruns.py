"""A rubric that changed: what is stale, reading it again, and trying a rubric on samples that are gone after a day."""

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
    wanted = (
        *RUBRIC,
        CriterionDraft(name=f"voice {uuid4().hex}", description="", levels=(("weak", 0, ""), ("strong", 2, ""))),
    )
    with session_of(api.school, "ada"):
        return add_rubric("Argument, again", org=api.school.org, criteria=wanted)


def task(api: ApiUnderTest) -> UUID:
    school = api.school
    with session_of(school, "ada"):
        return add_assignment(f"Task {uuid4().hex}", org=school.org, course=school.course, rubric=school.rubric)


def read(api: ApiUnderTest, receipt: dict[str, Any], *, rubric: UUID | None) -> None:
    """All three passes are done, made with that rubric."""
    for name in NAMES:
        api.worker.finish(receipt["id"], name)
    api.database.sql(
        "update passes set rubric_id = %s, prompt_version = 'v1' where submission_id = %s", rubric, receipt["id"]
    )


def done(api: ApiUnderTest, who: str = "alice", assignment: UUID | None = None) -> dict[str, Any]:
    receipt = api.hand_in(who, assignment_id=str(assignment or task(api)))
    read(api, receipt, rubric=api.school.rubric)
    return receipt


def states(api: ApiUnderTest, submission: str) -> dict[str, str]:
    found = api.database.sql("select name, state from passes where submission_id = %s", submission)
    return {str(name): str(state) for name, state in found}


def hinted(client: redis.Redis, queue: str) -> set[str]:
    ids = client.lrange(f"dramatiq:{queue}", 0, -1)
    found = client.hmget(f"dramatiq:{queue}.msgs", ids) if ids else []
    return {str(Hint.from_fields(dramatiq.Message.decode(one).kwargs).pass_id) for one in found}


def pass_ids(api: ApiUnderTest, *submissions: str) -> set[str]:
    found = api.database.sql("select id from passes where submission_id = any (%s::uuid[])", list(submissions))
    return {str(one) for (one,) in found}


def on_record(api: ApiUnderTest, submission: str) -> list[tuple[object, ...]]:
    return api.database.sql(
        "select detail ->> 'pass', actor_id::text from audit_log where action = 'pass_rerun' and detail ->> 'submission_id' = %s order by 1",
        submission,
    )


def test_a_changed_rubric_makes_stale_and_only_what_is_stale_is_read_again_in_bulk(
    shared_api: ApiUnderTest, redis_client: redis.Redis
) -> None:
    assignment, school = task(shared_api), shared_api.school
    hers, his = done(shared_api, "alice", assignment), shared_api.hand_in("bob", assignment_id=str(assignment))
    assert get(shared_api, f"/v1/assignments/{assignment}/stale").json == {"stale": 0, "submissions": []}

    rubric = other_rubric(shared_api)
    changed = shared_api.client.patch(
        f"/v1/assignments/{assignment}", json={"rubric_id": str(rubric)}, headers=shared_api.signed_in("ada")
    )
    assert changed.status_code == 200, changed.text
    read(shared_api, his, rubric=rubric)

    assert get(shared_api, f"/v1/assignments/{assignment}/stale").json == {"stale": 1, "submissions": [hers["id"]]}
    with session_of(school, "ed"):
        assert reruns.is_stale(UUID(hers["id"]), org=school.org)
        assert not reruns.is_stale(UUID(his["id"]), org=school.org)
    redis_client.flushdb()
    answer = post(shared_api, f"/v1/assignments/{assignment}/rerun")
    assert (answer.status_code, answer.json) == (202, {"passes": 3})
    assert states(shared_api, hers["id"]) == dict.fromkeys(NAMES, "queued")
    assert states(shared_api, his["id"]) == dict.fromkeys(NAMES, "done")
    assert hinted(redis_client, "bulk") == pass_ids(shared_api, hers["id"])
    assert hinted(redis_client, "interactive") == set()
    assert on_record(shared_api, hers["id"]) == [(name, str(school.ed)) for name in sorted(NAMES)]
    # Asked once more there is nothing stale to send round; read by the new rubric, nothing is stale at all.
    assert post(shared_api, f"/v1/assignments/{assignment}/rerun").json == {"passes": 0}
    read(shared_api, hers, rubric=rubric)
    assert get(shared_api, f"/v1/assignments/{assignment}/stale").json == {"stale": 0, "submissions": []}


def test_one_submission_is_read_again_and_its_old_comments_stand_meanwhile(
    shared_api: ApiUnderTest, redis_client: redis.Redis
) -> None:
    receipt = done(shared_api)
    before = get(shared_api, receipt["links"]["feedback"], "alice").json["comments"]
    redis_client.flushdb()
    answer = post(shared_api, f"/v1/submissions/{receipt['id']}/rerun")
    assert (answer.status_code, answer.json["id"], answer.json["status"]) == (202, receipt["id"], "processing")
    assert answer.headers["Location"] == receipt["links"]["self"]
    assert hinted(redis_client, "interactive") == pass_ids(shared_api, receipt["id"])
    meanwhile = get(shared_api, receipt["links"]["feedback"], "alice")
    assert meanwhile.status_code == 200, meanwhile.text
    assert [one["id"] for one in meanwhile.json["comments"]] == [one["id"] for one in before] != []
    # Twice is as once.
    assert post(shared_api, f"/v1/submissions/{receipt['id']}/rerun").json["status"] == "processing"
    assert len(on_record(shared_api, receipt["id"])) == 3
    for name in NAMES:
        shared_api.worker.finish(receipt["id"], name)
    after = get(shared_api, receipt["links"]["feedback"], "alice").json["comments"]
    assert len(after) == len(before)
    assert not {one["id"] for one in after} & {one["id"] for one in before}
    assert get(shared_api, receipt["links"]["self"], "alice").json["status"] == "completed"


def test_what_is_not_done_or_not_the_newest_stays_as_it_is(shared_api: ApiUnderTest) -> None:
    assignment = task(shared_api)
    first = done(shared_api, "alice", assignment)
    second = shared_api.hand_in("alice", assignment_id=str(assignment), text=f"{ESSAY} Again.")
    for receipt, status in ((first, "completed"), (second, "queued")):
        before = states(shared_api, receipt["id"])
        answer = post(shared_api, f"/v1/submissions/{receipt['id']}/rerun")
        assert (answer.status_code, answer.json["status"]) == (202, status)
        assert states(shared_api, receipt["id"]) == before
        assert on_record(shared_api, receipt["id"]) == []


@pytest.mark.parametrize(("who", "status", "slug"), [("alice", 403, "forbidden"), ("nell", 404, "not-found")])
def test_strangers_have_nothing_read_again(
    shared_api: ApiUnderTest, refused: Refused, who: str, status: int, slug: str
) -> None:
    receipt = done(shared_api)
    refused(post(shared_api, f"/v1/submissions/{receipt['id']}/rerun", who=who), status, slug)
    assert states(shared_api, receipt["id"]) == dict.fromkeys(NAMES, "done")


# Trying a rubric.


def preview(api: ApiUnderTest, body: dict[str, Any] | None = None, who: str = "ed") -> TestResponse:
    return post(api, f"/v1/rubrics/{api.school.rubric}/try", {} if body is None else body, who)


def test_texts_and_language_of_ones_own(shared_api: ApiUnderTest) -> None:
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
def test_a_bad_trial_is_pointed_at_and_nothing_is_stored(
    shared_api: ApiUnderTest, refused: Refused, body: dict[str, Any], pointer: str
) -> None:
    [before] = shared_api.database.sql("select count(*) from essays")
    document = refused(preview(shared_api, body), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == [pointer]
    assert shared_api.database.sql("select count(*) from essays") == [before]


def test_who_may_not_try_a_rubric(shared_api: ApiUnderTest, refused: Refused) -> None:
    refused(preview(shared_api, who="alice"), 403, "forbidden")
    refused(post(shared_api, f"/v1/rubrics/{uuid4()}/try", {}), 404, "not-found")
    refused(post(shared_api, f"/v1/rubrics/{shared_api.other.rubric}/try", {}), 404, "not-found")


def test_each_sample_counts_as_a_request(shared_api: ApiUnderTest, refused: Refused) -> None:
    app = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="4/minute")
    where, headers = f"/v1/rubrics/{shared_api.school.rubric}/try", shared_api.signed_in("ada")
    [before] = shared_api.database.sql("select count(*) from essays")
    refused(app.test_client().post(where, json={"texts": [ESSAY] * 5}, headers=headers), 429, "rate-limited")
    assert shared_api.database.sql("select count(*) from essays") == [before]


def test_last_a_rubric_is_tried_on_three_samples_that_only_the_teacher_reads_and_the_clock_removes(
    api: ApiUnderTest, refused: Refused, redis_client: redis.Redis
) -> None:
    """Last in the file: a place of its own takes the pool away from the standing one."""
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
    # What the worker is given: the rubric and prompt of the trial.
    connect_as("ec_worker", api.database)
    with db.session(org=api.school.org):
        given = fetch_task(UUID(receipts[0]["id"]), org=api.school.org)
    connect_as("ec_ingest", api.database)
    assert (given.rubric, given.assignment_prompt) == (api.school.rubric, "Should schools change?")
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
    # Its rubric stays as long as it does.
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
