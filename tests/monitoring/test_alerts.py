"""Test that alerts fire when they should, and that every metric of theirs exists in a scrape."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from monitoring.catalogue import METRICS
from tests.alert_drill.rules import metrics_of, read_rules
from tests.support.servers import ROOT

PACKAGE = ROOT / "monitoring"
# `make promtool` installs it beside the Python interpreter.
PROMTOOL = shutil.which("promtool") or shutil.which("promtool", path=str(Path(sys.executable).parent))


def test_every_metric_of_an_alert_exists_in_a_live_scrape(scrape):
    wanted = {name for rule in read_rules() for name in metrics_of(rule["expr"])}
    # Some have samples only where there is something to say, such as a standby.
    conditional = {metric.name for metric in METRICS if metric.only}
    assert len(wanted) > 40
    assert not wanted - conditional - scrape().names()


def test_every_alert_has_severity_summary_and_where_to_look():
    for rule in read_rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert "look" in rule["annotations"]["description"].lower(), rule["alert"]


def test_every_alert_has_a_heading_an_index_row_and_a_link_and_nothing_else_has() -> None:
    """An engineer who is paged looks for the name in docs/operations.md, or follows the link of the message."""
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in read_rules()}
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    index = re.findall(
        r"^\| \[(\w+)\]\(alerts\.md#(\w+)\) \| (page|ticket) \| \S.* \|$",
        (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"), re.MULTILINE,
    )  # fmt: skip
    assert len(severities) == len(read_rules()) > 40
    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == list(severities)
    assert sorted(index) == sorted((name, name.lower(), severity) for name, severity in severities.items())
    links = {rule["alert"]: rule["annotations"]["runbook_url"].partition("#") for rule in read_rules()}
    assert {name: anchor for name, (_, _, anchor) in links.items()} == {name: name.lower() for name in severities}
    # Whoever publishes the pages puts one other address in the place of the path.
    (place,) = {place for place, _, _ in links.values()}
    assert place.startswith("https://") or (ROOT / place).is_file()


def test_every_alert_says_what_it_means_the_first_command_the_mend_and_whether_it_may_wait() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    for rule in read_rules():
        text = re.split(r"\n#{2,3} ", page.partition(f"\n### {rule['alert']}\n")[2])[0]
        assert text.strip().startswith({"page": "Page", "ticket": "Ticket"}[rule["labels"]["severity"]]), rule["alert"]
        parts = ("**Means**: ", "**First look**:\n\n```sh\n", "\n```\n\n**Mend**: ", "**May it wait until morning?** ")
        assert [part for part in parts if text.count(part) != 1] == [], rule["alert"]
        assert [text.index(part) for part in parts] == sorted(text.index(part) for part in parts), rule["alert"]


def test_every_alert_is_tested_to_fire_and_be_silent_before_and_after():
    tested: dict[str, list[list[bool]]] = {}
    for test in yaml.safe_load((PACKAGE / "alerts.test.yml").read_text())["tests"]:
        (alert,) = {re.search(r'alertname="(\w+)"', one["expr"])[1] for one in test["promql_expr_test"]}
        tested.setdefault(alert, []).append([bool(one["exp_samples"]) for one in test["promql_expr_test"]])
    assert set(tested) == {rule["alert"] for rule in read_rules()}
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
