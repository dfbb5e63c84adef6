"""Test that `audit verify` finds tampering by somebody with full rights in the database."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest

from models import courses, db, users
from models.audit import Head
from models.errors import SettingsError
from tests.conftest import Become
from tests.support.commands import CommandResult, run_command
from tests.support.schools import School
from tests.support.servers import ROOT, Database
from workers.__main__ import main
from workers.commands import audit_chain
from workers.duties import audit_heads, audit_trail
from workers.duties.audit_heads import Seal

KEY = b"a" * 32
SECONDS = 60.0 if os.environ.get("LONG_TESTS") else 6.0
WRITERS = 8


def verify(*arguments: str) -> CommandResult:
    return run_command(main, "audit", "verify", *arguments)


def verify_in_own_process() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workers", "audit", "verify"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@dataclass(frozen=True)
class Trail:
    """Two orgs with chained audit entries and signed heads; programs start with the role ec_clock."""

    database: Database
    north: School
    south: School
    heads: Path

    def tamper(self, *statements: str) -> None:
        """Run the statements as a superuser with triggers off; %(north)s and %(south)s are the ids of the orgs."""
        orgs = {"north": f"'{self.north.org}'", "south": f"'{self.south.org}'"}
        self.database.sql("; ".join(["set session_replication_role = replica", *(one % orgs for one in statements)]))

    def length(self, org: UUID) -> int:
        return int(self.database.sql("select max(sequence) from audit_log where org_id = %s", org)[0][0])  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def trail(
    database: Database, school: School, other_school: School, become: Become, program_env: Callable[[str], None],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> Trail:  # fmt: skip
    program_env("ec_clock")
    heads = tmp_path / "heads.jsonl"
    monkeypatch.setenv(audit_heads.KEY, base64.b64encode(KEY).decode())
    monkeypatch.setenv(audit_heads.FILE, str(heads))
    become("ec_clock")
    assert audit_trail.chain_audit() > 40
    assert audit_trail.sign_heads(Seal(key=KEY, path=heads)) == 2
    return Trail(database, school, other_school, heads)


def test_an_untouched_chain_passes_with_every_entry_checked(trail: Trail) -> None:
    """Run the command as a separate program; the other tests run it in this process."""
    said = verify_in_own_process()

    assert (said.returncode, said.stderr) == (0, "")
    north, south = trail.length(trail.north.org), trail.length(trail.south.org)
    assert said.stdout.splitlines() == [
        f"northside: {north} entries checked, 0 waiting for their place: ok",
        f"southside: {south} entries checked, 0 waiting for their place: ok",
        "2 orgs, no faults",
    ]


FORGED = (
    "insert into audit_log (org_id, actor_role, action, entity, entity_id, sequence, hash) select %(north)s, 'admin', 'changed', 'user',"
    " uuidv7(), {place}, {hash}"
)
COPIED = "(select hash from audit_log where org_id = %(north)s and sequence = {place} limit 1)"
SHIFT = "update audit_log set sequence = sequence + {step} where org_id = %(north)s and sequence >= {place}"
HEAD = "update audit_heads set sequence = sequence + {step} where org_id = %(north)s"
NEW_HEAD = (
    "update audit_heads as h set sequence = a.sequence, hash = a.hash from audit_log as a where h.org_id = %(north)s"
    " and a.org_id = h.org_id and a.sequence = (select max(sequence) from audit_log where org_id = %(north)s)"
)
REWRITE = (
    "update audit_log set actor_id = uuidv7() where org_id = %(north)s and sequence = 5",
    (
        "update audit_heads as h set sequence = 4, hash = a.hash from audit_log as a where h.org_id = %(north)s and a.org_id = h.org_id"
        " and a.sequence = 4"
    ),
    "update audit_log set sequence = null, hash = null where org_id = %(north)s and sequence > 4",
)

# kind -> (the statements, the place and the word that the report must contain)
TAMPERING: dict[str, tuple[tuple[str, ...], str, str]] = {
    "edit": (
        ("update audit_log set detail = '{\"changed\": []}' where org_id = %(north)s and sequence = 7",), "place 7, entry", "changed or put in",
    ),
    "edit of who": (
        ("update audit_log set actor_role = 'clock' where org_id = %(north)s and sequence = 1",), "place 1, entry", "changed or put in",
    ),
    "edit with its own sum done again": (
        (
            "update audit_log set actor_id = uuidv7() where org_id = %(north)s and sequence = 7",
            ("update audit_log as a set hash = sha256((select b.hash from audit_log as b where b.org_id = a.org_id and b.sequence = 6)"
            " || convert_to(audit_entry(a, 7), 'UTF8')) where org_id = %(north)s and sequence = 7"),
        ),
        "place 8, entry", "changed or put in",
    ),
    "delete in the middle": (
        ("delete from audit_log where org_id = %(north)s and sequence = 7",), "place 7:", "missing: the entry in place 7",
    ),
    "delete of several": (
        ("delete from audit_log where org_id = %(north)s and sequence in (7, 8, 9)",), "place 7:", "missing: the entries in places 7 to 9",
    ),
    "delete of the first": (
        ("delete from audit_log where org_id = %(north)s and sequence = 1",), "place 1:", "missing",
    ),
    "delete, ranks closed": (
        ("delete from audit_log where org_id = %(north)s and sequence = 7", SHIFT.format(step=-1, place=8), HEAD.format(step=-1)),
        "place 8, entry", "out of order: it was chained in place 9",
    ),
    "cut tail": (
        ("delete from audit_log where org_id = %(north)s and sequence > 10",), "cut off: the head in the database is at place", "last entry is at 10",
    ),
    "cut tail, head set back": (
        ("delete from audit_log where org_id = %(north)s and sequence > 10", NEW_HEAD), "cut off: the head signed at", "last entry is at 10",
    ),
    "cut tail, head gone": (
        ("delete from audit_log where org_id = %(north)s", "delete from audit_heads where org_id = %(north)s"), "cut off: the head signed at", "last entry is at 0",
    ),
    "insert, others moved up": (
        (SHIFT.format(step=1, place=7), FORGED.format(place=7, hash="sha256('x')"), HEAD.format(step=1)), "place 7, entry", "changed or put in",
    ),
    "insert with a copied hash": (
        (FORGED.format(place=7, hash=COPIED.format(place=7)),), "place 7, entry", "put in: another entry has this place",
    ),
    "insert with a copied hash, others moved up": (
        (FORGED.format(place=0, hash=COPIED.format(place=7)), SHIFT.format(step=1, place=7),
         "update audit_log set sequence = 7 where org_id = %(north)s and sequence = 0", HEAD.format(step=1)),
        "place 7, entry", "changed or put in",
    ),
    "insert before the first": (
        (FORGED.format(place=0, hash="sha256('x')"),), "place 0, entry", "put in",
    ),
    "reorder": (
        ("update audit_log set sequence = 18 - sequence where org_id = %(north)s and sequence in (7, 11)",),
        "place 7, entry", "out of order: it was chained in place 11",
    ),
    "reorder of neighbours": (
        ("update audit_log set sequence = 15 - sequence where org_id = %(north)s and sequence in (7, 8)",),
        "place 8, entry", "out of order: it was chained in place 7",
    ),
    "swap of orgs": (
        (("update audit_log set org_id = case org_id when %(north)s then %(south)s else %(north)s end::uuid"
         " where org_id in (%(north)s, %(south)s) and sequence = 7"),),
        "place 7, entry", "an entry of another org: it was chained in southside",
    ),
    "swap of orgs in different places": (
        ("update audit_log set org_id = %(south)s where org_id = %(north)s and sequence = 7",
         "update audit_log set org_id = %(north)s where org_id = %(south)s and sequence = 11"),
        "place 7:", "missing: the entry in place 7",
    ),
    "head set back alone": (
        ("update audit_heads set sequence = 3 where org_id = %(north)s",), "set back: the head in the database ends at place 3", "written anew",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def table() -> Iterator[list[tuple[str, int, int]]]:
    """Give a list for the kind of tampering, the number of faults and the exit code; print it at the end."""
    found: list[tuple[str, int, int]] = []
    yield found
    for kind, faults, code in found:
        print(f"{kind:45} {faults:3} faults, exit code {code}")


@pytest.mark.parametrize("kind", TAMPERING)
def test_tampering_is_found_and_named(trail: Trail, table: list[tuple[str, int, int]], kind: str) -> None:
    statements, place, word = TAMPERING[kind]
    trail.tamper(*statements)

    said = verify()

    table.append((kind, len([line for line in said.stdout.splitlines() if line.startswith("  ")]), said.returncode))
    assert said.returncode == 1, said.stdout + said.stderr
    assert place in said.stdout
    assert word in said.stdout
    if "swap" not in kind:
        # The report names the right org: the other one was not changed.
        assert (
            f"southside: {trail.length(trail.south.org)} entries checked, 0 waiting for their place: ok" in said.stdout
        )


def test_rewritten_chain_is_found_only_by_signed_heads(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that an attacker who computes every hash again fails, because they cannot sign."""
    trail.tamper(*REWRITE)
    audit_trail.chain_audit()

    said = verify()
    assert said.returncode == 1
    assert "written anew: the head signed at" in said.stdout
    assert "1 fault" in said.stdout
    monkeypatch.delenv(audit_heads.FILE)
    monkeypatch.delenv(audit_heads.KEY)
    said = verify()
    assert (said.returncode, "a tail that was cut cleanly cannot be seen" in said.stderr) == (0, True)


def test_tail_that_was_cut_and_replaced_is_found_by_signed_heads(trail: Trail, become: Become) -> None:
    trail.tamper("delete from audit_log where org_id = %(north)s and sequence > 10", NEW_HEAD)
    become("ec_ingest")
    with db.session(org=trail.north.org, role="ec_admin"):
        for number in range(trail.length(trail.south.org)):
            courses.add_course(f"Course {number}", org=trail.north.org)
    become("ec_clock")
    audit_trail.chain_audit()
    audit_trail.sign_heads(Seal(key=KEY, path=trail.heads))

    said = verify("--org", "northside")
    assert said.returncode == 1
    assert "written anew: the head signed at" in said.stdout


def test_backdated_entry_is_flagged(trail: Trail) -> None:
    """Insert an entry without a place in the chain, which the clock then chains."""
    trail.database.sql(
        "insert into audit_log (id, org_id, actor_role, action, entity, entity_id)"
        " values (uuid7_floor(now() - interval '10 minutes'), %s, 'admin', 'changed', 'user', uuidv7())",
        trail.north.org,
    )
    assert audit_trail.chain_audit() == 1

    said = verify()
    assert said.returncode == 1
    assert "suspicious: it claims to be " in said.stdout
    assert "minutes older than an entry before it" in said.stdout


def test_entry_dated_in_the_future_is_flagged_alone(trail: Trail) -> None:
    for moment in ("now() + interval '1 hour'", "now()"):
        trail.database.sql(
            "insert into audit_log (id, org_id, actor_role, action, entity, entity_id)"
            f" values (uuid7_floor({moment}), %s, 'admin', 'changed', 'user', uuidv7())",
            trail.north.org,
        )
        audit_trail.chain_audit()

    said = verify()
    assert said.returncode == 1
    assert said.stdout.count("suspicious") == 1
    assert "it claims to be of the future" in said.stdout


def test_unchained_entries_are_counted_and_are_no_fault(trail: Trail) -> None:
    trail.database.sql(
        "insert into audit_log (org_id, actor_role, action, entity, entity_id) values (%s, 'admin', 'changed', 'user', uuidv7())",
        trail.north.org,
    )
    said = verify("--org", "northside")
    assert said.returncode == 0
    assert "1 waiting for their place: ok" in said.stdout
    assert "southside" not in said.stdout


@pytest.mark.parametrize("spoil", ["another hand", "another number", "not a line", "a torn line"])
def test_changed_file_of_signed_heads_is_a_fault(trail: Trail, spoil: str) -> None:
    lines = trail.heads.read_text().splitlines()
    fields: dict[str, Any] = json.loads(lines[0])
    lines[0] = {
        "another hand": json.dumps({**fields, "signature": "0" * 64}),
        "another number": json.dumps({**fields, "sequence": fields["sequence"] - 1}),
        "not a line": "[]",
        "a torn line": lines[0][:40],
    }[spoil]
    trail.heads.write_text("\n".join(lines) + "\n")

    said = verify()
    assert said.returncode == 1
    assert "line 1: " + ("its signature is wrong" if "another" in spoil else "is not a signed head") in said.stdout


def test_signed_heads_of_a_missing_org_are_a_fault(trail: Trail) -> None:
    trail.tamper(
        *(f"delete from {table} where org_id = %(south)s" for table in ("audit_log", "audit_heads")),
        "delete from orgs where id = %(south)s",
    )

    said = verify()
    assert said.returncode == 1
    assert f"{trail.south.org}: cut off" in said.stdout
    assert verify("--org", "northside").returncode == 0


@pytest.mark.parametrize(
    ("change", "arguments", "complaint"),
    [
        ({}, ["--org", "nowhere"], "there is no org 'nowhere'; there are: northside, southside"),
        ({}, ["--heads", "/nonexistent/heads"], "No such file"),
        ({audit_heads.FILE: "/nonexistent/heads"}, [], "No such file"),
        ({audit_heads.KEY: "short"}, [], f"{audit_heads.KEY} must"),
        ({audit_heads.KEY: ""}, [], f"{audit_heads.KEY} is not set"),
        ({audit_heads.FILE: ""}, [], f"{audit_heads.KEY} is set but {audit_heads.FILE} is not"),
        ({"DATABASE_URL": "postgresql://ec_clock@127.0.0.1:1/x"}, [], "database"),
        ({}, ["--nonsense"], "unrecognized"),
    ],
)
def test_unreadable_input_gives_exit_code_2(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], arguments: list[str], complaint: str
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)

    said = verify(*arguments)
    assert said.returncode == 2, said.stdout + said.stderr
    assert complaint in said.stderr
    assert "Traceback" not in said.stderr


def test_role_without_read_rights_cannot_verify(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", trail.database.role_url("ec_worker"))
    said = verify()
    assert (said.returncode, said.stdout) == (2, "")


def test_verifying_changes_nothing(trail: Trail) -> None:
    everything = "select to_jsonb(a) from audit_log as a order by id"
    before = (trail.database.sql(everything), trail.heads.read_bytes())
    assert verify().returncode == 0
    assert (trail.database.sql(everything), trail.heads.read_bytes()) == before


def test_many_faults_are_counted_and_the_first_are_printed(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "MOST_FAULTS", 3)
    trail.tamper("update audit_log set actor_id = uuidv7() where org_id = %(north)s and sequence <= 10")
    report = audit_chain.check(trail.north.org, others={})
    assert ([fault.place for fault in report.faults], report.more, report.found) == ([1, 2, 3], 7, 10)


def test_a_chain_longer_than_a_page_is_walked_to_its_end(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "PAGE", 4)
    reported: list[int] = []
    trail.tamper(FORGED.format(place=8, hash="sha256('x')"))
    report = audit_chain.check(trail.north.org, others={}, tell=reported.append)
    assert reported[-1] == report.checked == trail.length(trail.north.org) + 1
    assert [(fault.kind, fault.place) for fault in report.faults] == [("doubled", 8)]


def test_heads_are_appended_when_they_moved_and_only_then(trail: Trail, become: Become) -> None:
    seal = Seal(key=KEY, path=trail.heads)
    before = trail.heads.read_text()
    assert trail.heads.stat().st_mode & 0o777 == 0o600
    assert audit_trail.sign_heads(seal) == 0
    assert trail.heads.read_text() == before
    become("ec_ingest")
    with db.session(org=trail.south.org, role="ec_admin"):
        courses.add_course("English 11", org=trail.south.org)
    become("ec_clock")
    audit_trail.chain_audit()
    trail.heads.chmod(0o644)
    assert audit_trail.sign_heads(seal) == 1
    *same, new = trail.heads.read_text().splitlines()
    assert "\n".join(same) + "\n" == before
    fields = json.loads(new)
    assert list(fields) == ["at", "org_id", "sequence", "hash", "signature"]
    assert (fields["org_id"], fields["sequence"]) == (str(trail.south.org), trail.length(trail.south.org))
    assert trail.heads.stat().st_mode & 0o777 == 0o600
    assert verify().returncode == 0


def test_torn_line_does_not_hide_later_lines(tmp_path: Path) -> None:
    seal, org = Seal(key=KEY, path=tmp_path / "heads"), uuid4()
    audit_heads.sign({org: Head(sequence=1, hash=b"1" * 32)}, seal=seal)
    with seal.path.open("a") as file:
        file.write('{"at": "20')
    audit_heads.sign({org: Head(sequence=2, hash=b"2" * 32)}, seal=seal)
    ledger = audit_heads.read_ledger(seal.path, key=KEY)
    assert [one.head.sequence for one in ledger.heads] == [1, 2]
    assert ledger.broken == ("line 2: is not a signed head",)
    assert ledger.whole


def test_org_without_entries_is_not_signed_but_the_file_is_created(tmp_path: Path) -> None:
    seal = Seal(key=KEY, path=tmp_path / "heads")
    assert audit_heads.sign({uuid4(): Head(sequence=0, hash=bytes(32))}, seal=seal) == 0
    assert seal.path.read_text() == ""


def test_signed_heads_need_both_settings_or_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (audit_heads.KEY, f"{audit_heads.KEY}_FILE", f"{audit_heads.KEY}_COMMAND", audit_heads.FILE):
        monkeypatch.delenv(name, raising=False)
    assert audit_heads.read_seal() is None
    monkeypatch.setenv(audit_heads.FILE, str(tmp_path / "heads"))
    with pytest.raises(SettingsError, match=audit_heads.KEY):
        audit_heads.read_seal()
    key = tmp_path / "key"
    key.write_text(base64.b64encode(KEY).decode())
    monkeypatch.setenv(f"{audit_heads.KEY}_FILE", str(key))
    assert audit_heads.read_seal() == Seal(key=KEY, path=tmp_path / "heads")
    monkeypatch.delenv(audit_heads.FILE)
    with pytest.raises(SettingsError, match=audit_heads.FILE):
        audit_heads.read_seal()


@pytest.mark.slow(reason="eight writers for six seconds")
def test_chain_is_valid_with_eight_writers_and_two_clocks(trail: Trail, become: Become) -> None:
    """Write for SECONDS in two orgs with two roles, and check that a verification meanwhile finds no fault."""
    become("ec_ingest", pool_size=WRITERS)
    count = "select count(*) from audit_log"
    before = int(trail.database.sql(count)[0][0])  # type: ignore[call-overload]
    until = time.monotonic() + SECONDS
    over = threading.Event()

    def write(number: int) -> int:
        org, done = (trail.north, trail.south)[number % 2].org, 0
        while time.monotonic() < until:
            if number < WRITERS // 2:
                with db.session(org=org, role="ec_admin"):
                    courses.add_course(f"Course {number}-{done}", org=org)
            else:
                with db.session(org=org, role="ec_lms", actor=trail.north.api_key_id):
                    users.find_or_add_student(f"student-{number}-{done}", org=org, name=None, email=None)
            done += 1
        return done

    def chain() -> int:
        chained = 0
        connection = psycopg2.connect(trail.database.role_url("ec_clock"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not over.is_set():
                cursor.execute("select chain_audit(500)")
                chained += cursor.fetchone()[0]  # type: ignore[index]
        connection.close()
        return chained

    with ThreadPoolExecutor(WRITERS + 2) as pool:
        clocks = [pool.submit(chain) for _ in range(2)]
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        meanwhile = verify_in_own_process()
        written = sum(writer.result() for writer in writers)
        over.set()
        chained = sum(one.result() for one in clocks)
    become("ec_clock")
    chained += audit_trail.chain_audit()

    assert (meanwhile.returncode, meanwhile.stderr) == (0, ""), meanwhile.stdout
    assert chained == written
    assert int(trail.database.sql(count)[0][0]) == before + written  # type: ignore[call-overload]
    said = verify()
    assert said.returncode == 0, said.stdout
    print(f"{WRITERS} writers for {SECONDS:.0f} s: {written:,} entries, {written / SECONDS:,.0f} a second")
    print(said.stdout)
