"""Test that the list of metrics, the document, and what a scrape serves say the same, and that promtool finds no fault."""

from __future__ import annotations

import re
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitoring.catalogue import METRICS
from tests.monitoring.test_alerts import PROMTOOL
from tests.support.metrics_table import PAGE, page_with_table

# promtool would call these otherwise. The names are those of postgres_exporter.
FOREIGN_NAMES = ("pg_locks_count", "pg_stat_activity_count")


def test_a_scrape_has_exactly_the_metrics_of_the_list(scrape, rows):
    rows.called(rows.passed())
    seen = _families(scrape().text)
    listed = {one.name: one for one in METRICS}
    assert len(listed) == len(METRICS)
    assert seen.keys() - listed.keys() == set()
    assert {name for name in listed.keys() - seen.keys() if not listed[name].only} == set()
    for name, (kind, labels) in seen.items():
        assert (name, kind) == (name, listed[name].kind)
        assert (name, labels) == (name, set(listed[name].labels))


def test_each_metric_of_the_list_says_its_unit_and_meaning():
    for one in METRICS:
        assert one.kind in {"gauge", "counter", "histogram", "unknown"}
        assert (one.kind == "counter") == one.name.endswith("_total"), one.name
        assert len(one.meaning) > 8
        assert "|" not in one.meaning + one.only
        if "_seconds" in one.name and not re.search(r"start_time|stats_reset|last_auto", one.name):
            assert one.meaning.startswith("s, ") or one.meaning.startswith("s of "), one.name


def test_the_table_of_the_document_is_the_list():
    page = PAGE.read_text(encoding="utf-8")
    assert page_with_table(page) == page, "run `python -m tests.support.metrics_table --write`"
    assert page_with_table(page.replace("| `pg_up` |", "| `pg_ip` |")) == page


@pytest.mark.slow(reason="needs promtool, which `make test-slow` installs")
def test_promtool_finds_no_fault_in_our_metrics(scrape, rows):
    rows.called(rows.passed())
    assert PROMTOOL, "promtool is not installed: run `make promtool`"
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=scrape().text, capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert [line for line in said if not line.startswith(FOREIGN_NAMES)] == []


def _families(text: str) -> dict[str, tuple[str, set[str]]]:
    """Return kind and labels of each family of a scrape that has samples. `le` is no label of ours."""
    found = {}
    for family in text_string_to_metric_families(text):
        if family.samples:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = (family.type, {label for one in family.samples for label in one.labels} - {"le"})
    return found
