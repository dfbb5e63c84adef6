"""Standalone: how does one machine run all of it?

Lives here: embedded PostgreSQL and Redis, a supervisor that runs every line of the Procfile and restarts what dies, the
demo org, and a demo that plays an LMS, a student, an educator and an ops person.
May not: be needed in production, or import a room other than models (it runs the others as processes).
Doors: `python -m standalone up`, `python -m standalone demo`.
"""
