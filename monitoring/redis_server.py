"""Metrics of Redis itself: its memory, and what it evicted or refused."""

from __future__ import annotations

import redis
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

# The errors with which Redis refuses a write. `models/redis_refusals.py` says what each means.
REFUSED_WRITES = ("OOM", "MISCONF", "READONLY", "NOREPLICAS")


def read_redis_server(client: redis.Redis) -> list[Metric]:
    """Return memory, evictions and refusals since Redis started. Raises redis.RedisError, also when the user may not ask."""
    memory, events, errors = (client.info(section) for section in ("memory", "stats", "errorstats"))
    refused = sum(errors.get(f"errorstat_{name}", {}).get("count", 0) for name in REFUSED_WRITES)
    return [
        GaugeMetricFamily("redis_memory_bytes", "Memory that Redis uses.", value=memory["used_memory"]),
        GaugeMetricFamily(
            "redis_memory_max_bytes", "Memory that Redis may use; 0: no limit.", value=memory["maxmemory"]
        ),
        CounterMetricFamily("redis_evicted_keys_total", "Keys evicted to free memory.", value=events["evicted_keys"]),
        CounterMetricFamily(
            "redis_rejected_connections_total",
            "Connections refused at maxclients.",
            value=events["rejected_connections"],
        ),
        CounterMetricFamily(
            "redis_rejected_writes_total", "Writes refused: no memory, disk or replica.", value=refused
        ),
    ]
