"""Test Claude batches: submitted now, collected later at half price, with the same errors as direct calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from models.jobs import PassName
from tests.support.vendor import FakeVendor, Step
from workers.passes.request import PassRequest
from workers.providers.claude import ClaudeProvider
from workers.providers.contract import GiveUp, Outcome, Pause, ProviderError, Repair, TryAgain
from workers.providers.prices import Tokens, prices_of

REQUEST = PassRequest(pass_name=PassName.CONTENT, text="The water was clean enough to drink, once. Now it is not.")


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Give a running fake vendor."""
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture
def claude(vendor: FakeVendor) -> Iterator[ClaudeProvider]:
    """Give a Claude provider that calls the fake vendor."""
    with closing(ClaudeProvider("sk-test", base_url=vendor.base_url, timeout_seconds=60)) as provider:
        yield provider


def test_batch_answer_arrives_when_the_batch_ends_at_half_price(vendor: FakeVendor, claude: ClaudeProvider) -> None:
    vendor.set_batch_looks(2)
    batch = claude.submit(REQUEST)
    assert claude.collect(batch, REQUEST) is None
    assert claude.collect(batch, REQUEST) is None
    reply = claude.collect(batch, REQUEST)
    assert reply is not None and len(reply.answer.comments) == 3 and reply.stop_reason == "end_turn"
    assert json.loads(reply.raw)["custom_id"] == "content"
    [call] = vendor.billed
    assert call["batch"] is True
    tokens = Tokens(**{kind: call[kind] for kind in ("input", "cache_write", "cache_read", "output")})
    assert reply.usage.cost_micros == prices_of("claude-sonnet-5-5").cost_micros(tokens, batch=True) > 0


def test_batch_request_equals_a_direct_request_without_stream(vendor: FakeVendor, claude: ClaudeProvider) -> None:
    claude.collect(claude.submit(REQUEST), REQUEST)
    claude.ask(REQUEST)
    in_batch, direct = vendor.requests
    assert direct.pop("stream") is True
    assert in_batch == direct


@pytest.mark.parametrize(
    ("behaviour", "kind", "outcome"),
    [
        ("expired", TryAgain, Outcome.TIMEOUT),
        ("canceled", TryAgain, Outcome.SERVER_ERROR),
        ("overloaded", TryAgain, Outcome.OVERLOADED),
        ("rate_limited", TryAgain, Outcome.RATE_LIMITED),
        ("budget_spent", Pause, Outcome.BUDGET_SPENT),
        ("server_error", TryAgain, Outcome.SERVER_ERROR),
        ("bad_request", GiveUp, Outcome.BAD_REQUEST),
        ("unauthorised", Pause, Outcome.UNAUTHORISED),
        ("truncated", Repair, Outcome.TRUNCATED),
        ("wrong_schema", Repair, Outcome.WRONG_SCHEMA),
    ],
)
def test_each_batch_failure_maps_to_one_error_and_keeps_its_raw_text(
    vendor: FakeVendor, claude: ClaudeProvider, behaviour: str, kind: type[ProviderError], outcome: Outcome
) -> None:
    vendor.script(behaviour, pass_name="content")
    batch = claude.submit(REQUEST)
    with pytest.raises(ProviderError) as caught:
        claude.collect(batch, REQUEST)
    error = caught.value
    assert (type(error), error.outcome) == (kind, outcome)
    assert '"custom_id": "content"' in error.raw and "told to fail" not in error.detail
    if isinstance(error, Repair):
        assert error.usage.cost_micros > 0
        assert claude.ask(REQUEST, repair=error).stop_reason == "end_turn"


def test_errors_of_batch_calls_keep_their_outcome(vendor: FakeVendor, claude: ClaudeProvider) -> None:
    vendor.script("unauthorised", pass_name="batches")
    with pytest.raises(Pause):
        claude.submit(REQUEST)
    batch = claude.submit(REQUEST)
    vendor.script(Step("rate_limited", retry_after="7"), pass_name="batches")
    with pytest.raises(TryAgain) as caught:
        claude.collect(batch, REQUEST)
    assert caught.value.retry_after_seconds == 7.0
    assert claude.collect(batch, REQUEST) is not None


def test_missing_batch_is_a_retryable_error(claude: ClaudeProvider) -> None:
    with pytest.raises(TryAgain, match="gone"):
        claude.collect("msgbatch_unknown/../x", REQUEST)
