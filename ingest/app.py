"""Create the Flask app from the settings. No database connection is opened before the first request needs one."""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from ingest import settings as ingest_settings
from ingest.accounts import passwords, second_factor, sessions, sign_in
from ingest.admin import (
    api_keys,
    approvals,
    assignments,
    audit,
    courses,
    data_rights,
    endpoints,
    logs,
    orgs,
    retention,
    roster,
    rubrics,
    sign_in_provider,
    source_status,
    sources,
    users,
)
from ingest.feedback import comment_types, progress, releases, review_queue, reviews, saved_comments, view
from ingest.lms import notices
from ingest.lms import routes as platform_routes
from ingest.pages import registry as pages
from ingest.reports import routes as report_routes
from ingest.submissions import (
    deliveries,
    essay_links,
    essays,
    failed_passes,
    files,
    reruns,
    routes,
    rubric_previews,
    source_trials,
    texts,
    webhooks,
)
from ingest.web import (
    cors,
    health,
    identity,
    key_sets,
    metrics,
    openapi,
    outgoing,
    problems,
    rate_limits,
    request_log,
    security_contact,
    security_log,
    system_log,
)
from ingest.web.body import max_bytes
from ingest.web.response_headers import CACHE_CONTROL, CONTENT_SECURITY_POLICY, SECURITY_HEADERS, request_id_for
from ingest.web.trace import trace_for
from models import crypto, db, log, security_events, settings
from models.broker import make_broker

# A process has 16 threads by default. Not all of them need the database at the same moment.
POOL_SIZE = 10
# A statement gets this long, so that a client has its 503 within two seconds when the database stops answering.
ANSWER_SECONDS = 1.5


def create_app() -> Flask:
    """Return the app with every route registered. Reads this process's environment. Raises SettingsError."""
    log.set_up("ingest", level=settings.log_level())
    config = ingest_settings.read()
    security_events.set_up("ingest", count=metrics.count_security_event)
    db.connect(settings.read_store("ec-ingest", pool_size=POOL_SIZE, answer_seconds=ANSWER_SECONDS))
    crypto.load(settings.read_crypto())

    app = Flask("ingest", static_folder=None)
    # werkzeug would redirect a path with a double slash to whatever host the request names. Answer 404 instead.
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    app.extensions["essaycoach.settings"] = config
    app.extensions["essaycoach.broker"] = make_broker(config.redis_url, answer_seconds=0.5)
    identity.set_up(app, config)
    rate_limits.set_up(app, config)
    system_log.set_up(app)
    outgoing.set_up(app, config)
    key_sets.set_up(app)
    for module in (
        sign_in,
        sessions,
        routes,
        failed_passes,
        essays,
        webhooks,
        deliveries,
        source_trials,
        health,
        api_keys,
        source_status,
        sources,
        endpoints,
        audit,
        data_rights,
        retention,
        approvals,
        roster,
    ):
        app.register_blueprint(module.blueprint)
    for module in (users, courses, assignments, rubrics, orgs, sign_in_provider, platform_routes, notices):
        app.register_blueprint(module.blueprint)
    for module in (passwords, reviews, releases, reruns, saved_comments, view, progress, rubric_previews):
        app.register_blueprint(module.blueprint)
    for module in (texts, files, review_queue, comment_types, logs, second_factor, report_routes, essay_links):
        app.register_blueprint(module.blueprint)
    pages.register(app)
    problems.register(app)
    openapi.register(app)
    metrics.register(app)
    request_log.register(app)
    security_log.register(app)
    security_contact.register(app, contact=config.security_contact)
    cors.register(app, origins=config.allowed_origins)
    if config.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.proxies, x_proto=config.proxies)  # type: ignore[method-assign]
    app.before_request(_start_request)
    app.after_request(_finish_response)
    return app


def _start_request() -> None:
    # One byte more than is allowed: werkzeug silently cuts a chunked body off here, and `read_bytes` must notice that.
    request.max_content_length = max_bytes(request.method, request.path) + 1
    request.max_form_memory_size = request.max_content_length
    g.request_id = request_id_for(request.headers.get("X-Request-Id", ""))
    g.trace = trace_for(request.headers.get("traceparent", ""))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id, trace_id=g.trace.trace_id)


def _finish_response(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if "trace" in g:
        response.headers["traceresponse"] = g.trace.header
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("Cache-Control", CACHE_CONTROL)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return response
