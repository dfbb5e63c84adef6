"""Fetch a hand-in from a Moodle site."""

from __future__ import annotations

from models import moodle_sites
from models.arrivals import DueArrival
from models.db import session
from models.leased_rows import HeldRow
from models.lms_assignments import LmsAssignment
from models.lms_people import LmsPerson
from models.site_access import SiteAccess
from outgoing.client import Client
from workers.deliveries.fetching import Fetched, SourceOff, Superseded
from workers.deliveries.hand_in_text import NoEssay, read_essay
from workers.deliveries.moodle_sites import to_arrival
from workers.lms.moodle import Moodle
from workers.lms.moodle_people import fetch_person
from workers.lms.moodle_polling import fetch_hand_in
from workers.lms.moodle_reading import Assignment


def open_site(held: HeldRow, client: Client) -> tuple[Moodle, SiteAccess]:
    """Return the site of a row's source, and what may be done there. Raises SourceOff, NotFound."""
    with session(org=held.org):
        access = moodle_sites.fetch_access(held.lane, org=held.org)
    if access.is_off:
        raise SourceOff
    return Moodle(client=client, site=access.site, token=access.token), access


def fetch(held: HeldRow, arrival: DueArrival, client: Client) -> Fetched:
    """Return the version. Raises LmsError, NoEssay, FilesBusy, Superseded, SourceOff, NotFound."""
    (moodle, _), place = open_site(held, client), arrival.place
    found = fetch_hand_in(
        moodle, assignment=place["assignment"], hand_in=place["hand_in"], changed_at=arrival.changed_at
    )
    if found is None or not found.is_submitted:
        raise Superseded
    if found.version_key != arrival.version_key:
        assignment = Assignment(
            id=place["assignment"], module=place["module"], title=place["title"], course=place["course"],
            course_name=place["course_name"],
        )  # fmt: skip
        raise Superseded(to_arrival(found, assignment))
    if not found.user:
        raise NoEssay("no_author")
    person = fetch_person(moodle, user=found.user)
    essay = read_essay(found.content, lambda file: moodle.fetch_file(file.url, size=file.size))
    return Fetched(
        person=LmsPerson(subject=str(person.id), sis_id=person.sis_id, name=person.name),
        draft=essay.to_draft(title=place["title"], submitted_at=arrival.changed_at),
        assignment=LmsAssignment(
            external_id=str(place["assignment"]), title=place["title"], course=str(place["course"]), course_name=place["course_name"]
        ),
        file=essay.file,
    )  # fmt: skip
