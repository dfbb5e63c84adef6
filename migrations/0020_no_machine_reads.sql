-- `none` means that no machine reads, and a school can be removed.

-- What `none` was until now is called `local`. The owner is bound by row security, so the role that sees every org does this.
grant update (ai_policy) on orgs to ec_stats;
grant insert on system_logs to ec_stats;
set local role ec_stats;
with changed as (update orgs set ai_policy = 'local' where ai_policy = 'none' returning id)
insert into system_logs (org_id, program, level, event)
select c.id, 'migrations', 'warning',
    'The meaning of ai_policy none has changed: no machine reads. Your org was set to local, which is what none was until now.'
from changed as c;
set local role ec_owner;
revoke update (ai_policy) on orgs from ec_stats;
revoke insert on system_logs from ec_stats;

-- A school that is removed: first nobody can reach it any more, then it has been exported, then its rows are gone. The row of
-- the org stays, because its audit trail stays.
alter table orgs add column closed_at timestamptz;
alter table orgs add column exported_at timestamptz
    constraint orgs_exported_when_closed check (exported_at is null or closed_at is not null);
alter table orgs add column removed_at timestamptz
    constraint orgs_removed_when_exported check (removed_at is null or exported_at is not null);
grant select (closed_at, removed_at) on orgs to ec_auth;

-- Whether a version is read is decided when it is received: a version that no machine reads has no passes and is complete.
create or replace function store_version(
    author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea,
    submission uuid, submitted timestamptz, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea,
    character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean,
    out version integer, out status text
) returns setof record
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
    readers uuid;
    newest uuid;
    is_read boolean;
begin
    select o.ai_policy <> 'none' into is_read from orgs as o where o.id = app_org() and o.closed_at is null;
    if not found then
        raise exception 'the org is closed' using errcode = 'EC001';
    end if;
    if is_new then
        insert into essays (id, org_id, user_id, course_id, assignment_id, category_id, external_id, title, versions,
            newest_submission_id, newest_submitted_at, newest_is_update)
        values (essay, app_org(), author, course, assignment, category, lms_id, sealed_title, 1, submission, submitted, is_update)
        on conflict do nothing
        returning audience_id, versions, newest_submission_id into readers, version, newest;
    else
        -- A version older than the newest is kept and numbered, but the essay goes on pointing at the newest.
        -- A version whose transaction began before its essay was stored must not date the change before the essay.
        update essays as e set versions = e.versions + 1, updated_at = greatest(e.updated_at, now()),
            title = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then sealed_title else e.title end,
            category_id = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then coalesce(category, e.category_id) else e.category_id end,
            newest_submission_id = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then submission else e.newest_submission_id end,
            newest_is_update = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then is_update else e.newest_is_update end,
            newest_submitted_at = greatest(e.newest_submitted_at, submitted)
        where e.org_id = app_org() and e.id = essay
        returning e.audience_id, e.versions, e.newest_submission_id into readers, version, newest;
    end if;
    if readers is null then
        return;
    end if;
    status := case when newest <> submission then 'superseded' when is_read then 'queued' else 'completed' end;
    insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, external_id, language, text,
        text_sha256, characters, words, submitted_at, released_at, completed_at)
    values (submission, app_org(), essay, author, readers, version, status, in_queue, via, lms_id, lang, sealed_text,
        sha256, character_count, word_count, submitted,
        case when released then now() end, case when status <> 'queued' then now() end);
    insert into passes (id, org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, finished_at)
    select p.id, app_org(), submission, essay, author, readers, p.name,
        case status when 'queued' then 'queued' else 'cancelled' end, in_queue, case when status = 'superseded' then now() end
    from unnest(pass_ids, pass_names) as p (id, name)
    where is_read;
    insert into analytics (org_id, user_id, event, essay_id, submission_id)
    values (app_org(), author, case version when 1 then 'submitted' else 'revised' end, essay, submission);
    return next;
end
$$;

-- Where no machine reads, nothing is queued again. A version that was not read gets its passes now.
create or replace function replay_passes(wanted uuid[], into_queue text) returns table (pass_id uuid, submission_id uuid, pass text, reason text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if (select o.ai_policy = 'none' from orgs as o where o.id = app_org()) then
        return;
    end if;
    -- Submission before pass, in one order: as everybody who closes one.
    perform from submissions as s
    where s.org_id = app_org() and s.id in (select p.submission_id from passes as p where p.org_id = app_org() and p.id = any (wanted))
    order by s.id for update;
    return query
    with before as (
        select p.id, p.submission_id, p.name, p.error from passes as p
        join submissions as s on s.org_id = p.org_id and s.id = p.submission_id
        join essays as e on e.org_id = s.org_id and e.id = s.essay_id and e.newest_submission_id = s.id
        where p.org_id = app_org() and p.id = any (wanted) and p.state = 'gave_up'
            and (current_setting('role') <> 'ec_educator' or p.audience_id = any (app_audience()))
    ),
    replayed as (
        -- An essay that took workers along gets one more try, alone among its like.
        update passes as p set state = 'queued', queue = into_queue, attempt = 0, error = null, discarded_at = null,
            lost = case when p.error = 'worker_lost' then 2 else 0 end,
            queued_at = now(), next_at = now(), hinted_at = now(), first_claimed_at = null, started_at = null,
            finished_at = null, tallied = false
        from before as b where p.org_id = app_org() and p.id = b.id
        returning p.id
    ),
    reopened as (
        update submissions as s set completed_at = null, status = 'processing'
        where s.org_id = app_org() and s.id in (select b.submission_id from before as b) and s.completed_at is not null
    )
    select b.id, b.submission_id, b.name, b.error from before as b join replayed as r on r.id = b.id;
end
$$;

create or replace function rerun_passes(wanted uuid[], into_queue text) returns table (pass_id uuid, submission_id uuid, pass text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if (select o.ai_policy = 'none' from orgs as o where o.id = app_org()) then
        return;
    end if;
    perform from submissions as s
    where s.org_id = app_org() and s.id = any (wanted)
        and (current_setting('role') <> 'ec_educator' or s.audience_id = any (app_audience()))
    order by s.id for update;
    return query
    with rerun as (
        update passes as p set state = 'queued', queue = into_queue, attempt = 0, lost = 0, error = null,
            queued_at = now(), next_at = now(), hinted_at = now(), first_claimed_at = null, started_at = null, finished_at = null,
            comments = null, summary = null, basis = null, tallied = false
        from submissions as s join essays as e on e.org_id = s.org_id and e.id = s.essay_id and e.newest_submission_id = s.id
        where p.org_id = app_org() and p.submission_id = any (wanted)
            and (p.state = 'done' or p.state = 'cancelled' and p.error = 'reading_off')
            and s.org_id = p.org_id and s.id = p.submission_id
            and (current_setting('role') <> 'ec_educator' or p.audience_id = any (app_audience()))
        returning p.id, p.submission_id as submission, p.name
    ),
    made as (
        insert into passes as p (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue)
        select s.org_id, s.id, s.essay_id, s.user_id, s.audience_id, n.name, 'queued', into_queue
        from submissions as s join essays as e on e.org_id = s.org_id and e.id = s.essay_id and e.newest_submission_id = s.id
        cross join unnest(array['grammar', 'structure', 'content']) as n (name)
        where s.org_id = app_org() and s.id = any (wanted)
            and (current_setting('role') <> 'ec_educator' or s.audience_id = any (app_audience()))
            and not exists (select from passes as q where q.org_id = s.org_id and q.submission_id = s.id)
        returning p.id, p.submission_id as submission, p.name
    ),
    every as (select * from rerun union all select * from made),
    reopened as (
        update submissions as s set completed_at = null, status = 'processing'
        where s.org_id = app_org() and s.id in (select r.submission from every as r) and s.completed_at is not null
    )
    select r.id, r.submission, r.name from every as r;
end
$$;
grant insert on passes to ec_stats;

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
    join public.orgs as o on o.id = s.org_id
    left join public.user_keys as k on k.org_id = u.org_id and k.user_id = u.id
    where s.id = session_id and s.user_id = wanted_user and s.revoked_at is null and s.expires_at > now()
        and u.role = wanted_role and u.token_version = wanted_version and u.disabled_at is null
        and o.closed_at is null;
    if has_key is null then
        raise exception 'the session has ended' using errcode = 'EC001';
    elsif not has_key then
        raise exception 'the key of this person was not restored' using errcode = 'EC003';
    end if;
end
$$;
grant execute on function audit_entry(audit_log, bigint) to ec_admin;
grant select (tallied) on ai_responses to ec_admin;
do $$
declare
    org_table text;
begin
    for org_table in
        select c.relname from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname not in ('audit_log', 'audit_heads')
    loop
        execute format('grant delete on %I to ec_stats', org_table);
    end loop;
end
$$;

-- The tables with rows of an org that go with it, each before the tables it refers to. The audit trail is not among them.
create function org_tables() returns table (name text, place integer)
language sql stable
set search_path = pg_catalog, public, pg_temp
begin atomic
    with recursive owned as (
        select c.oid, c.relname from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname not in ('audit_log', 'audit_heads')
    ),
    placed (oid, place) as (
        select o.oid, 0 from owned as o
        union
        select k.confrelid, p.place + 1 from placed as p
        join pg_constraint as k on k.contype = 'f' and k.conrelid = p.oid and k.confrelid <> k.conrelid
        join owned as o on o.oid = k.confrelid
        -- A circle of references would never end.
        where p.place < 100
    )
    select o.relname::text, max(p.place) from placed as p join owned as o on o.oid = p.oid group by o.relname order by 2, 1;
end;
alter function org_tables() owner to ec_stats;

-- How many rows the acting org has in each of these tables. Definer: it counts rows that no person may read.
create function org_rows() returns table (name text, total bigint)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    for name in select t.name from org_tables() as t loop
        execute format('select count(*) from %I where org_id = app_org()', name) into total;
        return next;
    end loop;
end
$$;
alter function org_rows() owner to ec_stats;
grant execute on function org_rows() to ec_admin;

-- Ends what the closed acting org still has queued, at most `most` passes, and the versions that then have no open pass.
-- Returns how many passes are still queued or running.
create function cancel_open_passes(most integer) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    wanted uuid[];
begin
    if not exists (select from orgs as o where o.id = app_org() and o.closed_at is not null) then
        raise exception 'the org is not closed' using errcode = 'EC004';
    end if;
    wanted := array(
        select distinct q.submission_id from (
            select p.submission_id from passes as p where p.org_id = app_org() and p.state = 'queued' limit most
        ) as q
    );
    -- Submission before pass, in one order: as everybody who closes one.
    perform from submissions as s where s.org_id = app_org() and s.id = any (wanted) order by s.id for update;
    update passes as p set state = 'cancelled', error = 'org_closed', batch = null, batch_call = null, finished_at = now()
    where p.org_id = app_org() and p.submission_id = any (wanted) and p.state = 'queued';
    update submissions as s set status = 'cancelled', completed_at = now()
    where s.org_id = app_org() and s.id = any (wanted) and s.completed_at is null and not exists (
        select from passes as p where p.org_id = s.org_id and p.submission_id = s.id and p.state in ('queued', 'running'));
    return (select count(*) from passes as p where p.org_id = app_org() and p.state in ('queued', 'running'));
end
$$;
alter function cancel_open_passes(integer) owner to ec_stats;
grant execute on function cancel_open_passes(integer) to ec_admin;

-- Deletes at most `most` rows of the acting org, of the first table that still has some; returns which and how many, or no
-- row when none is left. Only an org that was exported loses rows. Definer: nobody may delete them in any other way.
create function remove_org_rows(most integer) returns table (name text, removed bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    key_columns text;
begin
    if not exists (select from orgs as o where o.id = app_org() and o.exported_at is not null) then
        raise exception 'the org was not exported' using errcode = 'EC004';
    end if;
    for name in select t.name from org_tables() as t where has_table_privilege('public.' || quote_ident(t.name), 'delete') loop
        select string_agg(quote_ident(a.attname), ', ') into key_columns
        from pg_index as i join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
        where i.indrelid = to_regclass('public.' || quote_ident(name)) and i.indisprimary;
        execute format(
            'delete from %1$I where (%2$s) in (select %2$s from %1$I where org_id = app_org() limit $1)', name, key_columns
        ) using most;
        get diagnostics removed = row_count;
        if removed > 0 then
            return next;
            return;
        end if;
    end loop;
end
$$;
alter function remove_org_rows(integer) owner to ec_stats;
grant execute on function remove_org_rows(integer) to ec_admin;
