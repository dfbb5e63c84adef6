"""The story of one pass: whose turn is it, claim, gather, ask, write down the raw answer, finish.

No database connection is held while the provider thinks. Whatever happens, the row in `passes` says what is next. The file is
long because that story is to be read in one go.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import ParamSpec, TypeVar

from dramatiq.middleware import Interrupt, TimeLimitExceeded

from models import ai_responses, circuit_breaker, essays, ledger, passes
from models.ai_responses import Call, CallEnd
from models.circuit_breaker import OPEN, Gate
from models.courses import fetch_criteria
from models.db import session
from models.errors import DatabaseAway, FenceLost, MasterKeyMissing, NotFound, Undecipherable
from models.essays import Task
from models.events import keep_log
from models.feedback import Author
from models.jobs import Hint, PassName
from models.lineage import fetch_earlier
from models.log import logger, stamped
from models.passes import Claim, MadeWith
from models.people_of_course import fetch_around
from models.queue import next_due
from workers.job.context import Work, request_of
from workers.job.finish import finish
from workers.job.leases import Leases
from workers.job.retry_policy import give_up, put_off
from workers.passes.calibration import IDENTITY, Calibration
from workers.passes.request import PassRequest
from workers.privacy.masking import Masked
from workers.providers.contract import BatchAway, GiveUp, Outcome, Provider, ProviderError, Repair, Reply, TryAgain
from workers.providers.ensemble import Mixed
from workers.revisions.carry_over import Memory

log = logger(__name__)

# An answer that is already paid for is offered to a database that is away for this long before it is let go.
STORE_PATIENCE_SECONDS = 20.0
# While one call finds out whether a provider answers again, no other is made for so long, unless its answer comes before.
PROBE_SECONDS = 15.0
# An org that prefers a local reading to waiting gets it after so many attempts that failed, or at once while Claude is paused.
FALLBACK_AFTER_ATTEMPTS = 3
# How long a hint waits for one of the few places of a worker that computes.
PLACE_PATIENCE_SECONDS = 30.0
# Whose names are masked before an essay leaves: of a course with more people, the teachers and those who came last.
MOST_PEOPLE = 2000
# Workers that are sent to the same row at the same moment ask again for another one.
TURNS = 5
# How often a pass looks whether the vendor's batch has its answer, and whether there is money again for its org.
BATCH_LOOK_SECONDS = 60.0
BUDGET_LOOK_SECONDS = 90.0
OVER_BUDGET = "org_budget_spent"

ChooseProvider = Callable[[str], Provider]
Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


class OverBudget(Exception):
    """The org's budget of this month does not allow this call."""


class PassRunner:
    """Carries out passes with one choice of providers and one set of leases, at most `side_by_side` at a time.

    Where less can be done at once than there are threads, a pass is claimed late: only when its work can begin. So what
    waits, waits in the database, where turns are taken fairly.
    """

    def __init__(
        self,
        *,
        choose_provider: ChooseProvider,
        leases: Leases,
        lease_seconds: float,
        pause_seconds: float = 60.0,
        side_by_side: int | None = None,
        mixes: bool = True,
        batches: bool = True,
        calibration: Calibration = IDENTITY,
    ) -> None:
        self._choose_provider = choose_provider
        self._mixes = mixes
        self._batches = batches
        self._calibration = calibration
        self._leases = leases
        self._lease_seconds = lease_seconds
        self._pause_seconds = pause_seconds
        self._places = threading.BoundedSemaphore(side_by_side) if side_by_side else None

    def run(self, hint: Hint) -> bool:
        """The pass whose turn it is has moved on, or none was ours to move; False when this worker cannot look: send the
        hint again. Raises DatabaseAway before the claim only.
        """
        # Not for ever: the message's time limit would strike inside the semaphore.
        if self._places is None:
            return self._run(hint)
        if not self._places.acquire(timeout=PLACE_PATIENCE_SECONDS):
            return False
        try:
            return self._run(hint)
        finally:
            self._places.release()

    def _run(self, hint: Hint) -> bool:
        began = time.monotonic()
        while not self._leases.stopping:
            work = self._take(hint)
            if work is None:
                return True
            self._see_through(work)
            # Suspects run one at a time, so the hints of the others came in vain: after a short one go on at once.
            if not work.claim.suspect or time.monotonic() - began > self._lease_seconds:
                return True
        return False

    def _see_through(self, work: Work) -> None:
        with stamped(pass_id=str(work.claim.id)):
            try:
                with self._leases.holding(work.claim):
                    self._carry_out(_remembering(work))
            except FenceLost:
                _note_fenced_write(work.claim)
            except Interrupt:
                # Stopped outside the call: somebody else may start at once, and this attempt does not count.
                with session(org=work.claim.org):
                    passes.hand_back(work.claim)
                raise
            except DatabaseAway:
                log.warning("outcome not stored", reason="database away", attempt=work.claim.attempt)
            except Exception:
                # A fault of ours, such as an answer the schema lets through and the tables do not. Asking again would
                # cost the same call and end the same way.
                log.exception("pass crashed", attempt=work.claim.attempt)
                with suppress(FenceLost):
                    _patiently(give_up, work, Outcome.CRASHED)

    def _take(self, hint: Hint) -> Work | None:
        for _ in range(TURNS):
            with session():
                turn = next_due(hint)
            if turn is None:
                return None
            with session(org=turn.org_id):
                claim = passes.claim(turn.pass_id, org=turn.org_id, lease_seconds=self._lease_seconds)
                if claim is not None:
                    return self._gather(claim)
        return None

    def _gather(self, claim: Claim) -> Work | None:
        """Return the claimed pass as work, or None when it has been moved on already."""
        with stamped(pass_id=str(claim.id)):
            try:
                return self._prepare(claim, essays.fetch_task(claim.submission, org=claim.org))
            except NotFound:
                # Its author asked for erasure after handing in: nobody can read it any more, nor is anybody to.
                log.info("essay erased", attempt=claim.attempt)
                passes.cancel(claim)
            except MasterKeyMissing as error:
                # Our installation's fault: no essay may be given up for it, and the other workers may have the key.
                log.error("master key missing", reason=str(error))  # noqa: TRY400 - the reason says it all
                passes.fail(claim, error="master_key_missing", retry_in_seconds=self._pause_seconds, counts=False)
            except Undecipherable as error:
                log.exception("essay does not decrypt", reason=str(error))
                passes.give_up(claim, error="undecipherable")
            return None

    def _prepare(self, claim: Claim, task: Task) -> Work | None:
        if not task.newest:
            passes.cancel(claim)
            return None
        provider, gate = self._choose(task, claim)
        if not gate.open:
            wait = gate.wait_seconds + random.uniform(0, 1)  # noqa: S311 - jitter, not a secret
            passes.fail(claim, error=gate.reason or "paused", retry_in_seconds=wait, counts=False)
            return None
        criteria = fetch_criteria(task.rubric, org=claim.org) if task.rubric else []
        request = request_of(task, claim.name, criteria)
        made_with = _made_with(provider, request, task)
        earlier = fetch_earlier(claim.submission, claim.name, org=claim.org, key=task.key) if task.version > 1 else None
        return Work(
            claim=claim,
            author=Author(user=task.user, audience=task.audience, essay=task.essay, characters=task.characters),
            key=task.key,
            request=request,
            criteria={one["name"]: one for one in criteria},
            provider=self._careful(provider, claim, task),
            made_with=made_with,
            earlier=earlier,
            pause_seconds=self._pause_seconds,
            probe=gate.probe,
            falls_back=task.ai_fallback == "local",
        )

    def _careful(self, provider: Provider, claim: Claim, task: Task) -> Provider:
        """Return the provider as it may be asked about this essay."""
        if not provider.remote:
            return provider
        # Nobody's name leaves: masked when it is asked, unmasked in what it answers.
        masked = Masked(provider, people=fetch_around(task.essay, org=claim.org, most=MOST_PEOPLE))
        if self._mixes and claim.name is PassName.GRAMMAR:
            return Mixed(masked, self._choose_provider("local"))
        return masked

    def _choose(self, task: Task, claim: Claim) -> tuple[Provider, Gate]:
        """Return who reads this essay by its org's wishes, and whether they may be asked now."""
        local, wanted = self._choose_provider("local"), self._choose_provider(task.ai_policy)
        # What is in a batch is paid for: it is waited for, also while the vendor cannot be asked.
        falls_back = task.ai_fallback == "local" and claim.batch is None
        if not wanted.remote or (falls_back and claim.attempt > FALLBACK_AFTER_ATTEMPTS):
            return (local if wanted.remote else wanted), OPEN
        gate = circuit_breaker.gate(wanted.name, probe_seconds=PROBE_SECONDS)
        return (local, OPEN) if falls_back and not gate.open else (wanted, gate)

    def _carry_out(self, work: Work) -> None:
        try:
            reply = self._read(work)
        except OverBudget:
            if work.falls_back:
                self._carry_out(self._locally(work))
            else:
                _patiently(_wait_for_money, work)
        except Repair as still_unreadable:
            _patiently(give_up, work, still_unreadable.outcome)
        except ProviderError as trouble:
            _patiently(put_off, work, trouble)
        else:
            if reply is not None:
                _patiently(finish, work, reply, calibration=self._calibration)

    def _locally(self, work: Work) -> Work:
        local = self._choose_provider("local")
        prompt_version = local.prompt_version(work.claim.name)
        return replace(work, provider=local, made_with=replace(work.made_with, prompt_version=prompt_version, basis=b""))

    def _read(self, work: Work) -> Reply | None:
        """Return what the provider says, asked once more where it cannot be read; None when it will be known later."""
        if work.provider.remote and work.memory is not None and work.memory.nothing_new:
            # To the letter what was read before: nobody is asked, and what was said of it is carried along.
            return Reply(answer=work.memory.answer(), raw="", model=work.memory.reader[1], stop_reason="")
        try:
            if work.claim.batch is not None and work.provider.in_batches:
                return self._collect(work, work.claim.batch)
            if work.claim.in_bulk and self._batches and work.provider.in_batches and self._submit(work):
                return None
            return self._ask(work, repair=None)
        except Repair as unreadable:
            return self._ask(work, repair=unreadable)

    def _ask(self, work: Work, *, repair: Repair | None) -> Reply:
        """Return the answer; the call is on record before it is made, and its raw answer before anything is read from it."""
        call = _patiently(_open_call, work)
        reply = self._on_record(work, call, lambda: work.provider.ask(work.request, repair=repair))
        assert reply is not None
        return reply

    def _submit(self, work: Work) -> bool:
        """The question is in a batch and the pass waits for it; False where the vendor takes no batches."""
        call = _patiently(_open_call, work, batch=True)
        submitted: list[str] = []

        def submit() -> None:
            submitted.append(work.provider.submit(work.request))

        try:
            self._on_record(work, call, submit)
        except ProviderError as trouble:
            if trouble.outcome is not Outcome.BAD_REQUEST:
                raise
            log.warning("no batch taken", provider=work.provider.name)
            return False
        self._wait_for_batch(work, submitted[0], call)
        return True

    def _collect(self, work: Work, batch: str) -> Reply | None:
        """Return the answer that was waited for, or None when it is not there yet and the pass waits on."""
        claim = work.claim
        assert claim.batch_call is not None
        call = Call(id=claim.batch_call, org=claim.org, provider=work.provider.name, pass_name=claim.name)
        reply = self._on_record(work, call, lambda: work.provider.collect(batch, work.request))
        if reply is None:
            self._wait_for_batch(work, batch, call)
        return reply

    def _wait_for_batch(self, work: Work, batch: str, call: Call) -> None:
        def wait() -> None:
            with session(org=work.claim.org):
                passes.wait_for_batch(work.claim, batch=batch, call=call.id, look_in_seconds=BATCH_LOOK_SECONDS)

        _patiently(wait)

    def _on_record(self, work: Work, call: Call, step: Callable[[], Reply | None]) -> Reply | None:
        """Return what the step returns; how the call ended is on record first. A step without a reply leaves the call open."""
        started = time.monotonic()

        def complete(end: CallEnd, *, answered: bool = False) -> None:
            with session(org=work.claim.org):
                ai_responses.complete_call(call, end=end, key=work.key)
                if work.claim.batch is not None:
                    passes.leave_batch(work.claim)
                if work.probe and answered:
                    circuit_breaker.reopen(work.provider.name)

        try:
            reply = step()
        except BatchAway:
            # The vendor could not be asked about the batch; it goes on without us.
            raise
        except ProviderError as trouble:
            answered = isinstance(trouble, Repair | GiveUp)
            _patiently(complete, _call_end(trouble.outcome, trouble, started), answered=answered)
            raise
        except TimeLimitExceeded as late:
            # Counted like any failed attempt: an essay that hangs its reader must not go round for ever.
            hung = TryAgain(Outcome.TIMEOUT, "over the time limit", model=work.provider.model)
            _patiently(complete, _call_end(Outcome.TIMEOUT, hung, started))
            raise hung from late
        except Exception as bug:
            log.exception("provider crashed", provider=work.provider.name)
            crashed = GiveUp(Outcome.CRASHED, type(bug).__name__, model=work.provider.model)
            _patiently(complete, _call_end(Outcome.CRASHED, crashed, started))
            raise crashed from bug
        if reply is not None:
            _patiently(complete, _call_end(Outcome.OK, reply, started), answered=True)
        return reply


def _remembering(work: Work) -> Work:
    """Return the work with the last draft compared, which takes a while: no transaction is open, and the lease runs on."""
    if work.earlier is None:
        return work
    # A reader that costs nothing reads all of it again.
    reuse = work.provider.remote and work.earlier.basis == work.made_with.basis
    memory = Memory(work.earlier, work.request.text, pass_name=work.claim.name, reuse=reuse)
    return replace(work, memory=memory, request=replace(work.request, earlier=memory.asked))


def _open_call(work: Work, *, batch: bool = False) -> Call:
    """The call is on record, and its money set aside. Raises OverBudget when the org has not got it."""
    expected = work.provider.expected_cost_micros(work.request)
    with session(org=work.claim.org):
        if work.provider.remote and not ledger.allows(expected):
            raise OverBudget
        return ai_responses.open_call(
            work.claim,
            user=work.author.user,
            provider=work.provider.name,
            model=work.provider.model,
            prompt_version=work.provider.prompt_version(work.claim.name),
            request_sha256=_fingerprint(work.request),
            reserved_micros=expected,
            batch=batch,
        )


def _wait_for_money(work: Work) -> None:
    """The pass waits until its org may spend again, and says so; no attempt is counted."""
    claim = work.claim
    with session(org=claim.org):
        passes.fail(claim, error=OVER_BUDGET, retry_in_seconds=BUDGET_LOOK_SECONDS * random.uniform(1, 1.5), counts=False)  # noqa: S311 - jitter
    log.warning("over budget", name=claim.name)


def _made_with(provider: Provider, request: PassRequest, task: Task) -> MadeWith:
    """Return what an answer depends on but the essay: equal bases, comparable answers."""
    prompt_version = provider.prompt_version(request.pass_name)
    asked = replace(request, text="", title="", earlier=None)
    made = [provider.name, provider.model, prompt_version, asdict(asked)]
    basis = hashlib.sha256(json.dumps(made, sort_keys=True, ensure_ascii=False).encode()).digest()
    return MadeWith(rubric=task.rubric, prompt_version=prompt_version, basis=basis)


def _note_fenced_write(claim: Claim) -> None:
    log.warning("overtaken", attempt=claim.attempt)
    with session(org=claim.org):
        passes.add_to_tally("fenced_writes", 1)
        keep_log(
            "fenced write", program="worker", level="warning", org=claim.org, pass_id=claim.id, attempt=claim.attempt
        )


def _patiently(step: Callable[Parameters, Answer], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
    """Return what a storing step returns, carried out again and again while the database is away, up to STORE_PATIENCE_SECONDS."""
    deadline = time.monotonic() + STORE_PATIENCE_SECONDS
    while True:
        try:
            return step(*args, **kwargs)
        except DatabaseAway:
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - jitter, not a secret


def _fingerprint(request: PassRequest) -> bytes:
    return hashlib.sha256(json.dumps(asdict(request), sort_keys=True, ensure_ascii=False).encode()).digest()


def _call_end(outcome: Outcome, source: Reply | ProviderError, started: float) -> CallEnd:
    return CallEnd(
        outcome=outcome,
        raw=source.raw,
        model=source.model,
        stop_reason=source.stop_reason,
        latency_ms=round((time.monotonic() - started) * 1000),
        **asdict(source.usage),
    )
