"""Test the circuit breaker: all workers share a provider's pause, and one probe call ends it."""

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
    """Log in as the worker, and delete all pauses and calls after the test."""
    become("ec_worker")
    yield
    database.sql("delete from provider_pauses")
    database.sql("delete from ai_responses")


def breaker() -> BreakerState:
    with db.session():
        return circuit_breaker.breaker_state(CLAUDE, probe_seconds=15)


def pause(reason: str, seconds: float) -> None:
    with db.session():
        circuit_breaker.pause(CLAUDE, reason=reason, seconds=seconds)


def trip(*, probe: bool = False) -> float | None:
    with db.session():
        return circuit_breaker.trip_if_failing(CLAUDE, reason="overloaded", probe=probe)


def expire_pause(database: Database) -> None:
    """Let the pause and a running probe expire."""
    database.sql(
        "update provider_pauses set until = now() - interval '1 ms', probe_until = least(probe_until, now() - interval '1 ms')"
    )


@pytest.fixture
def called(database: Database, school: School) -> Callable[[str], None]:
    """A function: `called("overloaded")` stores a completed call with that outcome."""

    def call(outcome: str) -> None:
        database.sql(
            "set session_replication_role = replica; insert into ai_responses (org_id, submission_id, user_id, pass, attempt,"
            " provider, model, prompt_version, request_sha256, outcome, raw, completed_at)"
            " values (%s, uuidv7(), %s, 'grammar', 1, 'anthropic', 'm', 'v', '', %s, '', now())",
            school.org, school.alice, outcome,
        )  # fmt: skip

    return call


def test_provider_without_a_pause_allows_calls() -> None:
    assert breaker() == BreakerState(wait_seconds=0, reason=None, probe=False)
    assert breaker().allows_call


def test_shorter_pause_does_not_shorten_a_longer_one() -> None:
    pause("rate_limited", 3000)
    pause("rate_limited", 500)

    assert 2800 < breaker().wait_seconds <= 3000
    assert not breaker().allows_call


def test_all_calls_are_allowed_after_a_rate_limit_pause(database: Database) -> None:
    pause("rate_limited", 30)
    expire_pause(database)

    assert [breaker().allows_call for _ in range(3)] == [True] * 3
    assert database.sql("select 1 from provider_pauses") == []


@pytest.mark.parametrize("reason", ["budget_spent", "unauthorised", "overloaded"])
def test_one_of_eight_workers_probes_after_any_other_pause(database: Database, reason: str) -> None:
    pause(reason, 30)
    expire_pause(database)
    warm_up(8)

    answers = [one for one in together(8, lambda _: breaker()) if isinstance(one, BreakerState)]

    assert sorted(one.probe for one in answers) == [False] * 7 + [True]
    assert [one.allows_call for one in answers if not one.probe] == [False] * 7
    with db.session():
        circuit_breaker.resume(CLAUDE)
    assert breaker() == BreakerState(wait_seconds=0, reason=None, probe=False)


def test_probe_without_an_answer_is_followed_by_another(database: Database) -> None:
    pause("overloaded", 30)
    expire_pause(database)
    assert breaker().probe
    assert breaker() == BreakerState(wait_seconds=1, reason="overloaded", probe=False)
    expire_pause(database)
    assert breaker().probe


def test_three_failures_in_a_row_pause_the_provider_and_two_do_not(called: Callable[[str], None]) -> None:
    for _ in range(2):
        called("overloaded")
    assert trip() is None
    assert breaker().allows_call
    called("timeout")
    with db.session():  # one transaction has one time: a busy machine may need longer than this short pause
        assert circuit_breaker.trip_if_failing(CLAUDE, reason="overloaded", probe=False) == pytest.approx(2, abs=0.1)
        assert not circuit_breaker.breaker_state(CLAUDE, probe_seconds=15).allows_call


@pytest.mark.parametrize("outcome", ["ok", "wrong_schema", "refused"])
def test_one_answer_among_the_last_three_calls_prevents_a_pause(called: Callable[[str], None], outcome: str) -> None:
    for each in ("overloaded", "overloaded", outcome, "overloaded"):
        called(each)
    assert trip() is None


def test_concurrent_failures_trip_once_and_failed_probes_double_the_pause(
    called: Callable[[str], None],
) -> None:
    for _ in range(3):
        called("connection")
    with db.session():  # one transaction has one time
        again = [circuit_breaker.trip_if_failing(CLAUDE, reason="overloaded", probe=False) for _ in range(2)]
    assert again == [pytest.approx(2, abs=0.1), None]
    doubled = [trip(probe=True) for _ in range(6)]
    assert doubled == pytest.approx([4, 8, 16, 32, 60, 60], abs=0.1)


def test_failures_an_hour_apart_do_not_trip(database: Database, called: Callable[[str], None]) -> None:
    for _ in range(3):
        called("timeout")
    database.sql(
        "set session_replication_role = replica; update ai_responses set id = uuid7_floor(now() - interval '61 minutes')"
        " where id = (select id from ai_responses order by id limit 1)"
    )
    assert trip() is None


def test_failures_minutes_apart_trip(database: Database, called: Callable[[str], None]) -> None:
    """With one essay in a quiet hour, calls that time out are minutes apart. The third in a row still pauses the provider."""
    for _ in range(3):
        called("timeout")
    database.sql(
        "update ai_responses set completed_at = now() - interval '5 minutes' where id = (select id from ai_responses order by id limit 1)"
    )
    assert trip() == pytest.approx(2, abs=0.1)


def test_failed_probe_does_not_shorten_a_longer_pause() -> None:
    pause("budget_spent", 3000)
    trip(probe=True)
    assert breaker().wait_seconds > 2900


def test_late_success_does_not_end_a_running_pause() -> None:
    pause("budget_spent", 300)
    with db.session():
        circuit_breaker.resume(CLAUDE)
    assert not breaker().allows_call


def test_rate_limit_extends_a_refusal_pause_and_keeps_its_reason(database: Database) -> None:
    """Otherwise the end of the pause would let all workers call a provider that refuses our key."""
    pause("unauthorised", 600)
    pause("rate_limited", 900)
    assert breaker().reason == "unauthorised"
    assert breaker().wait_seconds > 850
    expire_pause(database)
    assert breaker().probe
