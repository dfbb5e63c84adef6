"""Tests of /healthz and /readyz, and of all routes while the database or Redis is away."""

from __future__ import annotations

import socket
import threading
import time
from uuid import uuid4

import psycopg2
import pytest

from models import db
from tests.support.races import promptly
from tests.support.schools import PASSWORD


@pytest.fixture
def closed_port():
    """Give a port that is bound but not listening, so that it refuses every connection."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def test_healthz_is_ok_and_reports_no_checks(shared_api, closed_port):
    answer = shared_api.client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "checks": {}})
    assert answer.headers["Cache-Control"] == "no-store"


def test_readyz_is_ok_with_database_and_redis(shared_api):
    answer = shared_api.client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "checks": {"database": "ok", "redis": "ok"}})


def test_readyz_is_degraded_without_redis(shared_api, closed_port):
    client = shared_api.make_app(REDIS_URL=f"redis://127.0.0.1:{closed_port}/0").test_client()
    answer = promptly(lambda: client.get("/readyz"), seconds=2)
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert answer.json["checks"]["database"] == "ok"
    assert answer.json["checks"]["redis"] != "ok"


def test_silent_redis_is_degraded_and_essays_are_accepted(shared_api, draft):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = shared_api.make_app(patient=False, REDIS_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        client = app.test_client()
        headers = shared_api.signed_in("alice")
        answer = promptly(lambda: client.get("/readyz"), seconds=2)
        assert (answer.status_code, answer.json["status"]) == (200, "degraded")
        for seconds in (3, 1):  # the first one asks Redis
            answer = promptly(lambda: client.post("/v1/submissions", json=draft(), headers=headers), seconds=seconds)
            assert answer.status_code == 202


def test_readyz_fails_with_an_older_schema(shared_api):
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


def test_readyz_is_ok_with_a_newer_schema(shared_api):
    shared_api.database.sql(
        "insert into _yoyo_migration (migration_hash, migration_id, applied_at_utc) values ('x', '9999_later', now())"
    )
    try:
        assert shared_api.client.get("/readyz").status_code == 200
    finally:
        shared_api.database.sql("delete from _yoyo_migration where migration_hash = 'x'")


def test_readyz_fails_with_an_unmigrated_database(servers, shared_api, refused):
    """This is the state of a new deployment before its first migration."""
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


def test_every_route_answers_503_when_the_database_refuses_connections(
    shared_api, every_route, all_unavailable, closed_port
):
    client = shared_api.app.test_client()
    route_requests = every_route(shared_api)
    try:
        shared_api.make_app(DATABASE_URL=f"postgresql://ec_ingest:x@127.0.0.1:{closed_port}/x")
        all_unavailable(route_requests)
        answer = promptly(lambda: client.get("/readyz"), seconds=2)
        assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
        assert client.get("/healthz").status_code == 200
    finally:
        shared_api.make_app()
    assert client.get("/readyz").status_code == 200


def test_silent_database_gives_503_within_two_seconds(shared_api, refused, every_route):
    route_requests = every_route(shared_api)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        try:
            url = f"postgresql://ec_ingest:x@127.0.0.1:{silent.getsockname()[1]}/x"
            shared_api.make_app(patient=False, DATABASE_URL=url)
            refused(promptly(route_requests["hand in"], seconds=2), 503, "temporarily-unavailable")
        finally:
            shared_api.make_app()


def test_exhausted_pool_gives_503_in_time(shared_api, refused):
    """All connections are in use, so the request gets 503 after the wait limit of the pool and does not hang."""
    app = shared_api.make_app(ESSAYCOACH_POOL_SIZE="2", ESSAYCOACH_POOL_WAIT_SECONDS="0.3")
    headers = shared_api.signed_in("alice")
    held, leave = threading.Barrier(3), threading.Event()

    def hold() -> None:
        with db.session():
            held.wait(timeout=60)
            leave.wait(timeout=60)

    holders = [threading.Thread(target=hold) for _ in range(2)]
    for one in holders:
        one.start()
    held.wait(timeout=60)
    started = time.monotonic()
    try:
        answer = promptly(lambda: app.test_client().get("/v1/essays", headers=headers), seconds=2)
        seconds = time.monotonic() - started
    finally:
        leave.set()
        for one in holders:
            one.join()
        shared_api.make_app()
    refused(answer, 503, "temporarily-unavailable")
    assert seconds >= 0.3


def test_excess_sign_ins_are_refused_and_essays_are_accepted(shared_api, refused, draft):
    passwords = shared_api.app.extensions["essaycoach.passwords"]
    headers = shared_api.signed_in("alice")
    saved = passwords._slots._patience_seconds
    passwords._slots._patience_seconds = 0.05
    try:
        with passwords._slots.hold("one address"), passwords._slots.hold("another"):
            body = {"org": "northside", "email": "bob@northside.example", "password": PASSWORD}
            refused(shared_api.client.post("/v1/auth/login", json=body), 503, "temporarily-unavailable")
            assert shared_api.client.post("/v1/submissions", json=draft(), headers=headers).status_code == 202
    finally:
        passwords._slots._patience_seconds = saved
