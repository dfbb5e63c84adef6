"""What the master keys seal: wrapped and sealed anew under the newest one, counted, and kept apart from the dumps.

Call everything here as ec_keys, which sees these few columns of every org and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData, Ciphertext, WrappedKey, keyring
from models.db import row, rows, run
from models.errors import MasterKeyMissing, Undecipherable

Column = Literal["user_keys.wrapped", "sources.secret", "sources.previous_secret", "inbound_events.body"]
COLUMNS: tuple[Column, ...] = (
    "user_keys.wrapped", "sources.secret", "sources.previous_secret", "inbound_events.body",
)  # fmt: skip
FIRST = UUID(int=0)

# What somebody else holds is left to them at first (two rotations share the work), and waited for in the end.
_LOCK = "for no key update"
_OLD_KEYS = """
select user_id as id, org_id, wrapped as sealed, master_key_id from user_keys
where master_key_id <> %(current)s and user_id > %(after)s
order by user_id limit %(limit)s
"""
_OLD_SECRETS = """
select id, org_id, {column} as sealed from sources
where substr({column}, 1, length(%(prefix)s)) <> %(prefix)s and id > %(after)s
order by id limit %(limit)s
"""
# A body that belongs to a person is sealed by their own key.
_OLD_BODIES = """
select id, org_id, body as sealed from inbound_events
where user_id is null and substr(body, 1, length(%(prefix)s)) <> %(prefix)s and id > %(after)s
order by id limit %(limit)s
"""
_NEW = "from unnest(%(ids)s::uuid[], %(was)s::bytea[], %(sealed)s::bytea[]) as n (id, was, sealed)"
_NEW_KEYS = f"""
update user_keys as k set wrapped = n.sealed, master_key_id = %(current)s {_NEW}
where k.user_id = n.id and k.wrapped = n.was
"""  # noqa: S608 - constants
_NEW_SECRETS = f"update sources as s set {{column}} = n.sealed {_NEW} where s.id = n.id and s.{{column}} = n.was"  # noqa: S608 - constants
_NEW_BODIES = f"update inbound_events as e set body = n.sealed {_NEW} where e.id = n.id and e.body = n.was"  # noqa: S608 - constants


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step of a rotation did: where it stopped, how many values are sealed anew, and the rows that do not open."""

    last: UUID
    done: int
    damaged: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """A person's wrapped key as it is stored, outside the database too."""

    org: UUID
    user: UUID
    wrapped: bytes
    master_key_id: str


def count_by_master_key() -> dict[Column, Counter[str]]:
    """Return how many values each master key seals, column by column."""
    found = rows(
        f"""
        select 'user_keys.wrapped' as place, master_key_id as name, count(*) as sealed from user_keys group by name
        union all
        select 'sources.secret', {_name_in("secret")}, count(*) from sources group by 2
        union all
        select 'sources.previous_secret', {_name_in("previous_secret")}, count(*)
        from sources where previous_secret is not null group by 2
        union all
        select 'inbound_events.body', {_name_in("body")}, count(*) from inbound_events where user_id is null group by 2
        """  # noqa: S608 - names of columns
    )
    counts: dict[Column, Counter[str]] = {column: Counter() for column in COLUMNS}
    for one in found:
        counts[one["place"]][one["name"]] += one["sealed"]
    return counts


def _name_in(column: str) -> str:
    return f"coalesce(encode(substr({column}, 2, get_byte(nullif({column}, ''), 0)), 'escape'), '')"


def reencrypt_batch(column: Column, *, after: UUID, limit: int, wait: bool) -> Step | None:
    """The next values of this column, in the order of their keys, are under the current master key; None when none is left.

    Without `wait`, rows that another transaction holds are passed over. What is changed meanwhile is never overwritten: it
    keeps what it was changed to. Raises MasterKeyMissing when an old key is not loaded.
    """
    old, new = _statements(column)
    ring = keyring()
    names = {"current": ring.current, "prefix": ring.current_prefix}
    lock = _LOCK if wait else f"{_LOCK} skip locked"
    found = rows(f"{old} {lock}", {**names, "after": after, "limit": limit})
    if not found:
        return None
    sealed: dict[UUID, tuple[bytes, Ciphertext]] = {}
    damaged: list[UUID] = []
    for one in found:
        try:
            sealed[one["id"]] = (bytes(one["sealed"]), _reencrypted(column, one))
        except MasterKeyMissing:
            raise
        except Undecipherable:
            damaged.append(one["id"])
    values = {
        "ids": list(sealed),
        "was": [was for was, _ in sealed.values()],
        "sealed": [now for _, now in sealed.values()],
    }
    return Step(last=found[-1]["id"], done=run(new, {**names, **values}), damaged=tuple(damaged))


def _statements(column: Column) -> tuple[str, str]:
    if column == "user_keys.wrapped":
        return _OLD_KEYS, _NEW_KEYS
    if column == "inbound_events.body":
        return _OLD_BODIES, _NEW_BODIES
    name = column.removeprefix("sources.")
    return _OLD_SECRETS.format(column=name), _NEW_SECRETS.format(column=name)


def _reencrypted(column: Column, found: dict[str, Any]) -> Ciphertext:
    if column == "user_keys.wrapped":
        wrapped = WrappedKey(Ciphertext(found["sealed"]), found["master_key_id"])
        return keyring().rewrap(wrapped, org=found["org_id"], user=found["id"]).wrapped
    table, _, name = column.partition(".")
    return keyring().reencrypt(found["sealed"], place=AssociatedData(table, name, found["org_id"], found["id"]))


def list_stored(*, after: UUID, limit: int) -> list[StoredKey]:
    """Return the next wrapped keys in the order of their people, ready to be kept outside the database."""
    found = rows(
        "select org_id, user_id, wrapped, master_key_id from user_keys where user_id > %s order by user_id limit %s",
        (after, limit),
    )
    return [
        StoredKey(
            org=one["org_id"], user=one["user_id"], wrapped=bytes(one["wrapped"]), master_key_id=one["master_key_id"]
        )
        for one in found
    ]


def verify_key(kept: Iterable[StoredKey]) -> None:
    """Every kept key opens for the person it names. Raises Undecipherable."""
    for one in kept:
        keyring().data_key(WrappedKey(Ciphertext(one.wrapped), one.master_key_id), org=one.org, user=one.user)


def restore(keys: Sequence[StoredKey]) -> int:
    """The proven keys of people who exist, have none and asked for no erasure are theirs again; returns how many."""
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
            [one.org for one in keys],
            [one.user for one in keys],
            [one.wrapped for one in keys],
            [one.master_key_id for one in keys],
        ),
    )


def count_keyless() -> int:
    """Return how many people have no key, so that nothing they wrote can be read."""
    found = row(
        "select count(*) as people from users as u where not exists (select from user_keys as k where k.user_id = u.id)"
    )
    return int(found["people"]) if found else 0
