"""Comments and criterion results: stored with their pass, read with their words cut from the version's own text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData, Ciphertext, Key
from models.db import new_ids, rows, run, run_many
from models.errors import NotReady
from models.essays import fetch_status, fetch_text
from models.passes import Claim

CONTEXT = 32  # code points of the essay shown on each side of a quote


@dataclass(frozen=True, kw_only=True)
class CommentDraft:
    """A comment ready to be stored. Without a span (`match` "none") `quote` keeps the words the model claimed."""

    type: str
    kind: str
    severity: str
    match: str
    span: tuple[int, int] | None
    quote: str
    message: str
    next_step: str
    suggestions: tuple[str, ...]
    confidence: float
    confidence_basis: str
    origin: str
    also_at: tuple[tuple[int, int], ...] = ()
    criterion: str | None = None
    # Who said it, where that is another than the pass's provider; both None for an educator's own comment.
    provider: str | None = ""
    model: str | None = ""
    educator: UUID | None = None
    carried_from: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class ResultDraft:
    """The level picked for a criterion, with points already looked up in the rubric."""

    criterion: UUID
    level: str
    points: int
    max_points: int
    confidence: float
    rationale: str
    evidence: tuple[int, ...] = field(default=())  # positions in the list of comments


@dataclass(frozen=True, kw_only=True)
class Author:
    """Whose writing a comment is about, and who else may read it."""

    user: UUID
    audience: UUID
    essay: UUID
    characters: int


def store(
    held: Claim,
    *,
    author: Author,
    key: Key,
    provider: str,
    model: str,
    comments: list[CommentDraft],
    results: list[ResultDraft],
    resolutions: Mapping[UUID, str] | None = None,
) -> None:
    """Store the pass's comments in the given order, and its criterion results. Texts are encrypted.

    What this pass said of this version before is superseded, except an educator's own comments. `resolutions` says what
    became of each comment of the earlier draft.
    """
    this = (held.org, held.submission, held.name)
    run(
        """
        update feedback set superseded_at = now()
        where org_id = %s and submission_id = %s and pass = %s and superseded_at is null
            and (origin <> 'educator' or carried_from is not null)
        """,
        this,
    )
    run(
        """
        update criterion_results set superseded_at = now()
        where org_id = %s and submission_id = %s and pass = %s and superseded_at is null
        """,
        this,
    )
    for resolution in sorted(set((resolutions or {}).values())):
        decided = [comment for comment, one in (resolutions or {}).items() if one == resolution]
        run("update feedback set resolution = %s where org_id = %s and id = any (%s)", (resolution, held.org, decided))
    ids = new_ids(len(comments) + len(results))
    comment_ids, result_ids = ids[: len(comments)], ids[len(comments) :]
    run_many(
        """
        insert into feedback (id, org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, kind, severity,
            priority, match, span_start, span_end, also_at, criterion, confidence, confidence_basis, origin, provider, model,
            educator_id, resolution, carried_from, body)
        values %s
        """,
        [
            (
                comment_id, held.org, held.submission, author.characters, author.essay, author.user, author.audience, held.name,
                comment.type, comment.kind, comment.severity, priority, comment.match, *(comment.span or (None, None)),
                [offset for place in comment.also_at for offset in place], comment.criterion, round(comment.confidence, 3),
                comment.confidence_basis, comment.origin, provider if comment.provider == "" else comment.provider,
                model if comment.model == "" else comment.model, comment.educator, "persisting" if comment.carried_from else "open",
                comment.carried_from, _sealed(comment, key, held.org, comment_id),
            )
            for priority, (comment_id, comment) in enumerate(zip(comment_ids, comments, strict=True), start=1)
        ],
    )  # fmt: skip
    run_many(
        """
        insert into criterion_results (id, org_id, submission_id, user_id, audience_id, criterion_id, pass, level, points, max_points,
            confidence, evidence, rationale)
        values %s
        """,
        [
            (
                result_id, held.org, held.submission, author.user, author.audience, result.criterion, held.name, result.level,
                result.points, result.max_points, round(result.confidence, 3), [comment_ids[n] for n in result.evidence],
                key.seal(result.rationale, place=AssociatedData("criterion_results", "rationale", held.org, result_id)),
            )
            for result_id, result in zip(result_ids, results, strict=True)
        ],
    )  # fmt: skip


def fetch(submission: UUID, *, org: UUID, released_only: bool) -> dict[str, Any]:
    """Return what the passes that are done have to say, with every quote cut from the stored text.

    Raises NotFound, and NotReady while no pass is done or (with `released_only`) the feedback is held back.
    """
    passes = fetch_status(submission, org=org)
    if released_only and not passes[0]["released"]:
        raise NotReady("The feedback has not been released yet.")
    summaries = rows(
        "select id, name, provider, summary from passes where org_id = %s and submission_id = %s and state = 'done'",
        (org, submission),
    )
    # What proves no place in the text comes last. While a pass is run again, what it said before still stands.
    comments = rows(
        """
        select id, pass, type, kind, severity, priority, match, span_start, span_end, also_at, criterion, confidence, confidence_basis,
            origin, provider, model, educator_id, resolution, carried_from, body
        from feedback where org_id = %s and submission_id = %s and superseded_at is null
        order by match = 'none', array_position(array['grammar', 'structure', 'content'], pass), priority, id
        """,
        (org, submission),
    )
    if not (summaries or comments):
        if passes[0]["completed_at"] is not None:
            raise NotReady("No pass gave a result; the status says why.", ever=False)
        raise NotReady("No pass has finished yet.")
    text, key, header = fetch_text(submission, org=org)
    results = rows(
        """
        select r.id, c.name as criterion, r.level, r.points, r.max_points, r.rationale, r.evidence, r.confidence
        from criterion_results as r join rubric_criteria as c on c.org_id = r.org_id and c.id = r.criterion_id
        where r.org_id = %s and r.submission_id = %s and r.superseded_at is null order by c.position, r.pass
        """,
        (org, submission),
    )
    opened = [
        json.loads(key.open(one["summary"], place=AssociatedData("passes", "summary", org, one["id"])))
        for one in summaries
    ]
    return {
        "header": header,
        "status": passes[0]["status"],
        "summary": {
            name: list(dict.fromkeys(point for one in opened for point in one[name]))
            for name in ("strengths", "next_steps", "not_checked")
        },
        "notes": list(dict.fromkeys(point for one in opened for point in one.get("notes", ()))),
        "comments": [_readable(comment, text, key, org) for comment in comments],
        "criteria": [
            {
                **result,
                "rationale": key.open(
                    result["rationale"], place=AssociatedData("criterion_results", "rationale", org, result["id"])
                ),
            }
            for result in results
        ],
    }


def seal_summary(
    held: Claim,
    *,
    key: Key,
    strengths: tuple[str, ...],
    next_steps: tuple[str, ...],
    not_checked: tuple[str, ...],
    notes: tuple[str, ...] = (),
) -> Ciphertext:
    """Return a pass's summary encrypted for its row; `notes` are for educators only."""
    said = {"strengths": strengths, "next_steps": next_steps, "not_checked": not_checked, "notes": notes}
    plain = json.dumps(said, ensure_ascii=False)
    return key.seal(plain, place=AssociatedData("passes", "summary", held.org, held.id))


def _sealed(comment: CommentDraft, key: Key, org: UUID, comment_id: UUID) -> Ciphertext:
    words = {"message": comment.message, "next_step": comment.next_step, "suggestions": comment.suggestions}
    if comment.span is None:
        words["quote"] = comment.quote
    return key.seal(json.dumps(words, ensure_ascii=False), place=AssociatedData("feedback", "body", org, comment_id))


def _readable(comment: dict[str, Any], text: str, key: Key, org: UUID) -> dict[str, Any]:
    words = json.loads(key.open(comment["body"], place=AssociatedData("feedback", "body", org, comment["id"])))
    places = comment["also_at"]
    return {
        **comment,
        "span": span_of(comment, text, words),
        "also_at": [{"start": a, "end": b} for a, b in zip(places[::2], places[1::2], strict=True)],
        "message": words["message"],
        "next_step": words["next_step"],
        "suggestions": words["suggestions"],
    }


def span_of(comment: Mapping[str, Any], text: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """Return a comment's place with its words cut from the version's text; without one, the words the model claimed."""
    start, end = comment["span_start"], comment["span_end"]
    if start is None:
        place = {"start": 0, "end": 0, "quote": words["quote"], "prefix": "", "suffix": ""}
    else:
        place = {
            "start": start,
            "end": end,
            "quote": text[start:end],
            "prefix": text[max(0, start - CONTEXT) : start],
            "suffix": text[end : end + CONTEXT],
        }
    return {**place, "unit": "code_points", "match": comment["match"]}
