"""Indexes that are unused, duplicate, invalid, missing or bloated, each with the statement that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.db import rows

Finding = Literal["invalid", "duplicate", "missing", "bloated", "unused", "scanned"]
# What is wrong; the other two are for a person to judge.
FAULTS: tuple[Finding, ...] = ("invalid", "duplicate", "missing", "bloated")
# What REINDEX CONCURRENTLY mends.
MENDABLE: tuple[Finding, ...] = ("invalid", "bloated")

UNUSED_DAYS = 30
BIG_ROWS = 10_000
BIG_BYTES = 8 << 20
BLOAT = 2

_INVALID = r"""
select 'invalid' as kind, t.relname as "table", c.relname as name, 'an index build did not end' as why,
    case when c.relname ~ '_cc(new|old)\d*$' then format('drop index concurrently public.%%I', c.relname)
        else format('reindex index concurrently public.%%I', c.relname) end as statement
from pg_index as x join pg_class as c on c.oid = x.indexrelid join pg_class as t on t.oid = x.indrelid
where c.relnamespace = 'public'::regnamespace and c.relkind = 'i' and not (x.indisvalid and x.indisready)
"""
# Of two equal ones, the one without a constraint or with the later name is superfluous.
_DUPLICATE = """
select distinct 'duplicate', t.relname, c.relname, format('the same as %%s', first.relname),
    format('drop index concurrently public.%%I', c.relname)
from pg_index as x join pg_class as c on c.oid = x.indexrelid join pg_class as t on t.oid = x.indrelid
join pg_index as y on y.indrelid = x.indrelid and y.indexrelid <> x.indexrelid and y.indkey = x.indkey and y.indclass = x.indclass
    and y.indcollation = x.indcollation and y.indoption = x.indoption
    and pg_get_expr(y.indexprs, y.indrelid) is not distinct from pg_get_expr(x.indexprs, x.indrelid)
    and pg_get_expr(y.indpred, y.indrelid) is not distinct from pg_get_expr(x.indpred, x.indrelid)
    and y.indisvalid and (y.indisunique or not x.indisunique)
join pg_class as first on first.oid = y.indexrelid
where c.relnamespace = 'public'::regnamespace and not c.relispartition and x.indisvalid
    and not exists (select from pg_constraint as k where k.conindid = x.indexrelid)
    and (y.indisunique and not x.indisunique or exists (select from pg_constraint as k where k.conindid = y.indexrelid)
        or first.relname < c.relname)
"""
_MISSING = """
select 'missing', t.relname, k.conname, 'no index for this foreign key: a deletion reads the whole table',
    format('create index concurrently on public.%%I (%%s)', t.relname, (
        select string_agg(quote_ident(a.attname), ', ' order by n.place)
        from unnest(k.conkey) with ordinality as n (attnum, place)
        join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = n.attnum))
from pg_constraint as k join pg_class as t on t.oid = k.conrelid
where k.contype = 'f' and k.conparentid = 0 and t.relnamespace = 'public'::regnamespace and not t.relispartition and not exists (
    select from pg_index as x
    where x.indrelid = k.conrelid and x.indisvalid and (x.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
        and (x.indpred is null or pg_get_expr(x.indpred, x.indrelid) ~ '^[(]?[a-z_]+ IS NOT NULL[)]?$')
)
"""
_BLOATED = """
select 'bloated', t.relname, c.relname,
    format('%%s MB, and some %%s MB when built anew', s.bytes >> 20, s.fresh_bytes >> 20),
    format('reindex index concurrently public.%%I', c.relname)
from index_sizes() as s
join pg_class as c on c.relname = s.index_name and c.relnamespace = 'public'::regnamespace
join pg_index as x on x.indexrelid = c.oid and x.indisvalid join pg_class as t on t.oid = x.indrelid
where s.bytes >= %(big_bytes)s and s.bytes > s.fresh_bytes * %(bloat)s and t.reltuples >= 0
"""
# An index for a foreign key or a unique rule is needed however seldom it is read.
_UNUSED = """
select 'unused', t.relname, c.relname, format('not read since %%s', to_char(u.since, 'YYYY-MM-DD')),
    format('drop index concurrently public.%%I', c.relname)
from pg_index as x join pg_class as c on c.oid = x.indexrelid join pg_class as t on t.oid = x.indrelid
cross join lateral (
    select coalesce(sum(s.idx_scan), 0) as scans from pg_stat_user_indexes as s
    where s.indexrelid = c.oid or s.indexrelid in (select p.relid from pg_partition_tree(c.oid) as p)
) as reads
cross join lateral (
    select coalesce(sum(greatest(l.reltuples, 0)), 0) as amount from pg_class as l
    where l.relkind = 'r' and (l.oid = t.oid or l.oid in (select p.relid from pg_partition_tree(t.oid) as p))
) as size
cross join (
    select coalesce(d.stats_reset, pg_postmaster_start_time()) as since from pg_stat_database as d where d.datname = current_database()
) as u
where c.relnamespace = 'public'::regnamespace and not c.relispartition and c.relkind in ('i', 'I') and not x.indisunique
    and u.since < now() - make_interval(days => %(unused_days)s) and reads.scans = 0 and size.amount >= %(big_rows)s
    and not exists (
        select from pg_constraint as k where k.conrelid = x.indrelid and k.contype = 'f'
            and (x.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
"""
_SCANNED = """
select 'scanned', s.relname, '', format('%%s scans of the whole table, %%s rows each', s.seq_scan, s.seq_tup_read / s.seq_scan), ''
from pg_stat_user_tables as s
where s.schemaname = 'public' and s.seq_scan >= 1000 and s.seq_tup_read / s.seq_scan >= %(big_rows)s
"""


@dataclass(frozen=True, kw_only=True)
class IndexFinding:
    """One finding: the index (or the foreign key that has none), why, and what to run as ec_owner; empty: look at the queries."""

    kind: Finding
    table: str
    name: str
    why: str
    statement: str


def list_findings(
    *, unused_days: int = UNUSED_DAYS, big_rows: int = BIG_ROWS, big_bytes: int = BIG_BYTES
) -> list[IndexFinding]:
    """Return everything that is worth a look, the gravest first. Call it as the clock."""
    parts = {
        "invalid": _INVALID, "duplicate": _DUPLICATE, "missing": _MISSING, "bloated": _BLOATED, "unused": _UNUSED,
        "scanned": _SCANNED,
    }  # fmt: skip
    params = {"unused_days": unused_days, "big_rows": big_rows, "big_bytes": big_bytes, "bloat": BLOAT}
    found = [IndexFinding(**one) for one in rows(" union all ".join(f"({part})" for part in parts.values()), params)]
    return sorted(found, key=lambda one: (list(parts).index(one.kind), one.table, one.name))
