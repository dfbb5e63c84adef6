"""Measure many passes of one school that end at the same time: speed, waits for locks and statements."""

from __future__ import annotations

import base64
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2

from benchmarks.report import Benchmark, Figure, progress
from benchmarks.retire import migrated_server
from models import crypto, db, essays, orgs, users
from models.essays import Draft
from models.jobs import Hint, PassName
from models.settings import CryptoSettings, StoreSettings
from workers.job.leases import Leases
from workers.job.run_pass import PassRunner
from workers.passes.feedback import Comment, PassAnswer, QuotedSpan
from workers.passes.registry import SPECS
from workers.passes.request import PassRequest
from workers.providers.contract import Provider, Repair, Reply, Usage

THREADS = 32
ESSAYS = 300
BUDGET_MICROS = 10**12
BAR = 0.85
TEXT = "Schools should ban mobile phones. They distract pupils in each lesson. " * 20

_STATEMENTS = """
select sum(s.calls)::float8, sum(s.total_exec_time)::float8
from extensions.pg_stat_statements as s join pg_roles as r on r.oid = s.userid where r.rolname = 'ec_worker'
"""
_WAITING = """
select count(*) from pg_stat_activity where usename = 'ec_worker' and wait_event_type = 'Lock'
"""


class InstantProvider:
    """A paid provider that answers at once: three comments, one of which has no place in the text."""

    name, model, remote, in_batches = "anthropic", "instant", True, False

    def prompt_version(self, pass_name: PassName) -> str:  # noqa: ARG002 - the contract
        """Return the one version."""
        return "1"

    def expected_cost_micros(self, request: PassRequest) -> int:  # noqa: ARG002 - the contract
        """Return a cost a little above the real one."""
        return 1000

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:  # noqa: ARG002 - the contract
        """Return the comments."""
        kind = SPECS[request.pass_name].types[0]
        spans = (
            QuotedSpan(start=0, end=7, quote="Schools"),
            QuotedSpan(start=19, end=32, quote="mobile phones"),
            QuotedSpan(start=0, end=0, quote="no such words", match="none"),
        )
        comments = tuple(
            Comment(
                type=kind, kind="issue", severity="minor", span=span, message="Look.", next_step="Do.", confidence=0.5,
                confidence_basis="model", origin="model",
            )
            for span in spans
        )  # fmt: skip
        answer = PassAnswer(comments=comments, picks=(), strengths=("Clear.",), next_steps=("Go on.",))
        usage = Usage(input_tokens=1000, output_tokens=100, cost_micros=900)
        return Reply(answer=answer, raw="{}", model=self.model, stop_reason="end_turn", usage=usage)

    def submit(self, request: PassRequest) -> str:
        """Take no batches."""
        raise NotImplementedError

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        """Take no batches."""
        raise NotImplementedError


def run() -> list[Figure]:
    """Let the same passes end in one school and spread over as many schools as there are threads."""
    crypto.load(CryptoSettings(master_keys={"k1": b"m" * 32}, index_key=b"i" * 32))
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="essaycoach-bench-") as folder:
        data_dir = Path(folder) / "data"
        data_dir.mkdir()
        Path(folder).chmod(0o755)  # PostgreSQL's own account must be able to enter it
        with migrated_server(data_dir) as (admin_url, clock_url), closing(psycopg2.connect(admin_url)) as admin:
            admin.autocommit = True
            with admin.cursor() as cursor:
                cursor.execute(f"alter role ec_worker connection limit {THREADS + 8}")
            for budget in (None, BUDGET_MICROS):
                _run_passes(admin, clock_url, schools=THREADS, budget=budget)  # warms up
                rates = {}
                for schools in (THREADS, 1):
                    name = f"{schools} {'schools' if schools > 1 else 'school'}, {'with' if budget else 'without'} a budget"
                    progress(name)
                    found = _run_passes(admin, clock_url, schools=schools, budget=budget)
                    rates[schools] = found["rate"]
                    figures += [
                        Figure(f"{name}: passes", f"{found['rate']:.0f}/s"),
                        Figure(
                            f"{name}: threads that wait for a lock, on average", f"{found['waiting']:.2f} of {THREADS}"
                        ),
                        Figure(f"{name}: statements of a pass", f"{found['statements']:.1f}"),
                        Figure(f"{name}: time of a pass in the database", f"{found['database_ms']:.2f} ms"),
                    ]
                ratio = rates[1] / rates[THREADS]
                figures.append(
                    Figure(
                        f"{'with' if budget else 'without'} a budget: one school ÷ {THREADS} schools",
                        f"{ratio:.2f}",
                        f"≥ {BAR}",
                        ratio >= BAR,
                    )
                )
    return figures


def _run_passes(admin: Any, clock_url: str, *, schools: int, budget: int | None) -> dict[str, float]:
    _connect(clock_url, "ec_ingest", 4)
    hints = [hint for number in range(schools) for hint in _hand_in(number, schools, budget)]
    _connect(clock_url, "ec_worker", THREADS + 4)
    runner = PassRunner(
        choose_provider=_choose,
        leases=Leases(lease_seconds=60, longest_seconds=600),
        lease_seconds=60,
        use_ensemble=False,
    )
    with admin.cursor() as cursor:
        cursor.execute("select extensions.pg_stat_statements_reset()")
    left, lock, began, waits = iter(hints), threading.Lock(), time.perf_counter(), list[int]()

    def work() -> None:
        while True:
            with lock:
                hint = next(left, None)
            if hint is None:
                return
            runner.run(hint)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    with admin.cursor() as cursor:
        while any(thread.is_alive() for thread in threads):
            cursor.execute(_WAITING)
            waits.append(cursor.fetchone()[0])
            threads[0].join(0.02)
        seconds = time.perf_counter() - began
        cursor.execute(_STATEMENTS)
        statements, database_ms = cursor.fetchone()
        cursor.execute(
            "select count(*) from passes where state = 'done' and id = any(%s::uuid[])",
            ([str(hint.pass_id) for hint in hints],),
        )
        (done,) = cursor.fetchone()
    return {
        "rate": done / seconds,
        "waiting": sum(waits) / len(waits),
        "statements": statements / done,
        "database_ms": database_ms / done,
    }


def _hand_in(number: int, schools: int, budget: int | None) -> list[Hint]:
    with db.session(role="ec_auth"):
        org = db.new_ids(1)[0]
    none: dict[str, None] = {"author_open_limit": None, "author_daily_limit": None, "author_budget_percent": None}
    with db.session(org=org, role="ec_admin"):
        slug = f"school-{base64.b32encode(org.bytes[-10:]).decode().lower()}-{number}"
        orgs.add_org(slug, org=org, name="School", monthly_budget_micros=budget, **none)
        people: list[UUID] = [
            users.add_user("student", org=org, external_id=f"s-{n}") for n in range(max(1, ESSAYS // schools))
        ]
    hints: list[Hint] = []
    for person in people:
        with db.session(org=org, user=person, role="ec_student"):
            hints += essays.receive(person, Draft(title="T", text=TEXT, source="app"), org=org).hints
    return hints


def _choose(_: str) -> Provider:
    return InstantProvider()


def _connect(url: str, role: str, size: int) -> None:
    db.database.close_idle()
    db.connect(
        StoreSettings(
            database_url=url.replace("ec_clock:", f"{role}:"),
            program="ec-bench",
            pool_size=size,
            pool_wait_seconds=20.0,
        )
    )


FINISHING = Benchmark(
    name="finishing",
    title="Passes that end at the same time",
    description=(
        f"{THREADS} threads carry out the passes of {ESSAYS} essays with a provider that answers at once: all of one school, and "
        f"spread over {THREADS} schools. Statements are counted without begin and commit."
    ),
    run=run,
)
