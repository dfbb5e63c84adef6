"""Rate limits: per caller, per IP address for requests without a known caller, and stricter ones against guessing.

Redis counts for all processes together. While Redis is away or refuses writes, each process counts alone and allows a quarter of the rate.
The `limits` library is what flask-limiter uses inside; it is used directly because the caller is known only after the token
has been read (docs/adr/0014-limits-instead-of-flask-limiter.md).
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
import unicodedata

from flask import Flask, current_app, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute, parse
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from ingest.settings import IngestSettings
from ingest.web.client_address import counted_address
from ingest.web.long_poll import is_resumed
from ingest.web.problems import Problem
from models.broker import connection_pool
from models.redis_refusals import RefusalLog

SIGN_INS_PER_ACCOUNT = RateLimitItemPerMinute(30)
SIGN_INS_PER_ADDRESS = RateLimitItemPerMinute(300)
INVITATIONS_PER_PERSON = RateLimitItemPerHour(5)
# Anybody may ask for anybody's reset. So one address is stopped early and for minutes only, and all addresses together are never
# told: beyond the hourly number no further mail goes out, and the links of that hour, which are in the mailbox, go on working.
RESETS_PER_ADDRESS = RateLimitItemPerMinute(5, 10)
RESETS_PER_PERSON = RateLimitItemPerHour(20)
REDIS_ANSWER_SECONDS = 0.3
REDIS_RETRY_SECONDS = 5.0
MAX_GRANTS = 10_000
WITHOUT_REDIS_DIVISOR = 4  # without Redis a process divides each rate by this number


class Limits:
    """The rate limit counters of one app."""

    def __init__(self, settings: IngestSettings) -> None:
        self.per_caller = parse(settings.rate_limit)
        self.per_address = parse(settings.address_rate_limit)
        # `limits` would read the URL in its own way: it calls a socket redis+unix://. With a pool it does not read it.
        self._connections = connection_pool(settings.redis_url, answer_seconds=REDIS_ANSWER_SECONDS)
        self._shared = FixedWindowRateLimiter(RedisStorage("redis://", connection_pool=self._connections))
        self._spells = RefusalLog("rate limits are counted by this process alone")
        self._alone = FixedWindowRateLimiter(MemoryStorage())
        self._alone_until = 0.0
        self._granted: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def hit(self, rate: RateLimitItem, caller: str) -> bool:
        """Count one request of this caller. Returns False when the caller has used up the rate."""
        if time.monotonic() >= self._alone_until:
            try:
                return self._use_grant(rate, caller) or self._request_grant(rate, caller)
            except self._shared.storage.base_exceptions as error:
                self._alone_until = time.monotonic() + REDIS_RETRY_SECONDS
                self._spells.refused(error)
                # After a failover the name in REDIS_URL leads to another server.
                self._connections.disconnect(inuse_connections=False)
        return self._alone.hit(_alone_rate(rate), caller)

    def wait_seconds(self, rate: RateLimitItem, caller: str) -> int:
        """Return how long this caller, who has used up the rate, must wait until it is free again."""
        window = int(rate.get_expiry())
        if time.monotonic() < self._alone_until:
            free_at = self._alone.storage.get_expiry(_alone_rate(rate).key_for(caller))
        else:
            try:
                # Redis rounds to the nearest second, and whoever waits so long must not be refused again.
                free_at = self._shared.storage.get_expiry(rate.key_for(caller)) + 1
            except self._shared.storage.base_exceptions:
                return window
        return min(max(1, math.ceil(free_at - time.time())), window)

    def _request_grant(self, rate: RateLimitItem, caller: str) -> bool:
        """Count a five-hundredth of the rate in Redis at once, and keep the rest for the next requests: fewer round trips."""
        grant = max(1, rate.amount // 500)
        is_allowed = self._shared.hit(rate, caller, cost=grant)
        self._spells.served()
        if not is_allowed:
            return False
        with self._lock:
            if len(self._granted) > MAX_GRANTS:
                self._granted.clear()
            self._granted[f"{rate}|{caller}"] = (_current_window(rate), grant - 1)
        return True

    def _use_grant(self, rate: RateLimitItem, caller: str) -> bool:
        with self._lock:
            window, left = self._granted.get(f"{rate}|{caller}", (0, 0))
            if not left or window != _current_window(rate):
                return False
            self._granted[f"{rate}|{caller}"] = (window, left - 1)
            return True


def _alone_rate(rate: RateLimitItem) -> RateLimitItem:
    return type(rate)(max(1, rate.amount // WITHOUT_REDIS_DIVISOR), rate.multiples)


def _current_window(rate: RateLimitItem) -> int:
    return int(time.time() // rate.get_expiry())


def set_up(app: Flask, settings: IngestSettings) -> None:
    """Create the counters of the app."""
    app.extensions["essaycoach.limits"] = Limits(settings)


def client() -> str:
    """Return the address, or for IPv6 the network, that this request is counted under."""
    return counted_address(str(request.remote_addr))


def count(caller: str) -> None:
    """Count one request of this caller. Raises Problem when the rate is used up. One that has waited was counted before."""
    if is_resumed():
        return
    counters: Limits = current_app.extensions["essaycoach.limits"]
    _count(counters, counters.per_caller, caller)


def count_address() -> None:
    """Count one request from this IP address whose caller is not known (yet). Raises Problem when the rate is used up."""
    counters: Limits = current_app.extensions["essaycoach.limits"]
    _count(counters, counters.per_address, f"from:{client()}")


def count_sign_in(org: str, email: str) -> None:
    """Count one sign-in to this account from this IP address. Raises Problem. Call it before any password is hashed."""
    _count_attempt(SIGN_INS_PER_ACCOUNT, "sign-in", _account_digest(org, email))


def count_invitation(org: str, user: str) -> None:
    """Count one invitation of this person, sent from this IP address. Raises Problem, so that no mailbox is flooded."""
    _count_attempt(INVITATIONS_PER_PERSON, "invitation", f"{org}|{user}")


def count_reset_mail(org: str, email: str) -> bool:
    """Count one reset requested for this account from this IP address. Return whether a mail may still go to its owner.

    Raises Problem when this address has asked too often.
    """
    counters: Limits = current_app.extensions["essaycoach.limits"]
    account, address = _account_digest(org, email), client()
    _count(counters, RESETS_PER_ADDRESS, f"reset-mail:{account}:from:{address}")
    _count(counters, SIGN_INS_PER_ADDRESS, f"sign-in-from:{address}")
    return counters.hit(RESETS_PER_PERSON, f"reset-mail:{account}")


def count_reset(token: str) -> None:
    """Count one use of this mailed token from this IP address. Raises Problem. Call it before any password is hashed."""
    _count_attempt(SIGN_INS_PER_ACCOUNT, "reset", hashlib.sha256(token.encode()).hexdigest())


def _count_attempt(rate: RateLimitItem, what: str, account: str) -> None:
    counters: Limits = current_app.extensions["essaycoach.limits"]
    _count(counters, rate, f"{what}:{account}")
    _count(counters, SIGN_INS_PER_ADDRESS, f"sign-in-from:{client()}")


def _account_digest(org: str, email: str) -> str:
    """Return one digest for all spellings of an e-mail that find the same account. Redis never gets the e-mail itself."""
    spelling = unicodedata.normalize("NFKC", email).strip().casefold()
    return hashlib.sha256(f"{org}|{spelling}".encode()).hexdigest()


def _count(counters: Limits, rate: RateLimitItem, caller: str) -> None:
    if not counters.hit(rate, caller):
        wait = str(counters.wait_seconds(rate, caller))
        raise Problem("rate-limited", f"More than {rate} from this caller.", headers={"Retry-After": wait})
