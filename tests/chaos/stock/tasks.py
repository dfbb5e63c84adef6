"""The worker of the stock system, built from Dramatiq's own parts: its retries, its groups and a callback at the end of a group."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import dramatiq
import psycopg2
from dramatiq.brokers.redis import MAINTENANCE_SCALE, RedisBroker
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits.backends import RedisBackend

NAMES = ("grammar", "structure", "content")

# Two settings in favour of stock Dramatiq. By default a worker counts as dead after 60 s, and only one command in a thousand
# looks for dead workers: the messages of a killed worker came back after 417 to 1647 s. Here a worker counts as dead after
# 10 s, and every command looks.
broker = RedisBroker(url=os.environ["REDIS_URL"], heartbeat_timeout=10_000, maintenance_chance=MAINTENANCE_SCALE)
broker.add_middleware(GroupCallbacks(RedisBackend(url=os.environ["REDIS_URL"])))
dramatiq.set_broker(broker)


@contextmanager
def store() -> Iterator[Any]:
    """Yield a cursor on a new connection. Commit when the block ends without an error, and close the connection."""
    with (
        closing(psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=2)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        yield cursor


def send(submission: int) -> None:
    """Queue the three readings, with `finish` after the last of them. Raises redis.RedisError."""
    readings = dramatiq.group([read.message(submission, name) for name in NAMES])
    readings.add_completion_callback(finish.message(submission))
    readings.run()


@dramatiq.actor(max_retries=30, min_backoff=500, max_backoff=5000)
def read(submission: int, name: str) -> None:
    """Ask the provider and store its answer. Every error is raised, so that Dramatiq tries again."""
    with store() as cursor:
        cursor.execute("select text from submissions where id = %s", (submission,))
        (text,) = cursor.fetchone()
    answer = _ask(name, text=text)
    with store() as cursor:
        cursor.execute(
            "insert into results (submission, name, stop_reason, body) values (%s, %s, %s, %s)",
            (submission, name, answer["stop_reason"], answer["content"][0]["text"]),
        )


@dramatiq.actor(max_retries=30, min_backoff=500, max_backoff=5000)
def finish(submission: int) -> None:
    """Mark the submission as completed."""
    with store() as cursor:
        cursor.execute("insert into finishes (submission) values (%s)", (submission,))
        cursor.execute(
            "update submissions set status = 'completed', finished_at = clock_timestamp() where id = %s", (submission,)
        )


def _ask(name: str, *, text: str) -> Any:
    """Return the provider's message. Raises when the status is not 200 or the body is not JSON."""
    # The text of the message is not checked: it is stored also when it is a refusal, truncated or not JSON.
    call = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": f"reading: {name}\n{json.dumps({'text': text})}"}],
    }
    request = urllib.request.Request(
        f"{os.environ['VENDOR_URL']}/v1/messages",
        data=json.dumps(call).encode(),
        headers={"content-type": "application/json", "x-api-key": "only-in-tests"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)
