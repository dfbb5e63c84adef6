"""Settings of the ingest program, read from the environment once at start."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from models import production, secret_settings, settings
from models.errors import SettingsError
from models.passwords import ROUNDS
from models.sessions import LIFETIME_DAYS, STAFF_IDLE_HOURS
from outgoing import settings as outgoing_settings
from outgoing.addresses import Networks
from outgoing.settings import MailSettings

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_CONTACT = re.compile(r"(mailto:[!-~]+@[!-~]+|https://[!-~]+)")


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """Secrets and limits of the ingest program. It has no AI key, because it never calls an AI provider."""

    jwt_secrets: tuple[str, ...] = field(repr=False)
    api_key_pepper: bytes = field(repr=False)
    redis_url: str = field(repr=False)
    access_minutes: int
    staff_idle_hours: int
    password_rounds: int
    rate_limit: str
    address_rate_limit: str
    waiting_slots: int
    proxies: int
    allowed_origins: frozenset[str]
    mail: MailSettings
    outgoing_networks: Networks
    link: str | None
    security_contact: str | None


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """What one web process grants its clients' connections. With `per_address` 0 their number is not limited by address."""

    head_seconds: float
    body_seconds: float
    send_seconds: float
    per_address: int


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Where web listens, and with how many processes and threads."""

    host: str
    port: int
    processes: int
    threads: int
    keepalive_seconds: int


def read_server() -> ServerSettings:
    """Return the settings of gunicorn. Raises SettingsError."""
    return ServerSettings(
        host=settings.listening_host("ESSAYCOACH_HOST"),
        port=settings.integer("PORT", 8000, most=65535),
        processes=settings.integer("WEB_PROCESSES", 2, least=1),
        threads=settings.integer("WEB_THREADS", 16, least=1),
        keepalive_seconds=settings.integer("ESSAYCOACH_KEEPALIVE_SECONDS", 75),
    )


def read_connection_limits() -> ConnectionLimits:
    """Return the limits of connections. Raises SettingsError."""
    has_proxy = settings.integer("ESSAYCOACH_PROXIES", 0) > 0
    return ConnectionLimits(
        head_seconds=settings.seconds("ESSAYCOACH_REQUEST_HEAD_SECONDS", 10.0),
        body_seconds=settings.seconds("ESSAYCOACH_REQUEST_BODY_SECONDS", 10.0),
        send_seconds=settings.seconds("ESSAYCOACH_RESPONSE_SECONDS", 30.0),
        # Behind a proxy every connection comes from the proxy's address.
        per_address=settings.integer("ESSAYCOACH_ADDRESS_CONNECTIONS", 0 if has_proxy else 500),
    )


def read_waiting_slots() -> int:
    """Return how many requests may wait in one web process. Raises SettingsError."""
    return settings.integer("ESSAYCOACH_WAITING_SLOTS", 2000, least=1, most=20_000)


def read_metrics_address() -> tuple[str, int] | None:
    """Return where web serves its own metrics, or None when it serves none. Raises SettingsError."""
    port = settings.integer("ESSAYCOACH_WEB_METRICS_PORT", 0, most=65535)
    if port == 0:
        return None
    if port == settings.integer("PORT", 8000, most=65535):
        raise SettingsError("ESSAYCOACH_WEB_METRICS_PORT must be another port than PORT, which everybody can reach.")
    return settings.text("ESSAYCOACH_METRICS_HOST", "127.0.0.1"), port


def read() -> IngestSettings:
    """Return the settings. Raises SettingsError, which names the variable that is missing or wrong."""
    found = _read()
    if settings.is_production():
        _check_production(found)
    return found


def _read() -> IngestSettings:
    return IngestSettings(
        jwt_secrets=_jwt_secrets(),
        api_key_pepper=settings.key_bytes("ESSAYCOACH_API_KEY_PEPPER"),
        redis_url=settings.redis_url(),
        access_minutes=settings.integer("ESSAYCOACH_ACCESS_MINUTES", 15, least=1),
        staff_idle_hours=settings.integer(
            "ESSAYCOACH_STAFF_IDLE_HOURS", STAFF_IDLE_HOURS, least=1, most=24 * LIFETIME_DAYS
        ),
        password_rounds=settings.integer("ESSAYCOACH_PASSWORD_ROUNDS", ROUNDS, least=1000),
        rate_limit=settings.text("ESSAYCOACH_RATE_LIMIT", "6000/minute"),
        # A thousand pupils of a school may share one IP address, and so may all schools of one LMS.
        address_rate_limit=settings.text("ESSAYCOACH_ADDRESS_RATE_LIMIT", "30000/minute"),
        # The number of proxies in front of us that add to X-Forwarded-For. Exactly that many entries are trusted.
        proxies=settings.integer("ESSAYCOACH_PROXIES", 0),
        allowed_origins=_allowed_origins(),
        waiting_slots=read_waiting_slots(),
        mail=outgoing_settings.read_mail(),
        outgoing_networks=outgoing_settings.read_networks(),
        link=_password_page(),
        security_contact=_security_contact(),
    )


def _check_production(found: IngestSettings) -> None:
    """Check what only the web program reads. Raises SettingsError."""
    if found.proxies < 1:
        remedy = "web has no TLS of its own, so say how many proxies stand in front of it"
        raise production.refusal("ESSAYCOACH_PROXIES", "be at least 1", remedy)
    if found.password_rounds < ROUNDS:
        raise production.refusal("ESSAYCOACH_PASSWORD_ROUNDS", f"be at least {ROUNDS}", "leave it out")
    if any(not origin.startswith("https://") for origin in found.allowed_origins):
        remedy = "pages without TLS can be changed on the way"
        raise production.refusal("ESSAYCOACH_ALLOWED_ORIGINS", "hold https:// origins only", remedy)


def _jwt_secrets() -> tuple[str, ...]:
    """Return the signing secrets, newest first. The first one signs; each of them verifies."""
    secrets = tuple(secret.strip() for secret in settings.secret("ESSAYCOACH_JWT_SECRET").split(","))
    if any(len(secret) < 32 for secret in secrets):
        raise SettingsError(
            "ESSAYCOACH_JWT_SECRET must be at least 32 characters of randomness; several are separated by commas, newest first."
        )
    for secret in secrets:
        secret_settings.refuse_monotonous("ESSAYCOACH_JWT_SECRET", secret)
    if len(set(secrets)) < len(secrets):
        raise SettingsError("ESSAYCOACH_JWT_SECRET names a secret twice.")
    return secrets


def _allowed_origins() -> frozenset[str]:
    """Return the origins whose browser pages may call the API."""
    given = settings.optional("ESSAYCOACH_ALLOWED_ORIGINS") or ""
    origins = frozenset(origin.strip() for origin in given.split(",") if origin.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"ESSAYCOACH_ALLOWED_ORIGINS must hold origins as browsers send them, such as https://lms.example:8443 "
                f"(lower case, no path, no wildcard), not {origin!r}."
            )
    return origins


def _password_page() -> str | None:
    """Return the URL of the page on which people choose a password, or None when this installation has none."""
    link = settings.web_url("ESSAYCOACH_LINK")
    if link is None:
        ours = settings.public_url()
        return f"{ours}/choose-password" if ours is not None else None
    if "#" in link:
        raise settings.url_error("ESSAYCOACH_LINK", settings.WEB_URLS, "it has a fragment, which each mail adds itself")
    return link


def _security_contact() -> str | None:
    """Return the URI for reports of security holes, or None when this installation names none."""
    contact = settings.optional("ESSAYCOACH_SECURITY_CONTACT")
    if contact is not None and not _CONTACT.fullmatch(contact):
        raise SettingsError(
            "ESSAYCOACH_SECURITY_CONTACT must be an address of the form mailto:security@school.example or "
            "https://school.example/security, without spaces."
        )
    return contact
