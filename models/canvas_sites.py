"""Canvas sites: each is a source. Its signed events say what was handed in, and a worker fetches that with a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from models import site_access
from models.arrivals import MOST_REPLAYED, DueArrival, NewArrival
from models.connections import add_source
from models.db import row, rows, run
from models.errors import NotFound
from models.site_access import Returns, SiteAccess

# Where Instructure publishes the keys with which it signs the events of every school that it hosts.
USUAL_JWKS_URL = "https://8axpcl50e4.execute-api.us-east-1.amazonaws.com/main/jwks"
CHANGES = frozenset({"token", "root_account_uuid", "jwks_url", "returns", "pages_url"})
# What may hold an essay. Quizzes, discussions, recordings, links and what other tools keep do not.
READ_TYPES = frozenset({"online_text_entry", "online_upload"})
HANDED_IN = frozenset({"submitted", "pending_review", "graded"})
# A global id of Canvas is the number of a shard times this, plus the id within the shard.
SHARD = 10**13


@dataclass(frozen=True, kw_only=True)
class Site:
    """The settings of a Canvas site, without its token. `heard_at`: about when the last authentic event came."""

    site: str
    root_account_uuid: str | None
    jwks_url: str
    returns: Returns
    pages_url: str | None
    created_at: datetime
    heard_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Signing:
    """Whose events are accepted: signed with keys from `jwks_url`, of this account (None: not known yet), since `begins_at`."""

    jwks_url: str
    root_account_uuid: str | None
    begins_at: datetime


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An attempt of a student, or of a group, at an assignment. Ids are those that the site itself uses."""

    root_account: str
    submission: str
    assignment: str
    user: str
    attempt: int
    course: str | None
    group: str | None
    submitted_at: datetime

    @property
    def version_key(self) -> str:
        """Return what tells this attempt from every other one, for ever. The members of a group have one."""
        return self._version(self.attempt)

    @property
    def version_before(self) -> str:
        """Return the key of the attempt before this one."""
        return self._version(self.attempt - 1)

    @classmethod
    def of(cls, arrival: DueArrival) -> Attempt:
        """Return the attempt that an arrival is about."""
        place = {name: value for name, value in arrival.place.items() if name != "hand_in"}
        return cls(submission=arrival.place["hand_in"], submitted_at=arrival.changed_at, **place)

    def by_author_of(self, before: dict[str, Any] | None) -> Attempt:
        """Return the attempt with the author of the one before, if they are known: a group keeps the author of its first.

        `before` is the place of that one. When its author was erased, it names nobody.
        """
        if before is None or "user" not in before:
            return self
        return replace(self, user=before["user"], submission=before["hand_in"])

    def _version(self, attempt: int) -> str:
        whose = f"{self.assignment}:group-{self.group}" if self.group else self.submission
        return f"{self.root_account}:{whose}:{attempt}"

    def to_arrival(self) -> NewArrival:
        """Return the arrival of the attempt: ids of the site, and no word of a student."""
        return NewArrival(
            version_key=self.version_key,
            place={
                "root_account": self.root_account, "course": self.course, "assignment": self.assignment, "user": self.user,
                "hand_in": self.submission, "group": self.group, "attempt": self.attempt,
            },
            changed_at=self.submitted_at,
        )  # fmt: skip


def own_id(given: str, *, root_account: str) -> str:
    """Return the id that the site itself uses for a thing that an event names by a global id."""
    shard, own = divmod(int(given), SHARD)
    return str(own) if shard == int(root_account) // SHARD else given


def add_site(
    name: str,
    *,
    org: UUID,
    site: str,
    token: str,
    root_account_uuid: str | None = None,
    jwks_url: str = USUAL_JWKS_URL,
    returns: Returns = "link",
    pages_url: str | None = None,
    creates_courses: bool = True,
    networks: Sequence[str] = (),
) -> UUID:
    """Store a Canvas site as a source and return its id. What was handed in before does not count. Call it as ec_admin."""
    source, _ = add_source(name, org=org, creates_courses=creates_courses, networks=networks, kind="canvas")
    sealed = site_access.seal(token, table="canvas_sites", org=org, source=source)
    run(
        """
        insert into canvas_sites (id, org_id, site, token, root_account_uuid, jwks_url, returns, pages_url)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (source, org, site, sealed, root_account_uuid, jwks_url, returns, pages_url),
    )
    return source


def fetch_site(source: UUID, *, org: UUID) -> Site | None:
    """Return the settings of a source that is a Canvas site, or None when it is none. Call it as ec_admin."""
    return fetch_sites([source], org=org).get(source)


def fetch_sites(sources: Sequence[UUID], *, org: UUID) -> dict[UUID, Site]:
    """Return the settings of those of these sources that are Canvas sites. Call it as ec_admin."""
    found = rows(
        """
        select id, site, root_account_uuid, jwks_url, returns, pages_url, created_at, heard_at from canvas_sites
        where org_id = %s and id = any (%s::uuid[])
        """,
        (org, list(sources)),
    )
    return {one.pop("id"): Site(**one) for one in found}


def change_site(source: UUID, *, org: UUID, changes: dict[str, Any]) -> None:
    """Change what `changes` names (see CHANGES). Call it as ec_admin. Raises NotFound."""
    values = site_access.to_columns(changes, allowed=CHANGES, table="canvas_sites", org=org, source=source)
    columns = ", ".join(f"{name} = %({name})s" for name in values)
    updated = run(
        f"update canvas_sites set {columns} where org_id = %(org)s and id = %(source)s",  # noqa: S608 - names from CHANGES
        {**values, "org": org, "source": source},
    )
    if not updated:
        raise NotFound("There is no such Canvas site.")


def fetch_signing(source: UUID, *, org: UUID) -> Signing:
    """Return whose events the source accepts. Call it as ec_lms, the source as actor. Raises NotFound."""
    found = row(
        "select jwks_url, root_account_uuid, created_at as begins_at from canvas_sites where org_id = %s and id = %s",
        (org, source),
    )
    if found is None:
        raise NotFound("There is no such Canvas site.")
    return Signing(**found)


def note_event(source: UUID, *, org: UUID) -> None:
    """Store that an authentic event came, to the minute. Call it as ec_lms, the source as actor."""
    run(
        """
        update canvas_sites set heard_at = now()
        where org_id = %s and id = %s and (heard_at is null or heard_at < now() - interval '1 minute')
        """,
        (org, source),
    )


def keep_account(source: UUID, account: str, *, org: UUID) -> bool:
    """Keep this account if none is kept, and return whether it is the one that counts. Call it as ec_lms, the source as actor."""
    run(
        "update canvas_sites set root_account_uuid = %s where org_id = %s and id = %s and root_account_uuid is null",
        (account, org, source),
    )
    return fetch_signing(source, org=org).root_account_uuid == account


def look_back(source: UUID) -> int:
    """Have the site asked for hand-ins that no event told us about, in the courses that are known; return how many courses.

    0 when the source is no Canvas site.

    At most MOST_REPLAYED. Looks that wait are made at once. Call it as ec_admin. Recorded in the audit trail.
    """
    found = row("select look_back_at_canvas(%s, %s) as courses", (source, MOST_REPLAYED))
    return int(found["courses"]) if found else 0


def look_back_at_due(*, sites: int) -> int:
    """Let the sites be asked that nobody has looked at for a day, at most so many, and return how many courses these have.

    What counts is what was handed in in the last three days. Call it as ec_clock.
    """
    found = row("select look_back_at_due_canvas(%s, %s) as courses", (sites, MOST_REPLAYED))
    return int(found["courses"]) if found else 0


def fetch_access(source: UUID, *, org: UUID) -> SiteAccess:
    """Return what a worker needs to ask the site. Needs a session of the org as a worker. Raises NotFound."""
    return site_access.fetch("canvas_sites", source, org=org)
