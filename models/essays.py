"""Essays and their versions: receive them, read them, list them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData, Key
from models.db import row, rows, run
from models.errors import Invalid, NotFound
from models.essay_filters import EssayFilter, Position, Sort, to_sql
from models.jobs import PASS_ORDER, Hint, PassName, Queue
from models.users import check_key_restored, unwrap_key

SubmissionSource = Literal["app", "api", "webhook"]
# The longest text that is read.
MAX_CHARACTERS = 100_000
EVERY_ESSAY = EssayFilter()

# The error of a pass that was cancelled because its org's AI policy became `none` before it was read.
READING_OFF = "reading_off"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A version as it was received, with its form already checked."""

    title: str
    text: str
    source: SubmissionSource
    # How the text came. It is stored as plain text, without pictures.
    from_html: bool = False
    pictures_left_out: int = 0
    assignment: UUID | None = None
    essay: UUID | None = None
    category: str | None = None
    language: str | None = None
    external_id: str | None = None
    submitted_at: datetime | None = None
    # Of two versions with the same time, an update is newer than what it updates. Only an LMS says that it creates.
    is_update: bool = True
    queue: Queue = Queue.INTERACTIVE


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The result of a draft: its version, and the hints to send after the transaction is committed.

    `warnings` pairs the JSON pointer of a value that was not used with the reason.
    """

    submission: UUID
    essay: UUID
    version: int
    status: str
    hints: tuple[Hint, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()


_FIND_PLACE = """
select * from version_place(%(author)s, %(assignment)s, %(essay)s, %(category)s, %(external_id)s)
"""
_STORE_VERSION = """
select * from store_version(%(author)s, %(essay)s, %(is_new)s, %(course)s, %(assignment)s, %(category)s, %(external_id)s, %(title)s,
    %(submission)s, %(submitted_at)s, %(queue)s, %(source)s, %(language)s, %(text)s, %(sha256)s, %(characters)s, %(words)s,
    %(released)s, %(pass_ids)s::uuid[], %(pass_names)s::text[], %(is_update)s,
    %(from_html)s, %(pictures)s)
"""


def receive(author: UUID, draft: Draft, *, org: UUID) -> Receipt:
    """Store the draft as a version of an essay of this author, with one queued pass per reading. Send no hints yet.

    Where no machine reads (AI policy `none`) there are no passes, and the version is `completed` at once.

    The same author's next draft for the same assignment (or LMS essay id) becomes the next version; one that is older
    than the newest is stored as `superseded`. An unknown category is left out with a warning. Raises NotFound for an
    assignment or essay that the acting role cannot see, and Invalid for an essay of another assignment or for one without an
    assignment where the org needs one.
    """
    warnings: tuple[tuple[str, str], ...] = ()
    if draft.pictures_left_out:
        left_out = f"holds {embedded_pictures(draft.pictures_left_out)}; only the words are read and kept"
        warnings = (("/text", left_out),)
    # Of two concurrent first drafts, one is stored. The other tries again, finds the essay and becomes its next version.
    for _ in range(3):
        place = _find_place(author, draft)
        if not place["category_known"]:
            warnings += (("/category", "is not one of the org's categories; this value is not used"),)
            draft = replace(draft, category=None)
            place = _find_place(author, draft)
        values = _version_values(place, draft, author, org)
        stored = row(_STORE_VERSION, values)
        if stored is not None:
            break
    else:
        raise NotFound("The essay changed while this version was being stored. Send it again.")
    hints = tuple(Hint(org_id=org, pass_id=pass_id, queue=draft.queue) for pass_id in place["pass_ids"])
    return Receipt(
        submission=place["submission_id"],
        essay=values["essay"],
        version=stored["version"],
        status=stored["status"],
        hints=hints if stored["status"] == "queued" else (),
        warnings=warnings,
    )


def _find_place(author: UUID, draft: Draft) -> dict[str, Any]:
    place = row(
        _FIND_PLACE,
        {
            "author": author,
            "assignment": draft.assignment,
            "essay": draft.essay,
            "category": draft.category,
            "external_id": draft.external_id,
        },
    )
    if place is None:
        check_key_restored(author)
        raise NotFound("There is no such student.")
    if draft.assignment and place["assignment_id"] is None:
        raise NotFound("There is no assignment with this assignment_id, or it is not yours.")
    if draft.essay and place["essay_id"] is None:
        raise NotFound("There is no essay with this essay_id, or it is not yours.")
    if place["assignment_missing"]:
        raise Invalid(
            "This school takes essays for an assignment only.", errors=[("/assignment_id", "is needed at this school")]
        )
    if draft.essay and draft.assignment and place["essay_assignment_id"] != draft.assignment:
        raise Invalid(
            "The essay belongs to another assignment.", errors=[("/assignment_id", "is not the assignment of essay_id")]
        )
    return place


def _version_values(place: dict[str, Any], draft: Draft, author: UUID, org: UUID) -> dict[str, Any]:
    key = unwrap_key(place, org=org, user=author)
    essay = place["essay_id"] or place["new_essay_id"]
    return {
        "author": author,
        "essay": essay,
        "is_new": place["essay_id"] is None,
        "course": place["course_id"],
        "assignment": draft.assignment,
        "category": place["category_id"],
        "external_id": draft.external_id,
        "title": key.seal(draft.title, place=AssociatedData("essays", "title", org, essay)),
        "submission": place["submission_id"],
        # A date ahead of the database's clock would make every later draft look older than this one.
        "submitted_at": min(draft.submitted_at or place["now"], place["now"]),
        "queue": draft.queue,
        "source": draft.source,
        "language": draft.language or place["default_language"],
        "text": key.seal(draft.text, place=AssociatedData("submissions", "text", org, place["submission_id"])),
        "sha256": hashlib.sha256(draft.text.encode()).digest(),
        "characters": len(draft.text),
        "words": len(draft.text.split()),
        "released": place["release_policy"] == "auto",
        "pass_ids": place["pass_ids"],
        "pass_names": [str(name) for name in PassName],
        "is_update": draft.is_update,
        "from_html": draft.from_html,
        "pictures": draft.pictures_left_out,
    }


def format_of(version: Mapping[str, Any]) -> Literal["plain", "html"]:
    """Return how the text of a version came; `version` has the column `from_html`."""
    return "html" if version["from_html"] else "plain"


def embedded_pictures(count: int) -> str:
    """Return so many embedded pictures in words."""
    return "1 embedded picture" if count == 1 else f"{count:,} embedded pictures"


def enrol(student: UUID, *, assignment: UUID, org: UUID) -> None:
    """Enrol the student in the assignment's course: an LMS that hands in for it confirms the enrolment. Idempotent."""
    run(
        """
        insert into enrollments (org_id, course_id, user_id, role)
        select org_id, course_id, %s, 'student' from assignments where org_id = %s and id = %s
        on conflict do nothing
        """,
        (student, org, assignment),
    )


def fetch_status(submission: UUID, *, org: UUID, with_place: bool = False) -> list[dict[str, Any]]:
    """Return one row for each pass, each with its submission's columns. Raises NotFound.

    A version without passes has one row, in which the columns of the pass are None. `place` is None, or with `with_place` what
    `queue.to_place` reads.
    """
    found = rows("select * from submission_status(%s, %s, %s, %s)", (submission, org, PASS_ORDER, with_place))
    if not found:
        raise NotFound("There is no such submission.")
    return found


def fetch_statuses(submissions: Sequence[UUID], *, org: UUID) -> dict[UUID, list[dict[str, Any]]]:
    """Return the rows of `fetch_status` for each of these submissions that the caller may read."""
    found = rows(
        """
        select f.* from unnest(%s::uuid[]) with ordinality as w (id, place),
            lateral submission_status(w.id, %s, %s, false) with ordinality as f order by w.place, f.ordinality
        """,
        (list(submissions), org, PASS_ORDER),
    )
    return {submission: list(group) for submission, group in groupby(found, key=itemgetter("id"))}


def is_read(status: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a machine reads or has read this version. `status` is what `fetch_status` returned."""
    return not all(one["state"] is None or (one["error"] == READING_OFF and one["provider"] is None) for one in status)


def fetch_text(submission: UUID, *, org: UUID) -> tuple[str, Key, dict[str, Any]]:
    """Return a version's text, its author's key, and its row. Raises NotFound and KeysMissing."""
    found = row("select * from submission_text(%s)", (submission,))
    if found is None:
        raise NotFound("There is no such submission.")
    key = unwrap_key(found, org=org, user=found["user_id"])
    return key.open(found["text"], place=AssociatedData("submissions", "text", org, submission)), key, found


def fetch_writing(submission: UUID, *, org: UUID) -> dict[str, Any]:
    """Return a version's title, text, language, format, characters, words and author (`user_id`), decrypted.

    The text is the one in which comments are anchored. Raises NotFound, also when the author's data was erased.
    """
    found = row(
        """
        select s.essay_id, s.user_id, e.title, s.text, s.language, s.characters, s.words, s.from_html, s.pictures_left_out, k.wrapped,
            k.master_key_id
        from submissions as s
        join essays as e on e.org_id = s.org_id and e.id = s.essay_id
        join user_keys as k on k.org_id = s.org_id and k.user_id = s.user_id
        where s.org_id = %s and s.id = %s
        """,
        (org, submission),
    )
    if found is None:
        raise NotFound("There is no such submission.")
    key = unwrap_key(found, org=org, user=found["user_id"])
    return {
        **{name: found[name] for name in ("user_id", "language", "characters", "words", "pictures_left_out")},
        "format": format_of(found),
        "title": key.open(found["title"], place=AssociatedData("essays", "title", org, found["essay_id"])),
        "text": key.open(found["text"], place=AssociatedData("submissions", "text", org, submission)),
    }


@dataclass(frozen=True, kw_only=True)
class Task:
    """A version with everything that a pass needs to read it."""

    title: str
    text: str
    key: Key
    user: UUID
    audience: UUID
    essay: UUID
    characters: int
    language: str
    version: int
    newest: bool
    ai_policy: str
    ai_fallback: str
    require_approval: bool
    category: str
    assignment_prompt: str
    rubric: UUID | None
    feedback_language: str


def fetch_task(submission: UUID, *, org: UUID) -> Task:
    """Return a version for a worker to read.

    Raises NotFound when it or its author's key was erased, KeysMissing when that key was not restored, and Undecipherable
    when it does not decrypt.
    """
    found = row("select * from version_task(%s, %s)", (org, submission))
    if found is None:
        raise NotFound("There is no such submission.")
    key = unwrap_key(found, org=org, user=found["user_id"])
    return Task(
        title=key.open(found["title"], place=AssociatedData("essays", "title", org, found["essay_id"])),
        text=key.open(found["text"], place=AssociatedData("submissions", "text", org, submission)),
        key=key,
        user=found["user_id"],
        audience=found["audience_id"],
        essay=found["essay_id"],
        characters=found["characters"],
        language=found["language"],
        version=found["version"],
        newest=found["newest"],
        ai_policy=found["ai_policy"],
        ai_fallback=found["ai_fallback"],
        require_approval=found["require_approval"],
        category=found["category"] or "",
        assignment_prompt=found["prompt"] or "",
        rubric=found["rubric_id"],
        feedback_language=found["feedback_language"],
    )


# Planning a statement that names these tables takes long, because each month has a partition.
_JOIN_VERSIONS = "join submissions as s on s.org_id = e.org_id and s.id = e.newest_submission_id"
_ESSAYS = """
select e.*, u.external_id as student_external_id, c.slug as category, a.external_id as assignment_external_id
from (
    select e.id, e.org_id, e.user_id, e.assignment_id, e.course_id, e.category_id, e.external_id, e.title, e.versions,
        e.created_at, e.updated_at, e.newest_submission_id, k.wrapped, k.master_key_id
    from essays as e
    {keys} join user_keys as k on k.org_id = e.org_id and k.user_id = e.user_id
    {versions}
    where e.org_id = %(org)s and {conditions}
    order by {order}
    limit %(limit)s
) as e
left join users as u on u.org_id = e.org_id and u.id = e.user_id
left join categories as c on c.org_id = e.org_id and c.id = e.category_id
left join assignments as a on a.org_id = e.org_id and a.id = e.assignment_id
order by {order}
"""


def list_essays(
    *,
    org: UUID,
    limit: int,
    wanted: EssayFilter = EVERY_ESSAY,
    sort: Sort = "newest",
    after: Position | None = None,
    staff: bool = False,
) -> list[dict[str, Any]]:
    """Return the essays that the acting role may see, decrypted where they are encrypted; leave out rubric previews.

    `after` is the last essay of the previous page. With `staff`, `comment_count` counts what educators and admins read.
    """
    conditions, order, values = to_sql(wanted, org=org, sort=sort, after=after)
    versions = "" if wanted.status is None else _JOIN_VERSIONS
    conditions = ["e.trial_until is null", *conditions]
    sql = _ESSAYS.format(keys="inner", versions=versions, conditions=" and ".join(conditions), order=order)
    found = rows(sql, {**values, "org": org, "limit": limit})
    return [_decrypted(essay, org) for essay in _with_versions(found, staff=staff)]


def fetch_essay(essay: UUID, *, org: UUID, staff: bool = False) -> dict[str, Any]:
    """Return one essay with all its versions, oldest first. Raises NotFound and KeysMissing."""
    sql = _ESSAYS.format(keys="left", versions="", conditions="e.id = %(essay)s", order="e.id")
    found = next(iter(_with_versions(rows(sql, {"org": org, "limit": 1, "essay": essay}), staff=staff)), None)
    if found is None:
        raise NotFound("There is no such essay.")
    versions = rows(
        """
        select id, version, status, created_at as received_at, submitted_at, completed_at, characters, words, from_html
        from submissions where org_id = %s and essay_id = %s order by version
        """,
        (org, essay),
    )
    return {**_decrypted(found, org), "submissions": [{**one, "format": format_of(one)} for one in versions]}


def _with_versions(found: list[dict[str, Any]], *, staff: bool) -> list[dict[str, Any]]:
    """Return the essays with the columns of their newest versions, for which a query of its own is planned once."""
    if not found:
        return []
    newest = rows("select * from newest_versions(%s, %s)", ([essay["newest_submission_id"] for essay in found], staff))
    versions = {version.pop("id"): version for version in newest}
    return [{**essay, **versions[essay["newest_submission_id"]]} for essay in found]


def _decrypted(essay: dict[str, Any], org: UUID) -> dict[str, Any]:
    key, student = unwrap_key(essay, org=org, user=essay["user_id"]), essay["student_external_id"]
    if student is not None:
        student = key.open(student, place=AssociatedData("users", "external_id", org, essay["user_id"]))
    title = key.open(essay["title"], place=AssociatedData("essays", "title", org, essay["id"]))
    return {**essay, "title": title, "student_external_id": student, "format": format_of(essay)}
