"""Metrics of the queues and their passes, computed from rows, so they are right also while workers, clock or Redis are down."""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import suppress
from itertools import product
from typing import Any

import redis
from prometheus_client.core import Metric

from models.broker import HintBroker
from models.jobs import PASS_QUEUES, PassName, Queue
from models.redis_refusals import Refusal, reason_of
from monitoring.families import MonotonicCounter, Row, counter, gauge, histogram
from monitoring.query import ask

STATES = ("queued", "running")
OUTCOMES = ("done", "gave_up", "cancelled")
ATTEMPTS = ("first", "retry")
# Reasons come from a short closed list of words. Any other value would put a text in a label.
_REASON = re.compile(r"[a-z][a-z_]{0,39}")


def read_queues() -> list[Metric]:
    """Return the depth of every queue and the age of its oldest due pass, empty queues included, and the overdue leases.

    A running pass whose lease has ended is due as well.
    """
    depth: dict[tuple[str, ...], float] = dict.fromkeys(product(PASS_QUEUES, STATES), 0.0)
    oldest: dict[tuple[str, ...], float] = {(queue,): 0.0 for queue in PASS_QUEUES}
    overdue = 0.0
    for row in ask("queues"):
        depth[row["queue"], row["state"]] = row["depth"]
        oldest[row["queue"],] = max(oldest[row["queue"],], row["oldest_age_seconds"])
        overdue += row["overdue"]
    return [
        gauge(
            "essaycoach_queue_depth", "Passes that wait (also for a retry) or run, counted from rows.",
            labels=("queue", "state"), counts=depth,
        ),
        gauge(
            "essaycoach_queue_oldest_age_seconds", "How long the oldest due pass has been waiting for a worker.",
            labels=("queue",), counts=oldest,
        ),
        gauge(
            "essaycoach_leases_overdue", "Running passes whose lease ended more than 30 seconds ago: the clock frees none.",
            labels=(), counts={(): overdue},
        ),
    ]  # fmt: skip


def read_gave_up() -> list[Metric]:
    """Return the number of given-up passes by pass and reason.

    Every pass has a sample from the start, so that an alert sees a rise from 0.
    """
    counts: dict[tuple[str, ...], float] = defaultdict(float, {(name, "worker_lost"): 0.0 for name in PassName})
    for row in ask("gave_up"):
        counts[row["pass"], row["reason"] if _REASON.fullmatch(row["reason"]) else "other"] += row["total"]
    return [
        gauge(
            "essaycoach_gave_up", "Given-up passes neither retried nor discarded, counted from rows.",
            labels=("pass", "reason"), counts=counts,
        )
    ]  # fmt: skip


def read_totals(monotonic: MonotonicCounter) -> list[Metric]:
    """Return waits, durations and tallies over all time. Every queue and pass has a sample from the start."""
    bounds = [float(bound) for bound in ask("wait_bounds")[0]["bounds"]]
    feedback_bounds = [float(bound) for bound in ask("feedback_bounds")[0]["bounds"]]
    feedback: dict[tuple[str, ...], Row] = {(queue,): _EMPTY_ROW for queue in PASS_QUEUES}
    waits = dict(feedback)
    durations: dict[tuple[str, ...], Row] = dict.fromkeys(product(PassName, OUTCOMES), _EMPTY_ROW)
    attempts: dict[tuple[str, ...], Row] = dict.fromkeys(product(PassName, ATTEMPTS), _EMPTY_ROW)
    labelled = {"feedback": feedback, "queue_wait": waits, "pass_duration": durations, "pass_attempts": attempts}
    tallies: dict[str, float] = {"leases_expired": 0.0, "fenced_writes": 0.0, "unanchored_comments": 0.0}
    for row in ask("totals", {"names": [*labelled, *tallies]}):
        if row["name"] in labelled:
            labelled[row["name"]][tuple(row["labels"])] = row
        else:
            tallies[row["name"]] = row["count"]
    return [
        histogram(
            "essaycoach_feedback_seconds", "Time from receipt of a version to its first final status.",
            labels=("queue",), rows=feedback, bounds=feedback_bounds, monotonic=monotonic,
        ),
        counter(
            "essaycoach_pass_attempts_total", "Attempts of ended passes: first ones, and retries.", labels=("pass", "kind"),
            counts={labels: monotonic(("pass_attempts", *labels), row["count"]) for labels, row in attempts.items()},
        ),
        histogram(
            "essaycoach_queue_wait_seconds", "Time from due to first claim, of finished passes.",
            labels=("queue",), rows=waits, bounds=bounds, monotonic=monotonic,
        ),
        histogram(
            "essaycoach_pass_duration_seconds", "Time from the last claim to the end of a pass.",
            labels=("pass", "outcome"), rows=durations, bounds=bounds, monotonic=monotonic,
        ),
        _tally("leases_expired", "Claims whose worker did not renew its lease; the pass was freed or given up.", tallies, monotonic),
        _tally("fenced_writes", "Writes refused because another claim held the pass.", tallies, monotonic),
        _tally(
            "unanchored_comments", "Comments whose words could not be placed in the essay: stored, never shown at a place.",
            tallies, monotonic,
        ),
    ]  # fmt: skip


def read_redis(broker: HintBroker, monotonic: MonotonicCounter) -> list[Metric]:
    """Return for each reason whether Redis is free of it, and how many hints wait and foreign messages were dropped.

    Raises redis.RedisError when Redis cannot be reached. While it loads its data, it counts no hints either.
    """
    usable: dict[tuple[str, ...], float] = {(reason,): 1.0 for reason in Refusal if reason is not Refusal.AWAY}
    depths: dict[tuple[str, ...], float] = {}
    try:
        broker.check()
    except redis.RedisError as error:
        reason = reason_of(error)
        if reason is Refusal.AWAY:
            raise
        usable[reason,] = 0.0
    dropped: dict[tuple[str, ...], float] = {}
    with suppress(redis.RedisError):
        depths = {(queue,): broker.depth(queue) for queue in Queue}
        dropped = {(queue,): monotonic(("dropped", queue), count) for queue, count in broker.dropped().items()}
    return [
        gauge(
            "essaycoach_redis_usable", "0: Redis answers, but refuses our work for this reason.",
            labels=("reason",), counts=usable,
        ),
        gauge("essaycoach_redis_depth", "Hints waiting in Redis.", labels=("queue",), counts=depths),
        counter(
            "essaycoach_dropped_messages_total", "Messages in Redis that were no hints of ours, and were dropped.",
            labels=("queue",), counts=dropped,
        ),
    ]  # fmt: skip


_EMPTY_ROW: dict[str, Any] = {"count": 0, "total": 0.0, "buckets": None}


def _tally(name: str, text: str, tallies: dict[str, float], monotonic: MonotonicCounter) -> Metric:
    return counter(f"essaycoach_{name}_total", text, labels=(), counts={(): monotonic((name,), tallies[name])})
