"""Stored webhook deliveries as an admin sees them: why one was refused, what it said, and that it was carried out again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData, keyring
from models.db import row, rows, run
from models.delivery_students import digests_of, mentions_of, recognise_by
from models.errors import NotFound, Undecipherable
from models.events import Delivery, Outcome
from models.log import logger
from models.users import data_key, unwrap_key

log = logger(__name__)

# A list shows bodies of up to this many bytes, so that a page stays small.
LISTED_BODY_BYTES = 64 * 1024
# How many deliveries without a person are searched for one person, newest first, and how many bytes of them. More than an
# LMS sends within the days that they are kept, unless everything that it sends is refused.
MAX_SEARCHED = 5_000
MAX_SEARCHED_BYTES = 64 * 1024 * 1024
# The body of one may be a megabyte.
SEARCHED_PAGE = 20


@dataclass(frozen=True, kw_only=True)
class StoredDelivery:
    """A stored delivery. `problem` holds `detail` and `errors` of a refusal; `body` is None where it is not shown."""

    id: UUID
    event_id: str
    received_at: datetime
    outcome: Outcome
    reason: str | None
    problem: dict[str, Any]
    submission: UUID | None
    replayed_at: datetime | None
    user: UUID | None
    body: str | None


# One bounded look-up in the index for each outcome.
_SELECT_PAGE = """
select d.* from unnest(%(outcomes)s::text[]) as o (outcome)
cross join lateral (
    select e.id, e.event_id, e.created_at, e.outcome, e.reason, e.problem, e.submission_id, e.replayed_at, e.user_id,
        case when e.user_id is null and octet_length(e.body) <= %(bytes)s then e.body end as body, k.wrapped, k.master_key_id
    from inbound_events as e left join user_keys as k on k.org_id = e.org_id and k.user_id = e.user_id
    where e.org_id = %(org)s and e.source_id = %(source)s and e.outcome = o.outcome
        and e.id < coalesce(%(before)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    order by e.id desc limit %(limit)s
) as d
order by d.id desc limit %(limit)s
"""
_SELECT_ONE = """
select e.id, e.event_id, e.created_at, e.outcome, e.reason, e.problem, e.submission_id, e.replayed_at, e.user_id, e.body,
    k.wrapped, k.master_key_id
from inbound_events as e left join user_keys as k on k.org_id = e.org_id and k.user_id = e.user_id
where e.org_id = %s and e.source_id = %s and e.id = %s
"""
_SELECT_UNOWNED = """
select id, body, problem from inbound_events
where org_id = %(org)s and user_id is null and id < coalesce(%(before)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
order by id desc limit %(limit)s
"""


def list_deliveries(
    source: UUID, *, org: UUID, limit: int, before: UUID | None = None, outcome: Outcome | None = None
) -> list[StoredDelivery]:
    """Return the source's deliveries, newest first; `before` is the last id of the previous page. Call it as ec_admin.

    Bodies that belong to a student or are large are left out. A damaged body is left out too, so that the list still shows
    the others.
    """
    found = rows(
        _SELECT_PAGE,
        {
            "org": org,
            "source": source,
            "outcomes": [outcome] if outcome else ["accepted", "ignored", "refused"],
            "before": before,
            "bytes": LISTED_BODY_BYTES,
            "limit": limit,
        },
    )
    listed = []
    for record in found:
        try:
            listed.append(_decrypt(record, org=org))
        except NotFound:  # its student is being erased
            listed.append(_decrypt({**record, "body": None, "problem": None}, org=org))
        except Undecipherable:
            log.exception("delivery does not decrypt", delivery_id=str(record["id"]))
            listed.append(_decrypt({**record, "body": None, "problem": None}, org=org))
    return listed


def fetch_delivery(delivery: UUID, *, org: UUID, source: UUID) -> StoredDelivery:
    """Return one delivery of the source with its body. Call it as ec_admin. Raises NotFound, also when its student was erased."""
    found = row(_SELECT_ONE, (org, source, delivery))
    if found is None:
        raise NotFound("There is no such delivery.")
    return _decrypt(found, org=org)


def event_of(submission: UUID, *, org: UUID, source: UUID) -> str | None:
    """Return the id of the source's event that led to this version. Call it as ec_admin."""
    found = row(
        "select event_id from seen_events where org_id = %s and source_id = %s and submission_id = %s limit 1",
        (org, source, submission),
    )
    return found["event_id"] if found else None


def mark_replayed(delivery: UUID, *, org: UUID) -> None:
    """Store that an admin has the delivery carried out again now."""
    run("update inbound_events set replayed_at = now() where org_id = %s and id = %s", (org, delivery))


def settle(stored: UUID, delivery: Delivery, *, submission: UUID) -> None:
    """Mark a refused delivery as accepted with this submission, and encrypt its body by the student's key. Idempotent.

    Call it as ec_lms with the source as the actor. A delivery that is not refused, or of another source, stays as it is.
    """
    found = row("select user_id from submissions where org_id = %s and id = %s", (delivery.org, submission))
    if found is None:
        return
    key = data_key(found["user_id"], org=delivery.org)
    sealed = key.seal(delivery.body.decode(), place=_place("body", delivery.org, stored))
    row("select settle_delivery(%s, %s, %s, %s)", (stored, found["user_id"], submission, sealed))


def adopt(user: UUID, *, org: UUID, erasing: bool = False) -> int:
    """Give the person the deliveries without a person that name them as their student; return how many. Call it as ec_admin.

    With `erasing` also those that name them otherwise, unless another student is recognised: then it becomes that student's.
    Searches the newest deliveries up to a limit; the others are deleted when they are old (models/upkeep.py).
    """
    external_id, email = digests_of(user, org=org)
    adopted, bytes_read, before = 0, 0, None
    for _ in range(MAX_SEARCHED // SEARCHED_PAGE):
        page = rows(_SELECT_UNOWNED, {"org": org, "before": before, "limit": SEARCHED_PAGE})
        for record in page:
            bytes_read += len(record["body"])
            adopted += _adopt_if_named(record, user, (external_id, email), org=org, erasing=erasing)
        if len(page) < SEARCHED_PAGE:
            return adopted
        if bytes_read > MAX_SEARCHED_BYTES:
            break
        before = page[-1]["id"]
    log.warning("deliveries without a person were not all searched", org_id=str(org), bytes_read=bytes_read)
    return adopted


def _adopt_if_named(
    record: dict[str, Any], user: UUID, digests: tuple[bytes | None, bytes | None], *, org: UUID, erasing: bool
) -> bool:
    try:
        body = keyring().open(record["body"], place=_place("body", org, record["id"]))
        mentions = mentions_of(body, org=org)
        if not mentions.name(*digests):
            return False
        student = recognise_by(mentions, org=org)
        if not erasing and (student is None or student.id != user):
            return False
        owner, key = (student.id, student.key) if student else (user, data_key(user, org=org))
        problem = record["problem"]
        if problem is not None:
            place = _place("problem", org, record["id"])
            problem = key.seal(keyring().open(problem, place=place), place=place)
    except Undecipherable:
        # Nobody can read it, so nothing has to be hidden.
        log.exception("delivery does not decrypt", delivery_id=str(record["id"]))
        return False
    sealed = key.seal(body, place=_place("body", org, record["id"]))
    done = row("select own_delivery(%s, %s, %s, %s) as done", (record["id"], owner, sealed, problem))
    return bool(done and done["done"])


def _decrypt(found: dict[str, Any], *, org: UUID) -> StoredDelivery:
    body, problem = found["body"], found["problem"]
    if body is not None or problem is not None:
        user = found["user_id"]
        key = keyring() if user is None else unwrap_key(found, org=org, user=user)
        body = body and key.open(body, place=_place("body", org, found["id"]))
        problem = problem and json.loads(key.open(problem, place=_place("problem", org, found["id"])))
    return StoredDelivery(
        id=found["id"],
        event_id=found["event_id"],
        received_at=found["created_at"],
        outcome=found["outcome"],
        reason=found["reason"],
        problem=problem or {},
        submission=found["submission_id"],
        replayed_at=found["replayed_at"],
        user=found["user_id"],
        body=body,
    )


def _place(column: str, org: UUID, delivery: UUID) -> AssociatedData:
    return AssociatedData("inbound_events", column, org, delivery)
