"""Metrics of calls to AI providers: their number, their tokens, their cost, budgets, pauses, and versions that are not approved."""

from __future__ import annotations

import re
from itertools import product

from prometheus_client.core import Metric

from models.jobs import PassName
from monitoring.families import Column, LabelledCounts, MonotonicCounter, counter, gauge, spread
from monitoring.query import ask

# The same lists as in the CHECK constraints on ai_responses.
PROVIDERS = ("local", "anthropic")
KINDS = ("input", "output", "cache_read", "cache_write")
# The same list as in `workers/job/approvals.py`.
UNAPPROVED_RESULTS = ("replaced", "left_out", "waits")
# The same form as in the CHECK constraint on provider_pauses.
_REASON = re.compile(r"[a-z_]{1,40}")


def read_pauses() -> list[Metric]:
    """Return for how many seconds no worker will call each provider, and why; 0 and `ok` where calls are allowed."""
    seconds: LabelledCounts = {(provider,): 0.0 for provider in PROVIDERS}
    states: LabelledCounts = {(provider, "ok"): 1.0 for provider in PROVIDERS}
    for row in ask("pauses"):
        provider, reason = row["provider"], row["reason"]
        # After a pause one probe call decides. Until it has an answer, the provider still counts as paused.
        seconds[provider,] = max(1.0, row["seconds_left"])
        states[provider, "ok"] = 0.0
        states[provider, reason if _REASON.fullmatch(reason) else "other"] = 1.0
    return [
        gauge(
            "essaycoach_provider_pause_seconds", "Seconds for which no worker will call this provider; 0: calls are allowed.",
            labels=("provider",), counts=seconds,
        ),
        gauge(
            "essaycoach_provider_state", "1 for the state that the provider is in: ok, or why it is paused.",
            labels=("provider", "reason"), counts=states,
        ),
    ]  # fmt: skip


def read_org_spend() -> list[Metric]:
    """Return the ten largest shares of a month's budget that orgs have used, by rank. Which org has which rank changes."""
    text = "Share of this month's budget that is used, of the ten orgs with the largest."
    return spread(
        ask("org_spend"),
        labels=("rank",),
        columns=[Column(name="essaycoach_org_spend_ratio", column="ratio", help=text)],
    )


def read_ai(monotonic: MonotonicCounter) -> list[Metric]:
    """Return the totals of calls, tokens, cost and readers that are not approved, each with a sample from the start.

    The exception: a failed outcome gets its sample with the first failure. An alert on the share of failures needs the sum
    of all calls, so it needs no zero for each outcome.
    """
    calls: LabelledCounts = dict.fromkeys(product(PassName, PROVIDERS, ("ok",)), 0.0)
    tokens: LabelledCounts = dict.fromkeys(product(PassName, KINDS), 0.0)
    cost: LabelledCounts = {(name,): 0.0 for name in PassName}
    unapproved: LabelledCounts = dict.fromkeys(product(PassName, PROVIDERS, UNAPPROVED_RESULTS), 0.0)
    counts_by_name = {
        "ai_requests": calls, "ai_tokens": tokens, "ai_cost_micros": cost, "unapproved_readers": unapproved,
    }  # fmt: skip
    for row in ask("totals", {"names": list(counts_by_name)}):
        amount = row["count"] if row["name"] in ("ai_requests", "unapproved_readers") else row["total"]
        counts_by_name[row["name"]][tuple(row["labels"])] = float(amount)
    for name, counts in counts_by_name.items():
        for labels, amount in counts.items():
            counts[labels] = monotonic((name, *labels), amount)
    return [
        counter(
            "essaycoach_ai_requests_total", "Completed calls to a provider, failed ones included.",
            labels=("pass", "provider", "outcome"), counts=calls,
        ),
        counter("essaycoach_ai_tokens_total", "Tokens paid for.", labels=("pass", "kind"), counts=tokens),
        counter("essaycoach_ai_cost_micros_total", "Cost in micro-dollars.", labels=("pass",), counts=cost),
        counter(
            "essaycoach_unapproved_readers_total", "Readings from which a version was kept that the org has not approved.",
            labels=("pass", "provider", "result"), counts=unapproved,
        ),
    ]  # fmt: skip
