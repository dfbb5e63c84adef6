"""Comments and criterion results: stored with their pass, read with quotes that are cut from the text of the version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from models import rubric_totals
from models.crypto import AssociatedData, Ciphertext, Key
from models.db import rows, run, run_many
from models.errors import NotReady
from models.essays import embedded_pictures, fetch_status, fetch_text, is_read
from models.jobs import PASS_ORDER, PassName
from models.passes import Claim

# The order in which a student should think about an essay: its sense before its words.
SENSE_FIRST = [str(name) for name in (PassName.STRUCTURE, PassName.CONTENT, PassName.GRAMMAR)]
CONTEXT = 32  # code points of the essay shown on each side of a quote


@dataclass(frozen=True, kw_only=True)
class CommentDraft:
    """A comment that is ready to be stored. Without a span (`match` "none"), `quote` keeps the words the model claimed."""

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
    # Who made the comment. Empty means the provider and model of the pass; None means an educator.
    provider: str | None = ""
    model: str | None = ""
    educator: UUID | None = None
    carried_from: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class ResultDraft:
    """The level chosen for a criterion, with points already looked up in the rubric."""

    criterion: UUID
    level: str
    points: int
    max_points: int
    confidence: float
    rationale: str
    evidence: tuple[int, ...] = field(default=())  # positions in the list of comments


@dataclass(frozen=True, kw_only=True)
class Author:
    """The author of the text that comments are about, and who else may read them."""

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
    """Store the pass's comments in the given order, and its criterion results, with encrypted texts.

    Supersede what this pass said about this version before, except an educator's own comments. `resolutions` maps each
    comment of the earlier draft to what became of it.
    """
    new = rows(
        "select id from supersede_feedback(%s, %s, %s, %s) as id",
        (held.org, held.submission, held.name, len(comments) + len(results)),
    )
    ids = [one["id"] for one in new]
    comment_ids, result_ids = ids[: len(comments)], ids[len(comments) :]
    for resolution in sorted(set((resolutions or {}).values())):
        resolved = [comment for comment, value in (resolutions or {}).items() if value == resolution]
        run("update feedback set resolution = %s where org_id = %s and id = any (%s)", (resolution, held.org, resolved))
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
                comment.carried_from, _seal_body(comment, key, held.org, comment_id),
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


def list_types() -> list[dict[str, Any]]:
    """Return every type of comment (`slug`, `pass`, `name`), by pass and name."""
    return rows(
        "select slug, pass, name from feedback_types order by array_position(%s, pass), name, slug", (PASS_ORDER,)
    )


def fetch(submission: UUID, *, org: UUID, released_only: bool) -> dict[str, Any]:
    """Return the feedback of the passes that are done, with every quote cut from the stored text.

    A version that no machine reads has only what a teacher wrote. Raises NotFound, and NotReady while no pass is done or,
    with `released_only`, while the feedback is not released.
    """
    passes = fetch_status(submission, org=org)
    if released_only and not passes[0]["released"]:
        raise NotReady("The feedback has not been released yet.")
    summaries = rows(
        """
        select id, name, provider, summary from passes where org_id = %s and submission_id = %s and state = 'done'
        order by array_position(%s, name)
        """,
        (org, submission, SENSE_FIRST),
    )
    # While a pass runs again, its earlier comments stay valid.
    comments = rows("select * from submission_comments(%s, %s)", (submission, PASS_ORDER))
    if is_read(passes) and not (summaries or comments):
        if passes[0]["completed_at"] is not None:
            raise NotReady("No pass gave a result; the status says why.", ever=False)
        raise NotReady("No pass has finished yet.")
    text, key, header = fetch_text(submission, org=org)
    results = rows("select * from submission_results(%s)", (submission,))
    total = rubric_totals.add_up(results, org=org)
    decrypted = [
        json.loads(key.open(summary["summary"], place=AssociatedData("passes", "summary", org, summary["id"])))
        for summary in summaries
    ]
    summary = {
        name: list(dict.fromkeys(point for part in decrypted for point in part[name]))
        for name in ("strengths", "not_checked")
    }
    # One next step of each pass. Summaries stored by older releases have up to three.
    summary["next_steps"] = list(dict.fromkeys(point for part in decrypted for point in part["next_steps"][:1]))
    if pictures := passes[0]["pictures_left_out"]:
        summary["not_checked"].insert(0, f"{embedded_pictures(pictures)} in the text, because only words are read")
    return {
        "header": header,
        "status": passes[0]["status"],
        "summary": summary,
        "notes": list(dict.fromkeys(point for summary in decrypted for point in summary.get("notes", ()))),
        "points": total.points,
        "max_points": total.max_points,
        "comments": [_decrypt_comment(comment, text, key, org) for comment in comments],
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
    """Encrypt a pass's summary for its row and return it; `notes` are for educators only."""
    summary = {"strengths": strengths, "next_steps": next_steps, "not_checked": not_checked, "notes": notes}
    plain = json.dumps(summary, ensure_ascii=False)
    return key.seal(plain, place=AssociatedData("passes", "summary", held.org, held.id))


def _seal_body(comment: CommentDraft, key: Key, org: UUID, comment_id: UUID) -> Ciphertext:
    words = {"message": comment.message, "next_step": comment.next_step, "suggestions": comment.suggestions}
    if comment.span is None:
        words["quote"] = comment.quote
    return key.seal(json.dumps(words, ensure_ascii=False), place=AssociatedData("feedback", "body", org, comment_id))


def _decrypt_comment(comment: dict[str, Any], text: str, key: Key, org: UUID) -> dict[str, Any]:
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
    """Return a comment's place with its quote and context cut from the text; without a place, the quote the model claimed."""
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
