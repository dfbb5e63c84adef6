"""Canvas sites: ids are those that the site itself uses, and the account of the first event is kept."""

from __future__ import annotations

import pytest

from models import canvas_sites, db
from tests.support.canvas import TOKEN
from tests.support.schools import School, session_of


@pytest.mark.parametrize(
    ("given", "own"),
    [
        ("21070000000014012", "14012"), ("14012", "14012"), ("30000000000012", "30000000000012"),
        ("21079999999999999", "9999999999999"), ("21080000000000001", "21080000000000001"),
    ],
)  # fmt: skip
def test_global_id_becomes_the_sites_own(given: str, own: str) -> None:
    assert canvas_sites.own_id(given, root_account="21070000000000001") == own


def test_account_of_the_first_event_is_kept(school: School) -> None:
    with session_of(school, "ada"):
        source = canvas_sites.add_site("Canvas", org=school.org, site="https://canvas.example", token=TOKEN)
    with db.session(org=school.org, role="ec_lms", actor=source):
        assert [canvas_sites.keep_account(source, one, org=school.org) for one in ("a", "b", "a")] == [
            True,
            False,
            True,
        ]
