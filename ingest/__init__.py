"""Ingest: the HTTP API, the pages for people, and the command line for operators (`python -m ingest`).

Lives here, one folder per subject:
    web          what every route uses: problem documents, request bodies, OpenAPI, pagination, rate limits, identity, metrics
    accounts     sign-in, passwords and the e-mails for invitations and resets
    submissions  handing in essays by API or webhook, their status, failed passes, reruns and rubric previews
    feedback     reading, reviewing and releasing feedback, saved comments, progress between versions
    lms          LTI 1.3: registration, launches, deep linking, the people of a course
    pages        what people look at in a browser: sign-in, a student's essays; templates, styles and translations
    admin        people, courses, assignments, rubrics, the org, API keys, sources, audit trail, rosters, data rights
May not: hold SQL, call an AI provider, or import `workers`. A route handler checks the request, opens a database session,
calls functions of `models`, sends hints and answers.
Start with: `app` (what is registered), `submissions/routes` (one request from start to end), `web/problems` (from a domain
error to an HTTP answer), `web/identity` (who is asking). `gunicorn` and `settings` say how the program runs.
Run: `gunicorn -c ingest/gunicorn.py "ingest.app:create_app()"` and `python -m ingest create-org`.
"""
