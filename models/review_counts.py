"""What people made of comments, for fitting confidence and for comparing readers: counts over all orgs, decisions of one."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.db import rows, run


@dataclass(frozen=True, kw_only=True)
class ReviewCounts:
    """How often comments of one provider and pass, shown with about the same confidence, were found good. `bin` is twentieths."""

    provider: str
    pass_name: str
    bin: int
    accepted: int
    rejected: int
    helpful: int
    not_helpful: int


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A comment that an educator decided about, and where it stands in its version, in code points."""

    id: UUID
    submission: UUID
    pass_name: str
    places: tuple[tuple[int, int], ...]
    decision: str

    @property
    def right(self) -> bool:
        """Return whether the educator kept it, in its own or in other words."""
        return self.decision != "rejected"


def count_reviews() -> list[ReviewCounts]:
    """Return the counts over all orgs. Call it as the worker."""
    sums: dict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for found in rows("select provider, pass, bin, accepted, rejected, helpful, not_helpful from review_counts()"):
        one = sums[found["provider"], found["pass"], found["bin"]]
        one[:] = [
            a + int(found[name])
            for a, name in zip(one, ("accepted", "rejected", "helpful", "not_helpful"), strict=True)
        ]
    return [
        ReviewCounts(provider=provider, pass_name=name, bin=bin_, accepted=a, rejected=r, helpful=h, not_helpful=n)
        for (provider, name, bin_), (a, r, h, n) in sorted(sums.items())
    ]


def list_decided(*, org: UUID, until: datetime) -> list[Decided]:
    """Return the comments whose words stand in a text and that were decided about by that moment, in the order of their ids.

    The newest decision of the time counts. Educators' own comments and tried rubrics are left out. Call it as the worker.
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
            id=one["id"],
            submission=one["submission_id"],
            pass_name=one["pass"],
            places=(
                (one["span_start"], one["span_end"]), *zip(one["also_at"][::2], one["also_at"][1::2], strict=True),
            ),
            decision=one["decision"],
        )
        for one in found
    ]  # fmt: skip


def list_orgs_with_people() -> list[UUID]:
    """Return the orgs that have people. Call it as ec_keys: a worker sees no org before it acts for it."""
    return [found["org_id"] for found in rows("select distinct org_id from user_keys order by org_id")]


def approve_model(
    *, org: UUID, pass_name: str, provider: str, model: str, prompt_version: str, report: dict[str, Any]
) -> None:
    """It is on record that this reader was compared with the reviewed comments and found no worse."""
    run(
        "insert into blessings (org_id, pass, provider, model, prompt_version, report) values (%s, %s, %s, %s, %s, %s)",
        (org, pass_name, provider, model, prompt_version, json.dumps(report)),
    )
