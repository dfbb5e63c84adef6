"""Calls to providers: each call is stored before it is made and completed after it, also when it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models import ledger
from models.crypto import AssociatedData, Key
from models.db import row, run
from models.errors import OverBudget, ReadingOff
from models.passes import Claim
from models.review_counts import Approved
from models.users import unwrap_key


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that is stored with the outcome "open"."""

    id: UUID
    org: UUID
    user: UUID
    provider: str
    pass_name: str


@dataclass(frozen=True, kw_only=True)
class CallEnd:
    """The end of a call: outcome, raw answer, tokens, cost in micro-dollars, latency in milliseconds."""

    outcome: str
    raw: str
    model: str
    stop_reason: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_micros: int
    latency_ms: int


def open_call(
    held: Claim,
    *,
    user: UUID,
    provider: str,
    model: str,
    prompt_version: str,
    request_sha256: bytes,
    reserved_micros: int = 0,
    batch: bool = False,
) -> Call:
    """Store that this call is about to be made, and reserve its cost. Commit before making the call.

    Raises ReadingOff when no machine reads the org's essays any more, and OverBudget when the org or the author's share cannot
    afford the call.
    """
    # In one round trip: until the commit, no other call of an org with a budget is checked.
    found = row(
        """
        with refused as materialized (
            select case
                when exists (select from orgs where id = %(org)s and ai_policy = 'none') then 'reading_off'
                when %(free)s then null
                when not budget_allows(%(reserved)s) then 'org_budget_spent'
                when not author_may_spend(%(user)s, %(reserved)s) then 'author_share_spent'
            end as reason
        ),
        opened as (
            insert into ai_responses (org_id, submission_id, user_id, pass, attempt, provider, model, prompt_version, request_sha256,
                reserved_micros, batch)
            select %(org)s, %(submission)s, %(user)s, %(name)s, %(attempt)s, %(provider)s, %(model)s, %(prompt_version)s, %(sha256)s,
                %(reserved)s, %(batch)s
            from refused where reason is null
            returning id
        )
        select reason, (select id from opened) as id from refused
        """,
        {
            "org": held.org,
            "submission": held.submission,
            "user": user,
            "name": held.name,
            "attempt": held.attempt,
            "provider": provider,
            "model": model,
            "prompt_version": prompt_version,
            "sha256": request_sha256,
            "reserved": reserved_micros,
            "batch": batch,
            "free": provider == ledger.FREE,
        },
    )
    assert found is not None
    if found["reason"] == "reading_off":
        raise ReadingOff
    if found["reason"] is not None:
        raise OverBudget(found["reason"])
    return Call(id=found["id"], org=held.org, user=user, provider=provider, pass_name=held.name)


def fetch_reader(call: UUID, *, org: UUID) -> Approved | None:
    """Return the provider, model and prompt version with which a call was opened, or None when it is erased."""
    found = row("select provider, model, prompt_version from ai_responses where org_id = %s and id = %s", (org, call))
    return Approved(**found) if found else None


def fetch_answer(comment: UUID, *, org: UUID) -> dict[str, Any] | None:
    """Return the call that made a comment, with the `answer` of the AI decrypted; None where there is none (any more).

    Call it as ec_educator or ec_admin. Raises NotFound when the author's key is gone.
    """
    found = row(
        """
        select a.*, k.wrapped, k.master_key_id from comment_answer(%s) as a
        left join user_keys as k on k.org_id = %s and k.user_id = a.user_id
        """,
        (comment, org),
    )
    if found is None:
        return None
    key = unwrap_key(found, org=org, user=found["user_id"])
    return {**found, "answer": key.open(found["raw"], place=AssociatedData("ai_responses", "raw", org, found["id"]))}


def complete_call(call: Call, *, end: CallEnd, key: Key) -> None:
    """Store how the call ended, with the raw answer encrypted by the author's key, and note its cost for the ledger.

    A failed call is stored too, with as much as there is of it. Calls to the local provider do not enter the ledger.
    Idempotent, so that the caller can repeat it after an uncertain commit.
    """
    run(
        """
        with ended as (
            update ai_responses set outcome = %(outcome)s, raw = %(raw)s, model = %(model)s, stop_reason = %(stop_reason)s,
                input_tokens = %(input)s, output_tokens = %(output)s, cache_read_tokens = %(cache_read)s,
                cache_write_tokens = %(cache_write)s, cost_micros = %(cost)s, latency_ms = %(latency)s, completed_at = now()
            where org_id = %(org)s and id = %(id)s and outcome = 'open'
            returning provider
        )
        insert into ledger_entries (org_id, user_id, day, provider, model, pass, failed, input_tokens, output_tokens,
            cache_read_tokens, cache_write_tokens, cost_micros)
        select %(org)s, %(user)s, (now() at time zone 'utc')::date, provider, %(model)s, %(pass)s, %(outcome)s <> 'ok', %(input)s,
            %(output)s, %(cache_read)s, %(cache_write)s, %(cost)s
        from ended where provider <> %(free)s
        """,
        {
            "org": call.org,
            "id": call.id,
            "user": call.user,
            "pass": call.pass_name,
            "free": ledger.FREE,
            "outcome": end.outcome,
            "raw": key.seal(end.raw, place=AssociatedData("ai_responses", "raw", call.org, call.id)),
            "model": end.model,
            "stop_reason": end.stop_reason or None,
            "input": end.input_tokens,
            "output": end.output_tokens,
            "cache_read": end.cache_read_tokens,
            "cache_write": end.cache_write_tokens,
            "cost": end.cost_micros,
            "latency": end.latency_ms,
        },
    )
