"""Test the drill itself: its rules stay those of alerts.yml, each alert has a fault or a reason, and two faults are provoked."""

from __future__ import annotations

import re
import sys

import pytest

from tests.alert_drill.__main__ import FAULTS, NOT_PROVOKED, report
from tests.alert_drill.rules import FOR_SECONDS, WINDOW_SECONDS, read_rules, shortened_rules
from tests.alert_drill.run import run_drill
from tests.support.servers import ROOT


def test_every_alert_has_a_fault_or_a_reason_why_not() -> None:
    provoked = [alert for fault in FAULTS for alert in fault.alerts]
    assert sorted([*provoked, *NOT_PROVOKED]) == sorted(rule["alert"] for rule in read_rules())
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_shortened_rules_have_short_windows_and_keep_everything_else() -> None:
    (group,) = shortened_rules()["groups"]
    seconds = re.findall(r"\[(\w+)\]", " ".join(rule["expr"] for rule in group["rules"]))
    assert len(seconds) > 50
    assert {WINDOW_SECONDS[0] <= int(one.rstrip("s")) <= WINDOW_SECONDS[1] for one in seconds} == {True}
    for real, short in zip(read_rules(), group["rules"], strict=True):
        assert {**real, "expr": "", "for": ""} == {**short, "expr": "", "for": ""}
        assert ("for" in real) == ("for" in short)
        if "for" in short:
            assert FOR_SECONDS[0] <= int(short["for"].rstrip("s")) <= FOR_SECONDS[1]


def test_report_has_its_place() -> None:
    text = (ROOT / "docs" / "alert-drill.md").read_text(encoding="utf-8")
    assert text.count("<!-- drill -->\n") == text.count("<!-- /drill -->") == 1


@pytest.mark.slow(reason="starts every program, Prometheus and Alertmanager")
def test_drill_sees_two_faults_fire_be_told_and_resolve_and_nothing_early() -> None:
    faults = [fault for fault in FAULTS if fault.name in ("default-partition", "monitor-stopped")]

    result = run_drill(
        faults, quiet_seconds=5, warm_up_seconds=5, log=lambda line: print(line, file=sys.__stderr__, flush=True)
    )

    assert result.early == set()
    assert result.errors == []
    receivers = {row.alert: row.receiver for row in result.rows}
    assert receivers == {"MonitorDown": "page", "DefaultPartitionNotEmpty": "ticket"}
    assert [row for row in result.rows if not row.complete] == []
    assert "| `MonitorDown` | monitor stopped |" in report(result)
