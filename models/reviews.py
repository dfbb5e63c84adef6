"""What people make of comments: an educator accepts, edits or rejects one, its student says whether it helped.

A comment stays as it was made. The newest decision counts, and edited words are kept beside the original ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData, Key
from models.db import new_ids, row, rows, run
from models.errors import NotFound
from models.users import unwrapped

ReviewDecision = Literal["accepted", "edited", "rejected"]
# For a query of `feedback as f`: its newest decision as `r`, if there is one.
NEWEST_REVIEW = """
    left join lateral (
        select v.id, v.decision, v.body from feedback_reviews as v
        where v.org_id = f.org_id and v.feedback_id = f.id order by v.id desc limit 1
    ) as r on true
"""
WORDS = ("message", "next_step", "suggestions")


@dataclass(frozen=True, kw_only=True)
class Review:
    """The newest decision about a comment; `words` (message, next_step, suggestions) are there when it was edited."""

    decision: ReviewDecision
    educator: UUID
    decided_at: datetime
    words: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class About:
    """Which version a comment is about, and whose writing that is."""

    submission: UUID
    user: UUID


def author_key(header: Mapping[str, Any], *, org: UUID) -> Key:
    """Return the key of the author of a row that has `user_id`, `wrapped` and `master_key_id`."""
    return unwrapped(dict(header), org=org, user=header["user_id"])


def fetch_reviews(submission: UUID, *, org: UUID, key: Key) -> dict[UUID, Review]:
    """Return the newest decision about each comment of a version that somebody decided about; `key` is its author's."""
    found = rows(
        """
        select distinct on (feedback_id) id, feedback_id, educator_id, decision, body, created_at from feedback_reviews
        where org_id = %s and submission_id = %s order by feedback_id, id desc
        """,
        (org, submission),
    )
    return {
        one["feedback_id"]: Review(
            decision=one["decision"],
            educator=one["educator_id"],
            decided_at=one["created_at"],
            words=_edited(one["body"], one["id"], org=org, key=key),
        )
        for one in found
    }


def fetch_reactions(submission: UUID, *, org: UUID, key: Key) -> dict[UUID, dict[str, Any]]:
    """Return `reaction`, `note` and `created_at` of each comment of a version its student reacted to; `key` is the student's."""
    found = rows(
        "select feedback_id, reaction, note, created_at from feedback_reactions where org_id = %s and submission_id = %s",
        (org, submission),
    )
    return {
        one["feedback_id"]: {
            "reaction": one["reaction"],
            "note": None if one["note"] is None else key.open(one["note"], place=_note(org, one["feedback_id"])),
            "created_at": one["created_at"],
        }
        for one in found
    }


def decide(
    comment: UUID, *, org: UUID, educator: UUID, decision: ReviewDecision, words: Mapping[str, Any] | None = None
) -> About:
    """The decision is the newest about this comment. An edit changes what `words` names of what is read now, and keeps the rest.

    Raises NotFound for a comment that the acting role cannot see, or that a newer reading has replaced.
    """
    held = _find(comment, org=org)
    key = author_key(held, org=org)
    review = new_ids(1)[0]
    body = None
    if decision == "edited":
        now = _edited(held["edited"], held["review_id"], org=org, key=key) or _made(held, org=org, key=key)
        changed = {**now, **(words or {})}
        body = key.seal(json.dumps(changed, ensure_ascii=False), place=_body(org, review))
    run(
        """
        insert into feedback_reviews (id, org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision, body)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (review, org, comment, held["submission_id"], held["user_id"], held["audience_id"], educator, decision, body),
    )
    return About(submission=held["submission_id"], user=held["user_id"])


def react(comment: UUID, *, org: UUID, reaction: str, note: str | None) -> datetime:
    """The student's reaction to this comment is this one; returns since when. Call it as ec_student.

    Raises NotFound for a comment that is not theirs, not released, rejected by an educator, or replaced by a newer reading.
    """
    held = _for_student(comment, org=org)
    sealed = None if note is None else author_key(held, org=org).seal(note, place=_note(org, comment))
    stored = row(
        """
        insert into feedback_reactions (org_id, feedback_id, user_id, submission_id, audience_id, reaction, note)
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (org_id, feedback_id, user_id)
            do update set reaction = excluded.reaction, note = excluded.note, created_at = now()
        returning created_at
        """,
        (org, comment, held["user_id"], held["submission_id"], held["audience_id"], reaction, sealed),
    )
    assert stored is not None
    moment: datetime = stored["created_at"]
    return moment


def withdraw(comment: UUID, *, org: UUID) -> None:
    """The student has no reaction to this comment. Call it as ec_student. Raises NotFound like `react`."""
    held = _for_student(comment, org=org)
    run(
        "delete from feedback_reactions where org_id = %s and feedback_id = %s and user_id = %s",
        (org, comment, held["user_id"]),
    )


def _find(comment: UUID, *, org: UUID) -> dict[str, Any]:
    found = row(
        f"""
        select f.id, f.submission_id, f.user_id, f.audience_id, f.body, k.wrapped, k.master_key_id,
            r.id as review_id, r.decision, r.body as edited
        from feedback as f
        join user_keys as k on k.org_id = f.org_id and k.user_id = f.user_id
        {NEWEST_REVIEW}
        where f.org_id = %s and f.id = %s and f.superseded_at is null
        """,  # noqa: S608 - a constant
        (org, comment),
    )
    if found is None:
        raise NotFound("There is no such comment.")
    return found


def _for_student(comment: UUID, *, org: UUID) -> dict[str, Any]:
    held = _find(comment, org=org)
    if held["decision"] == "rejected":
        raise NotFound("There is no such comment.")
    return held


def _made(held: dict[str, Any], *, org: UUID, key: Key) -> dict[str, Any]:
    words = json.loads(key.open(held["body"], place=AssociatedData("feedback", "body", org, held["id"])))
    return {name: words[name] for name in WORDS}


def _edited(sealed: bytes | None, review: UUID | None, *, org: UUID, key: Key) -> dict[str, Any] | None:
    if sealed is None or review is None:
        return None
    words: dict[str, Any] = json.loads(key.open(sealed, place=_body(org, review)))
    return words


def _body(org: UUID, review: UUID) -> AssociatedData:
    return AssociatedData("feedback_reviews", "body", org, review)


def _note(org: UUID, comment: UUID) -> AssociatedData:
    return AssociatedData("feedback_reactions", "note", org, comment)
