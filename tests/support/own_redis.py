"""A Redis of a test's own, which the test may break, and the ways in which it can answer without serving."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis

from models.redis_refusals import Refusal
from models.redis_users import OPERATOR, USERS, users_config
from standalone.redis_server import redis_executable
from tests.support.ports import free_port
from tests.support.races import eventually

PASSWORD = "only-in-tests"
PROGRAMS = tuple(user for user in USERS if user != OPERATOR)


@dataclass(frozen=True)
class OwnRedis:
    """A running server with the users of the programs, and a client that may do everything."""

    port: int
    socket: Path
    admin: redis.Redis

    @property
    def url(self) -> str:
        """Return the URL of the user who may send and fetch hints."""
        return self.url_for("ec_worker")

    def url_for(self, user: str) -> str:
        """Return the URL of a program's user."""
        return f"redis://{user}:{PASSWORD}@127.0.0.1:{self.port}/0"

    def socket_url_for(self, user: str) -> str:
        """Return the URL of a program's user, by the socket."""
        return f"unix://{user}:{PASSWORD}@{self.socket}?db=0"

    def keys_without_expiry(self) -> list[bytes]:
        """Return the keys that would stay for ever."""
        return [key for key in self.admin.scan_iter() if self.admin.pttl(key) == -1]


@contextmanager
def own_redis() -> Iterator[OwnRedis]:
    """Start a Redis on a free port and on a socket, and stop it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="essaycoach-redis-"))
    path = folder / "redis.sock"
    port = free_port()
    server = subprocess.Popen(
        [
            str(redis_executable()), "--bind", "127.0.0.1", "--port", str(port), "--unixsocket", str(path), "--save", "",
            "--requirepass", PASSWORD, "--dir", str(folder), "--logfile", str(folder / "log"),
        ]
    )  # fmt: skip
    admin = redis.Redis(host="127.0.0.1", port=port, password=PASSWORD)
    try:
        eventually(lambda: _answers(admin), what="a Redis that answers")
        make_users(admin)
        yield OwnRedis(port=port, socket=path, admin=admin)
    finally:
        admin.close()
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def make_users(admin: redis.Redis) -> None:
    """Give the programs' users the rights that the project ships, and no others."""
    for line in users_config(dict.fromkeys(USERS, PASSWORD)).splitlines():
        _, _, user = line.partition("user ")
        if user and user.split()[0] in PROGRAMS:
            name, *rights = user.split()
            admin.execute_command("ACL", "SETUSER", name, "reset", *rights)


def _answers(client: redis.Redis) -> bool:
    with suppress(redis.RedisError):
        return bool(client.ping())
    return False


@dataclass(frozen=True)
class Spell:
    """A way to make a Redis refuse our work, the reason that is to be found, and the way back."""

    reason: Refusal
    begin: Callable[[redis.Redis], object]
    end: Callable[[redis.Redis], object]

    @contextmanager
    def cast_on(self, server: OwnRedis) -> Iterator[None]:
        """Let the server refuse our work while the block runs."""
        self.begin(server.admin)
        try:
            yield
        finally:
            self.end(server.admin)


def _become_replica(admin: redis.Redis) -> None:
    admin.replicaof("127.0.0.1", "1")  # nobody listens there


def _become_primary(admin: redis.Redis) -> None:
    admin.replicaof("NO", "ONE")


def _lose_primary(admin: redis.Redis) -> None:
    admin.config_set("replica-serve-stale-data", "no")
    _become_replica(admin)


def _fail_to_save(admin: redis.Redis) -> None:
    admin.config_set("dir", "/proc")
    admin.config_set("save", "3600 1")
    admin.bgsave()
    eventually(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err", what="a failed save")


def _users(*rights: str) -> Callable[[redis.Redis], object]:
    return lambda admin: [admin.execute_command("ACL", "SETUSER", user, *rights) for user in PROGRAMS]


SPELLS = {
    "replica": Spell(Refusal.REPLICA, _become_replica, _become_primary),
    "memory": Spell(
        Refusal.MEMORY, lambda admin: admin.config_set("maxmemory", "1"), lambda admin: admin.config_set("maxmemory", "0")
    ),
    "no scripts": Spell(Refusal.SCRIPTS, _users("-evalsha"), make_users),
    "no writes": Spell(Refusal.RIGHTS, _users("-@write"), make_users),
    "no primary": Spell(Refusal.PRIMARY_AWAY, _lose_primary, _become_primary),
    "disk": Spell(Refusal.DISK, _fail_to_save, lambda admin: admin.config_set("save", "")),
}  # fmt: skip
