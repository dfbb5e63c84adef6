"""Test the metrics of PostgreSQL and Redis as servers, and of the disk that holds the data."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
from psycopg2.extras import PhysicalReplicationConnection

from monitoring.__main__ import probe_groups
from monitoring.collector import EssayCoachCollector
from monitoring.disk import read_disk
from monitoring.families import Remembered
from monitoring.redis_server import read_redis_server
from tests.conftest import Become
from tests.support.own_redis import own_redis
from tests.support.races import eventually
from tests.support.servers import Database


def test_a_session_that_waits_for_a_lock_is_counted(scrape, admin_url):
    assert scrape().one("pg_lock_waits") == 0
    holder, waiter = psycopg2.connect(admin_url), psycopg2.connect(admin_url)
    waiting = threading.Thread(target=lambda: waiter.cursor().execute("lock table orgs"))
    try:
        holder.cursor().execute("lock table orgs in access exclusive mode")
        waiting.start()
        eventually(lambda: scrape().one("pg_lock_waits") == 1, what="a session that waits")
    finally:
        holder.close()
        waiting.join()
        waiter.close()
    assert scrape().one("pg_lock_waits") == 0


def test_a_table_with_more_dead_rows_than_start_autovacuum_has_waited(scrape, database):
    assert scrape().one("pg_autovacuum_age_seconds") == 0
    database.sql("alter table tallies set (autovacuum_enabled = off)")
    database.sql("insert into tallies (name, labels) select 'x', array[n::text] from generate_series(1, 1000) as n")
    database.sql("delete from tallies where name = 'x'")
    database.sql("select pg_stat_force_next_flush()")
    eventually(lambda: scrape().one("pg_autovacuum_age_seconds") > 0, what="the statistics")
    database.sql("vacuum tallies")
    eventually(lambda: scrape().one("pg_autovacuum_age_seconds") == 0, what="the statistics")


def test_bloat_is_near_the_truth(become: Become, database):
    """Half of the rows are deleted and stay where they were, so half of the pages' room is not needed."""
    become("ec_monitor", pool_size=2)
    database.sql(
        "set role ec_owner; create table public.bloated (id integer, word text) with (autovacuum_enabled = off)"
    )
    database.sql("reset role")
    database.sql("insert into bloated select n, repeat('x', 100) from generate_series(1, 30000) as n")
    database.sql("analyze bloated")
    assert _bloat(database, "bloated") < 0.1
    database.sql("delete from bloated where id % 2 = 0")
    database.sql("vacuum analyze bloated")
    assert 0.4 < _bloat(database, "bloated") < 0.6


def _bloat(database, name: str) -> float:
    from_monitor = psycopg2.connect(database.role_url("ec_monitor"))
    try:
        with from_monitor.cursor() as cursor:
            cursor.execute("select relname, ratio from monitor_bloat()")
            found = dict(cursor.fetchall())
    finally:
        from_monitor.close()
    assert len(found) == 20
    assert all(0 <= ratio <= 1 for ratio in found.values())
    return found[name]


def test_connections_of_each_role_stand_beside_its_limit(scrape, database):
    database.sql("alter role ec_backup connection limit 7")
    held = psycopg2.connect(database.role_url("ec_backup"))
    try:
        seen = scrape()
    finally:
        held.close()
        database.sql("alter role ec_backup connection limit 4")
    assert seen.one("pg_role_connections", rolname="ec_backup") >= 1
    assert seen.one("pg_role_connection_limit", rolname="ec_backup") == 7
    assert seen.one("pg_role_connection_limit", rolname="ec_monitor") == 4
    assert seen.one("pg_role_connections", rolname="ec_clock") == 0
    assert not seen.all("pg_role_connections", rolname="postgres")


def test_an_inactive_replication_slot_retains_log(scrape, database):
    name = "pg_replication_slot_retained_bytes"
    assert {sample.value for sample in scrape().all(name)} == {0}
    assert len(scrape().all(name)) == 4
    database.sql("select pg_create_physical_replication_slot('lost', true)")
    try:
        database.sql("select pg_switch_wal()")
        retained = scrape().one(name, slot_type="physical", active="false")
        assert retained > 0
        assert scrape().one(name, slot_type="physical", active="true") == 0
    finally:
        database.sql("select pg_drop_replication_slot('lost')")


def test_checkpoints_and_log_are_counted(scrape, database):
    before = scrape()
    database.sql("checkpoint")
    database.sql("select pg_logical_emit_message(false, 'x', repeat('x', 100000), true)")
    eventually(
        lambda: (
            scrape().one("pg_checkpoints_total", kind="requested")
            > before.one("pg_checkpoints_total", kind="requested")
        ),
        what="the checkpoint",
    )
    eventually(
        lambda: scrape().one("pg_wal_bytes_total") >= before.one("pg_wal_bytes_total") + 100_000,
        what="the bytes of log",
    )
    assert scrape().one("pg_archiver_failed_total") == scrape().one("pg_archiver_archived_total") == 0
    assert not scrape().all("pg_archiver_last_archived_age_seconds"), "nothing was archived"


def test_size_and_free_space_of_the_disk(scrape, tmp_path):
    truth = shutil.disk_usage(tmp_path)
    seen = scrape()
    assert seen.one("essaycoach_data_size_bytes") == truth.total
    assert 0 < seen.one("essaycoach_data_free_bytes") <= truth.total
    with pytest.raises(FileNotFoundError):
        read_disk(tmp_path / "gone")


def test_redis_tells_memory_evictions_and_refusals(become: Become):
    become("ec_monitor", pool_size=2)
    with own_redis() as server:
        client = redis.Redis.from_url(server.url_for("ec_monitor"))
        before = _values(client)
        assert before["redis_memory_bytes"] > 0
        assert [value for name, value in before.items() if name != "redis_memory_bytes"] == [0, 0, 0, 0]
        server.admin.config_set("maxmemory", "1")
        server.admin.config_set("maxmemory-policy", "noeviction")
        for _ in range(3):
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                server.admin.set("x", "y")
        server.admin.config_set("maxmemory", "100mb")
        after = _values(client)
        assert after["redis_memory_max_bytes"] == 100 << 20
        assert after["redis_rejected_writes_total"] == 3
        assert after["redis_evicted_keys_total"] == 0
        client.close()


def test_a_redis_whose_user_may_not_ask_loses_only_these_metrics(become: Become):
    become("ec_monitor", pool_size=2)
    with own_redis() as server:
        server.admin.execute_command("ACL", "SETUSER", "ec_monitor", "-info")
        collector = EssayCoachCollector(probe_groups(redis_url=server.url_for("ec_monitor"), http_directory=None))
        seen = {family.name: family.samples for family in collector.collect()}
    up = {sample.labels["probe"]: sample.value for sample in seen["essaycoach_probe_up"]}
    assert (up["redis"], up["redis_server"]) == (1, 0)
    assert "redis_memory_bytes" not in seen
    assert seen["redis_up"][0].value == 1


def test_a_remembered_answer_is_used_again_and_an_error_is_not():
    asked: list[int] = []

    def read() -> list:
        asked.append(1)
        if len(asked) == 1:
            raise OSError
        return []

    remembered = Remembered(read, seconds=3600)
    with pytest.raises(OSError, match="^$"):
        remembered()
    assert remembered() == remembered() == []
    assert len(asked) == 2
    hurried = Remembered(read, seconds=0)
    hurried()
    hurried()
    assert len(asked) == 4


@pytest.mark.slow(reason="makes two hundred tables and forty roles")
def test_a_large_installation_has_fewer_than_2000_series(scrape, rows, database):
    for number in range(200):
        database.sql(f"create table public.other_{number} (id integer)")
    roles = [f"ec_other_{number}" for number in range(40)]
    for role in roles:
        database.sql(f"create role {role} login")
    try:
        rows.run(
            "insert into orgs (slug, name, monthly_budget_micros) select 'org-' || n, 'N', 1000 from generate_series(1, 3000) as n"
        )
        rows.run("insert into duty_runs (name, started_at, ended_at, outcome) select 'duty_' || chr(96 + n), now(), now(), 'ok'"
                 " from generate_series(1, 20) as n")  # fmt: skip
        rows.called(rows.passed())
        seen = scrape()
    finally:
        for role in roles:
            database.sql(f"drop role {role}")
    assert {sample.value for sample in seen.all("essaycoach_probe_up")} == {1}
    assert len(seen.all("pg_stat_user_tables_n_live_tup")) == 80
    assert len(seen.all("pg_role_connections")) == 20
    assert len(seen.samples) < 2000


def _values(client: redis.Redis) -> dict[str, float]:
    return {sample.name: sample.value for family in read_redis_server(client) for sample in family.samples}


@contextmanager
def _replication_allowed(database: Database) -> Iterator[None]:
    """Let the test's PostgreSQL accept standbys while the block runs."""
    ((name,),) = database.sql("show hba_file")
    file = Path(str(name))
    before = file.read_text(encoding="utf-8")
    file.write_text(f"{before}\nhost replication all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
    database.sql("select pg_reload_conf()")
    try:
        yield
    finally:
        file.write_text(before, encoding="utf-8")
        database.sql("select pg_reload_conf()")


@pytest.mark.slow(reason="changes who may log in to the server")
def test_the_primary_sees_how_far_a_standby_is_behind(scrape, database):
    """Speak the protocol of a standby, so that the test decides how far it has replayed."""
    assert not scrape().all("pg_standby_lag_bytes")
    with _replication_allowed(database):
        eventually(lambda: _may_replicate(database), what="a server that accepts standbys")
        standby = _connect_standby(database)
        stream = standby.cursor()
        ((here,),) = database.sql("select pg_current_wal_flush_lsn() - '0/0'::pg_lsn")
        stream.start_replication(start_lsn=int(here))
        stream.send_feedback(apply_lsn=int(here), flush_lsn=int(here), write_lsn=int(here), force=True)
        database.sql("select pg_logical_emit_message(false, 'x', repeat('x', 100000), true)")
        eventually(
            lambda: any(sample.value >= 100_000 for sample in scrape().all("pg_standby_lag_bytes")),
            what="a lag of bytes",
        )
        assert scrape().one("pg_standby_lag_seconds", application_name="standby-1") > 0

        def caught_up() -> bool:
            stream.read_message()
            ((now,),) = database.sql("select pg_current_wal_lsn() - '0/0'::pg_lsn")
            stream.send_feedback(apply_lsn=int(now), flush_lsn=int(now), write_lsn=int(now), force=True)
            seen = scrape()
            return (
                seen.one("pg_standby_lag_bytes", application_name="standby-1") == 0
                and seen.one("pg_standby_lag_seconds", application_name="standby-1") == 0
            )

        eventually(caught_up, what="a standby that has replayed all")
        standby.close()
        eventually(lambda: not scrape().all("pg_standby_lag_bytes"), what="no standby")


def _connect_standby(database: Database) -> Any:
    return psycopg2.connect(
        database.admin_url, connection_factory=PhysicalReplicationConnection, application_name="standby-1"
    )


def _may_replicate(database: Database) -> bool:
    try:
        _connect_standby(database).close()
    except psycopg2.OperationalError:
        return False
    return True
