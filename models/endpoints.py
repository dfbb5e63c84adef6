"""The endpoints of an org: where it wants to hear of its events, with one or two valid secrets to sign with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from models.connections import DAY_SECONDS
from models.crypto import AssociatedData, Ciphertext, keyring
from models.db import new_ids, row, rows, run
from models.errors import Invalid, NotFound
from models.webhook_secret import new_secret

Event = Literal["feedback.ready", "feedback.released", "submission.failed", "submission.refused"]
EVENTS: tuple[Event, ...] = get_args(Event)
DisabledReason = Literal["admin", "gone", "failing"]
# Each one costs a row for each event, in the transaction of the event.
MOST_ENDPOINTS = 20
# An endpoint that has taken nothing for this many days is disabled when a delivery to it is given up. One failed attempt is not
# enough: there may have been no event since another failure days ago.
DISABLED_AFTER_DAYS = 5


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The facts of an endpoint, without its secrets. `failing_since`: since when nothing could be delivered."""

    id: UUID
    name: str
    url: str
    events: list[Event]
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    previous_secret_until: datetime | None


_COLUMNS = "id, name, url, events, created_at, failing_since, disabled_at, disabled_reason, previous_secret_until"


def add_endpoint(name: str, *, org: UUID, url: str, events: Sequence[Event]) -> tuple[UUID, str]:
    """Store a new endpoint and return its id and secret. The secret is stored encrypted and returned only here. Raises Invalid."""
    _check_few(org)
    secret, endpoint = new_secret(), new_ids(1)[0]
    run(
        "insert into endpoints (id, org_id, name, url, events, secret) values (%s, %s, %s, %s, %s, %s)",
        (endpoint, org, name, url, list(events), _seal("secret", secret, org, endpoint)),
    )
    return endpoint, secret


def list_endpoints(*, org: UUID, limit: int, before: UUID | None = None) -> list[Endpoint]:
    """Return the org's endpoints, disabled ones included, newest first. `before` is the last id of the previous page."""
    found = rows(
        f"""
        select {_COLUMNS} from endpoints
        where org_id = %(org)s and (%(before)s::uuid is null or id < %(before)s) order by id desc limit %(limit)s
        """,  # noqa: S608 - names of columns
        {"org": org, "before": before, "limit": limit},
    )
    return [Endpoint(**record) for record in found]


def fetch_endpoint(endpoint: UUID, *, org: UUID) -> Endpoint:
    """Return the facts of an endpoint. Raises NotFound."""
    found = row(f"select {_COLUMNS} from endpoints where org_id = %s and id = %s", (org, endpoint))  # noqa: S608 - names of columns
    if found is None:
        raise NotFound("There is no such endpoint.")
    return Endpoint(**found)


def change_endpoint(
    endpoint: UUID,
    *,
    org: UUID,
    name: str | None = None,
    url: str | None = None,
    events: Sequence[Event] | None = None,
    disabled: bool | None = None,
) -> None:
    """Change the endpoint from the next delivery on; None changes nothing. One that is enabled again starts anew.

    Raises NotFound, and Invalid when too many would be enabled.
    """
    found = fetch_endpoint(endpoint, org=org)
    if disabled is False and found.disabled_at is not None:
        _check_few(org)
    run(
        """
        update endpoints set name = coalesce(%(name)s, name), url = coalesce(%(url)s, url), events = coalesce(%(events)s, events)
        where org_id = %(org)s and id = %(endpoint)s
        """,
        {
            "name": name,
            "url": url,
            "events": None if events is None else list(events),
            "org": org,
            "endpoint": endpoint,
        },
    )
    if disabled:
        disable(endpoint, org=org, reason="admin")
    elif disabled is False:
        run(
            """
            update endpoints set disabled_at = null, disabled_reason = null, failing_since = null
            where org_id = %s and id = %s and disabled_at is not null
            """,
            (org, endpoint),
        )


def disable(endpoint: UUID, *, org: UUID, reason: DisabledReason) -> bool:
    """Disable the endpoint and return whether it was enabled. A trigger ends what waits for it."""
    return bool(
        run(
            "update endpoints set disabled_at = now(), disabled_reason = %s where org_id = %s and id = %s and disabled_at is null",
            (reason, org, endpoint),
        )
    )


def rotate_endpoint(endpoint: UUID, *, org: UUID, overlap_seconds: int = DAY_SECONDS) -> str:
    """Store a new secret and return it, only here. Until the overlap ends, deliveries are signed with the previous one too.

    A lock on the row lets concurrent rotations run one after the other, so that each keeps the secret before it. Raises NotFound.
    """
    found = row("select secret from endpoints where org_id = %s and id = %s for update", (org, endpoint))
    if found is None:
        raise NotFound("There is no such endpoint.")
    secret = new_secret()
    # A ciphertext decrypts only in its own column, so the old secret must be encrypted again to move.
    previous = keyring().open(found["secret"], place=_place("secret", org, endpoint))
    run(
        """
        update endpoints set secret = %s, previous_secret = %s, previous_secret_until = now() + make_interval(secs => %s)
        where org_id = %s and id = %s
        """,
        (
            _seal("secret", secret, org, endpoint),
            _seal("previous_secret", previous, org, endpoint),
            overlap_seconds,
            org,
            endpoint,
        ),
    )
    return secret


def note_success(endpoint: UUID, *, org: UUID) -> None:
    """Store that the endpoint took a delivery."""
    run(
        "update endpoints set failing_since = null where org_id = %s and id = %s and failing_since is not null",
        (org, endpoint),
    )


def note_failure(endpoint: UUID, *, org: UUID) -> None:
    """Store that the endpoint did not take a delivery."""
    run(
        "update endpoints set failing_since = now() where org_id = %s and id = %s and failing_since is null",
        (org, endpoint),
    )


def disable_failing(endpoint: UUID, *, org: UUID) -> bool:
    """Disable the endpoint when it has taken nothing for DISABLED_AFTER_DAYS, and return whether."""
    found = row(
        "select failing_since < now() - make_interval(days => %s) as too_long from endpoints where org_id = %s and id = %s",
        (DISABLED_AFTER_DAYS, org, endpoint),
    )
    return bool(found and found["too_long"]) and disable(endpoint, org=org, reason="failing")


def valid_secrets(found: dict[str, bytes | None], *, org: UUID, endpoint: UUID) -> tuple[str, ...]:
    """Return the decrypted secrets of a row that has `secret` and `previous_secret` (null when it is no longer used), newest first."""
    return tuple(
        keyring().open(sealed, place=_place(column, org, endpoint))
        for column in ("secret", "previous_secret")
        if (sealed := found[column]) is not None
    )


def _check_few(org: UUID) -> None:
    # The lock lets requests that add one follow each other, so that each counts the ones before it.
    row("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"endpoints {org}",))
    found = row("select count(*) as enabled from endpoints where org_id = %s and disabled_at is null", (org,))
    if found and found["enabled"] >= MOST_ENDPOINTS:
        reason = f"a school has at most {MOST_ENDPOINTS} of them enabled; disable one first"
        raise Invalid("There are too many endpoints.", errors=[("", reason)])


def _seal(column: str, secret: str, org: UUID, endpoint: UUID) -> Ciphertext:
    return keyring().seal(secret, place=_place(column, org, endpoint))


def _place(column: str, org: UUID, endpoint: UUID) -> AssociatedData:
    return AssociatedData("endpoints", column, org, endpoint)
