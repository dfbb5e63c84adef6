"""One log line for each accepted hand-in and one for each 5xx. Other requests are counted in the metrics only."""

from __future__ import annotations

import time

from flask import Flask, Response, g, request

from ingest.web.metrics import METHODS
from models.log import logger

log = logger(__name__)


def register(app: Flask) -> None:
    """Log the requests of this app that have a line."""
    app.after_request(_log_request)


def note_hand_in(submission: str) -> None:
    """Say which submission this request handed in, or queued again."""
    g.handed_in = submission


def _log_request(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule is not None else "unmatched"
    facts = {
        "method": request.method if request.method in METHODS else "other",
        "route": route,
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.metrics_started) * 1000) if "metrics_started" in g else None,
    }
    if response.status_code >= 500:
        log.error("request failed", reason=g.get("problem_slug"), **facts)
    elif "handed_in" in g:
        log.info("hand-in accepted", submission_id=g.handed_in, **facts)
    return response
