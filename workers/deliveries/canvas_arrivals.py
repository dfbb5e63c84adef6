"""Fetch a hand-in from a Canvas site."""

from __future__ import annotations

from dataclasses import replace

from models import arrivals, canvas_sites
from models.arrivals import DueArrival, NewArrival
from models.canvas_sites import HANDED_IN, READ_TYPES, Attempt
from models.db import session
from models.leased_rows import HeldRow
from models.lms_assignments import LmsAssignment
from models.lms_people import LmsPerson
from models.site_access import SiteAccess
from outgoing.client import Client
from workers.deliveries.fetching import Fetched, LookedBack, SourceOff, Superseded
from workers.deliveries.hand_in_text import read_essay
from workers.lms.canvas import Canvas
from workers.lms.canvas_hand_ins import fetch_assignment, fetch_hand_in, find_course, list_hand_ins
from workers.lms.canvas_reading import HandIn
from workers.lms.errors import LmsError, Trouble


def open_site(held: HeldRow, client: Client) -> tuple[Canvas, SiteAccess]:
    """Return the site of a row's source, and what may be done there. Raises SourceOff, NotFound."""
    with session(org=held.org):
        access = canvas_sites.fetch_access(held.lane, org=held.org)
    if access.is_off:
        raise SourceOff
    return Canvas(client=client, site=access.site, token=access.token), access


def fetch(held: HeldRow, arrival: DueArrival, client: Client) -> Fetched:
    """Return the version. Raises LmsError, NoEssay, FilesBusy, Superseded, LookedBack, SourceOff, NotFound."""
    canvas, _ = open_site(held, client)
    if "hand_in" not in arrival.place:
        raise LookedBack(_look_back(canvas, arrival, held))
    wanted = Attempt.of(arrival)
    course = wanted.course or find_course(canvas, assignment=wanted.assignment)
    found = fetch_hand_in(canvas, course=course, assignment=wanted.assignment, user=wanted.user)
    _check_attempt(found, replace(wanted, course=course))
    assignment = fetch_assignment(canvas, course=course, assignment=wanted.assignment)
    essay = read_essay(found.content, lambda file: canvas.fetch_file(file.url, size=file.size))
    return Fetched(
        person=LmsPerson(subject=wanted.user, sis_id=found.sis_id, name=found.person_name),
        draft=essay.to_draft(title=assignment.title, submitted_at=arrival.changed_at),
        assignment=LmsAssignment(
            external_id=wanted.assignment, title=assignment.title, course=course, course_name=found.course_name
        ),
        file=essay.file,
    )  # fmt: skip


def _look_back(canvas: Canvas, arrival: DueArrival, held: HeldRow) -> list[NewArrival]:
    """Return an arrival for each hand-in of a course. Storing one that is known changes nothing."""
    account, course = arrival.place["root_account"], arrival.place["course"]
    found = [
        Attempt(
            root_account=account, submission=one.submission, assignment=one.assignment, user=one.user, attempt=one.attempt,
            course=course, group=one.group, submitted_at=one.submitted_at,
        )
        for one in list_hand_ins(canvas, course=course, since=arrival.changed_at)
        if one.attempt and one.submitted_at and one.state in HANDED_IN and one.kind in READ_TYPES
    ]  # fmt: skip
    with session(org=held.org):
        return [_with_author_of_before(one, held).to_arrival() for one in found]


def _with_author_of_before(attempt: Attempt, held: HeldRow) -> Attempt:
    """Return the attempt with the author of the one before: a group keeps the author of its first."""
    if not attempt.group:
        return attempt
    before = arrivals.find_place(held.lane, attempt.version_before, org=held.org)
    return attempt.by_author_of(before)


def _check_attempt(found: HandIn, wanted: Attempt) -> None:
    """Check that Canvas still has the attempt that its event was about. Raises Superseded and LmsError."""
    if found.attempt < wanted.attempt:
        # The API may answer from a copy that is seconds old, in which nothing may be handed in yet.
        raise LmsError(Trouble.BEHIND, "submission")
    if not found.is_submitted:
        raise Superseded
    if found.attempt > wanted.attempt:
        assert found.submitted_at is not None
        raise Superseded(replace(wanted, attempt=found.attempt, submitted_at=found.submitted_at).to_arrival())
