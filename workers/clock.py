"""The clock: one short function a duty, each safe to call by hand and to run twice at once."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import redis
from apscheduler.schedulers.background import BackgroundScheduler

from models import audit, db, log, orgs, passes, rights, rubric_previews, settings, upkeep
from models.broker import HintBroker, make_broker
from models.db import session
from models.errors import DatabaseAway
from models.jobs import Queue
from workers.duties import audit_heads
from workers.duties.audit_heads import Seal

logger = log.logger(__name__)

STALE_HINT_SECONDS = 5.0
BATCH = 500
# One for each duty that may take long, and two for those that may not wait for them.
POOL_SIZE = 7
ANSWER_SECONDS = 15.0
# Duties that may have a backlog to see to: above the role's own limit for a statement, so that they end some day.
LONG_ANSWER_SECONDS = 65.0
# After the database was away every lease may look expired: workers that live get this long to say so, before one counts
# as silent.
GRACE_SECONDS = passes.RESTART_GRACE_SECONDS
FIRST_SIGNING_SECONDS = 5.0
STOPS = (signal.SIGTERM, signal.SIGINT)


def resend_hints(broker: HintBroker) -> int:
    """Every pass that became due has a hint on its way; so has due work whose hints Redis lost. Returns how many."""
    with session():
        due = passes.due_counts()
    if not due:
        return 0
    starved = [queue for queue, count in due.items() if _depth(broker, queue) < count]
    with session():
        hints = passes.take_due(limit=BATCH, stale_seconds=STALE_HINT_SECONDS, starved=starved)
    # Noted first, sent second: a crash in between costs STALE_HINT_SECONDS, and no row is locked while Redis answers.
    return broker.send(hints)


def free_leases() -> int:
    """No pass waits for a worker that went silent. Returns how many were freed or given up."""
    with session():
        freed = passes.free_expired(limit=BATCH)
    if freed:
        logger.warning("leases expired", passes=freed)
    return freed


class Sight:
    """Lets a duty wait while the database has only just come back into sight."""

    def __init__(self) -> None:
        self._lost = False
        self._not_before = 0.0

    def keeps(self, duty: Callable[[], int]) -> Callable[[], int]:
        """Return the duty, done only when the database has been in sight for GRACE_SECONDS or was never out of it."""

        def carry_out() -> int:
            try:
                with session():
                    db.run("select 1")
            except DatabaseAway:
                self._lost = True
                raise
            now = time.monotonic()
            if self._lost:
                self._lost, self._not_before = False, now + GRACE_SECONDS
            return duty() if now >= self._not_before else 0

        return carry_out


def give_up_hopeless() -> int:
    """No pass waits for ever. Returns how many were given up."""
    with session():
        return passes.give_up_hopeless(limit=BATCH)


def close_finished() -> int:
    """No version is left open by a fault of ours. Returns how many had to be closed."""
    with session():
        closed = passes.close_finished(limit=BATCH)
    if closed:
        logger.error("versions closed late", versions=closed)
    return closed


def fold_tallies() -> int:
    """What finished is part of the totals. Returns how many totals changed."""
    with session(answer_seconds=LONG_ANSWER_SECONDS):
        return upkeep.fold_tallies()


def make_partitions() -> int:
    """The coming months have their partitions. Returns how many were made."""
    with session(answer_seconds=LONG_ANSWER_SECONDS):
        return upkeep.ensure_partitions()


def purge() -> int:
    """What has outlived its published life is gone. Returns how many rows."""
    with session(answer_seconds=LONG_ANSWER_SECONDS):
        return upkeep.purge()


def chain_audit() -> int:
    """Every new audit entry has its place in the chain of its org. Returns how many took one."""
    chained = 0
    while True:
        with session(answer_seconds=LONG_ANSWER_SECONDS):
            newly = audit.chain(BATCH)
        chained += newly
        if newly < BATCH:
            return chained


def sign_heads(seal: Seal) -> int:
    """Where each org's audit chain ends is signed outside the database. Returns how many ends had moved."""
    with session():
        known = orgs.list_orgs()
    heads = {}
    for org in known.values():
        with session(org=org):
            head = audit.fetch_head(org)
        if head is not None:
            heads[org] = head
    return audit_heads.sign(heads, seal=seal)


def erase() -> int:
    """The rows of everybody whose erasure was asked for are gone, and every total is as it was. Returns how many people's."""
    with session():
        people = rights.list_erasures(limit=BATCH)
    # One by one: whom a worker holds up for a moment must not hold up the others.
    return sum(_steadily("erase", partial(_erase_one, person, org))() for person, org in people)


def _erase_one(person: UUID, org: UUID) -> int:
    with session(org=org, answer_seconds=LONG_ANSWER_SECONDS):
        return int(rights.erase(person, org=org))


def delete_trials() -> int:
    """No rubric's trial outlives its day. Returns how many essays went."""
    with session():
        concerned = rubric_previews.orgs_with_ended()
    return sum(_steadily("delete_trials", partial(_delete_trials_of, org))() for org in concerned)


def _delete_trials_of(org: UUID) -> int:
    with session(org=org, answer_seconds=LONG_ANSWER_SECONDS):
        return rubric_previews.delete_ended(org=org)


def run() -> None:
    """Keep every duty until SIGTERM or SIGINT."""
    # Held back from the start and taken off the queue below: a handler that ran while the scheduler starts would be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    log.set_up("clock")
    seal = audit_heads.read_seal()
    db.connect(settings.read_store("ec-clock", pool_size=POOL_SIZE, answer_seconds=ANSWER_SECONDS))
    broker = make_broker(settings.redis_url(), answer_seconds=1.0)
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    duties: list[tuple[str, Callable[[], int], float]] = [
        ("resend_hints", lambda: resend_hints(broker), 0.5),
        ("free_leases", Sight().keeps(free_leases), 1),
        ("fold_tallies", fold_tallies, 5),
        ("give_up_hopeless", give_up_hopeless, 60),
        ("close_finished", close_finished, 60),
        ("make_partitions", make_partitions, 3600),
        ("purge", purge, 3600),
        ("chain_audit", chain_audit, 1),
        ("erase", erase, 1),
        ("delete_trials", delete_trials, 60),
    ]
    if seal is None:
        logger.warning("audit heads are not signed", wanted=[audit_heads.KEY, audit_heads.FILE])
    else:
        duties.append(("sign_heads", partial(sign_heads, seal), 3600))
    for name, duty, seconds in duties:
        scheduler.add_job(_steadily(name, duty), "interval", seconds=seconds, id=name)
    # Not an hour from now: a database that was restored, or asleep over the end of a month, needs its months at once.
    _steadily("make_partitions", make_partitions)()
    if seal is not None:
        _steadily("sign_heads", partial(sign_heads, seal))()
        # What was done while no clock ran takes its place first.
        scheduler.modify_job("sign_heads", next_run_time=datetime.now(UTC) + timedelta(seconds=FIRST_SIGNING_SECONDS))
    scheduler.start()
    logger.info("clock runs", duties=[name for name, _, _ in duties])
    signal.sigwait(STOPS)
    scheduler.shutdown()


def _steadily(name: str, duty: Callable[[], int]) -> Callable[[], int]:
    """Return the duty, logging instead of raising: one failure must not stop the others, or the next time."""

    def carry_out() -> int:
        try:
            return duty()
        except DatabaseAway:
            logger.warning("duty put off", duty=name, reason="database away")
        except Exception:
            logger.exception("duty failed", duty=name)
        return 0

    return carry_out


def _depth(broker: HintBroker, queue: Queue) -> int:
    try:
        return broker.depth(queue)
    except redis.RedisError:
        return 0
