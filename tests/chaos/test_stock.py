"""The stock system works without faults and recovers from simple ones. Otherwise the comparison would mean nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from tests.chaos.stock.system import StockDramatiq
from tests.chaos.subject import Count, SystemUnderTest
from tests.support.vendor import FakeVendor

pytestmark = pytest.mark.slow(reason="starts a whole comparison system")

ESSAY = "Phones was distracting. Phones 😀 they was loud, so schools should ban them."
TIMEOUT_SECONDS = 15.0


@pytest.fixture(scope="module")
def stock() -> Iterator[SystemUnderTest]:
    with FakeVendor() as vendor, StockDramatiq(vendor) as running:
        yield running


@pytest.fixture(autouse=True)
def end_faults(stock: SystemUnderTest) -> Iterator[None]:
    with ExitStack() as stack:
        for proxy in stock.proxies.values():
            stack.callback(proxy.pass_on)
        yield


def test_ten_essays_finish_with_three_results_each(stock: SystemUnderTest) -> None:
    started = time.time()
    accepted = {key: _hand_in(stock, key) for key in [uuid4().hex for _ in range(10)]}
    count = _wait_until_final(stock, accepted)
    assert (count.accepted, count.lost, count.doubled, count.passes_done) == (10, 0, 0, 30)
    assert count.seconds_to_final.keys() == set(accepted.values())
    assert all(started <= at <= time.time() for at in count.seconds_to_final.values())


def test_repeated_key_gives_one_submission_whose_messages_are_sent_once(stock: SystemUnderTest) -> None:
    key = uuid4().hex
    submission = _hand_in(stock, key)
    assert _hand_in(stock, key) == submission
    count = _wait_until_final(stock, {key: submission})
    assert _hand_in(stock, key) == submission
    assert (count.doubled, count.passes_done) == (0, 3)


def test_count_sees_doubled_and_lost_submissions(stock: SystemUnderTest) -> None:
    key = uuid4().hex
    submission = _hand_in(stock, key)
    _wait_until_final(stock, {key: submission})
    for table in ("results", "finishes"):
        stock.sql(f"insert into {table} select * from {table} where submission = %s", int(submission))
    count = stock.count({key: submission, "another": "0"})
    assert (count.accepted, count.open, count.lost, count.doubled, count.passes_done) == (2, 0, 1, 4, 3)


def test_essay_whose_messages_failed_is_sent_when_the_client_tries_again(stock: SystemUnderTest) -> None:
    key = uuid4().hex
    stock.proxies["web-redis"].refuse()
    assert stock.hand_in(key, text=ESSAY).status == 503
    stock.proxies["web-redis"].pass_on()
    assert _wait_until_final(stock, {key: _hand_in(stock, key)}).passes_done == 3


@pytest.mark.parametrize("program", ["worker", "web"])
def test_killed_program_starts_again_and_works(stock: SystemUnderTest, program: str) -> None:
    stock.kill(program)
    stock.wait_until_up(program)
    key = uuid4().hex
    assert _wait_until_final(stock, {key: _hand_in(stock, key)}).passes_done == 3


def test_killed_redis_keeps_its_data(stock: SystemUnderTest) -> None:
    stock.redis().set("kept", "yes")
    stock.kill("redis")
    stock.wait_until_up("redis")
    assert stock.redis().get("kept") == b"yes"


def _hand_in(stock: SystemUnderTest, key: str) -> str:
    answer = stock.hand_in(key, text=ESSAY)
    assert answer.status == 202
    assert answer.submission is not None
    return answer.submission


def _wait_until_final(stock: SystemUnderTest, accepted: dict[str, str]) -> Count:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (count := stock.count(accepted)).open:
        assert time.monotonic() < deadline, count
        time.sleep(0.05)
    return count
