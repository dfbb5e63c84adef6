"""What an org spends with paid providers: added up per day when calls end, and compared with its monthly budget before a call."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from models.db import row, run

FREE = "local"


Refusal = Literal["org_budget_spent", "author_share_spent"]


def refusal_of(expected_micros: int, *, author: UUID) -> Refusal | None:
    """Return why the acting org may not spend this much more on this author this month (UTC), or None when it may.

    The reserved cost of open calls is included. Until this transaction ends, no other one gets an answer for the org, so open
    the call in it.
    """
    # `case` looks at the author only after the lock that budget_allows takes.
    found = row(
        """
        select case when not budget_allows(%s) then 'org_budget_spent' when not author_may_spend(%s, %s) then 'author_share_spent' end
            as refusal
        """,
        (expected_micros, author, expected_micros),
    )
    refusal: Refusal | None = found["refusal"] if found else None
    return refusal


def add(
    *,
    org: UUID,
    provider: str,
    model: str,
    pass_name: str,
    failed: bool,
    tokens: tuple[int, int, int, int],
    cost_micros: int,
) -> None:
    """Add one ended call to the org's ledger of today (UTC). `tokens` are input, output, cache read and cache write.

    Call it once for each call, in the transaction that ends the call, so that the ledger is the sum of the calls.
    """
    run(
        """
        insert into ledger as l (org_id, day, provider, model, pass, calls, failed, input_tokens, output_tokens, cache_read_tokens,
            cache_write_tokens, cost_micros)
        values (%s, (now() at time zone 'utc')::date, %s, %s, %s, 1, %s, %s, %s, %s, %s, %s)
        on conflict (org_id, day, provider, model, pass) do update set calls = l.calls + 1, failed = l.failed + excluded.failed,
            input_tokens = l.input_tokens + excluded.input_tokens, output_tokens = l.output_tokens + excluded.output_tokens,
            cache_read_tokens = l.cache_read_tokens + excluded.cache_read_tokens,
            cache_write_tokens = l.cache_write_tokens + excluded.cache_write_tokens, cost_micros = l.cost_micros + excluded.cost_micros
        """,
        (org, provider, model, pass_name, int(failed), *tokens, cost_micros),
    )


def spent_this_month(*, org: UUID) -> int:
    """Return the cost of the org's calls of this month (UTC) in micro-dollars. Call it as ec_admin or as the worker."""
    found = row(
        """
        select coalesce(sum(cost_micros), 0)::bigint as spent from ledger
        where org_id = %s and day >= date_trunc('month', now() at time zone 'utc')::date
        """,
        (org,),
    )
    return int(found["spent"]) if found else 0
