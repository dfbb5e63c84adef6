"""Legal holds on people: while one lasts, neither a retention nor an erasure deletes anything of theirs.

A hold on the whole org is a setting of the org. A hold names a case by its number and never says why in words.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from models.db import row, rows
from models.errors import NotFound

# In a condition of SQL: the orgs of which nothing is deleted.
ORGS_ON_HOLD = "(select o.id from orgs as o where o.legal_hold is not null)"
# And the people.
PEOPLE_ON_HOLD = "(select u.id from users as u where u.legal_hold is not null)"


def place(user: UUID, *, case_number: str) -> None:
    """Place a hold on the person, or give the hold another case. Call it as ec_admin. Raises NotFound."""
    _hold(user, case_number)


def lift(user: UUID) -> None:
    """Lift the hold on the person, if there is one. Call it as ec_admin. Raises NotFound."""
    _hold(user, None)


def list_held(*, org: UUID, limit: int, before: UUID | None = None) -> list[dict[str, Any]]:
    """Return the people on hold with the number of the case; `before` is the last id of the previous page. Call it as ec_admin."""
    return rows(
        """
        select id, id as user_id, legal_hold as case_number from users
        where org_id = %(org)s and legal_hold is not null and (%(before)s::uuid is null or id < %(before)s)
        order by id desc limit %(limit)s
        """,
        {"org": org, "before": before, "limit": limit},
    )


def _hold(user: UUID, case_number: str | None) -> None:
    done = row("select hold_person(%s, %s) as done", (user, case_number))
    if done is None or not done["done"]:
        raise NotFound("There is no such person.")
