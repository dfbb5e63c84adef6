-- One partition a month for everything that grows. The clock calls ensure_partitions; the default partition stays empty.

create function ensure_partitions(months_ahead integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    parent record;
    month timestamptz;
    partition_name text;
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
                date_trunc('month', now(), 'UTC'), date_trunc('month', now(), 'UTC') + make_interval(months => months_ahead), '1 month'
            )
        loop
            partition_name := parent.relname || to_char(month at time zone 'UTC', '_YYYY_MM');
            if to_regclass('public.' || quote_ident(partition_name)) is null then
                execute format(
                    'create table public.%I partition of public.%I ('
                    'constraint %I check (created_at >= %L::timestamptz and created_at < %L::timestamptz)'
                    ') for values from (%L) to (%L)',
                    partition_name, parent.relname, partition_name || '_created_in_month', month, month + interval '1 month',
                    public.uuid7_floor(month), public.uuid7_floor(month + interval '1 month')
                );
                execute format('alter table public.%I enable row level security', partition_name);
                execute format('alter table public.%I force row level security', partition_name);
                made := made + 1;
            end if;
        end loop;
    end loop;
    return made;
end
$$;
grant execute on function ensure_partitions(integer) to ec_clock;

do $$ begin perform ensure_partitions(4); end $$;
