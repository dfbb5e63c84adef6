"""Moodle sites that are asked what was handed in. Each is a source, by whose id its courses and people are found, and a leased row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models import leased_rows
from models.connections import add_source
from models.crypto import AssociatedData, keyring
from models.db import row, rows, run
from models.errors import NotFound
from models.leased_rows import HeldRow

Returns = Literal["none", "link", "summary"]
USUAL_INTERVAL_SECONDS = 300
# A site whose source is disabled is looked at so often, to see whether it still is.
OFF_SECONDS = 3600.0
CHANGES = frozenset({"token", "interval_seconds", "courses", "returns", "pages_url"})


@dataclass(frozen=True, kw_only=True)
class Site:
    """The settings of a Moodle site, without its token, and how the last look at it went."""

    site: str
    interval_seconds: int
    courses: list[int]
    returns: Returns
    pages_url: str | None
    begins_at: datetime


@dataclass(frozen=True, kw_only=True)
class SiteAccess:
    """What a worker needs to ask a site. `is_off`: its source is disabled, or its org closed."""

    site: str
    token: str = field(repr=False)
    returns: Returns
    pages_url: str | None
    is_off: bool


@dataclass(frozen=True, kw_only=True)
class Look:
    """A look at a site that is due: what is known of it, and when the next one is."""

    access: SiteAccess
    interval_seconds: int
    courses: tuple[int, ...]
    begins_at: datetime
    seen_until: datetime | None
    looked_into: frozenset[int]


_ACCESS = """
m.org_id, m.id, m.site, m.token, m.returns, m.pages_url, s.disabled_at is not null
    or not exists (select from orgs as o where o.id = m.org_id and o.closed_at is null) as is_off
"""


def add_site(
    name: str,
    *,
    org: UUID,
    site: str,
    token: str,
    interval_seconds: int = USUAL_INTERVAL_SECONDS,
    courses: Sequence[int] = (),
    returns: Returns = "link",
    pages_url: str | None = None,
    begins_at: datetime | None = None,
    creates_courses: bool = True,
) -> UUID:
    """Store a Moodle site as a source and return its id. What was handed in before `begins_at` (default: now) does not count.

    Nobody has the secret of the source, so no delivery to it is accepted. Call it as ec_admin.
    """
    source, _ = add_source(name, org=org, creates_courses=creates_courses, kind="moodle")
    run(
        """
        insert into moodle_sites (id, org_id, site, token, interval_seconds, courses, returns, pages_url, begins_at)
        values (%s, %s, %s, %s, %s, %s::bigint[], %s, %s, coalesce(%s, now()))
        """,
        (
            source, org, site, keyring().seal(token, place=_place(org, source)), interval_seconds, list(courses), returns, pages_url,
            begins_at,
        ),
    )  # fmt: skip
    return source


def fetch_site(source: UUID, *, org: UUID) -> Site | None:
    """Return the settings of a source that is a Moodle site, or None when it is none. Call it as ec_admin."""
    return fetch_sites([source], org=org).get(source)


def fetch_sites(sources: Sequence[UUID], *, org: UUID) -> dict[UUID, Site]:
    """Return the settings of those of these sources that are Moodle sites. Call it as ec_admin."""
    found = rows(
        """
        select id, site, interval_seconds, courses, returns, pages_url, begins_at from moodle_sites
        where org_id = %s and id = any (%s::uuid[])
        """,
        (org, list(sources)),
    )
    return {one.pop("id"): Site(**one) for one in found}


def change_site(source: UUID, *, org: UUID, changes: dict[str, Any]) -> None:
    """Change what `changes` names (see CHANGES) and look at the site at once. Call it as ec_admin. Raises NotFound.

    With other courses, every assignment is read again from the beginning; nothing that is known is taken twice.
    """
    if set(changes) - CHANGES:
        raise ValueError("only a new source leads to another site")
    values = dict(changes)
    if "token" in values:
        values["token"] = keyring().seal(values["token"], place=_place(org, source))
    columns = "".join(f"{name} = %({name})s, " for name in values)
    forget = "looked_into = '{}', " if "courses" in values else ""
    updated = run(
        f"""
        update moodle_sites set {columns}{forget} next_at = now(),
            state = case when state = 'gave_up' then 'queued' else state end, finished_at = null,
            attempt = case when state = 'gave_up' then 0 else attempt end
        where org_id = %(org)s and id = %(source)s
        """,  # noqa: S608 - names of columns from CHANGES
        {**values, "org": org, "source": source},
    )
    if not updated:
        raise NotFound("There is no such Moodle site.")


def look_now(source: UUID, *, org: UUID) -> None:
    """Let a site that waits be looked at at once, if the source is one. Call it as ec_admin."""
    run(
        """
        update moodle_sites set next_at = now(), state = 'queued', attempt = 0, finished_at = null
        where org_id = %s and id = %s and state <> 'running'
        """,
        (org, source),
    )


def load(held: HeldRow) -> Look:
    """Return what a look at the site needs. Needs a session of the org as a worker."""
    found = row(
        f"""
        select {_ACCESS}, m.interval_seconds, m.courses, m.begins_at, m.seen_until, m.looked_into
        from moodle_sites as m join sources as s on s.org_id = m.org_id and s.id = m.id
        where m.org_id = %s and m.id = %s
        """,  # noqa: S608 - a constant
        (held.org, held.id),
    )
    if found is None:
        raise NotFound("There is no such Moodle site.")
    return Look(
        access=_to_access(found),
        interval_seconds=found["interval_seconds"],
        courses=tuple(found["courses"]),
        begins_at=found["begins_at"],
        seen_until=found["seen_until"],
        looked_into=frozenset(found["looked_into"]),
    )


def fetch_access(source: UUID, *, org: UUID) -> SiteAccess:
    """Return what a worker needs to ask the site. Needs a session of the org as a worker. Raises NotFound."""
    found = row(
        f"select {_ACCESS} from moodle_sites as m join sources as s on s.org_id = m.org_id and s.id = m.id"  # noqa: S608
        " where m.org_id = %s and m.id = %s",
        (org, source),
    )
    if found is None:
        raise NotFound("There is no such Moodle site.")
    return _to_access(found)


def note_look(
    held: HeldRow,
    *,
    in_seconds: float,
    seen_until: datetime | None,
    looked_into: frozenset[int],
    closed: frozenset[int],
    error: str | None,
) -> None:
    """Store that the site has answered, and what is known of it now. `error` says what could not be read. Raises FenceLost."""
    leased_rows.come_back(
        held,
        in_seconds=in_seconds,
        error=error,
        facts={
            "seen_until": seen_until,
            "looked_into": sorted(looked_into),
            "closed": sorted(closed),
            "error_about": None,
        },
    )
    run("update moodle_sites set succeeded_at = now() where org_id = %s and id = %s", (held.org, held.id))


def note_failed_look(held: HeldRow, *, in_seconds: float, error: str, about: str | None) -> None:
    """Store why the site gave no usable answer. Raises FenceLost."""
    leased_rows.come_back(held, in_seconds=in_seconds, error=error, facts={"error_about": about})


def put_off_look(held: HeldRow) -> None:
    """Let a site whose source is disabled wait. Raises FenceLost."""
    leased_rows.come_back(held, in_seconds=OFF_SECONDS)


def _to_access(found: dict[str, Any]) -> SiteAccess:
    return SiteAccess(
        site=found["site"],
        token=keyring().open(found["token"], place=_place(found["org_id"], found["id"])),
        returns=found["returns"],
        pages_url=found["pages_url"],
        is_off=found["is_off"],
    )


def _place(org: UUID, source: UUID) -> AssociatedData:
    return AssociatedData("moodle_sites", "token", org, source)
