"""An educator's own comments: no provider makes them, but they are read and carried over like every other comment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from models.crypto import AssociatedData
from models.db import new_ids, row, run
from models.errors import Invalid
from models.essays import fetch_text


@dataclass(frozen=True, kw_only=True)
class CommentPlace:
    """The words a comment is about: a `span` in code points, or a `quote` that occurs once between `prefix` and `suffix`."""

    span: tuple[int, int] | None = None
    quote: str = ""
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True, kw_only=True)
class OwnComment:
    """A comment as an educator writes it."""

    pass_name: str
    type: str
    kind: str
    severity: str
    message: str
    next_step: str
    suggestions: tuple[str, ...]


def add(wanted: OwnComment, where: CommentPlace, *, org: UUID, submission: UUID, educator: UUID) -> tuple[UUID, UUID]:
    """Store the comment as the last of its pass in this version; return its id and the id of the essay's author.

    Its confidence is 1, because no provider measured one. Raises NotFound for a version that the acting role cannot see,
    and Invalid for a type that does not belong to the pass or a place that is not in the text.
    """
    text, key, header = fetch_text(submission, org=org)
    check_type(wanted.type, pass_name=wanted.pass_name)
    start, end = find(where, text)
    comment = new_ids(1)[0]
    words = {"message": wanted.message, "next_step": wanted.next_step, "suggestions": wanted.suggestions}
    body = key.seal(json.dumps(words, ensure_ascii=False), place=AssociatedData("feedback", "body", org, comment))
    run(
        """
        insert into feedback (id, org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, kind, severity,
            priority, match, span_start, span_end, confidence, confidence_basis, origin, educator_id, body)
        select %(id)s, s.org_id, s.id, s.characters, s.essay_id, s.user_id, s.audience_id, %(pass)s, %(type)s, %(kind)s, %(severity)s,
            (
                select coalesce(max(f.priority), 0) + 1 from feedback as f
                where f.org_id = s.org_id and f.submission_id = s.id and f.pass = %(pass)s and f.superseded_at is null
            ),
            'exact', %(start)s, %(end)s, 1, 'agreement', 'educator', %(educator)s, %(body)s
        from submissions as s where s.org_id = %(org)s and s.id = %(submission)s
        """,
        {
            "id": comment,
            "pass": wanted.pass_name,
            "type": wanted.type,
            "kind": wanted.kind,
            "severity": wanted.severity,
            "start": start,
            "end": end,
            "educator": educator,
            "body": body,
            "org": org,
            "submission": submission,
        },
    )
    return comment, header["user_id"]


def check_type(slug: str, *, pass_name: str) -> None:
    """Check that the type belongs to the pass. Raises Invalid."""
    if row("select slug from feedback_types where slug = %s and pass = %s", (slug, pass_name)) is None:
        raise Invalid("The type is not one of the pass.", errors=[("/type", f"is not a type of {pass_name} comments")])


def find(where: CommentPlace, text: str) -> tuple[int, int]:
    """Return the span of the words in the text, in code points. Raises Invalid when they are missing or occur twice."""
    if where.span is not None:
        start, end = where.span
        if not 0 <= start < end <= len(text):
            raise Invalid("The span is not in the text.", errors=[("/span", f"must lie within 0 and {len(text)}")])
        if not text[start:end].strip():
            raise Invalid("The span is blank.", errors=[("/span", "holds no visible character")])
        return start, end
    quote_in_context = where.prefix + where.quote + where.suffix
    first = text.find(quote_in_context)
    if first < 0:
        detail = "is not in the text" if where.quote not in text else "does not stand between this prefix and suffix"
        raise Invalid(f"The quote {detail}.", errors=[("/quote", detail)])
    if text.find(quote_in_context, first + 1) >= 0:
        detail = "is in the text more than once; prefix and suffix can say where"
        raise Invalid(f"The quote {detail}.", errors=[("/quote", detail)])
    start = first + len(where.prefix)
    return start, start + len(where.quote)
