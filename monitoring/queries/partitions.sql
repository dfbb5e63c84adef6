-- ahead: how many months in a row after this one have a partition; -1 when this month has none.
-- stray: rows in the default partition. The monitor may not read the rows, so the number comes from the statistics. After a
-- crash the statistics are empty, so a default partition that has pages then counts as one row.
with parents as (
    select c.oid, c.relname from pg_partitioned_table as p join pg_class as c on c.oid = p.partrelid
    where c.relnamespace = 'public'::regnamespace
),
months as (
    select parents.oid, parents.relname, ahead.n, to_regclass('public.' || quote_ident(
        parents.relname || to_char(date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead.n), '_YYYY_MM')
    )) is not null as there
    from parents cross join generate_series(0, 36) as ahead (n)
)
select
    parents.relname as "table",
    (select coalesce(min(m.n) filter (where not m.there), 37) - 1 from months as m where m.oid = parents.oid) as ahead,
    (
        select greatest(s.n_live_tup, least(pg_relation_size(s.relid), 1)) from pg_partitioned_table as p
        join pg_stat_user_tables as s on s.relid = p.partdefid
        where p.partrelid = parents.oid
    ) as stray
from parents
