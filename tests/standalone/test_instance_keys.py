"""Test that the secrets of an instance are made once, are private, and do not change."""

from __future__ import annotations

import base64
import socket
import threading
from pathlib import Path

import pytest

from standalone.keys import PROGRAM_ROLES, InstanceKeys, instance_keys, kept_secret, remembered_port


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory whose name has spaces, not created yet."""
    return tmp_path / "with spaces"


def test_reading_the_keys_again_gives_the_same_secrets(data_dir: Path) -> None:
    assert instance_keys(data_dir) == instance_keys(data_dir)


def test_two_instances_share_no_secret(tmp_path: Path) -> None:
    first, second = _all_secrets(instance_keys(tmp_path / "a")), _all_secrets(instance_keys(tmp_path / "b"))
    assert not set(first) & set(second)
    assert len(set(first)) == len(first)


def test_secret_file_permissions_are_reset_to_owner_only(data_dir: Path) -> None:
    instance_keys(data_dir)
    folder = data_dir / "keys"
    (folder / "master_key").chmod(0o644)
    instance_keys(data_dir)
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_encryption_keys_have_32_bytes_and_every_role_has_a_password(data_dir: Path) -> None:
    keys = instance_keys(data_dir)
    for key in (keys.master_key, keys.blind_index_key, keys.api_key_pepper):
        assert len(base64.b64decode(key, validate=True)) == 32
    assert tuple(keys.role_passwords) == PROGRAM_ROLES


def test_repr_of_the_keys_shows_no_secret(data_dir: Path) -> None:
    keys = instance_keys(data_dir)
    assert not [secret for secret in _all_secrets(keys) if secret in repr(keys)]


def test_empty_secret_file_is_an_error(data_dir: Path) -> None:
    instance_keys(data_dir)
    (data_dir / "keys" / "master_key").write_text("")
    with pytest.raises(ValueError, match="master_key is empty"):
        instance_keys(data_dir)


def test_concurrent_programs_agree_on_one_secret(data_dir: Path) -> None:
    at_once = threading.Barrier(8)
    seen: list[str] = []

    def draw() -> str:
        at_once.wait(timeout=60)  # all eight threads have found no file and have a secret of their own
        return f"of-{threading.get_ident()}"

    threads = [
        threading.Thread(target=lambda: seen.append(kept_secret(data_dir / "keys" / "raced", draw=draw)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_port_is_remembered_and_replaced_only_if_it_may_change(tmp_path: Path) -> None:
    file = tmp_path / "port"
    port = remembered_port(file, may_change=True)
    assert remembered_port(file, may_change=True) == port
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(OSError, match=f"port {port} is taken"):
            remembered_port(file, may_change=False)
        other = remembered_port(file, may_change=True)
    assert other != port
    assert remembered_port(file, may_change=False) == other


def _all_secrets(keys: InstanceKeys) -> list[str]:
    single = [
        keys.superuser_password,
        keys.master_key,
        keys.blind_index_key,
        keys.jwt_secret,
        keys.api_key_pepper,
    ]
    return [*single, *keys.role_passwords.values(), *keys.redis_passwords.values()]
