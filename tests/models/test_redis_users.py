"""Attack Redis with the password of each program: none may leave its own keys, nor do more than its program does."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
import redis
import yaml
from redis.backoff import NoBackoff
from redis.retry import Retry

from models.broker import make_broker
from models.jobs import Hint, Queue
from models.redis_users import USERS
from standalone.redis_server import redis_executable
from tests.support.own_redis import PASSWORD, PROGRAMS, OwnRedis, own_redis
from tests.support.ports import free_port
from tests.support.races import eventually

ROOT = Path(__file__).resolve().parents[2]

FORBIDDEN = [
    "CONFIG SET dir /tmp", "CONFIG SET dbfilename x", "CONFIG GET *", "CONFIG REWRITE", "CONFIG RESETSTAT", "SAVE", "BGSAVE",
    "BGREWRITEAOF", "SHUTDOWN NOSAVE", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "KEYS *", "KEYS LIMITS*", "SCAN 0", "RANDOMKEY",
    "DBSIZE", "MODULE LOAD /tmp/x.so", "MODULE LIST", "REPLICAOF 127.0.0.1 1", "SLAVEOF 127.0.0.1 1", "FAILOVER", "SYNC",
    "PSYNC ? -1", "ACL LIST", "ACL SETUSER evil on nopass +@all", "ACL WHOAMI", "ACL LOG", "DEBUG SLEEP 1", "MONITOR",
    "CLIENT LIST", "CLIENT KILL TYPE normal", "CLIENT PAUSE 1000", "INFO", "LATENCY RESET", "MEMORY USAGE dramatiq:bulk",
    "OBJECT ENCODING dramatiq:bulk", "SLOWLOG GET", "CLUSTER INFO", "MIGRATE 127.0.0.1 1 x 0 1", "RESTORE x 0 y", "DUMP x",
    "SORT dramatiq:bulk", "SUBSCRIBE x", "PUBLISH x y", "SCRIPT FLUSH", "SCRIPT KILL", "EVAL 'return 1' 0", "GET other",
    "SET other x", "LRANGE other 0 -1", "RENAME dramatiq:bulk other", "COPY dramatiq:bulk other", "MULTI", "BLPOP other 1",
]  # fmt: skip
# Commands inside a script that was loaded first, because EVAL itself is refused.
IN_SCRIPTS = [
    "'config', 'set', 'dir', '/tmp'", "'bgsave'", "'flushall'", "'keys', '*'", "'acl', 'list'", "'replicaof', 'no', 'one'",
    "'set', 'other', 'x'", "'get', 'other'", "'publish', 'x', 'y'",
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[OwnRedis]:
    with own_redis() as started:
        started.admin.set("other", "of somebody else")
        yield started


def login(server: OwnRedis, user: str) -> redis.Redis:
    return redis.Redis.from_url(server.url_for(user), retry=Retry(NoBackoff(), 0))


@pytest.mark.parametrize("user", PROGRAMS)
def test_every_password_of_a_program_is_refused_beyond_its_work(server: OwnRedis, user: str) -> None:
    with login(server, user) as client:
        for command in FORBIDDEN:
            with pytest.raises(redis.ResponseError) as refusal:
                client.execute_command(*shlex.split(command))
            assert isinstance(refusal.value, redis.exceptions.NoPermissionError), (command, refusal.value)
    assert server.admin.get("other") == b"of somebody else"
    assert not [line for line in server.admin.acl_list() if "evil" in line]


@pytest.mark.parametrize("user", PROGRAMS)
def test_a_loaded_script_has_the_rights_of_its_user(server: OwnRedis, user: str) -> None:
    with login(server, user) as client:
        for call in IN_SCRIPTS:
            loaded = client.script_load(f"return redis.call({call})")
            with pytest.raises(
                redis.ResponseError,
                match=r"can't run|can't access|can't publish|not allowed from script|No permissions",
            ):
                client.evalsha(loaded, 0)
    assert server.admin.get("other") == b"of somebody else"


def test_programs_cannot_touch_what_is_not_theirs(server: OwnRedis) -> None:
    server.admin.set("LIMITS:x", "5")
    for user, command in (
        ("ec_monitor", "RPUSH dramatiq:interactive x"),
        ("ec_monitor", "SET LIMITS:x 0"),
        ("ec_monitor", "INFO server"),
        ("ec_monitor", "INFO clients"),
        ("ec_monitor", "INFO keyspace"),
        ("ec_monitor", "INFO all"),
        ("ec_clock", "INFO memory"),
        ("ec_worker", "INFO stats"),
        ("ec_ingest", "INFO errorstats"),
        ("ec_clock", "SET LIMITS:x 0"),
        ("ec_worker", "SET LIMITS:x 0"),
        ("ec_ingest", "LPOP dramatiq:interactive"),
        ("ec_ingest", "SET dramatiq:__dropped__ x"),
    ):
        with login(server, user) as client, pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command.split())


def test_nobody_gets_in_without_a_name_or_with_the_default_user(server: OwnRedis) -> None:
    server.admin.execute_command("ACL", "SETUSER", "default", "off")
    for credentials in ({}, {"username": "default", "password": PASSWORD}):
        with (
            redis.Redis(host="127.0.0.1", port=server.port, retry=Retry(NoBackoff(), 0), **credentials) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()
    server.admin.execute_command("ACL", "SETUSER", "default", "on")


@pytest.mark.slow(reason="starts an own Redis")
def test_compose_starts_redis_with_the_same_users(tmp_path: Path) -> None:
    """Run the command line of docker-compose.yml: each program logs in with its own password, and nobody without one."""
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]
    assert service["user"] == "redis"
    passwords = {user: f"pw{number}{uuid4().hex}" for number, user in enumerate(USERS)}
    shell, flag, command = service["command"]
    port = free_port()
    (tmp_path / "redis-server").symlink_to(redis_executable())
    command = command.replace("$$", "$").replace(
        "/etc/redis/redis_users.conf", str(ROOT / "models" / "redis_users.conf")
    )
    names = {user: f"REDIS_PASSWORD_{user.removeprefix('ec_').upper()}" for user in USERS}
    assert set(service["environment"]) == set(names.values())
    running = subprocess.Popen(
        [shell, flag, f"{command} --port {port} --bind 127.0.0.1"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "TMPDIR": str(tmp_path),
             **{names[user]: passwords[user] for user in USERS}},
        cwd=tmp_path, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        operator = redis.Redis(host="127.0.0.1", port=port, username="ec_operator", password=passwords["ec_operator"])
        eventually(lambda: _answers(operator), what="a Redis that answers")
        for user in PROGRAMS:
            with redis.Redis(host="127.0.0.1", port=port, username=user, password=passwords[user]) as client:
                assert client.ping()
                with pytest.raises(redis.exceptions.NoPermissionError):
                    client.config_set("dir", "/tmp")
        with redis.Redis(host="127.0.0.1", port=port) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        url = f"redis://ec_worker:{passwords['ec_worker']}@127.0.0.1:{port}/0"
        with closing(make_broker(url)) as broker:
            assert broker.send([Hint(org_id=uuid4(), pass_id=uuid4(), queue=Queue.BULK)]) == 1
        operator.close()
    finally:
        running.kill()
        running.wait()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
