"""Tests of the stored deliveries of a source: why one was refused, what it said, and its replay."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import uuid4

import pytest

from models import db, deliveries, events, rights
from models.crypto import AssociatedData, keyring
from tests.support.races import together, warm_up
from tests.support.schools import session_of


@pytest.fixture
def lms(shared_api, ada):
    """Give an LMS with a new source that may not add courses."""
    made = shared_api.client.post("/v1/sources", json={"name": "LMS"}, headers=ada).json
    return replace(shared_api.lms, source=made["id"], secret=made["secret"])


@pytest.fixture
def ask(shared_api, lms):
    """`ask("GET", delivery_id)` sends a request to the deliveries of the source."""

    def send(method, path="", *, headers=None, source=None, **query):
        at = f"/v1/sources/{source or lms.source}/deliveries{path and '/'}{path}"
        headers = shared_api.signed_in("ada") if headers is None else headers
        return shared_api.client.open(at, method=method, query_string=query, headers=headers)

    return send


@pytest.fixture
def unplaced(draft):
    """Give the data of a hand-in for an assignment that is not there yet, and the assignment's external id."""
    name = f"hw-{uuid4().hex}"
    return draft(student={"external_id": f"sis-{name}"}, assignment={"external_id": name}), name


def add_assignment(shared_api, name):
    """Mend the cause: add the assignment with this external id."""
    body = {"course_id": str(shared_api.school.course), "title": "Phones", "external_id": name}
    answer = shared_api.client.post("/v1/assignments", json=body, headers=shared_api.signed_in("ada"))
    assert answer.status_code == 201, answer.text


def only_refused(ask):
    """Return the id of the source's only refused delivery."""
    [refused_one] = ask("GET", outcome="refused").json["items"]
    return refused_one["id"]


def submissions_of(shared_api, student):
    return shared_api.database.sql(
        "select count(*) from submissions as s join users as u on u.id = s.user_id where u.external_id_digest = %s",
        keyring().external_id_index(student, org=shared_api.school.org),
    )[0][0]


def audit_of(shared_api, entity_id):
    answer = shared_api.client.get(
        "/v1/audit", query_string={"entity_id": str(entity_id)}, headers=shared_api.signed_in("ada")
    )
    return answer.json["items"]


def test_admin_sees_why_a_delivery_was_refused_and_what_it_said(shared_api, lms, ask, unplaced):
    data, _ = unplaced
    answer = lms.deliver(data, event="msg_refused")

    [seen] = ask("GET", outcome="refused").json["items"]

    assert (seen["event_id"], seen["outcome"], seen["reason"]) == ("msg_refused", "refused", "invalid-payload")
    assert (seen["detail"], seen["errors"]) == (answer.json["detail"], answer.json["errors"])
    assert json.loads(seen["body"])["data"] == data
    assert (seen["submission_id"], seen["replayed_at"]) == (None, None)
    assert ask("GET", seen["id"]).json == seen


def test_deliveries_are_listed_in_pages_newest_first_by_outcome(lms, ask, draft):
    sent = []
    for number in range(3):
        who = {"external_id": f"sis-{uuid4().hex}"}
        lms.deliver(draft(student=who), event=f"ok_{number}")
        lms.deliver(draft(student=who, text=" "), event=f"no_{number}")
        lms.deliver({}, event_type="ping", event=f"other_{number}")
        sent += [f"ok_{number}", f"no_{number}", f"other_{number}"]

    def listed(limit, **query):
        found, cursor = [], {}
        while True:
            page = ask("GET", limit=limit, **query, **cursor).json
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    assert [one["event_id"] for one in listed(2)] == sent[::-1]
    for outcome, prefix in (("accepted", "ok"), ("refused", "no"), ("ignored", "other")):
        found = listed(2, outcome=outcome)
        assert [one["event_id"] for one in found] == [f"{prefix}_{number}" for number in (2, 1, 0)]
        assert {one["outcome"] for one in found} == {outcome}
    accepted, ignored = listed(9, outcome="accepted")[0], listed(9, outcome="ignored")[0]
    assert (accepted["body"], accepted["reason"], accepted["detail"]) == (None, None, None)
    assert accepted["submission_id"]
    assert "ping" in ignored["reason"]
    assert json.loads(ignored["body"])["type"] == "ping"


def test_large_body_is_shown_by_the_delivery_itself_only(lms, ask, draft):
    text = "words " * 15_000 + " " * 20_000
    lms.deliver(draft(student={"external_id": "s"}, text=text), event="large")

    [listed] = ask("GET").json["items"]

    assert (listed["reason"], listed["body"]) == ("essay-too-long", None)
    assert json.loads(ask("GET", listed["id"]).json["body"])["data"]["text"] == text


def test_stored_problem_is_encrypted(shared_api, lms, ask, draft):
    """The error of a rounded id repeats the id, which is a student's."""
    lms.deliver(draft(student={"external_id": "s"}, assignment={"external_id": "9.0210001E+16"}))

    [(row, body, problem)] = shared_api.database.sql(
        "select id, body, problem from inbound_events where source_id = %s", lms.source
    )

    assert b"9.0210001" not in bytes(body) + bytes(problem)
    place = AssociatedData("inbound_events", "problem", shared_api.school.org, row)
    assert "9.0210001E+16" in keyring().open(bytes(problem), place=place)
    assert "9.0210001E+16" in ask("GET", row).json["errors"][0]["detail"]


def test_reading_a_body_is_audited(shared_api, lms, ask, draft):
    lms.deliver({}, event_type="ping")
    lms.deliver(draft(student={"external_id": f"sis-{uuid4().hex}"}))
    accepted, ignored = ask("GET").json["items"]
    page, made = audit_of(shared_api, lms.source)
    assert made["action"] == "created"
    assert (page["action"], page["entity"], page["actor_id"]) == ("read", "source", str(shared_api.school.ada))
    assert page["detail"] == {"deliveries": [ignored["id"]]}

    ask("GET", outcome="accepted")
    assert len(audit_of(shared_api, lms.source)) == 2, "a page without bodies shows nothing that anybody wrote"

    ask("GET", accepted["id"])
    [entry] = audit_of(shared_api, accepted["id"])
    student = shared_api.database.sql("select user_id from inbound_events where id = %s", accepted["id"])[0][0]
    assert (entry["action"], entry["entity"], entry["detail"]) == ("read", "delivery", {"user_id": str(student)})


def test_replay_after_the_mend_hands_in_once_and_gives_the_receipt(shared_api, lms, ask, unplaced):
    data, name = unplaced
    lms.deliver(data, event="msg_mend")
    delivery = only_refused(ask)
    add_assignment(shared_api, name)

    first = ask("POST", f"{delivery}/replay")
    again = ask("POST", f"{delivery}/replay")

    assert first.status_code == 202, first.text
    assert first.headers["Location"] == f"/v1/submissions/{first.json['id']}"
    assert int(first.headers["Retry-After"]) > 0
    assert (again.status_code, again.json) == (202, first.json)
    assert submissions_of(shared_api, f"sis-{name}") == 1
    [seen] = ask("GET").json["items"]
    assert (seen["outcome"], seen["submission_id"], seen["reason"]) == ("accepted", first.json["id"], None)
    assert seen["replayed_at"] is not None
    assert json.loads(ask("GET", delivery).json["body"])["data"] == data
    actions = [entry["action"] for entry in audit_of(shared_api, delivery)]
    assert actions == ["read", "delivery_replayed", "delivery_replayed"]


def test_lms_that_repeats_a_replayed_delivery_gets_the_same_receipt(shared_api, lms, ask, event, unplaced):
    data, name = unplaced
    body = event(data)
    lms.send(body, lms.signed(body, event="msg_both"))
    add_assignment(shared_api, name)
    replayed = ask("POST", f"{only_refused(ask)}/replay")

    repeated = lms.send(body, lms.signed(body, event="msg_both"))

    assert (repeated.status_code, repeated.json) == (202, replayed.json)
    assert submissions_of(shared_api, f"sis-{name}") == 1


def test_replay_after_the_lms_repeated_the_delivery_gives_its_receipt(shared_api, lms, ask, event, unplaced):
    data, name = unplaced
    body = event(data)
    lms.send(body, lms.signed(body, event="msg_first"))
    delivery = only_refused(ask)
    add_assignment(shared_api, name)
    repeated = lms.send(body, lms.signed(body, event="msg_first"))

    replayed = ask("POST", f"{delivery}/replay")

    assert (replayed.status_code, replayed.json) == (202, repeated.json)
    assert ask("GET", delivery).json["submission_id"] == repeated.json["id"]
    assert submissions_of(shared_api, f"sis-{name}") == 1


def test_replay_does_not_bring_back_what_the_lms_has_corrected(shared_api, lms, ask, unplaced, refused):
    data, name = unplaced
    lms.deliver(data, event="msg_corrected")
    delivery = only_refused(ask)
    add_assignment(shared_api, name)
    assert lms.deliver({**data, "text": "Corrected words."}, event="msg_corrected").status_code == 202

    refused(ask("POST", f"{delivery}/replay"), 422, "idempotency-key-reused")

    assert submissions_of(shared_api, f"sis-{name}") == 1
    assert only_refused(ask) == delivery


def test_replay_that_is_still_refused_says_why_and_stores_no_second_delivery(shared_api, lms, ask, unplaced, refused):
    data, name = unplaced
    answer = lms.deliver(data, event="msg_still")
    delivery = only_refused(ask)

    document = refused(ask("POST", f"{delivery}/replay"), 422, "invalid-payload")

    assert document["errors"] == answer.json["errors"]
    [seen] = ask("GET").json["items"]
    assert (seen["id"], seen["outcome"]) == (delivery, "refused")
    assert seen["replayed_at"] is not None
    assert submissions_of(shared_api, f"sis-{name}") == 0


@pytest.mark.parametrize("body", [b"{", b'{"type": "\xff"}', b"[]"])
def test_replay_of_a_body_that_is_no_event_is_refused_as_before(shared_api, lms, ask, refused, body):
    with db.session(org=shared_api.school.org, role="ec_lms", actor=lms.source):
        sent = events.Delivery(org=shared_api.school.org, source=lms.source, event_id="junk", body=body)
        events.store_delivery(sent, outcome="refused", reason="malformed-json")
    [seen] = ask("GET").json["items"]
    assert seen["detail"], "a delivery from before problems were stored says at least what kind it was"

    answer = ask("POST", f"{seen['id']}/replay")

    assert answer.status_code in (400, 422)
    assert only_refused(ask) == seen["id"]


def test_replay_of_an_ignored_delivery_is_ignored_again(lms, ask):
    first = lms.deliver({}, event_type="ping")
    [ignored] = ask("GET").json["items"]

    again = ask("POST", f"{ignored['id']}/replay")

    assert (again.status_code, again.json) == (200, first.json)
    assert len(ask("GET").json["items"]) == 1


def test_concurrent_replays_and_repeats_make_one_submission(shared_api, lms, ask, event, unplaced):
    data, name = unplaced
    body = event(data)
    lms.send(body, lms.signed(body, event="msg_race"))
    delivery = only_refused(ask)
    add_assignment(shared_api, name)
    headers, ada = lms.signed(body, event="msg_race"), shared_api.signed_in("ada")
    app = shared_api.make_app(ESSAYCOACH_POOL_WAIT_SECONDS="30")
    warm_up(10)

    def send(number):
        client = app.test_client()
        if number % 2:
            return client.post(f"/v1/webhooks/{lms.source}", data=body, headers=headers)
        return client.post(f"/v1/sources/{lms.source}/deliveries/{delivery}/replay", headers=ada)

    answers = together(16, send)

    assert {answer.status_code for answer in answers} == {202}, [one.text for one in answers]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert submissions_of(shared_api, f"sis-{name}") == 1


def test_body_of_a_replayed_delivery_goes_with_the_student(shared_api, lms, ask, unplaced, refused):
    """Before, the installation's key encrypted it; afterwards the student's key, which erasure destroys."""
    data, name = unplaced
    lms.deliver(data, event="msg_erase")
    delivery = only_refused(ask)
    add_assignment(shared_api, name)
    receipt = ask("POST", f"{delivery}/replay").json
    student, problem = shared_api.database.sql("select user_id, problem from inbound_events where id = %s", delivery)[0]
    assert problem is None

    with session_of(shared_api.school, "ada"):
        rights.request_erasure(student, org=shared_api.school.org)

    refused(ask("GET", delivery), 404, "not-found")
    refused(ask("POST", f"{delivery}/replay"), 404, "not-found")
    assert [one["body"] for one in ask("GET").json["items"]] == [None]
    assert receipt["id"]


def test_disabled_source_can_be_replayed_by_the_admin(shared_api, ada, lms, ask, unplaced):
    data, name = unplaced
    lms.deliver(data)
    shared_api.client.delete(f"/v1/sources/{lms.source}", headers=ada)
    add_assignment(shared_api, name)

    assert ask("POST", f"{only_refused(ask)}/replay").status_code == 202


def test_replay_uses_the_right_of_the_source_to_add_courses(shared_api, ada, lms, ask, draft, refused):
    named = {"external_id": f"hw-{uuid4().hex}", "course": {"external_id": f"c-{uuid4().hex}"}}
    lms.deliver(draft(student={"external_id": "alice-sis"}, assignment=named))
    delivery = only_refused(ask)
    refused(ask("POST", f"{delivery}/replay"), 422, "invalid-payload")

    shared_api.client.patch(f"/v1/sources/{lms.source}", json={"creates_courses": True}, headers=ada)

    receipt = ask("POST", f"{delivery}/replay")
    assert receipt.status_code == 202, receipt.text
    made = shared_api.database.sql("select source_id from assignments where external_id = %s", named["external_id"])
    assert [str(source) for (source,) in made] == [lms.source]


def every_request(delivery):
    return [("GET", ""), ("GET", delivery), ("POST", f"{delivery}/replay")]


@pytest.mark.parametrize("who", ["stranger", "alice", "ed", "key"])
def test_only_an_admin_may_see_or_replay_deliveries(shared_api, lms, ask, unplaced, refused, who):
    data, name = unplaced
    lms.deliver(data)
    delivery = only_refused(ask)
    add_assignment(shared_api, name)
    headers = {"stranger": dict, "key": shared_api.with_key}.get(who, lambda: shared_api.signed_in(who))()

    for method, path in every_request(delivery):
        answer = ask(method, path, headers=headers)
        refused(answer, *((401, "unauthorized") if who == "stranger" else (403, "forbidden")))

    assert submissions_of(shared_api, f"sis-{name}") == 0


def test_key_with_every_scope_may_not_see_deliveries(shared_api, ada, lms, ask, refused):
    scopes = ["submit", "read", "manage"]
    made = shared_api.client.post("/v1/api-keys", json={"name": "All", "scopes": scopes}, headers=ada).json

    refused(ask("GET", headers={"Authorization": f"Bearer {made['key']}"}), 403, "forbidden")


def test_admin_of_another_org_finds_neither_source_nor_delivery(shared_api, lms, ask, unplaced, refused):
    data, name = unplaced
    lms.deliver(data)
    delivery = only_refused(ask)
    add_assignment(shared_api, name)
    theirs = shared_api.signed_in("ada", shared_api.other)

    for source in (None, shared_api.other.source):
        for method, path in every_request(delivery):
            if source is not None and path == "":
                continue
            refused(ask(method, path, headers=theirs, source=source), 404, "not-found")

    assert submissions_of(shared_api, f"sis-{name}") == 0
    assert delivery not in ask("GET", headers=theirs, source=shared_api.other.source).text


def test_delivery_of_another_source_of_the_org_is_not_found(shared_api, lms, ask, unplaced, refused):
    """The path names the source whose rights a replay uses, so a delivery answers under its own source only."""
    data, name = unplaced
    lms.deliver(data)
    delivery = only_refused(ask)
    add_assignment(shared_api, name)

    for method, path in every_request(delivery)[1:]:
        refused(ask(method, path, source=shared_api.school.source), 404, "not-found")
    for method, path in every_request(uuid4())[1:]:
        refused(ask(method, path), 404, "not-found")
    refused(ask("GET", source=uuid4()), 404, "not-found")
    assert submissions_of(shared_api, f"sis-{name}") == 0


def test_source_can_settle_only_its_own_refused_deliveries(shared_api, lms, ask, unplaced):
    data, _ = unplaced
    lms.deliver(data)
    delivery = only_refused(ask)
    stored = "select outcome, body from inbound_events where id = %s"
    before = shared_api.database.sql(stored, delivery)
    receipt = shared_api.hand_in("alice")
    org = shared_api.school.org
    sent = events.Delivery(org=org, source=shared_api.school.source, event_id="e", body=b"{}")

    with db.session(org=org, role="ec_lms", actor=shared_api.school.source):
        deliveries.settle(delivery, sent, submission=receipt["id"])
    with db.session(org=shared_api.other.org, role="ec_lms", actor=lms.source):
        deliveries.settle(delivery, replace(sent, org=shared_api.other.org), submission=receipt["id"])

    assert shared_api.database.sql(stored, delivery) == before


@pytest.mark.parametrize("query", ["outcome=eaten", "outcome=", "limit=0", "cursor=x"])
def test_invalid_delivery_query_is_refused(shared_api, ada, lms, refused, query):
    answer = shared_api.client.get(f"/v1/sources/{lms.source}/deliveries?{query}", headers=ada)

    [error] = refused(answer, 422, "invalid-payload")["errors"]
    assert error["pointer"] == f"?{query.partition('=')[0]}"


def test_damaged_delivery_does_not_hide_the_others(shared_api, lms, ask):
    for number in range(2):
        lms.deliver({}, event_type="ping", event=f"ping_{number}")
    newest, oldest = ask("GET").json["items"]
    shared_api.database.sql("update inbound_events set body = 'broken' where id = %s", newest["id"])

    seen = ask("GET").json["items"]

    assert [one["id"] for one in seen] == [newest["id"], oldest["id"]]
    assert (seen[0]["body"], seen[1]["body"]) == (None, oldest["body"])
