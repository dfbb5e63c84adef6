"""Test what the migration to `ai_policy` none does with rows, forwards and back."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.migrations.test_runner import NAMES
from tests.support.good_rows import SHA
from tests.support.servers import LOSE_ROWS, Database, migrate

NAME = "0020_no_machine_reads"
WARNING = "select org_id::text, level, event from system_logs where program = 'migrations' order by org_id"


def policies(database: Database) -> dict[object, object]:
    return dict(database.sql("select slug, ai_policy from orgs order by slug"))


def add_unread_version(database: Database, org: UUID) -> UUID:
    """Add a version that no machine read, and return its id."""
    user, essay, version = (UUID(str(one)) for (one,) in database.sql("select uuidv7() from generate_series(1, 3)"))
    database.sql(
        "insert into users (id, org_id, role, email, email_digest) values (%s, %s, 'student', '', '')", user, org
    )
    database.sql(
        "insert into essays (id, org_id, user_id, title, versions, newest_submission_id, newest_submitted_at)"
        " values (%s, %s, %s, '', 1, %s, now())", essay, org, user, version,
    )  # fmt: skip
    database.sql(
        "insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, language, text, text_sha256,"
        " characters, words, submitted_at, completed_at)"
        f" values (%s, %s, %s, %s, %s, 1, 'completed', 'bulk', 'app', 'en', '', {SHA}, 5, 1, now(), now())",
        version, org, essay, user, user,
    )  # fmt: skip
    return version


@pytest.mark.slow(reason="migrates a database of its own")
def test_orgs_without_a_provider_become_local_and_are_told(database: Database) -> None:
    steps = str(len(NAMES) - NAMES.index(NAME))
    migrate(database.admin_url, "down", "--steps", steps, *LOSE_ROWS)
    ids = {
        slug: database.sql("insert into orgs (slug, name, ai_policy) values (%s, 'A', %s) returning id", slug, policy)[
            0
        ][0]
        for slug, policy in (("claude", "anthropic"), ("inside", "local"), ("nobody", "none"))
    }
    before = policies(database)

    migrate(database.admin_url, "up")

    assert policies(database) == {"claude": "anthropic", "inside": "local", "nobody": "local"}
    [(org, level, event)] = database.sql(WARNING)
    assert (org, level) == (str(ids["nobody"]), "warning")
    assert "no machine reads" in str(event)

    database.sql("update orgs set ai_policy = 'none' where slug = 'claude'")
    version = add_unread_version(database, UUID(str(ids["claude"])))
    migrate(database.admin_url, "down", "--steps", steps, *LOSE_ROWS)

    assert policies(database) == {**before, "claude": "none"}
    assert database.sql(WARNING) == []
    passes = database.sql("select name, state, error from passes where submission_id = %s order by name", version)
    assert passes == [(name, "cancelled", "reading_off") for name in ("content", "grammar", "structure")]

    migrate(database.admin_url, "up")
    assert policies(database) == {"claude": "local", "inside": "local", "nobody": "local"}
    rights = database.sql(
        "select has_column_privilege('ec_stats', 'orgs', 'ai_policy', 'update'), has_table_privilege('ec_stats', 'system_logs', 'insert')"
    )
    assert rights == [(False, False)]
