"""Moodle sites, which workers ask what was handed in. Each is a source, which owns its courses and people, and a leased row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models import leased_rows, site_access
from models.connections import SourceKind, add_source
from models.db import row, rows, run
from models.errors import NotFound
from models.leased_rows import HeldRow
from models.site_access import OFF_SECONDS, Returns, SiteAccess

USUAL_INTERVAL_SECONDS = 300
# A class that hands in at once sends many events; one look answers all of them.
LEAST_SECONDS = 15.0
CHANGES = frozenset({"token", "interval_seconds", "courses", "returns", "pages_url"})


@dataclass(frozen=True, kw_only=True)
class Site:
    """The settings of a Moodle site, without its token."""

    site: str
    interval_seconds: int
    courses: list[int]
    returns: Returns
    pages_url: str | None
    begins_at: datetime


@dataclass(frozen=True, kw_only=True)
class Look:
    """A look at a site that is due: what is known of it, and when the next one is."""

    access: SiteAccess
    interval_seconds: int
    courses: tuple[int, ...]
    begins_at: datetime
    seen_until: datetime | None
    looked_into: frozenset[int]


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
    networks: Sequence[str] = (),
    tells_us: bool = False,
    secret: str | None = None,
) -> tuple[UUID, str]:
    """Store a Moodle site as a source; return its id and secret. What was handed in before `begins_at` (default: now) does not count.

    With `tells_us`, the site has a plugin that signs with this secret when something was handed in; without it, no delivery is
    accepted. Call it as ec_admin.
    """
    kind: SourceKind = "moodle_webhookengine" if tells_us else "moodle"
    source, secret = add_source(
        name, org=org, creates_courses=creates_courses, networks=networks, kind=kind, secret=secret
    )
    sealed = site_access.seal(token, table="moodle_sites", org=org, source=source)
    run(
        """
        insert into moodle_sites (id, org_id, site, token, interval_seconds, courses, returns, pages_url, begins_at)
        values (%s, %s, %s, %s, %s, %s::bigint[], %s, %s, coalesce(%s, now()))
        """,
        (source, org, site, sealed, interval_seconds, list(courses), returns, pages_url, begins_at),
    )
    return source, secret


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
    values = site_access.to_columns(changes, allowed=CHANGES, table="moodle_sites", org=org, source=source)
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
    """Have the site looked at now, unless a look is under way. Do nothing for other sources. Call it as ec_admin."""
    run(
        """
        update moodle_sites set next_at = now(), state = 'queued', attempt = 0, finished_at = null
        where org_id = %s and id = %s and state <> 'running'
        """,
        (org, source),
    )


def look_soon(source: UUID, *, org: UUID) -> None:
    """Have the acting source's site looked at now, but at most once in LEAST_SECONDS. Call it as ec_lms.

    A look that is under way is followed by the next regular one.
    """
    run(
        """
        update moodle_sites set next_at = least(next_at, greatest(now(), started_at + make_interval(secs => %s)))
        where org_id = %s and id = %s and state = 'queued'
        """,
        (LEAST_SECONDS, org, source),
    )


def load(held: HeldRow) -> Look:
    """Return what a look at the site needs. Needs a session of the org as a worker."""
    found = row(
        """
        select interval_seconds, courses, begins_at, seen_until, looked_into from moodle_sites where org_id = %s and id = %s
        """,
        (held.org, held.id),
    )
    if found is None:
        raise NotFound("There is no such Moodle site.")
    return Look(
        access=fetch_access(held.id, org=held.org),
        interval_seconds=found["interval_seconds"],
        courses=tuple(found["courses"]),
        begins_at=found["begins_at"],
        seen_until=found["seen_until"],
        looked_into=frozenset(found["looked_into"]),
    )


def fetch_access(source: UUID, *, org: UUID) -> SiteAccess:
    """Return what a worker needs to ask the site. Needs a session of the org as a worker. Raises NotFound."""
    return site_access.fetch("moodle_sites", source, org=org)


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
