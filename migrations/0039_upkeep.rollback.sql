drop function release_duty(text, uuid);
drop function hold_duty(text, uuid, integer);
drop table duty_leases;
revoke execute on function record_duty(text, timestamptz, text, bigint, jsonb) from ec_worker;
drop function index_sizes();
do $$
declare
    found_table record;
begin
    for found_table in
        select c.oid::regclass as name from pg_class as c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    loop
        execute format('revoke maintain on %s from ec_clock', found_table.name);
    end loop;
end
$$;
alter default privileges in schema public revoke maintain on tables from ec_clock;
drop function drop_detached(name, integer, integer);
drop function note_retired(name);
drop function read_detached(name, uuid, integer);
drop function detach_partition(name, integer, integer);
drop function referenced_tables(name);
drop function partition_is_needed(name, integer, integer);
drop function retirable_parent(name);
create or replace function ensure_partitions(months_ahead integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    parent name;
    month timestamptz;
    made integer := 0;
begin
    if months_ahead not between 0 and 36 then
        raise exception 'months_ahead must lie between 0 and 36, not %', months_ahead;
    end if;
    perform pg_advisory_xact_lock(hashtext('essaycoach.partitions'));
    for parent in
        select c.relname from pg_partitioned_table as p join pg_class as c on c.oid = p.partrelid
        where c.relnamespace = 'public'::regnamespace order by c.relname
    loop
        for month in
            select generate_series(
                date_trunc('month', now()), date_trunc('month', now()) + make_interval(months => months_ahead), '1 month'
            )
        loop
            made := made + create_partition(parent, month)::integer;
        end loop;
    end loop;
    return made;
end
$$;
drop function ensure_partitions(integer, timestamptz);
