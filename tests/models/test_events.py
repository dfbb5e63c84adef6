"""A repeat gets the answer of the first, a reuse is refused, and what arrived is kept unreadable."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest

from models import db, essays, events, users
from models.crypto import AssociatedData, Key, keyring
from models.errors import InProgress, KeyReused, Undecipherable
from models.essays import Draft
from models.events import Delivery
from tests.conftest import Become
from tests.support.races import together, warm_up
from tests.support.schools import School, session_of
from tests.support.servers import Database

ONE, OTHER = hashlib.sha256(b"one").digest(), hashlib.sha256(b"other").digest()


def ask(
    school: School, key: str = "k1", *, digest: bytes = ONE, answer: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Carry out a request under an idempotency key; None when this call was the one that carried it out."""
    with session_of(school, "alice"):
        before = events.claim_key(key, org=school.org, caller=school.alice, request_sha256=digest)
        if before is None:
            events.keep_answer(key, org=school.org, caller=school.alice, answer=answer or {"submission": "s"})
        return before


def delivery(school: School, event_id: str = "msg_1", body: bytes = b'{"text": "A secret sentence."}') -> Delivery:
    return Delivery(org=school.org, source=school.source, event_id=event_id, body=body)


def deliver(one: Delivery, answer: dict[str, Any] | None = None) -> dict[str, Any] | None:
    with db.session(org=one.org, role="ec_lms"):
        before = events.record_first_delivery(one)
        if before is None:
            events.store_delivery_answer(one, answer=answer or {"status": "accepted"})
        return before


def test_a_repeated_request_gets_the_first_answer_word_for_word(school: School) -> None:
    answer = {"b": 1, "a": [None, "é"], "nested": {"z": 1.5}}

    assert ask(school, answer=answer) is None
    again = ask(school, answer={"another": "answer"})

    assert again == answer
    assert list(again) == ["b", "a", "nested"], "the order of the keys is part of the answer"


def test_a_key_belongs_to_its_caller(school: School, other_school: School) -> None:
    assert ask(school) is None
    with session_of(school, "bob"):
        assert events.claim_key("k1", org=school.org, caller=school.bob, request_sha256=OTHER) is None
    assert ask(other_school) is None


def test_a_key_used_for_another_request_is_refused(school: School) -> None:
    ask(school)

    with pytest.raises(KeyReused, match="new key"):
        ask(school, digest=OTHER)


def test_of_twenty_equal_requests_one_is_carried_out_and_the_others_get_its_answer(
    school: School, database: Database
) -> None:
    warm_up()
    answers = together(20, lambda number: ask(school, answer={"carried out by": number}))

    assert [one for one in answers if isinstance(one, Exception)] == []
    given = [one for one in answers if one is not None]
    assert len(given) == 19
    assert len({str(one) for one in given}) == 1
    assert given[0]["carried out by"] == answers.index(None)  # type: ignore[index]
    assert database.sql("select count(*) from idempotency_keys where org_id = %s", school.org) == [(1,)]


def test_a_request_that_failed_leaves_its_key_free(school: School) -> None:
    with pytest.raises(ZeroDivisionError), session_of(school, "alice"):
        assert events.claim_key("k1", org=school.org, caller=school.alice, request_sha256=ONE) is None
        raise ZeroDivisionError

    assert ask(school, digest=OTHER) is None


def refused_while_held(database: Database, sql: str, params: tuple[object, ...], call: Callable[[], object]) -> float:
    """While another transaction holds the row, the call is refused as in progress; after how many seconds."""
    holder = psycopg2.connect(database.admin_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute(sql, params)
        started = time.monotonic()
        with pytest.raises(InProgress, match="still being carried out"):
            call()
        return time.monotonic() - started
    finally:
        holder.close()


def test_while_the_first_request_is_being_carried_out_its_repeat_is_told_so_in_time(
    school: School, database: Database
) -> None:
    """Given a first request that does not commit, the repeat is answered within the lock timeout, and can come again."""
    waited = refused_while_held(
        database, "insert into idempotency_keys (org_id, caller_id, key, request_sha256) values (%s, %s, 'k1', %s)",
        (school.org, school.alice, ONE), lambda: ask(school),
    )  # fmt: skip

    assert 1.0 < waited < 3
    assert ask(school) is None


def test_while_the_first_delivery_is_being_carried_out_its_repeat_is_told_so_in_time(
    school: School, database: Database
) -> None:
    one = delivery(school)
    waited = refused_while_held(
        database, "insert into seen_events (org_id, source_id, event_id, body_sha256) values (%s, %s, %s, %s)",
        (one.org, one.source, one.event_id, one.body_sha256()), lambda: deliver(one),
    )  # fmt: skip

    assert 1.0 < waited < 3
    assert deliver(one) is None


def test_a_key_whose_answer_was_never_kept_is_in_progress(school: School) -> None:
    with session_of(school, "alice"):
        events.claim_key("k1", org=school.org, caller=school.alice, request_sha256=ONE)

    with pytest.raises(InProgress):
        ask(school)


def test_a_repeated_delivery_gets_the_first_answer_and_another_body_is_refused(
    school: School, other_school: School
) -> None:
    assert deliver(delivery(school), {"submission": "s1"}) is None

    assert deliver(delivery(school), {"submission": "s2"}) == {"submission": "s1"}
    with pytest.raises(KeyReused, match="another body"):
        deliver(delivery(school, body=b"{}"))
    assert deliver(delivery(school, "msg_2")) is None
    assert deliver(delivery(other_school)) is None


def test_of_twenty_equal_deliveries_one_is_new(school: School) -> None:
    warm_up()
    answers = together(20, lambda number: deliver(delivery(school), {"carried out by": number}))

    assert [one for one in answers if isinstance(one, Exception)] == []
    assert answers.count(None) == 1
    assert len({str(one) for one in answers}) == 2


def test_a_delivery_without_an_answer_yet_is_in_progress(school: School) -> None:
    with db.session(org=school.org, role="ec_lms"):
        events.record_first_delivery(delivery(school))

    with pytest.raises(InProgress):
        deliver(delivery(school))


def test_a_delivery_remembers_the_submission_it_led_to(school: School, database: Database) -> None:
    with db.session(org=school.org, role="ec_lms"):
        one = delivery(school)
        events.record_first_delivery(one)
        receipt = essays.receive(school.alice, Draft(title="T", text="x", source="webhook"), org=school.org)
        events.store_delivery_answer(one, answer={}, submission=receipt.submission)

    assert database.sql("select submission_id from seen_events where org_id = %s", school.org) == [
        (receipt.submission,)
    ]


def kept(database: Database, school: School) -> tuple[Any, ...]:
    return database.sql(
        "select id, body, outcome, reason, user_id, body_sha256 from inbound_events where org_id = %s", school.org
    )[0]


def test_an_accepted_body_is_kept_under_the_students_key(school: School, database: Database) -> None:
    """The stored body is unreadable, opens with the student's key at its own row, and not with the installation's."""
    one = delivery(school)
    with db.session(org=school.org, role="ec_lms"):
        key = users.data_key(school.alice, org=school.org)
        events.store_delivery(one, outcome="accepted", user=school.alice, key=key)

    event, body, outcome, reason, user, digest = kept(database, school)
    place = AssociatedData("inbound_events", "body", school.org, event)
    assert b"secret" not in bytes(body)
    assert (outcome, reason, user, bytes(digest)) == ("accepted", None, school.alice, one.body_sha256())
    assert key.open(body, place=place) == one.body.decode()
    for stranger in (keyring(), Key(b"x" * 32)):
        with pytest.raises(Undecipherable):
            stranger.open(bytes(body), place=place)


def test_a_body_of_nobody_we_know_is_kept_under_the_installations_key(school: School, database: Database) -> None:
    one = delivery(school, body=b"\xff not even UTF-8, secret")
    with db.session(org=school.org, role="ec_lms"):
        events.store_delivery(one, outcome="refused", reason="not JSON")

    event, body, outcome, reason, user, _ = kept(database, school)
    assert b"secret" not in bytes(body)
    assert (outcome, reason, user) == ("refused", "not JSON", None)
    opened = keyring().open(bytes(body), place=AssociatedData("inbound_events", "body", school.org, event))
    assert opened == "\\xff not even UTF-8, secret"


def test_a_look_at_the_feedback_is_on_record(school: School, database: Database) -> None:
    with session_of(school, "alice"):
        receipt = essays.receive(school.alice, Draft(title="T", text="x", source="app"), org=school.org)
        events.note_view(school.alice, org=school.org, essay=receipt.essay, submission=receipt.submission)

    found = database.sql(
        "select event, submission_id from analytics where org_id = %s order by id desc limit 1", school.org
    )
    assert found == [("feedback_viewed", receipt.submission)]


def test_a_kept_log_line_has_its_facts(school: School, database: Database, become: Become) -> None:
    become("ec_worker")
    with db.session(org=school.org):
        events.keep_log(
            "it happened", program="worker", level="warning", org=school.org, request_id="r1", who=school.alice, n=3
        )

    found = database.sql("select event, level, request_id, context from system_logs where org_id = %s", school.org)
    assert found == [("it happened", "warning", "r1", {"who": str(school.alice), "n": 3})]
