"""What reviewers decided about comments, for calibrating confidence (counts over all orgs) and comparing models (one org)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.db import rows, run


@dataclass(frozen=True, kw_only=True)
class ReviewCounts:
    """How reviewers judged the comments of one provider and pass with similar confidence. `bin` is that confidence * 20, floored."""

    provider: str
    pass_name: str
    bin: int
    accepted: int
    rejected: int
    helpful: int
    not_helpful: int


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A comment with an educator's decision, and its places in the text of its version, in code points."""

    id: UUID
    submission: UUID
    pass_name: str
    places: tuple[tuple[int, int], ...]
    decision: str

    @property
    def right(self) -> bool:
        """Return whether the educator kept the comment, edited or not."""
        return self.decision != "rejected"


@dataclass(frozen=True, kw_only=True)
class Approved:
    """A model and prompt version (or the local engine's rules) that an org has approved for one pass."""

    provider: str
    model: str
    prompt_version: str


def count_reviews() -> list[ReviewCounts]:
    """Return the counts over all orgs, one for each provider, pass and bin. Call it as the worker."""
    sums: dict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for record in rows("select provider, pass, bin, accepted, rejected, helpful, not_helpful from review_counts()"):
        counts = sums[record["provider"], record["pass"], record["bin"]]
        counts[:] = [
            a + int(record[name])
            for a, name in zip(counts, ("accepted", "rejected", "helpful", "not_helpful"), strict=True)
        ]
    return [
        ReviewCounts(provider=provider, pass_name=name, bin=bin_, accepted=a, rejected=r, helpful=h, not_helpful=n)
        for (provider, name, bin_), (a, r, h, n) in sorted(sums.items())
    ]


def list_decided(*, org: UUID, until: datetime) -> list[Decided]:
    """Return the comments that have a place in the text and a decision made no later than `until`, in the order of their ids.

    The newest decision up to that time counts. Leave out educators' own comments and rubric previews. Call it as the worker.
    """
    found = rows(
        """
        select f.id, f.submission_id, f.pass, f.span_start, f.span_end, f.also_at, v.decision
        from feedback as f
        join essays as e on e.org_id = f.org_id and e.id = f.essay_id and e.trial_until is null
        join lateral (
            select r.decision from feedback_reviews as r
            where r.org_id = f.org_id and r.feedback_id = f.id and r.created_at <= %s order by r.id desc limit 1
        ) as v on true
        where f.org_id = %s and f.provider is not null and f.span_start is not null and f.id in (
            select r.feedback_id from feedback_reviews as r where r.org_id = %s)
        order by f.id
        """,
        (until, org, org),
    )
    return [
        Decided(
            id=record["id"],
            submission=record["submission_id"],
            pass_name=record["pass"],
            places=(
                (record["span_start"], record["span_end"]), *zip(record["also_at"][::2], record["also_at"][1::2], strict=True),
            ),
            decision=record["decision"],
        )
        for record in found
    ]  # fmt: skip


def list_orgs_with_people() -> list[UUID]:
    """Return the orgs that have people. Call it as ec_keys: a worker sees no org before it acts for it."""
    return [found["org_id"] for found in rows("select distinct org_id from user_keys order by org_id")]


def approve_model(
    *, org: UUID, pass_name: str, provider: str, model: str, prompt_version: str, report: dict[str, Any]
) -> None:
    """Record that this model was compared with the reviewed comments and found no worse."""
    run(
        "insert into blessings (org_id, pass, provider, model, prompt_version, report) values (%s, %s, %s, %s, %s, %s)",
        (org, pass_name, provider, model, prompt_version, json.dumps(report)),
    )


def list_approved(*, org: UUID, pass_name: str, prompt_versions: Collection[str]) -> list[Approved]:
    """Return what the org has approved for this pass with one of these prompt versions, the newest first."""
    found = rows(
        """
        select provider, model, prompt_version from blessings
        where org_id = %s and pass = %s and prompt_version = any (%s) order by id desc
        """,
        (org, pass_name, list(prompt_versions)),
    )
    return list(dict.fromkeys(Approved(**one) for one in found))
