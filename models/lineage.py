"""Comments across drafts: the feedback on the previous draft, and what became of each comment since.

A comment stores what became of it in `resolution`, which is decided when the next draft is read. A comment that still
applies has a row in the next draft with `carried_from`; following this chain leads to its final resolution.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData, Key
from models.db import row, rows
from models.errors import NotFound
from models.essays import READING_OFF
from models.feedback import CommentDraft, span_of
from models.jobs import PASS_ORDER
from models.reviews import NEWEST_REVIEW
from models.users import unwrap_key


@dataclass(frozen=True, kw_only=True)
class PreviousComment:
    """A comment on an earlier draft: with an educator's words when it was `edited`; `rejected` when an educator rejected it."""

    id: UUID
    draft: CommentDraft
    rejected: bool
    edited: bool


@dataclass(frozen=True, kw_only=True)
class PreviousPick:
    """A level chosen for an earlier draft, with the `rationale` decrypted."""

    criterion: str
    level: str
    rationale: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class EarlierReading:
    """The result of the same pass for an earlier draft: what a machine said, or only what a teacher wrote.

    `provider` and `model` are empty where no machine read that draft.
    """

    text: str
    basis: bytes | None
    provider: str
    model: str
    comments: tuple[PreviousComment, ...]
    picks: tuple[PreviousPick, ...]
    strengths: tuple[str, ...]
    next_steps: tuple[str, ...]


def fetch_earlier(submission: UUID, pass_name: str, *, org: UUID, key: Key) -> EarlierReading | None:
    """Return what was said about the newest earlier draft that this pass has read, or None. Call it as the worker.

    A draft that no machine read counts where a teacher commented on it under this pass.
    """
    found = row(
        """
        select b.id, b.text, p.id as pass_id, coalesce(p.provider, '') as provider, coalesce(p.model, '') as model, p.basis,
            case when p.state = 'done' then p.summary end as summary
        from submissions as s
        join submissions as b on b.org_id = s.org_id and b.essay_id = s.essay_id and b.version < s.version
        left join passes as p on p.org_id = b.org_id and p.submission_id = b.id and p.name = %(pass)s
        where s.org_id = %(org)s and s.id = %(submission)s and s.version > 1 and (p.state = 'done' or (
            (p.id is null or p.state = 'cancelled' and p.error = %(off)s and p.provider is null) and exists (
                select from feedback as f
                where f.org_id = b.org_id and f.submission_id = b.id and f.pass = %(pass)s and f.superseded_at is null)))
        order by b.version desc limit 1
        """,
        {"pass": pass_name, "org": org, "submission": submission, "off": READING_OFF},
    )
    if found is None:
        return None
    summary = {"strengths": (), "next_steps": ()}
    if found["summary"] is not None:
        summary = json.loads(
            key.open(found["summary"], place=AssociatedData("passes", "summary", org, found["pass_id"]))
        )
    return EarlierReading(
        text=key.open(found["text"], place=AssociatedData("submissions", "text", org, found["id"])),
        basis=bytes(found["basis"]) if found["basis"] is not None else None,
        provider=found["provider"],
        model=found["model"],
        comments=_previous_comments(found["id"], pass_name, org, key),
        picks=_previous_picks(found["id"], pass_name, org, key),
        strengths=tuple(summary["strengths"]),
        next_steps=tuple(summary["next_steps"]),
    )


def _previous_comments(submission: UUID, pass_name: str, org: UUID, key: Key) -> tuple[PreviousComment, ...]:
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
    return tuple(_previous_comment(record, org, key) for record in found)


def _previous_comment(record: dict[str, Any], org: UUID, key: Key) -> PreviousComment:
    words = json.loads(key.open(record["body"], place=AssociatedData("feedback", "body", org, record["id"])))
    if record["edited"] is not None:
        words |= json.loads(
            key.open(record["edited"], place=AssociatedData("feedback_reviews", "body", org, record["review_id"]))
        )
    places = record["also_at"]
    draft = CommentDraft(
        type=record["type"],
        kind=record["kind"],
        severity=record["severity"],
        match=record["match"],
        span=None if record["span_start"] is None else (record["span_start"], record["span_end"]),
        quote=words.get("quote", ""),
        message=words["message"],
        next_step=words["next_step"],
        suggestions=tuple(words["suggestions"]),
        confidence=float(record["confidence"]),
        confidence_basis=record["confidence_basis"],
        origin=record["origin"],
        also_at=tuple(zip(places[::2], places[1::2], strict=True)),
        criterion=record["criterion"],
        provider=record["provider"],
        model=record["model"],
        educator=record["educator_id"],
        carried_from=record["id"],
    )
    return PreviousComment(
        id=record["id"], draft=draft, rejected=record["decision"] == "rejected", edited=record["edited"] is not None
    )


def _previous_picks(submission: UUID, pass_name: str, org: UUID, key: Key) -> tuple[PreviousPick, ...]:
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
            criterion=record["name"],
            level=record["level"],
            rationale=key.open(
                record["rationale"], place=AssociatedData("criterion_results", "rationale", org, record["id"])
            ),
            confidence=float(record["confidence"]),
        )
        for record in found
    )


def fetch_progress(essay: UUID, *, org: UUID, released_only: bool) -> dict[str, Any]:
    """Return what became of every comment on earlier drafts in the newest one, oldest draft first.

    A comment that was carried over appears once, as it was first made. With `released_only`, leave out drafts whose feedback
    is not released, and comments that an educator rejected. Raises NotFound.
    """
    header = row(
        """
        select e.id, e.user_id, e.newest_submission_id, s.version, s.status, k.wrapped, k.master_key_id
        from essays as e
        join submissions as s on s.org_id = e.org_id and s.id = e.newest_submission_id
        left join user_keys as k on k.org_id = e.org_id and k.user_id = e.user_id
        where e.org_id = %s and e.id = %s
        """,
        (org, essay),
    )
    if header is None:
        raise NotFound("There is no such essay.")
    key = unwrap_key(header, org=org, user=header["user_id"])
    versions = rows(
        """
        select s.id, s.version, s.text from submissions as s
        where s.org_id = %s and s.essay_id = %s and (not %s or s.released_at is not null) order by s.version
        """,
        (org, essay, released_only),
    )
    texts = {
        record["id"]: key.open(record["text"], place=AssociatedData("submissions", "text", org, record["id"]))
        for record in versions
    }
    comments = rows(
        f"""
        select f.id, f.submission_id, s.version, f.pass, f.type, f.kind, f.severity, f.match, f.span_start, f.span_end,
            f.resolution, f.carried_from, f.body, r.id as review_id, r.decision, r.body as edited
        from feedback as f
        join submissions as s on s.org_id = f.org_id and s.id = f.submission_id
        {NEWEST_REVIEW}
        where f.org_id = %s and f.essay_id = %s and f.superseded_at is null and f.submission_id = any (%s)
        order by s.version, array_position(%s, f.pass), f.priority, f.id
        """,  # noqa: S608 - a constant
        (org, essay, list(texts), PASS_ORDER),
    )
    if released_only:
        comments = [record for record in comments if record["decision"] != "rejected"]
    carried_over = {record["carried_from"]: record for record in comments if record["carried_from"]}
    ids = {record["id"] for record in comments}
    read_by = _versions_read(essay, org)
    found = [
        _comment_progress(
            record, carried_over, texts, key, org, read=read_by.get(record["pass"], []), newest=header["version"]
        )
        for record in comments
        if record["version"] < header["version"] and record["carried_from"] not in ids
    ]
    return {
        "essay_id": essay,
        "user_id": header["user_id"],
        "submission_id": header["newest_submission_id"],
        "version": header["version"],
        "status": header["status"],
        "counts": {
            name: sum(record["resolution"] == name for record in found)
            for name in ("addressed", "persisting", "moot", "open")
        },
        "new_comments": sum(
            record["version"] == header["version"] and record["carried_from"] not in ids for record in comments
        ),
        "comments": found,
    }


def _versions_read(essay: UUID, org: UUID) -> dict[str, list[int]]:
    """Return the versions that each pass has read, oldest first."""
    found = rows(
        """
        select p.name, array_agg(s.version order by s.version) as versions
        from passes as p join submissions as s on s.org_id = p.org_id and s.id = p.submission_id
        where p.org_id = %s and p.essay_id = %s and p.state = 'done' group by p.name
        """,
        (org, essay),
    )
    return {record["name"]: record["versions"] for record in found}


def _comment_progress(
    first: dict[str, Any],
    carried_over: dict[UUID, dict[str, Any]],
    texts: dict[UUID, str],
    key: Key,
    org: UUID,
    *,
    read: list[int],
    newest: int,
) -> dict[str, Any]:
    last = first
    while last["resolution"] == "persisting" and last["id"] in carried_over and last["version"] < newest:
        last = carried_over[last["id"]]
    still_applies = last["version"] == newest and last is not first
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
        "resolution": "persisting" if still_applies else last["resolution"],
        "now": {"comment_id": last["id"], "span": span_of(last, texts[last["submission_id"]], words)}
        if still_applies
        else None,
        "decided_in_version": _deciding_version(last, read, still_applies=still_applies, newest=newest),
    }


def _deciding_version(last: dict[str, Any], read: list[int], *, still_applies: bool, newest: int) -> int | None:
    """Return the version with which the comment was resolved: the next that was read after the last that still had it."""
    if still_applies:
        return newest
    if last["resolution"] == "open":
        return None
    return next((version for version in read if version > last["version"]), min(last["version"] + 1, newest))
