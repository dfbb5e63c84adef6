"""The stock system works while nothing goes wrong, and is given the faults it was promised: else it compares to nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from tests.chaos.stock.system import Stock
from tests.chaos.subject import Count, Subject
from tests.support.vendor import FakeVendor

pytestmark = pytest.mark.slow(reason="starts a whole comparison system")

ESSAY = "Phones was distracting. Phones 😀 they was loud, so schools should ban them."
PATIENCE_SECONDS = 15.0


@pytest.fixture(scope="module")
def stock() -> Iterator[Subject]:
    with FakeVendor() as vendor, Stock(vendor) as running:
        yield running


@pytest.fixture(autouse=True)
def calm(stock: Subject) -> Iterator[None]:
    with ExitStack() as stack:
        for proxy in stock.proxies.values():
            stack.callback(proxy.pass_on)
        yield


def test_ten_pieces_handed_in_all_finish_with_three_results_each(stock: Subject) -> None:
    began = time.time()
    accepted = {key: _hand_in(stock, key) for key in [uuid4().hex for _ in range(10)]}
    counted = _all_final(stock, accepted)
    assert (counted.accepted, counted.lost, counted.doubled, counted.passes_done) == (10, 0, 0, 30)
    assert counted.seconds_to_final.keys() == set(accepted.values())
    assert all(began <= at <= time.time() for at in counted.seconds_to_final.values())


def test_handing_in_twice_with_one_key_is_one_submission_sent_once(stock: Subject) -> None:
    key = uuid4().hex
    submission = _hand_in(stock, key)
    assert _hand_in(stock, key) == submission
    counted = _all_final(stock, {key: submission})
    assert _hand_in(stock, key) == submission
    assert (counted.doubled, counted.passes_done) == (0, 3)


def test_doubles_and_losses_are_counted(stock: Subject) -> None:
    key = uuid4().hex
    submission = _hand_in(stock, key)
    _all_final(stock, {key: submission})
    for table in ("results", "finishes"):
        stock.sql(f"insert into {table} select * from {table} where submission = %s", int(submission))
    counted = stock.count({key: submission, "another": "0"})
    assert (counted.accepted, counted.open, counted.lost, counted.doubled, counted.passes_done) == (2, 0, 1, 4, 3)


def test_a_piece_that_could_not_be_sent_is_sent_when_its_client_comes_again(stock: Subject) -> None:
    key = uuid4().hex
    stock.proxies["web-redis"].refuse()
    assert stock.hand_in(key, text=ESSAY).status == 503
    stock.proxies["web-redis"].pass_on()
    assert _all_final(stock, {key: _hand_in(stock, key)}).passes_done == 3


@pytest.mark.parametrize("program", ["worker", "web"])
def test_a_killed_program_is_started_again_and_works(stock: Subject, program: str) -> None:
    stock.kill(program)
    stock.wait_until_up(program)
    key = uuid4().hex
    assert _all_final(stock, {key: _hand_in(stock, key)}).passes_done == 3


def test_a_killed_redis_comes_back_with_what_it_had(stock: Subject) -> None:
    stock.redis().set("kept", "yes")
    stock.kill("redis")
    stock.wait_until_up("redis")
    assert stock.redis().get("kept") == b"yes"


def _hand_in(stock: Subject, key: str) -> str:
    answer = stock.hand_in(key, text=ESSAY)
    assert answer.status == 202
    assert answer.submission is not None
    return answer.submission


def _all_final(stock: Subject, accepted: dict[str, str]) -> Count:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (counted := stock.count(accepted)).open:
        assert time.monotonic() < deadline, counted
        time.sleep(0.05)
    return counted
