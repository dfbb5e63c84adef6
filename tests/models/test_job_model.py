"""Test that after any sequence of operations the rows in PostgreSQL are those that a model in plain Python predicts.

A Hypothesis state machine runs the functions of `models` as the programs do, logged in with the real roles. After every
step it compares all rows with `job_model` and checks invariants that need no model. It runs one step at a time:
tests/models/test_passes.py tests concurrency.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg2
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from models import db, essays, events, failed_passes, feedback, passes, queue, users
from models.crypto import Key
from models.errors import FenceLost, KeyReused, NotFound
from models.essays import Draft, Receipt
from models.failed_passes import FailedPass
from models.feedback import Author, CommentDraft
from models.jobs import PASS_QUEUES, Hint, PassName, Queue
from models.passes import Claim
from models.settings import StoreSettings
from tests.conftest import Become
from tests.models.job_model import MAX_ATTEMPTS, MAX_CRASHES, Essay, JobModel, Pass, Version
from tests.support.scale import short_and_full
from tests.support.schools import School, make_school
from tests.support.servers import Database

STEPS_AN_EXAMPLE = 100
WORKERS = 6
ROLES = ("ec_ingest", "ec_worker", "ec_clock")

TEXT = "Phones ring. They was loud."
LAST_YEAR = datetime(2025, 1, 1, tzinfo=UTC)
COMMENT_TYPES = {PassName.GRAMMAR: "spelling", PassName.STRUCTURE: "thesis", PassName.CONTENT: "evidence"}

# A full run must reach all of these cases. A short one may miss some.
CORNERS = {
    "submit: queued", "submit: superseded", "submit: erased", "resubmit: same answer", "resubmit: reused",
    "claim: won", "claim: a suspect", "claim: a second suspect", "claim: nothing", "turn: taken", "turn: cancelled", "turn: none",
    "renew: held", "renew: lost", "fail: again", "fail: last attempt", "fail: lost", "give_up: held", "give_up: lost",
    "finish: held", "finish: lost", "finish: broken off", "cancel: held", "cancel: lost", "hand_back: held", "hand_back: lost",
    "free: some", "free: third loss", "free: none", "hint: some", "hint: none", "replay: some", "replay: none",
    "discard: some", "discard: none", "erase", "close: nothing", "close: late", "stalled: some", "stalled: none",
}  # fmt: skip
# Counts the steps by their outcome.
WALK: Counter[str] = Counter()

_numbers = count(1)
numbers = st.integers(0, 2**16)
mostly = st.sampled_from((True, True, False))
seldom = st.sampled_from((False, False, False, True))

Seen = list[dict[str, Any]]
Thing = TypeVar("Thing")

LOOK = """
prepare look as select
    (select coalesce(json_agg(one), '[]') from (
        select id, submission_id, user_id, name, state, queue, attempt, fence, lost, error, discarded_at is not null as discarded,
            model as written_by, comments, case when state = 'queued' then next_at <= now() end as due,
            case when state = 'queued' then hinted_at >= next_at end as hinted,
            case when state = 'running' then lease_until < now() end as expired
        from passes
    ) as one),
    (select coalesce(json_agg(one), '[]') from (select id, user_id, status, completed_at is not null as closed from submissions) as one),
    (select coalesce(json_agg(one), '[]') from (
        select submission_id, pass, user_id, model as written_by, count(*) as comments from feedback group by 1, 2, 3, 4
    ) as one),
    (select coalesce(sum(count), 0)::integer from monitor_totals where name = 'leases_expired'),
    (select coalesce(json_object_agg(one.what, one.times), '{}') from (
        select event as what, count(*) as times from system_logs group by event
        union all select action, count(*) from audit_log where entity = 'pass' group by action
    ) as one)
"""


@dataclass
class World:
    """One database with two schools, and a connection pool for each program."""

    pools: dict[str, Any]
    schools: list[School]
    superuser: Any
    keys: dict[UUID, Key] = field(default_factory=dict)
    idle: list[tuple[School, UUID]] = field(default_factory=list)

    def see(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser, whom no policy restricts, and return its rows."""
        with self.superuser.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description is not None else []

    @contextmanager
    def acting(self, program: str, **identity: Any) -> Iterator[None]:
        """Open a session of one program. The process uses that program's pool from then on."""
        db.database = self.pools[program]
        with db.session(**identity):
            yield

    def student_of(self, school: School) -> UUID:
        """Return a student of this school who has written nothing."""
        for number, (where, student) in enumerate(self.idle):
            if where is school:
                del self.idle[number]
                return student
        with self.acting("ec_ingest", org=school.org, role="ec_admin"):
            student = users.add_user("student", org=school.org, external_id=f"sis-{next(_numbers)}")
            self.keys[student] = users.data_key(student, org=school.org)
        return student


@pytest.fixture
def world(database: Database, become: Become) -> Iterator[World]:
    """Two schools, and the pools of ingest, worker and clock."""
    first = db.database
    pools = {}
    for role in ROLES:
        # Peewee's tables are bound to the first pool. It stays the pool of ingest, which alone uses them here.
        db.database = first if role == "ec_ingest" else db.Pool(None, autoconnect=False)
        db.connect(
            StoreSettings(database_url=database.role_url(role), program=role, pool_size=2, pool_wait_seconds=5.0)
        )
        pools[role] = db.database
    db.database = first
    superuser = psycopg2.connect(database.admin_url)
    superuser.autocommit = True
    made = World(pools=pools, schools=[make_school("north"), make_school("south")], superuser=superuser)
    made.see(LOOK)
    yield made
    for pool in pools.values():
        pool.close_idle()
    db.database = first
    superuser.close()


class AllRulesEnabled:
    """Enables every rule at every step. By default Hypothesis disables some of them for each example."""

    def is_enabled(self, name: str) -> bool:
        return True


class Broken(Exception):
    """Raised when a worker breaks before its commit."""


class Life(RuleBasedStateMachine):
    """Runs steps of three students of two schools, their LMS, six workers, clocks, two admins and erasures in any order."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._rules_strategy.enabled_rules_strategy = st.just(AllRulesEnabled())
        self.world = world
        self.model = JobModel()
        self.claims: list[list[Claim]] = []
        self.won: Counter[str] = Counter()
        self.texts: dict[UUID, Version] = {}
        self.answers: list[tuple[dict[str, Any], dict[str, Any], str, dict[str, Any]]] = []
        self.listed: list[FailedPass] = []
        self.replayed: set[str] = set()
        self.before: dict[str, tuple[str, int]] = {}
        self.records: Counter[str] = Counter()
        self.erased: list[tuple[School, UUID]] = []
        self.leases_expired = world.see("execute look")[0][3]
        self.students = [(school, world.student_of(school)) for school in (*world.schools, world.schools[0])]
        for school, student in self.students:
            self._hand_in(school, student, by_lms=True, external_id="a", where=Queue.INTERACTIVE, late=False)
        self.claims = [[invented(chosen(list(self.model.passes.values()), worker))] for worker in range(WORKERS)]

    def teardown(self) -> None:
        self.world.see("delete from essays")
        for table in ("idempotency_keys", "system_logs", "analytics"):
            self.world.see(f"delete from {table}")
        self.world.see("truncate audit_log")  # deleting from it is refused
        self.world.idle += self.students

    # Students and LMSs hand in.

    @rule(
        who=numbers,
        by_lms=st.booleans(),
        external_id=st.sampled_from("ab"),
        where=st.sampled_from(PASS_QUEUES),
        late=seldom,
    )
    def submit(self, who: int, **wanted: Any) -> None:
        """Hand in a first or a next version, on time or late. For an erased student it is refused."""
        school, student = chosen(self.students + self.erased[-1:], who)
        WALK["submit: " + self._hand_in(school, student, **wanted)] += 1

    def _hand_in(
        self, school: School, student: UUID, *, by_lms: bool, external_id: str, where: Queue, late: bool
    ) -> str:
        as_whom: dict[str, Any] = {"org": school.org, "role": "ec_lms"}
        if not by_lms:
            as_whom |= {"user": student, "role": "ec_student"}
        key, caller = f"key-{next(_numbers)}", {"org": school.org, "caller": school.api_key_id if by_lms else student}
        draft = Draft(
            title="Phones", text=TEXT, source="api" if by_lms else "app", external_id=external_id, queue=where,
            submitted_at=LAST_YEAR if late else None,
        )  # fmt: skip
        try:
            with self.world.acting("ec_ingest", **as_whom):
                assert events.claim_key(key, request_sha256=hashlib.sha256(key.encode()).digest(), **caller) is None
                receipt = essays.receive(student, draft, org=school.org)
                answer = {"id": str(receipt.submission), "version": receipt.version, "status": receipt.status}
                events.keep_answer(key, answer=answer, **caller)
        except NotFound:
            assert student in self.model.erased
            return "erased"
        assert student not in self.model.erased
        self.answers.append((as_whom, caller, key, answer))
        version = self._add_to_model(school, student, external_id, receipt, where=where, late=late)
        assert (receipt.essay, receipt.version, receipt.status) == (
            version.essay.id,
            version.essay.versions,
            version.status,
        )
        assert [hint.pass_id for hint in receipt.hints] == [one.id for one in version.passes if one.state == "queued"]
        return version.status

    def _add_to_model(
        self, school: School, student: UUID, external_id: str, receipt: Receipt, *, where: Queue, late: bool
    ) -> Version:
        stored = dict(self.world.see("select name, id from passes where submission_id = %s", receipt.submission))
        essay = self.model.essays.get((student, external_id)) or Essay(receipt.essay, student, external_id)
        version = self.model.receive(
            receipt.submission,
            org=school.org,
            essay=essay,
            queue=where,
            late=late,
            ids={name: stored[name] for name in PassName},
        )
        self.texts[version.id] = version
        return version

    @rule(number=numbers, other_body=seldom)
    def resubmit(self, number: int, other_body: bool) -> None:
        """Repeat a request: the same key and body get the same answer, whatever happened since. Another body is refused."""
        as_whom, caller, key, answer = chosen(self.answers, number)
        with self.world.acting("ec_ingest", **as_whom):
            if other_body:
                with pytest.raises(KeyReused):
                    events.claim_key(key, request_sha256=b"x" * 32, **caller)
            else:
                assert events.claim_key(key, request_sha256=hashlib.sha256(key.encode()).digest(), **caller) == answer
        WALK["resubmit: reused" if other_body else "resubmit: same answer"] += 1

    # Workers claim passes.

    @rule(worker=numbers, number=numbers)
    def claim(self, worker: int, number: int) -> None:
        """Claim a queued pass, whether it is due, waits for its time, or waits for another poison suspect."""
        waiting = self.model.in_state("queued")
        self._claim_directly(worker, chosen(waiting, number).id if waiting else chosen(self.model.ever, number))

    @rule(worker=numbers, number=numbers)
    def claim_anything(self, worker: int, number: int) -> None:
        """Claim any pass, also a running, ended or erased one, because a hint may name any of them."""
        self._claim_directly(worker, chosen(self.model.ever, number))

    def _claim_directly(self, worker: int, pass_id: UUID) -> None:
        wanted = self.model.passes.get(pass_id)
        due = wanted is not None and wanted.state == "queued" and wanted.due
        claim, _ = self._claim(worker, pass_id, org=wanted.version.org if wanted else self.world.schools[0].org)
        refused = "a second suspect" if due else "nothing"
        WALK["claim: " + (refused if claim is None else "a suspect" if claim.poison_suspect else "won")] += 1

    def _claim(self, worker: int, pass_id: UUID, *, org: UUID, gather: bool = False) -> tuple[Claim | None, bool]:
        suspects = sum(one.poison_suspect for one in self.model.in_state("running"))
        cancelled = False
        with self.world.acting("ec_worker", org=org):
            claim = passes.claim(pass_id, org=org, lease_seconds=3600)
            if claim is not None and gather and not essays.fetch_task(claim.submission, org=org).newest:
                passes.cancel(claim)
                cancelled = True
        expected = self.model.claim(pass_id)
        if claim is None or expected is None:
            assert claim is None, "a pass was claimed that must not be claimed"
            assert expected is None, "a pass that can be claimed was not claimed"
            return None, False
        assert (claim.submission, claim.name) == (expected.version.id, expected.name)
        assert (claim.attempt, claim.fence, claim.crash_count) == (expected.attempt, expected.fence, expected.lost)
        assert not (claim.poison_suspect and suspects), "two poison suspects run at once"
        assert cancelled == (gather and not expected.version.is_newest)
        if cancelled:
            expected.end("cancelled")
        self.won[str(pass_id)] += 1
        self.claims[worker % WORKERS].append(claim)
        return claim, cancelled

    @rule(worker=numbers, hint=numbers)
    def take_turn(self, worker: int, hint: int) -> None:
        WALK["turn: " + self._take_turn(worker, hint)] += 1

    @rule(hints=st.lists(numbers, min_size=1, max_size=2))
    def a_few_take_turns(self, hints: list[int]) -> None:
        for worker, hint in enumerate(hints):
            self._take_turn(worker + hint, hint)
        WALK["turns"] += 1

    def _take_turn(self, worker: int, hint: int) -> str:
        """Choose, claim and read a pass as run_pass does, and cancel it in the same session if a newer version has come."""
        hinted = chosen([*self.model.ever, uuid4()], hint)
        offers = self.model.turns(hinted)
        with self.world.acting("ec_worker"):
            db.run("select setseed(%s)", (hint / 2**16,))
            turn = queue.next_due(Hint(org_id=uuid4(), pass_id=hinted, queue=Queue.BULK))
        if turn is None:
            assert not offers
            return "none"
        assert turn.pass_id in offers[turn.queue]
        assert turn.org_id == self.model.passes[turn.pass_id].version.org
        claim, cancelled = self._claim(worker, turn.pass_id, org=turn.org_id, gather=True)
        assert claim is not None
        return "cancelled" if cancelled else "taken"

    # Steps with a claim, which may be current or stale.

    def _some_claim(self, worker: int, number: int, current: bool) -> Claim:
        holding = [held for claims in self.claims if (held := [one for one in claims if self.model.held(one)])]
        return chosen(chosen(holding if current and holding else self.claims, worker), number)

    def _apply(self, name: str, claim: Claim, carry_out: Callable[[], object]) -> Pass | None:
        """Run an operation that must raise FenceLost for a stale claim. Return the pass if the claim was current, or None."""
        found = self.model.held(claim)
        try:
            with self.world.acting("ec_worker", org=claim.org):
                carry_out()
        except FenceLost:
            assert found is None, "a current claim was refused"
            WALK[f"{name}: lost"] += 1
            return None
        assert found is not None, "a stale claim was accepted"
        return found

    @rule(worker=numbers, number=numbers, current=mostly)
    def renew(self, worker: int, number: int, current: bool) -> None:
        claim = self._some_claim(worker, number, current)
        found = self.model.held(claim)
        with self.world.acting("ec_worker", org=claim.org):
            assert bool(passes.renew([claim], lease_seconds=3600)) is (found is not None)
        if found is not None:
            found.expired = False
        WALK["renew: held" if found else "renew: lost"] += 1

    @rule(worker=numbers, number=numbers, current=mostly, soon=mostly, counts=mostly)
    def fail(self, worker: int, number: int, current: bool, soon: bool, counts: bool) -> None:
        claim = self._some_claim(worker, number, current)
        again: list[bool] = []

        def carry_out() -> None:
            again.append(passes.fail(claim, error="timeout", retry_in_seconds=0 if soon else 3600, counts=counts))

        found = self._apply("fail", claim, carry_out)
        if found is not None:
            assert again == [self.model.fail(found, error="timeout", due=soon, counts=counts)]
            WALK["fail: again" if again[0] else "fail: last attempt"] += 1

    @rule(worker=numbers, number=numbers, current=mostly)
    def give_up(self, worker: int, number: int, current: bool) -> None:
        claim = self._some_claim(worker, number, current)
        found = self._apply("give_up", claim, lambda: passes.give_up(claim, error="refused"))
        if found is not None:
            found.end("gave_up", error="refused")
            WALK["give_up: held"] += 1

    @rule(worker=numbers, number=numbers, current=mostly, comments=st.integers(1, 2), breaks=seldom)
    def finish(self, worker: int, number: int, current: bool, comments: int, breaks: bool) -> None:
        """Finish and store in one session, as run_pass does. A worker that breaks before its commit changes nothing."""
        claim = self._some_claim(worker, number, current)

        def carry_out() -> None:
            essay, by = self.texts[claim.submission].essay, f"fence-{claim.fence}"
            key = self.world.keys[essay.student]
            author = Author(user=essay.student, audience=essay.student, essay=essay.id, characters=len(TEXT))
            drafts = [comment(claim.name, number) for number in range(comments)]
            sealed = feedback.seal_summary(claim, key=key, strengths=("Clear.",), next_steps=("Add.",), not_checked=())
            passes.finish(claim, provider="local", model=by, comments=comments, summary=sealed)
            feedback.store(claim, author=author, key=key, provider="local", model=by, comments=drafts, results=[])
            if breaks:
                raise Broken

        try:
            found = self._apply("finish", claim, carry_out)
        except Broken:
            assert self.model.held(claim) is not None
            WALK["finish: broken off"] += 1
            return
        if found is not None:
            self.model.finish(found, comments=comments)
            WALK["finish: held"] += 1

    @rule(number=numbers, current=mostly)
    def cancel(self, number: int, current: bool) -> None:
        """Cancel a pass whose essay has a newer version. A stale claim changes nothing."""
        may = [one for claims in self.claims for one in claims if self._may_cancel(one)]
        claim = chosen([one for one in may if current and self.model.held(one)] or may, number)
        found = self._apply("cancel", claim, lambda: passes.cancel(claim))
        if found is not None:
            found.end("cancelled")
            WALK["cancel: held"] += 1

    def _may_cancel(self, claim: Claim) -> bool:
        found = self.model.held(claim)
        return found is None or not found.version.is_newest

    @rule(worker=numbers, number=numbers, current=mostly)
    def hand_back(self, worker: int, number: int, current: bool) -> None:
        claim = self._some_claim(worker, number, current)
        found = self.model.held(claim)
        with self.world.acting("ec_worker", org=claim.org):
            passes.hand_back(claim)
        if found is not None:
            self.model.hand_back(found)
        WALK["hand_back: held" if found else "hand_back: lost"] += 1

    # Time passes and the clock runs its duties, some of them twice in a row, because two clocks may run.

    @rule(number=numbers, all_of_them=st.booleans())
    def retries_come_due(self, number: int, all_of_them: bool) -> None:
        waiting = [one for one in self.model.in_state("queued") if not one.due]
        due = [chosen(waiting, number)] if waiting and not all_of_them else waiting
        self.world.see("update passes set next_at = now() where id = any (%s)", [one.id for one in due])
        for one in due:
            one.wait(due=True, error=one.error)
        WALK["retry" if due else "retry: nothing"] += 1

    @rule(number=numbers, all_of_them=mostly)
    def workers_go_silent(self, number: int, all_of_them: bool) -> None:
        running = self.model.in_state("running")
        silent = [chosen(running, number)] if running and not all_of_them else running
        self.world.see(
            "update passes set lease_until = now() - interval '1 second' where id = any (%s)",
            [one.id for one in silent],
        )
        for one in silent:
            one.expired = True
        WALK["silence" if silent else "silence: none"] += 1

    @rule(clocks=st.integers(1, 3))
    def free_expired(self, clocks: int) -> None:
        over = len(self.model.in_state("gave_up"))
        expected = self.model.free_expired()
        for clock in range(clocks):
            with self.world.acting("ec_clock"):
                assert passes.free_expired(limit=500) == (0 if clock else expected)
        third = len(self.model.in_state("gave_up")) > over
        WALK["free: " + ("third loss" if third else "some" if expected else "none")] += 1

    @rule(starved=st.sampled_from(((), (Queue.INTERACTIVE,), (Queue.BULK,), PASS_QUEUES)))
    def take_due(self, starved: tuple[Queue, ...]) -> None:
        due = Counter(one.queue for one in self.model.in_state("queued") if one.due)
        expected = self.model.take_due(starved)
        with self.world.acting("ec_clock"):
            assert passes.due_counts(limit=500) == due
            hints = passes.take_due(limit=500, stale_seconds=0, starved=list(starved))
        with self.world.acting("ec_clock"):
            assert passes.take_due(limit=500, stale_seconds=3600, starved=list(PASS_QUEUES)) == []
        assert len(hints) == len(expected)
        assert {hint.pass_id for hint in hints} == expected
        for hint in hints:
            found = self.model.passes[hint.pass_id]
            assert (hint.org_id, hint.queue) == (found.version.org, found.queue)
        WALK["hint: some" if hints else "hint: none"] += 1

    @rule(number=numbers, waits_for_days=seldom)
    def give_up_stalled(self, number: int, waits_for_days: bool) -> None:
        """Give up passes that were tried without success for three days. Untried and running passes are not changed."""
        if waits_for_days:
            ancient = chosen(self.model.in_state("queued") or list(self.model.passes.values()), number)
            self.world.see("update passes set queued_at = now() - interval '73 hours' where id = %s", ancient.id)
            ancient.ancient = True
        expected = self.model.give_up_ancient()
        for clock in range(2):
            with self.world.acting("ec_clock"):
                assert passes.give_up_stalled(limit=500) == (0 if clock else expected)
        WALK["stalled: some" if expected else "stalled: none"] += 1

    @rule(number=numbers, by_a_fault=st.booleans())
    def close_finished(self, number: int, by_a_fault: bool) -> None:
        """Close submissions whose passes have all ended. One that a fault left open gets its status back."""
        final = [one.id for one in self.model.versions.values() if one.is_final]
        left_open = [chosen(final, number)] if by_a_fault and final else []
        for one in left_open:
            self.world.see("update submissions set status = 'processing', completed_at = null where id = %s", one)
        for clock in range(2):
            with self.world.acting("ec_clock"):
                assert passes.close_finished(limit=500) == (0 if clock else len(left_open))
        self.records["version closed late"] += len(left_open)
        WALK["close: late" if left_open else "close: nothing"] += 1

    @rule(number=numbers, lost=st.booleans())
    def wear_out(self, number: int, lost: bool) -> None:
        """Set the queued passes of one version to seven attempts, or to two crashes."""
        for one in chosen(list(self.model.versions.values()), number).passes:
            if one.state == "queued":
                one.attempt, one.lost = (one.attempt, MAX_CRASHES - 1) if lost else (MAX_ATTEMPTS - 1, one.lost)
                self.world.see("update passes set attempt = %s, lost = %s where id = %s", one.attempt, one.lost, one.id)
        WALK["wear"] += 1

    # Admins replay or discard failed passes, and a student is erased.

    @rule(
        where=st.sampled_from(PASS_QUEUES),
        picks=st.lists(numbers, min_size=1, max_size=4),
        south=st.booleans(),
        current=mostly,
    )
    def replay(self, where: Queue, picks: list[int], south: bool, current: bool) -> None:
        """Replay failed passes. Those of another school, or replayed, finished or erased since the listing, do not change."""
        school = self.world.schools[south]
        with self._with_admin_list(school, picks, current) as wanted:
            hints = failed_passes.replay(wanted, org=school.org, queue=where)
        again = self.model.replay([one.id for one in wanted], org=school.org, queue=where)
        assert len(hints) == len(again)
        assert {(hint.org_id, hint.pass_id, hint.queue) for hint in hints} == {
            (school.org, one, where) for one in again
        }
        self.replayed |= {str(one) for one in again}
        self.records["pass_replayed"] += len(again)
        WALK["replay: some" if again else "replay: none"] += 1

    @rule(picks=st.lists(numbers, min_size=1, max_size=2), south=st.booleans(), current=mostly)
    def discard(self, picks: list[int], south: bool, current: bool) -> None:
        school = self.world.schools[south]
        with self._with_admin_list(school, picks, current) as wanted:
            discarded = failed_passes.discard(wanted)
        assert discarded == self.model.discard([one.id for one in wanted], org=school.org)
        self.records["pass_discarded"] += discarded
        WALK["discard: some" if discarded else "discard: none"] += 1

    @contextmanager
    def _with_admin_list(self, school: School, picks: list[int], current: bool) -> Iterator[list[FailedPass]]:
        """Act as an admin, and yield picks from the current list, or from all entries that were ever listed."""
        with self.world.acting("ec_ingest", org=school.org, user=school.ada, role="ec_admin"):
            whole = failed_passes.list_all(org=school.org, limit=500, discarded=True)
            short = failed_passes.list_all(org=school.org, limit=500)
            assert [one.id for one in whole] == sorted(
                self.model.failed_passes(school.org, discarded=True), reverse=True
            )
            assert [one.id for one in short] == sorted(self.model.failed_passes(school.org), reverse=True)
            self.listed += [one for one in whole if one not in self.listed]
            among = whole if current else self.listed
            yield [chosen(among, pick) for pick in picks] if among else []

    @precondition(lambda self: len(self.erased) < 2)
    @rule(number=numbers)
    def erase(self, number: int) -> None:
        """Erase a student and add another one. Claims on the erased student's passes still exist."""
        place = number % len(self.students)
        school, student = self.students[place]
        self.world.see("delete from users where org_id = %s and id = %s", school.org, student)
        self.model.erase(student)
        self.erased.append((school, student))
        self.students[place] = (school, self.world.student_of(school))
        WALK["erase"] += 1

    # After every step.

    @invariant()
    def rows_match_the_model_and_invariants_hold(self) -> None:
        stored, submissions, comments, leases_expired, records = self.world.see("execute look")[0]
        expected = {str(one.id): predicted(one) for one in self.model.passes.values()}
        assert {row["id"] for row in stored} == expected.keys()
        pairs = [(column, value, expected[row["id"]][column]) for row in stored for column, value in row.items()]
        assert [pair for pair in pairs if pair[1] != pair[2]] == [], "column, stored, predicted"
        assert {row["id"]: (row["user_id"], row["status"], row["closed"]) for row in submissions} == {
            str(one.id): (str(one.essay.student), one.status, one.is_final) for one in self.model.versions.values()
        }
        assert leases_expired - self.leases_expired == self.model.leases_expired
        self._check_invariants(stored, submissions, comments)
        assert records == +self.records
        self.before = {row["id"]: (row["state"], row["fence"]) for row in stored}
        self.replayed = set()

    def _check_invariants(self, stored: Seen, submissions: Seen, comments: Seen) -> None:
        """Check what must hold without the model, with the rows of this step and the last."""
        states: dict[str, list[str]] = {}
        effects = {}
        for row in stored:
            state, fence = row["state"], row["fence"]
            states.setdefault(row["submission_id"], []).append(state)
            assert fence == self.won[row["id"]], "a fence rises by one with every claim and never falls"
            state_before, fence_before = self.before.get(row["id"], (state, fence))
            assert state_before not in ("done", "cancelled") or (state, fence) == (state_before, fence_before), (
                "an ended pass does not change"
            )
            assert state_before != "gave_up" or state == "gave_up" or row["id"] in self.replayed, (
                "only a person can replay a pass"
            )
            self.records["pass given up"] += state == "gave_up" != self.before.get(row["id"], ("queued", 0))[0]
            if state == "done":
                effects[row["submission_id"], row["name"]] = (row["written_by"], row["comments"])
        for row in submissions:
            mine = Counter(states[row["id"]])
            assert row["closed"] == (not mine["queued"] and not mine["running"]), (
                "a submission is final only when no pass is open"
            )
            assert not row["closed"] or row["status"] == final_status(mine)
        assert len(comments) == len(effects), "only done passes have comments, written once"
        for row in comments:
            assert (row["written_by"], row["comments"]) == effects[row["submission_id"], row["pass"]]
        erased = {str(student) for student in self.model.erased}
        assert not erased & {row["user_id"] for row in (*stored, *submissions, *comments)}, (
            "no row of an erased student remains"
        )


def chosen(among: list[Thing], number: int) -> Thing:
    return among[number % len(among)]


def invented(one: Pass) -> Claim:
    """Return a claim that no worker was ever given."""
    return Claim(org=one.version.org, id=one.id, submission=one.version.id, name=one.name, attempt=0, fence=0)


def predicted(one: Pass) -> dict[str, Any]:
    """Return the row of a pass as LOOK returns it."""
    waits, effect = one.state == "queued", one.effect
    return {
        "id": str(one.id), "submission_id": str(one.version.id), "user_id": str(one.version.essay.student), "name": one.name,
        "state": one.state, "queue": one.queue, "attempt": one.attempt, "fence": one.fence, "lost": one.lost, "error": one.error,
        "discarded": one.discarded, "written_by": f"fence-{effect[0]}" if effect else None, "comments": effect[1] if effect else None,
        "due": one.due if waits else None, "hinted": one.hinted if waits else None,
        "expired": one.expired if one.state == "running" else None,
    }  # fmt: skip


def final_status(states: Counter[str]) -> str:
    if states["cancelled"]:
        return "superseded"
    if not states["gave_up"]:
        return "completed"
    return "partial" if states["done"] else "failed"


def comment(name: PassName, number: int) -> CommentDraft:
    return CommentDraft(
        type=COMMENT_TYPES[name], kind="issue", severity="minor", match="exact", span=(number, number + 6), quote="", message="Look.",
        next_step="Do.", suggestions=(), confidence=0.5, confidence_basis="measured", origin="rule",
    )  # fmt: skip


@pytest.mark.parametrize("steps", short_and_full(250, 10_000, reason="10,000 steps, each compared with the model"))
def test_rows_match_the_model_after_any_sequence_of_operations(world: World, steps: int) -> None:
    WALK.clear()
    started = time.monotonic()

    run_state_machine_as_test(
        lambda: Life(world),  # type: ignore[arg-type]
        settings=settings(
            max_examples=11 * steps // (10 * STEPS_AN_EXAMPLE) + 5, stateful_step_count=STEPS_AN_EXAMPLE, derandomize=True, database=None,
            deadline=None, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip

    walked = sum(WALK.values())
    print(f"{walked} steps in {time.monotonic() - started:.1f} s: {dict(sorted(WALK.items()))}")
    assert walked >= steps
    assert steps < 10_000 or WALK.keys() >= CORNERS
