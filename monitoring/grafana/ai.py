"""The dashboard "AI: cost and quality": what the providers cost, how often they fail, and whether their answers are fit."""

from __future__ import annotations

from monitoring.grafana.panels import Dashboard, Panel, Query, Row, stat

DASHBOARD = Dashboard(
    uid="essaycoach-ai",
    title="AI: cost and quality",
    answers="What the AI providers cost, how often their calls fail, and whether what they answer can be used.",
    rows=(
        Row(
            title="Now",
            panels=(
                stat(
                    "Cost, last 24 h", "sum(increase(essaycoach_ai_cost_micros_total[24h])) / 1e6",
                    "Dollars, over all passes and providers.", unit="currencyUSD", width=6,
                ),
                stat(
                    "Cost of an essay",
                    "sum(increase(essaycoach_ai_cost_micros_total[24h])) / 1e6 / sum(increase(essaycoach_feedback_seconds_count[24h]))",
                    "Dollars of the last 24 hours for each essay finished in them.", unit="currencyUSD", width=6,
                ),
                stat(
                    "Calls that fail",
                    '(sum(increase(essaycoach_ai_requests_total{outcome!="ok"}[15m])) or vector(0))'
                    " / sum(increase(essaycoach_ai_requests_total[15m]))",
                    "Share of the last 15 minutes. Over 20 % AiCallsFail pages.",
                    unit="percentunit", width=6, thresholds=((0.05, "orange"), (0.2, "red")),
                ),
                stat(
                    "Longest pause", "max(essaycoach_provider_pause_seconds)",
                    "For how long no worker will call a provider; 0: calls are allowed.",
                    unit="s", width=6, thresholds=((1, "red"),),
                ),
            ),
        ),
        Row(
            title="Cost",
            panels=(
                Panel(
                    title="Cost by pass", unit="currencyUSD", stacked=True,
                    answers="Dollars in the hour before each point. A pass that costs more than before has a longer prompt or "
                    "answer, or another model.",
                    queries=(
                        Query(expr="sum by (pass) (increase(essaycoach_ai_cost_micros_total[1h])) / 1e6", legend="{{pass}}"),
                    ),
                ),
                Panel(
                    title="Tokens", stacked=True,
                    answers="Tokens each second by kind. Much input and no cache_read: the prompt cache does not work.",
                    queries=(Query(expr="sum by (kind) (rate(essaycoach_ai_tokens_total[$__rate_interval]))", legend="{{kind}}"),),
                ),
                Panel(
                    title="Input from the prompt cache", unit="percentunit", most=1,
                    answers="Share of input tokens that the provider had in its cache, at a tenth of the price.",
                    queries=(
                        Query(
                            expr='sum(increase(essaycoach_ai_tokens_total{kind="cache_read"}[1h]))'
                            ' / sum(increase(essaycoach_ai_tokens_total{kind!="output"}[1h]))',
                            legend="from the cache",
                        ),
                    ),
                ),
                Panel(
                    title="Budgets nearly used", kind="bargauge", unit="percentunit", most=1, width=24, height=7,
                    answers="The ten orgs that have used most of their monthly budget, by rank and without a name. At 100 % their "
                    "passes wait with `org_budget_spent`. Which org it is: `python -m ingest list-orgs`.",
                    queries=(Query(expr="max by (rank) (essaycoach_org_spend_ratio)", legend="{{rank}}"),),
                    thresholds=((0.8, "orange"), (1, "red")),
                ),
            ),
        ),
        Row(
            title="Calls",
            panels=(
                Panel(
                    title="Calls by outcome", unit="ops", stacked=True,
                    answers="Completed calls each second. rate_limited and overloaded pass by themselves; unauthorised and "
                    "budget_spent need a person; not_json and wrong_schema mean that a prompt or model changed.",
                    queries=(
                        Query(
                            expr="sum by (provider, outcome) (rate(essaycoach_ai_requests_total[$__rate_interval]))",
                            legend="{{provider}}, {{outcome}}",
                        ),
                    ),
                ),
                Panel(
                    title="Provider state",
                    answers="For each provider and reason: 1 where calls are stopped for this reason, and for how long. Once the cause is "
                    "mended one call finds out by itself; no restart is needed.",
                    queries=(
                        Query(expr="max by (provider, reason) (essaycoach_provider_state)", legend="{{provider}}, {{reason}}"),
                    ),
                ),
                Panel(
                    title="Provider pauses", unit="s",
                    answers="Seconds for which no worker will call the provider. 0: calls are allowed.",
                    queries=(Query(expr="max by (provider) (essaycoach_provider_pause_seconds)", legend="{{provider}}"),),
                ),
            ),
        ),
        Row(
            title="Quality",
            panels=(
                Panel(
                    title="Comments without a place", unit="short", width=12,
                    answers="Comments in the last hour whose words could not be found in the essay. They are never shown at a "
                    "place. A rise means that a model no longer quotes exactly.",
                    queries=(Query(expr="sum(increase(essaycoach_unanchored_comments_total[1h]))", legend="comments"),),
                ),
                Panel(
                    title="Not approved", width=12,
                    answers="Readings in the last hour from which a version was kept that an org has not approved. replaced: the "
                    "last approved version reads. left_out: the local rules do not read beside Claude. waits: the essay waits.",
                    queries=(
                        Query(
                            expr="sum by (pass, provider, result) (increase(essaycoach_unapproved_readers_total[1h]))",
                            legend="{{pass}}, {{provider}}, {{result}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)  # fmt: skip
