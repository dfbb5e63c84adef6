"""Run a probe's query: one file per query, and one short read-only transaction for each run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from models import db

QUERIES = Path(__file__).parent / "queries"
# Far below the limit of a scrape. On an overloaded server, to run one query less is worth more than a late answer.
STATEMENT_LIMIT = "1500ms"
# A migration may lock a table for a moment. The next scrape then gets the answer.
LOCK_LIMIT = "300ms"


def ask(name: str, params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of queries/<name>.sql. Raises DatabaseAway, also when the statement takes too long."""
    with db.session():
        set_limits()
        return db.rows(_statement(name), params or ())


def set_limits() -> None:
    """Limit the statements of this transaction to what a scrape may cost.

    What is not finished or not counted yet has partial indexes. With the statistics of a busier hour, the planner would read
    the whole history instead. A plain index scan marks the entries of rows that have left the index, so that the next one skips
    them; a bitmap scan would visit each of them again until the next vacuum.
    """
    db.run(
        "select set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true),"
        " set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)",
        (STATEMENT_LIMIT, LOCK_LIMIT),
    )


@cache
def _statement(name: str) -> str:
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
