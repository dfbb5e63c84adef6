"""A school with work in it, backed up once for all tests of a file, and commands for it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from models import crypto, db, report_views
from tests.support.commands import CommandResult, run_command
from tests.support.schools import INDEX_KEY, MASTER_KEY, School, connect_as, hand_in, load_keys, make_school
from tests.support.servers import ROLE_PASSWORD, ROLES, Database, Servers, cloned, execute
from workers.__main__ import main
from workers.duties.audit_heads import Seal
from workers.duties.audit_trail import chain_audit, sign_heads

BACKUP_KEY = base64.b64encode(bytes(range(100, 132))).decode()
OTHER_KEY = base64.b64encode(bytes(range(32))).decode()
AUDIT_KEY = base64.b64encode(b"a" * 32).decode()
ESSAY = "The violet heron of Tomlinson pond distracts everybody."


@dataclass(frozen=True)
class Original:
    """A database with a school, its first backup, and the folders that hold it."""

    database: Database
    school: School
    folder: Path
    apart: Path
    backup: Path


def backup_command(url: str, *arguments: str, **variables: str) -> CommandResult:
    """Run `workers backup` with the whole environment of an operator."""
    passwords = {f"ESSAYCOACH_DB_PASSWORD_{role.removeprefix('ec_').upper()}": ROLE_PASSWORD for role in ROLES}
    environment = {
        **passwords, "DATABASE_URL": url, "ESSAYCOACH_MASTER_KEYS": f"k1:{MASTER_KEY}", "ESSAYCOACH_INDEX_KEY": INDEX_KEY,
        "ESSAYCOACH_AUDIT_KEY": AUDIT_KEY, "ESSAYCOACH_BACKUP_KEY": BACKUP_KEY, **variables,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("ESSAYCOACH_")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        return run_command(main, "backup", *arguments)


@contextmanager
def empty_database(servers: Servers) -> Iterator[Database]:
    """Yield a database without anything in it, and drop it afterwards."""
    name = f"empty_{os.getpid()}_{os.urandom(3).hex()}"
    execute(servers.admin_url, f"create database {name}")
    try:
        yield Database(servers.url(name))
    finally:
        db.database.close_idle()
        execute(servers.admin_url, f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def original(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Original]:
    place = tmp_path_factory.mktemp("backups")
    folder, apart, heads = place / "dumps", place / "apart", place / "heads.jsonl"
    with cloned(servers) as database:
        load_keys()
        connect_as("ec_ingest", database)
        school = make_school("northside")
        # Of somebody added within a minute of the copy of keys, nobody can say whether they were erased or are new.
        database.sql("update users set created_at = created_at - interval '1 hour'")
        for name in ("alice", "bob", "zoe"):
            hand_in(school, name, text=f"{name}: {ESSAY}")
        connect_as("ec_clock", database)
        chain_audit()
        for name in report_views.VIEWS:
            with db.session():
                report_views.refresh(name)
        sign_heads(Seal(key=base64.b64decode(AUDIT_KEY), path=heads))
        made = backup_command(
            database.role_url("ec_backup"), "create", "--to", str(folder), "--apart", str(apart),
            ESSAYCOACH_BACKUP_KEYS_URL=database.role_url("ec_worker"), ESSAYCOACH_AUDIT_HEADS=str(heads),
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        [backup] = folder.glob("essaycoach-*")
        yield Original(database, school, folder, apart, backup)
    crypto._loaded.clear()


@pytest.fixture
def empty(servers: Servers) -> Iterator[Database]:
    with empty_database(servers) as database:
        yield database
