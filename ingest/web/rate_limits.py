"""How often somebody may ask: per caller, per address while nobody is known, and tighter for all that guessing could open.

Redis counts for all processes together. While it is away each process counts alone, at a quarter of the rate: stricter
rather than open. `limits` is the engine inside flask-limiter, used directly because the caller is known only after the
token has been read (docs/decisions.md).
"""

from __future__ import annotations

import hashlib
import ipaddress
import threading
import time
import unicodedata

from flask import Flask, current_app, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute, parse
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from ingest.settings import IngestSettings
from ingest.web.problems import Problem
from models.log import logger

log = logger(__name__)

SIGN_INS_PER_ACCOUNT = RateLimitItemPerMinute(30)
SIGN_INS_PER_ADDRESS = RateLimitItemPerMinute(300)
MAILS_PER_PERSON = RateLimitItemPerHour(5)
HOLD_OFF_SECONDS = 5.0
MOST_CALLERS = 10_000
ALONE = 4  # without Redis each process allows this fraction of a rate


class Limits:
    """The counters of one app."""

    def __init__(self, settings: IngestSettings) -> None:
        self.per_caller = parse(settings.rate_limit)
        self.per_address = parse(settings.address_rate_limit)
        storage = storage_from_string(settings.redis_url, socket_connect_timeout=0.3, socket_timeout=0.3)
        self._shared = FixedWindowRateLimiter(storage)
        self._alone = FixedWindowRateLimiter(MemoryStorage())
        self._alone_until = 0.0
        self._granted: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def hit(self, rate: RateLimitItem, caller: str) -> bool:
        """Count one more of this caller; False when that is too many."""
        if time.monotonic() >= self._alone_until:
            try:
                return self._spend_granted(rate, caller) or self._ask_for_more(rate, caller)
            except self._shared.storage.base_exceptions as error:
                self._alone_until = time.monotonic() + HOLD_OFF_SECONDS
                log.warning("rate limits counted alone", reason=type(error).__name__)
        return self._alone.hit(type(rate)(max(1, rate.amount // ALONE), rate.multiples), caller)

    def _ask_for_more(self, rate: RateLimitItem, caller: str) -> bool:
        """Take a five-hundredth of the rate from Redis at once, and keep what this request does not need for the next ones."""
        grant = max(1, rate.amount // 500)
        if not self._shared.hit(rate, caller, cost=grant):
            return False
        with self._lock:
            if len(self._granted) > MOST_CALLERS:
                self._granted.clear()
            self._granted[f"{rate}|{caller}"] = (_window(rate), grant - 1)
        return True

    def _spend_granted(self, rate: RateLimitItem, caller: str) -> bool:
        with self._lock:
            window, left = self._granted.get(f"{rate}|{caller}", (0, 0))
            if not left or window != _window(rate):
                return False
            self._granted[f"{rate}|{caller}"] = (window, left - 1)
            return True


def _window(rate: RateLimitItem) -> int:
    return int(time.time() // rate.get_expiry())


def set_up(app: Flask, settings: IngestSettings) -> None:
    """The app has its counters."""
    app.extensions["essaycoach.limits"] = Limits(settings)


def count(caller: str) -> None:
    """This caller asked once more. Raises Problem when that is too often."""
    counters: Limits = current_app.extensions["essaycoach.limits"]
    _hit(counters, counters.per_caller, caller)


def count_address() -> None:
    """Somebody who is not known, or not yet, asked once more from this address. Raises Problem when that is too often."""
    counters: Limits = current_app.extensions["essaycoach.limits"]
    _hit(counters, counters.per_address, f"from:{_address()}")


def count_sign_in(org: str, email: str) -> None:
    """Somebody tried to sign in to this account, from this address. Raises Problem before any hashing is done."""
    _count_attempt(SIGN_INS_PER_ACCOUNT, "sign-in", _account(org, email))


def count_forgotten(org: str, email: str) -> None:
    """A mail to this account was asked for, from this address. Raises Problem: nobody's mailbox is to be filled."""
    _count_attempt(MAILS_PER_PERSON, "mail", _account(org, email))


def count_reset(token: str) -> None:
    """Somebody came with this mailed token, from this address. Raises Problem before any hashing is done."""
    _count_attempt(SIGN_INS_PER_ACCOUNT, "reset", hashlib.sha256(token.encode()).hexdigest())


def _count_attempt(rate: RateLimitItem, what: str, account: str) -> None:
    counters: Limits = current_app.extensions["essaycoach.limits"]
    _hit(counters, rate, f"{what}:{account}")
    _hit(counters, SIGN_INS_PER_ADDRESS, f"sign-in-from:{_address()}")


def _account(org: str, email: str) -> str:
    """Return one name for every spelling that finds the account; Redis learns no address from it."""
    spelling = unicodedata.normalize("NFKC", email).strip().casefold()
    return hashlib.sha256(f"{org}|{spelling}".encode()).hexdigest()


def _address() -> str:
    """Return whom an address stands for: a whole IPv6 network of 64 bits is one subscriber's, to pick from at will."""
    try:
        found = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:  # a socket file, or a proxy that forwards a name
        return str(request.remote_addr)
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)


def _hit(counters: Limits, rate: RateLimitItem, caller: str) -> None:
    if not counters.hit(rate, caller):
        raise Problem(
            "rate-limited", f"More than {rate} from this caller.", headers={"Retry-After": str(rate.get_expiry())}
        )
