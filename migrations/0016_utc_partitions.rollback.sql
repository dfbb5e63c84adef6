create or replace function require_live_session(session_id uuid, wanted_user uuid, wanted_role text, wanted_version integer)
returns void
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform from public.sessions as s
    join public.users as u on u.org_id = s.org_id and u.id = s.user_id
    where s.id = session_id and s.user_id = wanted_user and s.revoked_at is null and s.expires_at > now()
        and u.role = wanted_role and u.token_version = wanted_version and u.disabled_at is null;
    if not found then
        raise exception 'the session has ended' using errcode = 'EC001';
    end if;
end
$$;
drop function lacks_key(uuid);
drop function keys_missing();
alter function budget_allows(bigint) reset timezone;
alter function audit_change() reset timezone;
create or replace function ensure_partitions(months_ahead integer) returns integer
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
drop function create_partition(name, timestamptz);
