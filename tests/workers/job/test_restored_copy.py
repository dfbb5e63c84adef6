"""Test that no pass is claimed or given up on a restored copy that nobody has released."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models import restored
from tests.conftest import Become
from tests.support.local_engine import shared_provider
from tests.support.schools import School, hand_in
from tests.support.servers import Database
from workers.duties.queue import give_up_stalled
from workers.job.leases import Leases
from workers.job.run_pass import PassRunner
from workers.providers.choice import ProviderChooser
from workers.settings import ProviderSettings

LOCAL = ProviderSettings(name="local", api_key=None, base_url=None, model=None)


@pytest.fixture
def held(database: Database) -> Iterator[None]:
    database.sql(f"alter database {database.name} set app.restored = '2026-11-29 03:00:00+00'")
    restored.forget()
    yield
    release(database)


def release(database: Database) -> None:
    database.sql(f"alter database {database.name} reset app.restored")
    restored.forget()


def test_passes_of_a_restored_copy_wait_until_released(
    school: School, database: Database, become: Become, held: None
) -> None:
    receipt = hand_in(school, text="A phone buzzes and everyone look up.")
    database.sql("update passes set queued_at = queued_at - interval '30 days', next_at = next_at - interval '30 days'")
    become("ec_worker")
    choose = ProviderChooser(LOCAL, timeout_seconds=10, local=shared_provider())
    leases = Leases(lease_seconds=12.0, longest_seconds=60)
    runner = PassRunner(choose_provider=choose, leases=leases, lease_seconds=12.0, use_ensemble=False)
    assert all(runner.run(hint) for hint in receipt.hints)
    become("ec_clock")
    assert give_up_stalled() == 0
    assert database.sql("select distinct state, attempt from passes") == [("queued", 0)]
    release(database)
    become("ec_worker")
    assert all(runner.run(hint) for hint in receipt.hints)
    assert database.sql("select distinct state from passes") == [("done",)]
