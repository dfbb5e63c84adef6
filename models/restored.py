"""The hold on a restored copy: until an operator releases it, no machine reads, no webhook is taken and no mail leaves.

The hold is a setting of the database (`alter database … set app.restored`). A dump, a base backup and a template do not carry it
away by themselves: the command that restores sets it before the first row comes back. It is read from the catalog, so that a
release counts at once, also for connections that are open.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.db import row, rows, run, session
from models.events import keep_log

SETTING = "app.restored"
# How long a process may go on with the old answer after a release.
REMEMBER_SECONDS = 2.0
_FIND = """
select substr(one, length(%(setting)s) + 2) as since
from pg_db_role_setting as s join pg_database as d on d.oid = s.setdatabase cross join unnest(s.setconfig) as one
where d.datname = current_database() and s.setrole = 0 and one like %(setting)s || '=%%'
"""
# ALTER DATABASE takes neither parameters nor the name of "this" database, so the server itself puts the statement together.
_HOLD = "do $$ begin execute format('alter database %%I set app.restored = %%L', current_database(), {since}); end $$"
_RELEASE = "do $$ begin execute format('alter database %%I reset app.restored', current_database()); end $$"


class _Remembered:
    """The last answer of the database, and when it was asked (on the monotonic clock)."""

    lock = threading.Lock()
    is_held = False
    until = 0.0


def is_held() -> bool:
    """Return whether this database is a restored copy that nobody has released. Opens a session, every two seconds at most."""
    with _Remembered.lock:
        if time.monotonic() < _Remembered.until:
            return _Remembered.is_held
    with session():
        held = held_since() is not None
    with _Remembered.lock:
        _Remembered.is_held, _Remembered.until = held, time.monotonic() + REMEMBER_SECONDS
    return held


def forget() -> None:
    """Let the next `is_held` ask the database again."""
    with _Remembered.lock:
        _Remembered.until = 0.0


def held_since() -> str | None:
    """Return when this database was restored, or None when no hold is on it. Needs an open session."""
    found = row(_FIND, {"setting": SETTING})
    return str(found["since"]) if found else None


def hold(since: datetime) -> None:
    """Put the hold on this database. Call it as its owner or a superuser."""
    run(_HOLD.format(since="to_timestamp(%s)"), (since.timestamp(),))
    forget()


def release() -> None:
    """Take the hold off this database. Call it as its owner or a superuser."""
    run(_RELEASE)
    forget()


def log_release(since: str) -> None:
    """Keep the release in the stored log of every org, where its admins see it. Call it as a superuser."""
    keep_log("restored copy released", program="backup", level="warning", restored_from=since)


def list_erased_since(*, kept: Sequence[UUID], before: datetime) -> list[tuple[UUID, UUID]]:
    """Return the people (with their orgs) who were there before that time and whose key is not among the kept: they were erased.

    Call it as a superuser, whom no policy restricts.
    """
    found = rows(
        """
        select id, org_id from users
        where erase_requested_at is null and created_at < %s and not (id = any (%s::uuid[])) order by id
        """,
        (before, list(kept)),
    )
    return [(record["id"], record["org_id"]) for record in found]


def count_people() -> int:
    """Return how many people there are who asked for no erasure."""
    found = row("select count(*) as people from users where erase_requested_at is null")
    return int(found["people"]) if found else 0


def erase_again(user: UUID, *, org: UUID) -> None:
    """Do once more what `request_erasure` did after the backup was made. Call it as a superuser.

    A hold of then does not count: it had been lifted when the person was erased, or they would not have been.
    """
    person = {"user": user, "org": org}
    run(
        """
        update users set name = null, email = null, email_digest = null, password_hash = null, language = null,
            external_id = '', external_id_digest = sha256(uuid_send(gen_random_uuid())), legal_hold = null,
            token_version = token_version + 1, disabled_at = coalesce(disabled_at, now()), erase_requested_at = now()
        where org_id = %(org)s and id = %(user)s and erase_requested_at is null
        """,
        person,
    )
    run("delete from user_keys where org_id = %(org)s and user_id = %(user)s", person)
    run(
        """
        update sessions set revoked_at = now(), revoked_reason = 'disabled'
        where org_id = %(org)s and user_id = %(user)s and revoked_at is null
        """,
        person,
    )
