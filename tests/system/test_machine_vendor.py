"""Test the whole system with Claude as its provider. Every call goes over HTTP to the fake vendor."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psutil
import pytest

from models import crypto, db
from models.crypto import AssociatedData
from models.settings import StoreSettings
from models.users import data_key
from standalone.keys import instance_keys
from standalone.seed import crypto_settings
from tests.support.one_machine import ESSAY, SENTENCE, Standalone, eventually, standalone, total
from tests.support.processes import is_alive
from tests.support.vendor import FakeVendor, Step
from workers.providers import wire
from workers.providers.ensemble import LOCAL_LATE
from workers.providers.prices import Tokens, prices_of

pytestmark = pytest.mark.slow(reason="starts every program beside a fake vendor")

API_KEY = "sk-ant-only-for-this-system-test-4711"
IN_FLIGHT = 10


@pytest.fixture(scope="module")
def vendor() -> Iterator[FakeVendor]:
    """The fake vendor, shared by all tests of this file."""
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture(scope="module")
def machine(vendor: FakeVendor) -> Iterator[Standalone]:
    """The running system with the fake vendor, shared by all tests of this file."""
    with standalone(
        ANTHROPIC_API_KEY=API_KEY, ANTHROPIC_BASE_URL=vendor.base_url, WORKER_THREADS="16", WEB_PROCESSES="1"
    ) as machine:
        yield machine


@pytest.fixture(scope="module")
def first(machine: Standalone) -> str:
    """The location of a completed submission that the local engine read in time: while it loads, it does not."""
    for _ in range(20):
        location = machine.hand_in()
        assert machine.final(location)[0]["status"] == "completed"
        if LOCAL_LATE not in machine.feedback(location)["summary"]["not_checked"]:
            return location
    raise AssertionError("the local engine was late for every essay")


def id_of(location: str) -> str:
    return location.rpartition("/")[2]


def calls(machine: Standalone, location: str) -> list[tuple[Any, ...]]:
    """Return pass, attempt and outcome of every provider call of a submission."""
    return machine.sql(
        "select pass, attempt, outcome from ai_responses where submission_id = %s order by pass, attempt",
        id_of(location),
    )


def test_feedback_comes_from_claude_and_local_grammar_with_true_quotes(machine: Standalone, first: str) -> None:
    found = machine.feedback(first)
    by = {(comment["pass"], comment["provider"], comment["model"].split()[0]) for comment in found["comments"]}
    claude = {(name, "anthropic", "claude-sonnet-5-5") for name in ("grammar", "structure", "content")}
    assert by == claude | {("grammar", "local", "local-1")}
    for comment in found["comments"]:
        span = comment["span"]
        assert ESSAY[span["start"] : span["end"]] == span["quote"] != ""
        assert comment["origin"] == ("model" if comment["provider"] == "anthropic" else "rule")


def test_vendor_receives_no_personal_data_of_the_student(machine: Standalone, vendor: FakeVendor) -> None:
    student = {
        "external_id": "sis-9999-secret",
        "name": "Wilhelmina Quackenbush",
        "email": "w.quackenbush@mail.example",
    }
    answer = machine.deliver({"student": student, "title": "Phones", "text": ESSAY})
    machine.final(answer.headers["Location"])
    reported = json.dumps(vendor.requests)
    assert SENTENCE in reported
    assert [private for private in (*student.values(), machine.known["org"] + " School") if private in reported] == []


def test_vendor_receives_no_tag_and_no_picture_of_an_html_essay(machine: Standalone, vendor: FakeVendor) -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgo" * 4_000
    paragraphs = "".join(f"<p class='x'>{html.escape(one)}&nbsp;</p>" for one in ESSAY.split("\n\n"))
    sent = f'{paragraphs}<p><img src="{picture}"></p>'
    data = {"student": {"external_id": "sis-html"}, "title": "Phones", "text": sent}
    before = len(vendor.requests)
    location = machine.deliver(data).headers["Location"]
    assert machine.final(location)[0]["status"] == "completed"
    received = json.dumps(vendor.requests[before:])
    assert SENTENCE in received
    assert [part for part in ("<p", "</p", "nbsp", "data:image", "iVBORw0KGgo") if part in received] == []
    found = machine.feedback(location)
    flat = "\n\n".join(" ".join(one.split()) for one in ESSAY.split("\n\n"))
    for comment in found["comments"]:
        span = comment["span"]
        assert flat[span["start"] : span["end"]] == span["quote"]
    assert "1 embedded picture in the text, because only words are read" in found["summary"]["not_checked"]


def test_raw_answers_open_with_the_authors_key_and_match_tokens_and_cost(machine: Standalone, first: str) -> None:
    stored = machine.sql(
        "select id, org_id, user_id, raw, outcome, stop_reason, model, input_tokens, cache_write_tokens,"
        " cache_read_tokens, output_tokens, cost_micros, latency_ms from ai_responses where submission_id = %s",
        id_of(first),
    )
    assert len(stored) == 3
    keys = instance_keys(machine.data_dir)
    parts = urlsplit(machine.known["database_url"])
    log_in = f"ec_worker:{quote(keys.role_passwords['ec_worker'])}@{parts.netloc.rpartition('@')[2]}"
    crypto.load(crypto_settings(keys))
    url = urlunsplit(parts._replace(netloc=log_in))
    db.connect(StoreSettings(database_url=url, program="ec-tests", pool_size=1, pool_wait_seconds=5.0))
    for call, org, user, raw, outcome, stop_reason, model, *tokens, cost, latency in stored:
        with db.session(org=org):
            key = data_key(user, org=org)
        opened = wire.parse_stream(key.open(bytes(raw), place=AssociatedData("ai_responses", "raw", org, call))).message
        assert (opened.model, opened.stop_reason) == (model, stop_reason)
        spent = opened.usage
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
        assert tokens == [getattr(spent, name) for name in names]
        assert cost == prices_of(model).cost_micros(
            Tokens(**dict(zip(("input", "cache_write", "cache_read", "output"), tokens, strict=True)))
        )
        assert cost > 0
        assert (outcome, latency >= 0) == ("ok", True)
        assert SENTENCE.encode() not in bytes(raw)
    db.database.close_idle()


def test_tokens_and_cost_are_on_the_metrics_page(machine: Standalone, first: str) -> None:
    spent = "select sum(cost_micros)::float8, sum(output_tokens)::float8 from ai_responses"

    def reported() -> bool:
        [(cost, output)] = machine.sql(spent)
        page = machine.metrics()
        return (
            total(page, "essaycoach_ai_cost_micros_total") == cost > 0
            and total(page, "essaycoach_ai_tokens_total", 'kind="output"') == output > 0
        )

    eventually(reported, what="tokens and cost on the metrics page")


def test_overloaded_vendor_costs_a_second_attempt_but_no_submission(machine: Standalone, vendor: FakeVendor) -> None:
    for name in ("grammar", "structure", "content"):
        vendor.script("overloaded", pass_name=name)
    location = machine.hand_in()
    assert machine.final(location)[0]["status"] == "completed"
    assert calls(machine, location) == [
        (name, attempt, outcome)
        for name in ("content", "grammar", "structure")
        for attempt, outcome in ((1, "overloaded"), (2, "ok"))
    ]
    assert [one["attempts"] for one in machine.status(location)["passes"].values()] == [2, 2, 2]


def test_pass_refused_by_the_vendor_leaves_a_partial_result_with_reason(
    machine: Standalone, vendor: FakeVendor
) -> None:
    vendor.script("bad_request", pass_name="structure")
    location = machine.hand_in()
    [state] = machine.final(location)
    assert state["status"] == "partial"
    assert {name: (one["status"], one["reason"]) for name, one in state["passes"].items()} == {
        "grammar": ("done", None),
        "structure": ("gave_up", "bad_request"),
        "content": ("done", None),
    }
    assert {comment["pass"] for comment in machine.feedback(location)["comments"]} == {"grammar", "content"}
    eventually(
        lambda: total(machine.metrics(), "essaycoach_gave_up", 'pass="structure"', 'reason="bad_request"') == 1,
        what="essaycoach_gave_up",
    )


def test_worker_killed_during_slow_calls_loses_and_duplicates_nothing(machine: Standalone, vendor: FakeVendor) -> None:
    vendor.always(Step("ok", latency_seconds=2))
    before = vendor.counters()["calls"]
    worker = machine.pids["worker"]
    group = [one for one in machine.processes() if _group_of(one) == worker]
    locations = [machine.hand_in() for _ in range(IN_FLIGHT)]
    eventually(lambda: vendor.counters()["calls"] >= before + 16, what="a call in every thread")
    killed_with = machine.sql("select count(*) from passes where state = 'running'")[0][0]
    assert killed_with >= 8
    [(killed_at,)] = machine.sql("select now()")
    machine.kill("worker")
    assert [one for one in group if is_alive(one.pid)] == []
    vendor.always("ok")
    states = machine.final(*locations, within_seconds=90)
    assert [state["status"] for state in states] == ["completed"] * IN_FLIGHT
    assert max(one["attempts"] for state in states for one in state["passes"].values()) == 2
    stored = "select count(*) from feedback as f where f.submission_id = p.submission_id and f.pass = p.name"
    ids = [id_of(location) for location in locations]
    compared = f"select p.comments, ({stored}), p.lost from passes as p where p.submission_id = any (%s::uuid[])"
    found = machine.sql(compared, ids)
    assert len(found) == 3 * IN_FLIGHT
    assert all(reported == kept > 0 for reported, kept, _ in found)
    assert sum(lost for _, _, lost in found) > 0
    # The passes of the dead worker were claimed again soon: a lease lasts 12 s, and a new worker starts in some seconds.
    reclaimed = (
        "select max(extract(epoch from started_at - %s))::float8 from passes"
        " where lost > 0 and submission_id = any (%s::uuid[])"
    )
    assert 0 < machine.sql(reclaimed, killed_at, ids)[0][0] < 40
    # A second claim follows an expired lease only. (`lost` would count too much: waiting passes of the same essay get it too.)
    [(expired,)] = machine.sql("select sum(fence - 1) from passes where submission_id = any (%s::uuid[])", ids)
    eventually(
        lambda: total(machine.metrics(), "essaycoach_leases_expired_total") == expired,
        what="essaycoach_leases_expired_total",
    )


def _group_of(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None


def test_only_the_worker_has_the_vendor_key_and_no_log_shows_it(machine: Standalone, first: str) -> None:
    with_key = {name for name, pid in machine.pids.items() if API_KEY in psutil.Process(pid).environ().values()}
    assert with_key == {"worker"}
    written = "\n".join([*machine.logs().values(), machine.stderr()])
    assert '"pass done"' in written
    for private in (API_KEY, SENTENCE, "Here a reader stops for a moment"):
        assert private not in written
