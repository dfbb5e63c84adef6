"""Lists for educators: comments that wait for a decision, comments that have one, and comments that students disagree with.

`review_items` has one row for each comment of the first two lists; triggers keep it. Each list is read in the order of an index,
so a page costs what it shows, however many comments there are. Only the comments of the page are decrypted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData, Key
from models.db import rows
from models.errors import NotFound
from models.feedback import span_of
from models.reviews import NEWEST_REVIEW, WORDS, author_key, edited_words

ReviewState = Literal["open", "decided"]
ReviewSort = Literal["confidence", "age"]
# A statement and its values.
Statement = tuple[str, dict[str, Any]]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Whose list is asked for, which comments it has, and which page of it.

    With `as_educator` the list is merged from those of the educator's courses, otherwise it is the org's. `after` is the position
    of the last comment of the previous page. With `backwards` the list begins at its end.
    """

    org: UUID
    as_educator: bool
    limit: int
    course: UUID | None = None
    assignment: UUID | None = None
    after: Position | None = None
    backwards: bool = False


@dataclass(frozen=True, kw_only=True)
class Position:
    """The place of a comment in a list: the number that the list is sorted by, and the comment's id."""

    rank: int
    comment: UUID


@dataclass(frozen=True, kw_only=True)
class CommentPage:
    """A page of comments, and the position of its last one when there are more."""

    comments: list[dict[str, Any]]
    next: Position | None


_MICROSECONDS = "(extract(epoch from q.created_at) * 1000000)::bigint"
_PAGE = """
select q.feedback_id, {rank} as rank from {table} as q
where q.org_id = %(org)s and {conditions} order by {order} limit %(limit)s
"""
_EDUCATORS_PAGE = """
select q.feedback_id, {rank} as rank from unnest((select app_audience())) as a (id)
cross join lateral (
    select q.* from {table} as q
    where q.org_id = %(org)s and q.audience_id = a.id and {conditions} order by {order} limit %(limit)s
) as q
order by {order} limit %(limit)s
"""


def list_reviews(listing: Listing, *, state: ReviewState, sort: ReviewSort) -> CommentPage:
    """Return a page of the comments that wait for a decision (`open`) or have one (`decided`).

    Sorted by confidence (lowest first) or by age (oldest first). A comment that changed its state a moment ago is left out, so a
    page may be short. Call it as ec_educator or ec_admin.
    """
    positions, following = _read_page(review_statement(listing, state=state, sort=sort), limit=listing.limit)
    found = _fetch_comments([one.comment for one in positions], org=listing.org)
    if state == "open":
        comments = [comment for comment in found if comment["decision"] is None and comment["is_newest"]]
    else:
        comments = [comment for comment in found if comment["decision"] is not None]
    return CommentPage(comments=comments, next=following)


def fetch_listed(comment: UUID, *, org: UUID) -> dict[str, Any]:
    """Return one comment as the lists show it. Raises NotFound. Call it as ec_educator or ec_admin."""
    found = _fetch_comments([comment], org=org)
    if not found:
        raise NotFound("There is no such comment.")
    return found[0]


def position_of(comment: Mapping[str, Any]) -> Position:
    """Return the place of a comment in the list that is sorted by confidence."""
    return Position(rank=int(comment["confidence"] * 1000), comment=comment["id"])


def count_open(listing: Listing) -> int:
    """Return how many comments wait for a decision, at most the listing's limit and one more."""
    return len(rows(*review_statement(listing, state="open", sort="confidence")))


def list_disagreements(listing: Listing) -> CommentPage:
    """Return a page of the comments that their student disagrees with, newest disagreement first, each with `note` and `disagreed_at`.

    A comment that a rerun replaced is left out, so a page may be short. Call it as ec_educator or ec_admin.
    """
    positions, following = _read_page(disagreement_statement(listing), limit=listing.limit)
    found = _fetch_comments([one.comment for one in positions], org=listing.org)
    return CommentPage(comments=[one for one in found if one["disagreed_at"] is not None], next=following)


def review_statement(listing: Listing, *, state: ReviewState, sort: ReviewSort) -> Statement:
    """Return the statement that reads the positions of a page of `list_reviews`, and one position more."""
    conditions = ["q.is_open = %(is_open)s"]
    if listing.assignment is not None:
        conditions.append("q.assignment_id = %(assignment)s")
    direction, comes_after = ("desc", "<") if listing.backwards else ("asc", ">")
    if sort == "confidence":
        rank, order = "q.confidence_permille", f"q.confidence_permille {direction}, q.feedback_id {direction}"
        later = f"(q.confidence_permille, q.feedback_id) {comes_after} (%(rank)s, %(comment)s)"
    else:
        rank, order = _MICROSECONDS, f"q.created_at {direction}, q.feedback_id {direction}"
        later = f"(q.created_at, q.feedback_id) {comes_after} (%(moment)s, %(comment)s)"
    return _statement(
        listing,
        {"table": "review_items", "rank": rank, "order": order},
        conditions=conditions,
        later=later,
        of_org="q.confidence_permille >= 0",
        values={"is_open": state == "open"},
    )


def disagreement_statement(listing: Listing) -> Statement:
    """Return the statement that reads the positions of a page of `list_disagreements`, and one position more."""
    conditions = ["q.reaction = 'disagree'"]
    if listing.as_educator:
        # An educator can read nothing of somebody who left the course.
        conditions.append("q.user_id = any ((select app_people())::uuid[])")
    if listing.assignment is not None:
        conditions += [
            "q.audience_id = (select a.course_id from assignments as a where a.org_id = %(org)s and a.id = %(assignment)s)",
            """exists (
                select from submissions as s join essays as e on e.org_id = s.org_id and e.id = s.essay_id
                where s.org_id = q.org_id and s.id = q.submission_id and e.assignment_id = %(assignment)s
            )""",
        ]
    return _statement(
        listing,
        {"table": "feedback_reactions", "rank": _MICROSECONDS, "order": "q.created_at desc, q.feedback_id desc"},
        conditions=conditions,
        later="(q.created_at, q.feedback_id) < (%(moment)s, %(comment)s)",
        of_org="q.created_at > '-infinity'",
        values={},
    )


def _statement(
    listing: Listing, parts: dict[str, str], *, conditions: list[str], later: str, of_org: str, values: dict[str, Any]
) -> Statement:
    """Return the statement of one page. `of_org` is the condition of the index that only the list of a whole org may use."""
    if listing.course is not None:
        conditions.append("q.audience_id = %(course)s")
    narrowed = listing.course is not None or listing.assignment is not None
    if not narrowed and not listing.as_educator:
        conditions.append(of_org)
    if listing.after is not None:
        conditions.append(later)
        moment = EPOCH + timedelta(microseconds=listing.after.rank)
        values = {**values, "rank": listing.after.rank, "moment": moment, "comment": listing.after.comment}
    template = _EDUCATORS_PAGE if listing.as_educator and not narrowed else _PAGE
    return template.format(**parts, conditions=" and ".join(conditions)), {
        **values,
        "org": listing.org,
        "course": listing.course,
        "assignment": listing.assignment,
        "limit": listing.limit + 1,
    }


def _read_page(statement: Statement, *, limit: int) -> tuple[list[Position], Position | None]:
    """Return the positions of a page, and the last of them when there are more."""
    positions = [Position(rank=record["rank"], comment=record["feedback_id"]) for record in rows(*statement)]
    page = positions[:limit]
    return page, page[-1] if len(positions) > limit else None


_COMMENTS = f"""
select f.id, f.submission_id, f.essay_id, e.assignment_id, e.course_id, f.user_id, f.pass, f.type, f.kind, f.severity, f.match,
    f.span_start, f.span_end, f.confidence, f.confidence_basis, f.origin, f.provider, f.model, f.body, f.created_at,
    s.released_at is not null as released, e.newest_submission_id = f.submission_id as is_newest, u.name, k.wrapped, k.master_key_id,
    r.id as review_id, r.decision, r.body as edited, r.educator_id as decided_by, r.created_at as decided_at,
    x.note, x.created_at as disagreed_at
from unnest(%(comments)s::uuid[]) with ordinality as wanted (id, place)
join feedback as f on f.org_id = %(org)s and f.id = wanted.id and f.superseded_at is null
join submissions as s on s.org_id = f.org_id and s.id = f.submission_id
join essays as e on e.org_id = f.org_id and e.id = f.essay_id
join users as u on u.org_id = f.org_id and u.id = f.user_id
join user_keys as k on k.org_id = f.org_id and k.user_id = f.user_id
left join feedback_reactions as x on x.org_id = f.org_id and x.feedback_id = f.id and x.reaction = 'disagree'
{NEWEST_REVIEW}
order by wanted.place
"""  # noqa: S608 - a constant


def _fetch_comments(ids: Sequence[UUID], *, org: UUID) -> list[dict[str, Any]]:
    """Return the comments in this order, decrypted; leave out those that were replaced or may no longer be read."""
    found = rows(_COMMENTS, {"org": org, "comments": list(ids)})
    keys = {record["submission_id"]: author_key(record, org=org) for record in found}
    stored = rows("select id, text from submissions where org_id = %s and id = any (%s)", (org, list(keys)))
    texts = {
        record["id"]: keys[record["id"]].open(
            record["text"], place=AssociatedData("submissions", "text", org, record["id"])
        )
        for record in stored
    }
    return [_decrypt(record, texts[record["submission_id"]], keys[record["submission_id"]], org) for record in found]


def _decrypt(record: dict[str, Any], text: str, key: Key, org: UUID) -> dict[str, Any]:
    words = json.loads(key.open(record["body"], place=AssociatedData("feedback", "body", org, record["id"])))
    sealed = {
        "student_name": (record["name"], AssociatedData("users", "name", org, record["user_id"])),
        "note": (record["note"], AssociatedData("feedback_reactions", "note", org, record["id"])),
    }
    original = {name: words[name] for name in WORDS}
    words |= edited_words(record["edited"], record["review_id"], org=org, key=key) or {}
    span = span_of(record, text, words)
    return {
        **record,
        **{name: words[name] for name in WORDS},
        **{name: None if value is None else key.open(value, place=place) for name, (value, place) in sealed.items()},
        "student_id": record["user_id"],
        "original": original,
        "span": span,
        "quote": span["quote"],
    }
