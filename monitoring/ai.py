"""What the passes ask of AI providers: how often, how many tokens, for how much money."""

from __future__ import annotations

from itertools import product

from prometheus_client.core import Metric

from models.jobs import PassName
from monitoring.families import LabelledCounts, MonotonicCounter, counter, gauge
from monitoring.query import ask

# As the constraints on ai_responses have them.
PROVIDERS = ("local", "anthropic")
KINDS = ("input", "output", "cache_read", "cache_write")


def read_pauses() -> list[Metric]:
    """Return for how long nobody is to call each provider; 0 while it may be called. The reason is in the workers' log."""
    seconds: LabelledCounts = {(provider,): 0.0 for provider in PROVIDERS}
    for row in ask("pauses"):
        # Between two pauses one call finds out: until that is answered the provider still counts as paused.
        seconds[row["provider"],] = max(1.0, row["seconds_left"])
    return [
        gauge(
            "essaycoach_provider_pause_seconds", "For how long no worker will call this provider; 0: it may be called.",
            labels=("provider",), counts=seconds,
        )
    ]  # fmt: skip


def read_ai(ratchet: MonotonicCounter) -> list[Metric]:
    """Return calls, tokens and cost since the beginning; passes, providers and kinds are present from the start.

    Failed outcomes appear with their first case: an alert on their share needs the total, not each outcome's zero.
    """
    calls: LabelledCounts = dict.fromkeys(product(PassName, PROVIDERS, ("ok",)), 0.0)
    tokens: LabelledCounts = dict.fromkeys(product(PassName, KINDS), 0.0)
    cost: LabelledCounts = {(name,): 0.0 for name in PassName}
    into = {"ai_requests": calls, "ai_tokens": tokens, "ai_cost_micros": cost}
    for row in ask("totals", {"names": list(into)}):
        amount = row["count"] if row["name"] == "ai_requests" else row["total"]
        into[row["name"]][tuple(row["labels"])] = float(amount)
    for name, counts in into.items():
        for labels, amount in counts.items():
            counts[labels] = ratchet((name, *labels), amount)
    return [
        counter(
            "essaycoach_ai_requests_total", "Completed calls to a provider, failed ones included.",
            labels=("pass", "provider", "outcome"), counts=calls,
        ),
        counter("essaycoach_ai_tokens_total", "Tokens paid for.", labels=("pass", "kind"), counts=tokens),
        counter("essaycoach_ai_cost_micros_total", "Cost in micro-dollars.", labels=("pass",), counts=cost),
    ]  # fmt: skip
