"""Everything that the master keys encrypt: re-encryption with the newest key, counts, and a backup apart from the dumps.

Call everything here but `keys_missing` as ec_keys, which sees these few columns of every org and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData, Ciphertext, WrappedKey, keyring
from models.db import row, rows, run
from models.errors import MasterKeyMissing, Undecipherable

Column = Literal[
    "user_keys.wrapped", "sources.secret", "sources.previous_secret", "inbound_events.body", "inbound_events.problem",
    "sign_in_providers.client_secret", "endpoints.secret", "endpoints.previous_secret", "lti_keys.private_key", "moodle_sites.token",
    "canvas_sites.token",
]  # fmt: skip
COLUMNS: tuple[Column, ...] = (
    "user_keys.wrapped", "sources.secret", "sources.previous_secret", "inbound_events.body", "inbound_events.problem",
    "sign_in_providers.client_secret", "endpoints.secret", "endpoints.previous_secret", "lti_keys.private_key", "moodle_sites.token",
    "canvas_sites.token",
)  # fmt: skip
FIRST = UUID(int=0)

# Rows that another transaction has locked are skipped at first, so that two rotations share the work, and waited for at the end.
_LOCK = "for no key update"
_SELECT_OLD_KEYS = """
select user_id as id, org_id, wrapped as sealed, master_key_id from user_keys
where master_key_id <> %(current)s and user_id > %(after)s
order by user_id limit %(limit)s
"""
_SELECT_OLD_SECRETS = """
select id, {org} as org_id, {column} as sealed from {table}
where substr({column}, 1, length(%(prefix)s)) <> %(prefix)s and id > %(after)s
order by id limit %(limit)s
"""
# Only deliveries without a person: what belongs to a person is encrypted by their own key.
_SELECT_OLD_DELIVERIES = """
select id, org_id, {column} as sealed from inbound_events
where user_id is null and substr({column}, 1, length(%(prefix)s)) <> %(prefix)s and id > %(after)s
order by id limit %(limit)s
"""
_FROM_NEW_VALUES = "from unnest(%(ids)s::uuid[], %(was)s::bytea[], %(sealed)s::bytea[]) as n (id, was, sealed)"
_UPDATE_KEYS = f"""
update user_keys as k set wrapped = n.sealed, master_key_id = %(current)s {_FROM_NEW_VALUES}
where k.user_id = n.id and k.wrapped = n.was
"""  # noqa: S608 - constants
_UPDATE_SECRETS = (
    f"update {{table}} as s set {{column}} = n.sealed {_FROM_NEW_VALUES} where s.id = n.id and s.{{column}} = n.was"  # noqa: S608 - constants
)
_UPDATE_DELIVERIES = f"update inbound_events as e set {{column}} = n.sealed {_FROM_NEW_VALUES} where e.id = n.id and e.{{column}} = n.was"  # noqa: S608 - constants


@dataclass(frozen=True, kw_only=True)
class Step:
    """The result of one batch: the last row it read, how many values it re-encrypted, and the rows that do not decrypt."""

    last: UUID
    done: int
    damaged: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """A person's wrapped key, as it is stored in the database and in the backup of the keys."""

    org: UUID
    user: UUID
    wrapped: bytes
    master_key_id: str


def count_by_master_key() -> dict[Column, Counter[str]]:
    """Return how many values each master key has encrypted, for each column."""
    found = rows(
        f"""
        select 'user_keys.wrapped' as place, master_key_id as name, count(*) as sealed from user_keys group by name
        union all
        select 'sources.secret', {_master_key_name("secret")}, count(*) from sources group by 2
        union all
        select 'sources.previous_secret', {_master_key_name("previous_secret")}, count(*)
        from sources where previous_secret is not null group by 2
        union all
        select 'endpoints.secret', {_master_key_name("secret")}, count(*) from endpoints group by 2
        union all
        select 'endpoints.previous_secret', {_master_key_name("previous_secret")}, count(*)
        from endpoints where previous_secret is not null group by 2
        union all
        select 'sign_in_providers.client_secret', {_master_key_name("client_secret")}, count(*) from sign_in_providers group by 2
        union all
        select 'lti_keys.private_key', {_master_key_name("private_key")}, count(*) from lti_keys group by 2
        union all
        select 'moodle_sites.token', {_master_key_name("token")}, count(*) from moodle_sites group by 2
        union all
        select 'canvas_sites.token', {_master_key_name("token")}, count(*) from canvas_sites group by 2
        union all
        select 'inbound_events.body', {_master_key_name("body")}, count(*) from inbound_events where user_id is null group by 2
        union all
        select 'inbound_events.problem', {_master_key_name("problem")}, count(*)
        from inbound_events where user_id is null and problem is not null group by 2
        """  # noqa: S608 - names of columns
    )
    counts: dict[Column, Counter[str]] = {column: Counter() for column in COLUMNS}
    for record in found:
        counts[record["place"]][record["name"]] += record["sealed"]
    return counts


def _master_key_name(column: str) -> str:
    """Return the SQL expression for the master key's id at the start of a ciphertext in this column."""
    return f"coalesce(encode(substr({column}, 2, get_byte(nullif({column}, ''), 0)), 'escape'), '')"


def reencrypt_batch(column: Column, *, after: UUID, limit: int, wait: bool) -> Step | None:
    """Re-encrypt the next values of this column, in the order of their ids, with the current master key.

    Return None when none is left. Without `wait`, skip rows that another transaction has locked. A value that changes
    meanwhile is not overwritten. Raises MasterKeyMissing when an old key is not loaded.
    """
    select, update = _statements(column)
    ring = keyring()
    params = {"current": ring.current, "prefix": ring.current_prefix}
    lock = _LOCK if wait else f"{_LOCK} skip locked"
    found = rows(f"{select} {lock}", {**params, "after": after, "limit": limit})
    if not found:
        return None
    sealed: dict[UUID, tuple[bytes, Ciphertext]] = {}
    damaged: list[UUID] = []
    for record in found:
        try:
            sealed[record["id"]] = (bytes(record["sealed"]), _reencrypt(column, record))
        except MasterKeyMissing:
            raise
        except Undecipherable:
            damaged.append(record["id"])
    values = {
        "ids": list(sealed),
        "was": [was for was, _ in sealed.values()],
        "sealed": [now for _, now in sealed.values()],
    }
    return Step(last=found[-1]["id"], done=run(update, {**params, **values}), damaged=tuple(damaged))


def _statements(column: Column) -> tuple[str, str]:
    """Return the SELECT of this column's values under older keys, and the UPDATE that stores them re-encrypted."""
    if column == "user_keys.wrapped":
        return _SELECT_OLD_KEYS, _UPDATE_KEYS
    table, _, name = column.partition(".")
    if table == "inbound_events":
        return _SELECT_OLD_DELIVERIES.format(column=name), _UPDATE_DELIVERIES.format(column=name)
    # A key of the installation belongs to no org; its own id stands there (models/lti_keys.py).
    org = "id" if table == "lti_keys" else "org_id"
    return _SELECT_OLD_SECRETS.format(table=table, column=name, org=org), _UPDATE_SECRETS.format(
        table=table, column=name
    )


def _reencrypt(column: Column, found: dict[str, Any]) -> Ciphertext:
    if column == "user_keys.wrapped":
        wrapped = WrappedKey(Ciphertext(found["sealed"]), found["master_key_id"])
        return keyring().rewrap(wrapped, org=found["org_id"], user=found["id"]).wrapped
    table, _, name = column.partition(".")
    return keyring().reencrypt(found["sealed"], place=AssociatedData(table, name, found["org_id"], found["id"]))


def now() -> datetime:
    """Return the time of the database. A person without a key in a copy of later keys was erased before then."""
    found = row("select now() as time")
    assert found is not None
    return found["time"]  # type: ignore[no-any-return]


def list_stored(*, after: UUID, limit: int) -> list[StoredKey]:
    """Return the next wrapped keys, in the order of their people's ids, for a backup outside the database."""
    found = rows(
        "select org_id, user_id, wrapped, master_key_id from user_keys where user_id > %s order by user_id limit %s",
        (after, limit),
    )
    return [
        StoredKey(
            org=record["org_id"],
            user=record["user_id"],
            wrapped=bytes(record["wrapped"]),
            master_key_id=record["master_key_id"],
        )
        for record in found
    ]


def verify_key(kept: Iterable[StoredKey]) -> None:
    """Check that every kept key decrypts for the person it names. Raises Undecipherable."""
    for stored in kept:
        keyring().data_key(
            WrappedKey(Ciphertext(stored.wrapped), stored.master_key_id), org=stored.org, user=stored.user
        )


def restore(keys: Sequence[StoredKey]) -> int:
    """Store these verified keys for the people who exist, have no key and asked for no erasure; return how many."""
    return run(
        """
        insert into user_keys (user_id, org_id, wrapped, master_key_id)
        select u.id, u.org_id, n.wrapped, n.master_key_id
        from unnest(%s::uuid[], %s::uuid[], %s::bytea[], %s::text[]) as n (org_id, user_id, wrapped, master_key_id)
        join users as u on u.org_id = n.org_id and u.id = n.user_id
        where u.erase_requested_at is null
        on conflict do nothing
        """,
        (
            [stored.org for stored in keys],
            [stored.user for stored in keys],
            [stored.wrapped for stored in keys],
            [stored.master_key_id for stored in keys],
        ),
    )


def keys_missing() -> bool:
    """Return whether the keys were not restored after the database was. Any role of the web program may ask."""
    found = row("select keys_missing() as missing")
    return bool(found and found["missing"])


def count_keyless() -> int:
    """Return how many people have no key, so that nothing they wrote can be decrypted."""
    found = row(
        "select count(*) as people from users as u where not exists (select from user_keys as k where k.user_id = u.id)"
    )
    return int(found["people"]) if found else 0
