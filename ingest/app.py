"""The application: settings in, a Flask app out. Nothing is connected before the first request needs it."""

from __future__ import annotations

import re
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from ingest import settings as ingest_settings
from ingest.accounts import mail, passwords, sign_in
from ingest.admin import api_keys, assignments, audit, courses, data_rights, orgs, roster, rubrics, sources, users
from ingest.feedback import progress, releases, reviews, saved_comments, view
from ingest.submissions import essays, failed_passes, reruns, routes, rubric_previews, webhooks
from ingest.web import health, identity, metrics, openapi, problems, rate_limits
from ingest.web.body import MAX_BODY_BYTES
from ingest.web.long_poll import LongPollSlots
from models import crypto, db, log, settings
from models.broker import make_broker

# Sixteen threads a process, of which up to half may wait for something without a connection.
POOL_SIZE = 10
# A client is told to come back within two seconds when the database has fallen silent.
ANSWER_SECONDS = 1.5
# What a browser is told with every answer: guess no type, tell nobody where one came from, lend nothing to other sites.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def create_app() -> Flask:
    """Return the app, with every door registered, from this process's environment. Raises SettingsError."""
    log.set_up("ingest")
    chosen = ingest_settings.read()
    db.connect(settings.read_store("ec-ingest", pool_size=POOL_SIZE, answer_seconds=ANSWER_SECONDS))
    crypto.load(settings.read_crypto())

    app = Flask("ingest", static_folder=None)
    # A doubled slash is another address; werkzeug would redirect it, to whatever host the request named.
    app.url_map.merge_slashes = False
    # One more than is allowed: a chunked body is cut off there in silence, and `read_bytes` must see that it was.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    app.extensions["essaycoach.settings"] = chosen
    app.extensions["essaycoach.broker"] = make_broker(chosen.redis_url, answer_seconds=0.5)
    app.extensions["essaycoach.waiting"] = LongPollSlots(chosen.waiting_slots)
    identity.set_up(app, chosen)
    rate_limits.set_up(app, chosen)
    mail.set_up(app, chosen)
    for room in (
        sign_in,
        routes,
        failed_passes,
        essays,
        webhooks,
        health,
        api_keys,
        sources,
        audit,
        data_rights,
        roster,
    ):
        app.register_blueprint(room.blueprint)
    for room in (users, courses, assignments, rubrics, orgs):
        app.register_blueprint(room.blueprint)
    for room in (passwords, reviews, releases, reruns, saved_comments, view, progress, rubric_previews):
        app.register_blueprint(room.blueprint)
    problems.register(app)
    openapi.register(app)
    metrics.register(app)
    if chosen.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=chosen.proxies, x_proto=chosen.proxies)  # type: ignore[method-assign]
    app.before_request(_begin)
    app.after_request(_finish)
    return app


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(program="ingest", request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return response
