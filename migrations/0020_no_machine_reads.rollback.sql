-- What is lost: which versions no machine read, and that an org was closed or removed (its row stays, as an org without
-- people). An org that wants no machine to read is read by the local engine again, which is what `none` meant before.
drop function remove_org_rows(integer);
drop function cancel_open_passes(integer);
drop function org_rows();
drop function org_tables();
do $$
declare
    org_table text;
begin
    for org_table in
        select c.relname from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname not in ('audit_log', 'audit_heads', 'users', 'user_keys', 'idempotency_keys', 'review_items')
    loop
        execute format('revoke delete on %I from ec_stats', org_table);
    end loop;
end
$$;
revoke select (tallied) on ai_responses from ec_admin;
revoke execute on function audit_entry(audit_log, bigint) from ec_admin;
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
revoke select (closed_at, removed_at) on orgs from ec_auth;
alter table orgs drop column removed_at, drop column exported_at, drop column closed_at;

create or replace function rerun_passes(wanted uuid[], into_queue text) returns table (pass_id uuid, submission_id uuid, pass text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
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
        where p.org_id = app_org() and p.submission_id = any (wanted) and p.state = 'done'
            and s.org_id = p.org_id and s.id = p.submission_id
            and (current_setting('role') <> 'ec_educator' or p.audience_id = any (app_audience()))
        returning p.id, p.submission_id as submission, p.name
    ),
    reopened as (
        update submissions as s set completed_at = null, status = 'processing'
        where s.org_id = app_org() and s.id in (select r.submission from rerun as r) and s.completed_at is not null
    )
    select r.id, r.submission, r.name from rerun as r;
end
$$;
create or replace function replay_passes(wanted uuid[], into_queue text) returns table (pass_id uuid, submission_id uuid, pass text, reason text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
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
begin
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
    status := case when newest = submission then 'queued' else 'superseded' end;
    insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, external_id, language, text,
        text_sha256, characters, words, submitted_at, released_at, completed_at)
    values (submission, app_org(), essay, author, readers, version, status, in_queue, via, lms_id, lang, sealed_text,
        sha256, character_count, word_count, submitted,
        case when released then now() end, case when status = 'superseded' then now() end);
    insert into passes (id, org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, finished_at)
    select p.id, app_org(), submission, essay, author, readers, p.name,
        case status when 'queued' then 'queued' else 'cancelled' end, in_queue, case when status = 'superseded' then now() end
    from unnest(pass_ids, pass_names) as p (id, name);
    insert into analytics (org_id, user_id, event, essay_id, submission_id)
    values (app_org(), author, case version when 1 then 'submitted' else 'revised' end, essay, submission);
    return next;
end
$$;

-- Older programs find a version by its passes.
grant update (ai_policy) on orgs to ec_stats;
grant delete on system_logs to ec_stats;
set local role ec_stats;
insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, error, finished_at)
select s.org_id, s.id, s.essay_id, s.user_id, s.audience_id, n.name, 'cancelled', s.queue, 'reading_off', s.completed_at
from submissions as s cross join unnest(array['grammar', 'structure', 'content']) as n (name)
where s.completed_at is not null
    and not exists (select from passes as p where p.org_id = s.org_id and p.submission_id = s.id);
with told as (delete from system_logs where program = 'migrations' and event like 'The meaning of ai_policy none%' returning org_id)
update orgs as o set ai_policy = 'none' from told as t where o.id = t.org_id and o.ai_policy = 'local';
set local role ec_owner;
revoke delete on system_logs from ec_stats;
revoke update (ai_policy) on orgs from ec_stats;
revoke insert on passes from ec_stats;
