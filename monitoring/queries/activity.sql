-- The same metric as in postgres_exporter, without the labels that would make a series for every program and wait event.
-- Count the connections to every database of the server, because they share max_connections; other databases and roles are
-- "other", so that they do not make series. A state in which our own database has no connection gets a zero.
with seen as (
    select case when a.datname = current_database() then a.datname else 'other' end as datname, a.state,
        case when starts_with(a.usename, 'ec_') then a.usename else 'other' end as usename, count(*) as connections,
        coalesce(max(extract(epoch from now() - a.xact_start)), 0) as max_tx_duration
    from monitor_sessions() as a
    where a.datname is not null and a.state is not null
    group by 1, 2, 3
)
select datname, state, usename, connections, max_tx_duration from seen
union all
select current_database(), known.state, '', 0, 0
from unnest(array['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)', 'fastpath function call', 'disabled'])
    as known (state)
where not exists (select from seen where seen.datname = current_database() and seen.state = known.state)
