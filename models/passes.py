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
from typing import Any
from uuid import UUID

from models.crypto import Ciphertext
from models.db import row, rows, run
from models.errors import FenceLost
from models.essays import READING_OFF
from models.events import keep_log
from models.jobs import Hint, PassName, Queue

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
    claimed = row(
        """
        update passes set state = 'running', attempt = attempt + 1, fence = fence + 1, error = null,
            lease_until = now() + make_interval(secs => %s), started_at = now(),
            first_claimed_at = coalesce(first_claimed_at, now())
        where org_id = %s and id = %s and state = 'queued' and next_at <= now() and (lost < %s or suspect_may_run())
        returning submission_id, name, attempt, fence, lost, queue = 'bulk' as in_bulk, batch, batch_call
        """,
        (lease_seconds, org, pass_id, MAX_CRASHES - 1),
    )
    if claimed is None:
        return None
    # With the id as a literal the planner looks at one partition; a sub-select in the statement above would plan for all.
    version = row(
        """
        with begun as (update submissions set status = 'processing' where org_id = %(org)s and id = %(id)s and status = 'queued')
        select trace_id from submissions where org_id = %(org)s and id = %(id)s
        """,
        {"org": org, "id": claimed["submission_id"]},
    )
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


def renew(held: Claim, *, lease_seconds: float) -> bool:
    """Extend the lease to `lease_seconds` from now and return True; return False when the claim has been lost."""
    return bool(
        run(
            f"update passes set lease_until = now() + make_interval(secs => %s) where {_HELD}",  # noqa: S608 - a constant
            (lease_seconds, *_held_values(held)),
        )
    )


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

    Insert the pass's feedback after this call in the same session, so that a lost fence rolls all of it back.
    """
    _lock_submission(held)
    _update_held(
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
    _lock_submission(held)
    _update_held(held, "state = 'gave_up', lease_until = null, finished_at = now(), error = %s", (error,))
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
    """Cancel the pass because of a newer version, and close its submission if this was the last open pass. Raises FenceLost."""
    _lock_submission(held)
    _update_held(held, "state = 'cancelled', lease_until = null, finished_at = now()", ())
    _close_if_last(held.submission, org=held.org)


def leave_unread(held: Claim) -> None:
    """Cancel the pass because no machine reads any more, and close its submission if it was the last open pass. Raises FenceLost.

    The cost of a batch that was submitted already is not recorded, because its answer is not fetched.
    """
    _lock_submission(held)
    _update_held(
        held,
        "state = 'cancelled', lease_until = null, finished_at = now(), error = %s, batch = null, batch_call = null",
        (READING_OFF,),
    )
    _close_if_last(held.submission, org=held.org)


def hand_back(held: Claim) -> None:
    """Queue the pass again without using up the attempt, because this worker is stopping. Ignore a lost fence."""
    run(
        f"update passes set state = 'queued', lease_until = null, next_at = now(), attempt = attempt - 1 where {_HELD}",  # noqa: S608
        _held_values(held),
    )


def due_counts() -> dict[Queue, int]:
    """Return how many passes of each queue are due. Call it as the clock."""
    found = rows("select queue, count(*) as due from passes where state = 'queued' and next_at <= now() group by queue")
    return {Queue(record["queue"]): record["due"] for record in found}


def take_due(*, limit: int, stale_seconds: float, starved: list[Queue]) -> list[Hint]:
    """Mark due passes as hinted and return their hints, oldest first. Commit before sending them.

    A pass is hinted when it becomes due, and again every `stale_seconds` while its queue is in `starved` (Redis holds fewer
    hints than there are due passes, so some were lost). SKIP LOCKED lets two clocks share the work.
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
        where id in (
            select id from passes where {_EXPIRED} and lost + 1 < %s
            order by lease_until limit %s for update skip locked
        )
        returning org_id, submission_id, lost
        """,  # noqa: S608 - a constant
        (RESTART_GRACE_SECONDS, MAX_CRASHES, limit),
    )
    # The essay is the suspect, so its other waiting passes get the same count. Otherwise each could stop further workers.
    for record in freed:
        run(
            "update passes set lost = %s where org_id = %s and submission_id = %s and state = 'queued' and lost < %s",
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


def close_finished(*, limit: int) -> int:
    """Close versions of the last week that are open although all their passes have ended; return how many.

    `finish`, `give_up` and `cancel` close the submission themselves, so this should find nothing. Call it as the clock.
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
    for record in left_open:
        _close_if_last(record["id"], org=record["org_id"])
        keep_log(
            "version closed late", program="clock", level="error", org=record["org_id"], submission_id=record["id"]
        )
    return len(left_open)


def add_to_tally(name: str, amount: int, *, labels: Sequence[str] = ()) -> None:
    """Add `amount` to the running total of this name and these labels."""
    run(
        """
        insert into tallies (name, labels, count) values (%s, %s::text[], %s)
        on conflict (name, labels) do update set count = tallies.count + excluded.count
        """,
        (name, list(labels), amount),
    )


# After a restart of PostgreSQL every earlier lease looks expired, so workers that still run get time to renew theirs.
_EXPIRED = """
    state = 'running' and lease_until < now()
    and (started_at > pg_postmaster_start_time() or pg_postmaster_start_time() < now() - make_interval(secs => %s))
"""
_STALLED = f"state = 'queued' and queued_at < now() - interval '{GIVE_UP_AFTER_DAYS} days' and started_at > now() - interval '1 hour'"
_HELD = "org_id = %s and id = %s and fence = %s and state = 'running'"


def _held_values(held: Claim) -> tuple[Any, ...]:
    return held.org, held.id, held.fence


def _update_held(held: Claim, change: str, values: tuple[Any, ...]) -> None:
    """Update the pass if this claim still holds it. Raises FenceLost."""
    if not run(f"update passes set {change} where {_HELD}", (*values, *_held_values(held))):  # noqa: S608 - constants of this file
        raise FenceLost(f"attempt {held.attempt} of pass {held.id} was overtaken")


def _give_up_unheld(record: dict[str, Any], *, reason: str, condition: str, crashed: bool = False) -> int:
    """Give up a pass for which the `condition` holds and return 1; return 0 when its state changed meanwhile.

    The stored reason is the pass's last error; `reason` is used when it has none. `crashed` counts one more crash.
    """
    run(
        "select 1 from submissions where org_id = %s and id = %s for update",
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


def _lock_submission(held: Claim) -> None:
    run("select 1 from submissions where org_id = %s and id = %s for update", (held.org, held.submission))


def _close_if_last(submission: UUID, *, org: UUID) -> None:
    """Set the submission's final status if none of its passes is open. Its row must be locked by this transaction.

    A version that no pass read because the org turned reading off is complete. A pass that ran before keeps its comments.
    """
    run(
        """
        update submissions as s set completed_at = now(), status = case
            when p.superseded > 0 then 'superseded'
            when p.gave_up = 0 and (p.unread = 0 or p.has_result = 0) then 'completed'
            when p.has_result > 0 then 'partial'
            else 'failed'
        end
        from (
            select count(*) filter (where state in ('queued', 'running')) as open,
                count(*) filter (where state = 'done' or is_off and provider is not null) as has_result,
                count(*) filter (where state = 'gave_up') as gave_up,
                count(*) filter (where is_off and provider is null) as unread,
                count(*) filter (where state = 'cancelled' and not is_off) as superseded
            from passes cross join lateral (select state = 'cancelled' and coalesce(error, '') = %(off)s as is_off) as o
            where org_id = %(org)s and submission_id = %(submission)s
        ) as p
        where s.org_id = %(org)s and s.id = %(submission)s and p.open = 0 and s.completed_at is null
        """,
        {"org": org, "submission": submission, "off": READING_OFF},
    )
