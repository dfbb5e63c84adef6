"""Test ingest with a Redis that answers and refuses our work, and with a Redis on a socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.jobs import Queue
from tests.support.own_redis import SPELLS, OwnRedis, own_redis


@pytest.fixture(scope="module")
def own() -> Iterator[OwnRedis]:
    with own_redis() as server:
        yield server


@pytest.mark.parametrize("name", SPELLS)
def test_essays_are_accepted_and_readyz_names_the_reason(shared_api, draft, own, capsys, name):
    app = shared_api.make_app(REDIS_URL=own.url_for("ec_ingest"))
    client, headers = app.test_client(), shared_api.signed_in("alice")
    assert client.get("/readyz").json["checks"]["redis"] == "ok"
    with SPELLS[name].cast_on(own):
        capsys.readouterr()
        for _ in range(3):
            assert client.post("/v1/submissions", json=draft(), headers=headers).status_code == 202
            app.extensions["essaycoach.broker"].held_off_until = 0.0  # two seconds later
            app.extensions["essaycoach.limits"]._alone_until = 0.0  # five seconds later
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json["status"], answer.json["checks"]["database"]) == (200, "degraded", "ok")
        assert answer.json["checks"]["redis"].startswith(SPELLS[name].reason.description)
        logged = capsys.readouterr().err
    assert logged.count("Redis does not serve; hints left to the clock") == 1
    assert logged.count("rate limits are counted by this process alone") == 1
    assert logged.count(SPELLS[name].reason.remedy) == 2
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    assert not [key for key in own.keys_without_expiry() if not key.startswith(b"dramatiq:interactive")]


def test_a_socket_carries_hints_and_counts_rates_for_all_processes(shared_api, draft, refused, own):
    headers = shared_api.signed_in("alice")
    own.admin.flushall()
    changes = {"REDIS_URL": own.socket_url_for("ec_ingest"), "ESSAYCOACH_RATE_LIMIT": "2/minute"}
    first, second = shared_api.make_app(**changes), shared_api.make_app(**changes)
    for app in (first, second):
        assert app.test_client().post("/v1/submissions", json=draft(), headers=headers).status_code == 202
    refused(first.test_client().get("/v1/essays", headers=headers), 429, "rate-limited")
    assert first.test_client().get("/readyz").json["checks"]["redis"] == "ok"
    assert own.admin.llen(f"dramatiq:{Queue.INTERACTIVE}") == 6
    assert list(own.admin.scan_iter("LIMITS*"))


@pytest.mark.parametrize(
    "url",
    [
        "redis://coach:p%23w@127.0.0.1:1/3",
        "rediss://coach:p%23w@127.0.0.1:1/3?ssl_cert_reqs=required&ssl_ca_certs=/ca.pem",
        "unix://coach:p%23w@/run/redis.sock?db=3",
    ],
)
def test_rate_limits_and_hints_read_the_url_alike(shared_api, url):
    app = shared_api.make_app(REDIS_URL=url)
    pools = app.extensions["essaycoach.limits"]._connections, app.extensions["essaycoach.broker"].client.connection_pool
    wanted = ("host", "port", "path", "db", "username", "password", "ssl_cert_reqs", "ssl_ca_certs")
    limits, hints = ({name: pool.connection_kwargs.get(name) for name in wanted} for pool in pools)
    assert limits == hints
    assert (limits["username"], limits["password"], limits["db"]) == ("coach", "p#w", 3)
    assert pools[0].connection_class is pools[1].connection_class
