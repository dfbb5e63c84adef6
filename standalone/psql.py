"""Open psql on the database of a running `up`, as its superuser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from models import settings
from standalone.keys import superuser_password
from standalone.machine import StartError
from standalone.postgres import DATABASE, SUPERUSER, client_program

_PORT_LINE = 3  # index of the line in postmaster.pid where PostgreSQL writes its port


def open_psql(data_dir: Path) -> NoReturn:
    """Replace this process by psql, with DATABASE_URL if it is set. Raises StartError when nothing runs in the folder."""
    psql = client_program("psql")
    url = settings.optional_secret("DATABASE_URL")
    if url:
        os.execv(psql, [psql, url])
    running = data_dir / "postgres" / "postmaster.pid"
    if not running.exists():
        raise StartError(f"no database runs in {data_dir}: start it with 'make up' in another terminal")
    # The password travels in the environment, not in the arguments, which every user of the machine can list.
    address = {
        "PGHOST": "127.0.0.1",
        "PGPORT": running.read_text(encoding="ascii").splitlines()[_PORT_LINE],
        "PGUSER": SUPERUSER,
        "PGDATABASE": DATABASE,
        "PGPASSWORD": superuser_password(data_dir),
    }
    os.execve(psql, [psql], {**os.environ, **address})
