r"""The states of a pass: queued, running, done, given up, cancelled.

Every change of state that a program makes is in this file. The changes that a person makes are in models/failed_passes.py
(replay: a given-up pass is queued again) and models/reruns.py (rerun: a done pass is queued again).

    queued --claim--> running --finish--> done
      ^ ^                |  \--fail--> queued (later), or gave_up when attempts are used up
      | +--lease expired-+     give_up --> gave_up         cancel --> cancelled (a newer version came, or reading was turned off)
      +--------replay (a person)-------------+   The clock gives up a pass that failed for GIVE_UP_AFTER_DAYS.

`attempt` and `fence` increase with each claim. Everything that a claim writes later requires that its fence is still valid.
A submission is closed while its row is locked, so two passes that finish together cannot both leave it open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from models.crypto import Ciphertext
from models.db import row, rows, run
from models.errors import FenceLost
from models.essays import READING_OFF
from models.events import keep_log
from models.jobs import PASS_QUEUES, Hint, PassName, Queue

MAX_ATTEMPTS = 8
# Claims that ended without a result because the worker died or hung. At the third, the essay itself may be the cause.
MAX_CRASHES = 3
# A pass that keeps failing for this long (a provider that never came back) is given up, so that every version ends.
GIVE_UP_AFTER_DAYS = 3
# After a restart of the database, workers have this long to renew their leases before a lease counts as expired.
RESTART_GRACE_SECONDS = 6.0


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to carry out one pass, as long as the fence is valid and the lease has not expired."""

    table: ClassVar[str] = "passes"
    org: UUID
    id: UUID
    submission: UUID
    name: PassName
    attempt: int
    fence: int
    crash_count: int = 0
    in_bulk: bool = False
    batch: str | None = None
    batch_call: UUID | None = None
    trace: UUID | None = None

    @property
    def log_facts(self) -> dict[str, str | None]:
        """Return what every log line about this claim says."""
        return {
            "pass": str(self.name),
            "pass_id": str(self.id),
            "submission_id": str(self.submission),
            "trace_id": self.trace.hex if self.trace else None,
        }

    @property
    def poison_suspect(self) -> bool:
        """Return whether this is the last try, after two workers died or hung with this pass."""
        return self.crash_count >= MAX_CRASHES - 1


def claim(pass_id: UUID, *, org: UUID, lease_seconds: float) -> Claim | None:
    """Claim the pass and return the claim, or None when the pass is not due, claimed already, or ended.

    Of the passes that lost their worker twice, only one runs at a time: if its worker dies again, this pass is the cause.
    """
    # `state || ''` as in _HELD: with `state` alone, each claim may read all that the org has waiting.
    claimed = row(
        """
        update passes set state = 'running', attempt = attempt + 1, fence = fence + 1, error = null,
            lease_until = now() + make_interval(secs => %s), started_at = now(),
            first_claimed_at = coalesce(first_claimed_at, now())
        where org_id = %s and id = %s and state || '' = 'queued' and next_at <= now() and (lost < %s or suspect_may_run())
        returning submission_id, name, attempt, fence, lost, queue = 'bulk' as in_bulk, batch, batch_call
        """,
        (lease_seconds, org, pass_id, MAX_CRASHES - 1),
    )
    if claimed is None:
        return None
    version = row("select begin_version(%s, %s) as trace_id", (org, claimed["submission_id"]))
    return Claim(
        org=org,
        id=pass_id,
        submission=claimed["submission_id"],
        name=PassName(claimed["name"]),
        attempt=claimed["attempt"],
        fence=claimed["fence"],
        crash_count=claimed["lost"],
        in_bulk=claimed["in_bulk"],
        batch=claimed["batch"],
        batch_call=claimed["batch_call"],
        trace=version["trace_id"] if version else None,
    )


def renew(held: Sequence[Claim], *, lease_seconds: float) -> set[UUID]:
    """Extend the leases of passes of one org to `lease_seconds` from now, and return the ids of those that were held.

    A pass whose row is locked is left out: it is about to end, and waiting for it could make two transactions wait for each
    other.
    """
    kept = rows(
        """
        update passes set lease_until = now() + make_interval(secs => %s) where id in (
            select p.id from passes as p join unnest(%s::uuid[], %s::integer[]) as held (id, fence) using (id, fence)
            where p.org_id = %s and p.state = 'running' for no key update of p skip locked
        ) returning id
        """,
        (lease_seconds, [one.id for one in held], [one.fence for one in held], held[0].org),
    )
    return {found["id"] for found in kept}


@dataclass(frozen=True, kw_only=True)
class AnswerInputs:
    """The inputs of an answer apart from the essay. `basis` is the digest of them all: equal bases mean comparable answers."""

    rubric: UUID | None
    prompt_version: str
    basis: bytes


def finish(
    held: Claim, *, provider: str, model: str, comments: int, summary: Ciphertext, made_with: AnswerInputs | None = None
) -> None:
    """Mark the pass as done, and close its submission if this was the last open pass. Raises FenceLost.

    Store the pass's feedback before this call in the same session: a lost fence rolls it back, and the lock of the submission
    is held from here to the commit only, so that passes which end together hardly wait for each other.
    """
    _end_held(
        held,
        """
        state = 'done', lease_until = null, finished_at = now(), provider = %s, model = %s, comments = %s, summary = %s,
            rubric_id = %s, prompt_version = %s, basis = %s, batch = null, batch_call = null
        """,
        (
            provider,
            model,
            comments,
            summary,
            made_with.rubric if made_with else None,
            made_with.prompt_version if made_with else None,
            made_with.basis if made_with else None,
        ),
    )


def wait_for_batch(held: Claim, *, batch: str, call: UUID, look_in_seconds: float) -> None:
    """Queue the pass until the provider's batch with this call is ready; a look at it uses no attempt. Raises FenceLost."""
    _update_held(
        held,
        """
        state = 'queued', lease_until = null, error = 'in_batch', next_at = now() + make_interval(secs => %s), attempt = attempt - 1,
            batch = %s, batch_call = %s
        """,
        (look_in_seconds, batch, call),
    )


def leave_batch(held: Claim) -> None:
    """Detach the pass from its batch, once the batch has been read with whatever result. Raises FenceLost."""
    _update_held(held, "batch = null, batch_call = null", ())


def fail(held: Claim, *, error: str, retry_in_seconds: float, counts: bool = True) -> bool:
    """Queue the pass for its next attempt and return True; give it up and return False after the last. Raises FenceLost.

    With `counts=False` (a failure that hits every essay alike, such as a refused key or a spent budget) the attempt is not
    used up, so no essay is given up because of it.
    """
    if counts and held.attempt >= MAX_ATTEMPTS:
        give_up(held, error=error)
        return False
    _update_held(
        held,
        # A pass that was put off before its first counted attempt still waits for its first claim, also in the metrics.
        """
        state = 'queued', lease_until = null, error = %s, next_at = now() + make_interval(secs => %s), attempt = attempt - %s,
        first_claimed_at = case when attempt - %s > 0 then first_claimed_at end
        """,
        (error, retry_in_seconds, 0 if counts else 1, 0 if counts else 1),
    )
    return True


def give_up(held: Claim, *, error: str) -> None:
    """End the pass without a result, log it, and close its submission if this was the last open pass. Raises FenceLost."""
    _end_held(held, "state = 'gave_up', lease_until = null, finished_at = now(), error = %s", (error,))
    keep_log(
        "pass given up",
        program="worker",
        level="error",
        org=held.org,
        pass_id=held.id,
        name=held.name,
        reason=error,
        attempt=held.attempt,
    )


def cancel(held: Claim) -> None:
    """Cancel the pass because of a newer version, and close its submission if this was the last open pass. Raises FenceLost."""
    _end_held(held, "state = 'cancelled', lease_until = null, finished_at = now()", ())


def leave_unread(held: Claim) -> None:
    """Cancel the pass because no machine reads any more, and close its submission if it was the last open pass. Raises FenceLost.

    The cost of a batch that was submitted already is not recorded, because its answer is not fetched.
    """
    _end_held(
        held,
        "state = 'cancelled', lease_until = null, finished_at = now(), error = %s, batch = null, batch_call = null",
        (READING_OFF,),
    )


def hand_back(held: Claim) -> None:
    """Queue the pass again without using up the attempt, because this worker is stopping. Ignore a lost fence."""
    run(
        f"update passes set state = 'queued', lease_until = null, next_at = now(), attempt = attempt - 1 where {_HELD}",  # noqa: S608
        _held_values(held),
    )


def due_counts(*, limit: int) -> dict[Queue, int]:
    """Return how many passes of each queue are due, counted up to `limit`. Queues without any are left out. Call it as the clock."""
    found = rows(
        """
        select q.queue, d.due from unnest(%s) as q (queue) cross join lateral (
            select count(*) as due from (
                select from passes as p where p.state = 'queued' and p.queue = q.queue and p.next_at <= now()
                order by p.next_at limit %s
            ) as p
        ) as d
        where d.due > 0
        """,
        ([str(queue) for queue in PASS_QUEUES], limit),
    )
    return {Queue(record["queue"]): record["due"] for record in found}


def take_due(*, limit: int, stale_seconds: float, starved: list[Queue]) -> list[Hint]:
    """Mark at most `limit` due passes as hinted and return their hints, oldest first. Commit before sending them.

    A pass is hinted when it becomes due, and again every `stale_seconds` while its queue is in `starved` (Redis holds fewer
    hints than there are due passes, so some were lost). SKIP LOCKED lets two clocks share the work.
    """
    found = rows(
        """
        update passes set hinted_at = now()
        where id = any(array(
            select id from passes where state = 'queued' and next_at <= now() and hinted_at < next_at
            order by next_at limit %s for update skip locked
        ))
        returning org_id, id, queue, next_at
        """,
        (limit,),
    )
    for queue in starved:
        found += rows(
            """
            update passes set hinted_at = now()
            where id = any(array(
                select id from passes
                where state = 'queued' and queue = %s and next_at <= now() and hinted_at < now() - make_interval(secs => %s)
                order by next_at limit %s for update skip locked
            ))
            returning org_id, id, queue, next_at
            """,
            (str(queue), stale_seconds, limit - len(found)),
        )
    found.sort(key=lambda record: record["next_at"])
    return [Hint(org_id=record["org_id"], pass_id=record["id"], queue=Queue(record["queue"])) for record in found]


def free_expired(*, limit: int) -> int:
    """Queue passes with an expired lease again, or give them up at MAX_CRASHES; return how many. Call it as the clock."""
    # Lock the submission before the pass, as `finish` does. No lock is held yet that a finishing worker could wait for.
    exhausted = rows(
        f"select id, org_id, submission_id from passes where {_EXPIRED} and lost + 1 >= %s limit %s",  # noqa: S608 - a constant
        (RESTART_GRACE_SECONDS, MAX_CRASHES, limit),
    )
    lease_expired = "state = 'running' and lease_until < now()"
    given_up_count = sum(
        _give_up_unheld(record, reason="worker_lost", condition=lease_expired, crashed=True) for record in exhausted
    )
    freed = rows(
        f"""
        update passes set state = 'queued', lost = lost + 1, lease_until = null, next_at = now(), error = 'worker_lost'
        where id = any(array(
            select id from passes where {_EXPIRED} and lost + 1 < %s
            order by lease_until limit %s for update skip locked
        ))
        returning org_id, submission_id, lost
        """,  # noqa: S608 - a constant
        (RESTART_GRACE_SECONDS, MAX_CRASHES, limit),
    )
    # The essay is the suspect, so its other waiting passes get the same count. Otherwise each could stop further workers.
    for record in freed:
        run(
            "update passes set lost = %s where org_id = %s and submission_id = %s and state || '' = 'queued' and lost < %s",
            (record["lost"], record["org_id"], record["submission_id"], record["lost"]),
        )
    ended = len(freed) + given_up_count
    if ended:
        add_to_tally("leases_expired", ended)
    return ended


def give_up_stalled(*, limit: int) -> int:
    """Give up passes that were queued more than GIVE_UP_AFTER_DAYS ago and tried again within the last hour; return how many.

    The reason is the last error of the pass. A pass that no worker tried recently (the workers were off) gets another try
    first. Call it as the clock.
    """
    stalled = rows(f"select id, org_id, submission_id from passes where {_STALLED} limit %s", (limit,))  # noqa: S608 - a constant
    return sum(_give_up_unheld(record, reason="waited_too_long", condition=_STALLED) for record in stalled)


FIRST_ID, LAST_ID = UUID(int=0), UUID(int=2**128 - 1)


def end_of_slice(after: UUID, *, size: int, most_open: int) -> UUID:
    """Return the id of the last of the next `size` versions of the last week, or LAST_ID when fewer follow. Call it as the clock.

    When more than `most_open` of them are open, return the id of the last open one that is within that number.
    """
    found = row(
        """
        with far as (
            select id from submissions where id > greatest(%(after)s, uuid7_floor(now() - interval '7 days'))
            order by id offset %(size)s - 1 limit 1
        )
        select coalesce(
            (
                select id from submissions
                where id > greatest(%(after)s, uuid7_floor(now() - interval '7 days')) and id <= coalesce((select id from far), %(last)s)
                    and completed_at is null
                order by id offset %(most_open)s - 1 limit 1
            ),
            (select id from far)
        ) as id
        """,
        {"after": after, "size": size, "most_open": most_open, "last": LAST_ID},
    )
    return (found and found["id"]) or LAST_ID


def close_finished(*, limit: int, after: UUID = FIRST_ID, until: UUID = LAST_ID) -> int:
    """Close versions of the last week that are open although all their passes have ended; return how many.

    Their ids lie behind `after`, up to `until`. `finish`, `give_up` and `cancel` close the submission themselves, so this should
    find nothing. Call it as the clock.
    """
    left_open = rows(
        """
        select s.org_id, s.id from submissions as s
        where s.id > greatest(%s, uuid7_floor(now() - interval '7 days')) and s.id <= %s and s.completed_at is null
            and (
                select count(*) filter (where p.state in ('queued', 'running')) from passes as p
                where p.org_id = s.org_id and p.submission_id = s.id
            ) = 0
        limit %s for update skip locked
        """,
        (after, until, limit),
    )
    for record in left_open:
        _close_if_last(record["id"], org=record["org_id"])
        keep_log(
            "version closed late", program="clock", level="error", org=record["org_id"], submission_id=record["id"]
        )
    return len(left_open)


def add_to_tally(name: str, amount: int, *, labels: Sequence[str] = ()) -> None:
    """Note `amount` for the running total of this name and these labels. The clock adds it, so nobody waits for a shared row."""
    run("insert into tally_entries (name, labels, count) values (%s, %s::text[], %s)", (name, list(labels), amount))


# After a restart of PostgreSQL every earlier lease looks expired, so workers that still run get time to renew theirs.
_EXPIRED = """
    state = 'running' and lease_until < now()
    and (started_at > pg_postmaster_start_time() or pg_postmaster_start_time() < now() - make_interval(secs => %s))
"""
_STALLED = f"state = 'queued' and queued_at < now() - interval '{GIVE_UP_AFTER_DAYS} days' and started_at > now() - interval '1 hour'"
# No partial index serves `state || ''`, so the planner takes the key. What it believes to wait may be hours old.
_HELD = "org_id = %s and id = %s and fence = %s and state || '' = 'running'"


def _held_values(held: Claim) -> tuple[Any, ...]:
    return held.org, held.id, held.fence


def _update_held(held: Claim, change: str, values: tuple[Any, ...]) -> None:
    """Update the pass if this claim still holds it. Raises FenceLost."""
    if not run(f"update passes set {change} where {_HELD}", (*values, *_held_values(held))):  # noqa: S608 - constants of this file
        raise _overtaken(held)


def _end_held(held: Claim, change: str, values: tuple[Any, ...]) -> None:
    """End the pass if this claim still holds it, and close its submission if it was the last open pass. Raises FenceLost.

    Submission before pass, as everybody who ends or queues passes: the clock, replay, rerun, a closed school, erasure. So no two
    wait for each other. The submission's id stays, so its lock lets others store rows that refer to it. Both come in one round
    trip, and the close sees what was committed before the lock because it is a statement of its own.
    """
    ended = run(
        f"""
        select 1 from submissions where org_id = %s and id = %s for no key update;
        update passes set {change} where {_HELD}
        """,  # noqa: S608 - constants of this file
        (held.org, held.submission, *values, *_held_values(held)),
    )
    if not ended:
        raise _overtaken(held)
    _close_if_last(held.submission, org=held.org)


def _overtaken(held: Claim) -> FenceLost:
    return FenceLost(f"attempt {held.attempt} of pass {held.id} was overtaken")


def _give_up_unheld(record: dict[str, Any], *, reason: str, condition: str, crashed: bool = False) -> int:
    """Give up a pass for which the `condition` holds and return 1; return 0 when its state changed meanwhile.

    The stored reason is the pass's last error; `reason` is used when it has none. `crashed` counts one more crash.
    """
    run(
        "select 1 from submissions where org_id = %s and id = %s for no key update",
        (record["org_id"], record["submission_id"]),
    )
    updated = row(
        f"""
        update passes set state = 'gave_up', lost = lost + %s, lease_until = null, finished_at = now(), error = coalesce(error, %s)
        where org_id = %s and id = %s and {condition} returning error
        """,  # noqa: S608 - constants of this file
        (int(crashed), reason, record["org_id"], record["id"]),
    )
    if updated is None:
        return 0
    keep_log(
        "pass given up",
        program="clock",
        level="error",
        org=record["org_id"],
        pass_id=record["id"],
        reason=updated["error"],
    )
    _close_if_last(record["submission_id"], org=record["org_id"])
    return 1


def _close_if_last(submission: UUID, *, org: UUID) -> None:
    """Set the submission's final status if none of its passes is open. Its row must be locked by this transaction.

    A version that no pass read because the org turned reading off is complete. A pass that ran before keeps its comments.
    """
    run("select close_version(%s, %s, %s)", (org, submission, READING_OFF))
