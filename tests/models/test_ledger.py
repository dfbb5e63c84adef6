"""Test budgets and the ledger: concurrent calls do not spend the same budget, and the ledger is the sum of the calls."""

from __future__ import annotations

from uuid import UUID

import peewee
import psycopg2
import pytest

from models import ai_responses, db, essays, ledger, passes
from models.ai_responses import Call, CallEnd
from models.crypto import Key
from models.errors import DatabaseBusy, OverBudget
from models.essays import Draft, Receipt
from models.passes import Claim
from tests.conftest import Become
from tests.support.races import together, warm_up
from tests.support.schools import School, session_of
from tests.support.servers import Database

COST = 100


class Undone(Exception):
    """Rolls a session back."""


def hand_in(school: School, count: int = 1) -> list[Receipt]:
    with session_of(school, "alice"):
        return [
            essays.receive(school.alice, Draft(title="T", text="x", source="app"), org=school.org) for _ in range(count)
        ]


def budget(database: Database, school: School, micros: int | None) -> None:
    database.sql("update orgs set monthly_budget_micros = %s where id = %s", micros, school.org)


def claim(school: School, pass_id: UUID) -> Claim:
    held = passes.claim(pass_id, org=school.org, lease_seconds=60)
    assert held is not None
    return held


def begin(
    school: School,
    held: Claim,
    *,
    author: UUID | None = None,
    provider: str = "anthropic",
    reserved: int = COST,
    batch: bool = False,
) -> Call:
    return ai_responses.open_call(
        held, user=author or school.alice, provider=provider, model="m", prompt_version="1", request_sha256=b"x" * 32, reserved_micros=reserved,
        batch=batch,
    )  # fmt: skip


def end_of(cost: int, outcome: str = "ok") -> CallEnd:
    return CallEnd(
        outcome=outcome, raw="{}", model="m", stop_reason="", input_tokens=5, output_tokens=7, cache_read_tokens=2, cache_write_tokens=3,
        cost_micros=cost, latency_ms=20,
    )  # fmt: skip


def claims(school: School, become: Become, count: int) -> list[Claim]:
    hints = [hint.pass_id for receipt in hand_in(school, (count + 2) // 3) for hint in receipt.hints]
    become("ec_worker")
    with db.session(org=school.org):
        return [claim(school, one) for one in hints[:count]]


def allows(school: School, expected: int) -> bool:
    found = db.row("select budget_allows(%s) and author_may_spend(%s, %s) as may", (expected, school.alice, expected))
    return bool(found and found["may"])


def fold(database: Database) -> int:
    """Fold the ledger, as the clock does. It uses its own connection, because the pool of this process is the worker's."""
    connection = psycopg2.connect(database.role_url("ec_clock"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("select fold_ledger(1000)")
            return int(cursor.fetchone()[0])
    finally:
        connection.close()


def test_twenty_concurrent_calls_with_budget_for_seven_start_seven(
    school: School, become: Become, database: Database
) -> None:
    budget(database, school, 7 * COST + COST // 2)
    held = claims(school, become, 20)
    # As many connections as the limit of the role allows here; the other four calls wait for one.
    become("ec_worker", pool_size=16)
    warm_up(16)

    def ask(number: int) -> bool:
        try:
            with db.session(org=school.org):
                begin(school, held[number])
        except OverBudget:
            return False
        return True

    answers = together(20, ask)

    assert [one for one in answers if isinstance(one, Exception)] == []
    assert sorted(map(bool, answers)) == [False] * 13 + [True] * 7
    assert database.sql("select count(*), sum(reserved_micros) from ai_responses where org_id = %s", school.org) == [
        (7, 7 * COST)
    ]


def test_a_budget_that_is_nearly_spent_is_not_exceeded_by_many_small_calls(
    school: School, become: Become, database: Database
) -> None:
    """Small calls are opened side by side until a tenth of the budget is left, and then one after the other."""
    [(connections,)] = database.sql("select current_setting('max_connections')::integer")
    total = 10 * int(connections) * COST  # type: ignore[call-overload]
    budget(database, school, total)
    spent = total - total // 10 - 5 * COST
    database.sql(
        "insert into ledger (org_id, day, provider, model, pass, calls, cost_micros)"
        " values (%s, (now() at time zone 'utc')::date, 'anthropic', 'm', 'content', 1, %s)",
        school.org,
        spent,
    )
    held = claims(school, become, 1)[0]
    become("ec_worker", pool_size=12)
    warm_up(12)

    def open_many(_: int) -> tuple[int, int]:
        opened, asked_again = 0, 0
        while True:
            try:
                with db.session(org=school.org):
                    begin(school, held, author=school.ed)
                opened += 1
            except DatabaseBusy:
                asked_again += 1
            except OverBudget:
                return opened, asked_again

    answers = together(12, open_many)

    assert [one for one in answers if isinstance(one, Exception)] == []
    fits = (total - spent) // COST
    assert sum(one[0] for one in answers if not isinstance(one, Exception)) == fits
    assert database.sql("select sum(reserved_micros)::bigint from ai_responses where org_id = %s", school.org) == [
        (fits * COST,)
    ]


def test_completed_call_costs_its_price_and_frees_its_reservation(
    school: School, become: Become, database: Database
) -> None:
    budget(database, school, 3 * COST)
    held = claims(school, become, 2)
    with db.session(org=school.org):
        call = begin(school, held[0], reserved=2 * COST)
    with db.session(org=school.org):
        assert (allows(school, COST), allows(school, COST + 1)) == (True, False)
    with db.session(org=school.org):
        ai_responses.complete_call(call, end=end_of(10), key=Key(b"k" * 32))
    with db.session(org=school.org):
        assert (allows(school, 3 * COST - 10), allows(school, 3 * COST - 9)) == (True, False)


def test_reservation_of_an_unanswered_call_expires(school: School, become: Become, database: Database) -> None:
    budget(database, school, COST)
    held = claims(school, become, 3)
    with db.session(org=school.org):
        begin(school, held[0])
    for age, batch, allowed in (
        ("9 minutes", False, False), ("11 minutes", False, True), ("11 minutes", True, False), ("26 hours", True, True),
    ):  # fmt: skip
        database.sql(
            "update ai_responses set id = uuid7_floor(now() - %s::interval), batch = %s where org_id = %s",
            age,
            batch,
            school.org,
        )
        with db.session(org=school.org):
            assert allows(school, COST) is allowed, (age, batch)


def test_budget_ignores_last_month_and_other_orgs(
    school: School, other_school: School, become: Become, database: Database
) -> None:
    spend = (
        "insert into ledger (org_id, day, provider, model, pass, calls, cost_micros) "
        "values (%s, date_trunc('month', now() at time zone 'utc')::date - %s, 'anthropic', 'm', 'content', 1, %s)"
    )
    budget(database, school, COST)
    database.sql(spend, school.org, 1, COST)
    database.sql(spend, other_school.org, 0, COST)
    become("ec_worker")
    with db.session(org=school.org):
        assert allows(school, COST)
        assert ledger.spent_this_month() == 0
    database.sql(spend, school.org, 0, 1)
    with db.session(org=school.org):
        assert not allows(school, COST)
        assert ledger.spent_this_month() == 1
    budget(database, school, None)
    with db.session(org=school.org):
        assert allows(school, 10**12)
    budget(database, school, 0)
    with db.session(org=school.org):
        assert not allows(school, 1)


def test_ledger_equals_the_sum_of_calls_despite_repeats_and_concurrency(
    school: School, become: Become, database: Database
) -> None:
    """Twelve calls end concurrently, two of them failed, and each end is reported twice. The ledger counts twelve; local is free."""
    held = claims(school, become, 13)
    with db.session(org=school.org):
        calls = [begin(school, one) for one in held[:12]]
        free = begin(school, held[12], provider="local", reserved=0)
    warm_up(12)

    def complete(number: int) -> None:
        for _ in range(2):
            with db.session(org=school.org):
                ai_responses.complete_call(
                    calls[number], end=end_of(number, "ok" if number > 1 else "timeout"), key=Key(b"k" * 32)
                )

    answers = together(12, complete)
    with db.session(org=school.org):
        ai_responses.complete_call(free, end=end_of(50), key=Key(b"k" * 32))

    assert answers == [None] * 12
    sums = "sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens), sum(cost_micros)"
    with db.session(org=school.org):
        assert ledger.spent_this_month() == sum(range(12)), "also before the clock has added it up"
    assert fold(database) >= 12
    assert fold(database) == 0
    with db.session(org=school.org):
        assert ledger.spent_this_month() == sum(range(12))
    booked = database.sql(f"select sum(calls), sum(failed), {sums} from ledger where org_id = %s", school.org)
    made = database.sql(
        f"select count(*), count(*) filter (where outcome <> 'ok'), {sums} from ai_responses where org_id = %s and provider <> 'local'",
        school.org,
    )
    assert booked == made
    assert booked[0] == (12, 2, 60, 84, 24, 36, sum(range(12)))
    assert database.sql(
        "select count(*) from ledger where org_id = %s and day <> (now() at time zone 'utc')::date", school.org
    ) == [(0,)]
    # The ledger keeps what was paid when the essays are deleted.
    database.sql("delete from essays where org_id = %s", school.org)
    assert database.sql(f"select sum(calls), sum(failed), {sums} from ledger where org_id = %s", school.org) == booked


@pytest.mark.parametrize("name", ["alice", "ed", "ada"])
def test_people_cannot_write_the_ledger(school: School, become: Become, name: str) -> None:
    for sql in (
        "insert into ledger (org_id, day, provider, model, pass) values (%(org)s, current_date, 'anthropic', 'm', 'content')",
        "update ledger set cost_micros = 0 where org_id = %(org)s",
        "delete from ledger where org_id = %(org)s",
    ):
        with pytest.raises(peewee.ProgrammingError, match="permission denied"), session_of(school, name):
            db.run(sql, {"org": school.org})


def test_worker_cannot_add_cost_to_another_org(school: School, other_school: School, become: Become) -> None:
    become("ec_worker")
    with pytest.raises(peewee.ProgrammingError, match="row-level security"), db.session(org=school.org):
        db.run(
            """
            insert into ledger_entries (org_id, user_id, day, provider, model, pass, failed, input_tokens, output_tokens,
                cache_read_tokens, cache_write_tokens, cost_micros)
            values (%s, %s, current_date, 'anthropic', 'm', 'content', false, 1, 1, 1, 1, 1)
            """,
            (other_school.org, other_school.alice),
        )


def test_author_may_use_a_share_of_the_budget_and_others_the_rest(
    school: School, become: Become, database: Database
) -> None:
    budget(database, school, 10 * COST)
    database.sql("update orgs set author_budget_percent = 20 where id = %s", school.org)
    held = claims(school, become, 2)
    whose = [school.alice, school.bob, school.ed]

    def refusal(expected: int, author: UUID) -> str | None:
        try:
            with db.session(org=school.org):
                begin(school, held[1], author=author, reserved=expected)
                raise Undone
        except OverBudget as refused:
            return refused.refusal
        except Undone:
            return None

    def refusals(expected: int) -> list[str | None]:
        return [refusal(expected, one) for one in whose]

    with db.session(org=school.org):
        call = begin(school, held[0], reserved=COST)
    assert refusals(COST) == [None, None, None]
    assert refusals(COST + 1) == ["author_share_spent", None, None], "the reserved cost of an open call counts"
    with db.session(org=school.org):
        ai_responses.complete_call(call, end=end_of(2 * COST), key=Key(b"k" * 32))
        ai_responses.complete_call(call, end=end_of(2 * COST), key=Key(b"k" * 32))
    assert refusals(1) == ["author_share_spent", None, None]
    assert fold(database) >= 1
    assert refusals(1) == ["author_share_spent", None, None], (
        "folding changes where the cost is noted, and nothing else"
    )
    assert refusals(3 * COST) == ["author_share_spent", "author_share_spent", None], "a teacher has no share"
    assert refusals(9 * COST) == ["org_budget_spent"] * 3
    database.sql("update author_use set month = month - interval '1 month' where org_id = %s", school.org)
    assert refusals(COST) == [None, None, None]
    database.sql("update orgs set author_budget_percent = null where id = %s", school.org)
    assert refusals(3 * COST) == [None, None, None]
