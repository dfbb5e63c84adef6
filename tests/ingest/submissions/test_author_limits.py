"""Attack the turn and the budget of a class: one student, or one account of an LMS, hands in far too much."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.support.races import together, warm_up


@pytest.fixture
def limited(api):
    """Give the API of a school with small limits."""
    changed = change(api, author_open_limit=3, author_daily_limit=6)
    assert changed.status_code == 200, changed.text
    return api


def change(api, **limits):
    return api.client.patch("/v1/org", json=limits, headers=api.signed_in("ada"))


def send(api, headers=None, **body):
    body = {"title": "Phones", "text": "Phones was loud.", **body}
    return api.client.post("/v1/submissions", json=body, headers=headers or api.signed_in("alice"))


def by_key(api, student, key=None, **body):
    return send(
        api, {**api.with_key(), "Idempotency-Key": key or uuid4().hex}, student={"external_id": student}, **body
    )


def finish(api, receipt):
    for name in ("grammar", "structure", "content"):
        api.worker.finish(receipt["id"], name)


def stored(api):
    return api.database.sql("select count(*) from submissions where org_id = %s", api.school.org)[0][0]


def test_new_school_has_sensible_limits_and_its_admin_changes_them(api, refused):
    limits = {"author_open_limit": 50, "author_daily_limit": 500, "author_budget_percent": 20}
    [found] = api.database.sql(
        "insert into orgs (slug, name) values (%s, 'New') returning author_open_limit, author_daily_limit, author_budget_percent",
        f"new-{uuid4().hex[:8]}",
    )
    assert found == tuple(limits.values())
    assert limits.items() <= change(api, **limits).json.items()
    assert change(api, author_open_limit=None).json["author_open_limit"] is None
    for name in limits:
        for bad in (0, -1, 10_001, 1.5, "1", True):
            refused(change(api, **{name: bad}), 422, "invalid-payload")
    refused(
        api.client.patch("/v1/org", json={"author_daily_limit": 9}, headers=api.signed_in("alice")),
        403,
        "forbidden",
    )


def test_sixty_essays_at_once_leave_ten_waiting(api):
    change(api, author_open_limit=10, author_daily_limit=40)
    headers = api.signed_in("alice")
    app = api.make_app(ESSAYCOACH_POOL_WAIT_SECONDS="60")
    warm_up(10)

    answers = together(
        60, lambda _: app.test_client().post("/v1/submissions", json={"title": "T", "text": "x"}, headers=headers)
    )

    codes = sorted(answer.status_code for answer in answers)
    assert (codes.count(202), codes.count(429)) == (10, 50)
    assert stored(api) == 10


def test_refusal_says_why_until_when_and_what_to_do(limited, refused):
    receipts = [send(limited).json for _ in range(3)]
    answer = send(limited)

    document = refused(answer, 429, "author-limit")
    assert "3 essays of this student wait" in document["detail"]
    assert "author_open_limit" in document["detail"]
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert stored(limited) == 3
    finish(limited, receipts[0])
    assert send(limited).status_code == 202


def test_daily_limit_counts_every_version_and_ends_at_midnight(limited, refused):
    first = send(limited).json
    for _ in range(5):
        assert send(limited, essay_id=first["essay_id"]).status_code == 202
    answer = send(limited, essay_id=first["essay_id"])

    assert "6 times today" in refused(answer, 429, "author-limit")["detail"]
    assert 0 < int(answer.headers["Retry-After"]) <= 86_400
    limited.database.sql("update author_use set day = day - 1 where org_id = %s", limited.school.org)
    assert send(limited).status_code == 202


def test_repeat_with_the_same_key_is_answered_and_not_counted(limited):
    receipts = [by_key(limited, "alice-sis", key=f"k{number}").json for number in range(3)]

    for _ in range(9):
        again = [by_key(limited, "alice-sis", key=f"k{number}") for number in range(3)]
        assert [(one.status_code, one.json) for one in again] == [(202, receipt) for receipt in receipts]
    assert by_key(limited, "alice-sis", key="k3").status_code == 429
    finish(limited, receipts[0])
    assert by_key(limited, "alice-sis", key="k3").status_code == 202, "a refused key is free for the same request"


def test_key_hands_in_for_a_whole_class_and_only_the_flooding_student_is_refused(limited):
    for number in range(3):
        assert by_key(limited, "flood").status_code == 202, number
    assert [by_key(limited, "flood").status_code for _ in range(3)] == [429] * 3

    assert {by_key(limited, f"student-{number}").status_code for number in range(30)} == {202}


def test_teacher_has_no_limit_and_another_school_counts_alone(limited):
    headers = limited.signed_in("ed")
    assert {send(limited, headers).status_code for _ in range(9)} == {202}
    [send(limited) for _ in range(4)]
    theirs = limited.signed_in("alice", limited.other)
    assert send(limited, theirs).status_code == 202


def test_limit_of_null_is_none(limited):
    change(limited, author_open_limit=None, author_daily_limit=None)

    assert {send(limited).status_code for _ in range(20)} == {202}


def test_delivery_over_the_limit_is_kept_and_loses_nothing(limited, draft, refused):
    """The LMS may send it again, or an admin has it carried out; both lead to one submission."""
    lms = replace(limited.lms)
    student = {"external_id": "alice-sis"}
    receipts = [lms.deliver(draft(student=student)).json for _ in range(3)]
    over = [lms.deliver(draft(student=student), event=f"over-{number}") for number in range(2)]
    for answer in over:
        refused(answer, 429, "author-limit")
        assert int(answer.headers["Retry-After"]) > 0
        answer.close()
    ada, path = limited.signed_in("ada"), f"/v1/sources/{lms.source}/deliveries"
    kept = limited.client.get(path, query_string={"outcome": "refused"}, headers=ada).json["items"]
    assert [(one["event_id"], one["reason"]) for one in kept] == [
        ("over-1", "author-limit"),
        ("over-0", "author-limit"),
    ]
    refused(limited.client.post(f"{path}/{kept[0]['id']}/replay", headers=ada), 429, "author-limit")

    for receipt in receipts[:2]:
        finish(limited, receipt)
    sent_again = lms.deliver(draft(student=student), event="over-0")
    replayed = limited.client.post(f"{path}/{kept[0]['id']}/replay", headers=ada)

    assert (sent_again.status_code, replayed.status_code) == (202, 202), (sent_again.text, replayed.text)
    assert stored(limited) == 5
    logged = json.dumps(limited.client.get("/v1/logs", headers=ada).json)
    assert "author-limit" in logged
