"""Print what moved on the metrics page during the demo."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from standalone.client import ask
from standalone.demo.run import DemoFailed, escaped, require_status

SHOWN = (
    "essaycoach_pass_duration_seconds_count",
    "essaycoach_queue_wait_seconds_count",
    "essaycoach_ai_requests_total",
    "essaycoach_http_requests_total",
)


def read_metrics(url: str) -> dict[str, float]:
    """Return the value of every series on the metrics page, by name and labels."""
    lines = str(require_status(ask("GET", url), 200, "the metrics page").body).splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    }


def show_metrics(before: dict[str, float], url: str, console: Console) -> None:
    """Print the metrics that changed since `before`. Raises DemoFailed when no pass was counted or PostgreSQL is not up."""
    after = read_metrics(url)
    table = Table(box=None, padding=(0, 3, 0, 3), header_style="dim")
    table.add_column("metric", overflow="fold")
    table.add_column("before", justify="right")
    table.add_column("now", justify="right")
    moved = [name for name in sorted(after) if name.startswith(SHOWN) and after[name] != before.get(name, 0.0)]
    for name in [*moved[:24], "pg_up"]:
        table.add_row(escaped(name), f"{before.get(name, 0.0):g}", f"{after.get(name, 0.0):g}")
    console.print(table)
    if after.get("pg_up") != 1.0 or not any(name.startswith(SHOWN[0]) for name in moved):
        raise DemoFailed("the metrics did not move")
