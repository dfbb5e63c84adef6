"""Command line of the migrations: up, down, status, check, dump, seal."""

from __future__ import annotations

import argparse
import os
import sys
from difflib import unified_diff

from migrations.dump import SCHEMA_FILE, dump
from migrations.runner import PROGRAMS, MigrationError, Runner, problems, runner, seal
from models import production, settings
from models.errors import SettingsError

MOST_LINES = 20


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code: 0 for success, 1 after a refusal (the reason is on standard error)."""
    parser = argparse.ArgumentParser(
        prog="python -m migrations",
        description="Change the schema of DATABASE_URL (a direct connection as a superuser, or as a member of ec_owner).",
        epilog="ESSAYCOACH_DB_PASSWORD_INGEST, _WORKER, _CLOCK, _MONITOR, _BACKUP set the programs' log-in passwords on 'up'.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="prepare the roles and apply every missing migration")
    down = commands.add_parser("down", help="roll back the newest migration, or all of them")
    down.add_argument("--all", action="store_true", help="roll back to an empty schema; every row is lost")
    down.add_argument("--steps", type=int, default=1, help="how many to roll back (default: 1)")
    commands.add_parser("status", help="list the migrations and whether each is applied")
    commands.add_parser("check", help="check numbering, rollback files and checksums; needs no database")
    commands.add_parser("roles", help="prepare the roles only, in an empty database that a backup is restored into")
    commands.add_parser("compare", help="compare the migrated database with schema.sql (exit code 1: it differs)")
    commands.add_parser("dump", help="write the schema of the migrated database to schema.sql")
    commands.add_parser("seal", help="add new files to checksums.sha256")
    options = parser.parse_args(arguments)
    try:
        if options.command == "check":
            return _print_problems()
        if options.command == "seal":
            print("\n".join(f"sealed {name}" for name in seal()) or "nothing new to seal")
            return 0
        url = settings.database_url()
        if options.command == "dump":
            SCHEMA_FILE.write_text(dump(url), encoding="utf-8")
            print(f"wrote {SCHEMA_FILE.name}")
            return 0
        if options.command == "compare":
            return _compare(url)
        passwords = _passwords() if options.command in ("up", "roles") else {}
        with runner(url) as schema:
            return _run(schema, options, passwords)
    except (MigrationError, SettingsError) as error:
        print(f"migrations: {error}", file=sys.stderr)
        return 1


def _run(schema: Runner, options: argparse.Namespace, passwords: dict[str, str]) -> int:
    """Run `status`, `up` or `down` and return the exit code."""
    if options.command == "status":
        for name, applied in schema.status():
            print(f"{'applied' if applied else 'missing':8} {name}")
        return 0
    if options.command in ("up", "roles"):
        schema.prepare_roles(passwords)
    if options.command == "roles":
        print("the roles are prepared")
        return 0
    if options.command == "up":
        steps, verb = schema.up(), "applied"
    else:
        steps, verb = schema.down(None if options.all else options.steps), "rolled back"
    count = 0
    for name, seconds in steps:
        print(f"{verb} {name} in {seconds * 1000:.0f} ms", flush=True)
        count += 1
    print(f"{count} migrations {verb}" if count else "nothing to do")
    return 0


def _compare(url: str) -> int:
    """Print where the schema of the database differs from schema.sql, and return the exit code."""
    wanted, found = SCHEMA_FILE.read_text(encoding="utf-8").splitlines(), dump(url).splitlines()
    differences = [
        line for line in unified_diff(wanted, found, lineterm="", n=0) if line[:3] not in ("---", "+++", "@@ ")
    ]
    if not differences:
        print(f"the schema is that of {SCHEMA_FILE.name}")
        return 0
    print(
        f"the schema differs from {SCHEMA_FILE.name} in {len(differences)} lines (- wanted, + found):", file=sys.stderr
    )
    print("\n".join(differences[:MOST_LINES]), file=sys.stderr)
    return 1


def _passwords() -> dict[str, str]:
    """Return the log-in passwords from the environment by role; a role without a variable is left out.

    Raises SettingsError.
    """
    names = {role: f"ESSAYCOACH_DB_PASSWORD_{role.removeprefix('ec_').upper()}" for role in PROGRAMS}
    given = {role: os.environ[name] for role, name in names.items() if os.environ.get(name)}
    if settings.is_production():
        for role, password in given.items():
            production.check_password(names[role], password, user=role)
    return given


def _print_problems() -> int:
    """Print what is wrong with the files and return the exit code."""
    found = problems()
    print("\n".join(found) or "every migration is numbered, reversible and sealed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
