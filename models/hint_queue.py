"""A queue of hints in Redis, read with distrust: whoever holds a password of Redis can put anything into it.

What is no hint of ours is dropped and counted. It must neither stop the next hint nor reach a log.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import dramatiq
import redis
from dramatiq.common import current_millis
from dramatiq.errors import DecodeError

from models.jobs import ACTOR, ROW_ACTOR, AnyHint, Hint, Queue, RowHint
from models.log import logger

log = logger(__name__)

# A hint has about 400 bytes. Anything much longer is none, and a worker never loads it.
LONGEST_HINT_BYTES = 4096
# Where Redis refuses to let a worker wait for a hint, the worker looks this often.
UNSERVED_WAIT_SECONDS = 0.05
# Hints that one call of the script fetches at most, and acknowledges at most.
FETCH_LIMIT = 500
# Workers that one sweep looks at, those first that have been silent for longest.
SWEEP_LIMIT = 100

# Keys: heartbeats, queue, its messages, those fetched and not yet acknowledged, the counts of dropped messages.
# Arguments: now, worker, limit, longest message in bytes, name to count under, ids of messages that are done with.
# It returns id, message, id, message, … and at the end how many messages were too long or missing, and their bytes.
_FETCH_SCRIPT = """
redis.call("zadd", KEYS[1], ARGV[1], ARGV[2])
for i = 6, #ARGV do
  redis.call("srem", KEYS[4], ARGV[i])
  redis.call("hdel", KEYS[3], ARGV[i])
end
local found, dropped, bytes = {}, 0, 0
for _ = 1, tonumber(ARGV[3]) do
  local id = redis.call("lpop", KEYS[2])
  if not id then break end
  local size = redis.call("hstrlen", KEYS[3], id)
  if size == 0 or size + #id > tonumber(ARGV[4]) then
    redis.call("hdel", KEYS[3], id)
    dropped, bytes = dropped + 1, bytes + size + #id
  else
    redis.call("sadd", KEYS[4], id)
    found[#found + 1] = id
    found[#found + 1] = redis.call("hget", KEYS[3], id)
  end
end
if dropped > 0 then redis.pcall("hincrby", KEYS[5], ARGV[5], dropped) end
found[#found + 1] = dropped
found[#found + 1] = bytes
return found
"""

# Keys: the queue's messages, those not yet acknowledged, the counts. Arguments: name to count under, ids.
_DROP_SCRIPT = """
for i = 2, #ARGV do
  redis.call("srem", KEYS[2], ARGV[i])
  redis.call("hdel", KEYS[1], ARGV[i])
end
redis.pcall("hincrby", KEYS[3], ARGV[1], #ARGV - 1)
"""

# Key: the namespace. Arguments: the time before which a heartbeat is a dead worker's, limit, queues.
# A key of the wrong type would refuse every hint, so it is deleted. So are dead letters and delayed messages: nobody of ours
# writes or reads any.
# Dramatiq's own maintenance does the middle part with KEYS, which no user of ours may run.
_SWEEP_SCRIPT = """
local returned = 0
local function require_type(key, wanted)
  local kind = redis.call("type", key).ok
  if kind ~= wanted and kind ~= "none" then redis.call("del", key) end
end
local heartbeats = KEYS[1] .. ":__heartbeats__"
require_type(heartbeats, "zset")
require_type(KEYS[1] .. ":__dropped__", "hash")
for q = 3, #ARGV do
  local queue = KEYS[1] .. ":" .. ARGV[q]
  require_type(queue, "list")
  require_type(queue .. ".msgs", "hash")
  redis.call("del", queue .. ".XQ", queue .. ".XQ.msgs", queue .. ".DQ", queue .. ".DQ.msgs")
end
local workers = redis.call("zrange", heartbeats, 0, ARGV[2] - 1, "withscores")
for w = 1, #workers, 2 do
  local is_dead = tonumber(workers[w + 1]) < tonumber(ARGV[1])
  for q = 3, #ARGV do
    local queue, fetched = KEYS[1] .. ":" .. ARGV[q], KEYS[1] .. ":__acks__." .. workers[w] .. "." .. ARGV[q]
    require_type(fetched, "set")
    for _, id in ipairs(is_dead and redis.call("smembers", fetched) or {}) do
      if redis.call("hexists", queue .. ".msgs", id) == 1 then
        redis.call("rpush", queue, id)
        returned = returned + 1
      end
    end
    if is_dead then redis.call("del", fetched, fetched .. ".DQ") end
  end
  if is_dead then redis.call("zrem", heartbeats, workers[w]) end
end
return returned
"""


class HintQueue:
    """One queue as a worker reads it: Dramatiq's keys, our own scripts. Every method raises redis.RedisError."""

    def __init__(self, client: redis.Redis, *, namespace: str, worker: str, name: str) -> None:
        self.name = name
        self._worker = worker
        self._heartbeats = f"{namespace}:__heartbeats__"
        self._list = f"{namespace}:{name}"
        self._messages = f"{namespace}:{name}.msgs"
        self._fetched = f"{namespace}:__acks__.{worker}.{name}"
        self._dropped = dropped_key(namespace)
        self._client: Any = client
        self._fetch_script: Any = client.register_script(_FETCH_SCRIPT)
        self._drop_script: Any = client.register_script(_DROP_SCRIPT)

    def wait(self, seconds: float) -> None:
        """Wait until there is a message, but no longer than `seconds`.

        Redis moves the first message to the place where it is, which changes nothing, as soon as there is one. A Redis that
        refuses this, such as one whose users are those of an earlier version, is asked again after a moment.
        """
        try:
            self._client.blmove(self._list, self._list, seconds, src="LEFT", dest="LEFT")
        except redis.ResponseError:
            time.sleep(min(seconds, UNSERVED_WAIT_SECONDS))

    def fetch(self, limit: int, *, done: Sequence[str] = ()) -> tuple[list[dramatiq.Message[Any]], int]:
        """Acknowledge the messages of these ids, and take up to `limit` others, in one trip.

        Return the hints among the others, and how many were dropped because they are none.
        """
        *found, missing, size = self._fetch_script(
            keys=[self._heartbeats, self._list, self._messages, self._fetched, self._dropped],
            args=[current_millis(), self._worker, min(limit, FETCH_LIMIT), LONGEST_HINT_BYTES, self.name, *done],
        )
        hints: list[dramatiq.Message[Any]] = []
        foreign: list[bytes] = []
        for message_id, body in zip(found[::2], found[1::2], strict=True):
            hint = read_hint(body, queue=self.name)
            if hint is None or not message_id.isascii():
                foreign.append(message_id)
                size += len(body) + len(message_id)
            else:
                hints.append(hint.to_message(redis_message_id=message_id.decode("ascii")))
        if foreign:
            self._drop_script(keys=[self._messages, self._fetched, self._dropped], args=[self.name, *foreign])
        dropped = missing + len(foreign)
        if dropped:
            log.warning("foreign messages dropped", queue=self.name, messages=dropped, bytes=size)
        return hints, dropped


def read_hint(body: bytes, *, queue: str) -> AnyHint | None:
    """Return the hint in a message of this queue, or None. Nothing else of the message is kept: no option, no argument."""
    is_row = queue == Queue.DELIVERIES
    actor, hint_class = (ROW_ACTOR, RowHint) if is_row else (ACTOR, Hint)
    try:
        message: dramatiq.Message[Any] = dramatiq.Message.decode(body)
        hint: AnyHint = hint_class.from_fields(message.kwargs)
    except (DecodeError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None
    return hint if message.actor_name == actor and not message.args and hint.queue == queue else None


def sweep(client: redis.Redis, *, namespace: str, dead_before: int) -> int:
    """Put the hints of dead workers back into their queues, and delete keys of a wrong type. Return how many were put back.

    `dead_before` is in Unix milliseconds. Raises redis.RedisError.
    """
    names = [str(queue) for queue in Queue]
    script: Any = client.register_script(_SWEEP_SCRIPT)
    return int(script(keys=[namespace], args=[dead_before, SWEEP_LIMIT, *names]))


def dropped_counts(client: redis.Redis, *, namespace: str) -> dict[str, int]:
    """Return how many messages of each queue were dropped since Redis started. Raises redis.RedisError."""
    queues: Sequence[str] = [str(queue) for queue in Queue]
    found: Any = client.hmget(dropped_key(namespace), list(queues))
    return {queue: int(count) if count and count.isdigit() else 0 for queue, count in zip(queues, found, strict=True)}


def dropped_key(namespace: str) -> str:
    """Return the key of the counts of dropped messages."""
    return f"{namespace}:__dropped__"
