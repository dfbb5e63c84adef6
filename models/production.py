"""What ESSAYCOACH_PRODUCTION=on refuses: each check raises a SettingsError of one sentence that says what to do instead.

No sentence holds a secret, a password or a URL.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
import sys
from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import SplitResult

from redis.connection import SSLConnection, UnixDomainSocketConnection

from models.errors import SettingsError
from models.redis_users import OPERATOR, USERS

VARIABLE = "ESSAYCOACH_PRODUCTION"
NEW_SECRET = "draw a new one at random, as .env.example shows"  # noqa: S105 - advice, no secret
LEAST_PASSWORD = 16
# Sixteen random hex digits have fewer different ones once in two million draws, and a random key almost never.
LEAST_DIFFERENT = 5
LEAST_DIFFERENT_BYTES = 16
# Words of .env.example, of our tests and of manuals. Seven letters or more: chance puts none of them into a random secret.
PLACEHOLDERS = re.compile(
    r"changeme|changeit|replaceme|replacewith|placeholder|password|example|supersecret|insecure|onlyintests|essaycoach|postgres"
)
OFF = ("", "0", "false", "no")


def refusal(name: str, rule: str, remedy: str) -> SettingsError:
    """Return the error that says which rule of production is broken, and what to do."""
    return SettingsError(f"{name} must {rule} when {VARIABLE} is on: {remedy}.")


def check_process() -> None:
    """Check the account and the switches that this program was started with. Raises SettingsError."""
    if 0 in (os.getuid(), os.geteuid()):
        raise refusal("This program", "not run as root", "start it under an account of its own")
    if os.environ.get("FLASK_DEBUG", "").strip().lower() not in OFF:
        raise refusal("FLASK_DEBUG", "not be set", "remove it from the environment")
    if sys.flags.dev_mode:
        raise refusal("PYTHONDEVMODE", "not be set", "remove it from the environment, and -X dev from the command")
    if os.environ.get("ANTHROPIC_LOG", "").strip().lower() == "debug":
        raise refusal("ANTHROPIC_LOG", "not be debug", "it writes essays into the log, so remove it")


def check_secret(name: str, value: str) -> None:
    """Check that a secret is neither a placeholder nor easy to guess. Raises SettingsError."""
    for part in value.split(","):
        if _is_placeholder(part) or _repeats(part.strip()) or len(set(part)) < LEAST_DIFFERENT:
            raise refusal(name, "be neither a placeholder nor easy to guess", NEW_SECRET)


def check_key(name: str, key: bytes) -> None:
    """Check that a key was drawn at random and not typed. Raises SettingsError."""
    steps = {(second - first) % 256 for first, second in pairwise(key)}
    is_typed = all(32 <= byte < 127 for byte in key)
    if is_typed or _repeats(key) or len(set(key)) < LEAST_DIFFERENT_BYTES or len(steps) < LEAST_DIFFERENT:
        raise refusal(name, "hold bytes drawn at random", NEW_SECRET)


def check_password(name: str, password: str, *, user: str) -> None:
    """Check a password that stands in a URL, or that a role is given. Raises SettingsError."""
    if not password:
        raise refusal(name, "have a password", "give each program the password of its own user")
    is_weak = len(password) < LEAST_PASSWORD or len(set(password)) < LEAST_DIFFERENT or _repeats(password)
    if is_weak or _is_placeholder(password) or password.casefold() == user.casefold():
        raise refusal(name, f"have a random password of at least {LEAST_PASSWORD} characters", NEW_SECRET)


def check_database(name: str, parameters: Mapping[str, str]) -> None:
    """Check libpq's parameters: TLS that checks the server's name, and a log-in that proves itself. Raises SettingsError."""
    hosts = parameters.get("host", "").split(",")
    # With `hostaddr`, libpq connects there and only compares `host` with the certificate.
    is_socket = all(host.strip()[:1] in ("/", "@") for host in hosts) and not parameters.get("hostaddr")
    if not is_socket and parameters.get("sslmode") != "verify-full":
        remedy = "add it with sslrootcert=FILE or sslrootcert=system, or use a Unix socket"
        raise refusal(name, "have sslmode=verify-full", remedy)
    # The server may know the program by its system account (socket) or certificate; a passfile we do not read.
    has_other_proof = is_socket or parameters.get("sslcert") or parameters.get("passfile")
    if parameters.get("password") or not has_other_proof:
        check_password(name, parameters.get("password", ""), user=parameters.get("user", ""))


def check_redis(name: str, connection: Any) -> None:
    """Check a connection as redis-py makes it from a URL, without connecting. Raises SettingsError."""
    if not isinstance(connection, SSLConnection | UnixDomainSocketConnection):
        raise refusal(name, "begin with rediss:// or unix://", "give Redis TLS, or use its Unix socket")
    if isinstance(connection, SSLConnection) and not (
        connection.cert_reqs == ssl.CERT_REQUIRED and connection.check_hostname
    ):
        raise refusal(name, "check Redis's certificate and name", "leave out ssl_cert_reqs and ssl_check_hostname")
    programs = [user for user in USERS if user != OPERATOR]
    if connection.username not in programs:
        raise refusal(name, f"name the program's own user ({', '.join(programs)})", "see models/redis_users.conf")
    check_password(name, str(connection.password or ""), user=connection.username)


def check_syslog(name: str, parts: SplitResult) -> None:
    """Check that lines about people cross a network with TLS only. Raises SettingsError."""
    if parts.scheme != "tls" and not _is_this_machine(parts.hostname or ""):
        raise refusal(name, "begin with tls:// or unix:", "give the server TLS, or send to a forwarder on this machine")


def check_address(name: str, host: str) -> None:
    """Check that a program listens on one address and not on all. Raises SettingsError."""
    if is_every_interface(host):
        remedy = "give the address that the proxy or Prometheus reaches, or set ESSAYCOACH_ALL_INTERFACES=on on purpose"
        raise refusal(name, "name one address", remedy)


def check_web_url(name: str, url: str) -> None:
    """Check that a web address is one with TLS. Raises SettingsError."""
    if not url.startswith("https://"):
        raise refusal(name, "begin with https://", "give the address with TLS")


def is_every_interface(host: str) -> bool:
    """Return whether a server on this host listens on every interface, in whatever way the host is written."""
    bare = host.strip().strip("[]")
    if bare in ("", "*"):
        return True
    try:
        numeric = socket.getaddrinfo(bare, None, flags=socket.AI_NUMERICHOST)[0][4][0]
    except (OSError, UnicodeError):
        return False  # a name
    address = ipaddress.ip_address(str(numeric).partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_unspecified


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_placeholder(text: str) -> bool:
    return PLACEHOLDERS.search(re.sub(r"[^a-z0-9]", "", text.casefold())) is not None


def _repeats(text: str | bytes) -> bool:
    """Return whether the text is a shorter one written several times."""
    return any(text[length:] == text[:-length] for length in range(1, len(text) // 2 + 1))
