"""Why a Redis does not serve: the reason behind an error, in words for people, and one log line for each spell."""

from __future__ import annotations

import re
import threading
import time
from enum import StrEnum
from typing import Any

import redis

from models.log import logger

log = logger(__name__)


class Refusal(StrEnum):
    """A reason why Redis does not serve. The values are also labels of a metric."""

    AWAY = "away"
    REPLICA = "replica"
    MEMORY = "memory"
    SCRIPTS = "scripts"
    RIGHTS = "rights"
    LOGIN = "login"
    LOADING = "loading"
    PRIMARY_AWAY = "primary_away"
    DISK = "disk"
    CONNECTIONS = "connections"
    OTHER = "other"

    @property
    def description(self) -> str:
        """Return what is wrong, as the end of a sentence that begins with "Redis"."""
        return _TEXTS[self][0]

    @property
    def remedy(self) -> str:
        """Return what to do about it."""
        return _TEXTS[self][1]


_TEXTS = {
    Refusal.AWAY: ("cannot be reached", "start it, or correct REDIS_URL"),
    Refusal.REPLICA: (
        "refuses writes: it is a replica",
        "point REDIS_URL at the primary, or make this server one: REPLICAOF NO ONE",
    ),
    Refusal.MEMORY: ("is out of memory", "raise its maxmemory"),
    Refusal.SCRIPTS: ("refuses EVALSHA: our user may not run scripts", "give the user of REDIS_URL the rights of models/redis_users.conf"),
    Refusal.RIGHTS: ("refuses a command: our user may not run it", "give the user of REDIS_URL the rights of models/redis_users.conf"),
    Refusal.LOGIN: ("refuses our log-in", "correct user and password in REDIS_URL"),
    Refusal.LOADING: ("is loading its data", "wait until it has loaded them"),
    Refusal.PRIMARY_AWAY: ("is a replica without its primary", "point REDIS_URL at a primary"),
    Refusal.DISK: ("refuses writes: it cannot write to its disk", "free its disk, or turn saving off: hints need no disk"),
    Refusal.CONNECTIONS: ("has no connection left", "raise its maxclients"),
    Refusal.OTHER: ("refuses commands", "look into the log of Redis"),
}  # fmt: skip

# Redis 6 wraps the error of a command in a script into a longer text, so a code may stand anywhere in it.
_PATTERNS = (
    (re.compile(r"\bNOPERM\b.*'(eval|evalsha|script)\b"), Refusal.SCRIPTS),
    (re.compile(r"\bNOPERM\b|user executing the script can't"), Refusal.RIGHTS),
    (re.compile(r"\bREADONLY\b"), Refusal.REPLICA),
    (re.compile(r"\bOOM\b"), Refusal.MEMORY),
    (re.compile(r"\b(NOAUTH|WRONGPASS)\b"), Refusal.LOGIN),
    (re.compile(r"\bLOADING\b"), Refusal.LOADING),
    (re.compile(r"\bMASTERDOWN\b"), Refusal.PRIMARY_AWAY),
    (re.compile(r"\bMISCONF\b"), Refusal.DISK),
    (re.compile(r"\bmax number of clients\b"), Refusal.CONNECTIONS),
)


def reason_of(error: Exception) -> Refusal:
    """Return the reason behind an error of Redis, also when Dramatiq has wrapped it."""
    cause = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    # redis-py takes the code out of the text and keeps it beside it.
    text = f"{getattr(cause, 'status_code', None) or ''} {cause}"
    for pattern, reason in _PATTERNS:
        if pattern.search(text):
            return reason
    if isinstance(cause, redis.AuthenticationError):
        return Refusal.LOGIN
    return Refusal.AWAY if isinstance(cause, redis.ConnectionError | redis.TimeoutError) else Refusal.OTHER


class RefusalLog:
    """Logs a spell in which Redis does not serve: a warning when it begins or its reason changes, and a line when it is over.

    It is over when a command succeeds `quiet_seconds` after the last refusal. Commands of several threads overlap, and a Redis
    whose memory is nearly used up refuses some commands only.
    """

    def __init__(self, event: str, *, quiet_seconds: float = 2.0) -> None:
        self._event = event
        self._quiet_seconds = quiet_seconds
        self._reason: Refusal | None = None
        self._refused_at = 0.0
        self._lock = threading.Lock()

    def refused(self, error: Exception) -> None:
        """Log the error, unless the last one had the same reason."""
        reason = reason_of(error)
        with self._lock:
            is_news, self._reason = reason is not self._reason, reason
            self._refused_at = time.monotonic()
        if is_news:
            log.warning(self._event, **_facts(reason))

    def served(self) -> None:
        """Note that a command succeeded, and log the end of the spell if this is it."""
        if self._reason is None or time.monotonic() < self._refused_at + self._quiet_seconds:
            return
        with self._lock:
            is_news, self._reason = self._reason is not None, None
        if is_news:
            log.info("Redis serves again")


def _facts(reason: Refusal) -> dict[str, Any]:
    return {"reason": str(reason), "redis": reason.description, "what_to_do": reason.remedy}
