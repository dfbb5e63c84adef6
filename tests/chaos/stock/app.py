"""Ingest of the stock system: commit a row, then send three messages. When that fails, the client tries again."""

from __future__ import annotations

from contextlib import suppress

import psycopg2
import redis
from flask import Flask, request

from tests.chaos.stock.tasks import send, store

app = Flask(__name__)

JsonResponse = tuple[dict[str, str], int]


@app.get("/healthz")
def healthz() -> JsonResponse:
    """Answer that the program is up."""
    return {"status": "ok"}, 200


@app.post("/submissions")
def hand_in() -> JsonResponse:
    """Answer 202 when the essay has a row and its messages were sent, now or earlier; 503 when the client shall try again."""
    essay = request.get_json()
    try:
        submission, sent = _insert_once(essay["key"], text=essay["text"])
        if not sent:
            send(submission)
            _note_sent(submission)
    except (psycopg2.Error, redis.RedisError) as error:
        return {"error": type(error).__name__}, 503
    return {"id": str(submission)}, 202


def _insert_once(key: str, *, text: str) -> tuple[int, bool]:
    """Insert the essay's row unless it exists; return its id and whether its messages are known to have been sent."""
    with store() as cursor:
        cursor.execute("insert into submissions (key, text) values (%s, %s) on conflict (key) do nothing", (key, text))
        cursor.execute(
            "select id, coalesce(enqueued_at, finished_at) is not null from submissions where key = %s", (key,)
        )
        submission, sent = cursor.fetchone()
    return submission, sent


def _note_sent(submission: int) -> None:
    """Record that the messages were sent, so that a repeated request does not send them again. Database errors are ignored."""
    # Without this record a repeated request would either always double the work or never send messages that are missing.
    with suppress(psycopg2.Error), store() as cursor:
        cursor.execute("update submissions set enqueued_at = clock_timestamp() where id = %s", (submission,))
