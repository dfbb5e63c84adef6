"""Ask a Moodle site what was handed in since we asked last."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.lms.errors import LmsError, Trouble
from workers.lms.hand_in import Content
from workers.lms.moodle import Moodle, Value
from workers.lms.moodle_reading import Assignment, HandIn, Listed, read_assignments, read_hand_ins

ASSIGNMENTS, SUBMISSIONS = "mod_assign_get_assignments", "mod_assign_get_submissions"
# Assignments in one request. When its answer is too large, half of them are asked for.
BATCH = 25
# Moodle writes down when a student pressed the button, and shows it when the transaction ends: look back a little.
OVERLAP = timedelta(seconds=120)
SECOND = timedelta(seconds=1)
NO_CONTENT = Content(text="", text_is_plain=True, files=())

# Assignments to ask for in one request, and since when.
Batch = tuple[Sequence[int], datetime]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What we know of a site: from when on hand-ins count, the newest that we have seen, and which assignments we have looked into.

    An assignment that the token sees for the first time is read from `begins_at` on. Without `courses`, all count.
    """

    begins_at: datetime
    seen_until: datetime | None = None
    looked_into: frozenset[int] = frozenset()
    courses: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Found:
    """The hand-ins of a poll, without what is in them, their assignments, and what is known of the site after it.

    `closed` are assignments that the site names and does not let the token look into; `too_large` hold a hand-in that cannot be read.
    """

    hand_ins: tuple[HandIn, ...]
    assignments: dict[int, Assignment]
    closed: frozenset[int]
    too_large: frozenset[int]
    seen_until: datetime | None
    looked_into: frozenset[int]


def poll(moodle: Moodle, known: Known) -> Found:
    """Return what was handed in. Some of it may be known already: its version keys tell. Raises LmsError."""
    assignments = {one.id: one for one in _list_assignments(moodle, known.courses)}
    newest = max(known.begins_at, known.seen_until - OVERLAP) if known.seen_until else known.begins_at
    old = [one for one in assignments if one in known.looked_into]
    new = [one for one in assignments if one not in known.looked_into]
    # A look that runs out of time skips assignments; they stay new. New ones come first, in random order, so that none is always skipped.
    random.shuffle(new)
    batches = [*_batches(new, known.begins_at), *_batches(old, newest)]
    listed = [_without_content(page) for page in _list_hand_ins(moodle, batches)]
    closed = frozenset[int]().union(*(one.closed for one in listed))
    too_large = frozenset[int]().union(*(one.too_large for one in listed))
    unread = too_large.union(*(one.unread for one in listed))
    if assignments and len(closed) == len(assignments):
        raise LmsError(Trouble.RIGHTS_MISSING, SUBMISSIONS)
    # `since` is inclusive, and a site may ignore it.
    hand_ins = {
        one.version_key: one
        for page in listed
        for one in page.hand_ins
        if one.is_submitted and one.changed_at >= known.begins_at and one.assignment in assignments
    }
    if assignments and not hand_ins and unread >= assignments.keys():
        raise LmsError(Trouble.TOO_LARGE, SUBMISSIONS)
    times = [one.changed_at for one in hand_ins.values()]
    seen_until = max([*times, known.seen_until] if known.seen_until else times, default=None)
    looked_into = frozenset[int]().union(*(one.looked_into for one in listed)) - unread
    left_out = frozenset[int]()
    if looked_into.intersection(new):
        # New ones took the time of others. Those go on from where they were: read anew each time, a large site would never be done.
        left_out = unread.intersection(old) - too_large
    if left_out:
        seen_until = known.seen_until
    return Found(
        hand_ins=tuple(hand_ins.values()),
        assignments=assignments,
        closed=closed,
        too_large=too_large,
        # A site whose clock was wrong may name a time to come. Nothing would be new until then.
        seen_until=min(seen_until, datetime.now(UTC)) if seen_until else None,
        looked_into=looked_into | left_out,
    )


def fetch_hand_in(moodle: Moodle, *, assignment: int, hand_in: int, changed_at: datetime) -> HandIn | None:
    """Return a hand-in as it is now, or None when it is not there any more. Raises LmsError.

    Moodle gives no hand-in alone. What a class has handed in since then is asked for only when this one was edited.
    """
    for until in (changed_at, None):
        for page in _list_between(moodle, [assignment], since=changed_at, before=until, is_first=True):
            if page.unread or page.too_large:
                raise LmsError(Trouble.TOO_LARGE if page.too_large else Trouble.UNREACHABLE, SUBMISSIONS)
            if page.closed:
                raise LmsError(Trouble.RIGHTS_MISSING, SUBMISSIONS)
            for one in page.hand_ins:
                if one.id == hand_in:
                    return one
    return None


def _list_assignments(moodle: Moodle, courses: Sequence[int]) -> list[Assignment]:
    parameters: dict[str, Value] = {f"courseids[{place}]": course for place, course in enumerate(courses)}
    if courses:
        parameters["includenotenrolledcourses"] = 1
    answer = moodle.call(ASSIGNMENTS, parameters)
    found = read_assignments(answer)
    if not answer["courses"]:
        # A token that sees no course lacks rights. There is no school without one.
        raise LmsError(Trouble.RIGHTS_MISSING, ASSIGNMENTS)
    return found


def _without_content(page: Listed) -> Listed:
    """Return a page without texts: those of a whole school would fill the memory."""
    return replace(page, hand_ins=tuple(replace(one, content=NO_CONTENT) for one in page.hand_ins))


def _batches(assignments: Sequence[int], since: datetime) -> list[Batch]:
    return [(assignments[start : start + BATCH], since) for start in range(0, len(assignments), BATCH)]


def _list_hand_ins(moodle: Moodle, batches: Sequence[Batch]) -> Iterator[Listed]:
    """Yield what was handed in. Send the first request however little time is left, so that a slow site makes progress."""
    for place, (assignments, since) in enumerate(batches):
        yield from _list_between(moodle, assignments, since=since, before=None, is_first=place == 0)


def _list_between(
    moodle: Moodle, assignments: Sequence[int], *, since: datetime, before: datetime | None, is_first: bool = False
) -> Iterator[Listed]:
    """Yield what was handed in within a time; ask for half of it where the answer would be too large.

    The halves come in random order: where there is never time for both, each is read now and then.
    """
    if not is_first and not moodle.has_time:
        yield Listed(unread=frozenset(assignments))
        return
    parameters: dict[str, Value] = {f"assignmentids[{place}]": one for place, one in enumerate(assignments)}
    parameters |= {"status": "submitted", "since": int(since.timestamp())}
    if before is not None:
        parameters["before"] = int(before.timestamp())
    try:
        answer: Any = moodle.call(SUBMISSIONS, parameters)
    except LmsError as error:
        if error.trouble != Trouble.TOO_LARGE:
            raise
    else:
        yield read_hand_ins(answer)
        return
    if len(assignments) > 1:
        half = len(assignments) // 2
        for some in random.sample((assignments[:half], assignments[half:]), 2):
            yield from _list_between(moodle, some, since=since, before=before)
        return
    end = before or datetime.now(UTC)
    middle = since + (end - since) // 2
    if end - since < SECOND:
        yield Listed(too_large=frozenset(assignments))
        return
    for start, stop in random.sample(((since, middle), (middle + SECOND, before)), 2):
        yield from _list_between(moodle, assignments, since=start, before=stop)
