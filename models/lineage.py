"""Comments across drafts: what the last draft was told, and what became of each comment since.

A comment keeps what became of it in `resolution`, decided when the next draft is read. One that still stands has a row in the
next draft with `carried_from`, so that its later fate is found by following the chain.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData, Key
from models.db import row, rows
from models.errors import NotFound
from models.feedback import CommentDraft, span_of
from models.reviews import NEWEST_REVIEW
from models.users import unwrapped


@dataclass(frozen=True, kw_only=True)
class PreviousComment:
    """A comment on an earlier draft as it now reads: with an educator's words where it was `edited`; `rejected`: not wanted."""

    id: UUID
    draft: CommentDraft
    rejected: bool
    edited: bool


@dataclass(frozen=True, kw_only=True)
class PreviousPick:
    """A level picked on an earlier draft; `rationale` in the clear."""

    criterion: str
    level: str
    rationale: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class EarlierReading:
    """The same reading of the newest earlier draft for which it ended well."""

    text: str
    basis: bytes | None
    provider: str
    model: str
    comments: tuple[PreviousComment, ...]
    picks: tuple[PreviousPick, ...]
    strengths: tuple[str, ...]
    next_steps: tuple[str, ...]


def fetch_earlier(submission: UUID, pass_name: str, *, org: UUID, key: Key) -> EarlierReading | None:
    """Return what this reading said of the draft before this one, or None when there is none. Call it as the worker."""
    found = row(
        """
        select b.id, b.text, p.id as pass_id, p.provider, p.model, p.basis, p.summary
        from submissions as s
        join submissions as b on b.org_id = s.org_id and b.essay_id = s.essay_id and b.version < s.version
        join passes as p on p.org_id = b.org_id and p.submission_id = b.id and p.name = %s and p.state = 'done'
        where s.org_id = %s and s.id = %s and s.version > 1
        order by b.version desc limit 1
        """,
        (pass_name, org, submission),
    )
    if found is None:
        return None
    summary = json.loads(key.open(found["summary"], place=AssociatedData("passes", "summary", org, found["pass_id"])))
    return EarlierReading(
        text=key.open(found["text"], place=AssociatedData("submissions", "text", org, found["id"])),
        basis=bytes(found["basis"]) if found["basis"] is not None else None,
        provider=found["provider"],
        model=found["model"],
        comments=_comments(found["id"], pass_name, org, key),
        picks=_picks(found["id"], pass_name, org, key),
        strengths=tuple(summary["strengths"]),
        next_steps=tuple(summary["next_steps"]),
    )


def _comments(submission: UUID, pass_name: str, org: UUID, key: Key) -> tuple[PreviousComment, ...]:
    found = rows(
        f"""
        select f.id, f.type, f.kind, f.severity, f.match, f.span_start, f.span_end, f.also_at, f.criterion, f.confidence,
            f.confidence_basis, f.origin, f.provider, f.model, f.educator_id, f.body, r.id as review_id, r.decision, r.body as edited
        from feedback as f
        {NEWEST_REVIEW}
        where f.org_id = %s and f.submission_id = %s and f.pass = %s and f.superseded_at is null
        order by f.priority, f.id
        """,  # noqa: S608 - a constant
        (org, submission, pass_name),
    )
    return tuple(_previous_comments(one, org, key) for one in found)


def _previous_comments(one: dict[str, Any], org: UUID, key: Key) -> PreviousComment:
    words = json.loads(key.open(one["body"], place=AssociatedData("feedback", "body", org, one["id"])))
    if one["edited"] is not None:
        words |= json.loads(
            key.open(one["edited"], place=AssociatedData("feedback_reviews", "body", org, one["review_id"]))
        )
    places = one["also_at"]
    draft = CommentDraft(
        type=one["type"],
        kind=one["kind"],
        severity=one["severity"],
        match=one["match"],
        span=None if one["span_start"] is None else (one["span_start"], one["span_end"]),
        quote=words.get("quote", ""),
        message=words["message"],
        next_step=words["next_step"],
        suggestions=tuple(words["suggestions"]),
        confidence=float(one["confidence"]),
        confidence_basis=one["confidence_basis"],
        origin=one["origin"],
        also_at=tuple(zip(places[::2], places[1::2], strict=True)),
        criterion=one["criterion"],
        provider=one["provider"],
        model=one["model"],
        educator=one["educator_id"],
        carried_from=one["id"],
    )
    return PreviousComment(
        id=one["id"], draft=draft, rejected=one["decision"] == "rejected", edited=one["edited"] is not None
    )


def _picks(submission: UUID, pass_name: str, org: UUID, key: Key) -> tuple[PreviousPick, ...]:
    found = rows(
        """
        select r.id, c.name, r.level, r.rationale, r.confidence
        from criterion_results as r join rubric_criteria as c on c.org_id = r.org_id and c.id = r.criterion_id
        where r.org_id = %s and r.submission_id = %s and r.pass = %s and r.superseded_at is null order by c.position
        """,
        (org, submission, pass_name),
    )
    return tuple(
        PreviousPick(
            criterion=one["name"],
            level=one["level"],
            rationale=key.open(
                one["rationale"], place=AssociatedData("criterion_results", "rationale", org, one["id"])
            ),
            confidence=float(one["confidence"]),
        )
        for one in found
    )


def fetch_progress(essay: UUID, *, org: UUID, released_only: bool) -> dict[str, Any]:
    """Return what became of every comment on earlier drafts in the newest one, oldest draft first.

    A comment that was carried along is there once, as it was first made. With `released_only` drafts whose feedback is held back
    are left out, and so are comments an educator rejected. Raises NotFound.
    """
    header = row(
        """
        select e.id, e.user_id, e.newest_submission_id, s.version, s.status, k.wrapped, k.master_key_id
        from essays as e
        join submissions as s on s.org_id = e.org_id and s.id = e.newest_submission_id
        join user_keys as k on k.org_id = e.org_id and k.user_id = e.user_id
        where e.org_id = %s and e.id = %s
        """,
        (org, essay),
    )
    if header is None:
        raise NotFound("There is no such essay.")
    key = unwrapped(header, org=org, user=header["user_id"])
    versions = rows(
        """
        select s.id, s.version, s.text from submissions as s
        where s.org_id = %s and s.essay_id = %s and (not %s or s.released_at is not null) order by s.version
        """,
        (org, essay, released_only),
    )
    texts = {
        one["id"]: key.open(one["text"], place=AssociatedData("submissions", "text", org, one["id"]))
        for one in versions
    }
    comments = rows(
        f"""
        select f.id, f.submission_id, s.version, f.pass, f.type, f.kind, f.severity, f.match, f.span_start, f.span_end,
            f.resolution, f.carried_from, f.body, r.id as review_id, r.decision, r.body as edited
        from feedback as f
        join submissions as s on s.org_id = f.org_id and s.id = f.submission_id
        {NEWEST_REVIEW}
        where f.org_id = %s and f.essay_id = %s and f.superseded_at is null and f.submission_id = any (%s)
        order by s.version, array_position(array['grammar', 'structure', 'content'], f.pass), f.priority, f.id
        """,  # noqa: S608 - a constant
        (org, essay, list(texts)),
    )
    if released_only:
        comments = [one for one in comments if one["decision"] != "rejected"]
    children = {one["carried_from"]: one for one in comments if one["carried_from"]}
    ids = {one["id"] for one in comments}
    found = [
        _resolution(one, children, texts, key, org, newest=header["version"])
        for one in comments
        if one["version"] < header["version"] and one["carried_from"] not in ids
    ]
    return {
        "essay_id": essay,
        "user_id": header["user_id"],
        "submission_id": header["newest_submission_id"],
        "version": header["version"],
        "status": header["status"],
        "counts": {
            name: sum(one["resolution"] == name for one in found)
            for name in ("addressed", "persisting", "moot", "open")
        },
        "new_comments": sum(one["version"] == header["version"] and one["carried_from"] not in ids for one in comments),
        "comments": found,
    }


def _resolution(
    first: dict[str, Any],
    children: dict[UUID, dict[str, Any]],
    texts: dict[UUID, str],
    key: Key,
    org: UUID,
    *,
    newest: int,
) -> dict[str, Any]:
    last = first
    while last["resolution"] == "persisting" and last["id"] in children and last["version"] < newest:
        last = children[last["id"]]
    stands = last["version"] == newest and last is not first
    words = json.loads(key.open(first["body"], place=AssociatedData("feedback", "body", org, first["id"])))
    if first["edited"] is not None:
        words |= json.loads(
            key.open(first["edited"], place=AssociatedData("feedback_reviews", "body", org, first["review_id"]))
        )
    return {
        **{name: first[name] for name in ("id", "submission_id", "version", "pass", "type", "kind", "severity")},
        "span": span_of(first, texts[first["submission_id"]], words),
        "message": words["message"],
        "next_step": words["next_step"],
        "resolution": "persisting" if stands else last["resolution"],
        "now": {"comment_id": last["id"], "span": span_of(last, texts[last["submission_id"]], words)}
        if stands
        else None,
        # The draft that decided: the one after the last that still had it.
        "decided_in_version": None
        if last["resolution"] == "open" and not stands
        else min(last["version"] + (not stands), newest),
    }
