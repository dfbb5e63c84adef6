"""Liveness and readiness checks."""

from __future__ import annotations

import redis
from flask import Blueprint, Response, current_app, jsonify

from ingest.web import schemas
from ingest.web.openapi import operation
from models.broker import HintBroker
from models.db import SCHEMA, schema_version, session
from models.errors import DatabaseAway
from models.redis_refusals import reason_of

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@operation("Check that the process is alive", answers={200: schemas.Health}, security=())
def alive() -> Response:
    """Answer 200 as long as the process runs. It asks neither the database nor Redis, so their outage does not restart it."""
    return jsonify({"status": "ok", "checks": {}})


@blueprint.get("/readyz")
@operation("Check that the service is ready", answers={200: schemas.Health, 503: schemas.Health}, security=())
def ready() -> tuple[Response, int]:
    """Answer 503 when the database cannot be reached or its schema is too old.

    While Redis is away or refuses our work, the status is `degraded` and the answer is still 200: essays are accepted and
    processed later.
    """
    checks = {"database": _check_database(), "redis": _check_redis()}
    if checks["database"] != "ok":
        return jsonify({"status": "unavailable", "checks": checks}), 503
    return jsonify({"status": "ok" if checks["redis"] == "ok" else "degraded", "checks": checks}), 200


def _check_database() -> str:
    try:
        with session():
            found = schema_version()
    except DatabaseAway:
        return "cannot be reached"
    return "ok" if found is not None and found >= SCHEMA else f"schema is at {found}, this program needs {SCHEMA}"


def _check_redis() -> str:
    broker: HintBroker = current_app.extensions["essaycoach.broker"]
    try:
        broker.check()
    except redis.RedisError as error:
        return f"{reason_of(error).description}; hints are left to the clock"
    return "ok"
