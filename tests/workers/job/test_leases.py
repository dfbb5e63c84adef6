"""Test the leases of running passes: renewal by the holder only and for a limited time."""

from __future__ import annotations

from contextlib import ExitStack, closing
from datetime import datetime

import psycopg2
import pytest
from structlog.testing import capture_logs

from models import db, essays, passes
from models.essays import Draft
from models.passes import Claim
from tests.conftest import Become
from tests.support.races import eventually
from tests.support.schools import School, session_of
from tests.support.servers import Database, Servers, away
from workers.job.leases import Leases

LEASE_SECONDS = 1.2


@pytest.fixture
def claim(school: School, become: Become) -> Claim:
    """Give a pass claimed by this process with the role ec_worker."""
    with session_of(school, "alice"):
        receipt = essays.receive(school.alice, Draft(title="", text="One two three.", source="app"), org=school.org)
    become("ec_worker")
    return claimed(school, receipt.hints[0].pass_id)


def claimed(school: School, pass_id: object) -> Claim:
    with db.session(org=school.org):
        claim = passes.claim(pass_id, org=school.org, lease_seconds=LEASE_SECONDS)  # type: ignore[arg-type]
    assert claim is not None
    return claim


def lease_until(database: Database, claim: Claim) -> datetime:
    found = database.sql("select lease_until from passes where id = %s", claim.id)[0][0]
    assert isinstance(found, datetime)
    return found


def now(database: Database) -> datetime:
    found = database.sql("select clock_timestamp()")[0][0]
    assert isinstance(found, datetime)
    return found


def new_leases(*, lease_seconds: float = LEASE_SECONDS, longest_seconds: float = 60) -> Leases:
    return Leases(lease_seconds=lease_seconds, longest_seconds=longest_seconds)


@pytest.mark.slow(reason="waits for a lease to end")
def test_a_held_lease_outlives_its_own_length(database: Database, claim: Claim) -> None:
    first_end = lease_until(database, claim)
    with new_leases().holding(claim):
        eventually(lambda: now(database) > first_end)
        assert lease_until(database, claim) > now(database)


@pytest.mark.slow(reason="waits for a lease to end")
def test_a_lease_that_is_let_go_runs_out(database: Database, claim: Claim) -> None:
    with new_leases().holding(claim):
        pass
    eventually(lambda: lease_until(database, claim) < now(database), within_seconds=30)


def test_a_lease_is_let_go_also_when_the_work_fails(database: Database, claim: Claim) -> None:
    leases = new_leases()
    with pytest.raises(ZeroDivisionError), leases.holding(claim):
        raise ZeroDivisionError
    before = lease_until(database, claim)
    leases.renew_all()
    assert lease_until(database, claim) == before


def test_lost_claim_does_not_renew_its_successors_lease(database: Database, school: School, claim: Claim) -> None:
    leases = new_leases()
    with leases.holding(claim):
        database.sql("update passes set state = 'queued', lease_until = null, next_at = now() where id = %s", claim.id)
        taken_over = claimed(school, claim.id)
        assert taken_over.fence == claim.fence + 1
        before = lease_until(database, claim)
        leases.renew_all()
        assert lease_until(database, claim) == before


def test_a_lost_lease_is_reported_once_and_a_pass_that_has_ended_never(database: Database, claim: Claim) -> None:
    """Between the end of a pass and the end of its block there is a moment in which it has no lease and is still held."""
    leases = new_leases(lease_seconds=600)  # the thread that renews, too, would count the refusals
    with capture_logs() as lines:
        with leases.holding(claim):
            with db.session(org=claim.org):
                passes.give_up(claim, error="bad_request")
            leases.renew_all()
        leases.renew_all()
        assert lines == []
        with leases.holding(claim):
            for _ in range(3):
                leases.renew_all()
    assert [line["event"] for line in lines] == ["lease lost"]


def test_handing_back_leaves_what_hangs_claimed(database: Database, school: School, claim: Claim) -> None:
    leases = new_leases()
    others = database.sql("select id from passes where id <> %s", claim.id)
    other = claimed(school, others[0][0])
    with leases.holding(claim), leases.holding(other):
        assert set(leases.held()) == {claim, other}
        assert leases.hand_back(but=[claim]) == 1
        assert leases.held() == []
    rows = database.sql("select id, state, attempt from passes where id = any (%s::uuid[])", [claim.id, other.id])
    assert {(row[1], row[2]) for row in rows if row[0] == claim.id} == {("running", 1)}
    assert {(row[1], row[2]) for row in rows if row[0] == other.id} == {("queued", 0)}


def test_all_leases_of_an_org_are_renewed_in_one_statement_and_locked_rows_are_left_out(
    database: Database, school: School, claim: Claim
) -> None:
    leases = new_leases(lease_seconds=600)
    others = [claimed(school, one) for (one,) in database.sql("select id from passes where id <> %s", claim.id)]
    assert len(others) == 2
    with ExitStack() as held:
        for one in (claim, *others):
            held.enter_context(leases.holding(one))
        before = {one: lease_until(database, one) for one in (claim, *others)}
        with closing(psycopg2.connect(database.admin_url)) as finishing, finishing.cursor() as cursor:
            cursor.execute("select 1 from passes where id = %s for update", (str(claim.id),))
            with capture_logs() as lines:
                leases.renew_all()
        assert lines == []
        assert lease_until(database, claim) == before[claim]
        renewed = {lease_until(database, one) for one in others}
        assert len(renewed) == 1, "one statement has one time"
        assert renewed.pop() > max(before.values())


def test_finished_pass_gets_no_new_lease(database: Database, claim: Claim) -> None:
    leases = new_leases()
    with leases.holding(claim):
        with db.session(org=claim.org):
            passes.give_up(claim, error="bad_request")
        leases.renew_all()
        assert database.sql("select state, lease_until from passes where id = %s", claim.id) == [("gave_up", None)]


def test_work_that_is_held_too_long_is_not_renewed_any_more(database: Database, claim: Claim) -> None:
    leases = new_leases(longest_seconds=LEASE_SECONDS / 2)
    with leases.holding(claim):
        eventually(lambda: lease_until(database, claim) < now(database))


def test_renewing_goes_on_after_the_database_was_away(database: Database, servers: Servers, claim: Claim) -> None:
    leases = new_leases()
    with leases.holding(claim):
        with away(servers, database):
            leases.renew_all()
        before = lease_until(database, claim)
        eventually(lambda: lease_until(database, claim) > before)


@pytest.mark.slow(reason="waits for a lease to end")
def test_renewing_goes_on_after_an_unexpected_error(database: Database, claim: Claim) -> None:
    leases = new_leases()
    database.sql("revoke update on passes from ec_worker")
    last = "select query from pg_stat_activity where datname = current_database() and usename = 'ec_worker'"
    with leases.holding(claim):
        eventually(lambda: ("rollback",) in database.sql(last))  # a renewal round has hit the error
        database.sql("grant update (lease_until) on passes to ec_worker")
        before = lease_until(database, claim)
        eventually(lambda: lease_until(database, claim) > before)
