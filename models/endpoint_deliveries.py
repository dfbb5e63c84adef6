"""Deliveries to the endpoints of an org: what is sent, what came of it, and sending it again.

Triggers write the rows in the transaction of the event (migration 0057). They are leased rows: models/leased_rows.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData
from models.db import new_ids, row, rows, run
from models.endpoints import valid_secrets
from models.errors import NotFound
from models.holds import ORGS_ON_HOLD
from models.leased_rows import HeldRow
from models.users import unwrap_key

Outcome = Literal["waiting", "delivered", "gave_up"]
STATES: dict[Outcome, tuple[str, ...]] = {
    "waiting": ("queued", "running"),
    "delivered": ("done",),
    "gave_up": ("gave_up",),
}
OUTCOME_OF: dict[str, Outcome] = {state: outcome for outcome, states in STATES.items() for state in states}
KEEP_DELIVERIES_DAYS = 30
# Deliveries that one request sends again at most.
MOST_REDELIVERED = 5_000


@dataclass(frozen=True, kw_only=True)
class EndpointDelivery:
    """A delivery as an admin sees it. `error` says in a word why the last attempt failed, `http_status` what was answered."""

    id: UUID
    event: str
    created_at: datetime
    outcome: Outcome
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    http_status: int | None
    error: str | None
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """What a worker needs to carry out a delivery. `is_off`: the endpoint was disabled, or its org closed."""

    event: str
    created_at: datetime
    data: dict[str, Any]
    url: str
    name: str
    secrets: tuple[str, ...]
    is_off: bool


# One bounded look-up in the index for each state.
_SELECT_PAGE = """
select d.* from unnest(%(states)s::text[]) as s (state)
cross join lateral (
    select e.id, e.event, e.created_at, e.state, e.attempt, e.started_at, e.next_at, e.http_status, e.error, e.data from deliveries as e
    where e.org_id = %(org)s and e.endpoint_id = %(endpoint)s and e.state = s.state and e.event <> 'endpoint.disabled'
        and e.id < coalesce(%(before)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    order by e.id desc limit %(limit)s
) as d
order by d.id desc limit %(limit)s
"""
_SELECT_LATEST = """
select distinct on (d.endpoint_id) d.* from unnest(%(endpoints)s::uuid[]) as n (id) cross join unnest(%(states)s::text[]) as s (state)
cross join lateral (
    select e.id, e.endpoint_id, e.event, e.created_at, e.state, e.attempt, e.started_at, e.next_at, e.http_status, e.error, e.data
    from deliveries as e
    where e.org_id = %(org)s and e.endpoint_id = n.id and e.state = s.state and e.event <> 'endpoint.disabled'
    order by e.id desc limit 1
) as d
order by d.endpoint_id, d.id desc
"""
_SELECT_ONE = """
select id, event, created_at, state, attempt, started_at, next_at, http_status, error, data from deliveries
where org_id = %s and endpoint_id = %s and id = %s and event <> 'endpoint.disabled'
"""


def list_deliveries(
    endpoint: UUID, *, org: UUID, limit: int, before: UUID | None = None, outcome: Outcome | None = None
) -> list[EndpointDelivery]:
    """Return the endpoint's deliveries, newest first; `before` is the last id of the previous page. Call it as ec_admin."""
    states = STATES[outcome] if outcome else tuple(OUTCOME_OF)
    found = rows(
        _SELECT_PAGE, {"org": org, "endpoint": endpoint, "states": list(states), "before": before, "limit": limit}
    )
    return [_to_delivery(record) for record in found]


def fetch_latest(listed: Sequence[UUID], *, org: UUID) -> dict[UUID, EndpointDelivery]:
    """Return the newest delivery of each of these endpoints that has one. Call it as ec_admin."""
    found = rows(_SELECT_LATEST, {"org": org, "endpoints": list(listed), "states": list(OUTCOME_OF)})
    return {record["endpoint_id"]: _to_delivery(record) for record in found}


def fetch_delivery(delivery: UUID, *, org: UUID, endpoint: UUID) -> EndpointDelivery:
    """Return one delivery of the endpoint. Call it as ec_admin. Raises NotFound."""
    found = row(_SELECT_ONE, (org, endpoint, delivery))
    if found is None:
        raise NotFound("There is no such delivery.")
    return _to_delivery(found)


def add_ping(endpoint: UUID, *, org: UUID) -> UUID:
    """Store a test event for the endpoint and return its id. Call it as ec_admin."""
    delivery = new_ids(1)[0]
    run(
        "insert into deliveries (id, org_id, endpoint_id, event, data) values (%s, %s, %s, 'ping', %s)",
        (delivery, org, endpoint, json.dumps({"endpoint_id": str(endpoint)})),
    )
    return delivery


def redeliver(endpoint: UUID, *, delivery: UUID | None = None, since: datetime | None = None) -> int:
    """Queue one delivery, or the oldest that were given up since a moment, again with their ids; return how many.

    At most MOST_REDELIVERED. The endpoint must be enabled. Recorded in the audit trail. Call it as ec_admin.
    """
    found = row("select redeliver(%s, %s, %s, %s) as queued", (endpoint, delivery, since, MOST_REDELIVERED))
    return int(found["queued"]) if found else 0


def load(held: HeldRow) -> Outgoing:
    """Return what is to be sent. Needs a session of the org as a worker."""
    found = row(
        """
        select d.event, d.created_at, d.data, e.url, e.name, e.secret,
            case when e.previous_secret_until > now() then e.previous_secret end as previous_secret,
            e.disabled_at is not null or o.closed_at is not null as is_off
        from deliveries as d join endpoints as e on e.org_id = d.org_id and e.id = d.endpoint_id join orgs as o on o.id = d.org_id
        where d.org_id = %s and d.id = %s
        """,
        (held.org, held.id),
    )
    if found is None:
        raise NotFound("There is no such delivery.")
    secrets = valid_secrets(found, org=held.org, endpoint=held.lane)
    return Outgoing(
        **{name: found[name] for name in ("event", "created_at", "data", "url", "name", "is_off")}, secrets=secrets
    )


def admin_addresses(org: UUID) -> list[str]:
    """Return the e-mail addresses of the org's admins who can sign in. Needs a session of the org as a worker."""
    found = rows(
        """
        select u.id, u.email, k.wrapped, k.master_key_id from users as u
        join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
        where u.org_id = %s and u.role = 'admin' and u.email is not null and u.disabled_at is null and u.address_confirmed_at is not null
        order by u.id
        """,
        (org,),
    )
    return [
        unwrap_key(one, org=org, user=one["id"]).open(
            one["email"], place=AssociatedData("users", "email", org, one["id"])
        )
        for one in found
    ]


def purge(*, limit: int) -> int:
    """Delete up to `limit` deliveries that are past their published lifetime; return how many. An org on hold keeps them."""
    return run(
        f"""
        delete from deliveries where id in (
            select d.id from deliveries as d
            where d.id < uuid7_floor(now() - make_interval(days => %s)) and d.state in ('done', 'gave_up')
                and d.org_id not in {ORGS_ON_HOLD}
            limit %s)
        """,  # noqa: S608 - a constant
        (KEEP_DELIVERIES_DAYS, limit),
    )


def _to_delivery(found: dict[str, Any]) -> EndpointDelivery:
    outcome = OUTCOME_OF[found["state"]]
    return EndpointDelivery(
        id=found["id"],
        event=found["event"],
        created_at=found["created_at"],
        outcome=outcome,
        attempts=found["attempt"],
        last_attempt_at=found["started_at"],
        next_attempt_at=found["next_at"] if found["state"] == "queued" else None,
        http_status=found["http_status"],
        error=found["error"],
        data=found["data"],
    )
