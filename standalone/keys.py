"""Secrets and ports of one instance. Each is chosen once and kept in a small file of the data directory."""

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
from urllib.parse import quote, urlsplit, urlunsplit

from models.redis_users import USERS as REDIS_USERS

PROGRAM_ROLES = ("ec_ingest", "ec_worker", "ec_clock", "ec_monitor", "ec_backup")

# These ports are below Linux's range for outgoing connections (32768 and up). So no outgoing connection can take the port
# of a killed server before it restarts, and a client that connects to the closed port cannot connect to itself.
PORTS = range(15_000, 32_000)


@dataclass(frozen=True)
class InstanceKeys:
    """Every secret of one instance. Their repr is empty, so none reaches a log or a traceback by accident."""

    superuser_password: str = field(repr=False)
    redis_passwords: Mapping[str, str] = field(repr=False)
    role_passwords: Mapping[str, str] = field(repr=False)
    master_key: str = field(repr=False)  # 32 bytes, standard base64
    blind_index_key: str = field(repr=False)  # 32 bytes, standard base64
    jwt_secret: str = field(repr=False)
    api_key_pepper: str = field(repr=False)  # 32 bytes, standard base64
    audit_key: str = field(repr=False)  # 32 bytes, standard base64


def instance_keys(data_dir: Path) -> InstanceKeys:
    """Return the secrets in `DATA/keys/`, and create those that are missing. Later calls return the same ones."""
    keys = data_dir / "keys"
    return InstanceKeys(
        superuser_password=kept_secret(keys / "postgres_superuser", draw=_password),
        redis_passwords=redis_passwords(data_dir),
        role_passwords=MappingProxyType({role: kept_secret(keys / role, draw=_password) for role in PROGRAM_ROLES}),
        master_key=kept_secret(keys / "master_key", draw=_key),
        blind_index_key=kept_secret(keys / "blind_index_key", draw=_key),
        jwt_secret=kept_secret(keys / "jwt_secret", draw=lambda: secrets.token_urlsafe(48)),
        api_key_pepper=kept_secret(keys / "api_key_pepper", draw=_key),
        audit_key=kept_secret(keys / "audit_key", draw=_key),
    )


def url_for(superuser_url: str, role: str, keys: InstanceKeys) -> str:
    """Return the URL with which a program's role logs in to the same server and database."""
    parts = urlsplit(superuser_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(keys.role_passwords[role])}@{host}"))


def password_variables(keys: InstanceKeys) -> dict[str, str]:
    """Return the variables from which `migrations up` takes the passwords of the roles."""
    return {
        f"ESSAYCOACH_DB_PASSWORD_{role.removeprefix('ec_').upper()}": password
        for role, password in keys.role_passwords.items()
    }


def superuser_password(data_dir: Path) -> str:
    """Return the superuser password of the embedded PostgreSQL; create it if needed."""
    return kept_secret(data_dir / "keys" / "postgres_superuser", draw=_password)


def redis_passwords(data_dir: Path) -> Mapping[str, str]:
    """Return the password of each user of the embedded Redis; create those that are missing."""
    folder = data_dir / "keys"
    return MappingProxyType({user: kept_secret(folder / f"redis_{user}", draw=_password) for user in REDIS_USERS})


def kept_secret(path: Path, *, draw: Callable[[], str]) -> str:
    """Return the secret in `path`, readable by its owner only; write a new one if there is no file.

    Raises ValueError if the file is empty.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _write_once(path, draw())
    path.chmod(0o600)
    secret = path.read_text(encoding="ascii").strip()
    if not secret:
        # A new secret would hide the problem and make all data encrypted with the old secret unreadable.
        raise ValueError(f"{path} is empty; restore it from a backup, or remove the whole data directory")
    return secret


def remembered_port(path: Path, *, may_change: bool) -> int:
    """Return the port kept in `path`, or a new one if it is taken.

    Raises OSError if the port is taken and may not change.
    """
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
    """Return whether a server can bind the port on 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers use this option too, so connections of a dead server in TIME_WAIT do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_once(path: Path, secret: str) -> None:
    """Store the secret in `path` unless another process stored one first; that one is then kept.

    Write a draft file and link it to `path`: the link is atomic and fails when `path` exists.
    """
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
    """Return a random password."""
    return secrets.token_urlsafe(32)  # needs no quoting in a URL


def _key() -> str:
    """Return 32 random bytes in standard base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode("ascii")
