"""The door of the stock system: a row is committed, then three messages are sent; where that fails, the client comes again."""

from __future__ import annotations

from contextlib import suppress

import psycopg2
import redis
from flask import Flask, request

from tests.chaos.stock.tasks import send, store

app = Flask(__name__)

Said = tuple[dict[str, str], int]


@app.get("/healthz")
def healthz() -> Said:
    """The program answers."""
    return {"status": "ok"}, 200


@app.post("/submissions")
def hand_in() -> Said:
    """202: the piece has a row and its messages went out, now or earlier. 503: come again with the same key."""
    piece = request.get_json()
    try:
        submission, sent = _keep(piece["key"], text=piece["text"])
        if not sent:
            send(submission)
            _note_sent(submission)
    except (psycopg2.Error, redis.RedisError) as error:
        return {"error": type(error).__name__}, 503
    return {"id": str(submission)}, 202


def _keep(key: str, *, text: str) -> tuple[int, bool]:
    """The piece has its one row; its id is returned, and whether its messages are known to have been sent."""
    with store() as cursor:
        cursor.execute("insert into submissions (key, text) values (%s, %s) on conflict (key) do nothing", (key, text))
        cursor.execute(
            "select id, coalesce(enqueued_at, finished_at) is not null from submissions where key = %s", (key,)
        )
        submission, sent = cursor.fetchone()
    return submission, sent


def _note_sent(submission: int) -> None:
    """A client that comes again with this key will not have the messages sent twice, if the database could be told."""
    # Without this note either each repeat of a key would double the work, or none would help a piece that was never sent.
    with suppress(psycopg2.Error), store() as cursor:
        cursor.execute("update submissions set enqueued_at = clock_timestamp() where id = %s", (submission,))
