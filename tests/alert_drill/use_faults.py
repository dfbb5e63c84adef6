"""What people do: attacks on sign-in and webhooks, unusual reading, and money."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

from tests.alert_drill.fault import Drill, Fault
from tests.chaos.lms import post

CLIENTS = 8


@contextmanager
def passwords_guessed(drill: Drill) -> Iterator[None]:
    """Guess passwords of people who do not exist, 150 times."""
    org = drill.system.machine.demo["org"]
    _repeat(150, lambda: drill.ask("POST", "/v1/auth/login", body={"org": org, "email": f"{uuid4().hex}@x.example", "password": "wrong horse"}))  # fmt: skip
    yield


@contextmanager
def keys_guessed(drill: Drill) -> Iterator[None]:
    """Send 400 requests with invented keys: refused, and more of them than there are lines for."""
    _repeat(400, lambda: drill.ask("GET", "/v1/org", token=f"ec_{uuid4().hex}"))
    yield


@contextmanager
def webhooks_forged(drill: Drill) -> Iterator[None]:
    """Deliver forty webhooks with a wrong signature."""
    source = drill.system.machine.demo["source"]["id"]
    url = f"http://127.0.0.1:{drill.system.machine.port}/v1/webhooks/{source}"

    def forge() -> object:
        ((now,),) = drill.sql("select extract(epoch from now())::bigint")
        headers = {"webhook-id": uuid4().hex, "webhook-timestamp": str(now), "webhook-signature": "v1,AAAA"}
        return post(url, b"{}", headers=headers, timeout_seconds=10)

    _repeat(40, forge)
    yield


@contextmanager
def people_exported(drill: Drill) -> Iterator[None]:
    """Let an admin export the same student 30 times."""
    token = drill.sign_in("admin")
    ((student,),) = drill.sql("select user_id from essays order by id desc limit 1")
    _repeat(30, lambda: drill.ask("GET", f"/v1/users/{student}/export", token=token))
    yield


@contextmanager
def texts_read(drill: Drill) -> Iterator[None]:
    """Let an admin read 60 submissions with their feedback."""
    token = drill.sign_in("admin")
    found = drill.sql("select id from submissions order by id desc limit 60")
    paths = iter([f"/v1/submissions/{one}/text" for (one,) in found])
    _repeat(len(found), lambda: drill.ask("GET", next(paths), token=token))
    yield


@contextmanager
def money_spent(drill: Drill) -> Iterator[None]:
    """Count 21 dollars more, as the clock's folding would."""
    drill.sql(
        "insert into tallies (name, labels, count, total) values ('ai_cost_micros', '{grammar}', 0, 21e6) "
        "on conflict (name, labels) do update set total = tallies.total + 21e6"
    )
    yield


@contextmanager
def budget_nearly_spent(drill: Drill) -> Iterator[None]:
    """Set the budget of the school a twentieth above what it has spent."""
    drill.sql(
        "update orgs set monthly_budget_micros = (select greatest(1, 1.05 * coalesce(sum(cost_micros), 0)) from ai_responses "
        "where created_at >= date_trunc('month', now() at time zone 'UTC') at time zone 'UTC')"
    )
    try:
        with drill.without_load():
            yield
    finally:
        drill.sql("update orgs set monthly_budget_micros = null")


def _repeat(times: int, call: object) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: call(), range(times)))  # type: ignore[operator]


USE_FAULTS = (
    Fault("passwords-guessed", "150 sign-ins with invented people", ("SignInsFail",), passwords_guessed),
    Fault("keys-guessed", "400 requests with invented keys", ("AccessRefused", "SecurityEventsLeftOut"), keys_guessed),
    Fault("webhooks-forged", "forty forged deliveries", ("WebhookSignaturesRefused",), webhooks_forged),
    Fault("people-exported", "an admin exports thirty times", ("ManyExports",), people_exported),
    Fault("texts-read", "an admin reads sixty submissions", ("StaffReadsUnusual",), texts_read),
    Fault("money-spent", "21 dollars more in the totals", ("SpendingTooFast",), money_spent),
    Fault("budget-nearly-spent", "a school's budget just above what it spent", ("OrgBudgetNearlySpent",), budget_nearly_spent, fires_within=120),
)  # fmt: skip
