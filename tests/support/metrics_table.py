"""Write the table of all metrics into docs/operations.md, from the list in `monitoring/catalogue.py`.

python -m tests.support.metrics_table --write
"""

from __future__ import annotations

import argparse

from monitoring.catalogue import METRICS
from tests.support.servers import ROOT

PAGE = ROOT / "docs" / "operations.md"
HEAD = "| metric | kind | labels | unit and meaning |\n|---|---|---|---|\n"


def table() -> str:
    """Return the table of docs/operations.md."""
    rows = []
    for one in METRICS:
        meaning = f"{one.meaning}. Only when {one.only}" if one.only else one.meaning
        labels = ", ".join(f"`{label}`" for label in one.labels)
        rows.append(f"| `{one.name}` | {one.kind} | {labels} | {meaning} |\n")
    return HEAD + "".join(rows)


def page_with_table(page: str) -> str:
    """Return the page with the table of its section Metrics written anew."""
    before, head, rest = page.partition(HEAD)
    assert head, f"no table of metrics: put the line {HEAD.splitlines()[0]} under the heading Metrics"
    lines = rest.splitlines(keepends=True)
    end = next((number for number, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return before + table() + "".join(lines[end:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.support.metrics_table", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/operations.md")
    if parser.parse_args().write:
        PAGE.write_text(page_with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table(), end="")
