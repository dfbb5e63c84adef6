"""What a roster import takes and answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

Csv = Annotated[StrictStr | None, Field(description="the text of the CSV file; left out or null: nothing of that kind")]


class RosterUpload(BaseModel):
    """A roster as OneRoster 1.1 CSV texts."""

    model_config = ConfigDict(extra="forbid")

    users: Csv = None
    classes: Csv = None
    enrollments: Csv = None
    dry_run: Annotated[StrictBool, Field(description="do everything, report it, and take it back")] = False
    allow_admins: Annotated[
        StrictBool, Field(description="let the roster make admins, enable them again and change their addresses")
    ] = False


class PeopleCount(BaseModel):
    """What became of the users' rows."""

    added: int
    changed: int
    unchanged: int
    disabled: int


class CourseCount(BaseModel):
    """What became of the classes' rows."""

    added: int
    changed: int
    unchanged: int
    archived: int


class EnrollmentCount(BaseModel):
    """What became of the enrollments' rows."""

    added: int
    changed: int
    removed: int
    unchanged: int


class RosterReport(BaseModel):
    """What an import did; after a dry run, what it would have done."""

    dry_run: bool
    users: PeopleCount
    courses: CourseCount
    enrollments: EnrollmentCount
    warnings: Annotated[list[str], Field(description="what was left out or not done, and why")]
