"""Ingest: what did the client ask?

Lives here: the doors of docs/api (one file per resource), who is asking, strict reading of what they sent, and the one
place where a domain error becomes an HTTP answer.
May not: hold SQL, call the AI, or import workers. A handler checks, opens one session, calls verbs, sends hints, answers.
Doors: `gunicorn -c ingest/gunicorn.py ingest.app:create_app()`, `python -m ingest create-org`.
"""
