"""Test the one place that reads URLs: what it accepts, and that a refusal never shows the URL."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import settings
from models.errors import SettingsError

SECRET = "hunter2"
READERS: dict[str, Callable[[], str | None]] = {
    "DATABASE_URL": settings.database_url,
    "REDIS_URL": settings.redis_url,
    "ANTHROPIC_BASE_URL": lambda: settings.web_url("ANTHROPIC_BASE_URL"),
}
GOOD = {
    "DATABASE_URL": [
        f"postgresql://ec_worker:{SECRET}@db:5432/essaycoach",
        f"postgresql://ec_worker:{SECRET}@db/essaycoach?sslmode=verify-full&sslrootcert=/ca.pem",
        f"postgresql://ec_worker:{SECRET}@one:5432,two:5433/essaycoach?target_session_attrs=read-write",
        "postgresql:///essaycoach?host=/run/postgresql",
        "postgresql://%2Frun%2Fpostgresql/essaycoach",
        "postgresql://ec_worker@[::1]:5432/essaycoach",
        "postgresql://ec_worker:p#w@db/essaycoach",
    ],
    "REDIS_URL": [
        "redis://redis",
        "redis://redis/",
        f"redis://:{SECRET}@redis:6379/3",
        "redis://[::1]:6379/0?socket_timeout=1.5",
        f"rediss://coach:{SECRET}@redis:6380/0?ssl_cert_reqs=required&ssl_ca_certs=/ca.pem",
        f"unix:///run/redis/redis.sock?db=1&password={SECRET}",
        f"unix://coach:{SECRET}@/run/redis/redis.sock",
    ],
    "ANTHROPIC_BASE_URL": ["https://api.anthropic.com", "http://127.0.0.1:8080/v1", "https://[::1]/"],
}
GARBAGE = [
    "garbage",
    f"http:{SECRET}",
    f"redis+unix:///run/{SECRET}.sock",
    f"redis+sentinel://:{SECRET}@one:26379/primary",
    f"mysql://root:{SECRET}@db/x",
    f"//u:{SECRET}@host",
    "\udcff://host",
]
BAD = {
    "DATABASE_URL": [
        *GARBAGE,
        f"http://{SECRET}/x",
        f"postgresql://u:{SECRET}@/essaycoach",
        f"postgresql:{SECRET}@db",
        f"postgresql://u:{SECRET}@db:0/x",
        f"postgresql://u:{SECRET}@db:99999/x",
        f"postgresql://u:{SECRET}@db:{SECRET}/x",
        f"postgresql://u:{SECRET}@one:5432,two:x/x",
        f"postgresql://u:{SECRET}@db/x?colour={SECRET}",
        f"postgresql://u:{SECRET}@[::1/x",
        f"postgresql://u:{SECRET}%zz@db/x",
        "host=db dbname=essaycoach",
    ],
    "REDIS_URL": [
        *GARBAGE,
        f"http://{SECRET}/0",
        "redis://",
        f"redis://:{SECRET}@",
        f"redis://:{SECRET}@/0",
        f"redis://:{SECRET}@host:port/0",
        f"redis://:{SECRET}@host:0/0",
        f"redis://:{SECRET}@host:99999/0",
        f"redis://:{SECRET}@[::1/0",
        f"redis://:{SECRET}#@host/0",
        f"redis://:{SECRET}@ho st/0",
        f"redis://:{SECRET}@host/first",
        f"redis://:{SECRET}@host?db={SECRET}",
        f"redis://:{SECRET}@host?colour={SECRET}",
        f"redis://:{SECRET}@host?ssl_cert_reqs=none",
        f"rediss://:{SECRET}@host?ssl_cert_reqs={SECRET}",
        "unix://",
        "unix:///",
        f"unix://run/{SECRET}.sock",
        f"unix:///run/redis.sock?host={SECRET}",
    ],
    "ANTHROPIC_BASE_URL": [*GARBAGE, "https://", "https:///v1", f"https://u:{SECRET}@", "https://host:x", "ftp://host"],
}


@pytest.mark.parametrize(("name", "url"), [(name, url) for name, urls in GOOD.items() for url in urls])
def test_good_url_is_returned_unchanged(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, f" {url} ")
    assert READERS[name]() == url


@pytest.mark.parametrize(("name", "url"), [(name, url) for name, urls in BAD.items() for url in urls], ids=ascii)
def test_bad_url_is_refused_by_name_and_never_shown(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(SettingsError) as refusal:
        READERS[name]()
    sentence = str(refusal.value)
    accepted = {"DATABASE_URL": settings.DATABASE_URLS, "REDIS_URL": settings.REDIS_URLS}.get(name, settings.WEB_URLS)
    assert sentence.startswith(f"{name} must be {accepted}: ")
    assert sentence.count("\n") == 0
    assert SECRET not in sentence
    # A traceback shows neither: the error that quotes the URL is not its cause.
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None or refusal.value.__suppress_context__


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_missing_url_is_refused_with_what_is_accepted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for blank in ("", "  "):
        monkeypatch.setenv(name, blank)
        with pytest.raises(SettingsError, match=f"{name} is not set; it must be .*://"):
            READERS[name]()


def test_several_addresses_of_web_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "ESSAYCOACH_WEB_URL"
    monkeypatch.delenv(name, raising=False)
    assert settings.base_urls(name) == ()
    monkeypatch.setenv(name, " http://web:8000, https://school.example/behind/ ,")
    assert settings.base_urls(name) == ("http://web:8000", "https://school.example/behind/")


@pytest.mark.parametrize(
    "bad", ["web:8000", "http://", f"https://me:{SECRET}@web", f"https://web/?key={SECRET}", "https://web#x", "http://web:99999"]
)  # fmt: skip
def test_one_bad_address_of_web_is_refused_without_showing_it(bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESSAYCOACH_WEB_URL", f"http://good.example,{bad}")
    with pytest.raises(SettingsError, match="^ESSAYCOACH_WEB_URL must be http://HOST or https://HOST: ") as refused:
        settings.base_urls("ESSAYCOACH_WEB_URL")
    assert SECRET not in str(refused.value)
