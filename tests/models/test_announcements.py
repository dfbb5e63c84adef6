"""Tests of announcements over a real Redis, under the rights that the project ships."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from models.announcements import CHANNEL, Announcer, Listener
from tests.support.own_redis import OwnRedis, own_redis
from tests.support.ports import free_port
from tests.support.races import eventually


@pytest.fixture(scope="module")
def server() -> Iterator[OwnRedis]:
    with own_redis() as running:
        yield running


@pytest.fixture
def listener(server: OwnRedis) -> Listener:
    """Give a listener that hears what is announced from now on."""
    listens = Listener(server.url_for("ec_ingest"))
    listens.next_changes(0.1)
    eventually(lambda: dict(server.admin.pubsub_numsub(CHANNEL))[CHANNEL.encode()] >= 1, what="a subscription")
    return listens


def test_a_worker_is_heard_by_web(server: OwnRedis, listener: Listener) -> None:
    announcer, ids = Announcer(server.url_for("ec_worker")), {uuid4(), uuid4()}
    for one in ids:
        announcer.announce(one)
    heard: set = set()
    eventually(lambda: heard.update(listener.next_changes(1.0)) or heard == ids, what="both announcements")
    assert listener.next_changes(0.05) == set()


def test_what_is_no_id_is_dropped(server: OwnRedis, listener: Listener) -> None:
    one = uuid4()
    for message in (b"", b"x" * 15, b"x" * 17, b"x" * 1_000_000, str(one), one.bytes):
        server.admin.publish(CHANNEL, message)
    heard: set = set()
    eventually(lambda: heard.update(listener.next_changes(1.0)) or heard, what="the announcement")
    assert heard == {one}


def test_web_may_not_announce_and_nobody_hears_other_channels(server: OwnRedis) -> None:
    web = redis.Redis.from_url(server.url_for("ec_ingest"))
    worker = redis.Redis.from_url(server.url_for("ec_worker"))
    with pytest.raises(redis.exceptions.NoPermissionError):
        web.publish(CHANNEL, uuid4().bytes)
    with pytest.raises(redis.exceptions.NoPermissionError):
        worker.publish("other", b"x")
    with pytest.raises(redis.exceptions.NoPermissionError):
        web.pubsub().subscribe("other") or web.execute_command("SUBSCRIBE", "other")


def test_without_redis_announcing_is_quiet_and_listening_raises() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    Announcer(url).announce(uuid4())
    with pytest.raises(redis.RedisError):
        Listener(url).next_changes(0.1)


def test_a_listener_hears_again_after_redis_has_dropped_it(server: OwnRedis, listener: Listener) -> None:
    server.admin.client_kill_filter(_type="pubsub")
    one, heard = uuid4(), set()

    def hears() -> bool:
        Announcer(server.url_for("ec_worker")).announce(one)
        try:
            heard.update(listener.next_changes(0.2))
        except redis.RedisError:
            return False
        return one in heard

    eventually(hears, what="an announcement after the loss")
