"""Monitoring: how is it going?

Lives here: the probes, which read PostgreSQL (as the read-only role ec_monitor), Redis, the data's disk and ingest's request counts; one
SQL statement per file in queries/; and the alert rules and the dashboard that use the metrics.
May not: write (but one key in Redis that expires within a second), import `ingest` or `workers`, or put an id, a name or a text in a label.
Start with: `catalogue` (every metric and its meaning), `__main__` (which probes run), `collector` (how a scrape is answered), `query`
(how a probe reads PostgreSQL).
Run: `python -m monitoring`, then GET /metrics, or / for people (`page`, of `tiles` and what needs `attention`).
"""
