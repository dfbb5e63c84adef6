"""Test the trace of a request (W3C Trace Context) and the log lines of hand-ins and of 5xx."""

from __future__ import annotations

import json
import logging
import re
from contextlib import contextmanager
from typing import Any

import pytest

from ingest.web.trace import trace_for
from tests.ingest.conftest import piece
from tests.support.servers import away

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{SPAN}-01"


class Lines(logging.Handler):
    """Collects the JSON lines that the app's own handler would write."""

    def __init__(self) -> None:
        super().__init__()
        self.formatter = logging.getLogger().handlers[0].formatter
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.texts) if line["event"] == event]


@contextmanager
def collected_lines():
    lines = Lines()
    logging.getLogger().addHandler(lines)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(lines)


@pytest.fixture
def lines(api):
    with collected_lines() as collected:
        yield collected


@pytest.mark.parametrize(
    "sent",
    [SENT, f" {SENT} ", f"00-{TRACE}-{SPAN}-00", f"01-{TRACE}-{SPAN}-01-later", f"cc-{TRACE}-{SPAN}-ff"],
)
def test_valid_traceparent_is_taken(sent):
    trace = trace_for(sent)
    assert trace.trace_id == TRACE
    assert re.fullmatch(rf"00-{TRACE}-(?!{SPAN})[0-9a-f]{{16}}-0[01]", trace.header)


@pytest.mark.parametrize(
    "sent",
    [
        "", "x", SENT.upper(), f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"{SENT}-more",
        f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-1", f"00-{TRACE[:-1]}-{SPAN}-01", f"{SENT},{SENT}", f"00-{TRACE}\n-{SPAN}-01",
    ],
)  # fmt: skip
def test_invalid_traceparent_is_replaced_by_a_new_trace(sent):
    first, second = trace_for(sent), trace_for(sent)
    assert re.fullmatch(r"[0-9a-f]{32}", first.trace_id)
    assert len({first.trace_id, second.trace_id, TRACE}) == 3


def test_one_trace_id_leads_from_the_request_to_the_claims(api, lines):
    answer = api.client.post("/v1/submissions", json=piece(), headers={**api.signed_in("alice"), "traceparent": SENT})

    assert answer.status_code == 202
    assert answer.headers["traceresponse"].startswith(f"00-{TRACE}-")
    (line,) = lines.of("hand-in accepted")
    assert line["trace_id"] == TRACE
    assert line["submission_id"] == answer.json["id"]
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert (line["route"], line["method"], line["status"], line["program"]) == (
        "/v1/submissions",
        "POST",
        202,
        "ingest",
    )
    assert set(line) <= {
        "event", "level", "at", "program", "pid", "request_id", "trace_id", "submission_id", "method", "route", "status", "ms",
    }  # fmt: skip
    stored = api.database.sql("select trace_id::text from submissions where id = %s", answer.json["id"])
    assert stored == [("4bf92f35-77b3-4da6-a3ce-929d0e0e4736",)]
    for name in ("grammar", "structure", "content"):
        assert api.worker.claim(answer.json["id"], name).log_facts["trace_id"] == TRACE


def test_hand_in_by_webhook_and_by_key_have_traces_of_their_own(api, lines):
    api.hand_in_by_lms("alice")
    assert api.lms.deliver(piece(student={"external_id": "bob-sis"})).status_code == 202
    first, second = lines.of("hand-in accepted")
    assert (first["route"], second["route"]) == ("/v1/submissions", "/v1/webhooks/<uuid:source_id>")
    stored = {one for (one,) in api.database.sql("select replace(trace_id::text, '-', '') from submissions")}
    assert stored == {first["trace_id"], second["trace_id"]}
    assert len(stored) == 2


def test_refused_and_reading_requests_have_no_line(api, lines):
    headers = api.signed_in("alice")
    assert api.client.get("/v1/essays", headers=headers).status_code == 200
    assert api.client.post("/v1/submissions", json={}, headers=headers).status_code == 422
    assert lines.of("hand-in accepted") == lines.of("request failed") == []


def test_every_5xx_has_one_line_with_the_trace_and_without_words(api, servers, lines):
    headers = {**api.signed_in("alice"), "traceparent": SENT}
    with away(servers, api.database):
        answer = api.client.post("/v1/submissions", json=piece(text="A SECRET-ESSAY"), headers=headers)
    assert answer.status_code == 503
    (line,) = lines.of("request failed")
    assert (line["level"], line["status"], line["reason"]) == ("error", 503, "temporarily-unavailable")
    assert (line["trace_id"], line["route"]) == (TRACE, "/v1/submissions")
    assert "SECRET" not in "".join(lines.texts)
