"""The monitoring program: serve / and /metrics until SIGTERM, also while PostgreSQL, Redis or ingest is down."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from models import db, settings
from models.broker import make_broker
from models.errors import SettingsError
from models.log import logger, set_up
from monitoring import ai, database, http, queues
from monitoring.collector import EssayCoachCollector, Probe, ProbeGroup
from monitoring.families import MonotonicCounter
from monitoring.history import History
from monitoring.server import make_app, start_server

REDIS_ANSWER_SECONDS = 1.0

log = logger(__name__)


def probe_groups(*, redis_url: str, http_directory: str | None) -> list[ProbeGroup]:
    """Return all probes in groups that run at the same time. Call `db.connect` first."""
    broker = make_broker(redis_url, answer_seconds=REDIS_ANSWER_SECONDS)
    totals, ai_totals, table_totals = MonotonicCounter(), MonotonicCounter(), MonotonicCounter()
    groups = [
        _probe_group(
            {
                "postgres": database.read_settings,
                "replication": database.read_replication,
                "database": database.read_database,
                "activity": database.read_activity,
                "locks": database.read_locks,
                "transactions": database.read_transactions,
                "partitions": database.read_partitions,
                "tables": partial(database.read_tables, table_totals),
                "statements": database.read_statements,
            },
            up="pg_up",
        ),
        # A group of its own: when our tables are blocked, the server's health is still reported.
        _probe_group(
            {
                "queues": queues.read_queues,
                "gave_up": queues.read_gave_up,
                "totals": partial(queues.read_totals, totals),
                "ai": partial(ai.read_ai, ai_totals),
                "pauses": ai.read_pauses,
            }
        ),
        _probe_group({"redis": partial(queues.read_redis, broker, totals)}, up="redis_up"),
    ]
    if http_directory is not None:
        groups.append(_probe_group({"http": partial(http.read_http, Path(http_directory))}))
    return groups


def _probe_group(probes: dict[str, Callable[[], list[Metric]]], *, up: str | None = None) -> ProbeGroup:
    return ProbeGroup(probes=tuple(Probe(name=name, read=read) for name, read in probes.items()), up=up)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Return the exit code: 0 after a signal, 1 when the program could not start."""
    argparse.ArgumentParser(
        prog="python -m monitoring",
        description="Serve / (health at a glance) and /metrics: queues, passes, AI calls, HTTP and PostgreSQL's health. Reads only, "
        "but for one key in Redis that expires within a second.",
        epilog="Environment: DATABASE_URL (role ec_monitor), REDIS_URL, ESSAYCOACH_METRICS_PORT (9108), "
        "ESSAYCOACH_METRICS_HOST (127.0.0.1), PROMETHEUS_MULTIPROC_DIR (where ingest counts requests; optional), "
        "ESSAYCOACH_RUNBOOK_URL (where docs/alerts.md is published; optional).",
    ).parse_args(arguments)
    set_up("monitoring")
    stopped = threading.Event()

    def stop(*_: Any) -> None:
        stopped.set()

    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, stop)
    try:
        host = settings.listening_host("ESSAYCOACH_METRICS_HOST")
        port = settings.integer("ESSAYCOACH_METRICS_PORT", 9108, most=65535)
        # One connection for each of the two probe groups that read PostgreSQL.
        db.connect(settings.read_store("ec-monitor", pool_size=2, answer_seconds=8.0))
        registry = CollectorRegistry()
        directory = settings.optional("PROMETHEUS_MULTIPROC_DIR")
        registry.register(EssayCoachCollector(probe_groups(redis_url=settings.redis_url(), http_directory=directory)))
        history = History(registry.collect)
        app = make_app(registry, history, runbooks=settings.web_url("ESSAYCOACH_RUNBOOK_URL"))
        server, server_thread = start_server(port, host, app)
    except (SettingsError, OSError) as error:
        print(f"monitoring: {error}", file=sys.stderr)
        return 1
    log.info("serving metrics", host=host, port=server.server_port)
    # A reading may hang for as long as a scrape; the end of the program does not wait for it.
    threading.Thread(target=history.keep_each_minute, args=(stopped,), name="history", daemon=True).start()
    stopped.wait()
    server.shutdown()
    server.server_close()
    server_thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
