"""Command line of the migrations: up, down, fill, status, check, dump, seal."""

from __future__ import annotations

import argparse
import sys
from difflib import unified_diff
from pathlib import Path

from migrations.batches import fill
from migrations.dump import SCHEMA_FILE, dump
from migrations.errors import MigrationError
from migrations.losses import losses, require_backup
from migrations.plan import plan
from migrations.prepare import PROGRAMS, prepare_roles
from migrations.runner import Runner, path_of, problems, runner, seal
from models import production, setting_catalogue, settings
from models.errors import SettingsError
from models.settings_report import make_report, show

PROGRESS_SECONDS = 2.0

MOST_LINES = 20


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code: 0 for success, 1 after a refusal (the reason is on standard error)."""
    parser = argparse.ArgumentParser(
        prog="python -m migrations",
        description="Change the schema of DATABASE_URL (a direct connection as a superuser, or as a member of ec_owner).",
        epilog="ESSAYCOACH_DB_PASSWORD_INGEST, _WORKER, _CLOCK, _MONITOR, _BACKUP set the programs' log-in passwords on 'up'.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="prepare the roles and apply every missing migration")
    up.add_argument(
        "--plan", action="store_true", help="print the SQL and the locks of each missing migration, and change nothing"
    )
    down = commands.add_parser("down", help="roll back the newest migration, or all of them")
    down.add_argument("--all", action="store_true", help="roll back to an empty schema")
    down.add_argument("--steps", type=int, default=1, help="how many to roll back (default: 1)")
    down.add_argument(
        "--drop-data",
        action="store_true",
        help="also roll back what loses rows; needs a backup of the last 24 hours",
    )
    down.add_argument(
        "--without-backup",
        action="store_true",
        help="with --drop-data: another tool made the backup, or none is needed",
    )
    filling = commands.add_parser("fill", help="change the rows of a big table in small steps, with progress")
    filling.add_argument("file", type=Path, help="a file with one statement that changes at most %%(batch)s rows")
    filling.add_argument("--batch", type=int, default=1000, help="rows of one step (default: 1000)")
    commands.add_parser("status", help="list the migrations and whether each is applied")
    commands.add_parser("check", help="check numbering, rollback files and checksums; needs no database")
    commands.add_parser("roles", help="prepare the roles only, in an empty database that a backup is restored into")
    commands.add_parser("compare", help="compare the migrated database with schema.sql (exit code 1: it differs)")
    commands.add_parser("dump", help="write the schema of the migrated database to schema.sql")
    commands.add_parser("seal", help="add new files to checksums.sha256")
    check = commands.add_parser("check-settings", help="what 'up' would use (exit code 1: it would refuse)")
    check.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    try:
        if options.command == "check-settings":
            checks = [settings.is_production, settings.database_url, _passwords, setting_catalogue.refuse_unknown]
            return show([make_report("migrations", checks)], as_json=options.json)
        for name, near in setting_catalogue.refuse_unknown().items():
            meant = f"; did you mean {near}?" if near else ""
            print(f"migrations: no program reads {name}{meant}", file=sys.stderr)
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
        if options.command == "fill":
            return _fill(url, options)
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
    if options.command == "up" and options.plan:
        return _print_plan(schema)
    if options.command in ("up", "roles"):
        prepare_roles(schema.connection, passwords)
    if options.command == "roles":
        print("the roles are prepared")
        return 0
    if options.command == "up":
        steps, verb = schema.up(), "applied"
    else:
        names = schema.newest(None if options.all else options.steps)
        _check_losses(schema, names, options)
        steps, verb = schema.down(names), "rolled back"
    count = 0
    for name, seconds in steps:
        print(f"{verb} {name} in {seconds * 1000:.0f} ms", flush=True)
        count += 1
    print(f"{count} migrations {verb}" if count else "nothing to do")
    return 0


def _print_plan(schema: Runner) -> int:
    """Print what `up` would do and return the exit code."""
    names: list[str] = []
    for one in plan(schema):
        names.append(one.name)
        if one.locks is None:
            locks = ["runs outside a transaction: each statement takes its own locks, CONCURRENTLY blocks nobody"]
        else:
            locks = [f"locks {lock}" for lock in one.locks] or ["holds up nobody"]
        print("\n".join([one.name, *(f"  {line}" for line in locks), "", one.sql.rstrip(), ""]))
    print(f"{len(names)} migrations would be applied; nothing has changed" if names else "nothing to do")
    return 0


def _check_losses(schema: Runner, names: list[str], options: argparse.Namespace) -> None:
    """Raise MigrationError when rolling back would lose rows and nobody allowed it, or no fresh backup exists."""
    if options.without_backup and not options.drop_data:
        raise MigrationError("--without-backup says something only together with --drop-data.")
    lost = losses(schema.url, [path_of(name, rollback=True) for name in names]) if names else []
    if not lost:
        return
    listed = "\n".join(f"  {one}" for one in lost)
    if not options.drop_data:
        raise MigrationError(
            f"This would lose data, so nothing was rolled back:\n{listed}\nTo lose it, add --drop-data."
        )
    if not options.without_backup:
        require_backup(schema.connection)
    print(f"loses:\n{listed}", flush=True)


def _fill(url: str, options: argparse.Namespace) -> int:
    """Change the rows in steps, show how many are done, and return the exit code."""
    if options.batch < 1:
        raise MigrationError("--batch must be at least 1.")
    rows, seconds, shown_at = 0, 0.0, 0.0
    for rows, seconds in fill(url, options.file, batch=options.batch):
        if seconds - shown_at >= PROGRESS_SECONDS:
            shown_at = seconds
            print(f"{rows:,} rows, {rows / seconds:,.0f} a second", flush=True)
    print(f"{rows:,} rows changed in {seconds:.1f} s" if rows else "nothing to do")
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
    read = {role: settings.optional_secret(name) for role, name in names.items()}
    given = {role: password for role, password in read.items() if password is not None}
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
