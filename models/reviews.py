"""Reviews of comments: an educator accepts, edits or rejects a comment, and its student says whether it helped.

The stored comment does not change. The newest decision counts, and edited words are stored beside the original ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models import events
from models.crypto import AssociatedData, Key
from models.db import new_ids, row, rows, run
from models.errors import NotFound
from models.users import check_key_restored, unwrap_key

ReviewDecision = Literal["accepted", "edited", "rejected"]
# A join for a query of `feedback as f`: `r` is the newest decision about the comment, if there is one.
NEWEST_REVIEW = """
    left join lateral (
        select v.id, v.decision, v.body, v.educator_id, v.created_at from feedback_reviews as v
        where v.org_id = f.org_id and v.feedback_id = f.id order by v.id desc limit 1
    ) as r on true
"""
WORDS = ("message", "next_step", "suggestions")


@dataclass(frozen=True, kw_only=True)
class Review:
    """The newest decision about a comment. `words` (message, next_step, suggestions) is set when the comment was edited."""

    decision: ReviewDecision
    educator: UUID
    decided_at: datetime
    words: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class ReviewedComment:
    """The version that a comment is about, and the author of that version."""

    submission: UUID
    user: UUID


def author_key(header: Mapping[str, Any], *, org: UUID) -> Key:
    """Return the author's key from a row that has `user_id`, `wrapped` and `master_key_id`."""
    return unwrap_key(dict(header), org=org, user=header["user_id"])


def fetch_reviews(submission: UUID, *, org: UUID, key: Key) -> dict[UUID, Review]:
    """Return the newest decision about each reviewed comment of a version; `key` is the key of its author."""
    found = rows("select * from submission_reviews(%s)", (submission,))
    return {
        record["feedback_id"]: Review(
            decision=record["decision"],
            educator=record["educator_id"],
            decided_at=record["created_at"],
            words=edited_words(record["body"], record["id"], org=org, key=key),
        )
        for record in found
    }


def fetch_reactions(submission: UUID, *, org: UUID, key: Key) -> dict[UUID, dict[str, Any]]:
    """Return `reaction`, `note` and `created_at` for each comment that the student reacted to; `key` is the student's."""
    found = rows("select * from submission_reactions(%s)", (submission,))
    return {
        record["feedback_id"]: {
            "reaction": record["reaction"],
            "note": None
            if record["note"] is None
            else key.open(record["note"], place=_note_place(org, record["feedback_id"])),
            "created_at": record["created_at"],
        }
        for record in found
    }


def decide(
    comment: UUID, *, org: UUID, educator: UUID, decision: ReviewDecision, words: Mapping[str, Any] | None = None
) -> ReviewedComment:
    """Store a decision about this comment and return what it is about. An edit starts from the words of the newest decision.

    In an edit, `words` replaces the fields that it names and the others stay. Raises NotFound for a comment that the acting
    role cannot see, or that a newer run of the pass has replaced.
    """
    found = _find_comment(comment, org=org)
    key = author_key(found, org=org)
    review = new_ids(1)[0]
    body = None
    if decision == "edited":
        current = edited_words(found["edited"], found["review_id"], org=org, key=key) or _original_words(
            found, org=org, key=key
        )
        changed = {**current, **(words or {})}
        body = key.seal(json.dumps(changed, ensure_ascii=False), place=_body_place(org, review))
    run(
        """
        insert into feedback_reviews (id, org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision, body)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            review,
            org,
            comment,
            found["submission_id"],
            found["user_id"],
            found["audience_id"],
            educator,
            decision,
            body,
        ),
    )
    events.note("reviewed")
    return ReviewedComment(submission=found["submission_id"], user=found["user_id"])


def react(comment: UUID, *, org: UUID, reaction: str, note: str | None) -> datetime:
    """Store the student's reaction to this comment, in place of an earlier one, and return its time. Call it as ec_student.

    Raises NotFound for a comment that is not theirs, not released, rejected by an educator, or replaced by a newer run.
    """
    found = _find_for_student(comment, org=org)
    sealed = None if note is None else author_key(found, org=org).seal(note, place=_note_place(org, comment))
    stored = row(
        """
        insert into feedback_reactions (org_id, feedback_id, user_id, submission_id, audience_id, reaction, note)
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (org_id, feedback_id, user_id)
            do update set reaction = excluded.reaction, note = excluded.note, created_at = now()
        returning created_at
        """,
        (org, comment, found["user_id"], found["submission_id"], found["audience_id"], reaction, sealed),
    )
    assert stored is not None
    events.note("comment_judged", essay=found["essay_id"], submission=found["submission_id"])
    reacted_at: datetime = stored["created_at"]
    return reacted_at


def note_opened(comment: UUID, *, org: UUID) -> None:
    """Record that the student unfolded this comment. Call it as ec_student. Raises NotFound like `react`."""
    found = _find_for_student(comment, org=org)
    events.note("comment_opened", essay=found["essay_id"], submission=found["submission_id"])


def withdraw(comment: UUID, *, org: UUID) -> None:
    """Delete the student's reaction to this comment, if any. Call it as ec_student. Raises NotFound like `react`."""
    found = _find_for_student(comment, org=org)
    run(
        "delete from feedback_reactions where org_id = %s and feedback_id = %s and user_id = %s",
        (org, comment, found["user_id"]),
    )


def _find_comment(comment: UUID, *, org: UUID) -> dict[str, Any]:
    found = row(
        f"""
        select f.id, f.essay_id, f.submission_id, f.user_id, f.audience_id, f.body, k.wrapped, k.master_key_id,
            r.id as review_id, r.decision, r.body as edited
        from feedback as f
        left join user_keys as k on k.org_id = f.org_id and k.user_id = f.user_id
        {NEWEST_REVIEW}
        where f.org_id = %s and f.id = %s and f.superseded_at is null
        """,  # noqa: S608 - a constant
        (org, comment),
    )
    if found is not None and found["wrapped"] is None:
        check_key_restored(found["user_id"])
    if found is None or found["wrapped"] is None:
        raise NotFound("There is no such comment.")
    return found


def _find_for_student(comment: UUID, *, org: UUID) -> dict[str, Any]:
    found = _find_comment(comment, org=org)
    if found["decision"] == "rejected":
        raise NotFound("There is no such comment.")
    return found


def _original_words(found: dict[str, Any], *, org: UUID, key: Key) -> dict[str, Any]:
    words = json.loads(key.open(found["body"], place=AssociatedData("feedback", "body", org, found["id"])))
    return {name: words[name] for name in WORDS}


def edited_words(sealed: bytes | None, review: UUID | None, *, org: UUID, key: Key) -> dict[str, Any] | None:
    """Return the words of an edit from the `body` of a review; None when there is no review or it is no edit."""
    if sealed is None or review is None:
        return None
    words: dict[str, Any] = json.loads(key.open(sealed, place=_body_place(org, review)))
    return words


def _body_place(org: UUID, review: UUID) -> AssociatedData:
    return AssociatedData("feedback_reviews", "body", org, review)


def _note_place(org: UUID, comment: UUID) -> AssociatedData:
    return AssociatedData("feedback_reactions", "note", org, comment)
