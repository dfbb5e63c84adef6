"""The door for operators of the ingest program: make an org with its first admin."""

from __future__ import annotations

import argparse
import getpass
import os
import sys

from models import crypto, db, orgs, settings, users
from models.errors import DatabaseAway, Invalid, SettingsError
from models.passwords import Passwords


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest", description="Operate the ingest program (same environment as the web process)."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create-org", help="make an org and its first admin")
    create.add_argument("slug", help="short name used to sign in: lower-case letters, digits and hyphens")
    create.add_argument("--name", required=True, help="the school's name")
    create.add_argument("--admin-email", required=True)
    create.add_argument("--admin-name", default="Admin")
    create.epilog = "The admin's password is asked for, or read from ESSAYCOACH_ADMIN_PASSWORD."
    chosen = parser.parse_args(arguments)
    password = os.environ.get("ESSAYCOACH_ADMIN_PASSWORD") or getpass.getpass("Password of the admin: ")
    if len(password) < 8:
        print("ingest: the password must have at least 8 characters", file=sys.stderr)
        return 1
    try:
        db.connect(settings.read_store("ec-ingest", pool_size=1))
        crypto.load(settings.read_crypto())
        with db.session(role="ec_auth"):
            org = db.new_ids(1)[0]
        with db.session(org=org, role="ec_admin"):
            orgs.add_org(chosen.slug, org=org, name=chosen.name)
            users.add_user(
                "admin",
                org=org,
                name=chosen.admin_name,
                email=chosen.admin_email,
                password_hash=Passwords().hash(password),
            )
    except (SettingsError, DatabaseAway, Invalid) as error:
        print(f"ingest: {error}", file=sys.stderr)
        return 1
    print(f"org {chosen.slug} exists ({org}); {chosen.admin_email} can sign in")
    return 0


if __name__ == "__main__":
    sys.exit(main())
