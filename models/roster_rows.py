"""A roster as it was read from its files: its rows, and what was found wrong or strange in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from models.users import PersonRole

BATCH = 500
# Further faults and warnings are only counted, so that a file of commas does not fill the memory or the answer.
MOST_FAULTS = 1000
MOST_WARNINGS = 200
MOST_NAMED_ROWS = 5


@dataclass(frozen=True, kw_only=True)
class PersonRow:
    """A row of the people's file. `enabled` is None where the file does not say; with False, no other field is needed."""

    row: int
    external_id: str
    role: PersonRole | None = None
    name: str | None = None
    email: str | None = None
    username: str | None = None
    enabled: bool | None = None

    @property
    def is_staff(self) -> bool:
        """Return whether the row makes the person more than a student."""
        return self.role in ("educator", "admin")


@dataclass(frozen=True, kw_only=True)
class CourseRow:
    """A row of the courses' file. `kept` is False for a course to archive, and None where the file does not say."""

    row: int
    external_id: str
    name: str = ""
    kept: bool | None = None


@dataclass(frozen=True, kw_only=True)
class EnrollmentRow:
    """A row that enrols a person in a course or, with `removed`, ends the enrolment."""

    row: int
    course: str
    person: str
    role: Literal["student", "educator"]
    removed: bool = False


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a row cannot be imported, and what to do about it. Row 1 is the header, as in a spreadsheet."""

    file: str
    row: int
    column: str
    what: str

    @property
    def pointer(self) -> str:
        """Return the place of the fault as a JSON pointer."""
        return f"/{self.file}/{self.row}/{self.column}" if self.column else f"/{self.file}/{self.row}"

    @property
    def detail(self) -> str:
        """Return the place and the fault in words."""
        return f"row {self.row}, column {self.column}: {self.what}" if self.column else f"row {self.row}: {self.what}"


@dataclass(kw_only=True)
class Findings:
    """The faults that prevent an import, and warnings: what it reads or does in another way than the files say."""

    faults: list[Fault] = field(default_factory=list)
    more_faults: int = 0
    # Rows by file, column and sentence: five thousand rows with the same quirk make one warning.
    _warnings: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)

    def add_fault(self, file: str, row: int, column: str, what: str) -> None:
        """Record why a row cannot be imported."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(file=file, row=row, column=column, what=what))
        else:
            self.more_faults += 1

    def add_warning(self, file: str, row: int, column: str, what: str) -> None:
        """Record what was read or done in another way than a row says."""
        self._warnings.setdefault((file, column, what), []).append(row)

    def add_summary(self, text: str) -> None:
        """Record a warning about many rows that counts them itself."""
        self._warnings[text, "", ""] = []

    def warnings(self) -> tuple[str, ...]:
        """Return the warnings as sentences: at most MOST_WARNINGS, and the number of the others."""
        sentences = [_to_sentence(*key, rows=rows) for key, rows in islice(self._warnings.items(), MOST_WARNINGS)]
        more = len(self._warnings) - len(sentences)
        return (*sentences, f"{more} more warnings are not shown") if more else tuple(sentences)

    def copy(self) -> Findings:
        """Return the same findings, to which others can be added."""
        warnings = {key: list(rows) for key, rows in self._warnings.items()}
        return Findings(faults=list(self.faults), more_faults=self.more_faults, _warnings=warnings)


def _to_sentence(file: str, column: str, what: str, *, rows: list[int]) -> str:
    if not rows:
        return file
    place = f"{file} {_name_rows(sorted(rows))}"
    return f"{place}, column {column}: {what}" if column else f"{place}: {what}"


def _name_rows(rows: list[int]) -> str:
    if len(rows) == 1:
        return f"row {rows[0]}"
    named, more = rows[:MOST_NAMED_ROWS], len(rows) - MOST_NAMED_ROWS
    if more > 0:
        return f"rows {', '.join(map(str, named))} and {more:,} more"
    return f"rows {', '.join(map(str, named[:-1]))} and {named[-1]}"


@dataclass(frozen=True, kw_only=True)
class Roster:
    """A roster as it was read from its files.

    The external ids in `left_out_people` and `left_out_courses` are in the files but are not imported. `unreadable` names
    files that could not be read, so their ids are unknown.
    """

    people: Sequence[PersonRow] = ()
    courses: Sequence[CourseRow] = ()
    enrollments: Sequence[EnrollmentRow] = ()
    left_out_people: frozenset[str] = frozenset()
    left_out_courses: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    findings: Findings = field(default_factory=Findings)


def in_batches(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the values in lists of at most BATCH, so that no statement takes long."""
    rest = iter(values)
    while batch := list(islice(rest, BATCH)):
        yield batch
