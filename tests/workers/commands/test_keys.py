"""Test the rotation of master keys during work and after a kill, and the separate storage of data keys and dumps."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psycopg2
import psycopg2.extras
import pytest

from models import crypto, db, essays, users
from models.crypto import AssociatedData, Ciphertext, WrappedKey, keyring
from models.errors import MasterKeyMissing, Undecipherable
from models.essays import Draft
from models.settings import CryptoSettings, StoreSettings
from standalone.postgres import POSTGRES_BIN_PATH
from tests.conftest import Become, Report
from tests.support.commands import CommandResult, run_command
from tests.support.schools import INDEX_KEY, MASTER_KEY, School, make_school, session_of
from tests.support.servers import ROOT, Database, Servers, execute
from workers.__main__ import main

NEW_KEY = base64.b64encode(b"n" * 32).decode()
BOTH = f"k2:{NEW_KEY},k1:{MASTER_KEY}"
PEOPLE, SOURCES, DELIVERIES = 18_000, 500, 1_000  # a source has two secrets, a delivery a body and a problem
VALUES = PEOPLE + 2 * SOURCES + 2 * DELIVERIES
PATIENCE_SECONDS = 60.0


def hold(masters: str) -> None:
    """Load these master keys into this process; the first one is the newest."""
    given = dict(one.split(":") for one in masters.split(","))
    crypto.load(
        CryptoSettings(
            master_keys={name: base64.b64decode(key) for name, key in given.items()},
            index_key=base64.b64decode(INDEX_KEY),
        )
    )


@dataclass(frozen=True)
class Installation:
    """A database with a school, and the operator commands for it."""

    database: Database
    school: School
    environment: dict[str, str]

    def start(self, *arguments: str, masters: str = BOTH) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "workers", "keys", *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**self.environment, "ESSAYCOACH_MASTER_KEYS": masters},
        )  # fmt: skip

    def run(self, *arguments: str, masters: str = BOTH) -> CommandResult:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("ESSAYCOACH_MASTER_KEYS", masters)
            environment.setenv("DATABASE_URL", self.environment["DATABASE_URL"])
            return run_command(main, "keys", *arguments)

    def run_in_own_process(self, *arguments: str) -> CommandResult:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return CommandResult(process.returncode, out, err)

    def under(self, name: str) -> int:
        """Return how many data keys this master key wraps."""
        return int(self.database.sql("select count(*) from user_keys where master_key_id = %s", name)[0][0])  # type: ignore[call-overload]


@pytest.fixture
def installation(become: Become, database: Database, program_env: Callable[[str], None]) -> Installation:
    school = make_school("northside")
    program_env("ec_worker")
    return Installation(database, school, dict(os.environ))


def fill(installation: Installation) -> dict[str, list[tuple[UUID, UUID]]]:
    """Insert 20,000 values sealed under k1 as a superuser, and return their owners."""
    org = installation.school.org
    people = [uuid4() for _ in range(PEOPLE)]
    sources = [uuid4() for _ in range(SOURCES)]
    connection = psycopg2.connect(installation.database.admin_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")

        def put(sql: str, rows: list[tuple[object, ...]]) -> None:
            psycopg2.extras.execute_values(cursor, sql, rows, page_size=1000)

        wrapped = [(person, org, keyring().new_data_key(org=org, user=person)[0].wrapped) for person in people]
        put(
            "insert into users (id, org_id, role, external_id, external_id_digest) values %s",
            [(person, org, "student", b"", person.bytes) for person in people],
        )
        put(
            "insert into user_keys (user_id, org_id, wrapped, master_key_id) values %s",
            [(*one, "k1") for one in wrapped],
        )
        put(
            "insert into sources (id, org_id, name, secret, previous_secret, previous_secret_until) values %s",
            [
                (
                    one, org, "LMS", keyring().seal("new", place=AssociatedData("sources", "secret", org, one)),
                    keyring().seal("old", place=AssociatedData("sources", "previous_secret", org, one)), "infinity",
                )
                for one in sources
            ],
        )  # fmt: skip
        cursor.execute("select uuidv7() from generate_series(1, %s)", (DELIVERIES,))
        deliveries = [one for (one,) in cursor.fetchall()]
        put(
            "insert into inbound_events (id, org_id, source_id, event_id, outcome, reason, body, body_sha256, problem) values %s",
            [
                (
                    one,
                    org,
                    sources[0],
                    "e",
                    "refused",
                    "x",
                    keyring().seal("{}", place=AssociatedData("inbound_events", "body", org, one)),
                    b"",
                    keyring().seal("{}", place=AssociatedData("inbound_events", "problem", org, one)),
                )
                for one in deliveries
            ],
        )
    connection.close()
    return {
        "people": [(org, one) for one in people],
        "sources": [(org, one) for one in sources],
        "deliveries": [(org, one) for one in deliveries],
    }


def opened(installation: Installation) -> int:
    """Open every stored value with the keys of this process and return the count. Raises if one does not open."""
    count = 0
    for user, org, wrapped, name in installation.database.sql(
        "select user_id, org_id, wrapped, master_key_id from user_keys"
    ):
        keyring().data_key(WrappedKey(Ciphertext(wrapped), str(name)), org=org, user=user)  # type: ignore[arg-type]
        count += 1
    for table, column in (
        ("sources", "secret"), ("sources", "previous_secret"), ("inbound_events", "body"), ("inbound_events", "problem"),
    ):  # fmt: skip
        found = installation.database.sql(
            f"select id, org_id, {column} from {table} where {column} is not null"
            + (" and user_id is null" if column == "body" else "")
        )
        for row, org, sealed in found:
            keyring().open(sealed, place=AssociatedData(table, column, org, row))  # type: ignore[arg-type]
            count += 1
    return count


class Writer(threading.Thread):
    """A thread that hands in essays and adds students until it is stopped; it keeps every error."""

    def __init__(self, school: School) -> None:
        super().__init__(daemon=True)
        self.school, self.errors, self.handed_in, self.stopping = school, list[str](), list[UUID](), threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            number = len(self.handed_in)
            try:
                with db.session(org=self.school.org, role="ec_lms"):
                    author = (
                        self.school.alice
                        if number % 2
                        else users.find_or_add_student(f"new-{number}", org=self.school.org, name="N", email=None)
                    )
                    draft = Draft(
                        title="Phones", text=f"Phones ring {number}.", source="api", external_id=f"piece-{number}"
                    )
                    self.handed_in.append(essays.receive(author, draft, org=self.school.org).submission)
            except Exception as error:
                self.errors.append(repr(error))
                return


@pytest.mark.slow(reason="20,000 values are encrypted again")
def test_rotation_of_20000_values_survives_a_kill_and_new_essays(installation: Installation, report: Report) -> None:
    """Kill a rotation from k1 to k2, run it again, and check that every value opens with k2 alone."""
    fill(installation)
    hold(BOTH)  # first every program gets both keys
    writer = Writer(installation.school)
    writer.start()
    first = installation.start("rotate", "--batch", "100")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while installation.under("k2") < PEOPLE // 4:
        assert first.poll() is None, "it was over before it could be killed"
        assert time.monotonic() < deadline
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=30)
    left = installation.under("k1")
    assert 0 < left < PEOPLE

    again = installation.run_in_own_process("rotate")

    writer.stopping.set()
    writer.join(timeout=30)
    assert again.returncode == 0, again.stderr
    assert "0 remain under old keys" in again.stdout
    assert "master key 'k1' is no longer used and may be removed" in again.stdout
    assert "(100 %)" in again.stderr
    assert (writer.errors, installation.under("k1")) == ([], 0)
    assert len(writer.handed_in) > 20
    hold(f"k2:{NEW_KEY}")
    count = opened(installation)
    assert count >= VALUES
    with session_of(installation.school, "alice"):
        found = db.rows("select id from essays where user_id = %s", (installation.school.alice,))
        titles = [essays.fetch_essay(one["id"], org=installation.school.org)["title"] for one in found[:20]]
    assert set(titles) == {"Phones"}
    report(
        f"master key: {count:,} values sealed anew, {left:,} of them after a kill half-way, "
        f"{len(writer.handed_in):,} essays handed in meanwhile, {len(writer.errors)} errors"
    )


@pytest.mark.slow(reason="encrypts many keys anew")
def test_two_rotations_at_once_share_the_work(installation: Installation) -> None:
    with session_of(installation.school, "ada"):
        for number in range(300):
            users.add_user("student", org=installation.school.org, external_id=f"s-{number}")
    both = [installation.start("rotate", "--batch", "10") for _ in range(2)]
    said = [one.communicate(timeout=60) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    third = installation.run("rotate")
    assert third.stdout.startswith("0 values are sealed anew under 'k2', 0 remain")
    hold(f"k2:{NEW_KEY}")
    assert opened(installation) > 300


def test_rotation_without_the_old_key_changes_nothing_and_names_it(installation: Installation) -> None:
    before = installation.database.sql("select user_id, wrapped from user_keys order by user_id")
    refused = installation.run("rotate", masters=f"k2:{NEW_KEY}")
    assert refused.returncode == 1
    assert "k1" in refused.stderr
    assert NEW_KEY not in refused.stdout + refused.stderr
    assert installation.database.sql("select user_id, wrapped from user_keys order by user_id") == before


def test_status_counts_what_each_key_seals(installation: Installation) -> None:
    people = installation.under("k1")
    said = installation.run("status")
    assert said.returncode == 0
    lines = [line.split() for line in said.stdout.splitlines()]
    assert ["user_keys.wrapped", "k1", str(people), "old"] in lines
    assert ["sources.secret", "k1", "1", "old"] in lines


def test_damaged_value_is_named_and_the_others_are_rotated(installation: Installation) -> None:
    installation.database.sql("update user_keys set wrapped = 'broken' where user_id = %s", installation.school.bob)
    said = installation.run("rotate")
    assert said.returncode == 1
    assert f"user_keys.wrapped of {installation.school.bob} does not open" in said.stderr
    assert (installation.under("k1"), installation.under("k2")) == (1, 5)


MOVES = {
    "another person's key": "update user_keys set wrapped = (select wrapped from user_keys where user_id = %(bob)s) where user_id = %(alice)s",
    "another org's key": "update user_keys set wrapped = (select wrapped from user_keys where user_id = %(far)s) where user_id = %(alice)s",
}


@pytest.mark.parametrize("move", MOVES)
def test_a_wrapped_key_moved_to_another_person_or_org_opens_nothing(installation: Installation, move: str) -> None:
    other = make_school("southside")
    with session_of(installation.school, "alice"):
        essay = essays.receive(
            installation.school.alice,
            Draft(title="Phones", text="Phones ring.", source="app"),
            org=installation.school.org,
        ).essay
    values = {
        "alice": f"'{installation.school.alice}'",
        "bob": f"'{installation.school.bob}'",
        "far": f"'{other.alice}'",
    }
    installation.database.sql(MOVES[move] % values)
    with pytest.raises(Undecipherable), session_of(installation.school, "alice"):
        essays.fetch_essay(essay, org=installation.school.org)


def test_a_ciphertext_moved_to_another_row_column_or_org_does_not_open(installation: Installation) -> None:
    """Move a title to another title, to a name and to another org's id."""
    with session_of(installation.school, "alice"):
        one, two = (
            essays.receive(
                installation.school.alice,
                Draft(title=title, text="Phones ring.", source="app"),
                org=installation.school.org,
            ).essay
            for title in ("First", "Second")
        )
    installation.database.sql(
        "update essays set title = (select title from essays where id = %s) where id = %s", one, two
    )
    installation.database.sql(
        "update users set name = (select title from essays where id = %s) where id = %s", one, installation.school.alice
    )
    installation.database.sql("update sources set previous_secret = secret, previous_secret_until = 'infinity'")
    with session_of(installation.school, "alice"):
        assert essays.fetch_essay(one, org=installation.school.org)["title"] == "First"
    with pytest.raises(Undecipherable), session_of(installation.school, "alice"):
        essays.fetch_essay(two, org=installation.school.org)
    with pytest.raises(Undecipherable), session_of(installation.school, "alice"):
        users.fetch_person(installation.school.alice, org=installation.school.org)
    [(sealed,)] = installation.database.sql("select secret from sources where id = %s", installation.school.source)
    places = [
        AssociatedData("sources", "previous_secret", installation.school.org, installation.school.source), AssociatedData("sources", "secret", uuid4(), installation.school.source),
        AssociatedData("sources", "secret", installation.school.org, uuid4()), AssociatedData("inbound_events", "body", installation.school.org, installation.school.source),
    ]  # fmt: skip
    assert (
        keyring().open(
            sealed, place=AssociatedData("sources", "secret", installation.school.org, installation.school.source)
        )
        == installation.school.source_secret
    )  # type: ignore[arg-type]
    for place in places:
        with pytest.raises(Undecipherable):
            keyring().open(sealed, place=place)  # type: ignore[arg-type]


def test_without_the_master_key_nothing_opens(installation: Installation) -> None:
    hold(f"k2:{NEW_KEY}")
    with pytest.raises(MasterKeyMissing), session_of(installation.school, "alice"):
        users.fetch_person(installation.school.alice, org=installation.school.org)


@pytest.fixture
def restored(servers: Servers) -> Iterator[Callable[[Path], Database]]:
    """Give a function that restores a dump into a new database and returns that database."""
    name = f"restored_{os.getpid()}"

    def read(dump: Path) -> Database:
        execute(servers.admin_url, f"create database {name}")
        done = subprocess.run(
            [str(POSTGRES_BIN_PATH / "pg_restore"), "--exit-on-error", "--dbname", servers.url(name), str(dump)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return Database(servers.url(name))

    yield read
    db.database.close_idle()
    execute(servers.admin_url, f"drop database if exists {name} with (force)")


@pytest.mark.slow(reason="dumps and restores a database")
def test_old_dump_with_current_keys_hides_only_the_erased(
    installation: Installation, tmp_path: Path, restored: Callable[[Path], Database], become: Become, report: Report
) -> None:
    """Restore a dump from before an erasure with the current keys: only the essay of the erased person stays closed."""
    handed_in = {}
    for name in ("alice", "bob"):
        with session_of(installation.school, name):
            draft = Draft(title="Phones", text=f"{name} has a marker", source="app")
            handed_in[name] = essays.receive(
                getattr(installation.school, name), draft, org=installation.school.org
            ).submission
    dump, kept = tmp_path / "night.dump", tmp_path / "keys"
    done = subprocess.run(
        [
            str(POSTGRES_BIN_PATH / "pg_dump"), "--format=custom", "--exclude-table-data=user_keys", "--exclude-schema=extensions", "--exclude-extension=pg_stat_statements",
            "--dbname", installation.database.role_url("ec_backup"), "--file", str(dump),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert installation.run("backup", str(kept)).returncode == 0
    before = kept.read_bytes()
    with session_of(installation.school, "ada"):
        assert db.row("select request_erasure(%s) as done", (installation.school.alice,)) == {"done": True}
    assert installation.run("backup", str(kept)).returncode == 0
    assert kept.stat().st_mode & 0o777 == 0o600
    assert str(installation.school.alice) in before.decode()
    assert str(installation.school.alice) not in kept.read_text()

    old = restored(dump)
    assert old.sql("select count(*) from user_keys") == [(0,)]
    again = Installation(
        old, installation.school, {**installation.environment, "DATABASE_URL": old.role_url("ec_worker")}
    )
    said = again.run("restore", str(kept))
    assert said.returncode == 0, said.stderr
    assert "1 people have no key" in said.stdout
    os.environ["DATABASE_URL"] = old.role_url("ec_worker")
    connect_to(old)
    opens = []
    for name, submission in handed_in.items():
        try:
            with db.session(org=installation.school.org):
                opens.append((name, essays.fetch_task(submission, org=installation.school.org).text))
        except Exception as error:
            opens.append((name, type(error).__name__))
    become("ec_worker")

    assert opens == [("alice", "KeysMissing"), ("bob", "bob has a marker")]
    report("erasure: 1 of 1 erased person's essays in an older dump stays sealed, the other's opens")


def connect_to(database: Database) -> None:
    db.database.close_idle()
    db.connect(
        StoreSettings(database_url=database.role_url("ec_worker"), program="test", pool_size=2, pool_wait_seconds=5.0)
    )


@pytest.mark.parametrize("harm", ["cut", "changed", "a line less", "another's key", "nothing in it", "text"])
def test_damaged_key_backup_is_refused_as_a_whole(installation: Installation, tmp_path: Path, harm: str) -> None:
    kept = tmp_path / "keys"
    assert installation.run("backup", str(kept)).returncode == 0
    lines = kept.read_bytes().splitlines(keepends=True)
    first, second = json.loads(lines[1]), json.loads(lines[2])
    swapped = json.dumps({**first, "wrapped": second["wrapped"]}, separators=(",", ":")).encode() + b"\n"
    kept.write_bytes(
        {
            "cut": b"".join(lines)[:-20], "changed": b"".join(lines).replace(b'"k1"', b'"k7"', 1), "a line less": b"".join([*lines[:1], *lines[2:]]),
            "another's key": b"".join([lines[0], swapped, *lines[2:]]), "nothing in it": b"", "text": b"no keys\n",
        }[harm]
    )  # fmt: skip
    installation.database.sql("delete from user_keys")
    refused = installation.run("restore", str(kept))
    assert refused.returncode == 1
    assert "cut" in refused.stderr or "changed" in refused.stderr
    assert installation.database.sql("select count(*) from user_keys") == [(0,)]


def test_key_restore_fills_only_missing_keys(installation: Installation, tmp_path: Path) -> None:
    kept = tmp_path / "keys"
    assert installation.run("backup", str(kept)).returncode == 0
    before = installation.database.sql("select user_id, wrapped from user_keys order by user_id")
    installation.database.sql("delete from user_keys where user_id = %s", installation.school.bob)
    said = installation.run("restore", str(kept))
    assert "1 of 6 wrapped keys are back" in said.stdout
    assert installation.database.sql("select user_id, wrapped from user_keys order by user_id") == before
