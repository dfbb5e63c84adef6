"""Test the operator commands for failed passes and for the AI settings of an org, run as an operator runs them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import dramatiq
import pytest

from ingest.__main__ import main as ingest_main
from models import db, essays, passes
from models.broker import HintBroker
from models.crypto import Ciphertext
from models.essays import Receipt
from models.jobs import ACTOR, Hint, Queue
from tests.conftest import Become
from tests.support import schools
from tests.support.commands import CommandResult, run_command
from tests.support.schools import School
from tests.support.servers import ROOT, Database, Servers, away
from workers.__main__ import main as workers_main

# Each test begins and ends with an empty Redis.
pytestmark = pytest.mark.usefixtures("broker")

PROGRAMS = {"workers": workers_main, "ingest": ingest_main}


def run(program: str, *arguments: str) -> CommandResult:
    return run_command(PROGRAMS[program], *arguments)


def run_given_up(*arguments: str) -> CommandResult:
    return run("workers", "given-up", *arguments)


def output_lines(said: CommandResult) -> list[str]:
    """Return the output lines of a program that succeeded without errors."""
    assert (said.returncode, said.stderr) == (0, ""), said.stderr
    return said.stdout.splitlines()


hand_in = partial(schools.hand_in, title="Phones", text="Phones buzz.")


def give_up(receipt: Receipt, *reasons: str) -> list[UUID]:
    """Mark the first passes of this submission as given up, one for each reason. Needs the role ec_worker."""
    failed = []
    for hint, reason in zip(receipt.hints, reasons, strict=False):
        with db.session(org=hint.org_id):
            held = passes.claim(hint.pass_id, org=hint.org_id, lease_seconds=60)
            assert held is not None
            passes.give_up(held, error=reason)
        failed.append(hint.pass_id)
    return failed


@dataclass(frozen=True)
class Lost:
    """Failed passes: two beside one that is done and one beside two queued in the north; all three in the south."""

    north: School
    south: School
    partial: Receipt
    waiting: Receipt
    failed: Receipt
    ids: frozenset[UUID]


@pytest.fixture
def failed_work(school: School, other_school: School, become: Become, program_env: Callable[[str], None]) -> Lost:
    """Give six failed passes of three submissions in two orgs; programs start with the role ec_clock."""
    partial, waiting, failed = hand_in(school), hand_in(school), hand_in(other_school)
    become("ec_worker")
    ids = [
        *give_up(partial, "worker_lost", "refused"),
        *give_up(waiting, "worker_lost"),
        *give_up(failed, "refused", "refused", "worker_lost"),
    ]
    with db.session(org=school.org):
        held = passes.claim(partial.hints[2].pass_id, org=school.org, lease_seconds=60)
        assert held is not None
        passes.finish(held, provider="local", model="rules", comments=0, summary=Ciphertext(b"sealed"))
    program_env("ec_clock")
    return Lost(school, other_school, partial, waiting, failed, frozenset(ids))


def hinted(broker: HintBroker, queue: Queue) -> list[UUID]:
    ids = broker.client.lrange(f"{broker.namespace}:{queue}", 0, -1)
    stored = broker.client.hmget(f"{broker.namespace}:{queue}.msgs", ids) if ids else []
    messages = [dramatiq.Message.decode(one) for one in stored]
    assert all(message.actor_name == ACTOR and message.kwargs["queue"] == queue for message in messages)
    return sorted(Hint.from_fields(message.kwargs).pass_id for message in messages)


def rows(database: Database) -> dict[UUID, dict[str, Any]]:
    return {UUID(one["id"]): one for (one,) in database.sql("select to_jsonb(p) from passes as p order by id")}  # type: ignore[index,misc]


def everything(database: Database) -> list[object]:
    """Return all rows that a command could change."""
    submissions = database.sql("select to_jsonb(s) - 'text' from submissions as s order by id")
    return [
        rows(database),
        submissions,
        database.sql("select to_jsonb(a) from audit_log as a where entity = 'pass' order by id"),
    ]


def states(database: Database, wanted: set[UUID] | frozenset[UUID]) -> set[tuple[str, bool]]:
    """Return the states of these passes and whether they are discarded."""
    found = rows(database)
    return {(found[one]["state"], found[one]["discarded_at"] is not None) for one in wanted}


def test_list_prints_one_line_for_each_pass_and_the_total(
    database: Database, failed_work: Lost, broker: HintBroker
) -> None:
    before = everything(database)
    *lines, total = output_lines(run_given_up("list"))
    assert total == "6 passes given up"
    found = rows(database)
    assert {UUID(line.split()[1]) for line in lines} == failed_work.ids
    assert len(lines) == 6
    for line in lines:
        slug, identifier, name, reason, day, moment = line.split()
        row = found[UUID(identifier)]
        assert slug == {str(failed_work.north.org): "northside", str(failed_work.south.org): "southside"}[row["org_id"]]
        assert (name, reason) == (row["name"], row["error"])
        assert f"{day}T{moment.removesuffix('Z')}" == row["finished_at"][:19]
    # Lines are grouped by org, with the newest submission of an org first.
    assert [line.split()[0] for line in lines] == ["northside"] * 3 + ["southside"] * 3
    assert UUID(lines[0].split()[1]) == failed_work.waiting.hints[0].pass_id
    assert everything(database) == before
    assert hinted(broker, Queue.BULK) == []


def test_empty_list_is_printed_as_zero(school: School, program_env: Callable[[str], None]) -> None:
    hand_in(school)
    program_env("ec_clock")
    assert output_lines(run_given_up("list")) == ["0 passes given up"]


SELECTED: dict[str, Callable[[Lost], tuple[list[str], set[UUID]]]] = {
    "an org": lambda failed_work: (["--org", "southside"], {hint.pass_id for hint in failed_work.failed.hints}),
    "a reason": lambda failed_work: (
        ["--reason", "worker_lost"],
        {
            failed_work.partial.hints[0].pass_id,
            failed_work.waiting.hints[0].pass_id,
            failed_work.failed.hints[2].pass_id,
        },
    ),
    "a pass": lambda failed_work: (
        ["--pass", str(failed_work.partial.hints[1].pass_id)],
        {failed_work.partial.hints[1].pass_id},
    ),
    "an org and a reason": lambda failed_work: (
        ["--org", "northside", "--reason", "refused"],
        {failed_work.partial.hints[1].pass_id},
    ),
    "a pass of another org": lambda failed_work: (
        ["--org", "southside", "--pass", str(failed_work.partial.hints[1].pass_id)],
        set(),
    ),
    "a pass that is done": lambda failed_work: (["--pass", str(failed_work.partial.hints[2].pass_id)], set()),
    "a pass nobody has": lambda failed_work: (["--pass", str(uuid4())], set()),
    "a reason nothing gave up for": lambda failed_work: (["--reason", "timeout"], set()),
}


def counted(number: int, what: str) -> str:
    return f"{number} {'pass' if number == 1 else 'passes'} {what}"


# Every program takes a second or two, so list and discard are tested with few of the selections.
ASKED = [
    *(("replay", what) for what in SELECTED),
    *((action, what) for action in ("list", "discard") for what in ("a reason", "a pass", "an org and a reason")),
]


@pytest.mark.parametrize(("action", "what"), ASKED)
def test_action_changes_only_the_selected_passes(
    database: Database, failed_work: Lost, broker: HintBroker, action: str, what: str
) -> None:
    arguments, wanted = SELECTED[what](failed_work)
    before = rows(database)
    *lines, total = output_lines(run_given_up(action, *arguments))
    after = rows(database)
    changed = {one for one in after if after[one] != before[one]}
    if action == "list":
        assert {UUID(line.split()[1]) for line in lines} == wanted
        assert total == counted(len(wanted), "given up")
        assert changed == set()
        return
    assert lines == []
    assert changed == wanted
    assert total == counted(len(wanted), {"replay": "replayed", "discard": "discarded"}[action])
    assert states(database, wanted) <= {{"replay": ("queued", False), "discard": ("gave_up", True)}[action]}
    assert hinted(broker, Queue.BULK) == (sorted(wanted) if action == "replay" else [])
    assert database.sql("select count(*) from audit_log where entity = 'pass'") == [(len(wanted),)]


def test_replay_puts_passes_into_the_bulk_queue_and_is_idempotent(
    database: Database, failed_work: Lost, broker: HintBroker
) -> None:
    before = rows(database)
    assert output_lines(run_given_up("replay", "--all")) == ["6 passes replayed"]
    once = everything(database)
    found = rows(database)
    for one in failed_work.ids:
        row = found[one]
        # A pass that crashed its workers comes back as a poison suspect.
        lost_before = 2 if before[one]["error"] == "worker_lost" else 0
        assert (row["state"], row["queue"], row["attempt"], row["error"]) == ("queued", "bulk", 0, None)
        assert row["lost"] == lost_before
        assert row["fence"] == before[one]["fence"]
    assert {one: row for one, row in found.items() if one not in failed_work.ids} == {
        one: row for one, row in before.items() if one not in failed_work.ids
    }
    statuses: dict[Any, Any] = dict(database.sql("select id, (status, completed_at is null)::text from submissions"))  # type: ignore[arg-type]
    assert {statuses[one.submission] for one in (failed_work.partial, failed_work.waiting, failed_work.failed)} == {
        "(processing,t)"
    }
    assert hinted(broker, Queue.BULK) == sorted(failed_work.ids)
    assert hinted(broker, Queue.INTERACTIVE) == []

    assert output_lines(run_given_up("replay", "--all")) == ["0 passes replayed"]
    assert everything(database) == once
    assert hinted(broker, Queue.BULK) == sorted(failed_work.ids)
    assert output_lines(run_given_up("list")) == ["0 passes given up"]


@pytest.mark.slow(reason="replays many passes")
def test_two_replays_at_once_replay_each_pass_once(database: Database, failed_work: Lost, broker: HintBroker) -> None:
    arguments = [sys.executable, "-m", "workers", "given-up", "replay", "--all"]
    programs = [
        subprocess.Popen(arguments, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [program.communicate(timeout=60)[0] for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert sum(int(one.split()[0]) for one in said) == 6
    assert states(database, failed_work.ids) == {("queued", False)}
    assert hinted(broker, Queue.BULK) == sorted(failed_work.ids)
    assert sorted(one for (one,) in database.sql("select entity_id from audit_log where entity = 'pass'")) == sorted(
        failed_work.ids
    )


def test_replayed_pass_runs_and_ends(database: Database, failed_work: Lost, become: Become) -> None:
    output_lines(run_given_up("replay", "--org", "southside"))
    become("ec_worker")
    for hint in failed_work.failed.hints:
        with db.session(org=failed_work.south.org):
            held = passes.claim(hint.pass_id, org=failed_work.south.org, lease_seconds=60)
            assert held is not None
            assert (held.attempt, held.fence) == (1, 2)
            passes.finish(held, provider="local", model="rules", comments=0, summary=Ciphertext(b"sealed"))
    assert database.sql("select status from submissions where id = %s", failed_work.failed.submission) == [
        ("completed",)
    ]


def test_discard_empties_the_list_and_leaves_submissions_unchanged(
    database: Database, failed_work: Lost, broker: HintBroker
) -> None:
    submissions = "select to_jsonb(s) - 'text' from submissions as s order by id"
    before = database.sql(submissions)
    assert output_lines(run_given_up("discard", "--all")) == ["6 passes discarded"]
    assert states(database, failed_work.ids) == {("gave_up", True)}
    assert database.sql(submissions) == before
    once = everything(database)
    assert output_lines(run_given_up("discard", "--all")) == ["0 passes discarded"]
    assert output_lines(run_given_up("list")) == ["0 passes given up"]
    assert everything(database) == once
    assert hinted(broker, Queue.BULK) == hinted(broker, Queue.INTERACTIVE) == []


@pytest.mark.parametrize(("action", "word"), [("replay", "pass_replayed"), ("discard", "pass_discarded")])
def test_audit_entry_names_operator_pass_and_reason(
    database: Database, failed_work: Lost, action: str, word: str
) -> None:
    failed = rows(database)
    output_lines(run_given_up(action, "--all"))
    found = database.sql(
        "select entity_id, org_id, actor_role, actor_id, request_id, action, entity, detail from audit_log where entity = 'pass' order by entity_id"
    )
    expected = []
    for one in sorted(failed_work.ids):
        row = failed[one]
        detail = {"submission_id": row["submission_id"], "pass": row["name"], "reason": row["error"]}
        expected.append((str(one), row["org_id"], "operator", None, None, word, "pass", detail))
    assert [(str(one[0]), str(one[1]), *one[2:]) for one in found] == expected


def test_list_longer_than_a_page_is_read_to_the_end(
    database: Database, school: School, become: Become, program_env: Callable[[str], None]
) -> None:
    for _ in range(168):
        hand_in(school)
    database.sql("update passes set state = 'gave_up', error = 'refused', finished_at = now()")
    database.sql("update submissions set status = 'failed', completed_at = now()")
    program_env("ec_clock")
    *lines, total = output_lines(run_given_up("list"))
    assert total == "504 passes given up"
    assert len({line.split()[1] for line in lines}) == len(lines) == 504
    assert output_lines(run_given_up("replay", "--reason", "refused")) == ["504 passes replayed"]
    assert database.sql("select state, queue, count(*) from passes group by state, queue") == [("queued", "bulk", 504)]


@pytest.mark.parametrize("action", ["list", "replay", "discard"])
def test_unknown_org_is_refused_with_the_known_ones(database: Database, failed_work: Lost, action: str) -> None:
    before = everything(database)
    said = run_given_up(action, "--org", "northsid", "--all")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "workers: there is no org 'northsid'; there are: northside, southside\n"
    assert everything(database) == before


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_replay_and_discard_need_a_selection(database: Database, failed_work: Lost, action: str) -> None:
    before = everything(database)
    said = run_given_up(action)
    assert (said.returncode, said.stdout) == (2, "")
    assert f"{action} needs --pass, --reason, --org or --all" in said.stderr
    assert everything(database) == before


@pytest.mark.parametrize("arguments", [("replay", "--pass", "17"), ("forget", "--all"), (), ("replay", "--everything")])
def test_unknown_arguments_are_refused(database: Database, failed_work: Lost, arguments: tuple[str, ...]) -> None:
    before = everything(database)
    said = run_given_up(*arguments)
    assert (said.returncode, said.stdout) == (2, "")
    assert "usage: python -m workers" in said.stderr
    assert everything(database) == before


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Give a port that is bound but does not listen, so it refuses every connection."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def test_replay_without_redis_is_stored_and_the_clock_sends_hints(
    database: Database, failed_work: Lost, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{closed_port}/0")
    said = run_given_up("replay", "--all")
    assert (said.returncode, said.stdout) == (0, "6 passes replayed\n")
    assert "hints left to the clock" in said.stderr
    assert "Traceback" not in said.stderr
    assert states(database, failed_work.ids) == {("queued", False)}


def test_absent_database_is_named(database: Database, servers: Servers, failed_work: Lost) -> None:
    with away(servers, database):
        said = run_given_up("list")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "workers: The database cannot be reached.\n"


# The AI settings of an org.


def chosen(database: Database) -> dict[str, tuple[str, str]]:
    found = database.sql("select slug, ai_policy, ai_fallback from orgs")
    return {slug: (policy, fallback) for slug, policy, fallback in found}


@pytest.fixture
def orgs(
    database: Database, school: School, other_school: School, program_env: Callable[[str], None]
) -> dict[str, tuple[str, str]]:
    """Give the AI settings of two new orgs; programs start with the role ec_ingest."""
    program_env("ec_ingest")
    return chosen(database)


@pytest.mark.parametrize(("policy", "fallback"), [("anthropic", "local"), ("local", "wait"), ("none", "local")])
def test_set_ai_changes_one_org_only(
    database: Database, orgs: dict[str, tuple[str, str]], policy: str, fallback: str
) -> None:
    said = run("ingest", "set-ai", "northside", "--policy", policy, "--fallback", fallback)
    assert output_lines(said) == ["org northside: changed"]
    assert chosen(database) == {"northside": (policy, fallback), "southside": orgs["southside"]}


def test_set_ai_leaves_other_settings_unchanged(database: Database, orgs: dict[str, tuple[str, str]]) -> None:
    output_lines(run("ingest", "set-ai", "southside", "--fallback", "local"))
    output_lines(run("ingest", "set-ai", "southside", "--policy", "none"))
    assert chosen(database) == {"northside": orgs["northside"], "southside": ("none", "local")}
    output_lines(run("ingest", "set-ai", "southside", "--fallback", "wait"))
    assert chosen(database)["southside"] == ("none", "wait")


def test_set_ai_refuses_an_unknown_org(database: Database, orgs: dict[str, tuple[str, str]]) -> None:
    said = run("ingest", "set-ai", "northsid", "--policy", "local")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "ingest: there is no org 'northsid'\n"
    assert chosen(database) == orgs


@pytest.mark.parametrize("arguments", [("--policy", "openai"), ("--fallback", "none"), ("--policy",)])
def test_set_ai_refuses_an_unknown_policy(
    database: Database, orgs: dict[str, tuple[str, str]], arguments: tuple[str, ...]
) -> None:
    said = run("ingest", "set-ai", "northside", *arguments)
    assert (said.returncode, said.stdout) == (2, "")
    assert "usage: python -m ingest set-ai" in said.stderr
    assert chosen(database) == orgs


def test_worker_reads_the_ai_policy_that_was_set(
    database: Database, school: School, become: Become, program_env: Callable[[str], None]
) -> None:
    receipt = hand_in(school)
    program_env("ec_ingest")
    output_lines(run("ingest", "set-ai", "northside", "--policy", "none", "--fallback", "local"))
    become("ec_worker")
    with db.session(org=school.org):
        task = essays.fetch_task(receipt.submission, org=school.org)
    assert (task.ai_policy, task.ai_fallback) == ("none", "local")
