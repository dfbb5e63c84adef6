-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, prefer-robust-stmts
-- How much one author may put into the queue, whose turn it is among the authors of an org, and what share of the org's budget
-- one author may use. Each statement stands alone and may be repeated, because the indexes are built beside running work.

-- null: no limit. They count for students; a percentage is of `monthly_budget_micros`.
alter table orgs add column if not exists author_open_limit integer default 50;
alter table orgs add column if not exists author_daily_limit integer default 500;
alter table orgs add column if not exists author_budget_percent integer default 20;
-- There is one row for each school.
-- squawk-ignore ban-drop-constraint
alter table orgs drop constraint if exists orgs_author_limits_in_range;
-- squawk-ignore constraint-missing-not-valid
alter table orgs add constraint orgs_author_limits_in_range check (
    author_open_limit >= 1 and author_open_limit <= 10000 and author_daily_limit >= 1 and author_daily_limit <= 10000
    and author_budget_percent >= 1 and author_budget_percent <= 100);

-- How many other essays of the author waited or were being read when this one was handed in, at most 15.
-- squawk-ignore prefer-bigint-over-smallint
alter table passes add column if not exists turn smallint not null default 0;
drop index concurrently if exists idx_passes_author_turn;
create index concurrently idx_passes_author_turn on passes (queue, org_id, turn, next_at) where state = 'queued';
drop index concurrently if exists idx_passes_author_open;
create index concurrently idx_passes_author_open on passes (org_id, user_id, essay_id) where state in ('queued', 'running');

-- What each author handed in on their last day (UTC), and what reading them cost in their last month. One row for each
-- author, changed in place: hand-ins of one author wait for each other, those of different authors do not.
create table if not exists author_use (
    org_id uuid not null,
    user_id uuid not null,
    day date,
    handed_in integer not null default 0,
    month date,
    cost_micros bigint not null default 0,
    constraint author_use_pkey primary key (org_id, user_id),
    constraint author_use_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint author_use_not_negative check (handed_in >= 0 and cost_micros >= 0)
) with (fillfactor = 80);
alter table author_use enable row level security;
alter table author_use force row level security;
drop policy if exists ec_admin_own_org on author_use;
create policy ec_admin_own_org on author_use to ec_admin using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant select on author_use to ec_admin;
grant insert, update, delete on author_use to ec_stats;

-- Count one hand-in of this author and return its turn. Raises EC005 over a limit: the message names the limit, the detail its
-- number, the hint the seconds to wait. Call it once the essay is stored: its row orders the versions of one essay.
-- Definer: nobody may read or change the count of another author, or their own.
create or replace function count_hand_in(author uuid, own_essay uuid) returns smallint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
set plan_cache_mode = force_generic_plan
as $$
declare
    today date := (now() at time zone 'utc')::date;
    open_limit integer;
    day_limit integer;
    counted integer;
    others integer;
begin
    select o.author_open_limit, o.author_daily_limit into open_limit, day_limit
    from orgs as o join users as u on u.org_id = o.id
    where o.id = app_org() and u.id = author and u.role = 'student';
    insert into author_use as a (org_id, user_id, day, handed_in) values (app_org(), author, today, 1)
    on conflict (org_id, user_id) do update
        set handed_in = case when a.day >= today then a.handed_in + 1 else 1 end, day = greatest(a.day, today)
    returning a.handed_in into counted;
    if counted > day_limit then
        raise exception 'author_daily_limit' using errcode = 'EC005', detail = day_limit,
            hint = ceil(extract(epoch from (today + 1)::timestamp - (now() at time zone 'utc')))::integer;
    end if;
    -- A statement of its own: it must see the essays that were committed while this one waited for the author's row.
    others := (
        select count(*) from (
            select distinct p.essay_id from passes as p
            where p.org_id = app_org() and p.user_id = author and p.state in ('queued', 'running') and p.essay_id <> own_essay
            limit greatest(open_limit, 15)
        ) as e
    );
    if others >= open_limit then
        raise exception 'author_open_limit' using errcode = 'EC005', detail = open_limit, hint = 60;
    end if;
    return least(others, 15);
end
$$;
alter function count_hand_in(uuid, uuid) owner to ec_stats;
revoke execute on function count_hand_in(uuid, uuid) from public;
grant execute on function count_hand_in(uuid, uuid) to ec_admin, ec_educator, ec_lms, ec_student;

create or replace function store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean, via_html boolean DEFAULT false, pictures integer DEFAULT 0, OUT version integer, OUT status text) RETURNS SETOF record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    readers uuid;
    newest uuid;
    is_read boolean;
    author_turn smallint;
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
    author_turn := count_hand_in(author, essay);
    status := case when newest <> submission then 'superseded' when is_read then 'queued' else 'completed' end;
    insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, external_id, language, text,
        text_sha256, characters, words, submitted_at, released_at, completed_at, from_html, pictures_left_out)
    values (submission, app_org(), essay, author, readers, version, status, in_queue, via, lms_id, lang, sealed_text,
        sha256, character_count, word_count, submitted,
        case when released then now() end, case when status <> 'queued' then now() end, via_html, pictures);
    insert into passes (id, org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, finished_at, turn)
    select p.id, app_org(), submission, essay, author, readers, p.name,
        case status when 'queued' then 'queued' else 'cancelled' end, in_queue, case when status = 'superseded' then now() end, author_turn
    from unnest(pass_ids, pass_names) as p (id, name)
    where is_read;
    insert into analytics (org_id, user_id, event, essay_id, submission_id)
    values (app_org(), author, case version when 1 then 'submitted' else 'revised' end, essay, submission);
    return next;
end
$$;

-- The pass whose turn it is: interactive before bulk (but for one look in twenty, so that bulk never starves), the org with the
-- fewest passes running first, within it the authors by turns, and then the pass the hint names, else one of the oldest.
create or replace function next_due(hinted uuid) RETURNS TABLE(org_id uuid, pass_id uuid, queue text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
declare
    named record;
    lane text;
    org uuid;
    busy bigint;
    best uuid;
    best_busy bigint;
    equals integer;
    first_turn smallint;
    -- A last try runs only while no other does (see suspect_may_run).
    most_lost integer := case when exists (select from passes as r where r.state = 'running' and r.lost >= 2) then 1 else 2 end;
begin
    select p.org_id, p.queue, p.turn, p.state = 'queued' and p.next_at <= now() and p.lost <= most_lost as is_due
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
        if best is not null then
            -- The authors of the org take turns: the lowest turn of which a pass is due. One look in twenty goes by age
            -- alone, so that the later essays of one author do not starve while others go on handing in.
            first_turn := null;
            if random() >= 0.05 then
                -- Written as a range, because with `turn =` the planner may walk the index by age past every other turn.
                for candidate in 0..15 loop
                    perform from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id = best
                        and p.turn >= candidate and (p.turn, p.next_at) <= (candidate, now()) and p.lost <= most_lost
                    order by p.turn, p.next_at limit 1;
                    if found then
                        first_turn := candidate;
                        exit;
                    end if;
                end loop;
            end if;
            if best = named.org_id and lane = named.queue and named.is_due and coalesce(first_turn, named.turn) = named.turn then
                return query select best, hinted, lane;
                return;
            end if;
            -- Workers that ask at the same moment should not all be sent to the same row.
            if first_turn is null then
                return query
                select best, o.id, lane
                from (
                    select p.id from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id = best and p.next_at <= now() and p.lost <= most_lost
                    order by p.next_at limit 32
                ) as o
                order by random() limit 1;
            else
                return query
                select best, o.id, lane
                from (
                    select p.id from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id = best
                        and p.turn >= first_turn and (p.turn, p.next_at) <= (first_turn, now()) and p.lost <= most_lost
                    order by p.turn, p.next_at limit 32
                ) as o
                order by random() limit 1;
            end if;
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
        select bool_and(p.queue = 'bulk') as in_bulk, min(p.next_at) as next_at, min(p.turn) as turn
        from passes as p
        where p.submission_id = wanted and p.org_id = app_org() and p.state = 'queued'
        having count(*) > 0
    ) as mine
    cross join lateral (
        select (count(*) + 2) / 3 as ahead from passes as p
        where p.state = 'queued' and p.queue = any (case when mine.in_bulk then array['interactive', 'bulk'] else array['interactive'] end)
            and p.org_id = app_org() and p.next_at <= now()
            and (p.queue = 'interactive' and mine.in_bulk or (p.turn, p.next_at) < (mine.turn, mine.next_at))
    ) as own;
end;

-- Whether the author may cost this much more this month (UTC), with the reserved cost of their open calls included. Call it
-- after budget_allows, whose lock orders the calls of one org.
create or replace function author_may_spend(author uuid, expected_micros bigint) returns boolean
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
begin atomic
    select coalesce(
        expected_micros + (
            select coalesce(sum(a.cost_micros), 0) from author_use as a
            where a.org_id = app_org() and a.user_id = author and a.month = date_trunc('month', now() at time zone 'utc')::date
        ) + (
            select coalesce(sum(a.reserved_micros), 0) from ai_responses as a
            where a.org_id = app_org() and a.outcome = 'open' and a.user_id = author
                and a.id >= uuid7_floor(now() - case when a.batch then interval '25 hours' else interval '10 minutes' end)
        ) <= (
            select o.monthly_budget_micros * o.author_budget_percent / 100
            from orgs as o join users as u on u.org_id = o.id
            where o.id = app_org() and u.id = author and u.role = 'student'
        ), true);
end;
alter function author_may_spend(uuid, bigint) owner to ec_stats;
revoke execute on function author_may_spend(uuid, bigint) from public;
grant execute on function author_may_spend(uuid, bigint) to ec_worker;

-- Add the cost of an ended call to what its author has cost this month.
create or replace function note_author_cost(call uuid) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
begin atomic
    insert into author_use as a (org_id, user_id, month, cost_micros)
    select r.org_id, r.user_id, date_trunc('month', now() at time zone 'utc')::date, r.cost_micros
    from ai_responses as r where r.org_id = app_org() and r.id = call and r.cost_micros > 0
    on conflict (org_id, user_id) do update set
        cost_micros = case when a.month >= excluded.month then a.cost_micros else 0 end + excluded.cost_micros,
        month = greatest(a.month, excluded.month);
end;
alter function note_author_cost(uuid) owner to ec_stats;
revoke execute on function note_author_cost(uuid) from public;
grant execute on function note_author_cost(uuid) to ec_worker;
