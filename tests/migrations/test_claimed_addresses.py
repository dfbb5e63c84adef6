"""Test which accounts of before the migration to confirmed addresses count as confirmed."""

from __future__ import annotations

import pytest

from tests.migrations.test_runner import NAMES
from tests.support.servers import LOSE_ROWS, Database, migrate

NAME = "0027_claimed_addresses"
ADD = "insert into users (org_id, role, email, email_digest, external_id, external_id_digest) values (%s, 'student', '', %s, '', %s)"


@pytest.mark.slow(reason="migrates a database of its own")
def test_only_unused_accounts_of_an_lms_are_unconfirmed(database: Database) -> None:
    migrate(database.admin_url, "down", "--steps", str(len(NAMES) - NAMES.index(NAME)), *LOSE_ROWS)
    [(org,)] = database.sql("insert into orgs (slug, name) values ('north', 'North') returning id")
    people = {}
    for name, role in (
        ("roster", "admin"), ("lms", "lms"), ("lms, password", "lms"), ("lms, invited", "lms"), ("lms, changed", "lms"),
    ):  # fmt: skip
        digest = name.encode()
        [(people[name],)] = database.sql(
            f"set role ec_{role}; select set_config('app.org', %s, false); {ADD}; select set_config('app.org', '', false);"
            " reset role; select id from users where email_digest = %s",
            str(org), org, digest, digest, digest,
        )  # fmt: skip
    database.sql("update users set password_hash = 'x' where id = %s", people["lms, password"])
    database.sql(
        "insert into one_time_tokens (org_id, user_id, purpose, digest, expires_at)"
        " values (%s, %s, 'invitation', sha256(''), now())",
        org, people["lms, invited"],
    )  # fmt: skip
    database.sql(
        "set role ec_admin; select set_config('app.org', %s, false); update users set email = 'x' where id = %s; reset role",
        str(org), people["lms, changed"],
    )  # fmt: skip

    migrate(database.admin_url, "up")

    assert database.sql("select id from users where address_confirmed_at is null") == [(people["lms"],)]
