"""Test that confidences with basis `default` survive the way back as `measured`."""

from __future__ import annotations

import pytest

from tests.migrations.test_runner import NAMES
from tests.support.good_rows import GOOD
from tests.support.servers import LOSE_ROWS, Database, migrate

NAME = "0022_default_confidence"


@pytest.mark.slow(reason="migrates a database of its own")
def test_default_becomes_measured_on_the_way_back(database: Database) -> None:
    steps = str(len(NAMES) - NAMES.index(NAME))
    row = {**GOOD["feedback"], "confidence_basis": "'default'"}
    # The row has no essay: this test is about its own words only.
    database.sql(
        "do $$ begin set local session_replication_role = replica; "
        f"insert into feedback ({', '.join(row)}) values ({', '.join(row.values())}); end $$"
    )
    forced = "select relforcerowsecurity from pg_class where relname = 'feedback'"

    migrate(database.admin_url, "down", "--steps", steps, *LOSE_ROWS)

    assert database.sql("select confidence_basis from feedback") == [("measured",)]
    assert database.sql(forced) == [(True,)]
    migrate(database.admin_url, "up")
    assert database.sql("select confidence_basis from feedback") == [("measured",)]
    valid = "select convalidated from pg_constraint where conname = 'feedback_confidence_basis_known'"
    assert set(database.sql(valid)) == {(True,)}
