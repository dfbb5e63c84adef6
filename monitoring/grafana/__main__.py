"""Write the dashboards that Grafana reads: one JSON file for each description in this folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from monitoring.grafana import ai, database, lms, queue_and_workers, students
from monitoring.grafana.panels import to_json

FOLDER = Path(__file__).parent / "dashboards"
DASHBOARDS = (
    students.DASHBOARD,
    queue_and_workers.DASHBOARD,
    ai.DASHBOARD,
    database.DASHBOARD,
    lms.DASHBOARD,
)


def texts() -> dict[str, str]:
    """Return the text of every file by its name."""
    return {f"{one.uid}.json": json.dumps(to_json(one), indent=1, ensure_ascii=False) + "\n" for one in DASHBOARDS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write every file, and remove those of dashboards that are gone. Return the exit code."""
    argparse.ArgumentParser(
        prog="python -m monitoring.grafana",
        description="Write monitoring/grafana/dashboards/*.json from the Python descriptions beside that folder.",
    ).parse_args(arguments)
    written = texts()
    for path in FOLDER.glob("*.json"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"monitoring/grafana/dashboards/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
