"""What a filled database holds: schools, people, courses, assignments, and when each version was handed in.

Everything follows from a `Size`: each of the two parts makes its own schools again from the seed, so nothing is passed on.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

# Two processes write, each the schools of one part.
PARTS = 2
MONTHS = 24
SUBMISSIONS_OF_A_STUDENT, STUDENTS_OF_A_COURSE = 14, 25
# A fifth of the schools has four fifths of the students.
BUSY_SCHOOLS, BUSY_STUDENTS = 0.2, 0.8
# How many versions an essay has: 1.4 on average.
VERSIONS = (1, 1, 1, 1, 1, 1, 1, 2, 2, 3)
ZONES = ("America/New_York", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney")
DEADLINE = time(23, 59)
# Half of a class hands in during the last hour before the deadline.
MEAN_BEFORE_DEADLINE = timedelta(minutes=86)
LONGEST_BEFORE_DEADLINE = timedelta(days=6)
NEWEST_DEADLINE = timedelta(hours=30)
# An early first version of an essay is older than its deadline by less than this.
MARGIN = timedelta(days=9)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is made, with which seed, and up to which moment."""

    submissions: int
    comments: int
    schools: int
    seed: int
    now: datetime

    @property
    def begins(self) -> datetime:
        """Return the first moment of the oldest month that has rows."""
        month = self.now.year * 12 + self.now.month - 1 - (MONTHS - 1)
        return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)

    def comments_of(self, submission: int) -> int:
        """Return how many comments a submission has, so that all have `comments` together."""
        return self.comments * (submission + 1) // self.submissions - self.comments * submission // self.submissions


@dataclass(frozen=True, kw_only=True)
class School:
    """A school by its number: the first number of its students, how many there are, and its time zone."""

    number: int
    first_student: int
    students: int
    zone: ZoneInfo

    @property
    def slug(self) -> str:
        """Return the short name."""
        return f"school-{self.number:04}"

    @property
    def courses(self) -> int:
        """Return how many courses there are."""
        return -(-self.students // STUDENTS_OF_A_COURSE)


@dataclass(frozen=True, kw_only=True)
class ClassWork:
    """What one course hands in for its assignment number `turn`, due at the deadline of a local day."""

    due: datetime
    school: School
    course: int
    turn: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Who hands in what."""

    size: Size

    @cached_property
    def schools(self) -> list[School]:
        """Return every school, the busy ones first."""
        size = self.size
        students = max(size.schools, size.submissions // SUBMISSIONS_OF_A_STUDENT)
        busy = max(1, round(size.schools * BUSY_SCHOOLS))
        of_busy = max(1, round(students * (BUSY_STUDENTS if busy < size.schools else 1) / busy))
        of_others = max(1, round(students * (1 - BUSY_STUDENTS) / max(1, size.schools - busy)))
        counts = [of_busy if number < busy else of_others for number in range(size.schools)]
        firsts = itertools.accumulate(counts, initial=0)
        return [
            School(number=number, first_student=first, students=count, zone=ZoneInfo(ZONES[number % len(ZONES)]))
            for number, (first, count) in enumerate(zip(firsts, counts, strict=False))
        ]

    @cached_property
    def students(self) -> int:
        """Return how many students there are."""
        return sum(school.students for school in self.schools)

    @cached_property
    def versions(self) -> bytes:
        """Return how many versions each essay has. Essay `turn * students + student` is that student's for this turn."""
        chance = random.Random(self.size.seed)
        found = bytearray()
        left = self.size.submissions
        while left:
            found.append(min(left, chance.choice(VERSIONS)))
            left -= found[-1]
        return bytes(found)

    @cached_property
    def first_submissions(self) -> list[int]:
        """Return the number of each essay's first submission among all."""
        return list(itertools.accumulate(self.versions, initial=0))

    @property
    def turns(self) -> int:
        """Return how many assignments each course has."""
        return -(-len(self.versions) // self.students)

    def essay(self, student: int, turn: int) -> int | None:
        """Return the number of a student's essay for this turn, or None when there is none."""
        number = turn * self.students + student
        return number if number < len(self.versions) else None

    def of_part(self, part: int) -> list[School]:
        """Return the schools that one part writes."""
        return self.schools[part::PARTS]

    def work(self, part: int) -> Iterator[ClassWork]:
        """Return the work of a part's schools by deadline, so that rows lie on disk in the order of time."""
        size = self.size
        begins, ends = size.begins + MARGIN, size.now - NEWEST_DEADLINE
        found = []
        for school in self.of_part(part):
            for course in range(school.courses):
                chance = random.Random(f"{size.seed} {school.number} {course}")
                for turn in range(self.turns):
                    moment = begins + (ends - begins) * (turn + chance.random()) / self.turns
                    day = moment.astimezone(school.zone).date()
                    due = datetime.combine(day, DEADLINE, tzinfo=school.zone).astimezone(UTC)
                    found.append(ClassWork(due=due, school=school, course=course, turn=turn))
        return iter(sorted(found, key=lambda one: one.due))


def hand_in_moments(due: datetime, *, versions: int, chance: random.Random) -> list[datetime]:
    """Return when the versions of an essay are handed in, oldest first; the newest shortly before the deadline."""
    # In whole milliseconds, as a UUIDv7 says them.
    before = timedelta(milliseconds=int(chance.expovariate(1 / MEAN_BEFORE_DEADLINE.total_seconds()) * 1000))
    found = [due - min(before, LONGEST_BEFORE_DEADLINE)]
    for _ in range(versions - 1):
        found.append(found[-1] - timedelta(minutes=chance.randrange(30, 24 * 60)))
    return found[::-1]
