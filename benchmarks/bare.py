"""The bare handler to compare with: Flask, one statement that inserts an essay and three rows, a commit, one LPUSH.

It has no token, no row security, no encryption, and checks only that the body is JSON. It runs under the same gunicorn,
PostgreSQL and Redis as EssayCoach's ingest.
"""

from __future__ import annotations

import os
import threading

import psycopg2
import redis
from flask import Flask, Response, jsonify, request

SCHEMA = """
create table if not exists bare_essays (id uuid primary key default uuidv7(), title text not null, body text not null);
create table if not exists bare_passes (
    id uuid primary key default uuidv7(), essay_id uuid not null references bare_essays (id), name text not null
);
"""
INSERT = """
with essay as (insert into bare_essays (title, body) values (%s, %s) returning id)
insert into bare_passes (essay_id, name) select id, unnest(array['grammar', 'structure', 'content']) from essay returning essay_id
"""


def create_app() -> Flask:
    """Return the bare app. The tables of SCHEMA must exist."""
    app = Flask("bare", static_folder=None)
    url = os.environ["BARE_DATABASE_URL"]
    broker = redis.Redis.from_url(os.environ["BARE_REDIS_URL"])
    local = threading.local()

    @app.post("/bare")
    def hand_in() -> tuple[Response, int]:
        body = request.get_json()
        if not hasattr(local, "connection"):
            local.connection = psycopg2.connect(url)
        with local.connection, local.connection.cursor() as cursor:
            cursor.execute(INSERT, (body["title"], body["text"]))
            essay = cursor.fetchone()[0]
        broker.lpush("bare", str(essay))
        return jsonify(id=essay), 202

    return app
