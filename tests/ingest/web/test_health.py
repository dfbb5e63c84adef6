"""Is it alive, can it serve; and what every door says while the database is away."""

from __future__ import annotations

import socket
import threading
import time
from uuid import uuid4

import psycopg2
import pytest

from models import db
from tests.support.schools import PASSWORD


@pytest.fixture
def closed_port():
    """A port that is bound, so that nobody takes it, and refuses every connection."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def timed(ask):
    started = time.monotonic()
    answer = ask()
    return answer, time.monotonic() - started


def test_alive_is_answered_without_asking_anyone(shared_api, closed_port):
    answer = shared_api.client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "checks": {}})
    assert answer.headers["Cache-Control"] == "no-store"


def test_ready_with_everything_there(shared_api):
    answer = shared_api.client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "checks": {"database": "ok", "redis": "ok"}})


def test_ready_but_degraded_without_redis(shared_api, closed_port):
    client = shared_api.make_app(REDIS_URL=f"redis://127.0.0.1:{closed_port}/0").test_client()
    answer, seconds = timed(lambda: client.get("/readyz"))
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert answer.json["checks"]["database"] == "ok"
    assert answer.json["checks"]["redis"] != "ok"
    assert seconds < 2


def test_a_redis_that_accepts_and_never_answers_is_degraded_too_and_essays_are_taken(shared_api, draft):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = shared_api.make_app(REDIS_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0").test_client()
        headers = shared_api.signed_in("alice")
        answer, seconds = timed(lambda: client.get("/readyz"))
        assert (answer.status_code, answer.json["status"]) == (200, "degraded")
        assert seconds < 2
        answer, seconds = timed(lambda: client.post("/v1/submissions", json=draft(), headers=headers))
        assert answer.status_code == 202
        assert seconds < 3
        answer, seconds = timed(lambda: client.post("/v1/submissions", json=draft(), headers=headers))
        assert (answer.status_code, seconds < 1) == (202, True)


def test_a_schema_older_than_the_program_is_not_ready(shared_api):
    shared_api.database.sql("create table _kept as select * from _yoyo_migration")
    shared_api.database.sql("delete from _yoyo_migration where migration_id >= '0008'")
    try:
        answer = shared_api.client.get("/readyz")
    finally:
        shared_api.database.sql("insert into _yoyo_migration select * from _kept where migration_id >= '0008'")
        shared_api.database.sql("drop table _kept")
    assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
    assert db.SCHEMA in answer.json["checks"]["database"]
    assert shared_api.client.get("/readyz").status_code == 200


def test_a_schema_newer_than_the_program_is_ready(shared_api):
    shared_api.database.sql(
        "insert into _yoyo_migration (migration_hash, migration_id, applied_at_utc) values ('x', '9999_later', now())"
    )
    try:
        assert shared_api.client.get("/readyz").status_code == 200
    finally:
        shared_api.database.sql("delete from _yoyo_migration where migration_hash = 'x'")


def test_a_database_that_was_never_migrated_is_not_ready(servers, shared_api, refused):
    """The state of every first deployment between creating the database and migrating it."""
    name = f"empty_{uuid4().hex[:12]}"
    server = psycopg2.connect(servers.admin_url)
    server.autocommit = True
    try:
        with server.cursor() as cursor:
            cursor.execute(f"create database {name}")
        url = shared_api.database.role_url("ec_ingest").rpartition("/")[0] + f"/{name}"
        answer = shared_api.make_app(DATABASE_URL=url).test_client().get("/readyz")
        assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
    finally:
        shared_api.make_app()
        with server.cursor() as cursor:
            cursor.execute(f"drop database {name} with (force)")
        server.close()


def test_with_the_database_refusing_connections_every_door_says_when_to_come_back(
    shared_api, every_route, all_unavailable, closed_port
):
    client = shared_api.app.test_client()
    route_requests = every_route(shared_api)
    try:
        shared_api.make_app(DATABASE_URL=f"postgresql://ec_ingest:x@127.0.0.1:{closed_port}/x")
        all_unavailable(route_requests)
        answer, seconds = timed(lambda: client.get("/readyz"))
        assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
        assert seconds < 2
        assert client.get("/healthz").status_code == 200
    finally:
        shared_api.make_app()
    assert client.get("/readyz").status_code == 200


def test_a_database_that_accepts_and_never_answers_is_away_within_two_seconds(shared_api, refused, every_route):
    route_requests = every_route(shared_api)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        try:
            shared_api.make_app(DATABASE_URL=f"postgresql://ec_ingest:x@127.0.0.1:{silent.getsockname()[1]}/x")
            answer, seconds = timed(route_requests["hand in"])
            refused(answer, 503, "temporarily-unavailable")
            assert seconds < 2.0
        finally:
            shared_api.make_app()


def test_a_busy_pool_answers_in_time_too(shared_api, refused):
    """Every connection is held by something slow: the answer is 503 after the pool's patience, not a hanging request."""
    app = shared_api.make_app(ESSAYCOACH_POOL_SIZE="2", ESSAYCOACH_POOL_WAIT_SECONDS="0.3")
    headers = shared_api.signed_in("alice")
    held, leave = threading.Barrier(3), threading.Event()

    def hold() -> None:
        with db.session():
            held.wait(timeout=10)
            leave.wait(timeout=10)

    holders = [threading.Thread(target=hold) for _ in range(2)]
    for one in holders:
        one.start()
    held.wait(timeout=10)
    try:
        answer, seconds = timed(lambda: app.test_client().get("/v1/essays", headers=headers))
    finally:
        leave.set()
        for one in holders:
            one.join()
        shared_api.make_app()
    refused(answer, 503, "temporarily-unavailable")
    assert 0.3 <= seconds < 2


def test_too_many_sign_ins_at_once_are_sent_away_and_essays_still_taken(shared_api, refused, draft):
    passwords = shared_api.app.extensions["essaycoach.passwords"]
    headers = shared_api.signed_in("alice")
    patience = passwords._patience_seconds
    passwords._patience_seconds = 0.05
    try:
        with passwords._slots, passwords._slots:
            body = {"org": "northside", "email": "bob@northside.example", "password": PASSWORD}
            refused(shared_api.client.post("/v1/auth/login", json=body), 503, "temporarily-unavailable")
            assert shared_api.client.post("/v1/submissions", json=draft(), headers=headers).status_code == 202
    finally:
        passwords._patience_seconds = patience
