r"""The life of a pass: claimed, renewed, finished, failed, given up. Every change of state that is a program's is in this
file; the one that is a person's, replay, is in models/failed_passes.py.

    queued --claim--> running --finish--> done
      ^ ^                |  \--fail--> queued (later), or gave_up when attempts are used up
      | +--lease expired-+     give_up --> gave_up         cancel --> cancelled (a newer version came)
      +--------replay (a person)-------------+   and what waited GIVE_UP_AFTER_DAYS is given up by the clock

`attempt` and `fence` rise at the claim; whatever a claim writes later must still hold its fence. A submission is closed
while its row is locked, so two passes that finish together cannot both leave it open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.crypto import Ciphertext
from models.db import row, rows, run
from models.errors import FenceLost
from models.events import keep_log
from models.jobs import Hint, PassName, Queue

MAX_ATTEMPTS = 8
# Claims that ended without a verdict: the worker died or hung. A third one means the essay itself may be the killer.
MAX_CRASHES = 3
# Work that could not be carried out for this long (a provider that never came back) ends, so that every version ends.
GIVE_UP_AFTER_DAYS = 3
# A database that was just restarted gives workers this long to renew their leases before one counts as silent.
RESTART_GRACE_SECONDS = 6.0


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to carry out one pass, as long as the fence holds and the lease runs."""

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

    @property
    def poison_suspect(self) -> bool:
        """Return whether this is the last try after two workers went silent over it."""
        return self.crash_count >= MAX_CRASHES - 1


def claim(pass_id: UUID, *, org: UUID, lease_seconds: float) -> Claim | None:
    """Return the right to carry this pass out, or None when there is nothing to do: not due, taken, or over.

    Of passes that lost their worker twice only one runs at a time: if it takes its worker down again, it was this one.
    """
    taken = row(
        """
        update passes set state = 'running', attempt = attempt + 1, fence = fence + 1, error = null,
            lease_until = now() + make_interval(secs => %s), started_at = now(),
            first_claimed_at = coalesce(first_claimed_at, now())
        where org_id = %s and id = %s and state = 'queued' and next_at <= now() and (lost < %s or suspect_may_run())
        returning submission_id, name, attempt, fence, lost, queue = 'bulk' as in_bulk, batch, batch_call
        """,
        (lease_seconds, org, pass_id, MAX_CRASHES - 1),
    )
    if taken is None:
        return None
    run(
        "update submissions set status = 'processing' where org_id = %s and id = %s and status = 'queued'",
        (org, taken["submission_id"]),
    )
    return Claim(
        org=org,
        id=pass_id,
        submission=taken["submission_id"],
        name=PassName(taken["name"]),
        attempt=taken["attempt"],
        fence=taken["fence"],
        crash_count=taken["lost"],
        in_bulk=taken["in_bulk"],
        batch=taken["batch"],
        batch_call=taken["batch_call"],
    )


def renew(held: Claim, *, lease_seconds: float) -> bool:
    """The lease runs on from now; False when the claim has been lost."""
    return bool(
        run(
            f"update passes set lease_until = now() + make_interval(secs => %s) where {_HELD}",  # noqa: S608 - a constant
            (lease_seconds, *_held(held)),
        )
    )


@dataclass(frozen=True, kw_only=True)
class MadeWith:
    """What an answer depends on but the essay. `basis` is the digest of all of it: equal bases, comparable answers."""

    rubric: UUID | None
    prompt_version: str
    basis: bytes


def finish(
    held: Claim, *, provider: str, model: str, comments: int, summary: Ciphertext, made_with: MadeWith | None = None
) -> None:
    """The pass is done, and its submission is closed if this was the last one. Raises FenceLost.

    Insert the pass's feedback in the same session, after this: a lost fence rolls all of it back.
    """
    _lock_submission(held)
    _must_hold(
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
    _close_if_last(held.submission, org=held.org)


def wait_for_batch(held: Claim, *, batch: str, call: UUID, look_in_seconds: float) -> None:
    """The pass waits for the vendor's batch, in which this call was made; looking costs no attempt. Raises FenceLost."""
    _must_hold(
        held,
        """
        state = 'queued', lease_until = null, error = 'in_batch', next_at = now() + make_interval(secs => %s), attempt = attempt - 1,
            batch = %s, batch_call = %s
        """,
        (look_in_seconds, batch, call),
    )


def leave_batch(held: Claim) -> None:
    """The batch of this pass has been read, whatever it held. Raises FenceLost."""
    _must_hold(held, "batch = null, batch_call = null", ())


def fail(held: Claim, *, error: str, retry_in_seconds: float, counts: bool = True) -> bool:
    """The pass waits for its next attempt; False when attempts are used up and it is given up instead. Raises FenceLost.

    An attempt that `counts` not was in vain for everybody alike (a refused key, a spent budget): no essay is given up for it.
    """
    if counts and held.attempt >= MAX_ATTEMPTS:
        give_up(held, error=error)
        return False
    _must_hold(
        held,
        # What was put off before anything was tried goes on waiting for its first claim, in the figures too.
        """
        state = 'queued', lease_until = null, error = %s, next_at = now() + make_interval(secs => %s), attempt = attempt - %s,
        first_claimed_at = case when attempt - %s > 0 then first_claimed_at end
        """,
        (error, retry_in_seconds, 0 if counts else 1, 0 if counts else 1),
    )
    return True


def give_up(held: Claim, *, error: str) -> None:
    """The pass ends without a result, visibly; its submission is closed if this was the last one. Raises FenceLost."""
    _lock_submission(held)
    _must_hold(held, "state = 'gave_up', lease_until = null, finished_at = now(), error = %s", (error,))
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
    _close_if_last(held.submission, org=held.org)


def cancel(held: Claim) -> None:
    """The pass ends because a newer version has come; its submission is closed if this was the last one. Raises FenceLost."""
    _lock_submission(held)
    _must_hold(held, "state = 'cancelled', lease_until = null, finished_at = now()", ())
    _close_if_last(held.submission, org=held.org)


def hand_back(held: Claim) -> None:
    """The pass is queued again as if it had not been claimed: this worker is stopping. Losing the fence is fine."""
    run(
        f"update passes set state = 'queued', lease_until = null, next_at = now(), attempt = attempt - 1 where {_HELD}",  # noqa: S608
        _held(held),
    )


def due_counts() -> dict[Queue, int]:
    """Return how many passes of each queue could run now. Call it as the clock."""
    found = rows("select queue, count(*) as due from passes where state = 'queued' and next_at <= now() group by queue")
    return {Queue(one["queue"]): one["due"] for one in found}


def take_due(*, limit: int, stale_seconds: float, starved: list[Queue]) -> list[Hint]:
    """Return the hints to send now, oldest first, and note that they were: commit, then send them.

    A pass is hinted when it becomes due, and again every `stale_seconds` while its queue is starved (Redis holds fewer
    hints than there is due work, so some were lost). Two clocks share the work: SKIP LOCKED.
    """
    found = rows(
        """
        update passes set hinted_at = now()
        where id in (
            select id from passes
            where state = 'queued' and next_at <= now()
                and (hinted_at < next_at or (hinted_at < now() - make_interval(secs => %s) and queue = any (%s)))
            order by next_at
            limit %s
            for update skip locked
        )
        returning org_id, id, queue, next_at
        """,
        (stale_seconds, [str(queue) for queue in starved], limit),
    )
    found.sort(key=lambda one: one["next_at"])
    return [Hint(org_id=one["org_id"], pass_id=one["id"], queue=Queue(one["queue"])) for one in found]


def free_expired(*, limit: int) -> int:
    """Passes whose worker went silent are queued again, or given up after MAX_LOST; returns how many. Call it as the clock."""
    # Submission before pass, as in `finish`; and nothing is held yet that a finishing worker could be waiting for.
    hopeless = rows(
        f"select id, org_id, submission_id from passes where {_EXPIRED} and lost + 1 >= %s limit %s",  # noqa: S608 - a constant
        (RESTART_GRACE_SECONDS, MAX_CRASHES, limit),
    )
    gone = "state = 'running' and lease_until < now()"
    given_up = sum(_give_up_unheld(one, reason="worker_lost", still=gone, died=True) for one in hopeless)
    freed = rows(
        f"""
        update passes set state = 'queued', lost = lost + 1, lease_until = null, next_at = now(), error = 'worker_lost'
        where id in (
            select id from passes where {_EXPIRED} and lost + 1 < %s
            order by lease_until limit %s for update skip locked
        )
        returning org_id, submission_id, lost
        """,  # noqa: S608 - a constant
        (RESTART_GRACE_SECONDS, MAX_CRASHES, limit),
    )
    # It is the essay that is suspected: its other waiting passes must not take further workers along one by one.
    for one in freed:
        run(
            "update passes set lost = %s where org_id = %s and submission_id = %s and state = 'queued' and lost < %s",
            (one["lost"], one["org_id"], one["submission_id"], one["lost"]),
        )
    ended = len(freed) + given_up
    if ended:
        add_to_tally("leases_expired", ended)
    return ended


def give_up_stalled(*, limit: int) -> int:
    """Passes tried in vain for GIVE_UP_AFTER_DAYS, and in the last hour too, are given up for their last reason; returns how many.

    What nobody tried for long (the workers were off) gets its turn first. Call it as the clock.
    """
    hopeless = rows(f"select id, org_id, submission_id from passes where {_STALLED} limit %s", (limit,))  # noqa: S608 - a constant
    return sum(_give_up_unheld(one, reason="waited_too_long", still=_STALLED) for one in hopeless)


def close_finished(*, limit: int) -> int:
    """Versions of the last week that are open although all their passes are over are closed; returns how many.

    `finish` and its like close their submission themselves, so this finds nothing. Call it as the clock.
    """
    left_open = rows(
        """
        select s.org_id, s.id from submissions as s
        where s.id >= uuid7_floor(now() - interval '7 days') and s.completed_at is null and not exists (
            select from passes as p where p.org_id = s.org_id and p.submission_id = s.id and p.state in ('queued', 'running'))
        limit %s for update skip locked
        """,
        (limit,),
    )
    for one in left_open:
        _close_if_last(one["id"], org=one["org_id"])
        keep_log("version closed late", program="clock", level="error", org=one["org_id"], submission_id=one["id"])
    return len(left_open)


def add_to_tally(name: str, amount: int) -> None:
    """The running total of this name is `amount` higher."""
    run(
        """
        insert into tallies (name, labels, count) values (%s, '{}', %s)
        on conflict (name, labels) do update set count = tallies.count + excluded.count
        """,
        (name, amount),
    )


# After a restart of PostgreSQL every lease taken before it looks expired: workers that live get time to say so.
_EXPIRED = """
    state = 'running' and lease_until < now()
    and (started_at > pg_postmaster_start_time() or pg_postmaster_start_time() < now() - make_interval(secs => %s))
"""
_STALLED = f"state = 'queued' and queued_at < now() - interval '{GIVE_UP_AFTER_DAYS} days' and started_at > now() - interval '1 hour'"
_HELD = "org_id = %s and id = %s and fence = %s and state = 'running'"


def _held(held: Claim) -> tuple[Any, ...]:
    return held.org, held.id, held.fence


def _must_hold(held: Claim, change: str, values: tuple[Any, ...]) -> None:
    if not run(f"update passes set {change} where {_HELD}", (*values, *_held(held))):  # noqa: S608 - constants of this file
        raise FenceLost(f"attempt {held.attempt} of pass {held.id} was overtaken")


def _give_up_unheld(one: dict[str, Any], *, reason: str, still: str, died: bool = False) -> int:
    """Give up a pass that no claim holds; 0 when it has moved on meanwhile. The reason is its last error where it has one."""
    run("select 1 from submissions where org_id = %s and id = %s for update", (one["org_id"], one["submission_id"]))
    given_up = row(
        f"""
        update passes set state = 'gave_up', lost = lost + %s, lease_until = null, finished_at = now(), error = coalesce(error, %s)
        where org_id = %s and id = %s and {still} returning error
        """,  # noqa: S608 - constants of this file
        (int(died), reason, one["org_id"], one["id"]),
    )
    if given_up is None:
        return 0
    keep_log(
        "pass given up", program="clock", level="error", org=one["org_id"], pass_id=one["id"], reason=given_up["error"]
    )
    _close_if_last(one["submission_id"], org=one["org_id"])
    return 1


def _lock_submission(held: Claim) -> None:
    run("select 1 from submissions where org_id = %s and id = %s for update", (held.org, held.submission))


def _close_if_last(submission: UUID, *, org: UUID) -> None:
    """Set the submission's final status if none of its passes is open. Its row must be locked by this transaction."""
    run(
        """
        update submissions as s set completed_at = now(), status = case
            when p.cancelled > 0 then 'superseded'
            when p.gave_up = 0 then 'completed'
            when p.done > 0 then 'partial'
            else 'failed'
        end
        from (
            select count(*) filter (where state in ('queued', 'running')) as open,
                count(*) filter (where state = 'done') as done,
                count(*) filter (where state = 'gave_up') as gave_up,
                count(*) filter (where state = 'cancelled') as cancelled
            from passes where org_id = %(org)s and submission_id = %(submission)s
        ) as p
        where s.org_id = %(org)s and s.id = %(submission)s and p.open = 0 and s.completed_at is null
        """,
        {"org": org, "submission": submission},
    )
