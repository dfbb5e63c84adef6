"""The comments an educator keeps for the next essay. They are sealed with the educator's own key and are nobody else's to see."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData, Key
from models.db import new_ids, row, rows, run
from models.errors import NotFound
from models.own_comments import OwnComment, check_type
from models.users import unwrapped

_SAVED = """
select c.id, c.pass, c.type, c.kind, c.body, c.created_at, k.wrapped, k.master_key_id
from saved_comments as c join user_keys as k on k.org_id = c.org_id and k.user_id = c.user_id
where c.org_id = %(org)s and c.user_id = %(user)s
    and (%(id)s::uuid is null or c.id = %(id)s) and (%(before)s::uuid is null or c.id < %(before)s)
order by c.id desc limit %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose bank it is."""

    org: UUID
    user: UUID


def save(wanted: OwnComment, *, owner: Owner) -> UUID:
    """The comment is in the owner's bank; returns its id there. Raises Invalid for a type that is not of the pass."""
    check_type(wanted.type, pass_name=wanted.pass_name)
    saved = new_ids(1)[0]
    words = {
        "severity": wanted.severity,
        "message": wanted.message,
        "next_step": wanted.next_step,
        "suggestions": wanted.suggestions,
    }
    body = _own_key(owner).seal(json.dumps(words, ensure_ascii=False), place=_place(owner.org, saved))
    run(
        "insert into saved_comments (id, org_id, user_id, pass, type, kind, body) values (%s, %s, %s, %s, %s, %s, %s)",
        (saved, owner.org, owner.user, wanted.pass_name, wanted.type, wanted.kind, body),
    )
    return saved


def list_saved(*, owner: Owner, limit: int, before: UUID | None = None) -> list[dict[str, Any]]:
    """Return what is in the owner's bank, newest first, in the clear; `before` is the last id of a page."""
    return _read(owner, limit=limit, before=before)


def fetch_saved(saved: UUID, *, owner: Owner) -> dict[str, Any]:
    """Return one comment of the owner's bank in the clear. Raises NotFound, for another's too."""
    found = _read(owner, limit=1, wanted=saved)
    if not found:
        raise NotFound("There is no such saved comment of yours.")
    return found[0]


def delete_saved(saved: UUID, *, owner: Owner) -> None:
    """The comment is out of the owner's bank; where it was used it stays. Raises NotFound, for another's too."""
    gone = run(
        "delete from saved_comments where org_id = %s and user_id = %s and id = %s", (owner.org, owner.user, saved)
    )
    if not gone:
        raise NotFound("There is no such saved comment of yours.")


def _read(owner: Owner, *, limit: int, before: UUID | None = None, wanted: UUID | None = None) -> list[dict[str, Any]]:
    found = rows(_SAVED, {"org": owner.org, "user": owner.user, "id": wanted, "before": before, "limit": limit})
    return [
        {**one, **json.loads(_opened_by(one, owner).open(one["body"], place=_place(owner.org, one["id"])))}
        for one in found
    ]


def _own_key(owner: Owner) -> Key:
    found = row(
        "select wrapped, master_key_id from user_keys where org_id = %s and user_id = %s", (owner.org, owner.user)
    )
    if found is None:
        raise NotFound("There is no such person.")
    return _opened_by(found, owner)


def _opened_by(found: dict[str, Any], owner: Owner) -> Key:
    return unwrapped(found, org=owner.org, user=owner.user)


def _place(org: UUID, saved: UUID) -> AssociatedData:
    return AssociatedData("saved_comments", "body", org, saved)
