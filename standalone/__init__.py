"""Standalone: how does one machine run the whole system?

Lives here: embedded PostgreSQL and Redis, a supervisor that runs every line of the Procfile and restarts each process that
ends, the demo org, and a demo that acts as an LMS, a student, an educator and an operator.
May not: be needed in production, or import a room other than `models` (the other rooms run as processes).
Start with: `machine` (the order in which everything starts), `supervisor` (how a process is kept running).
Run: `python -m standalone up`, `python -m standalone demo`.
"""
