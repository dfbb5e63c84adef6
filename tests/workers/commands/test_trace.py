"""Test `python -m workers trace`: the life of one submission, and that it comes from rows alone."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from models import ai_responses, db, passes
from models.ai_responses import CallEnd
from models.crypto import Ciphertext, Key
from models.log import log_context
from tests.conftest import Become
from tests.support.commands import CommandResult, run_command
from tests.support.schools import School, hand_in
from workers.__main__ import main

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
END = CallEnd(
    outcome="ok", raw="{}", model="claude-x", stop_reason="end_turn", input_tokens=1200, output_tokens=340,
    cache_read_tokens=7, cache_write_tokens=9, cost_micros=4500, latency_ms=3200,
)  # fmt: skip


def run_trace(*arguments: str) -> CommandResult:
    return run_command(main, "trace", *arguments)


@pytest.fixture
def followed(school: School, become: Become, program_env: Callable[[str], None]) -> str:
    """A submission with a pass that is done, one that waits after a failed call, and one that nobody claimed."""
    with log_context(trace_id=TRACE):
        receipt = hand_in(school, title="Phones", text="Phones buzz.")
    become("ec_worker")
    grammar, structure, _ = receipt.hints
    org = school.org
    with db.session(org=org):
        held = passes.claim(grammar.pass_id, org=org, lease_seconds=60)
        assert held is not None
        assert held.log_facts == {
            "pass": "grammar", "pass_id": str(held.id), "submission_id": str(receipt.submission), "trace_id": TRACE,
        }  # fmt: skip
        call = ai_responses.open_call(
            held,
            user=school.alice,
            provider="anthropic",
            model="claude-x",
            prompt_version="1",
            request_sha256=b"x" * 32,
        )
        ai_responses.complete_call(call, end=END, key=Key(b"k" * 32))
        passes.finish(held, provider="anthropic", model="claude-x", comments=4, summary=Ciphertext(b"sealed"))
        late = passes.claim(structure.pass_id, org=org, lease_seconds=60)
        assert late is not None
        passes.fail(late, error="overloaded", retry_in_seconds=3000)
    program_env("ec_clock")
    return str(receipt.submission)


def test_trace_tells_the_life_of_a_submission_in_the_order_of_time(followed: str) -> None:
    done = run_trace(followed, "--json")

    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    assert (printed["submission_id"], printed["trace_id"], printed["status"]) == (followed, TRACE, "processing")
    steps = printed["steps"]
    assert [step["seconds"] for step in steps] == sorted(step["seconds"] for step in steps)
    of_grammar = [step for step in steps if step["pass"] == "grammar"]
    assert {step["event"] for step in of_grammar} == {
        "queued", "first claimed", "provider called", "provider answered", "done",
    }  # fmt: skip
    by_event = {step["event"]: step for step in of_grammar}
    assert by_event["provider called"]["provider"] == "anthropic"
    answered = by_event["provider answered"]
    assert [answered[name] for name in ("outcome", "latency_ms", "input_tokens", "output_tokens", "cost_micros")] == [
        "ok", 3200, 1200, 340, 4500,
    ]  # fmt: skip
    assert (by_event["done"]["comments"], by_event["done"]["claims"], by_event["done"]["attempts"]) == (4, 1, 1)
    waiting = {step["pass"]: step for step in steps if step["event"] == "waits"}
    assert set(waiting) == {"structure", "content"}
    assert waiting["structure"]["reason"] == "overloaded"
    assert 2900 < waiting["structure"]["due_in_seconds"] <= 3000
    assert "reason" not in waiting["content"]
    assert next(step for step in steps if step["event"] == "received")["source"] == "app"


def test_trace_for_people_holds_no_word_of_the_essay(followed: str) -> None:
    said = run_trace(followed).stdout

    assert f"trace       {TRACE}" in said
    assert "latency 3200 ms" in said
    assert "cost $0.004500" in said
    assert "Phones" not in said


@pytest.mark.parametrize(
    ("given", "why"),
    [("essay-1", "this is no id of a submission"), ("01a2259a-b886-7b79-a542-db43be61bdf4", "no such submission")],
)
def test_trace_of_an_unknown_or_malformed_id_is_a_sentence(
    program_env: Callable[[str], None], given: str, why: str
) -> None:
    program_env("ec_clock")
    done = run_trace(given)
    assert (done.returncode, done.stdout) == (1, "")
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_trace_works_without_a_trace_id(school: School, program_env: Callable[[str], None]) -> None:
    receipt = hand_in(school)
    program_env("ec_clock")
    done = run_trace(str(receipt.submission))
    assert (done.returncode, done.stderr) == (0, "")
    assert "none: it came before traces were kept" in done.stdout
