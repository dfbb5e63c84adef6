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

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric

from models import db, setting_catalogue, settings
from models.broker import make_broker
from models.errors import SettingsError
from models.log import logger, set_up
from models.settings_report import make_report, show
from monitoring import ai, database, deliveries, disk, durability, duties, http, lms, programs, queues, redis_server
from monitoring.collector import EssayCoachCollector, Probe, ProbeGroup
from monitoring.families import MonotonicCounter, Remembered
from monitoring.history import History
from monitoring.server import make_app, start_server
from monitoring.web import WebProbe

REDIS_ANSWER_SECONDS = 1.0
# How old the answers of the two dearest probes may be.
REMEMBER_SECONDS = 60.0

log = logger(__name__)


def probe_groups(
    *, redis_url: str, http_directory: str | None, data_directory: str | None = None, web_urls: Sequence[str] = ()
) -> list[ProbeGroup]:
    """Return all probes in groups that run at the same time. Call `db.connect` first."""
    broker = make_broker(redis_url, answer_seconds=REDIS_ANSWER_SECONDS)
    totals, ai_totals, table_totals = MonotonicCounter(), MonotonicCounter(), MonotonicCounter()
    groups = [
        _probe_group(
            {
                "postgres": database.read_settings,
                "programs": programs.read_programs,
                "replication": database.read_replication,
                "database": database.read_database,
                "activity": database.read_activity,
                "roles": database.read_roles,
                "locks": database.read_locks,
                "lock_waits": database.read_lock_waits,
                "transactions": database.read_transactions,
                "partitions": database.read_partitions,
                "tables": partial(database.read_tables, table_totals),
                "autovacuum": database.read_autovacuum,
                "bloat": Remembered(database.read_bloat, seconds=REMEMBER_SECONDS),
                "checkpoints": durability.read_checkpoints,
                "wal": durability.read_wal,
                "archiver": durability.read_archiver,
                "slots": durability.read_slots,
                "standbys": durability.read_standbys,
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
                "deliveries": partial(deliveries.read_deliveries, totals),
                "lms": partial(lms.read_lms, totals),
                "pauses": ai.read_pauses,
                "org_spend": Remembered(ai.read_org_spend, seconds=REMEMBER_SECONDS),
                "duties": duties.read_duties,
                "reports": duties.read_reports,
            }
        ),
        _probe_group(
            {
                "redis": partial(queues.read_redis, broker, totals),
                "redis_server": partial(redis_server.read_redis_server, broker.client),
            },
            up="redis_up",
        ),
    ]
    if data_directory is not None:
        groups.append(_probe_group({"disk": partial(disk.read_disk, Path(data_directory))}))
    if http_directory is not None:
        groups.append(_probe_group({"http": partial(http.read_http, Path(http_directory))}))
    if web_urls:
        groups.append(_probe_group({"web": WebProbe(web_urls).read}))
    return groups


def _probe_group(probes: dict[str, Callable[[], list[Metric]]], *, up: str | None = None) -> ProbeGroup:
    return ProbeGroup(probes=tuple(Probe(name=name, read=read) for name, read in probes.items()), up=up)


def make_registry(
    *, redis_url: str, http_directory: str | None, data_directory: str | None = None, web_urls: Sequence[str] = ()
) -> CollectorRegistry:
    """Return a registry with the probes of `probe_groups` and the metrics of this process."""
    groups = probe_groups(
        redis_url=redis_url, http_directory=http_directory, data_directory=data_directory, web_urls=web_urls
    )
    registry = CollectorRegistry()
    registry.register(EssayCoachCollector(groups))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


def _check_settings(*, as_json: bool) -> int:
    checks: list[Callable[[], object]] = [
        settings.is_production,
        settings.log_level,
        _read_address,
        partial(settings.read_store, "ec-monitor", pool_size=2, answer_seconds=8.0),
        settings.redis_url,
        setting_catalogue.refuse_unknown,
    ]
    return show([make_report("metrics", checks)], as_json=as_json)


def _read_address() -> tuple[str, int]:
    """Return the address and the port to listen on. Raises SettingsError."""
    host = settings.listening_host("ESSAYCOACH_METRICS_HOST")
    return host, settings.integer("ESSAYCOACH_METRICS_PORT", 9108, most=65535)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Return the exit code: 0 after a signal, 1 when the program could not start."""
    parser = argparse.ArgumentParser(
        prog="python -m monitoring",
        description="Serve / (health at a glance) and /metrics: queues, passes, AI calls, HTTP and PostgreSQL's health. Reads only, "
        "but for one key in Redis that expires within a second.",
        epilog="Environment: DATABASE_URL (role ec_monitor), REDIS_URL, ESSAYCOACH_METRICS_PORT (9108), "
        "ESSAYCOACH_METRICS_HOST (127.0.0.1), PROMETHEUS_MULTIPROC_DIR (where ingest counts requests; optional), "
        "ESSAYCOACH_DATA_DIR (a directory on the disk that holds PostgreSQL's data; optional), "
        "ESSAYCOACH_WEB_URL (whose /readyz is asked; optional), "
        "ESSAYCOACH_RUNBOOK_URL (where docs/alerts.md is published; optional).",
    )
    parser.add_argument("--check-settings", action="store_true", help="print what it would use, and start nothing")
    parser.add_argument("--json", action="store_true", help="with --check-settings: print JSON")
    options = parser.parse_args(arguments)
    if options.check_settings:
        return _check_settings(as_json=options.json)
    stopped = threading.Event()

    def stop(*_: Any) -> None:
        stopped.set()

    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, stop)
    try:
        set_up("monitoring", level=settings.log_level())
        setting_catalogue.warn_unknown()
        host, port = _read_address()
        # One connection for each of the two probe groups that read PostgreSQL.
        db.connect(settings.read_store("ec-monitor", pool_size=2, answer_seconds=8.0))
        registry = make_registry(
            redis_url=settings.redis_url(),
            http_directory=settings.optional("PROMETHEUS_MULTIPROC_DIR"),
            data_directory=settings.optional("ESSAYCOACH_DATA_DIR"),
            web_urls=settings.base_urls("ESSAYCOACH_WEB_URL"),
        )
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
