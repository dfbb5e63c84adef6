-- What the clock needs for the upkeep of tables: partitions from any month on, months that nobody needs taken away, VACUUM and
-- ANALYZE and REINDEX without owning anything. See docs/upkeep.md.

-- As before, for the months from `since` on: rehearsals look ahead of the calendar.
create function ensure_partitions(months_ahead integer, since timestamptz) returns integer
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
    if since < date_trunc('month', now()) or since > now() + interval '3 years' then
        raise exception 'partitions begin between this month and three years from now, not at %', since;
    end if;
    perform pg_advisory_xact_lock(hashtext('essaycoach.partitions'));
    for parent in
        select c.relname from pg_partitioned_table as p join pg_class as c on c.oid = p.partrelid
        where c.relnamespace = 'public'::regnamespace order by c.relname
    loop
        for month in
            select generate_series(
                date_trunc('month', since), date_trunc('month', since) + make_interval(months => months_ahead), '1 month'
            )
        loop
            made := made + create_partition(parent, month)::integer;
        end loop;
    end loop;
    return made;
end
$$;
revoke all on function ensure_partitions(integer, timestamptz) from public;
grant execute on function ensure_partitions(integer, timestamptz) to ec_clock;

create or replace function ensure_partitions(months_ahead integer) returns integer
language sql security definer
set search_path = pg_catalog, public, pg_temp
return ensure_partitions(months_ahead, now());

-- The tables whose months may be taken away. Not the others: essays and comments end with their essay, never with a month,
-- other rows refer to them, and the audit trail stays.
create function retirable_parent(part name) returns name
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
declare
    parent name := substring(part from '^(.+)_\d{4}_\d{2}$');
begin
    if parent is null or parent <> all (array['ai_responses', 'analytics', 'inbound_events', 'system_logs'])
        or to_regclass('public.' || quote_ident(part)) is null
    then
        raise exception 'no month of % can be retired', part;
    end if;
    return parent;
end
$$;
revoke all on function retirable_parent(name) from public;
grant execute on function retirable_parent(name) to ec_stats, ec_owner;

-- Whether anybody still needs a row of this month: its school has set no retention, the retention is not over or has not
-- begun, a legal hold keeps it, or it is not counted yet. The same rules as in retention_due and in models/upkeep.py.
create function partition_is_needed(part name, log_days integer, unowned_days integer) returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    parent name := retirable_parent(part);
    needed boolean;
    rule text;
begin
    if log_days < 7 or unowned_days < 7 then
        raise exception 'rows stay 7 days at the least';
    end if;
    if parent = 'system_logs' then
        rule := 'w.id >= uuid7_floor(now() - make_interval(days => $1)) or o.legal_hold is not null';
    elsif parent = 'inbound_events' then
        rule := 'o.closed_at is not null or o.legal_hold is not null or case when w.user_id is null
            then w.id >= uuid7_floor(now() - make_interval(days => $2))
            else o.retention_deliveries is null or r.begins_at is null or r.begins_at > now()
                or w.id >= uuid7_floor(now() - make_interval(days => o.retention_deliveries))
                or w.user_id in (select u.id from users as u where u.legal_hold is not null) end';
    elsif parent = 'ai_responses' then
        rule := 'o.closed_at is not null or o.legal_hold is not null or o.retention_raw_answers is null or r.begins_at is null
            or r.begins_at > now() or not w.tallied or w.completed_at is null
            or greatest(w.id, w.submission_id) >= uuid7_floor(now() - make_interval(days => o.retention_raw_answers))
            or w.user_id in (select u.id from users as u where u.legal_hold is not null)';
    else
        rule := 'true';
    end if;
    execute format(
        'select exists (select from public.%I as w left join orgs as o on o.id = w.org_id '
        'left join retention_runs as r on r.org_id = w.org_id and r.class = $3 where %s)', part, rule
    ) into needed using log_days, unowned_days, case parent when 'inbound_events' then 'deliveries' else 'raw_answers' end;
    return needed;
end
$$;
alter function partition_is_needed(name, integer, integer) owner to ec_stats;
revoke all on function partition_is_needed(name, integer, integer) from public;
grant execute on function partition_is_needed(name, integer, integer) to ec_owner;

-- The tables that the foreign keys of a table refer to, in the order of their names.
create function referenced_tables(part name) returns setof name
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
    select distinct f.relname from pg_catalog.pg_constraint as k join pg_catalog.pg_class as f on f.oid = k.confrelid
    where k.conrelid = to_regclass('public.' || quote_ident(part)) and k.contype = 'f' and not f.relispartition
    order by f.relname
$$;
revoke all on function referenced_tables(name) from public;
grant execute on function referenced_tables(name) to ec_owner;

-- Cut a month off its table: done, needed (somebody still needs a row), busy (try again), or gone (it is cut off already).
-- DETACH CONCURRENTLY is refused while a default partition exists. A plain DETACH changes the catalogue only, but waits for
-- every transaction that uses the table, and all others wait behind it: so it gives up after 30 ms, and tries again.
create function detach_partition(part name, log_days integer, unowned_days integer) returns text
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
set lock_timeout = '30ms'
as $$
declare
    parent name := retirable_parent(part);
    month timestamptz := make_timestamptz(substring(part from '(\d{4})_\d{2}$')::integer, right(part, 2)::integer, 1, 0, 0, 0);
    referenced name;
begin
    if not exists (select from pg_inherits as i where i.inhrelid = to_regclass('public.' || quote_ident(part))) then
        return 'gone';
    end if;
    -- A month with wrong bounds is to be mended first (docs/operations.md): it could not be attached again.
    if month + interval '2 months' > now() or not exists (
        select from pg_class as c
        where c.oid = to_regclass('public.' || quote_ident(part)) and pg_get_expr(c.relpartbound, c.oid) = format(
            'FOR VALUES FROM (%L) TO (%L)', uuid7_floor(month), uuid7_floor(month + interval '1 month'))
    ) then
        return 'needed';
    end if;
    -- Before any lock: it reads the whole month.
    if partition_is_needed(part, log_days, unowned_days) then
        return 'needed';
    end if;
    for attempt in 1..20 loop
        begin
            for referenced in select * from referenced_tables(part) loop
                execute format('lock table public.%I in share row exclusive mode', referenced);
            end loop;
            execute format('lock table only public.%I in access exclusive mode', parent);
            execute format('alter table public.%I detach partition public.%I', parent, part);
            return 'done';
        exception when lock_not_available or deadlock_detected then
            -- The locks of this attempt are gone. Those who waited behind them go first.
            perform pg_sleep(0.05 + random() * 0.3);
        end;
    end loop;
    return 'busy';
end
$$;

revoke all on function detach_partition(name, integer, integer) from public;
grant execute on function detach_partition(name, integer, integer) to ec_clock;

-- The next rows of a month that is cut off, as JSON, for its export. Columns that are encrypted stay so.
create function read_detached(part name, after uuid, most integer) returns table (id uuid, line text)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
begin
    perform retirable_parent(part);
    if exists (select from pg_inherits as i where i.inhrelid = to_regclass('public.' || quote_ident(part))) then
        raise exception '% is still a part of its table', part;
    end if;
    return query execute format(
        'select w.id, to_jsonb(w)::text from public.%I as w where w.id > $1 order by w.id limit $2', part
    ) using after, most;
end
$$;
alter function read_detached(name, uuid, integer) owner to ec_stats;
revoke all on function read_detached(name, uuid, integer) from public;
grant execute on function read_detached(name, uuid, integer) to ec_clock;

-- One audit entry for each school of which rows go with this month, as when they go one by one. Returns how many rows there are.
create function note_retired(part name) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    kind text := case retirable_parent(part) when 'inbound_events' then 'deliveries' when 'ai_responses' then 'raw_answers' end;
    total bigint := 0;
    found_org record;
begin
    for found_org in execute format('select w.org_id, count(*) as amount from public.%I as w group by w.org_id', part) loop
        total := total + found_org.amount;
        if kind is not null then
            perform audit_note(
                found_org.org_id, 'retention_run', 'org', found_org.org_id,
                jsonb_build_object('class', kind, 'deleted', found_org.amount)
            );
        end if;
    end loop;
    return total;
end
$$;
alter function note_retired(name) owner to ec_stats;
revoke all on function note_retired(name) from public;
grant execute on function note_retired(name) to ec_owner;

-- Drop a month that is cut off: done with the number of its rows, needed (a hold or a longer retention came meanwhile, and the
-- month is part of its table again), or busy. To drop a foreign key locks the table it refers to: it gives up after 30 ms, too.
create function drop_detached(part name, log_days integer, unowned_days integer, out result text, out amount bigint)
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
set lock_timeout = '30ms'
as $$
declare
    parent name := retirable_parent(part);
    month timestamptz := make_timestamptz(substring(part from '(\d{4})_\d{2}$')::integer, right(part, 2)::integer, 1, 0, 0, 0);
    referenced name;
begin
    if exists (select from pg_inherits as i where i.inhrelid = to_regclass('public.' || quote_ident(part))) then
        raise exception '% is still a part of its table', part;
    end if;
    if partition_is_needed(part, log_days, unowned_days) then
        -- With the CHECK, ATTACH does not read the month while it locks the default partition.
        execute format(
            'alter table public.%I add constraint whole_month check (id >= %L and id < %L)',
            part, uuid7_floor(month), uuid7_floor(month + interval '1 month')
        );
        execute format(
            'alter table public.%I attach partition public.%I for values from (%L) to (%L)',
            parent, part, uuid7_floor(month), uuid7_floor(month + interval '1 month')
        );
        execute format('alter table public.%I drop constraint whole_month', part);
        result := 'needed';
        return;
    end if;
    for attempt in 1..20 loop
        begin
            amount := note_retired(part);  -- it reads the month, so before the locks
            for referenced in select * from referenced_tables(part) loop
                execute format('lock table public.%I in access exclusive mode', referenced);
            end loop;
            execute format('drop table public.%I', part);
            result := 'done';
            return;
        exception when lock_not_available or deadlock_detected then
            perform pg_sleep(0.05 + random() * 0.3);
        end;
    end loop;
    result := 'busy';
    amount := 0;
end
$$;
revoke all on function drop_detached(name, integer, integer) from public;
grant execute on function drop_detached(name, integer, integer) to ec_clock;

-- VACUUM, ANALYZE and REINDEX by the clock, which owns nothing. MAINTAIN lets nobody read or change a row. Autovacuum never
-- analyses a partitioned table, and it leaves statistics of months as they were.
alter default privileges in schema public grant maintain on tables to ec_clock;
do $$
declare
    found_table record;
begin
    for found_table in
        select c.oid::regclass as name from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname not like '\_yoyo%' and c.relname <> 'yoyo_lock'
    loop
        execute format('grant maintain on %s to ec_clock', found_table.name);
    end loop;
end
$$;

-- How many bytes each B-tree index would have if it were built now: rows, width of its columns, a tenth of each page free.
-- Equal keys are stored once (deduplication), so an index may be smaller than this without a fault.
create function index_sizes() returns table (index_name name, bytes bigint, fresh_bytes bigint)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query
    select c.relname, pg_relation_size(c.oid)::bigint,
        (8192 * (1 + ceil(greatest(c.reltuples, 0) * (12 + 8 * ceil(w.width / 8.0)) / (8192 * 0.9 - 40))))::bigint
    from pg_index as x
    join pg_class as c on c.oid = x.indexrelid and c.relkind = 'i' and c.relnamespace = 'public'::regnamespace
    join pg_am as m on m.oid = c.relam and m.amname = 'btree'
    join pg_class as t on t.oid = x.indrelid
    cross join lateral (
        select sum(coalesce(s.avg_width, case when a.attlen > 0 then a.attlen else 32 end))::numeric as width
        from pg_attribute as a
        left join pg_attribute as b on b.attrelid = x.indrelid and b.attnum = x.indkey[a.attnum - 1] and b.attnum > 0
        left join pg_stats as s on s.schemaname = 'public' and s.tablename = t.relname and s.attname = b.attname
        where a.attrelid = c.oid and a.attnum > 0
    ) as w;
end
$$;
alter function index_sizes() owner to ec_stats;
revoke all on function index_sizes() from public;
grant execute on function index_sizes() to ec_clock;

-- A worker's environment has the keys, so the checks of texts run there, and leave their result too.
grant execute on function record_duty(text, timestamptz, text, bigint, jsonb) to ec_worker;

-- Which clock carries out a duty that must not run twice at a time. A row and not an advisory lock of the session: behind a
-- pooler that hands out connections by transaction, such a lock stays with a connection that others use.
create table duty_leases (
    name text not null constraint duty_leases_pkey primary key constraint duty_leases_name_form check (name ~ '^[a-z][a-z_]{1,62}$'),
    holder uuid not null,
    lease_until timestamptz not null
);

-- Take the lease on a duty for so many seconds; false while another holder has it.
create function hold_duty(duty text, wanted_by uuid, seconds integer) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into duty_leases as d (name, holder, lease_until)
    values (duty, wanted_by, clock_timestamp() + make_interval(secs => least(seconds, 86400)))
    on conflict (name) do update set holder = excluded.holder, lease_until = excluded.lease_until
    where d.holder = excluded.holder or d.lease_until < clock_timestamp();
    return found;
end
$$;
alter function hold_duty(text, uuid, integer) owner to ec_stats;
revoke all on function hold_duty(text, uuid, integer) from public;
grant execute on function hold_duty(text, uuid, integer) to ec_clock, ec_worker;

-- Give the lease back, if this holder has it.
create function release_duty(duty text, held_by uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    delete from duty_leases as d where d.name = duty and d.holder = held_by;
end
$$;
alter function release_duty(text, uuid) owner to ec_stats;
revoke all on function release_duty(text, uuid) from public;
grant execute on function release_duty(text, uuid) to ec_clock, ec_worker;
grant select, insert, update, delete on duty_leases to ec_stats;
