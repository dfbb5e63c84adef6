-- Months begin at 00:00 UTC, whatever time zone the server, the database, the role or the environment has: every function
-- of ours with calendar arithmetic, or that turns a time into text, fixes its time zone. These are create_partition,
-- ensure_partitions, audit_change (rows as JSON) and budget_allows. A test looks for others in pg_proc. And what tells a
-- person who was erased from one whose key was not restored after a backup.

-- Creates the partition of one table for the month of this moment; false when it is there. For ensure_partitions, and for
-- the operator who mends partitions that an earlier release made (docs/operations.md).
create function create_partition(parent name, moment timestamptz) returns boolean
language plpgsql
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    month timestamptz := date_trunc('month', moment);
    next_month timestamptz := date_trunc('month', moment) + interval '1 month';
    partition_name text := parent || to_char(month, '_YYYY_MM');
begin
    if to_regclass('public.' || quote_ident(partition_name)) is not null then
        return false;
    end if;
    execute format(
        'create table public.%I partition of public.%I ('
        'constraint %I check (created_at >= %L::timestamptz and created_at < %L::timestamptz)'
        ') for values from (%L) to (%L)',
        partition_name, parent, partition_name || '_created_in_month', month, next_month,
        public.uuid7_floor(month), public.uuid7_floor(next_month)
    );
    execute format('alter table public.%I enable row level security', partition_name);
    execute format('alter table public.%I force row level security', partition_name);
    return true;
end
$$;

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

alter function audit_change() set timezone = 'UTC';
alter function budget_allows(bigint) set timezone = 'UTC';

-- Whether the keys of this database are missing: dumps leave them out, and they are restored by a command of their own.
-- The oldest person tells, because whoever was added since the restore has a key. That person may also have been erased after
-- the dump: then the oldest key tells, which is younger than its person once keys were restored. It costs a look at two rows.
create function keys_missing() returns boolean
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
return coalesce(
    (
        select k.user_id is null
        from (select u.id from public.users as u where u.erase_requested_at is null order by u.id limit 1) as oldest
        left join public.user_keys as k on k.user_id = oldest.id
    ),
    false
) and not coalesce(
    (
        select oldest.created_at > u.created_at
        from (select k.user_id, k.created_at from public.user_keys as k order by k.user_id limit 1) as oldest
        join public.users as u on u.id = oldest.user_id
    ),
    false
);
alter function keys_missing() owner to ec_stats;
grant execute on function keys_missing() to ec_ingest, ec_auth, ec_admin, ec_worker;

-- Whether this person of the acting org is there, asked for no erasure, and has no key.
create function lacks_key(person uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
return exists (
    select from public.users as u
    where u.org_id = public.app_org() and u.id = person and u.erase_requested_at is null
        and not exists (select from public.user_keys as k where k.user_id = u.id)
);
alter function lacks_key(uuid) owner to ec_stats;
grant execute on function lacks_key(uuid) to ec_auth, ec_lms, ec_student, ec_educator, ec_admin, ec_worker;

-- As before, and raises EC003 when the session may act but the person's key was not restored.
create or replace function require_live_session(session_id uuid, wanted_user uuid, wanted_role text, wanted_version integer)
returns void
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    has_key boolean;
begin
    select k.user_id is not null into has_key
    from public.sessions as s
    join public.users as u on u.org_id = s.org_id and u.id = s.user_id
    left join public.user_keys as k on k.org_id = u.org_id and k.user_id = u.id
    where s.id = session_id and s.user_id = wanted_user and s.revoked_at is null and s.expires_at > now()
        and u.role = wanted_role and u.token_version = wanted_version and u.disabled_at is null;
    if has_key is null then
        raise exception 'the session has ended' using errcode = 'EC001';
    elsif not has_key then
        raise exception 'the key of this person was not restored' using errcode = 'EC003';
    end if;
end
$$;
