"""Look at a Moodle site: write an arrival for each version of a hand-in that it has and we do not know yet."""

from __future__ import annotations

from models import arrivals, moodle_sites
from models.arrivals import NewArrival
from models.db import session
from models.errors import NotFound
from models.leased_rows import HeldRow
from models.log import logger
from models.moodle_sites import Look
from outgoing.client import Client
from workers.job.retry_policy import retry_while_database_away
from workers.lms.errors import LmsError, Trouble
from workers.lms.moodle import Moodle
from workers.lms.moodle_polling import Found, Known, poll
from workers.lms.moodle_reading import Assignment, HandIn

log = logger(__name__)


class MoodleSiteWork:
    """Looks at sites with one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def carry_out(self, held: HeldRow) -> None:
        """Look at the site and store what it said. Raises FenceLost and DatabaseAway."""
        with session(org=held.org):
            try:
                look = moodle_sites.load(held)
            except NotFound:
                return
            if look.access.is_off:
                moodle_sites.put_off_look(held)
                return
        known = Known(
            begins_at=look.begins_at, seen_until=look.seen_until, looked_into=look.looked_into, courses=look.courses
        )
        try:
            found = poll(Moodle(client=self._client, site=look.access.site, token=look.access.token), known)
        except LmsError as error:
            log.warning("site not read", reason=str(error.trouble), function=error.about)
            retry_while_database_away(_store_failure, held, look, error)
        else:
            retry_while_database_away(_store, held, look, found)
            log.info("site read", hand_ins=len(found.hand_ins), assignments=len(found.assignments))


def to_arrival(hand_in: HandIn, assignment: Assignment) -> NewArrival:
    """Return the arrival of a version: ids of the site, and names that its teachers have given. No word of a student."""
    return NewArrival(
        version_key=hand_in.version_key,
        place={
            "assignment": assignment.id,
            "module": assignment.module,
            "hand_in": hand_in.id,
            "title": assignment.title,
            "course": assignment.course,
            "course_name": assignment.course_name,
        },
        changed_at=hand_in.changed_at,
    )


def _store(held: HeldRow, look: Look, found: Found) -> None:
    error = Trouble.TOO_LARGE if found.too_large else Trouble.RIGHTS_MISSING if found.closed else None
    new = [to_arrival(one, found.assignments[one.assignment]) for one in found.hand_ins]
    with session(org=held.org):
        moodle_sites.note_look(
            held,
            in_seconds=look.interval_seconds,
            seen_until=found.seen_until,
            looked_into=found.looked_into,
            closed=found.closed,
            error=error,
        )
        arrivals.add(held.lane, new, org=held.org)


def _store_failure(held: HeldRow, look: Look, error: LmsError) -> None:
    wait = max(float(look.interval_seconds), error.wait_seconds)
    with session(org=held.org):
        moodle_sites.note_failed_look(held, in_seconds=wait, error=error.trouble, about=error.about or None)
