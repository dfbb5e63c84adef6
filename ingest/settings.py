"""What the ingest program reads from the environment, once, at its door."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from models import settings
from models.errors import SettingsError
from models.passwords import ROUNDS

NOWHERE = "EssayCoach <essaycoach@localhost>"


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """Secrets and limits of the public door. The AI key is not among them: this program never needs it."""

    jwt_secrets: tuple[str, ...] = field(repr=False)
    api_key_pepper: bytes = field(repr=False)
    redis_url: str = field(repr=False)
    access_minutes: int
    password_rounds: int
    rate_limit: str
    address_rate_limit: str
    waiting_slots: int
    proxies: int
    mail: str = field(repr=False)
    mail_from: str
    link: str | None


def read() -> IngestSettings:
    """Return the settings. Raises SettingsError naming the variable that is missing or wrong."""
    mail = settings.secret("ESSAYCOACH_MAIL") if _is_set("ESSAYCOACH_MAIL") else "console"
    delivers = mail.startswith(("smtp:", "smtps:"))
    return IngestSettings(
        jwt_secrets=_jwt_secrets(),
        api_key_pepper=settings.key_bytes("ESSAYCOACH_API_KEY_PEPPER"),
        redis_url=settings.redis_url(),
        access_minutes=settings.integer("ESSAYCOACH_ACCESS_MINUTES", 15, least=1),
        password_rounds=settings.integer("ESSAYCOACH_PASSWORD_ROUNDS", ROUNDS, least=1000),
        rate_limit=settings.text("ESSAYCOACH_RATE_LIMIT", "6000/minute"),
        # A school's thousand pupils may share one address, and so may the schools of one LMS.
        address_rate_limit=settings.text("ESSAYCOACH_ADDRESS_RATE_LIMIT", "30000/minute"),
        # How many proxies in front of us add to X-Forwarded-For; their count is the number of entries we believe.
        proxies=settings.integer("ESSAYCOACH_PROXIES", 0),
        waiting_slots=settings.integer("ESSAYCOACH_WAITING_SLOTS", 8, least=1),
        mail=mail,
        mail_from=settings.text("ESSAYCOACH_MAIL_FROM", None if delivers else NOWHERE),
        link=_link(),
    )


def _jwt_secrets() -> tuple[str, ...]:
    """Return the signing secrets, newest first: the first one signs, all of them verify."""
    secrets = tuple(one.strip() for one in settings.secret("ESSAYCOACH_JWT_SECRET").split(","))
    if any(len(one) < 32 for one in secrets):
        raise SettingsError(
            "ESSAYCOACH_JWT_SECRET must be at least 32 characters of randomness; several are separated by commas, newest first."
        )
    if len(set(secrets)) < len(secrets):
        raise SettingsError("ESSAYCOACH_JWT_SECRET names a secret twice.")
    return secrets


def _link() -> str | None:
    """Return the address of the page on which people choose a password, if this installation has one."""
    link = settings.optional("ESSAYCOACH_LINK")
    if link is None:
        return None
    parts = urlsplit(link)
    if parts.scheme not in ("http", "https") or not parts.netloc or "#" in link:
        raise SettingsError("ESSAYCOACH_LINK must be an http:// or https:// address without a fragment.")
    return link


def _is_set(name: str) -> bool:
    return settings.optional(name) is not None or settings.optional(f"{name}_FILE") is not None
