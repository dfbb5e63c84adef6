"""Announcements: a worker says through Redis that a submission's state has changed, for those who wait for it.

They carry the submission's id and nothing else, and are read with distrust: they only make somebody look at the row. A lost
one costs a delay.
"""

from __future__ import annotations

import time
from contextlib import suppress
from uuid import UUID

import redis

from models.broker import connection_pool
from models.redis_refusals import RefusalLog

CHANNEL = "essaycoach:changed"
# After an error nothing is announced for this long, so that no pass waits for Redis.
HOLD_OFF_SECONDS = 5.0
ANSWER_SECONDS = 0.5


class Announcer:
    """Announce changes. Raises no Redis error."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis(connection_pool=connection_pool(url, answer_seconds=ANSWER_SECONDS))
        self._held_off_until = 0.0
        self._spells = RefusalLog("changes are not announced; who waits is told up to 2 s later")

    def announce(self, submission: UUID) -> None:
        """Announce that this submission has changed. Call it after the commit."""
        if time.monotonic() < self._held_off_until:
            return
        try:
            self._client.publish(CHANNEL, submission.bytes)
        except redis.RedisError as error:
            self._held_off_until = time.monotonic() + HOLD_OFF_SECONDS
            self._spells.refused(error)
            self._client.connection_pool.disconnect(inuse_connections=False)
        else:
            self._spells.served()


class Listener:
    """The announcements of all workers, as one connection hears them."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis(connection_pool=connection_pool(url, answer_seconds=ANSWER_SECONDS))
        self._subscription: redis.client.PubSub | None = None

    def next_changes(self, seconds: float) -> set[UUID]:
        """Return the submissions announced now, or wait up to `seconds` for the first one. Raises redis.RedisError."""
        changed: set[UUID] = set()
        deadline = time.monotonic() + seconds
        try:
            if self._subscription is None:
                subscription = self._client.pubsub()  # type: ignore[no-untyped-call]
                subscription.subscribe(CHANNEL)
                self._subscription = subscription
            while (left := deadline - time.monotonic()) > 0 or changed:
                message = self._subscription.get_message(timeout=0.0 if changed else left)
                if message is None:
                    break
                # Whoever may publish can publish anything: what is no id is dropped.
                if message["type"] == "message":
                    with suppress(ValueError, TypeError):
                        changed.add(UUID(bytes=message["data"]))
        except redis.RedisError:
            self._close()
            raise
        return changed

    def _close(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(redis.RedisError, OSError):
                subscription.close()
        self._client.connection_pool.disconnect()
