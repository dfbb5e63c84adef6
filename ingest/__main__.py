"""The door for operators of the ingest program: make an org with its first admin, choose who reads its essays."""

from __future__ import annotations

import argparse
import getpass
import os
import sys

from models import crypto, db, orgs, settings, users
from models.audit import Actor, note
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
    change = commands.add_parser("set-ai", help="choose who reads an org's essays")
    change.add_argument("slug", help="the org's short name")
    change.add_argument("--policy", choices=("anthropic", "local", "none"), help="none and local: nothing leaves")
    change.add_argument("--fallback", choices=("wait", "local"), help="what happens while Claude cannot be had")
    chosen = parser.parse_args(arguments)
    if chosen.command == "set-ai" and not (chosen.policy or chosen.fallback):
        change.error("say what to change: --policy, --fallback or both")
    try:
        return _create_org(chosen) if chosen.command == "create-org" else _set_ai(chosen)
    except (SettingsError, DatabaseAway, Invalid) as error:
        print(f"ingest: {error}", file=sys.stderr)
        return 1


def _create_org(chosen: argparse.Namespace) -> int:
    password = os.environ.get("ESSAYCOACH_ADMIN_PASSWORD") or getpass.getpass("Password of the admin: ")
    if len(password) < 8:
        print("ingest: the password must have at least 8 characters", file=sys.stderr)
        return 1
    db.connect(settings.read_store("ec-ingest", pool_size=1, answer_seconds=15.0))
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
    print(f"org {chosen.slug} exists ({org}); {chosen.admin_email} can sign in")
    return 0


def _set_ai(chosen: argparse.Namespace) -> int:
    db.connect(settings.read_store("ec-ingest", pool_size=1, answer_seconds=15.0))
    with db.session(role="ec_auth"):
        org = orgs.find_org(chosen.slug)
    if org is None:
        print(f"ingest: there is no org {chosen.slug!r}", file=sys.stderr)
        return 1
    with db.session(org=org, role="ec_admin"):
        orgs.set_ai(org, policy=chosen.policy, fallback=chosen.fallback)
        note(
            "ai_chosen",
            org=org,
            actor=Actor(role="operator"),
            entity="org",
            entity_id=org,
            policy=chosen.policy,
            fallback=chosen.fallback,
        )
    print(f"org {chosen.slug}: changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
