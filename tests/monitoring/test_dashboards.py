"""Test the dashboards: they are written from their descriptions, fit Grafana, and every query finds data in a real Prometheus."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
import yaml

from monitoring.grafana.__main__ import DASHBOARDS, FOLDER, texts
from monitoring.grafana.panels import COLUMNS, Query
from tests.support.one_machine import ESSAY, Standalone, ask, standalone
from tests.support.prometheus import MISSING, PROMETHEUS, Prometheus, prometheus
from tests.support.races import eventually
from tests.support.servers import ROOT

UIDS = {"essaycoach", "essaycoach-queue", "essaycoach-ai", "essaycoach-database", "essaycoach-lms"}
METRIC = re.compile(r"\b(?:essaycoach|pg|redis)_[a-z0-9_]+")
IN_QUOTES_OR_BRACES = re.compile(r'"[^"]*"|\{[^}]*\}')
LABEL_LISTS = re.compile(r"\bby\s*\([^)]*\)")
BOARDS = {one["uid"]: one for one in map(json.loads, texts().values())}
PANELS = [
    pytest.param(panel.title, panel.queries, id=f"{board.uid}: {panel.title}")
    for board in DASHBOARDS
    for panel in board.panels()
]
# Metrics that a scrape of this suite's database cannot have, with the reason.
NOT_IN_A_SCRAPE = {
    "essaycoach_web_ready": "needs ESSAYCOACH_WEB_URL",
    "essaycoach_web_probe_seconds": "needs ESSAYCOACH_WEB_URL",
    "essaycoach_data_free_bytes": "only where the monitor sees the data's disk",
    "essaycoach_data_size_bytes": "only where the monitor sees the data's disk",
    "essaycoach_duty_age_seconds": "no duty has run here",
    "essaycoach_duty_failed": "no duty has run here",
    "essaycoach_duty_seconds": "no duty has run here",
    "essaycoach_duty_found": "no duty has run here",
    "essaycoach_org_spend_ratio": "no org has a budget here",
    "pg_archiver_last_archived_age_seconds": "nothing is archived here",
    "pg_autovacuum_age_seconds": "autovacuum has not run here",
    "pg_replication_slot_retained_bytes": "no slot here",
    "pg_standby_lag_seconds": "no standby here",
}  # fmt: skip
# Queries that have no data on one machine that is well, with the reason.
WITHOUT_DATA = {
    "max by (rank) (essaycoach_org_spend_ratio)": "no org has a budget here",
    'sum(increase(essaycoach_ai_tokens_total{kind="cache_read"}[1h])) / sum(increase(essaycoach_ai_tokens_total{kind!="output"}[1h]))':
        "the local engine pays for no tokens",
    "max(pg_archiver_last_archived_age_seconds)": "nothing is archived here",
    "max(pg_autovacuum_age_seconds)": "autovacuum has not run yet",
    "max by (application_name) (pg_standby_lag_seconds)": "no standby here",
    "max by (rolname) (pg_role_connection_limit > 0)": "roles have no limit here",
}  # fmt: skip


def test_files_are_what_the_descriptions_say() -> None:
    """Write them with `python -m monitoring.grafana`."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == texts()


def test_uids_stay_and_ids_are_unique() -> None:
    assert set(BOARDS) == UIDS
    for board in BOARDS.values():
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))


def test_every_panel_uses_the_provisioned_datasource() -> None:
    (source,) = yaml.safe_load((ROOT / "monitoring/grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    used = {
        target["datasource"]["uid"]
        for board in BOARDS.values()
        for panel in board["panels"]
        for target in panel.get("targets", ())
    }
    assert used == {source["uid"]}


def test_panels_stand_side_by_side_and_none_covers_another() -> None:
    for board in BOARDS.values():
        taken: set[tuple[int, int]] = set()
        for place in (panel["gridPos"] for panel in board["panels"]):
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert place["x"] + place["w"] <= COLUMNS
            assert not cells & taken
            taken |= cells


def test_every_panel_says_what_it_answers_and_has_a_unit_of_grafana() -> None:
    known = {"short", "s", "bytes", "Bps", "ops", "percentunit", "currencyUSD"}
    for board in DASHBOARDS:
        titles = [panel.title for panel in board.panels()]
        assert len(titles) == len(set(titles)) or board.uid == "essaycoach"
        for panel in board.panels():
            assert panel.answers.endswith("."), panel.title
            assert panel.unit in known, panel.title
            assert panel.queries


def test_every_metric_of_the_dashboards_exists_in_a_live_scrape(scrape, rows) -> None:
    wanted = {
        name
        for board in DASHBOARDS
        for panel in board.panels()
        for query in panel.queries
        for name in metrics_of(query.expr)
    }
    assert len(wanted) > 50
    assert sorted(wanted - scrape().names() - set(NOT_IN_A_SCRAPE)) == []


def metrics_of(expression: str) -> set[str]:
    return set(METRIC.findall(LABEL_LISTS.sub("", IN_QUOTES_OR_BRACES.sub("", expression))))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped a whole system every second while essays were handed in."""
    assert PROMETHEUS, MISSING
    with standalone(WORKER_THREADS="4", WEB_PROCESSES="1") as machine:
        machine.pretend_duty("backup", hours_ago=7)
        machine.pretend_duty("drill", hours_ago=60)
        target = machine.known["metrics"].split("/")[2]
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "essaycoach", "static_configs": [{"targets": [target]}]}],
        }
        with prometheus(tmp_path_factory.mktemp("prometheus"), config) as running:
            eventually(lambda: running.values("essaycoach_queue_depth"), what="the first scrape")
            _make_traffic(machine, running)
            yield running


def _make_traffic(machine: Standalone, running: Prometheus) -> None:
    """Hand in essays by API and as deliveries, some of them refused, until Prometheus has seen two rounds of them."""
    counted = 'sum(essaycoach_pass_duration_seconds_count{outcome="done"})'
    for _ in range(3):
        seen = sum(running.values(counted))
        body = {"student": {"external_id": f"sis-{uuid4().hex[:8]}"}, "title": "Phones", "text": ESSAY}
        assert machine.deliver(body).status == 202
        assert machine.deliver(body, secret="whsec_" + "A" * 43 + "=").status == 401
        assert ask("GET", f"{machine.api}/v1/submissions/{uuid4()}", headers=machine.lms).status == 404
        machine.final(*(machine.hand_in() for _ in range(4)), within_seconds=90)
        eventually(lambda seen=seen: sum(running.values(counted)) >= seen + 12, what="a scrape after the essays")
    # A rate needs two scrapes after the last change.
    since = time.time()
    eventually(lambda: max(running.values("timestamp(pg_up)")) > since + 2, what="two more scrapes")


@pytest.mark.slow(reason="starts a whole system and Prometheus")
@pytest.mark.parametrize(("title", "queries"), PANELS)
def test_every_query_of_a_panel_has_data(watched: Prometheus, title: str, queries: tuple[Query, ...]) -> None:
    for query in queries:
        found = watched.values(query.expr.replace("$__rate_interval", "30s").replace("$queue", ".*"))
        if query.expr not in WITHOUT_DATA:
            assert any(not math.isnan(value) for value in found), (title, query.expr, found)


def test_reasons_name_queries_and_metrics_that_exist() -> None:
    queries = {query.expr for board in DASHBOARDS for panel in board.panels() for query in panel.queries}
    assert set(WITHOUT_DATA) <= queries
    assert set(NOT_IN_A_SCRAPE) <= {name for query in queries for name in metrics_of(query)}
