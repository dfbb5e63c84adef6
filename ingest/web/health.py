"""Is it alive, and can it serve?"""

from __future__ import annotations

import redis
from flask import Blueprint, Response, current_app, jsonify

from ingest.web import schemas
from ingest.web.openapi import operation
from models.broker import HintBroker
from models.db import SCHEMA, schema_version, session
from models.errors import DatabaseAway

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@operation("Alive", answers={200: schemas.Health}, security=())
def alive() -> Response:
    """Answer without asking anyone: a database that blinks must not get this process restarted."""
    return jsonify({"status": "ok", "checks": {}})


@blueprint.get("/readyz")
@operation("Ready to serve", answers={200: schemas.Health, 503: schemas.Health}, security=())
def ready() -> tuple[Response, int]:
    """Answer 503 without a database or with too old a schema; without Redis it is degraded, still 200: essays are taken."""
    checks = {"database": _database(), "redis": _redis()}
    if checks["database"] != "ok":
        return jsonify({"status": "unavailable", "checks": checks}), 503
    return jsonify({"status": "ok" if checks["redis"] == "ok" else "degraded", "checks": checks}), 200


def _database() -> str:
    try:
        with session():
            found = schema_version()
    except DatabaseAway:
        return "cannot be reached"
    return "ok" if found is not None and found >= SCHEMA else f"schema is at {found}, this program needs {SCHEMA}"


def _redis() -> str:
    broker: HintBroker = current_app.extensions["essaycoach.broker"]
    try:
        broker.client.ping()
    except redis.RedisError:
        return "cannot be reached; hints are left to the clock"
    return "ok"
