"""Fetch a hand-in from its LMS and store it as a version, as if the LMS had sent it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from models import arrivals, leased_rows
from models.arrivals import DueArrival
from models.connections import SourceKind
from models.db import session
from models.errors import AuthorLimit, DatabaseAway, FilesBusy, Invalid, NotFound
from models.leased_rows import HeldRow
from models.log import logger
from outgoing.client import Client
from workers.deliveries import asset_arrivals, canvas_arrivals, moodle_arrivals
from workers.deliveries.ending import come_back, end, store_failure
from workers.deliveries.fetching import Fetched, SourceOff, Superseded
from workers.deliveries.hand_in_text import NoEssay
from workers.job.retry_policy import retry_while_database_away
from workers.lms.errors import LmsError, Trouble

log = logger(__name__)

BUSY_SECONDS = 30.0
# A student over a limit of their school may hand in again a day later.
LIMIT_SECONDS = 6 * 3600.0

# How a hand-in of each kind of source is fetched. Each raises LmsError, NoEssay, FilesBusy, Superseded, SourceOff, NotFound.
FETCHES: dict[SourceKind, Callable[[HeldRow, DueArrival, Client], Fetched]] = {
    "moodle": moodle_arrivals.fetch,
    "moodle_webhookengine": moodle_arrivals.fetch,
    "canvas": canvas_arrivals.fetch,
    "lti": asset_arrivals.fetch,
}
# How an LMS is told that a hand-in is not taken, where it can be told. Each raises LmsError.
REFUSALS: dict[SourceKind, Callable[[HeldRow, DueArrival, Client, str], None]] = {"lti": asset_arrivals.tell_refused}


class ArrivalWork:
    """Fetches arrivals with one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def carry_out(self, held: HeldRow) -> None:
        """Fetch the hand-in and store it, or why it cannot be. Raises FenceLost and DatabaseAway."""
        with session(org=held.org):
            try:
                arrival = arrivals.load(held)
            except NotFound:
                return
        try:
            fetched = FETCHES[arrival.kind](held, arrival, self._client)
            retry_while_database_away(_accept, held, fetched)
            _count_accepted(held)
            log.info("arrival accepted", attempt=held.attempt)
        except SourceOff:
            retry_while_database_away(come_back, held)
        except Superseded as newer:
            retry_while_database_away(_supersede, held, newer)
        except LmsError as error:
            self._fail(held, arrival, error)
        except FilesBusy:
            retry_while_database_away(_wait, held, "files_busy", BUSY_SECONDS)
        except AuthorLimit:
            retry_while_database_away(_put_off, held, "author_limit", LIMIT_SECONDS)
        except NoEssay as refusal:
            self._refuse(held, arrival, refusal.reason)
        except Invalid as refusal:
            self._refuse(held, arrival, _word_of(refusal))
        except NotFound:
            # The student is being erased, or the assignment was deleted in this moment.
            self._refuse(held, arrival, "not_taken")

    def _fail(self, held: HeldRow, arrival: DueArrival, error: LmsError) -> None:
        log.warning("arrival not fetched", reason=str(error.trouble), function=error.about, attempt=held.attempt)
        if error.is_final or held.attempt >= leased_rows.ARRIVALS.attempts:
            self._tell(held, arrival, error.trouble)
        retry_while_database_away(store_failure, held, error)

    def _refuse(self, held: HeldRow, arrival: DueArrival, reason: str) -> None:
        """Tell the LMS that the hand-in is not taken, and store why; when the LMS does not answer, try all of it again later.

        Store the reason all the same when this was the last attempt, or the LMS allows no reports: the admin must see it.
        """
        error = self._tell(held, arrival, reason)
        is_last = held.attempt >= leased_rows.ARRIVALS.attempts
        if error is None or is_last or error.trouble is Trouble.ACCESS_REFUSED:
            retry_while_database_away(_refuse, held, reason)
        else:
            retry_while_database_away(store_failure, held, error)

    def _tell(self, held: HeldRow, arrival: DueArrival, reason: str) -> LmsError | None:
        tell = REFUSALS.get(arrival.kind)
        try:
            if tell is not None:
                tell(held, arrival, self._client, reason)
        except LmsError as error:
            log.warning("refusal not told", reason=str(error.trouble), function=error.about, attempt=held.attempt)
            return error
        return None


def _accept(held: HeldRow, fetched: Fetched) -> None:
    # As the source: what it may do, and nothing else. The clock sends the hints of the passes.
    with session(org=held.org, role="ec_lms", actor=held.lane):
        arrivals.accept(held, fetched.person, fetched.draft, assignment=fetched.assignment, file=fetched.file)


def _count_accepted(held: HeldRow) -> None:
    # After the acceptance, which is stored whatever becomes of this. A worker that dies in between leaves one uncounted.
    with suppress(DatabaseAway), session(org=held.org):
        leased_rows.count_end(held.table, state="accepted")


def _supersede(held: HeldRow, newer: Superseded) -> None:
    with session(org=held.org):
        leased_rows.end(held, state="superseded", error=newer.reason)
        arrivals.add(held.lane, newer.found, org=held.org)


def _refuse(held: HeldRow, reason: str) -> None:
    end(held, "refused", reason)
    log.warning("arrival refused", reason=reason)


def _wait(held: HeldRow, reason: str, seconds: float) -> None:
    with session(org=held.org):
        leased_rows.wait(held, error=reason, in_seconds=seconds)


def _put_off(held: HeldRow, reason: str, seconds: float) -> None:
    with session(org=held.org):
        leased_rows.put_off(held, error=reason, retry_in_seconds=seconds)


def _word_of(refusal: Invalid) -> str:
    """Return in a word why the version cannot be stored."""
    pointers = [pointer for pointer, _ in refusal.errors]
    if any(pointer.startswith("/assignment") for pointer in pointers):
        return "assignment_unknown"
    return "not_taken" if pointers else "not_a_student"
