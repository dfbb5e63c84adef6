"""Test rotation of API keys and source secrets: concurrently, after revocation, and by roles that have no right to it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import peewee
import pytest

from models import callers, connections, db
from models.connections import USUAL_SCOPES
from models.crypto import AssociatedData, keyring
from models.errors import Ended, Invalid, NotFound, Undecipherable
from tests.support.races import together, warm_up
from tests.support.schools import PEPPER, School, session_of
from tests.support.servers import Database

PEPPER_BYTES = base64.b64decode(PEPPER)


def recognise(text: str) -> callers.Caller:
    """Return the caller whose API key this is."""
    with db.session(role="ec_auth"):
        return callers.recognise_api_key(text, pepper=PEPPER_BYTES)


def live_secrets(school: School) -> tuple[str, ...]:
    """Return the secrets with which the school's source may sign now."""
    with db.session(role="ec_auth"):
        return callers.find_source(school.source).secrets


def test_api_key_made_without_scopes_hands_in_and_reads_and_adds_no_courses(school: School) -> None:
    assert recognise(school.api_key).scopes == frozenset(USUAL_SCOPES) == {"submit", "read"}
    with session_of(school, "ada"):
        assert connections.fetch_api_key(school.api_key_id, org=school.org).creates_courses is False
        assert connections.fetch_source(school.source, org=school.org).creates_courses is False


def test_rotated_api_key_keeps_its_right_to_add_courses(school: School) -> None:
    with session_of(school, "ada"):
        connections.change_api_key(school.api_key_id, org=school.org, changes={"creates_courses": True})
        new, _ = connections.rotate_api_key(school.api_key_id, org=school.org, pepper=PEPPER_BYTES)
        assert connections.fetch_api_key(new, org=school.org).creates_courses is True


def test_api_key_use_is_recorded_once_a_day(school: School, database: Database) -> None:
    warm_up(8)

    callers = together(8, lambda _: recognise(school.api_key))

    assert {caller.id for caller in callers if not isinstance(caller, Exception)} == {school.api_key_id}
    version = "select last_used_on = (now() at time zone 'utc')::date, xmin::text from api_keys where id = %s"
    ((today, first),) = database.sql(version, str(school.api_key_id))
    assert today
    recognise(school.api_key)
    assert database.sql(version, str(school.api_key_id)) == [(True, first)]


def test_concurrent_rotations_of_an_api_key_leave_every_new_key_valid(school: School) -> None:
    warm_up(4)

    def rotate(_: int) -> tuple[Any, str]:
        with session_of(school, "ada"):
            return connections.rotate_api_key(school.api_key_id, org=school.org, pepper=PEPPER_BYTES)

    made = together(4, rotate)

    assert len({recognise(one[1]).id for one in made if not isinstance(one, Exception)}) == 4
    assert recognise(school.api_key).id == school.api_key_id


def test_revoked_key_cannot_be_rotated_and_past_expiry_is_refused(school: School) -> None:
    with session_of(school, "ada"):
        connections.revoke_api_key(school.api_key_id, org=school.org)
    with session_of(school, "ada"), pytest.raises(Ended):
        connections.rotate_api_key(school.api_key_id, org=school.org, pepper=PEPPER_BYTES)
    past = datetime.now(UTC) - timedelta(seconds=60)
    with session_of(school, "ada"), pytest.raises(Invalid):
        connections.add_api_key("x", org=school.org, pepper=PEPPER_BYTES, expires_at=past)
    with session_of(school, "ada"), pytest.raises(Invalid):
        connections.change_api_key(school.api_key_id, org=school.org, changes={"expires_at": past})


def test_previous_source_secret_is_bound_to_its_column(school: School, database: Database) -> None:
    with session_of(school, "ada"):
        new = connections.rotate_source(school.source, org=school.org)

    assert live_secrets(school) == (new, school.source_secret)
    previous = bytes(database.sql("select previous_secret from sources where id = %s", str(school.source))[0][0])  # type: ignore[arg-type]
    with pytest.raises(Undecipherable):
        keyring().open(previous, place=AssociatedData("sources", "secret", school.org, school.source))
    database.sql("update sources set secret = previous_secret where id = %s", str(school.source))
    with pytest.raises(Undecipherable):
        live_secrets(school)


def test_concurrent_source_rotations_leave_exactly_two_secrets(school: School) -> None:
    warm_up(6)

    def rotate(_: int) -> str:
        with session_of(school, "ada"):
            return connections.rotate_source(school.source, org=school.org)

    made = together(6, rotate)

    assert set(live_secrets(school)) < set(made)
    assert len(set(live_secrets(school))) == 2


def test_admin_of_another_org_finds_no_key_and_no_source(school: School, other_school: School) -> None:
    def expect_not_found(call: Any) -> None:
        with session_of(other_school, "ada"), pytest.raises(NotFound):
            call()

    # Naming the right org does not help: row security uses the org of the session.
    for org in (school.org, other_school.org):
        expect_not_found(lambda org=org: connections.fetch_api_key(school.api_key_id, org=org))
        expect_not_found(lambda org=org: connections.revoke_api_key(school.api_key_id, org=org))
        expect_not_found(lambda org=org: connections.change_api_key(school.api_key_id, org=org, changes={"name": "x"}))
        expect_not_found(lambda org=org: connections.rotate_api_key(school.api_key_id, org=org, pepper=PEPPER_BYTES))
        expect_not_found(lambda org=org: connections.fetch_source(school.source, org=org))
        expect_not_found(lambda org=org: connections.change_source(school.source, org=org, disabled=True))
        expect_not_found(lambda org=org: connections.rotate_source(school.source, org=org))
    assert recognise(school.api_key).org == school.org
    assert live_secrets(school) == (school.source_secret,)


@pytest.mark.parametrize("name", ["alice", "ed"])
def test_student_and_educator_cannot_use_keys_or_sources(school: School, name: str) -> None:
    calls: list[Any] = [
        lambda: connections.list_api_keys(org=school.org, limit=1),
        lambda: connections.list_sources(org=school.org, limit=1),
        lambda: connections.revoke_api_key(school.api_key_id, org=school.org),
        lambda: connections.rotate_source(school.source, org=school.org),
        lambda: connections.add_source("mine", org=school.org),
    ]
    for call in calls:
        with pytest.raises(peewee.ProgrammingError, match="permission denied"), session_of(school, name):
            call()


def test_admin_cannot_read_or_change_an_api_key_digest(school: School) -> None:
    for statement in (
        "select digest from api_keys",
        "update api_keys set digest = 'x'",
        "update api_keys set last_used_on = null",
    ):
        with pytest.raises(peewee.ProgrammingError, match="permission denied"), session_of(school, "ada"):
            db.run(statement)


def test_unknown_key_or_source_is_not_found(school: School) -> None:
    with session_of(school, "ada"), pytest.raises(NotFound):
        connections.rotate_source(uuid4(), org=school.org)
    with session_of(school, "ada"), pytest.raises(NotFound):
        connections.revoke_api_key(uuid4(), org=school.org)
