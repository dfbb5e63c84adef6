"""The app for gunicorn, in which requests wait for up to ten minutes: a busy machine may need more than the usual 25 seconds."""

from __future__ import annotations

from ingest.app import create_app
from ingest.submissions import routes

__all__ = ["create_app"]

routes.MAX_WAIT_SECONDS = 600
