"""Tests of the kept log lines of an org: who reads them, and which ones ingest keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from ingest.web import system_log
from tests.ingest.conftest import ApiUnderTest, Lms, Refused, envelope

KEEP = (
    "insert into system_logs (id, org_id, program, level, event, request_id, context)"
    " values (coalesce(uuid7_floor(%s), uuidv7()), %s, %s, %s, %s, 'r-1', %s) returning id::text"
)


def keep(
    api: ApiUnderTest, event: str, *, org: Any = "own", program: str = "worker", level: str = "warning", at: Any = None
) -> str:
    owner = api.school.org if org == "own" else org
    return str(api.database.sql(KEEP, at, owner, program, level, event, json.dumps({"n": 1}))[0][0])


def logs(api: ApiUnderTest, who: str = "ada", of: Any = None, **query: Any) -> list[dict[str, Any]]:
    """Return the lines of all pages."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = api.client.get("/v1/logs", query_string={**query, **cursor}, headers=api.signed_in(who, of))
        assert answer.status_code == 200, answer.text
        items += answer.json["items"]
        if answer.json["next_cursor"] is None:
            return items
        cursor = {"cursor": answer.json["next_cursor"]}


def kept(api: ApiUnderTest, of: Any = None) -> list[tuple[str, str, dict[str, Any]]]:
    """Return level, event and context of what ingest kept, oldest first."""
    return [(one["level"], one["event"], one["context"]) for one in reversed(logs(api, of=of, program="ingest"))]


def test_only_admins_read_logs_and_bad_parameters_are_named(shared_api: ApiUnderTest, refused: Refused) -> None:
    for headers in (shared_api.signed_in("alice"), shared_api.signed_in("ed"), shared_api.with_key()):
        refused(shared_api.client.get("/v1/logs", headers=headers), 403, "forbidden")
    refused(shared_api.client.get("/v1/logs"), 401, "unauthorized")
    for query in (
        {"level": "info"}, {"level": ""}, {"program": "monitor"}, {"since": "yesterday"}, {"since": "2026-01-01"}, {"since": ""},
        {"since": "0001-01-01T00:00:00Z"}, {"limit": "x"}, {"cursor": "x"},
    ):  # fmt: skip
        answer = shared_api.client.get("/v1/logs", query_string=query, headers=shared_api.signed_in("ada"))
        assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == f"?{next(iter(query))}"


def deliver(api: ApiUnderTest, lms: Lms, data: Any, *, secret: str | None = None) -> int:
    """Deliver a webhook, read the whole answer and return its status. Lines are stored when the answer has been sent."""
    body = envelope(data)
    answer = api.client.post(
        f"/v1/webhooks/{lms.source}", data=body, headers=lms.signed(body, secret=secret), buffered=True
    )
    return answer.status_code


def test_memory_of_kept_lines_is_bounded() -> None:
    memory = system_log.KeptLines()
    for number in range(system_log.MAX_REMEMBERED + 1):
        assert memory.is_new((str(number),))
    assert len(memory.kept_at) <= system_log.MAX_REMEMBERED
    assert not memory.is_new((str(system_log.MAX_REMEMBERED),))


def test_admin_reads_the_lines_of_the_own_org_newest_first(api: ApiUnderTest) -> None:
    ids = [keep(api, f"event {number}", level="error" if number % 3 == 0 else "warning") for number in range(7)]
    keep(api, "of another school", org=api.other.org)
    keep(api, "of nobody", org=None)
    items = logs(api)
    assert [one["id"] for one in items] == ids[::-1]
    assert items[0] | {"id": "", "created_at": ""} == {
        "id": "", "created_at": "", "program": "worker", "level": "error", "event": "event 6", "request_id": "r-1", "context": {"n": 1},
    }  # fmt: skip
    for limit in (1, 3, 7):
        assert logs(api, limit=limit) == items
    assert [one["event"] for one in logs(api, of=api.other)] == ["of another school"]


def test_lines_are_filtered_by_level_program_and_time(api: ApiUnderTest) -> None:
    now = datetime.now(UTC)
    old = keep(api, "old", at=now - timedelta(hours=2))
    clock = keep(api, "late", program="clock", level="error", at=now - timedelta(hours=1))
    new = keep(api, "new")
    since = (now - timedelta(minutes=90)).isoformat()
    for query, wanted in (
        ({}, [new, clock, old]), ({"level": "error"}, [clock]), ({"level": "warning"}, [new, old]), ({"program": "clock"}, [clock]),
        ({"program": "ingest"}, []), ({"since": since}, [new, clock]), ({"since": since, "level": "warning"}, [new]),
        ({"since": "0002-01-01T00:00:00Z"}, [new, clock, old]), ({"since": "9999-12-31T23:59:59Z"}, []),
        ({"since": "2026-01-01T00:00:00+14:00", "limit": "1"}, [new, clock, old]),
    ):  # fmt: skip
        assert [one["id"] for one in logs(api, **query)] == wanted, query


def test_refused_webhook_deliveries_are_kept_with_the_reason(api: ApiUnderTest, draft: Any) -> None:
    lms, wrong = api.lms, "whsec_" + "A" * 43 + "="
    assert deliver(api, lms, draft(student={"external_id": "s"})) == 202
    assert kept(api) == []
    assert deliver(api, lms, draft(student={"external_id": "s"}), secret=wrong) == 401
    assert deliver(api, lms, draft(student={"external_id": "s", "name": "Kim Marker"}, text=" ")) == 422
    assert deliver(api, lms, draft(student={"external_id": "s"}, essay_id=str(uuid4()))) == 404
    source = str(lms.source)
    assert kept(api) == [
        ("warning", "webhook delivery refused", {"reason": reason, "source_id": source})
        for reason in ("invalid-signature", "essay-empty", "not-found")
    ]
    [line, *_] = logs(api)
    assert line["request_id"]
    assert "Marker" not in json.dumps(logs(api))
    assert kept(api, of=api.other) == []


def test_the_same_line_is_kept_once_a_minute(api: ApiUnderTest, draft: Any) -> None:
    wrong = "whsec_" + "A" * 43 + "="
    for _ in range(5):
        assert deliver(api, api.lms, draft(), secret=wrong) == 401
    assert len(kept(api)) == 1
    memory: system_log.KeptLines = api.app.extensions["essaycoach.kept_lines"]
    for line in memory.kept_at:
        memory.kept_at[line] -= system_log.REPEAT_SECONDS
    assert deliver(api, api.lms, draft(), secret=wrong) == 401
    assert len(kept(api)) == 2


def test_too_many_sign_ins_are_kept_without_the_account(api: ApiUnderTest) -> None:
    for org, email in (("northside", "bob@northside.example"), ("nowhere", "bob@northside.example")):
        for _ in range(31):
            body = {"org": org, "email": email, "password": "wrong"}
            last = api.client.post("/v1/auth/login", json=body, buffered=True)
        assert last.status_code == 429
    assert kept(api) == [("warning", "too many sign-ins", {"reason": "rate-limited"})]
    assert "bob" not in json.dumps(logs(api))
    assert kept(api, of=api.other) == []


def test_api_key_over_its_rate_limit_is_kept(api: ApiUnderTest) -> None:
    client = api.make_app(ESSAYCOACH_RATE_LIMIT="1/minute").test_client()
    headers = api.with_key()
    assert [client.get("/v1/essays", headers=headers, buffered=True).status_code for _ in range(2)] == [200, 429]
    line = (
        "warning",
        "API key over its rate limit",
        {"reason": "rate-limited", "api_key_id": str(api.school.api_key_id)},
    )
    assert kept(api) == [line]


def test_refused_roster_is_kept_with_the_number_of_faults(api: ApiUnderTest) -> None:
    users = "sourcedId,enabledUser,givenName,familyName,role,email\n,true,Kim,Marker,student,kim@x.example\n"
    answer = api.client.post("/v1/roster", json={"users": users}, headers=api.signed_in("ada"), buffered=True)
    assert answer.status_code == 422, answer.text
    [(level, event, context)] = kept(api)
    assert (level, event) == ("warning", "roster refused")
    assert context == {"faults": len(answer.json["errors"]), "dry_run": False}
    assert "Marker" not in json.dumps(logs(api))


def test_data_that_does_not_decrypt_is_kept_as_an_error(api: ApiUnderTest) -> None:
    receipt = api.hand_in("alice", assignment_id=str(api.school.assignment))
    api.database.sql("update submissions set text = essays.title from essays where submissions.id = %s", receipt["id"])
    answer = api.client.get(receipt["links"]["text"], headers=api.signed_in("alice"), buffered=True)
    assert answer.status_code >= 500
    assert kept(api) == [("error", "stored data does not decrypt", {"reason": "Undecipherable"})]


def test_line_that_cannot_be_kept_does_not_change_the_answer(api: ApiUnderTest, draft: Any) -> None:
    api.database.sql("revoke all on system_logs from ec_auth")
    assert deliver(api, api.lms, draft(), secret="whsec_" + "A" * 43 + "=") == 401
    assert kept(api) == []
