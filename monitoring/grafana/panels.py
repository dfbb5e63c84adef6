"""What a dashboard is: rows of panels, each with a question that it answers; and how it becomes Grafana's JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["timeseries", "stat", "bargauge", "table", "heatmap"]

# Grafana runs in 24 columns.
COLUMNS = 24
# The uid in provisioning/datasources/prometheus.yml.
DATASOURCE = {"type": "prometheus", "uid": "essaycoach-prometheus"}
# Dashboards that have this tag are linked with each other.
TAG = "essaycoach"
# Of JSON for Grafana 12; a newer Grafana brings older dashboards up to date when it loads them.
SCHEMA_VERSION = 41

# From which value on the good becomes a warning and a fault; for falling values from which on a fault becomes good.
Threshold = tuple[float, str]


@dataclass(frozen=True, kw_only=True)
class Query:
    """One PromQL expression, and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel. `answers` says what a reader learns from it and what to do; `below` is the colour under the first threshold.

    `words` gives numbers a name, such as 1: "ready".
    """

    title: str
    answers: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    least: float | None = 0
    most: float | None = None
    below: str = "green"
    thresholds: tuple[Threshold, ...] = ()
    words: tuple[tuple[int, str], ...] = ()
    stacked: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """A titled row of panels, as many beside each other as there is room for."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """One dashboard. Its file is called as its `uid`, which never changes, because links and bookmarks contain it.

    `queues`: the reader chooses the queue; queries then contain `$queue`.
    """

    uid: str
    title: str
    answers: str
    rows: tuple[Row, ...]
    queues: bool = False

    def panels(self) -> Iterator[Panel]:
        """Yield every panel."""
        for row in self.rows:
            yield from row.panels


def stat(title: str, expr: str, answers: str, **facts: Any) -> Panel:
    """Return a panel with one number, as it is now."""
    return Panel(
        title=title, answers=answers, queries=(Query(expr=expr),), **{"kind": "stat", "width": 4, "height": 4, **facts}
    )


def to_json(dashboard: Dashboard) -> Json:
    """Return the dashboard as Grafana reads it."""
    panels: list[Json] = []
    top = 0
    for row in dashboard.rows:
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        panels.append({"type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []})
        left, top, tallest = 0, top + 1, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                left, top, tallest = 0, top + tallest, 0
            place = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            panels.append({**_panel(panel), "gridPos": place})
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.answers,
        "tags": [TAG],
        "timezone": "browser",
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_QUEUE] if dashboard.queues else []},
        "annotations": {"list": []},
        "links": [
            {"type": "dashboards", "title": "EssayCoach", "tags": [TAG], "asDropdown": True, "keepTime": True, "includeVars": False}
        ],
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, start=1)],
    }  # fmt: skip


_QUEUE: Json = {
    "name": "queue", "label": "Queue", "type": "query", "datasource": DATASOURCE,
    "query": {"query": "label_values(essaycoach_queue_depth, queue)", "refId": "queue"}, "refresh": 1, "multi": False,
    "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "options": [], "sort": 1,
}  # fmt: skip


def _panel(panel: Panel) -> Json:
    defaults: Json = {"unit": panel.unit}
    if panel.least is not None:
        defaults["min"] = panel.least
    if panel.most is not None:
        defaults["max"] = panel.most
    steps = [{"color": panel.below, "value": None}, *({"color": c, "value": v} for v, c in panel.thresholds)]
    if panel.thresholds:
        defaults |= {"color": {"mode": "thresholds"}} if panel.kind != "timeseries" else {}
    if panel.kind != "heatmap":
        defaults["thresholds"] = {"mode": "absolute", "steps": steps if panel.thresholds else steps[:1]}
    if panel.words:
        options = {str(number): {"text": word, "index": place} for place, (number, word) in enumerate(panel.words)}
        defaults["mappings"] = [{"type": "value", "options": options}]
    if panel.kind == "timeseries":
        defaults["custom"] = _line(panel)
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.answers,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": [_target(panel, query, number) for number, query in enumerate(panel.queries)],
        **({"transformations": _TABLE} if panel.kind == "table" else {}),
    }


def _line(panel: Panel) -> Json:
    shown: Json = {
        "lineWidth": 2 if not panel.stacked else 1,
        "fillOpacity": 30 if panel.stacked else 8,
        "showPoints": "never",
    }
    if panel.stacked:
        shown["stacking"] = {"mode": "normal", "group": "A"}
    if panel.thresholds:
        shown["thresholdsStyle"] = {"mode": "dashed"}
    return shown  # fmt: skip


def _target(panel: Panel, query: Query, number: int) -> Json:
    is_now = panel.kind in ("stat", "bargauge", "table")
    shape = {"table": "table", "heatmap": "heatmap"}.get(panel.kind, "time_series")
    return {
        "refId": chr(ord("A") + number), "datasource": DATASOURCE, "expr": query.expr, "legendFormat": query.legend or "__auto",
        "instant": is_now, "range": not is_now, "format": shape,
    }  # fmt: skip


_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[Kind, Json] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": _LAST, "colorMode": "value", "graphMode": "none", "textMode": "value", "wideLayout": True},
    "bargauge": {"reduceOptions": _LAST, "orientation": "horizontal", "displayMode": "basic", "valueMode": "color"},
    "table": {"cellHeight": "sm", "showHeader": True},
    "heatmap": {
        "calculate": False, "color": {"mode": "scheme", "scheme": "Blues", "steps": 64}, "yAxis": {"unit": "s"},
        "cellGap": 1, "filterValues": {"le": 1e-9}, "tooltip": {"mode": "single", "yHistogram": False},
        "legend": {"show": True},
    },
}  # fmt: skip
# The time of an instant query says nothing.
_TABLE = [{"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": "count"}}}]
