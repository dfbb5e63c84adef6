"""The life of one submission for an operator, from its rows: when it came, waited, was read and was done. No word of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from models.db import row, rows
from models.jobs import PASS_ORDER

_SUBMISSION = """
select id, org_id, created_at, source, queue, status, completed_at, released_at, trace_id, now() as now
from submissions where id = %s
"""
_PASSES = """
select id, name, state, queue, attempt, fence, lost, queued_at, first_claimed_at, started_at, finished_at, next_at, lease_until,
    error, provider, model, comments
from passes where org_id = %s and submission_id = %s order by array_position(%s::text[], name)
"""
_CALLS = """
select pass, attempt, provider, model, batch, created_at, completed_at, outcome, latency_ms, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, cost_micros
from ai_responses where org_id = %s and submission_id = %s order by id
"""
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that happened: when, to which pass (None: to the submission), and its facts."""

    at: datetime
    event: str
    pass_name: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EssayTrace:
    """The life of a submission: its steps in the order of time."""

    submission: UUID
    org: UUID
    trace: UUID | None
    status: str
    received_at: datetime
    steps: tuple[Step, ...]


def fetch_trace(submission: UUID) -> EssayTrace | None:
    """Return the life of the submission, or None when there is none with this id. Call it as the clock, who sees every org.

    Of an earlier wait only what its provider call left behind is known; a row keeps the reason of its last wait.
    """
    found = row(_SUBMISSION, (submission,))
    if found is None:
        return None
    key = (found["org_id"], submission)
    steps = [*_steps_of_submission(found)]
    for one in rows(_PASSES, (*key, PASS_ORDER)):
        steps += _steps_of_pass(one, now=found["now"])
    for call in rows(_CALLS, key):
        steps += _steps_of_call(call)
    return EssayTrace(
        submission=submission,
        org=found["org_id"],
        trace=found["trace_id"],
        status=found["status"],
        received_at=found["created_at"],
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _steps_of_submission(found: dict[str, Any]) -> Iterator[Step]:
    yield Step(at=found["created_at"], event="received", facts={"source": found["source"], "queue": found["queue"]})
    if found["completed_at"] is not None:
        yield Step(at=found["completed_at"], event=found["status"])
    if found["released_at"] is not None:
        yield Step(at=found["released_at"], event="released")


def _steps_of_pass(one: dict[str, Any], *, now: datetime) -> Iterator[Step]:
    name = one["name"]
    counts = {"claims": one["fence"], "attempts": one["attempt"], "crashes": one["lost"]}
    yield Step(at=one["queued_at"], event="queued", pass_name=name, facts={"queue": one["queue"]})
    if one["first_claimed_at"] is not None:
        yield Step(at=one["first_claimed_at"], event="first claimed", pass_name=name)
    if one["started_at"] is not None and one["started_at"] != one["first_claimed_at"]:
        yield Step(at=one["started_at"], event="last claimed", pass_name=name)
    if one["finished_at"] is not None:
        facts = {
            "provider": one["provider"],
            "model": one["model"],
            "comments": one["comments"],
            "reason": one["error"],
        }
        event = {"gave_up": "given up"}.get(one["state"], one["state"])
        yield Step(at=one["finished_at"], event=event, pass_name=name, facts={**_known(facts), **counts})
    elif one["state"] == "running":
        lease = (one["lease_until"] - now).total_seconds()
        yield Step(
            at=now, event="is running", pass_name=name, facts={"lease_ends_in_seconds": round(lease, 1), **counts}
        )
    else:
        due = max(0.0, (one["next_at"] - now).total_seconds())
        facts = {"due_in_seconds": round(due, 1), "reason": one["error"]}
        yield Step(at=now, event="waits", pass_name=name, facts={**_known(facts), **counts})


def _steps_of_call(call: dict[str, Any]) -> Iterator[Step]:
    reader = {name: call[name] for name in ("provider", "model", "attempt")} | (
        {"batch": True} if call["batch"] else {}
    )
    yield Step(at=call["created_at"], event="provider called", pass_name=call["pass"], facts=reader)
    if call["completed_at"] is not None:
        facts = {name: call[name] for name in ("outcome", "latency_ms", *TOKENS, "cost_micros")}
        yield Step(at=call["completed_at"], event="provider answered", pass_name=call["pass"], facts=facts)


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
