"""Test that going back before other kinds of sources switches these off and keeps them."""

from __future__ import annotations

import pytest

from tests.migrations.test_runner import NAMES
from tests.support.servers import LOSE_ROWS, Database, migrate

NAME = "0064_source_kinds"
KINDS = ("signed", "custom", "moodle", "moodle_webhookengine", "canvas", "lti")


@pytest.mark.slow(reason="migrates a database of its own")
def test_sources_of_new_kinds_stay_and_are_off(database: Database) -> None:
    [(org,)] = database.sql("insert into orgs (slug, name) values ('a', 'A') returning id")
    for kind in KINDS:
        mapping = "{}" if kind == "custom" else None
        database.sql(
            "insert into sources (org_id, name, secret, kind, mapping) values (%s, %s, '', %s, %s)", org, kind, kind, mapping
        )  # fmt: skip
    database.sql("insert into platforms (id, org_id) select id, org_id from sources where kind = 'lti'")
    database.sql(
        "insert into arrivals (org_id, source_id, version_key, place, changed_at)"
        " select org_id, id, '1', '{}', now() from sources where kind = 'lti'"
    )
    steps = str(len(NAMES) - NAMES.index(NAME))

    migrate(database.admin_url, "down", "--steps", steps, *LOSE_ROWS)

    assert database.sql("select name, kind, disabled_at is null from sources order by name") == [
        ("canvas", "signed", False), ("custom", "signed", False), ("lti", "lti", True), ("moodle", "moodle", True),
        ("moodle_webhookengine", "moodle", True), ("signed", "signed", True),
    ]  # fmt: skip

    # Nobody is left who could fetch it: its teacher may send it again.
    assert database.sql("select state, error from arrivals") == [("refused", "not_taken")]

    migrate(database.admin_url, "up")
    assert database.sql("select count(*) from sources where kind = 'canvas'") == [(0,)]
