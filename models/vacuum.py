"""Tables that want VACUUM or ANALYZE now, and the statements for it.

Autovacuum does most of it. It never analyses a partitioned table, and on a hot table it may come late.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.db import rows

# A table is vacuumed when so many of its rows are dead, and one in SHARE of all.
DEAD_ROWS = 1000
SHARE = 10
# A partitioned table is analysed once in so many hours.
ANALYSE_HOURS = 24

_DUE = """
select c.relname as name, quote_ident(c.relname) as quoted, c.relkind = 'p' as is_parent, coalesce(s.n_dead_tup, 0) as dead_rows
from pg_class as c join pg_stat_user_tables as s on s.relid = c.oid
where c.relnamespace = 'public'::regnamespace and (
    c.relkind = 'p' and coalesce(s.last_analyze, '-infinity') < now() - make_interval(hours => %s)
    or c.relkind = 'r' and s.n_dead_tup >= %s and s.n_dead_tup * %s >= s.n_live_tup
        and has_table_privilege(c.oid, 'maintain')
)
order by c.relkind, s.n_dead_tup desc, c.relname
"""


@dataclass(frozen=True, kw_only=True)
class DueTable:
    """A table that wants a statement of maintenance, and that statement."""

    name: str
    is_parent: bool
    dead_rows: int
    statement: str


def list_due(*, dead_rows: int = DEAD_ROWS) -> list[DueTable]:
    """Return the tables that want VACUUM (ANALYZE), and the partitioned tables that want ANALYZE."""
    found = rows(_DUE, (ANALYSE_HOURS, dead_rows, SHARE))
    return [
        DueTable(
            name=one["name"],
            is_parent=one["is_parent"],
            dead_rows=one["dead_rows"],
            # TRUNCATE would lock the table, and a table that something holds is for the next run.
            statement=f"analyze only {one['quoted']}"
            if one["is_parent"]
            else f"vacuum (analyze, truncate off, skip_locked) {one['quoted']}",
        )
        for one in found
    ]
