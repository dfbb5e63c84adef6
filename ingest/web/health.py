"""Liveness and readiness checks."""

from __future__ import annotations

import redis
from flask import Blueprint, Response, current_app, jsonify

from ingest.web import schemas
from ingest.web.openapi import operation
from models.broker import HintBroker
from models.db import SCHEMA, require_writable, schema_version, session
from models.errors import DatabaseAway, DatabaseReadOnly
from models.keys import keys_missing
from models.redis_refusals import reason_of
from models.restored import held_since

blueprint = Blueprint("health", __name__)

KEYS_MISSING = "missing: run python -m workers keys restore"
ON_HOLD = "restored, on hold: no AI, webhooks or mail until python -m workers backup release"


@blueprint.get("/healthz")
@operation("Check that the process is alive", answers={200: schemas.Health}, security=())
def alive() -> Response:
    """Answer 200 as long as the process runs. It asks neither the database nor Redis, so their outage does not restart it."""
    return jsonify({"status": "ok", "checks": {}})


@blueprint.get("/readyz")
@operation("Check that the service is ready", answers={200: schemas.Health, 503: schemas.Health}, security=())
def ready() -> tuple[Response, int]:
    """Answer 503 when the database cannot be reached, cannot write or has too old a schema, and when people's keys are missing.

    While Redis is away or refuses our work, and on a restored copy that is not released, the status is `degraded` and the
    answer is still 200: essays are accepted and processed later.
    """
    checks = {**_check_database(), "redis": _check_redis()}
    if checks["database"] != "ok" or "keys" in checks:
        return jsonify({"status": "unavailable", "checks": checks}), 503
    is_whole = checks["redis"] == "ok" and "copy" not in checks
    return jsonify({"status": "ok" if is_whole else "degraded", "checks": checks}), 200


def _check_database() -> dict[str, str]:
    try:
        with session():
            found = schema_version()
            if found is None or found < SCHEMA:
                return {"database": f"schema is at {found}, this program needs {SCHEMA}"}
            require_writable()
            missing, held = keys_missing(), held_since()
    except DatabaseReadOnly:
        return {"database": "cannot write (read-only)"}
    except DatabaseAway:
        return {"database": "cannot be reached"}
    return {"database": "ok"} | ({"keys": KEYS_MISSING} if missing else {}) | ({"copy": ON_HOLD} if held else {})


def _check_redis() -> str:
    broker: HintBroker = current_app.extensions["essaycoach.broker"]
    try:
        broker.check()
    except redis.RedisError as error:
        return f"{reason_of(error).description}; hints are left to the clock"
    return "ok"
