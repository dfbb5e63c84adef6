"""Test the single checks of production: what each refuses in whatever spelling, and what it lets through."""

from __future__ import annotations

import base64
import os
import secrets

import pytest
import redis
from psycopg2.extensions import parse_dsn

from models import db, production
from models.errors import DatabaseAway, SettingsError
from models.settings import StoreSettings
from tests.support.schools import INDEX_KEY, MASTER_KEY, PEPPER
from tests.support.servers import Database, Servers, away

# Fixed, because every process of a test run must collect the same tests.
PASSWORD = "c07fc3ccdb0bdd2ecca2c08cbc1097f84844f7897605401d"
DATABASE = f"postgresql://ec_clock:{PASSWORD}@db.school.example/essaycoach"
REDIS = f"rediss://ec_clock:{PASSWORD}@redis.school.example/0"


@pytest.mark.parametrize(
    "value",
    [
        "replace-with-at-least-32-random-characters", "Change_Me!" * 4, "s" * 48, "abcd" * 12, "ab" * 24,
        "this-is-an-EXAMPLE-secret-of-48-characters-1234", f"{PASSWORD},{'x' * 48}",
        "essaycoach-2026-secret-for-our-tokens-0123456789",
    ],
)  # fmt: skip
def test_guessable_secret_is_refused(value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        production.check_secret("EC_X", value)
    assert value not in str(refused.value)


@pytest.mark.parametrize(
    "key",
    [
        b"\0" * 32, bytes(range(32)), bytes(range(64, 0, -2)), b"0123456789abcdef0123456789abcdef",
        b"our very secret key for 2026! ok", bytes([1, 2, 3, 250]) * 8, bytes([0] * 20 + [*range(100, 112)]),
        *(base64.b64decode(one) for one in (MASTER_KEY, INDEX_KEY, PEPPER)),
    ],
)  # fmt: skip
def test_key_that_nobody_drew_at_random_is_refused(key: bytes) -> None:
    assert len(key) == 32
    with pytest.raises(SettingsError):
        production.check_key("EC_X", key)


def test_random_secrets_pass() -> None:
    for _ in range(500):
        production.check_key("EC_X", os.urandom(32))
        for drawn in (secrets.token_hex(24), secrets.token_urlsafe(32), secrets.token_hex(16)):
            production.check_secret("EC_X", drawn)
            production.check_password("EC_X", drawn, user="ec_clock")


@pytest.mark.parametrize(
    "password", ["", "change-me-1", "postgres", "ec_clock", "hunter2", "only-in-tests", "a" * 40, "abcabcabcabcabcabc", "Password-Password-1"]
)  # fmt: skip
def test_default_or_short_password_is_refused(password: str) -> None:
    with pytest.raises(SettingsError):
        production.check_password("EC_X", password, user="ec_clock")


@pytest.mark.parametrize(
    "url",
    [
        DATABASE, *(f"{DATABASE}?sslmode={mode}" for mode in ("disable", "allow", "prefer", "require", "verify-ca")),
        f"{DATABASE}?sslmode=verify-full&sslmode=disable",
        f"postgresql://ec_clock:{PASSWORD}@/essaycoach?host=/run/postgresql&hostaddr=192.0.2.1",
        f"postgresql://ec_clock:{PASSWORD}@/essaycoach?host=/run/postgresql,db.school.example",
        "postgresql://ec_clock@db.school.example/essaycoach?sslmode=verify-full",
        "postgresql://ec_clock:postgres@/essaycoach?host=/run/postgresql",
    ],
)  # fmt: skip
def test_database_without_checked_tls_or_with_a_weak_password_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        production.check_database("DATABASE_URL", parse_dsn(url))
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        f"{DATABASE}?sslmode=verify-full", f"{DATABASE}?sslmode=verify-full&sslrootcert=system",
        f"postgresql://ec_clock:{PASSWORD}@one,two/essaycoach?sslmode=verify-full&target_session_attrs=read-write",
        f"postgresql://ec_clock:{PASSWORD}@%2Frun%2Fpostgresql/essaycoach", "postgresql://ec_clock@/essaycoach?host=/run/postgresql",
        "postgresql://ec_clock@db.school.example/essaycoach?sslmode=verify-full&sslcert=/c.pem&sslkey=/k.pem",
    ],
)  # fmt: skip
def test_database_with_checked_tls_or_on_a_socket_passes(url: str) -> None:
    production.check_database("DATABASE_URL", parse_dsn(url))


@pytest.mark.parametrize(
    "url",
    [
        REDIS.replace("rediss", "redis"), f"{REDIS}?ssl_cert_reqs=none", f"{REDIS}?ssl_cert_reqs=optional",
        f"{REDIS}?ssl_check_hostname=false", "rediss://redis.school.example/0", f"rediss://:{PASSWORD}@redis.school.example/0",
        f"rediss://ec_operator:{PASSWORD}@redis.school.example/0", f"rediss://default:{PASSWORD}@redis.school.example/0",
        "rediss://ec_clock:change-me-8@redis.school.example/0", "unix://ec_clock@/run/redis.sock?db=0",
    ],
)  # fmt: skip
def test_redis_without_checked_tls_or_of_another_user_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        production.check_redis("REDIS_URL", redis.ConnectionPool.from_url(url).make_connection())
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("url", [REDIS, f"{REDIS}?ssl_ca_certs=/ca.pem", f"unix://ec_clock:{PASSWORD}@/run/redis.sock"])
def test_redis_with_checked_tls_or_on_a_socket_passes(url: str) -> None:
    production.check_redis("REDIS_URL", redis.ConnectionPool.from_url(url).make_connection())


@pytest.mark.parametrize("host", ["0.0.0.0", "", "*", "::", "[::]", "0", "0x0", "00.0", "::ffff:0.0.0.0", "0:0::0"])
def test_every_spelling_of_all_interfaces_is_recognised(host: str) -> None:
    with pytest.raises(SettingsError):
        production.check_address("ESSAYCOACH_HOST", host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "192.0.2.7", "web.school.example", "localhost"])
def test_one_address_passes(host: str) -> None:
    production.check_address("ESSAYCOACH_HOST", host)


def test_superuser_is_refused_also_when_the_database_was_away_at_the_start(
    servers: Servers, database: Database
) -> None:
    def connect() -> None:
        db.connect(
            StoreSettings(
                database_url=database.admin_url, program="test", pool_size=1, pool_wait_seconds=5.0, own_role="ec_clock"
            )
        )

    with away(servers, database):
        connect()
    with pytest.raises(DatabaseAway), db.session():
        db.row("select 1 as one")
    with pytest.raises(SettingsError, match="log in as ec_clock"):
        connect()
