"""Test streamed answers of Claude: parsing, broken streams, and passes that share the cached prefix."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from benchmarks.tokens import billed, essay, first_draft, measure, second_draft
from models.jobs import PassName
from tests.support.vendor import FakeVendor, Step
from workers.passes.feedback import CommentVerdict
from workers.passes.request import EarlierComment, PassRequest, PreviousDraft
from workers.providers import wire
from workers.providers.claude import ClaudeProvider
from workers.providers.contract import Outcome, ProviderError, TryAgain
from workers.providers.prices import prices_of

TEXT = "Rivers needs our help.\n\nThe water was clean enough to drink, once.\n\nNow it is not."


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


def request(**changes: Any) -> PassRequest:
    return PassRequest(pass_name=PassName.GRAMMAR, **({"text": TEXT} | changes))


@pytest.mark.parametrize(
    ("behaviour", "outcome"), [("overloaded_stream", Outcome.OVERLOADED), ("cut_stream", Outcome.CONNECTION)]
)
def test_broken_stream_is_retryable_and_reports_partial_usage(
    vendor: FakeVendor, claude: ClaudeProvider, behaviour: str, outcome: Outcome
) -> None:
    vendor.script(behaviour)
    with pytest.raises(TryAgain) as caught:
        claude.ask(request())
    error = caught.value
    assert error.outcome is outcome and "message_start" in error.raw and error.usage.cost_micros > 0
    assert (error.usage.cache_write_tokens, error.usage.output_tokens) == (vendor.billed[0]["cache_write"], 1)
    assert claude.ask(request()).stop_reason == "end_turn"


@pytest.mark.parametrize("streams", [True, False])
def test_answer_is_read_with_and_without_streaming(streams: bool) -> None:
    with FakeVendor(streams=streams) as vendor, closing(ClaudeProvider("k", base_url=vendor.base_url)) as claude:
        reply = claude.ask(request())
        assert vendor.requests[0]["stream"] is True
    assert len(reply.answer.comments) == 3 and reply.usage.output_tokens > 0
    assert reply.raw.startswith("event: " if streams else '{"id"')


def events(*data: str) -> str:
    """Return a stream of server-sent events with these data lines."""
    return "".join(f"event: x\r\ndata: {one}\r\n\r\n" for one in data)


def test_stream_is_parsed_despite_unknown_events() -> None:
    raw = events(
        '{"type":"message_start","message":{"model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}',
        '{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}',
        '{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}',
        '{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"a"}}',
        '{"type":"ping"}',
        '{"type":"of_tomorrow","delta":{"type":"new","much":[1]}}',
        '{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"b\u2028c"}}',
        '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9,"input_tokens":null}}',
    )
    stream = wire.parse_stream(raw + ": a comment\n\n")
    assert (stream.message.text(), stream.message.stop_reason, stream.whole) == ("ab\u2028c", "end_turn", False)
    assert (stream.message.usage.input_tokens, stream.message.usage.output_tokens) == (3, 9)
    assert wire.parse_stream(raw + events('{"type":"message_stop"}')).whole
    assert not wire.parse_stream(raw + 'data: {"type":"message_stop"').whole
    with pytest.raises(ValueError, match="JSON|json|expected"):
        wire.parse_stream("data: <html>\n\n")


@pytest.mark.slow(reason="waits for answers of a vendor that takes its time")
def test_three_parallel_passes_write_the_prefix_once() -> None:
    for streams in (True, False):
        with FakeVendor(latency_seconds=0.8, streams=streams) as vendor:
            vendor.script(Step("overloaded", latency_seconds=0))
            with closing(ClaudeProvider("k", base_url=vendor.base_url)) as claude, ThreadPoolExecutor(3) as pool:
                with pytest.raises(TryAgain):
                    claude.ask(request())  # creates the client before the time is taken
                started = time.monotonic()
                list(pool.map(claude.ask, first_draft(essay(1))))
                assert time.monotonic() - started < 2.3, "three calls in sequence would take 2.4 seconds"
            written = [call["cache_write"] > 0 for call in vendor.billed]
            assert sum(written) == (1 if streams else 3)


@pytest.mark.slow(reason="waits for answers of a vendor that takes its time")
def test_caching_cuts_the_cost_of_a_class_and_of_second_drafts(vendor: FakeVendor, claude: ClaudeProvider) -> None:
    # Long enough that calls of one essay overlap also on a busy machine.
    vendor.set_latency(0.8)
    texts = [essay(number) for number in range(6)]
    assert all(450 < len(text.split()) < 720 for text in texts) and len(set(texts)) == 6
    first = measure(claude, [one for text in texts for one in first_draft(text)])
    second = measure(claude, [one for number, text in enumerate(texts) for one in second_draft(text, number)])
    assert first.billed / first.plain <= 0.45
    assert second.billed / first.billed <= 0.5
    rates = prices_of("claude-sonnet-5-5")
    own = vendor.cost({"input": 1.0, "cache_write": 1.25, "cache_read": rates.cache_read / rates.input})
    assert own == pytest.approx(first.billed + second.billed)


def test_verdicts_on_earlier_comments_are_returned(vendor: FakeVendor, claude: ClaudeProvider) -> None:
    comment = EarlierComment(type="agreement", quote="Rivers needs", message="m", next_step="n")
    earlier = PreviousDraft(unchanged=((24, 66),), doubtful=(comment, comment))
    pass_request = request(earlier=earlier)
    assert [one.resolution for one in claude.ask(pass_request).answer.verdicts] == ["persisting", "persisting"]
    vendor.say("addressed")
    reply = claude.ask(pass_request)
    assert reply.answer.verdicts == (
        CommentVerdict(comment=0, resolution="addressed"),
        CommentVerdict(comment=1, resolution="addressed"),
    )
    assert all(one.span.match == "exact" and not 24 <= one.span.start < 66 for one in reply.answer.comments)


def test_expected_cost_is_above_the_actual_cost(claude: ClaudeProvider) -> None:
    for pass_request in first_draft(essay(2)):
        reply = claude.ask(pass_request)
        assert reply.usage.cost_micros < claude.expected_cost_micros(pass_request) < 60_000
        assert billed(reply.usage) > 0


def test_errors_before_the_stream_keep_their_outcome(vendor: FakeVendor, claude: ClaudeProvider) -> None:
    vendor.script("overloaded", "rate_limited")
    outcomes = []
    for _ in range(2):
        with pytest.raises(ProviderError) as caught:
            claude.ask(request())
        outcomes.append(caught.value.outcome)
    assert outcomes == [Outcome.OVERLOADED, Outcome.RATE_LIMITED]
