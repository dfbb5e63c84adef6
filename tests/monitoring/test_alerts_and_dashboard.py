"""Test that alerts fire when they should, and that every metric of theirs exists in a scrape."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import monitoring
from tests.support.servers import ROOT

PACKAGE = ROOT / "monitoring"
# `make promtool` installs it beside the Python interpreter.
PROMTOOL = shutil.which("promtool") or shutil.which("promtool", path=str(Path(sys.executable).parent))
METRIC = re.compile(r"\b(?:essaycoach|pg|redis)_[a-z0-9_]+")
IN_QUOTES_OR_BRACES = re.compile(r'"[^"]*"|\{[^}]*\}')
# Names in parentheses after by, on, without or ignoring are labels.
LABEL_LISTS = re.compile(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)")


def test_every_metric_of_an_alert_exists_in_a_live_scrape(scrape):
    wanted = {name for rule in _rules() for name in _metrics(rule["expr"])}
    assert len(wanted) > 15
    assert not wanted - scrape().names()


def test_scraped_metrics_are_exactly_those_of_the_package_docstring(scrape, rows):
    rows.called(rows.passed())
    documented = {line.split()[0] for line in (monitoring.__doc__ or "").splitlines() if METRIC.match(line)}
    seen = {
        re.sub(r"_(bucket|sum|count)$", "", n) if _is_histogram(n) else n
        for n in scrape().names()
        if "_created" not in n
    }
    assert seen == documented


def test_every_alert_has_severity_summary_and_where_to_look():
    for rule in _rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert "look" in rule["annotations"]["description"].lower(), rule["alert"]


def test_every_alert_is_tested_to_fire_and_be_silent_before_and_after():
    tested: dict[str, list[list[bool]]] = {}
    for test in yaml.safe_load((PACKAGE / "alerts.test.yml").read_text())["tests"]:
        (alert,) = {re.search(r'alertname="(\w+)"', one["expr"])[1] for one in test["promql_expr_test"]}
        tested.setdefault(alert, []).append([bool(one["exp_samples"]) for one in test["promql_expr_test"]])
    assert set(tested) == {rule["alert"] for rule in _rules()}
    assert all([False, True, False] in cases for cases in tested.values())


@pytest.mark.slow(reason="needs promtool, which `make test-slow` installs")
@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")],
    ids=" ".join,
)
def test_promtool_accepts_config_rules_and_rule_tests(arguments):
    assert PROMTOOL, (
        "promtool is not installed: run `make promtool`, or install Prometheus (Debian: apt-get install prometheus)"
    )
    done = subprocess.run([PROMTOOL, *arguments], cwd=PACKAGE, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _rules():
    groups = yaml.safe_load((PACKAGE / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _metrics(expression: str) -> set[str]:
    return set(METRIC.findall(LABEL_LISTS.sub("", IN_QUOTES_OR_BRACES.sub("", expression))))


def _is_histogram(name: str) -> bool:
    return bool(re.match(r"essaycoach_(queue_wait|pass_duration|http_request_duration)_seconds_", name))
