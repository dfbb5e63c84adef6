"""The comments that an educator saves for later essays. The educator's own key encrypts them, and nobody else can see them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData, Key
from models.db import new_ids, row, rows, run
from models.errors import NotFound
from models.own_comments import OwnComment, check_type
from models.users import unwrap_key

_SELECT_SAVED = """
select c.id, c.pass, c.type, c.kind, c.body, c.created_at, k.wrapped, k.master_key_id
from saved_comments as c join user_keys as k on k.org_id = c.org_id and k.user_id = c.user_id
where c.org_id = %(org)s and c.user_id = %(user)s
    and (%(id)s::uuid is null or c.id = %(id)s) and (%(before)s::uuid is null or c.id < %(before)s)
order by c.id desc limit %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The educator who owns a bank of saved comments."""

    org: UUID
    user: UUID


def save(wanted: OwnComment, *, owner: Owner) -> UUID:
    """Store the comment in the owner's bank and return its id. Raises Invalid for a type that does not belong to the pass."""
    check_type(wanted.type, pass_name=wanted.pass_name)
    saved = new_ids(1)[0]
    words = {
        "severity": wanted.severity,
        "message": wanted.message,
        "next_step": wanted.next_step,
        "suggestions": wanted.suggestions,
    }
    body = _owner_key(owner).seal(json.dumps(words, ensure_ascii=False), place=_body_place(owner.org, saved))
    run(
        "insert into saved_comments (id, org_id, user_id, pass, type, kind, body) values (%s, %s, %s, %s, %s, %s, %s)",
        (saved, owner.org, owner.user, wanted.pass_name, wanted.type, wanted.kind, body),
    )
    return saved


def list_saved(*, owner: Owner, limit: int, before: UUID | None = None) -> list[dict[str, Any]]:
    """Return the comments of the owner's bank, newest first, decrypted; `before` is the last id of the previous page."""
    return _list_decrypted(owner, limit=limit, before=before)


def fetch_saved(saved: UUID, *, owner: Owner) -> dict[str, Any]:
    """Return one comment of the owner's bank, decrypted. Raises NotFound, also for a comment of another bank."""
    found = _list_decrypted(owner, limit=1, wanted=saved)
    if not found:
        raise NotFound("There is no such saved comment of yours.")
    return found[0]


def delete_saved(saved: UUID, *, owner: Owner) -> None:
    """Delete the comment from the owner's bank; essays where it was used keep it. Raises NotFound, also for another's."""
    deleted = run(
        "delete from saved_comments where org_id = %s and user_id = %s and id = %s", (owner.org, owner.user, saved)
    )
    if not deleted:
        raise NotFound("There is no such saved comment of yours.")


def _list_decrypted(
    owner: Owner, *, limit: int, before: UUID | None = None, wanted: UUID | None = None
) -> list[dict[str, Any]]:
    found = rows(_SELECT_SAVED, {"org": owner.org, "user": owner.user, "id": wanted, "before": before, "limit": limit})
    return [
        {
            **record,
            **json.loads(_unwrap(record, owner).open(record["body"], place=_body_place(owner.org, record["id"]))),
        }
        for record in found
    ]


def _owner_key(owner: Owner) -> Key:
    found = row(
        "select wrapped, master_key_id from user_keys where org_id = %s and user_id = %s", (owner.org, owner.user)
    )
    if found is None:
        raise NotFound("There is no such person.")
    return _unwrap(found, owner)


def _unwrap(found: dict[str, Any], owner: Owner) -> Key:
    return unwrap_key(found, org=owner.org, user=owner.user)


def _body_place(org: UUID, saved: UUID) -> AssociatedData:
    return AssociatedData("saved_comments", "body", org, saved)
