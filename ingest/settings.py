"""What the ingest program reads from the environment, once, at its door."""

from __future__ import annotations

from dataclasses import dataclass

from models import settings
from models.errors import SettingsError
from models.passwords import ROUNDS


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """Secrets and limits of the public door. The AI key is not among them: this program never needs it."""

    jwt_secret: str
    api_key_pepper: bytes
    redis_url: str
    access_minutes: int
    password_rounds: int
    rate_limit: str
    waiting_slots: int
    proxies: int


def read() -> IngestSettings:
    """Return the settings. Raises SettingsError naming the variable that is missing or wrong."""
    jwt_secret = settings.secret("ESSAYCOACH_JWT_SECRET")
    if len(jwt_secret) < 32:
        raise SettingsError("ESSAYCOACH_JWT_SECRET must be at least 32 characters of randomness.")
    return IngestSettings(
        jwt_secret=jwt_secret,
        api_key_pepper=settings.key_bytes("ESSAYCOACH_API_KEY_PEPPER"),
        redis_url=settings.redis_url(),
        access_minutes=settings.integer("ESSAYCOACH_ACCESS_MINUTES", 15, least=1),
        password_rounds=settings.integer("ESSAYCOACH_PASSWORD_ROUNDS", ROUNDS, least=1000),
        rate_limit=settings.text("ESSAYCOACH_RATE_LIMIT", "6000/minute"),
        # How many proxies in front of us add to X-Forwarded-For; their count is the number of entries we believe.
        proxies=settings.integer("ESSAYCOACH_PROXIES", 0),
        waiting_slots=settings.integer("ESSAYCOACH_WAITING_SLOTS", 8, least=1),
    )
