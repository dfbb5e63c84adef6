"""The environment of a program in production, and starts of programs under an account that is not root."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from models.redis_users import USERS
from tests.support.servers import ROLES, ROOT
from tests.support.tls import HOST

STARTS = {
    "web": ("gunicorn", "--config", "ingest/gunicorn.py", "ingest.app:create_app()"),
    "worker": ("workers", "run"),
    "clock": ("workers", "clock"),
    "monitor": ("monitoring",),
    "migrations": ("migrations", "up"),
    "standalone": ("standalone", "up"),
    "list-orgs": ("ingest", "list-orgs"),
    "given-up": ("workers", "given-up", "list"),
}
ROLE_OF = {
    "web": "ec_ingest", "list-orgs": "ec_ingest", "worker": "ec_worker", "clock": "ec_clock", "given-up": "ec_clock",
    "monitor": "ec_monitor", "migrations": "postgres", "standalone": "ec_ingest",
}  # fmt: skip


def _key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@dataclass(frozen=True)
class Site:
    """The addresses and secrets of an installation in production. By default nothing listens on its ports."""

    authority: Path
    postgres_port: int = 1
    redis_port: int = 1
    database: str = "essaycoach"
    database_passwords: Mapping[str, str] = field(
        default_factory=lambda: {role: secrets.token_hex(24) for role in (*ROLES, "postgres")}
    )
    redis_passwords: Mapping[str, str] = field(
        default_factory=lambda: {user: secrets.token_hex(24) for user in (*USERS, "postgres")}
    )

    def environment(self, program: str) -> dict[str, str]:
        """Return the environment of a program, without what this process was given for itself."""
        role = ROLE_OF[program]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ESSAYCOACH_")}
        return {
            **inherited,
            "ESSAYCOACH_PRODUCTION": "on",
            "DATABASE_URL": f"postgresql://{role}:{self.database_passwords[role]}@{HOST}:{self.postgres_port}/{self.database}"
            f"?sslmode=verify-full&sslrootcert={self.authority}",
            "REDIS_URL": f"rediss://{role}:{self.redis_passwords[role]}@{HOST}:{self.redis_port}/0?ssl_ca_certs={self.authority}",
            "ESSAYCOACH_MASTER_KEYS": f"k1:{_key()}", "ESSAYCOACH_INDEX_KEY": _key(), "ESSAYCOACH_API_KEY_PEPPER": _key(),
            "ESSAYCOACH_JWT_SECRET": secrets.token_hex(24), "ESSAYCOACH_PROXIES": "1", "WEB_PROCESSES": "2", "PORT": "0",
            "ESSAYCOACH_MAIL": "smtp://post:letters@mail.school.example", "ESSAYCOACH_MAIL_FROM": "post@school.example",
            "ESSAYCOACH_METRICS_PORT": "0", **{
                f"ESSAYCOACH_DB_PASSWORD_{one.removeprefix('ec_').upper()}": self.database_passwords[one] for one in ROLES
            },
        }  # fmt: skip


def command(program: str, *, as_root: bool = False) -> list[str]:
    """Return the command line that starts a program as root or not as root, whatever this process is.

    Only the number of the account changes, in a user namespace, so that the program can read what this process can. Skips
    the test where the system allows no such namespace.
    """
    start = [sys.executable, "-m", *STARTS[program]]
    if as_root == (os.getuid() == 0):
        return start
    unshare = [shutil.which("unshare") or "unshare", "--user", "--map-root-user" if as_root else "--map-user=65534"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system allows no user namespace, by which the program would change its account")
    return [*unshare, *start]


def run_program(
    program: str, environment: Mapping[str, str], *, as_root: bool = False
) -> subprocess.CompletedProcess[str]:
    """Start a program that is expected to end by itself, and return how it ended."""
    return subprocess.run(
        command(program, as_root=as_root), cwd=ROOT, env=dict(environment), capture_output=True, text=True, timeout=180,
        check=False,
    )  # fmt: skip
