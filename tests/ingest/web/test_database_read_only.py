"""Tests of the app while the database answers and takes no writes, and with connections that stay read-only afterwards."""

from __future__ import annotations

import pytest

from tests.support.races import warm_up
from tests.support.schools import PASSWORD
from tests.support.servers import read_only


def writing_requests(api, draft):
    """Return a function for each way in that writes; each call sends a new request."""
    alice = api.signed_in("alice")
    body = {"org": "northside", "email": "bob@northside.example", "password": PASSWORD}
    by_lms = draft(student={"external_id": "alice-sis"})
    return {
        "person": lambda: api.client.post("/v1/submissions", json=draft(), headers=alice),
        "API key": lambda: api.client.post("/v1/submissions", json=by_lms, headers=api.with_key()),
        "webhook": lambda: api.lms.deliver(by_lms),
        "sign-in": lambda: api.client.post("/v1/auth/login", json=body),
    }


def test_writing_requests_get_503_while_read_only_and_are_served_from_the_second_request_on(api, draft, refused):
    requests = writing_requests(api, draft)
    for name, request in requests.items():
        with read_only(api.database, "ec_ingest"):
            for _ in range(3):
                refused(request(), 503, "temporarily-unavailable")
            warm_up(5)  # these connections stay read-only, like those to a former primary
        first, second = request(), request()
        assert first.status_code in (200, 202, 503), (name, first.text)
        assert second.status_code in (200, 202), (name, second.text)


def test_refused_hand_in_stores_nothing_and_its_repeat_is_accepted(api, draft, refused):
    headers = api.with_key()
    body = draft(student={"external_id": "new-sis"})
    with read_only(api.database, "ec_ingest"):
        refused(api.client.post("/v1/submissions", json=body, headers=headers), 503, "temporarily-unavailable")
    answers = [api.client.post("/v1/submissions", json=body, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers[1:]] == [202, 202]
    assert answers[1].json == answers[2].json
    assert api.database.sql("select count(*) from submissions") == [(1,)]


def test_readyz_is_503_while_read_only_and_recovers_without_other_requests(api):
    assert api.client.get("/readyz").status_code == 200
    with read_only(api.database, "ec_ingest"):
        answer = api.client.get("/readyz")
        assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
        assert answer.json["checks"]["database"] == "cannot write (read-only)"
        assert api.client.get("/healthz").status_code == 200
    answers = [api.client.get("/readyz").status_code for _ in range(2)]
    assert answers[1] == 200


@pytest.mark.parametrize("code", ["53100", "58030"])
def test_full_disk_gives_503_and_no_500(api, draft, refused, code):
    alice = api.signed_in("alice")
    api.database.sql(
        "create function disk_full() returns trigger language plpgsql as "
        f"$f$ begin raise exception 'on purpose' using errcode = '{code}'; end $f$"
    )
    api.database.sql("create trigger disk_full before insert on passes for each row execute function disk_full()")
    refused(api.client.post("/v1/submissions", json=draft(), headers=alice), 503, "temporarily-unavailable")
    api.database.sql("drop function disk_full() cascade")
    assert api.client.post("/v1/submissions", json=draft(), headers=alice).status_code == 202
