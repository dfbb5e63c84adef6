"""Ask a Moodle site who a student is."""

from __future__ import annotations

from workers.lms.moodle import Moodle
from workers.lms.moodle_reading import MoodlePerson, read_person

PEOPLE = "core_user_get_users_by_field"


def fetch_person(moodle: Moodle, *, user: int) -> MoodlePerson:
    """Return a person of the site: without a name when the site does not show them to the token. Raises LmsError."""
    found = read_person(moodle.call(PEOPLE, {"field": "id", "values[0]": user}), user=user)
    return found or MoodlePerson(id=user, name=None, sis_id=None)
