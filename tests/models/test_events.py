"""Test idempotency of requests and deliveries, and the encrypted storage of delivery bodies."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any, get_args

import psycopg2
import pytest

from models import db, essays, events, releases, users
from models.crypto import AssociatedData, Key, keyring
from models.errors import InProgress, KeyReused, Undecipherable
from models.essays import Draft
from models.events import Delivery
from tests.conftest import Become
from tests.support.races import eventually, together, warm_up
from tests.support.schools import School, hand_in, session_of
from tests.support.servers import Database

ONE, OTHER = hashlib.sha256(b"one").digest(), hashlib.sha256(b"other").digest()


def ask(
    school: School, key: str = "k1", *, digest: bytes = ONE, answer: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Run a request under an idempotency key. Return the stored answer, or None if this call carried the request out."""
    with session_of(school, "alice"):
        before = events.claim_key(key, org=school.org, caller=school.alice, request_sha256=digest)
        if before is None:
            events.keep_answer(key, org=school.org, caller=school.alice, answer=answer or {"submission": "s"})
        return before


def delivery(school: School, event_id: str = "msg_1", body: bytes = b'{"text": "A secret sentence."}') -> Delivery:
    return Delivery(org=school.org, source=school.source, event_id=event_id, body=body)


def deliver(one: Delivery, answer: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """Process a delivery. Return the stored answer, or None if this call was the first."""
    with db.session(org=one.org, role="ec_lms"):
        before = events.record_first_delivery(one)
        if before is None:
            events.store_delivery_answer(one, answer=answer or {"status": "accepted"})
        return before


def test_repeated_request_gets_the_first_answer_unchanged(school: School) -> None:
    answer = {"b": 1, "a": [None, "é"], "nested": {"z": 1.5}}

    assert ask(school, answer=answer) is None
    again = ask(school, answer={"another": "answer"})

    assert again == answer
    assert list(again) == ["b", "a", "nested"], "the order of the keys is part of the answer"


def test_idempotency_key_belongs_to_its_caller(school: School, other_school: School) -> None:
    assert ask(school) is None
    with session_of(school, "bob"):
        assert events.claim_key("k1", org=school.org, caller=school.bob, request_sha256=OTHER) is None
    assert ask(other_school) is None


def test_idempotency_key_reused_for_another_request_is_refused(school: School) -> None:
    ask(school)

    with pytest.raises(KeyReused, match="new key"):
        ask(school, digest=OTHER)


def test_one_of_twenty_equal_requests_runs_and_others_get_its_answer(school: School, database: Database) -> None:
    warm_up()
    answers = together(20, lambda number: ask(school, answer={"carried out by": number}))

    assert [one for one in answers if isinstance(one, Exception)] == []
    given = [one for one in answers if one is not None]
    assert len(given) == 19
    assert len({str(one) for one in given}) == 1
    assert given[0]["carried out by"] == answers.index(None)  # type: ignore[index]
    assert database.sql("select count(*) from idempotency_keys where org_id = %s", school.org) == [(1,)]


def test_failed_request_leaves_its_idempotency_key_free(school: School) -> None:
    with pytest.raises(ZeroDivisionError), session_of(school, "alice"):
        assert events.claim_key("k1", org=school.org, caller=school.alice, request_sha256=ONE) is None
        raise ZeroDivisionError

    assert ask(school, digest=OTHER) is None


def refused_while_held(database: Database, sql: str, params: tuple[object, ...], call: Callable[[], object]) -> None:
    """Check that a call is refused in time, and not at once, while another transaction holds the row."""

    def is_refused_in_time() -> bool:
        started = time.monotonic()
        with pytest.raises(InProgress, match="still being carried out"):
            call()
        waited = time.monotonic() - started
        assert waited > 1.0
        return waited < 3

    holder = psycopg2.connect(database.admin_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute(sql, params)
        # Whatever else runs on the machine may hold up one call, and not each.
        eventually(is_refused_in_time)
    finally:
        holder.close()


def test_repeat_of_a_running_request_is_refused_in_time(school: School, database: Database) -> None:
    """While the first request does not commit, the repeat is refused after the lock timeout. Later it can be repeated."""
    refused_while_held(
        database, "insert into idempotency_keys (org_id, caller_id, key, request_sha256) values (%s, %s, 'k1', %s)",
        (school.org, school.alice, ONE), lambda: ask(school),
    )  # fmt: skip

    assert ask(school) is None


def test_repeat_of_a_running_delivery_is_refused_in_time(school: School, database: Database) -> None:
    one = delivery(school)
    refused_while_held(
        database, "insert into seen_events (org_id, source_id, event_id, body_sha256) values (%s, %s, %s, %s)",
        (one.org, one.source, one.event_id, one.body_sha256()), lambda: deliver(one),
    )  # fmt: skip

    assert deliver(one) is None


def test_idempotency_key_without_a_stored_answer_is_in_progress(school: School) -> None:
    with session_of(school, "alice"):
        events.claim_key("k1", org=school.org, caller=school.alice, request_sha256=ONE)

    with pytest.raises(InProgress):
        ask(school)


def test_repeated_delivery_gets_first_answer_and_other_body_is_refused(school: School, other_school: School) -> None:
    assert deliver(delivery(school), {"submission": "s1"}) is None

    assert deliver(delivery(school), {"submission": "s2"}) == {"submission": "s1"}
    with pytest.raises(KeyReused, match="another event"):
        deliver(delivery(school, body=b"{}"))
    assert deliver(delivery(school, "msg_2")) is None
    assert deliver(delivery(other_school)) is None


SAME_EVENT = [
    b'{"type": "a", "data": {"x": [1, "\\u00e9"], "y": null}, "timestamp": "2026-11-22T08:30:00Z"}',
    '{"data":{"y":null,"x":[1,"\u00e9"]},"type":"a","timestamp":"2026-11-22T08:31:00Z","attempt":2}'.encode(),
]
OTHER_EVENTS = [
    b'{"type": "b", "data": {"x": [1, "\\u00e9"], "y": null}}',
    b'{"type": "a", "data": {"x": ["\\u00e9", 1], "y": null}}',
    b'{"type": "a", "data": {"x": [1, "\\u00e9"]}}',
]
UNREADABLE = [b"", b"{", b"[]", b"7", b"null", b"\xff", b'{"type": "a"}', b"[" * 100_000]


def test_delivery_is_the_same_when_its_type_and_data_are(school: School) -> None:
    first, again = (delivery(school, body=body) for body in SAME_EVENT)
    assert deliver(first, {"submission": "s1"}) is None
    assert deliver(again) == {"submission": "s1"}
    for body in OTHER_EVENTS:
        with pytest.raises(KeyReused):
            deliver(delivery(school, body=body))


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda body: ascii(body[:20]))
def test_delivery_that_cannot_be_read_is_compared_by_its_bytes(school: School, body: bytes) -> None:
    assert delivery(school, body=body).canonical_sha256() is None
    assert deliver(delivery(school, body=body), {"submission": "s1"}) is None
    assert deliver(delivery(school, body=body)) == {"submission": "s1"}
    with pytest.raises(KeyReused):
        deliver(delivery(school, body=body + b" "))


def test_request_is_the_same_when_its_bytes_or_its_meaning_are(school: School) -> None:
    def ask_for(digest: bytes, canonical: bytes | None) -> dict[str, Any] | None:
        with session_of(school, "alice"):
            claimed = events.claim_key(
                "k1", org=school.org, caller=school.alice, request_sha256=digest, canonical_sha256=canonical
            )
            if claimed is None:
                events.keep_answer("k1", org=school.org, caller=school.alice, answer={"submission": "s"})
            return claimed

    assert ask_for(ONE, b"meaning") is None
    assert ask_for(ONE, None) == ask_for(ONE, b"else") == ask_for(OTHER, b"meaning") == {"submission": "s"}
    for canonical in (None, b"else"):
        with pytest.raises(KeyReused):
            ask_for(OTHER, canonical)


def test_one_of_twenty_equal_deliveries_is_new(school: School) -> None:
    warm_up()
    answers = together(20, lambda number: deliver(delivery(school), {"carried out by": number}))

    assert [one for one in answers if isinstance(one, Exception)] == []
    assert answers.count(None) == 1
    assert len({str(one) for one in answers}) == 2


def test_delivery_without_a_stored_answer_is_in_progress(school: School) -> None:
    with db.session(org=school.org, role="ec_lms"):
        events.record_first_delivery(delivery(school))

    with pytest.raises(InProgress):
        deliver(delivery(school))


def test_delivery_stores_its_submission_id(school: School, database: Database) -> None:
    with db.session(org=school.org, role="ec_lms"):
        one = delivery(school)
        events.record_first_delivery(one)
        receipt = essays.receive(school.alice, Draft(title="T", text="x", source="webhook"), org=school.org)
        events.store_delivery_answer(one, answer={}, submission=receipt.submission)

    assert database.sql("select submission_id from seen_events where org_id = %s", school.org) == [
        (receipt.submission,)
    ]


def stored_event(database: Database, school: School) -> tuple[Any, ...]:
    """Return the school's only row of inbound_events."""
    return database.sql(
        "select id, body, outcome, reason, user_id, body_sha256 from inbound_events where org_id = %s", school.org
    )[0]


def test_accepted_body_is_encrypted_with_the_students_key(school: School, database: Database) -> None:
    """The stored body opens with the student's key at its own row, and with no other key."""
    one = delivery(school)
    with db.session(org=school.org, role="ec_lms"):
        key = users.data_key(school.alice, org=school.org)
        events.store_delivery(one, outcome="accepted", user=school.alice, key=key)

    event, body, outcome, reason, user, digest = stored_event(database, school)
    place = AssociatedData("inbound_events", "body", school.org, event)
    assert b"secret" not in bytes(body)
    assert (outcome, reason, user, bytes(digest)) == ("accepted", None, school.alice, one.body_sha256())
    assert key.open(body, place=place) == one.body.decode()
    for stranger in (keyring(), Key(b"x" * 32)):
        with pytest.raises(Undecipherable):
            stranger.open(bytes(body), place=place)


def test_body_without_known_student_is_encrypted_with_installation_key(school: School, database: Database) -> None:
    one = delivery(school, body=b"\xff not even UTF-8, secret")
    with db.session(org=school.org, role="ec_lms"):
        events.store_delivery(one, outcome="refused", reason="not JSON")

    event, body, outcome, reason, user, _ = stored_event(database, school)
    assert b"secret" not in bytes(body)
    assert (outcome, reason, user) == ("refused", "not JSON", None)
    opened = keyring().open(bytes(body), place=AssociatedData("inbound_events", "body", school.org, event))
    assert opened == "\\xff not even UTF-8, secret"


def recorded(database: Database, school: School) -> list[tuple[object, ...]]:
    """Return who did what with which version, oldest first, without what is recorded when a version is stored."""
    return database.sql(
        "select user_id, event, essay_id, submission_id from analytics where org_id = %s and event not in ('submitted', 'revised')"
        " order by id",
        school.org,
    )


def test_each_event_is_recorded_for_the_acting_person(school: School, database: Database) -> None:
    receipt = hand_in(school, "alice")
    for event in get_args(events.Event):
        with session_of(school, "alice"):
            events.note(event, essay=receipt.essay, submission=receipt.submission)
    expected = [(school.alice, event, receipt.essay, receipt.submission) for event in get_args(events.Event)]
    assert recorded(database, school) == expected


def test_an_lms_and_a_command_are_nobody_and_leave_no_event(school: School, database: Database) -> None:
    for role in ("ec_lms", "ec_admin"):
        with db.session(org=school.org, role=role):
            events.note("exported")
    assert recorded(database, school) == []


def test_what_staff_do_names_no_student(school: School, database: Database) -> None:
    receipt = hand_in(school, "alice", assignment=school.reviewed_assignment)
    with session_of(school, "ed"):
        releases.release(receipt.submission, org=school.org)
        releases.release(receipt.submission, org=school.org)
        assert releases.release_all(school.reviewed_assignment, org=school.org) == 0
    assert recorded(database, school) == [(school.ed, "released", None, None)]


def test_stored_log_line_has_its_context(school: School, database: Database, become: Become) -> None:
    become("ec_worker")
    with db.session(org=school.org):
        events.keep_log(
            "it happened", program="worker", level="warning", org=school.org, request_id="r1", who=school.alice, n=3
        )

    found = database.sql("select event, level, request_id, context from system_logs where org_id = %s", school.org)
    assert found == [("it happened", "warning", "r1", {"who": str(school.alice), "n": 3})]
