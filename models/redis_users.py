"""The users of Redis: one for each program, whose rights stand in redis_users.conf beside the code that needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

# The user for people who look after the server. No program logs in as it.
OPERATOR = "ec_operator"
USERS = ("ec_ingest", "ec_worker", "ec_clock", "ec_monitor", OPERATOR)
RIGHTS = Path(__file__).with_name("redis_users.conf")


def users_config(passwords: Mapping[str, str]) -> str:
    """Return the lines of a redis.conf that make the users, with digests in place of the passwords."""
    config = RIGHTS.read_text(encoding="ascii")
    for user in USERS:
        digest = hashlib.sha256(passwords[user].encode()).hexdigest()
        config = config.replace(f">PASSWORD_OF_{user} ", f"#{digest} ")
    return config
