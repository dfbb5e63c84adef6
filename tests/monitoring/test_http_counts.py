"""Test that processes of ingest count requests, and that the monitor adds them up even after a process has died."""

from __future__ import annotations

import shutil

import pytest
from flask import Flask

from ingest.web import metrics
from monitoring.http import read_http

REQUESTS = "essaycoach_http_requests_total"
SECONDS = "essaycoach_http_request_duration_seconds"


def test_requests_are_counted_by_route_pattern_and_status(scrape):
    seen = scrape()
    assert seen.one(REQUESTS, method="GET", route="/v1/things/<thing>", status="200") == 3
    assert seen.one(REQUESTS, route="/v1/broken", status="500") == 3
    assert seen.one(REQUESTS, method="GET", route="unmatched", status="404") == 3
    assert seen.one(REQUESTS, method="other", status="405") == 3
    assert seen.one(f"{SECONDS}_count", route="/v1/things/<thing>") == 3


def test_long_poll_request_is_counted_but_not_timed(scrape):
    seen = scrape()
    assert seen.one(REQUESTS, route="/v1/held", status="200") == 3
    assert not seen.all(f"{SECONDS}_count", route="/v1/held")


def test_missing_counter_directory_fails_only_the_http_probe(scrape, request_counts):
    shutil.rmtree(request_counts)
    seen = scrape()
    assert seen.one("essaycoach_probe_up", probe="http") == 0
    assert seen.one("pg_up") == 1
    request_counts.mkdir()
    assert scrape().one("essaycoach_probe_up", probe="http") == 1


def test_empty_counter_file_of_a_killed_process_is_ignored(scrape, request_counts):
    (request_counts / "counter_99999.db").touch()
    assert scrape().one(REQUESTS, route="/v1/things/<thing>") == 3


@pytest.mark.slow(reason="starts and ends many processes")
def test_counts_of_dead_processes_stay_after_their_files_are_folded(tmp_path, count_requests):
    for _ in range(4):
        count_requests(tmp_path, times=2, forget=True)
    count_requests(tmp_path, times=1)
    # Two files of the dead, and three of the process that lives.
    assert len(list(tmp_path.iterdir())) == 5
    samples = {
        (s.name, s.labels.get("status"), s.labels.get("le")): s.value
        for family in read_http(tmp_path)
        for s in family.samples
        if s.labels.get("route") == "/v1/things/<thing>"
    }
    assert samples[REQUESTS, "200", None] == 9
    assert samples[f"{SECONDS}_bucket", None, "+Inf"] == samples[f"{SECONDS}_count", None, None] == 9


def test_folding_a_process_without_counts_does_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    metrics.fold_dead_process(1)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "nowhere"))
    metrics.fold_dead_process(1)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    metrics.fold_dead_process(1)
    assert not list(tmp_path.iterdir())


def test_full_disk_loses_the_count_but_not_the_answer(monkeypatch):
    app = Flask("full")
    metrics.register(app)
    app.add_url_rule("/", view_func=lambda: "fine")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(metrics.REQUESTS, "labels", full)
    assert app.test_client().get("/").status_code == 200


@pytest.fixture(autouse=True)
def _no_directory(monkeypatch):
    """This process has no directory for request counts, whatever the environment says."""
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
