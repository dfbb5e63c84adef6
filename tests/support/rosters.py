"""Send rosters by API and by command, and look at what they changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ingest.__main__ import main
from models import db, users

HEADER = "sourcedId,role,givenName,familyName,email,status,enabledUser\n"


@dataclass(frozen=True)
class Outcome:
    """What an import answered: whether it imported, its warnings, and its faults as (file, row, column, sentence)."""

    imported: bool
    warnings: tuple[str, ...] = ()
    faults: tuple[tuple[str, int, str, str], ...] = ()


def import_by_api(api: Any, files: Mapping[str, str], *, allow_admins: bool = False) -> Outcome:
    """Import by `POST /v1/roster` and return the outcome."""
    body = {**files, "allow_admins": allow_admins}
    answer = api.client.post("/v1/roster", json=body, headers=api.signed_in("ada"))
    if answer.status_code == 200:
        return Outcome(imported=True, warnings=tuple(answer.json["warnings"]))
    assert answer.status_code == 422, answer.text
    faults = []
    for error in answer.json["errors"]:
        _, file, row, *column = error["pointer"].split("/")
        place = f"row {row}, column {column[0]}: " if column else f"row {row}: "
        assert error["detail"].startswith(place), error
        faults.append((file, int(row), column[0] if column else "", error["detail"].removeprefix(place)))
    return Outcome(imported=False, faults=tuple(faults))


def import_by_command(
    api: Any,
    files: Mapping[str, str | bytes],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    allow_admins: bool = False,
) -> Outcome:
    """Import by `python -m ingest roster` and return the outcome. The environment must be set."""
    for name, content in files.items():
        (folder / f"{name}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    capsys.readouterr()
    try:
        code = main(["roster", str(folder), "--org", api.school.slug, *(["--allow-admins"] if allow_admins else [])])
    finally:
        db.database.close_idle()
    printed = capsys.readouterr()
    if code == 0:
        warnings = [line.removeprefix("warning: ") for line in printed.out.splitlines() if line.startswith("warning: ")]
        return Outcome(imported=True, warnings=tuple(warnings))
    lines = printed.err.splitlines()
    # What comes before the heads of the columns is for people, or is a line of the log.
    lines = lines[1 + next(number for number, line in enumerate(lines) if line.split()[:2] == ["file", "row"]) :]
    faults = [
        (line[:16].strip().removesuffix(".csv"), int(line[16:22]), line[24:40].strip(), line[40:]) for line in lines
    ]
    return Outcome(imported=False, faults=tuple(faults))


def find_person(org: UUID, external_id: str) -> users.Person | None:
    """Return the profile of the person with this external id, or None."""
    with db.session(org=org, role="ec_admin"):
        digest = users.keyring().external_id_index(external_id, org=org)
        found = db.row("select id from users where external_id_digest = %s", (digest,))
        return found and users.fetch_person(found["id"], org=org)


def people_and_enrolments(org: UUID) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return every person and every enrolment of the org, without ids of rows. Call it in a session of ec_admin."""
    people = [
        users.fetch_person(found["id"], org=org) for found in db.rows("select id from users where org_id = %s", (org,))
    ]
    by_id = {person.id: person for person in people}
    enrolments = db.rows(
        """
        select c.external_id, c.name, e.user_id, e.role from enrollments as e
        join courses as c on c.org_id = e.org_id and c.id = e.course_id where e.org_id = %s
        """,
        (org,),
    )
    return (
        sorted((one.external_id or "", one.role, one.name, one.email or "", one.disabled) for one in people),
        sorted((one["external_id"] or "", one["name"], by_id[one["user_id"]].name, one["role"]) for one in enrolments),
    )
