"""Who may still open a link to an essay, and which sites may show it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models.db import row


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What decides about opening a link: whether its student is still one, in an open org, and the sites that may frame it."""

    is_allowed: bool
    embed_origins: tuple[str, ...]


def fetch_opening(student: UUID, *, org: UUID) -> Opening:
    """Return what decides about opening a link of this student. Call it as that student."""
    found = row(
        """
        select o.embed_origins, o.closed_at is null and u.id is not null as is_allowed
        from orgs as o left join users as u on u.org_id = o.id and u.id = %s and u.role = 'student' and u.disabled_at is null
        where o.id = %s
        """,
        (student, org),
    )
    if found is None:
        return Opening(is_allowed=False, embed_origins=())
    return Opening(is_allowed=found["is_allowed"], embed_origins=tuple(found["embed_origins"]))
