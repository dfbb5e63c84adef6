"""Pauses: what one worker learns about a provider, all know; and one call finds out whether it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from models import circuit_breaker, db
from models.circuit_breaker import BreakerState
from tests.conftest import Become
from tests.support.races import together, warm_up
from tests.support.schools import School
from tests.support.servers import Database

CLAUDE = "anthropic"


@pytest.fixture(autouse=True)
def worker(school: School, become: Become, database: Database) -> Iterator[None]:
    become("ec_worker")
    yield
    database.sql("delete from provider_pauses")
    database.sql("delete from ai_responses")


def gate() -> BreakerState:
    with db.session():
        return circuit_breaker.breaker_state(CLAUDE, probe_seconds=15)


def pause(reason: str, seconds: float) -> None:
    with db.session():
        circuit_breaker.pause(CLAUDE, reason=reason, seconds=seconds)


def trip(*, probe: bool = False) -> float | None:
    with db.session():
        return circuit_breaker.trip_if_failing(CLAUDE, reason="overloaded", probe=probe)


def let_it_pass(database: Database) -> None:
    database.sql(
        "update provider_pauses set until = now() - interval '1 ms', probe_until = least(probe_until, now() - interval '1 ms')"
    )


@pytest.fixture
def called(database: Database, school: School) -> Callable[[str], None]:
    """`called("overloaded")` puts a completed call with that outcome on record."""

    def call(outcome: str) -> None:
        database.sql(
            "set session_replication_role = replica; insert into ai_responses (org_id, submission_id, user_id, pass, attempt,"
            " provider, model, prompt_version, request_sha256, outcome, raw, completed_at)"
            " values (%s, uuidv7(), %s, 'grammar', 1, 'anthropic', 'm', 'v', '', %s, '', now())",
            school.org, school.alice, outcome,
        )  # fmt: skip

    return call


def test_a_provider_nobody_complained_about_is_open() -> None:
    assert gate() == BreakerState(wait_seconds=0, reason=None, probe=False)
    assert gate().allows_call


def test_a_pause_keeps_everybody_away_at_least_as_long_as_the_longest_that_was_named() -> None:
    pause("rate_limited", 30)
    pause("rate_limited", 5)

    assert 28 < gate().wait_seconds <= 30
    assert not gate().allows_call


def test_after_a_rate_limit_everybody_may_call_at_once(database: Database) -> None:
    pause("rate_limited", 30)
    let_it_pass(database)

    assert [gate().allows_call for _ in range(3)] == [True] * 3
    assert database.sql("select 1 from provider_pauses") == []


@pytest.mark.parametrize("reason", ["budget_spent", "unauthorised", "overloaded"])
def test_after_any_other_pause_one_of_eight_finds_out_and_the_rest_wait_for_it(database: Database, reason: str) -> None:
    pause(reason, 30)
    let_it_pass(database)
    warm_up(8)

    gates = [one for one in together(8, lambda _: gate()) if isinstance(one, BreakerState)]

    assert sorted(one.probe for one in gates) == [False] * 7 + [True]
    assert [one.allows_call for one in gates if not one.probe] == [False] * 7
    with db.session():
        circuit_breaker.resume(CLAUDE)
    assert gate() == BreakerState(wait_seconds=0, reason=None, probe=False)


def test_a_probe_that_never_answers_is_followed_by_another(database: Database) -> None:
    pause("overloaded", 30)
    let_it_pass(database)
    assert gate().probe
    assert gate() == BreakerState(wait_seconds=1, reason="overloaded", probe=False)
    let_it_pass(database)
    assert gate().probe


def test_three_failures_in_a_row_pause_the_provider_and_two_do_not(called: Callable[[str], None]) -> None:
    for _ in range(2):
        called("overloaded")
    assert trip() is None
    assert gate().allows_call
    called("timeout")
    assert trip() == pytest.approx(2, abs=0.1)
    assert not gate().allows_call


@pytest.mark.parametrize("outcome", ["ok", "wrong_schema", "refused"])
def test_one_answer_among_the_last_three_is_a_provider_that_lives(called: Callable[[str], None], outcome: str) -> None:
    for each in ("overloaded", "overloaded", outcome, "overloaded"):
        called(each)
    assert trip() is None


def test_calls_that_fail_together_are_one_trip_and_each_failed_probe_doubles_the_pause_up_to_a_minute(
    called: Callable[[str], None],
) -> None:
    for _ in range(3):
        called("connection")
    assert trip() == pytest.approx(2, abs=0.1)
    assert trip() is None
    doubled = [trip(probe=True) for _ in range(6)]
    assert doubled == pytest.approx([4, 8, 16, 32, 60, 60], abs=0.1)


def test_failures_an_hour_apart_are_no_outage(database: Database, called: Callable[[str], None]) -> None:
    for _ in range(3):
        called("timeout")
    database.sql(
        "set session_replication_role = replica; update ai_responses set id = uuid7_floor(now() - interval '61 minutes')"
        " where id = (select id from ai_responses order by id limit 1)"
    )
    assert trip() is None


def test_a_slow_providers_failures_minutes_apart_are_one(database: Database, called: Callable[[str], None]) -> None:
    """Given one essay at a quiet hour whose every call ends in the time limit, the third one in a row pauses the provider."""
    for _ in range(3):
        called("timeout")
    database.sql(
        "update ai_responses set completed_at = now() - interval '5 minutes' where id = (select id from ai_responses order by id limit 1)"
    )
    assert trip() == pytest.approx(2, abs=0.1)


def test_a_failed_probe_shortens_no_pause_that_was_named() -> None:
    pause("budget_spent", 300)
    trip(probe=True)
    assert gate().wait_seconds > 290


def test_a_late_good_answer_ends_no_pause_that_began_meanwhile() -> None:
    pause("budget_spent", 300)
    with db.session():
        circuit_breaker.resume(CLAUDE)
    assert not gate().allows_call


def test_a_rate_limit_takes_the_place_of_no_refusal(database: Database) -> None:
    """Else its end would let everybody call a provider that refuses our key."""
    pause("unauthorised", 60)
    pause("rate_limited", 90)
    assert gate().reason == "unauthorised"
    assert gate().wait_seconds > 85
    let_it_pass(database)
    assert gate().probe
