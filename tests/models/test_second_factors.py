"""Test the second factor: codes that count once, a pause after many wrong ones, recovery codes, and whose it is."""

from __future__ import annotations

import time

import pyotp
import pytest
import time_machine

from models import db, second_factors
from models.errors import NotFound, Taken, Undecipherable
from models.second_factors import MAX_FAILURES, PAUSE_MINUTES
from tests.support.races import together, warm_up
from tests.support.schools import School
from tests.support.servers import Database


@pytest.fixture(autouse=True)
def middle_of_a_half_minute():
    """Let every test begin ten seconds after a code changed, so that it does not change during the test."""
    with time_machine.travel(time.time() // 30 * 30 + 10, tick=True):
        yield


@pytest.fixture
def as_auth(school):
    """`as_auth(act, *args)` calls a function about Ada in a session of its own, as the sign-in does."""

    def call(act, *args, of: School = school):
        with db.session(org=of.org, role="ec_auth", actor=of.ada):
            return act(of.ada, *args, org=of.org)

    return call


@pytest.fixture
def enrolled(as_auth) -> tuple[pyotp.TOTP, list[str]]:
    """Give the authenticator app of Ada, whose code of one minute ago switched it on, and her recovery codes."""
    app = pyotp.TOTP(as_auth(second_factors.begin))
    # A code of the past, so that those of now have not been used. The window is one step wide.
    codes = as_auth(second_factors.confirm, app.at(time.time() - 30))
    assert codes is not None
    return app, codes


def test_code_works_once(as_auth, enrolled):
    app, _ = enrolled
    code = app.now()
    assert as_auth(second_factors.spend, code) == "correct"
    assert as_auth(second_factors.spend, code) == "wrong"
    assert as_auth(second_factors.spend, f" {code[:3]} {code[3:]} ") == "wrong"


def test_code_of_the_enrolment_cannot_be_used_again(as_auth):
    app = pyotp.TOTP(as_auth(second_factors.begin))
    code = app.now()
    assert as_auth(second_factors.confirm, code) is not None
    assert as_auth(second_factors.spend, code) == "wrong"


@pytest.mark.parametrize(
    ("steps", "outcome"), [(-3, "wrong"), (-2, "wrong"), (0, "correct"), (1, "correct"), (3, "wrong")]
)
def test_code_counts_near_its_time_only(as_auth, enrolled, steps, outcome):
    app, _ = enrolled
    assert as_auth(second_factors.spend, app.at(time.time() + 30 * steps)) == outcome


def test_older_code_is_refused_after_a_newer_one(as_auth, enrolled):
    app, _ = enrolled
    assert as_auth(second_factors.spend, app.at(time.time() + 30)) == "correct"
    assert as_auth(second_factors.spend, app.now()) == "wrong"


def test_of_two_requests_with_one_code_one_is_right(as_auth, enrolled):
    app, _ = enrolled
    code = app.now()
    warm_up(4)
    outcomes = together(4, lambda _: as_auth(second_factors.spend, code))
    assert sorted(outcomes) == ["correct", "wrong", "wrong", "wrong"]


def test_recovery_codes_work_once_each_however_they_are_typed(as_auth, enrolled):
    _, codes = enrolled
    assert len(set(codes)) == 10
    assert as_auth(second_factors.spend, codes[0].upper().replace("-", " ")) == "correct"
    assert as_auth(second_factors.spend, codes[0]) == "wrong"
    assert as_auth(second_factors.spend, codes[9]) == "correct"
    assert as_auth(second_factors.fetch).recovery_codes_left == 8


def test_many_wrong_codes_stop_right_ones_too_for_some_time(as_auth, enrolled, database: Database, school):
    app, codes = enrolled
    for number in range(MAX_FAILURES):
        assert as_auth(second_factors.spend, f"wrong {number}") == "wrong"
    assert as_auth(second_factors.spend, app.now()) == "paused"
    assert as_auth(second_factors.spend, codes[0]) == "paused"
    database.sql(
        "update second_factors set failed_at = failed_at - make_interval(mins => %s) where user_id = %s returning 1",
        PAUSE_MINUTES, school.ada,
    )  # fmt: skip
    assert as_auth(second_factors.spend, "wrong again") == "wrong"
    assert as_auth(second_factors.spend, app.now()) == "correct"


def test_new_secret_changes_nothing_until_a_code_confirms_it(as_auth):
    first = pyotp.TOTP(as_auth(second_factors.begin))
    assert as_auth(second_factors.fetch) is None
    assert as_auth(second_factors.spend, first.now()) == "absent"
    second = pyotp.TOTP(as_auth(second_factors.begin))
    assert as_auth(second_factors.confirm, first.now()) is None
    assert as_auth(second_factors.confirm, second.now()) is not None
    with pytest.raises(Taken):
        as_auth(second_factors.begin)
    assert as_auth(second_factors.confirm, second.now()) is None


def test_removal_ends_the_codes(as_auth, enrolled):
    app, codes = enrolled
    assert as_auth(second_factors.remove)
    assert not as_auth(second_factors.remove)
    assert as_auth(second_factors.spend, app.now()) == "absent"
    assert as_auth(second_factors.spend, codes[0]) == "absent"


def test_secret_opens_for_its_person_only(as_auth, enrolled, database: Database, school, other_school):
    database.sql(
        "insert into second_factors (user_id, org_id, secret, confirmed_at)"
        " select %s, %s, secret, now() from second_factors where user_id = %s returning 1",
        other_school.ada, other_school.org, school.ada,
    )  # fmt: skip
    with pytest.raises(Undecipherable):
        as_auth(second_factors.spend, "123456", of=other_school)


def test_other_org_finds_nothing(enrolled, school, other_school):
    with db.session(org=other_school.org, role="ec_auth"):
        assert second_factors.fetch(school.ada, org=school.org) is None
        assert second_factors.spend(school.ada, "123456", org=school.org) == "absent"
        assert not second_factors.remove(school.ada, org=school.org)
        with pytest.raises(NotFound):
            second_factors.begin(school.ada, org=school.org)


def test_stored_row_holds_neither_the_secret_nor_a_recovery_code(enrolled, database: Database, school):
    app, codes = enrolled
    [(row,)] = database.sql("select second_factors::text from second_factors where user_id = %s", school.ada)
    for word in (app.secret, *codes, *(one.replace("-", "") for one in codes)):
        assert word not in row
        assert word.encode().hex() not in row


def test_clock_that_is_half_a_minute_off_is_no_trouble(as_auth, enrolled):
    app, _ = enrolled
    assert as_auth(second_factors.spend, app.at(time.time() + 25)) == "correct"
