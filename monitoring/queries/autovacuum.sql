-- The table that has waited longest: it has more dead rows than starts autovacuum, and its last vacuum is this long ago.
select coalesce(max(extract(epoch from now() - coalesce(
    greatest(s.last_autovacuum, s.last_vacuum), d.stats_reset, pg_postmaster_start_time()))), 0) as age_seconds
from pg_stat_user_tables as s
join pg_class as c on c.oid = s.relid
join pg_stat_database as d on d.datname = current_database()
left join lateral (
    select max(o.option_value) filter (where o.option_name = 'autovacuum_vacuum_threshold') as base,
        max(o.option_value) filter (where o.option_name = 'autovacuum_vacuum_scale_factor') as scale
    from pg_options_to_table(c.reloptions) as o
) as own on true
where s.n_dead_tup > coalesce(own.base, current_setting('autovacuum_vacuum_threshold'))::double precision
    + coalesce(own.scale, current_setting('autovacuum_vacuum_scale_factor'))::double precision * greatest(c.reltuples, 0)
