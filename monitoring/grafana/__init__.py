"""The dashboards: described in Python that a person can review, written as the JSON that Grafana reads.

Lives here: one file for each dashboard, `panels` (what a panel is and how it becomes JSON), and the written dashboards/*.json.
May not: read a server; a description only holds queries.
Run: `python -m monitoring.grafana` after a change, and commit what it writes. A test compares the two.
"""
