"""Commands for operators: create, list, change and remove orgs, and import a roster."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from ingest import check_settings
from ingest.admin import org_commands
from ingest.admin.roster import MAX_SHOWN_FAULTS, DryRun
from ingest.admin.roster_csv import read_roster
from ingest.admin.roster_files import read_files
from models import crypto, db, orgs, settings, users
from models.audit import write_entry
from models.errors import DomainError, SettingsError
from models.passwords import Passwords
from models.roster import BadRoster, Report, import_roster
from models.roster_rows import Roster
from models.settings_report import show


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest", description="Operate the ingest program (same environment as the web process)."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create_org = commands.add_parser("create-org", help="make an org and its first admin")
    create_org.add_argument("slug", help="short name used to sign in: lower-case letters, digits and hyphens")
    create_org.add_argument("--name", required=True, help="the school's name")
    create_org.add_argument("--admin-email", required=True)
    create_org.add_argument("--admin-name", default="Admin")
    create_org.epilog = "The admin's password is asked for, or read from ESSAYCOACH_ADMIN_PASSWORD."
    set_ai = commands.add_parser("set-ai", help="choose who reads an org's essays")
    set_ai.add_argument("slug", help="the org's short name")
    set_ai.add_argument(
        "--policy", choices=("anthropic", "local", "none"), help="local: nothing leaves; none: no machine reads"
    )
    set_ai.add_argument("--fallback", choices=("wait", "local"), help="what happens while Claude cannot be had")
    check = commands.add_parser("check-settings", help="what web would use (exit code 1: it would not start)")
    check.add_argument("--json", action="store_true", help="print JSON")
    _add_roster_command(commands)
    org_commands.add_arguments(commands)
    options = parser.parse_args(arguments)
    if options.command == "set-ai" and not (options.policy or options.fallback):
        set_ai.error("say what to change: --policy, --fallback or both")
    try:
        return {
            "create-org": _create_org,
            "set-ai": _set_ai,
            "check-settings": lambda chosen: show([check_settings.report()], as_json=chosen.json),
            "roster": _import_roster,
            "list-orgs": org_commands.list_orgs,
            "set-admin-networks": org_commands.set_admin_networks,
            "let-admin-in": org_commands.let_admin_in,
            "remove-org": org_commands.remove_org,
        }[options.command](options)
    except BadRoster as error:
        _print_faults(error)
        return 1
    except (SettingsError, DomainError) as error:
        print(f"ingest: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ingest: interrupted", file=sys.stderr)
        return 130


def _add_roster_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    roster = commands.add_parser("roster", help="import people, classes and enrolments from OneRoster CSV files")
    roster.add_argument(
        "path", type=Path, help="a folder or zip with users.csv, classes.csv and enrollments.csv, or some of them"
    )
    roster.add_argument("--org", required=True, metavar="SLUG", help="the org's short name")
    roster.add_argument("--dry-run", action="store_true", help="do everything, report it, and take it back")
    roster.add_argument(
        "--allow-admins",
        action="store_true",
        help="let the roster make admins, enable them again and change their addresses",
    )
    roster.epilog = "One bad row, and nothing is imported: the exit code is 1 and the rows are listed."


def _create_org(options: argparse.Namespace) -> int:
    password = settings.optional_secret("ESSAYCOACH_ADMIN_PASSWORD") or getpass.getpass("Password of the admin: ")
    passwords = Passwords()
    objection = passwords.objection(password, about=(options.admin_email, options.admin_name, options.slug))
    if objection is not None:
        print(f"ingest: the password {objection}", file=sys.stderr)
        return 1
    db.connect(settings.read_store("ec-ingest", pool_size=1, answer_seconds=15.0))
    crypto.load(settings.read_crypto())
    with db.session(role="ec_auth"):
        org = db.new_ids(1)[0]
    with db.session(org=org, role="ec_admin"):
        orgs.add_org(options.slug, org=org, name=options.name)
        users.add_user(
            "admin",
            org=org,
            name=options.admin_name,
            email=options.admin_email,
            password_hash=passwords.hash(password),
        )
    print(f"org {options.slug} exists ({org}); {options.admin_email} can sign in")
    return 0


def _set_ai(options: argparse.Namespace) -> int:
    db.connect(settings.read_store("ec-ingest", pool_size=1, answer_seconds=15.0))
    with db.session(role="ec_auth"):
        org = orgs.find_org(options.slug)
    if org is None:
        print(f"ingest: there is no org {options.slug!r}", file=sys.stderr)
        return 1
    with db.session(org=org, role="ec_admin"):
        orgs.set_ai(org, policy=options.policy, fallback=options.fallback)
        write_entry(
            "ai_chosen",
            entity="org",
            entity_id=org,
            policy=options.policy,
            fallback=options.fallback,
        )
    print(f"org {options.slug}: changed")
    return 0


def _import_roster(options: argparse.Namespace) -> int:
    roster = read_roster(read_files(options.path))
    db.connect(settings.read_store("ec-ingest", pool_size=1, answer_seconds=15.0))
    crypto.load(settings.read_crypto())
    with db.session(role="ec_auth"):
        org = orgs.find_org(options.org)
    if org is None:
        print(f"ingest: there is no org {options.org!r}", file=sys.stderr)
        return 1
    try:
        with db.session(org=org, role="ec_admin"):
            report = import_roster(roster, org=org, allow_admins=options.allow_admins, progress=_show_progress)
            if options.dry_run:
                raise DryRun(report)
            write_entry("roster_imported", entity="org", entity_id=org, allow_admins=options.allow_admins)
    except DryRun as rollback:
        report = rollback.report
    _print_report(report, roster, dry_run=options.dry_run)
    return 0


def _show_progress(made: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{made} of {total} changes", end="\n" if made == total else "", file=sys.stderr, flush=True)


def _print_report(report: Report, roster: Roster, *, dry_run: bool) -> None:
    people, courses, enrollments = report.users, report.courses, report.enrollments
    print(f"{'':<12}{'rows':>8}{'added':>10}{'changed':>10}{'off':>10}{'unchanged':>11}")
    for name, rows, added, changed, off, unchanged in (
        ("users", len(roster.people), people.added, people.changed, people.disabled, people.unchanged),
        ("classes", len(roster.courses), courses.added, courses.changed, courses.archived, courses.unchanged),
        (
            "enrollments", len(roster.enrollments), enrollments.added, enrollments.changed, enrollments.removed,
            enrollments.unchanged,
        ),
    ):  # fmt: skip
        print(f"{name:<12}{rows:>8}{added:>10}{changed:>10}{off:>10}{unchanged:>11}")
    print("off: users disabled, classes archived, enrollments removed")
    for warning in report.warnings:
        print(f"warning: {warning}")
    if dry_run:
        print("dry run: nothing was kept")


def _print_faults(error: BadRoster) -> None:
    print(f"ingest: {error}", file=sys.stderr)
    print(f"{'file':<16}{'row':>6}  {'column':<16}what to do", file=sys.stderr)
    for fault in error.faults[:MAX_SHOWN_FAULTS]:
        print(f"{fault.file + '.csv':<16}{fault.row:>6}  {fault.column:<16}{fault.what}", file=sys.stderr)
    if error.total > MAX_SHOWN_FAULTS:
        print(f"… and {error.total - MAX_SHOWN_FAULTS} more", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
