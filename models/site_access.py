"""What Moodle sites and Canvas sites have in common: a sealed token, and what a worker needs to ask one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData, keyring
from models.db import row
from models.errors import NotFound

# A row whose source or platform is off waits so many seconds before it is looked at again.
OFF_SECONDS = 3600.0
# What goes back as a comment: nothing, that feedback is ready, or also its main points.
Returns = Literal["none", "link", "summary"]
SiteTable = Literal["moodle_sites", "canvas_sites"]


@dataclass(frozen=True, kw_only=True)
class SiteAccess:
    """What a worker needs to ask a site. `is_off`: its source is disabled, or its org closed."""

    site: str
    token: str = field(repr=False)
    returns: Returns
    pages_url: str | None
    is_off: bool


def fetch(table: SiteTable, source: UUID, *, org: UUID) -> SiteAccess:
    """Return what a worker needs to ask the site. Needs a session of the org as a worker. Raises NotFound."""
    found = row(
        f"""
        select site.site, site.token, site.returns, site.pages_url, s.disabled_at is not null
            or not exists (select from orgs as o where o.id = site.org_id and o.closed_at is null) as is_off
        from {table} as site join sources as s on s.org_id = site.org_id and s.id = site.id
        where site.org_id = %s and site.id = %s
        """,  # noqa: S608 - one of two names
        (org, source),
    )
    if found is None:
        raise NotFound("There is no such site.")
    token = keyring().open(found.pop("token"), place=_place(table, org, source))
    return SiteAccess(token=token, **found)


def seal(token: str, *, table: SiteTable, org: UUID, source: UUID) -> bytes:
    """Return the token as it is stored."""
    return keyring().seal(token, place=_place(table, org, source))


def to_columns(
    changes: dict[str, Any], *, allowed: frozenset[str], table: SiteTable, org: UUID, source: UUID
) -> dict[str, Any]:
    """Return the changes as they are stored. Raises ValueError for one that is not allowed."""
    if set(changes) - allowed:
        raise ValueError("only a new source leads to another site")
    sealed = {"token": seal(changes["token"], table=table, org=org, source=source)} if "token" in changes else {}
    return {**changes, **sealed}


def _place(table: SiteTable, org: UUID, source: UUID) -> AssociatedData:
    return AssociatedData(table, "token", org, source)
