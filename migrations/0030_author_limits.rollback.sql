-- transactional: false
-- Lost: the limits that orgs have chosen, and what authors handed in and cost so far.
create or replace function store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean, via_html boolean DEFAULT false, pictures integer DEFAULT 0, OUT version integer, OUT status text) RETURNS SETOF record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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
        text_sha256, characters, words, submitted_at, released_at, completed_at, from_html, pictures_left_out)
    values (submission, app_org(), essay, author, readers, version, status, in_queue, via, lms_id, lang, sealed_text,
        sha256, character_count, word_count, submitted,
        case when released then now() end, case when status <> 'queued' then now() end, via_html, pictures);
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

create or replace function next_due(hinted uuid) RETURNS TABLE(org_id uuid, pass_id uuid, queue text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    named record;
    lane text;
    org uuid;
    busy bigint;
    best uuid;
    best_busy bigint;
    equals integer;
    -- A last try runs only while no other does (see suspect_may_run).
    most_lost integer := case when exists (select from passes as r where r.state = 'running' and r.lost >= 2) then 1 else 2 end;
begin
    select p.org_id, p.queue, p.state = 'queued' and p.next_at <= now() and p.lost <= most_lost as is_due
    into named from passes as p where p.id = hinted;
    foreach lane in array case when random() < 0.05 then array['bulk', 'interactive'] else array['interactive', 'bulk'] end loop
        best := null;
        org := (select p.org_id from passes as p where p.state = 'queued' and p.queue = lane order by p.org_id limit 1);
        while org is not null loop
            perform from passes as p
            where p.state = 'queued' and p.queue = lane and p.org_id = org and p.next_at <= now() and p.lost <= most_lost
            order by p.next_at limit 1;
            if found then
                busy := (select count(*) from passes as r where r.state = 'running' and r.org_id = org);
                if best is null or busy < best_busy then
                    best := org;
                    best_busy := busy;
                    equals := 1;
                elsif busy = best_busy then
                    -- Among equals chance decides: the hints come in the order of whoever flooded first.
                    equals := equals + 1;
                    best := case when random() < 1.0 / equals then org else best end;
                end if;
            end if;
            org := (
                select p.org_id from passes as p
                where p.state = 'queued' and p.queue = lane and p.org_id > org order by p.org_id limit 1
            );
        end loop;
        if best is not null and best = named.org_id and lane = named.queue and named.is_due then
            return query select best, hinted, lane;
            return;
        end if;
        if best is not null then
            -- Workers that ask at the same moment should not all be sent to the same row.
            return query
            select best, o.id, lane
            from (
                select p.id from passes as p
                where p.state = 'queued' and p.queue = lane and p.org_id = best and p.next_at <= now() and p.lost <= most_lost
                order by p.next_at limit 32
            ) as o
            order by random() limit 1;
            return;
        end if;
    end loop;
end
$$;

create or replace function queue_place(wanted uuid) returns table (ahead bigint, running bigint, mean_seconds double precision)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
begin atomic
    select
        own.ahead + (
            select coalesce(sum(least(other.waiting, own.ahead + 1)), 0)
            from (
                select (count(*) + 2) / 3 as waiting from passes as p
                where p.state = 'queued' and p.queue = any (case when mine.in_bulk then array['interactive', 'bulk'] else array['interactive'] end)
                    and p.next_at <= now() and p.org_id <> app_org()
                group by p.org_id
            ) as other
        )::bigint,
        (select count(*) from passes as busy where busy.state = 'running'),
        (select coalesce(sum(t.total) / nullif(sum(t.count), 0), 1) from tallies as t where t.name = 'pass_duration')
    from (
        select bool_and(p.queue = 'bulk') as in_bulk, min(p.next_at) as next_at
        from passes as p
        where p.submission_id = wanted and p.org_id = app_org() and p.state = 'queued'
        having count(*) > 0
    ) as mine
    cross join lateral (
        select (count(*) + 2) / 3 as ahead from passes as p
        where p.state = 'queued' and p.queue = any (case when mine.in_bulk then array['interactive', 'bulk'] else array['interactive'] end)
            and p.org_id = app_org() and p.next_at <= now()
            and (p.queue = 'interactive' and mine.in_bulk or p.next_at < mine.next_at)
    ) as own;
end;

drop function if exists note_author_cost(uuid);
drop function if exists author_may_spend(uuid, bigint);
drop function if exists count_hand_in(uuid, uuid);
drop table if exists author_use;
drop index concurrently if exists idx_passes_author_open;
drop index concurrently if exists idx_passes_author_turn;
alter table passes drop column if exists turn;
alter table orgs drop constraint if exists orgs_author_limits_in_range;
alter table orgs drop column if exists author_open_limit;
alter table orgs drop column if exists author_daily_limit;
alter table orgs drop column if exists author_budget_percent;
