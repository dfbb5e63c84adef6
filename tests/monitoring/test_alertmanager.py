"""Test who is told about which alert, and that a cause silences what follows from it, with a real Alertmanager."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alert_drill.rules import read_rules
from tests.alert_drill.stack import Pager, find_program, get_json, running_alertmanager
from tests.support.races import eventually
from tests.support.servers import ROOT

CONFIG = ROOT / "monitoring" / "alertmanager.yml"
SEVERITIES = {rule["alert"]: rule["labels"]["severity"] for rule in read_rules()}


def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return loaded


def matched(matchers: list[str]) -> set[str]:
    """Return the alerts that the matchers on `alertname` choose."""
    found = set(SEVERITIES)
    for matcher in matchers:
        label, operator, value = re.fullmatch(r'(\w+) (=|!=|=~|!~) "(.*)"', matcher).groups()  # type: ignore[union-attr]
        if label == "alertname":
            hits = {name for name in SEVERITIES if re.fullmatch(value, name)}
            found &= hits if operator in ("=", "=~") else set(SEVERITIES) - hits
    return found


def test_inhibition_names_only_alerts_that_exist() -> None:
    patterns = re.findall(r'alertname [!=]~? "(.*?)"', CONFIG.read_text(encoding="utf-8"))
    names = [name for pattern in patterns for name in pattern.split("|")]
    assert len(names) > 40
    assert [name for name in names if not any(re.fullmatch(name, alert) for alert in SEVERITIES)] == []


def test_ticket_never_silences_a_page_and_no_alert_itself() -> None:
    for rule in config()["inhibit_rules"]:
        (source,) = matched(rule["source_matchers"])
        targets = matched(rule["target_matchers"])
        assert source not in targets
        if SEVERITIES[source] == "ticket":
            assert {name for name in targets if SEVERITIES[name] == "page"} == set(), source
        assert rule["equal"] == ["site"]


def test_no_two_alerts_silence_each_other() -> None:
    pairs = {
        (source, target)
        for rule in config()["inhibit_rules"]
        for source in matched(rule["source_matchers"])
        for target in matched(rule["target_matchers"])
    }
    assert {pair for pair in pairs if pair[::-1] in pairs} == set()


@pytest.mark.slow(reason="needs amtool, which `make test-slow` installs")
def test_amtool_accepts_the_config() -> None:
    done = amtool("check-config", str(CONFIG))
    assert done.returncode == 0, done.stdout + done.stderr
    assert " - 2 receivers" in done.stdout


@pytest.mark.slow(reason="needs amtool, which `make test-slow` installs")
@pytest.mark.parametrize("alert", SEVERITIES)
def test_amtool_routes_pages_to_the_pager_and_everything_else_to_the_tickets(alert: str) -> None:
    severity = SEVERITIES[alert]
    done = amtool("config", "routes", "test", f"--config.file={CONFIG}", f"alertname={alert}", f"severity={severity}")
    assert done.stdout.split() == [{"page": "pager", "ticket": "tickets"}[severity]]


@pytest.mark.slow(reason="needs amtool, which `make test-slow` installs")
def test_alert_without_a_severity_becomes_a_ticket() -> None:
    done = amtool("config", "routes", "test", f"--config.file={CONFIG}", "alertname=New")
    assert done.stdout.split() == ["tickets"]


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Pager]]:
    pager = Pager()
    with running_alertmanager(tmp_path_factory.mktemp("alertmanager"), pager=pager) as url:
        yield url, pager
    pager.close()


@pytest.mark.slow(reason="starts Alertmanager")
@pytest.mark.parametrize(
    ("cause", "silenced", "spoken"),
    [
        ("PostgresDown", ["WebDown", "ErrorBudgetBurnsFast", "WorkersSilent", "ClockSilent", "ProbeDown"], ["DiskNearlyFull"]),
        ("ProviderPaused", ["WorkersSilent", "FeedbackSlow", "AiCallsFail"], ["PassesGivenUp", "ClockSilent"]),
        ("WebDown", ["ErrorBudgetBurnsFast", "ErrorBudgetLeaks"], ["InteractiveWorkWaits"]),
        ("MonitorDown", ["ErrorBudgetBurnsFast", "SignInsFail", "BackupOld"], ["WebDown"]),
        ("WorkersGone", ["WorkersSilent", "InteractiveWorkWaits", "LeasesExpire"], ["LeasesOverdue"]),
        ("RedisDown", ["BulkWorkWaits"], ["InteractiveWorkWaits"]),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)  # fmt: skip
def test_cause_silences_what_follows_from_it_at_its_own_site_only(
    alertmanager: tuple[str, Pager], cause: str, silenced: list[str], spoken: list[str]
) -> None:
    url, pager = alertmanager
    site, other = f"{cause}-here", f"{cause}-elsewhere"
    alerts = [(name, site) for name in (cause, *silenced, *spoken)] + [(name, other) for name in silenced[:1]]

    send(url, alerts)

    def notified() -> set[tuple[str, str]]:
        return {(one.alert, one.site) for one in list(pager.notifications)}

    wanted = {(name, site) for name in (cause, *spoken)} | {(name, other) for name in silenced[:1]}
    eventually(lambda: wanted <= notified(), what="the messages")
    states = {
        (one["labels"]["alertname"], one["labels"]["site"]): one["status"]["state"]
        for one in get_json(f"{url}/api/v2/alerts")
    }
    assert {name for name in silenced if states[name, site] != "suppressed"} == set()
    assert {name for name in (cause, *spoken) if states[name, site] != "active"} == set()
    assert not notified() & {(name, site) for name in silenced}


def send(url: str, alerts: list[tuple[str, str]]) -> None:
    """Send alerts as Prometheus does."""
    now = datetime.now(UTC)
    body = [
        {
            "labels": {"alertname": name, "severity": SEVERITIES[name], "site": site},
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(minutes=5)).isoformat(),
        }
        for name, site in alerts
    ]
    request = urllib.request.Request(
        f"{url}/api/v2/alerts", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [find_program("amtool"), *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=Path(ROOT)
    )
