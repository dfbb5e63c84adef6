"""Provoke the fault of every alert against real programs, a real Prometheus and a real Alertmanager: `make alert-drill`."""

from __future__ import annotations

import argparse
import platform
import re
import sys
import time

from tests.alert_drill.program_faults import PROGRAM_FAULTS
from tests.alert_drill.rules import FACTOR, FOR_SECONDS, LIMITS, WINDOW_SECONDS, read_rules
from tests.alert_drill.run import Result, Row, run_drill
from tests.alert_drill.store_faults import STORE_FAULTS
from tests.alert_drill.use_faults import USE_FAULTS
from tests.support.servers import ROOT

FAULTS = (*PROGRAM_FAULTS, *STORE_FAULTS, *USE_FAULTS)
REPORT = ROOT / "docs" / "alert-drill.md"
# What no minute on one machine can bring about. Their rules are tested by monitoring/alerts.test.yml all the same.
NOT_PROVOKED = {
    "StandbyLags": "needs a second server; the failover rehearsal has one",
    "ArchiverFails": "needs WAL archiving, which the one-machine set-up does not have",
    "DiskNearlyFull": "filling this machine's disk would harm its other programs",
}
MARKERS = re.compile(r"(<!-- drill -->\n).*?(<!-- /drill -->)", re.DOTALL)


def main() -> int:
    """Run the chosen faults; return 0 when no alert was early and each that was provoked fired and resolved."""
    parser = argparse.ArgumentParser(prog="python -m tests.alert_drill", description=__doc__)
    parser.add_argument("--only", default="", help="faults or alerts, such as web-frozen,PostgresDown (default: all)")
    parser.add_argument("--quiet", type=float, default=60.0, help="seconds without a fault at the start (default: 60)")
    parser.add_argument("--list", action="store_true", help="name the faults and their alerts, and do nothing")
    parser.add_argument("--write", action="store_true", help="write the table into docs/alert-drill.md")
    chosen = parser.parse_args()
    names = {name for name in chosen.only.split(",") if name}
    unknown = names - {fault.name for fault in FAULTS} - {alert for fault in FAULTS for alert in fault.alerts}
    if unknown:
        parser.error(
            f"no fault and no alert that is provoked is called {', '.join(sorted(unknown))}; --list names them"
        )
    faults = [fault for fault in FAULTS if not names or fault.name in names or names & set(fault.alerts)]
    if chosen.list:
        print("\n".join(f"{fault.name:22} {fault.title}: {', '.join(fault.alerts)}" for fault in faults))
        return 0
    result = run_drill(faults, quiet_seconds=chosen.quiet, log=progress)
    text = report(result)
    print(text)
    if chosen.write:
        document = REPORT.read_text(encoding="utf-8")
        REPORT.write_text(MARKERS.sub(lambda found: f"{found[1]}{text}\n{found[2]}", document), encoding="utf-8")
    return 0 if result.passed else 1


def report(result: Result) -> str:
    """Return the result in Markdown."""
    fired = {row.alert for row in result.rows if row.complete}
    alerts = [rule["alert"] for rule in read_rules()]
    early = ", ".join(f"`{one}`" for one in sorted(result.early)) or "no alert"
    lines = [
        (
            f"`make alert-drill` on {platform.system()} with Python {platform.python_version()}, "
            f"{time.strftime('%Y-%m-%d', time.gmtime())}: {result.seconds / 60:.0f} minutes."
        ),
        "",
        f"- In {result.quiet_seconds:.0f} quiet seconds before the first fault {early} fired.",
        f"- {len(fired)} of {len(alerts)} alerts were provoked, fired, and resolved.",
        *[f"- **Failed**: {error}" for error in result.errors],
        "",
        "| alert | fault | fired after | told after | resolved after | silenced by |",
        "|---|---|---|---|---|---|",
        *map(_line, sorted(result.rows, key=lambda row: alerts.index(row.alert))),
        "",
        "| alert | not provoked because |",
        "|---|---|",
        *[
            f"| `{alert}` | {_reason(alert, result)} |"
            for alert in alerts
            if alert not in {r.alert for r in result.rows}
        ],
        "",
        "| fault | what fired too |",
        "|---|---|",
        *[f"| {name} | {', '.join(followed)} |" for name, followed in result.followed.items() if followed],
        "",
        "| alert | limit in production | limit in the drill |",
        "|---|---|---|",
        *[f"| `{alert}` | `{old}` | `{new}` |" for alert, pairs in LIMITS.items() for old, new in pairs],
        "",
        (
            f"A window is a {FACTOR}th of the one in `monitoring/alerts.yml`, but {WINDOW_SECONDS[0]} to {WINDOW_SECONDS[1]} s; "
            f"`for` is a {FACTOR}th, but {FOR_SECONDS[0]} to {FOR_SECONDS[1]} s."
        ),
    ]
    return "\n".join(lines)


def progress(line: str) -> None:
    """Print a line of progress at once, to standard error."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _line(row: Row) -> str:
    seconds = ["**never**" if value is None else f"{value:.0f} s" for value in (row.fired, row.resolved)]
    notified = (
        f"{row.notified:.0f} s ({row.receiver})" if row.notified is not None else "" if row.silenced_by else "**never**"
    )
    silenced = ", ".join(f"`{one}`" for one in row.silenced_by)
    return f"| `{row.alert}` | {row.fault.title} | {seconds[0]} | {notified} | {seconds[1]} | {silenced} |"


def _reason(alert: str, result: Result) -> str:
    if alert in NOT_PROVOKED:
        return NOT_PROVOKED[alert]
    if alert in result.missing:
        return f"the monitor served no {', '.join(f'`{name}`' for name in sorted(result.missing[alert]))}"
    return "its fault was not among those chosen"


if __name__ == "__main__":
    sys.exit(main())
