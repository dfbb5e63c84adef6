"""Shorten the rules and routes of monitoring/ for the drill: what takes an hour there takes seconds here."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.support.servers import ROOT

FACTOR = 60
# The monitor answers within three seconds, whatever hangs; a scrape that ends earlier would look as if it were down.
SCRAPE_SECONDS = 4
# A window must hold several scrapes; a longer one would make every fault wait for the end of the one before.
WINDOW_SECONDS = (15, 48)
FOR_SECONDS = (5, 10)
# Limits that are times or sizes which a drill cannot wait for: what stands in alerts.yml, and what the drill uses.
LIMITS = {
    "InteractiveWorkWaits": (("> 60", "> 5"),),
    "WorkersSilent": (("> 60", "> 5"),),
    "WorkersStuck": (("> 180", "> 12"),),
    "FeedbackSlow": (('le="60.0"', 'le="5.0"'),),
    "FeedbackBudgetLeaks": (('le="60.0"', 'le="5.0"'),),
    "LongTransaction": (("> 300", "> 10"),),
    "SlotRetainsWal": (("4 * 2 ^ 30", "4 * 2 ^ 20"),),
    "DiskNearlyFull": (("4 * 3600", "4 * 60"),),
    "StaffReadsUnusual": (("> 1000", "> 20"),),
}
METRIC = re.compile(r"\b(?:essaycoach|pg|redis)_[a-z0-9_]+")
_DURATION = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_IN_QUOTES_OR_BRACES = re.compile(r'"[^"]*"|\{[^}]*\}')
# Names in parentheses after by, on, without or ignoring are labels.
_LABEL_LISTS = re.compile(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)")


def read_rules() -> list[dict[str, Any]]:
    """Return every rule of alerts.yml as it is."""
    groups = yaml.safe_load((ROOT / "monitoring" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def shortened_rules() -> dict[str, Any]:
    """Return the content of alerts.yml with shortened windows, waits and limits."""
    rules = [{**rule, "expr": _shorten_expression(rule)} for rule in read_rules()]
    for rule in rules:
        if "for" in rule:
            rule["for"] = f"{_clip(rule['for'], FOR_SECONDS)}s"
    return {"groups": [{"name": "drill", "interval": "1s", "rules": rules}]}


def shortened_routes(page_url: str, ticket_url: str) -> dict[str, Any]:
    """Return the content of alertmanager.yml with these addresses, and with groups that do not wait."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "monitoring" / "alertmanager.yml").read_text(encoding="utf-8"))
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "3s", "group_interval": "1s", "repeat_interval": "1h"}
    addresses = {"pager": page_url, "tickets": ticket_url}
    for receiver in config["receivers"]:
        for webhook in receiver["webhook_configs"]:
            webhook["url"] = addresses[receiver["name"]]
    return config


def metrics_of(expression: str) -> set[str]:
    """Return the names of the metrics that an expression reads."""
    return set(METRIC.findall(_LABEL_LISTS.sub("", _IN_QUOTES_OR_BRACES.sub("", expression))))


def _shorten_expression(rule: dict[str, Any]) -> str:
    expression: str = rule["expr"]
    for written, used in LIMITS.get(rule["alert"], ()):
        assert written in expression, f"{rule['alert']}: {written} is no longer in the rule; correct LIMITS"
        expression = expression.replace(written, used)
    expression = re.sub(r"\[(\w+)\]", lambda found: f"[{_clip(found[1], WINDOW_SECONDS)}s]", expression)
    return re.sub(r"offset (\w+)", lambda found: f"offset {_clip(found[1], WINDOW_SECONDS)}s", expression)


def _clip(duration: str, bounds: tuple[int, int]) -> int:
    """Return a sixtieth of a duration in seconds, within the bounds."""
    found = _DURATION.fullmatch(duration)
    assert found, f"{duration} is no plain duration"
    return max(bounds[0], min(bounds[1], int(found[1]) * _UNITS[found[2]] // FACTOR))
