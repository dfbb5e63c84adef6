"""Fetch a hand-in from its LMS and store it as a version, as if the LMS had sent it."""

from __future__ import annotations

from models import arrivals, leased_rows, moodle_sites
from models.arrivals import Task
from models.db import session
from models.errors import AuthorLimit, FilesBusy, Invalid, NotFound
from models.essays import Draft
from models.leased_rows import HeldRow
from models.lms_assignments import LmsAssignment
from models.lms_people import LmsPerson
from models.log import logger
from models.moodle_sites import SiteAccess
from outgoing.client import Client
from workers.deliveries.hand_in_text import Essay, NoEssay, read_essay
from workers.deliveries.moodle_sites import to_arrival
from workers.deliveries.retry_policy import wait_of
from workers.job.retry_policy import retry_while_database_away
from workers.lms.moodle import Moodle
from workers.lms.moodle_errors import LmsError
from workers.lms.moodle_people import fetch_person
from workers.lms.moodle_polling import fetch_hand_in
from workers.lms.moodle_reading import Assignment, HandIn, MoodlePerson

log = logger(__name__)

BUSY_SECONDS = 30.0
# A student over a limit of their school may hand in again a day later.
LIMIT_SECONDS = 6 * 3600.0


class ArrivalWork:
    """Fetches arrivals with one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def carry_out(self, held: HeldRow) -> None:
        """Fetch the hand-in and store it, or why it cannot be. Raises FenceLost and DatabaseAway."""
        with session(org=held.org):
            try:
                task, access = arrivals.load(held), moodle_sites.fetch_access(held.lane, org=held.org)
            except NotFound:
                return
            if access.is_off:
                leased_rows.come_back(held, in_seconds=moodle_sites.OFF_SECONDS)
                return
        try:
            self._fetch(held, task, access)
        except LmsError as error:
            log.warning("arrival not fetched", reason=str(error.trouble), function=error.about, attempt=held.attempt)
            retry_while_database_away(_store_failure, held, error)
        except FilesBusy:
            retry_while_database_away(_wait, held, "files_busy", BUSY_SECONDS)
        except AuthorLimit:
            retry_while_database_away(_put_off, held, "author_limit", LIMIT_SECONDS)
        except NoEssay as refusal:
            retry_while_database_away(_refuse, held, refusal.reason)
        except Invalid as refusal:
            retry_while_database_away(_refuse, held, _word_of(refusal))
        except NotFound:
            # The student is being erased, or the assignment was deleted in this moment.
            retry_while_database_away(_refuse, held, "not_taken")

    def _fetch(self, held: HeldRow, task: Task, access: SiteAccess) -> None:
        moodle = Moodle(client=self._client, site=access.site, token=access.token)
        found = fetch_hand_in(
            moodle, assignment=task.place["assignment"], hand_in=task.place["hand_in"], changed_at=task.changed_at
        )
        if found is None or not found.is_submitted:
            retry_while_database_away(_supersede, held, task, None)
            return
        if found.version_key != task.version_key:
            retry_while_database_away(_supersede, held, task, found)
            return
        if not found.user:
            raise NoEssay("no_author")
        person = fetch_person(moodle, user=found.user)
        essay = read_essay(found, lambda file: moodle.fetch_file(file.url, size=file.size))
        retry_while_database_away(_accept, held, task, person, essay)
        log.info("arrival accepted", attempt=held.attempt)


def _accept(held: HeldRow, task: Task, person: MoodlePerson, essay: Essay) -> None:
    place = task.place
    draft = Draft(
        title=place["title"],
        text=essay.text,
        source="webhook",
        from_html=essay.from_html,
        pictures_left_out=essay.pictures,
        submitted_at=task.changed_at,
    )
    assignment = LmsAssignment(
        external_id=str(place["assignment"]),
        title=place["title"],
        course=str(place["course"]),
        course_name=place["course_name"],
    )
    named = LmsPerson(subject=str(person.id), sis_id=person.sis_id, name=person.name)
    # As the source: what it may do, and nothing else. The clock sends the hints of the passes.
    with session(org=held.org, role="ec_lms", actor=held.lane):
        arrivals.accept(held, named, draft, assignment=assignment, file=essay.file)


def _supersede(held: HeldRow, task: Task, now: HandIn | None) -> None:
    """Close an arrival whose version the LMS does not have any more. What it has now is an arrival of its own."""
    with session(org=held.org):
        leased_rows.end(held, state="superseded", error="withdrawn" if now is None else "edited_since")
        if now is not None:
            place = task.place
            assignment = Assignment(
                id=place["assignment"], module=place["module"], title=place["title"], course=place["course"],
                course_name=place["course_name"],
            )  # fmt: skip
            arrivals.add(held.lane, [to_arrival(now, assignment)], org=held.org)


def _refuse(held: HeldRow, reason: str) -> None:
    with session(org=held.org):
        leased_rows.end(held, state="refused", error=reason)
    log.warning("arrival refused", reason=reason)


def _wait(held: HeldRow, reason: str, seconds: float) -> None:
    with session(org=held.org):
        leased_rows.wait(held, error=reason, in_seconds=seconds)


def _put_off(held: HeldRow, reason: str, seconds: float) -> None:
    with session(org=held.org):
        leased_rows.put_off(held, error=reason, retry_in_seconds=seconds)


def _store_failure(held: HeldRow, error: LmsError) -> None:
    with session(org=held.org):
        if error.is_final:
            leased_rows.end(held, state="gave_up", error=error.trouble)
        else:
            wait = max(wait_of(held), error.retry_after_seconds or 0.0)
            leased_rows.put_off(held, error=error.trouble, retry_in_seconds=wait)


def _word_of(refusal: Invalid) -> str:
    """Return in a word why the version cannot be stored."""
    pointers = [pointer for pointer, _ in refusal.errors]
    if any(pointer.startswith("/assignment") for pointer in pointers):
        return "assignment_unknown"
    return "not_taken" if pointers else "not_a_student"
