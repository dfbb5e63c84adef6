"""Test that every secret may come from a variable, a file or a command, and that what cannot be one is refused."""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import settings as ingest_settings
from migrations import __main__ as migrations
from models import secret_settings, settings
from models.errors import SettingsError
from models.setting_catalogue import SETTINGS
from standalone import drill
from tests.support.schools import JWT_SECRET
from tests.support.servers import ROOT
from workers.backups.wal import read_key
from workers.commands import backup
from workers.duties import audit_heads
from workers.providers.choice import ProviderChooser
from workers.settings import read_provider

KEY = base64.b64encode(bytes(range(32))).decode()
DATABASE = "postgresql://ec_worker:a-good-word@db/essaycoach"
OTHERS = {
    "ESSAYCOACH_INDEX_KEY": KEY, "ESSAYCOACH_API_KEY_PEPPER": KEY, "ESSAYCOACH_JWT_SECRET": JWT_SECRET, "DATABASE_URL": DATABASE,
    "REDIS_URL": "redis://redis", "ESSAYCOACH_AUDIT_HEADS": "/heads", "ESSAYCOACH_MASTER_KEYS": f"k1:{KEY}",
}  # fmt: skip
# For each secret a value, and what the program that reads it makes of it.
READERS: dict[str, tuple[str, Callable[[], object]]] = {
    "DATABASE_URL": (DATABASE, settings.database_url),
    "REDIS_URL": ("redis://ec_worker:a-good-word@redis:6379/0", settings.redis_url),
    "ESSAYCOACH_MASTER_KEYS": (f"k7:{KEY}", lambda: f"k7:{base64.b64encode(settings.read_crypto().master_keys['k7']).decode()}"),
    "ESSAYCOACH_INDEX_KEY": (KEY, lambda: base64.b64encode(settings.read_crypto().index_key).decode()),
    "ESSAYCOACH_API_KEY_PEPPER": (KEY, lambda: base64.b64encode(ingest_settings.read().api_key_pepper).decode()),
    "ESSAYCOACH_JWT_SECRET": (JWT_SECRET, lambda: ingest_settings.read().jwt_secrets[0]),
    "ESSAYCOACH_MAIL": ("smtp://post:letters@mail.school.example", lambda: ingest_settings.read().mail.url),
    "ESSAYCOACH_AUDIT_KEY": (KEY, lambda: base64.b64encode(getattr(audit_heads.read_seal(), "key", b"")).decode()),
    "ANTHROPIC_API_KEY": ("sk-1", lambda: read_provider().api_key),
    "ESSAYCOACH_ADMIN_PASSWORD": ("a long pass phrase", lambda: settings.optional_secret("ESSAYCOACH_ADMIN_PASSWORD")),
    "ESSAYCOACH_BACKUP_KEY": (KEY, lambda: base64.b64encode(read_key() or b"").decode()),
    "ESSAYCOACH_BACKUP_KEYS_URL": (DATABASE, lambda: settings.optional_secret(backup.KEYS_URL)),
    "ESSAYCOACH_DRILL_SOURCE_URL": (DATABASE, lambda: settings.optional_secret(drill.SOURCE_URL)),
    **{
        f"ESSAYCOACH_DB_PASSWORD_{program.upper()}": (
            "a-good-word", lambda role=f"ec_{program}": migrations._passwords()[role],
        )
        for program in ("ingest", "worker", "clock", "monitor", "backup")
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("ESSAYCOACH_", "ANTHROPIC_", "DATABASE_URL", "REDIS_URL")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ESSAYCOACH_MAIL_FROM", "post@school.example")


def test_every_secret_of_the_catalogue_is_tested_here() -> None:
    assert {setting.name for setting in SETTINGS if setting.is_secret} == set(READERS)


@pytest.mark.parametrize("ending", secret_settings.SOURCES)
@pytest.mark.parametrize("name", READERS)
def test_secret_comes_from_a_variable_a_file_or_a_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, ending: str
) -> None:
    value, read = READERS[name]
    for other, its_value in OTHERS.items():
        if other != name:
            monkeypatch.setenv(other, its_value)
    file = tmp_path / "secret"
    file.write_text(f"{value}\n", encoding="utf-8")
    monkeypatch.setenv(f"{name}{ending}", {"": value, "_FILE": str(file), "_COMMAND": f"cat {file}"}[ending])

    assert read() == value

    second = next(f"{name}{one}" for one in secret_settings.SOURCES if one != ending)
    monkeypatch.setenv(second, "something")
    with pytest.raises(SettingsError) as refused:
        read()
    assert re.fullmatch(rf"Set {name}(_FILE|_COMMAND)? or {name}(_FILE|_COMMAND), not both\.", str(refused.value))


@pytest.mark.parametrize("variable", ["ANTHROPIC_API_KEY_FILE", "ANTHROPIC_API_KEY_COMMAND"])
def test_key_that_cannot_be_read_does_not_turn_into_the_local_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    monkeypatch.setenv(variable, str(empty) if variable.endswith("FILE") else "true")
    with pytest.raises(SettingsError, match=f"ANTHROPIC_API_KEY is not set: {variable} gives nothing"):
        read_provider()


EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text().splitlines()
    if re.match(r"[A-Z_]+=.*[a-z]-", line)
)


@pytest.mark.parametrize("name", [name for name in EXAMPLE if name in READERS])
def test_secret_of_the_example_is_refused_also_outside_production(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, EXAMPLE[name])
    with pytest.raises(
        SettingsError, match=rf"{name} must not hold a placeholder: make one with: openssl rand"
    ) as refused:
        settings.secret(name)
    assert EXAMPLE[name] not in str(refused.value)


def test_example_holds_the_secrets_that_are_tested() -> None:
    assert {"ESSAYCOACH_JWT_SECRET", "ESSAYCOACH_MASTER_KEYS", "ESSAYCOACH_API_KEY_PEPPER"} <= set(EXAMPLE)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("DATABASE_URL", "postgresql://ec_worker:change-me-2@db/essaycoach", settings.database_url),
        ("REDIS_URL", "redis://ec_worker:change-me-7@redis/0", settings.redis_url),
        ("ESSAYCOACH_DB_PASSWORD_WORKER", "change-me-2", migrations._passwords),
        ("ANTHROPIC_API_KEY", "your-api-key", read_provider),
        ("ESSAYCOACH_JWT_SECRET", "s" * 48, ingest_settings.read),
    ],
)  # fmt: skip
def test_placeholder_or_monotonous_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: Callable[[], object]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(
        SettingsError, match=rf"{name} must not (hold a placeholder|be one that is easy to guess): "
    ) as refused:
        read()
    assert value not in str(refused.value)


def test_random_secret_is_never_taken_for_a_placeholder() -> None:
    for _ in range(500):
        for drawn in (secrets.token_hex(24), secrets.token_urlsafe(48), base64.b64encode(os.urandom(32)).decode()):
            secret_settings.refuse_placeholder("EC_X", drawn)
            secret_settings.refuse_monotonous("EC_X", drawn)


def test_the_vendors_sdk_reads_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ANTHROPIC_API_KEY": "sk-1", "ANTHROPIC_AUTH_TOKEN": "other", "ANTHROPIC_CUSTOM_HEADERS": "x-other: yes",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:1", "ANTHROPIC_LOG": "debug",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    client = ProviderChooser(read_provider(), timeout_seconds=5)("anthropic")._client_of_process()  # type: ignore[attr-defined]

    assert (client.api_key, client.auth_token, str(client.base_url)) == ("sk-1", None, "http://127.0.0.1:1")
    assert "x-other" not in client.default_headers
    assert [name for name in os.environ if name.startswith("ANTHROPIC_")] == []
