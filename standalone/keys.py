"""What one instance draws once and then remembers, one small file each in its data directory: secrets and ports."""

from __future__ import annotations

import base64
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

PROGRAM_ROLES = ("ec_ingest", "ec_worker", "ec_clock", "ec_monitor", "ec_backup")

# Below Linux's range for outgoing connections (32768 and up): while a killed server is away, no client's outgoing
# connection can be given its port, and a client knocking on the closed port cannot end up connected to itself.
PORTS = range(15_000, 32_000)


@dataclass(frozen=True)
class InstanceKeys:
    """Every secret of one instance; none of them shows in a repr, so none reaches a log or a traceback by accident."""

    superuser_password: str = field(repr=False)
    redis_password: str = field(repr=False)
    role_passwords: Mapping[str, str] = field(repr=False)
    master_key: str = field(repr=False)  # 32 bytes, standard base64
    blind_index_key: str = field(repr=False)  # 32 bytes, standard base64
    jwt_secret: str = field(repr=False)
    api_key_pepper: str = field(repr=False)  # 32 bytes, standard base64
    audit_key: str = field(repr=False)  # 32 bytes, standard base64


def instance_keys(data_dir: Path) -> InstanceKeys:
    """Every secret exists in `DATA/keys/`, drawn now if it was missing, and is the same at every later call."""
    keys = data_dir / "keys"
    return InstanceKeys(
        superuser_password=kept_secret(keys / "postgres_superuser", draw=_password),
        redis_password=kept_secret(keys / "redis", draw=_password),
        role_passwords=MappingProxyType({role: kept_secret(keys / role, draw=_password) for role in PROGRAM_ROLES}),
        master_key=kept_secret(keys / "master_key", draw=_key),
        blind_index_key=kept_secret(keys / "blind_index_key", draw=_key),
        jwt_secret=kept_secret(keys / "jwt_secret", draw=lambda: secrets.token_urlsafe(48)),
        api_key_pepper=kept_secret(keys / "api_key_pepper", draw=_key),
        audit_key=kept_secret(keys / "audit_key", draw=_key),
    )


def superuser_password(data_dir: Path) -> str:
    """The embedded PostgreSQL's superuser password exists and is returned."""
    return kept_secret(data_dir / "keys" / "postgres_superuser", draw=_password)


def redis_password(data_dir: Path) -> str:
    """The embedded Redis's password exists and is returned."""
    return kept_secret(data_dir / "keys" / "redis", draw=_password)


def kept_secret(path: Path, *, draw: Callable[[], str]) -> str:
    """`path` holds a secret only its owner can read, and that secret is returned; ValueError if the file is empty."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _write_once(path, draw())
    path.chmod(0o600)
    secret = path.read_text(encoding="ascii").strip()
    if not secret:
        # Drawing a new one here would look like a cure and make everything encrypted under the old one unreadable.
        raise ValueError(f"{path} is empty; restore it from a backup, or remove the whole data directory")
    return secret


def remembered_port(path: Path, *, may_change: bool) -> int:
    """The port in `path` is free on 127.0.0.1; a taken one is replaced, or OSError if it may not change."""
    if path.exists():
        port = int(path.read_text(encoding="ascii"))
        if _is_free(port):
            return port
        if not may_change:
            raise OSError(f"port {port} is taken by another program, and clients already know it")
    port = next(port for port in iter(lambda: secrets.choice(PORTS), None) if _is_free(port))
    path.write_text(f"{port}\n", encoding="ascii")
    return port


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers bind with this option too: a dead server's connections that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_once(path: Path, secret: str) -> None:
    # A link appears whole or not at all, and fails if another process was first: then that one's secret stands.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _password() -> str:
    return secrets.token_urlsafe(32)  # needs no quoting in a URL


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode("ascii")
