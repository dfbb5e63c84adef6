"""What fetching a hand-in from an LMS gives: a version to store, or that there is none to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.arrivals import NewArrival
from models.essays import Draft
from models.files import NewFile
from models.lms_assignments import LmsAssignment
from models.lms_people import LmsPerson


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A version as its LMS has it: whose, of which assignment, and the file that its text came from, if it came from one."""

    person: LmsPerson
    draft: Draft
    assignment: LmsAssignment
    file: NewFile | None = None


class Superseded(Exception):
    """The LMS does not have this version any more. What it has in its place (`now`) is an arrival of its own."""

    def __init__(self, now: NewArrival | None = None) -> None:
        super().__init__()
        self.found: Sequence[NewArrival] = [now] if now else []
        self.reason = "edited_since" if now else "withdrawn"


class LookedBack(Superseded):
    """The row asked for hand-ins that no event told us about. Each one found becomes an arrival of its own."""

    def __init__(self, found: Sequence[NewArrival]) -> None:
        super().__init__()
        self.found = found
        self.reason = "looked_back"


class SourceOff(Exception):
    """The source is switched off: its rows wait."""
