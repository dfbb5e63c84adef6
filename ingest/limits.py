"""How often somebody may ask: per caller, and tighter for signing in.

Redis counts for all processes together. While it is away each process counts alone, at a quarter of the rate: stricter
rather than open. `limits` is the engine inside flask-limiter, used directly because the caller is known only after the
token has been read (docs/decisions.md).
"""

from __future__ import annotations

import time

from flask import Flask, current_app, request
from limits import RateLimitItem, RateLimitItemPerMinute, parse
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from ingest.problems import Problem
from ingest.settings import IngestSettings
from models.log import logger

log = logger(__name__)

SIGN_INS_PER_ACCOUNT = RateLimitItemPerMinute(30)
SIGN_INS_PER_ADDRESS = RateLimitItemPerMinute(300)
HOLD_OFF_SECONDS = 5.0
ALONE = 4  # without Redis each process allows this fraction of a rate


class Limits:
    """The counters of one app."""

    def __init__(self, settings: IngestSettings) -> None:
        self.per_caller = parse(settings.rate_limit)
        storage = storage_from_string(settings.redis_url, socket_connect_timeout=0.3, socket_timeout=0.3)
        self._shared = FixedWindowRateLimiter(storage)
        self._alone = FixedWindowRateLimiter(MemoryStorage())
        self._alone_until = 0.0

    def hit(self, rate: RateLimitItem, caller: str) -> bool:
        """Count one more of this caller; False when that is too many."""
        if time.monotonic() >= self._alone_until:
            try:
                return self._shared.hit(rate, caller)
            except self._shared.storage.base_exceptions as error:
                self._alone_until = time.monotonic() + HOLD_OFF_SECONDS
                log.warning("rate limits counted alone", reason=type(error).__name__)
        return self._alone.hit(type(rate)(max(1, rate.amount // ALONE), rate.multiples), caller)


def set_up(app: Flask, settings: IngestSettings) -> None:
    """The app has its counters."""
    app.extensions["essaycoach.limits"] = Limits(settings)


def count(caller: str) -> None:
    """This caller asked once more. Raises Problem when that is too often."""
    counters: Limits = current_app.extensions["essaycoach.limits"]
    _hit(counters, counters.per_caller, caller)


def count_sign_in(account: str) -> None:
    """Somebody tried to sign in to this account, from this address. Raises Problem before any hashing is done."""
    counters: Limits = current_app.extensions["essaycoach.limits"]
    _hit(counters, SIGN_INS_PER_ACCOUNT, f"sign-in:{account}")
    _hit(counters, SIGN_INS_PER_ADDRESS, f"sign-in-from:{request.remote_addr}")


def _hit(counters: Limits, rate: RateLimitItem, caller: str) -> None:
    if not counters.hit(rate, caller):
        raise Problem("rate-limited", f"More than {rate} from this caller.", headers={"Retry-After": str(rate.get_expiry())})
