"""Readers for environment variables and secret files. A bad value stops the program with the variable's name and the reason."""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import psycopg2
import redis
from psycopg2.extensions import parse_dsn

from models import production, secret_settings
from models.errors import SettingsError

# Secrets of our own making; ESSAYCOACH_MAIL is read like one, but somebody else chose its password.
SECRETS = frozenset({
    "ESSAYCOACH_MASTER_KEYS", "ESSAYCOACH_INDEX_KEY", "ESSAYCOACH_API_KEY_PEPPER", "ESSAYCOACH_JWT_SECRET", "ESSAYCOACH_AUDIT_KEY",
    "ESSAYCOACH_BACKUP_KEY",
})  # fmt: skip
DATABASE_URLS = "postgresql://USER@HOST:PORT/DATABASE or, for a socket, postgresql:///DATABASE?host=/DIRECTORY"
REDIS_URLS = "redis://HOST:PORT/NUMBER, rediss://HOST:PORT/NUMBER (TLS) or unix:///PATH?db=NUMBER (a socket)"
WEB_URLS = "http://HOST or https://HOST"
LOG_LEVELS = ("debug", "info", "warning", "error")
BAD_SCHEME = "it begins with something else"
BAD_PORT = "its host or its port (1 to 65535) is not valid, or a special character is not percent-encoded"
NO_HOST = "it names no host"


def text(name: str, default: str | None = None) -> str:
    """Return a variable's text. Raises SettingsError when it is missing and has no default."""
    value = os.environ.get(name, "").strip() or default
    if value is None:
        raise SettingsError(f"{name} is not set.")
    return value


def optional(name: str) -> str | None:
    """Return a variable's text, or None when it is missing or blank."""
    return os.environ.get(name, "").strip() or None


def integer(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """Return a variable as a whole number of at least `least` and at most `most`. Raises SettingsError."""
    value = os.environ.get(name, "").strip()
    try:
        number = int(value) if value else default
    except ValueError:
        raise SettingsError(f"{name} must be a whole number, not {value!r}.") from None
    if number < least:
        raise SettingsError(f"{name} must be at least {least}, not {number}.")
    if most is not None and number > most:
        raise SettingsError(f"{name} must be at most {most}, not {number}.")
    return number


def seconds(name: str, default: float) -> float:
    """Return a variable as a positive number of seconds, below one day. Raises SettingsError."""
    value = os.environ.get(name, "").strip()
    try:
        number = float(value) if value else default
    except ValueError:
        raise SettingsError(f"{name} must be a number of seconds, not {value!r}.") from None
    if not 0 < number < 86400:
        raise SettingsError(f"{name} must lie between 0 and 86400 seconds, not {number}.")
    return number


def choice(name: str, default: str, *, among: tuple[str, ...]) -> str:
    """Return a variable that must be one of the words in `among`. Raises SettingsError."""
    value = text(name, default)
    if value not in among:
        raise SettingsError(f"{name} must be one of {', '.join(among)}, not {value!r}.")
    return value


def is_on(name: str, default: str = "off") -> bool:
    """Return whether a switch is on. Raises SettingsError."""
    return choice(name, default, among=("on", "off")) == "on"


def is_production() -> bool:
    """Return whether this program refuses what is only fit for trying out. Raises SettingsError."""
    return is_on(production.VARIABLE)


def log_level() -> str:
    """Return from which level on lines are logged. Raises SettingsError."""
    return choice("ESSAYCOACH_LOG_LEVEL", "info", among=LOG_LEVELS).upper()


def secret(name: str) -> str:
    """Return a secret from NAME, NAME_FILE or NAME_COMMAND (models/secret_settings.py). Raises SettingsError."""
    value = optional_secret(name)
    if value is None:
        raise SettingsError(f"{name} is not set (nor {name}_FILE), and no {name}_COMMAND prints it.")
    return value


def optional_secret(name: str) -> str | None:
    """Return a secret as `secret` does, or None when none of its variables is set. Raises SettingsError."""
    found = secret_settings.read(name)
    if found is None:
        return None
    if name in SECRETS and is_production():
        production.check_secret(name, found.value)
    return found.value


def url_error(name: str, accepted: str, fault: str) -> SettingsError:
    """Return the error for an unusable URL: what is accepted and what is wrong. It never holds the URL, nor its password."""
    return SettingsError(f"{name} must be {accepted}: {fault}.")


def split_url(name: str, url: str, *, schemes: tuple[str, ...], accepted: str) -> SplitResult:
    """Return the parts of a URL that names a host. Raises SettingsError."""
    if url.partition("://")[0] not in schemes:
        raise url_error(name, accepted, BAD_SCHEME)
    try:
        parts = urlsplit(url)
        is_valid = parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise url_error(name, accepted, BAD_PORT)
    if not parts.hostname or any(letter.isspace() for letter in parts.hostname):
        raise url_error(name, accepted, NO_HOST)
    return parts


def web_url(name: str) -> str | None:
    """Return the address of a web page or service, or None when the variable is missing or blank. Raises SettingsError."""
    url = optional(name)
    if url is not None:
        split_url(name, url, schemes=("http", "https"), accepted=WEB_URLS)
        if is_production():
            production.check_web_url(name, url)
    return url


def public_url() -> str | None:
    """Return the address under which people reach the pages, without a slash at its end, or None. Raises SettingsError."""
    name = "ESSAYCOACH_PUBLIC_URL"
    url = web_url(name)
    if url is not None and any(sign in url.removesuffix("/").partition("://")[2] for sign in "/?#@"):
        raise url_error(name, WEB_URLS, "it has more than a host and a port")
    return url.removesuffix("/") if url is not None else None


def base_urls(name: str) -> tuple[str, ...]:
    """Return the addresses of our own web servers that a variable names, separated by commas. Raises SettingsError.

    Nothing secret is sent there, so they may be without TLS in production too.
    """
    urls = tuple(url.strip() for url in (optional(name) or "").split(",") if url.strip())
    for url in urls:
        parts = split_url(name, url, schemes=("http", "https"), accepted=WEB_URLS)
        if parts.query or parts.fragment or parts.username is not None:
            raise url_error(name, WEB_URLS, "it has a user, a query or a fragment")
    return urls


def database_url() -> str:
    """Return the address of PostgreSQL. Raises SettingsError."""
    name, accepted = "DATABASE_URL", DATABASE_URLS
    url = _required_url(name, accepted)
    if url.partition("://")[0] not in ("postgresql", "postgres"):
        raise url_error(name, accepted, BAD_SCHEME)
    try:
        # libpq's own reading: it accepts several hosts, sockets and characters that other readers of URLs refuse.
        parameters = parse_dsn(url)
    except (psycopg2.Error, ValueError):
        raise url_error(name, accepted, "an option is unknown, or a special character is not percent-encoded") from None
    if not parameters.get("host", "").strip():
        raise url_error(name, accepted, NO_HOST)
    for port in filter(None, parameters.get("port", "").split(",")):
        if not (port.isdecimal() and 0 < int(port) < 65536):
            raise url_error(name, accepted, BAD_PORT)
    secret_settings.refuse_placeholder(name, parameters.get("password", ""))
    if is_production():
        production.check_process()
        production.check_database(name, parameters)
    return url.replace("postgres://", "postgresql://", 1)


def redis_url() -> str:
    """Return the address of the Redis that carries hints. Raises SettingsError."""
    name, accepted = "REDIS_URL", REDIS_URLS
    url = _required_url(name, accepted)
    if url.startswith("unix://"):
        _, _, place = url.removeprefix("unix://").partition("?")[0].rpartition("@")
        if not place.startswith("/") or place == "/":
            raise url_error(name, accepted, "it names no socket (three slashes begin its path)")
    else:
        path = split_url(name, url, schemes=("redis", "rediss", "unix"), accepted=accepted).path
        if path.strip("/") and not path.strip("/").isdecimal():
            raise url_error(name, accepted, "its database is not a number")
    try:
        # It connects to nothing yet, but reads the options.
        connection = redis.ConnectionPool.from_url(url).make_connection()
    except (TypeError, ValueError, redis.RedisError):
        raise url_error(name, accepted, "an option is unknown or has a wrong value") from None
    secret_settings.refuse_placeholder(name, str(getattr(connection, "password", None) or ""))
    if is_production():
        production.check_redis(name, connection)
    return url


def _required_url(name: str, accepted: str) -> str:
    url = optional_secret(name)
    if url is None:
        raise SettingsError(f"{name} is not set; it must be {accepted}.")
    return url


def key_bytes(name: str) -> bytes:
    """Return the 32-byte key that a variable holds in base64. Raises SettingsError."""
    return _decode(secret(name), name=name)


def _decode(value: str, *, name: str) -> bytes:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError(f"{name} must be base64: {secret_settings.NEW_KEY}.") from None
    if len(raw) != 32:
        raise SettingsError(f"{name} must hold 32 bytes, not {len(raw)}: {secret_settings.NEW_KEY}.")
    if is_production():
        production.check_key(name, raw)
    return raw


def listening_host(name: str) -> str:
    """Return the address that a program listens on: this machine's own unless the variable says another. Raises SettingsError."""
    host = text(name, "127.0.0.1")
    check_listening(name, host)
    return host


def check_listening(name: str, host: str) -> None:
    """Check an address that a program listens on. Raises SettingsError in production, unless every interface is meant."""
    if is_production() and not is_on("ESSAYCOACH_ALL_INTERFACES"):
        production.check_address(name, host)


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """The database's address, how many connections one process may hold, and how long a statement may go unanswered.

    In production each log-in must be that of `own_role`.
    """

    database_url: str
    program: str
    pool_size: int
    pool_wait_seconds: float
    answer_seconds: float = 15.0
    own_role: str | None = None


@dataclass(frozen=True, kw_only=True)
class CryptoSettings:
    """The master keys by id (the first one wraps new keys), and the key of the blind indexes."""

    master_keys: dict[str, bytes]
    index_key: bytes


def read_store(program: str, *, pool_size: int, answer_seconds: float, pool_wait_seconds: float = 1.5) -> StoreSettings:
    """Return the database settings of one program. Its DATABASE_URL names its own log-in role.

    `answer_seconds` is higher than the role's lock_timeout (migrations/roles.sql), so that the server's own answer comes
    first.
    """
    url, own_role = database_url(), None
    if is_production():
        own_role = program.replace("-", "_")
        if parse_dsn(url).get("user") != own_role:
            raise production.refusal("DATABASE_URL", f"log in as {own_role}", "that is the role of this program")
    return StoreSettings(
        own_role=own_role,
        database_url=url,
        program=program,
        pool_size=integer("ESSAYCOACH_POOL_SIZE", pool_size, least=1),
        pool_wait_seconds=seconds("ESSAYCOACH_POOL_WAIT_SECONDS", pool_wait_seconds),
        answer_seconds=seconds("ESSAYCOACH_ANSWER_SECONDS", answer_seconds),
    )


def read_crypto() -> CryptoSettings:
    """Return the encryption keys. ESSAYCOACH_MASTER_KEYS is `id:base64`, several separated by commas, newest first.

    ESSAYCOACH_MASTER_KEYS_COMMAND connects a key service: it is any command that prints the same text.
    """
    masters: dict[str, bytes] = {}
    for entry in secret("ESSAYCOACH_MASTER_KEYS").split(","):
        name, _, encoded = entry.strip().partition(":")
        if not (name.isascii() and name.isalnum()) or len(name) > 32:
            raise SettingsError("ESSAYCOACH_MASTER_KEYS must be id:base64 pairs; an id is up to 32 letters and digits.")
        if name in masters:
            raise SettingsError(f"ESSAYCOACH_MASTER_KEYS names {name!r} twice.")
        masters[name] = _decode(encoded, name="ESSAYCOACH_MASTER_KEYS")
    return CryptoSettings(master_keys=masters, index_key=key_bytes("ESSAYCOACH_INDEX_KEY"))
