"""Test that a migration fills a new table from the rows that were there."""

from __future__ import annotations

import pytest

from migrations.__main__ import main
from migrations.runner import files
from tests.support.servers import LOSE_ROWS, Database
from tests.support.two_schools import build

LISTED = "select to_jsonb(q) from review_items as q order by feedback_id"


@pytest.mark.slow(reason="migrates down and up")
def test_review_lists_are_filled_from_earlier_comments_and_reviews(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that triggers kept and those that the migration finds later are the same."""
    build(database)
    kept = database.sql(LISTED)
    assert {row["is_open"] for (row,) in kept} == {True, False}
    monkeypatch.setenv("DATABASE_URL", database.admin_url)
    [place] = [place for place, path in enumerate(reversed(files()), start=1) if path.stem.endswith("_review_lists")]
    assert main(["down", "--steps", str(place), *LOSE_ROWS]) == 0
    assert main(["up"]) == 0
    assert database.sql(LISTED) == kept
