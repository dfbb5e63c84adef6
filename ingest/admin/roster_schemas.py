"""Request and response models of the roster import."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

Csv = Annotated[
    StrictStr | None,
    Field(
        description="the text of the CSV file, separated by commas, semicolons, tabs or vertical bars; null or left out: nothing of "
        "this kind is imported"
    ),
]


class RosterUpload(BaseModel):
    """A roster as the texts of OneRoster 1.1 CSV files."""

    model_config = ConfigDict(extra="forbid")

    users: Csv = None
    classes: Csv = None
    enrollments: Csv = None
    dry_run: Annotated[
        StrictBool, Field(description="run the whole import and return its report, but store nothing")
    ] = False
    allow_admins: Annotated[
        StrictBool,
        Field(
            description="allow the roster to create admins, to enable them again and to change their e-mail addresses"
        ),
    ] = False


class PeopleCount(BaseModel):
    """The number of users by result."""

    added: int
    changed: int
    unchanged: int
    disabled: int


class CourseCount(BaseModel):
    """The number of classes by result."""

    added: int
    changed: int
    unchanged: int
    archived: int


class EnrollmentCount(BaseModel):
    """The number of enrollments by result."""

    added: int
    changed: int
    removed: int
    unchanged: int


class RosterReport(BaseModel):
    """The result of an import; of a dry run, what the import would have done."""

    dry_run: bool
    users: PeopleCount
    courses: CourseCount
    enrollments: EnrollmentCount
    warnings: Annotated[
        list[str],
        Field(
            description="what was left out, or read or done in another way than the texts say: file, row, column and a sentence for "
            "people, such as `users row 3, column email: is not an e-mail address, so none is stored; …`. Rows with the same "
            "sentence share one warning; at most 200 warnings are listed, and then how many more there are"
        ),
    ]
