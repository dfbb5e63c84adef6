"""One question, one file, one short read-only transaction: how every probe reads PostgreSQL."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from models import db

QUERIES = Path(__file__).parent / "queries"
# Far below what a scrape may take: on a struggling server a late answer is worth less than one less query.
STATEMENT_LIMIT = "1500ms"
# A migration may hold a table for a moment; the next scrape will do.
LOCK_LIMIT = "300ms"


def ask(name: str, params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of queries/<name>.sql. Raises DatabaseAway, also when the statement took too long."""
    with db.session():
        db.run(
            "select set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
            (STATEMENT_LIMIT, LOCK_LIMIT),
        )
        return db.rows(_statement(name), params or ())


@cache
def _statement(name: str) -> str:
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
