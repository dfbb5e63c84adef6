-- What the hourly audits read grows with the work of two days, not with the history or the number of schools, and passes of a
-- version are looked up by version (docs/adr/0152).

-- Each check looks up what the rows of its window refer to. A hash join would read a month of the other table, or all of it.
alter function find_faults(text, timestamptz, timestamptz) set enable_hashjoin = off;
alter function find_faults(text, timestamptz, timestamptz) set enable_mergejoin = off;
alter function delete_orphans(text, timestamptz, timestamptz, integer) set enable_hashjoin = off;
alter function delete_orphans(text, timestamptz, timestamptz, integer) set enable_mergejoin = off;

-- As in 0044, but the chains of 25 schools are looked at, of others each hour; of all when the audit asks since to_timestamp(0).
create or replace function fault_query(fault text) returns text
language sql immutable
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
return case fault
    when 'default_partitions' then
        'select id from submissions_default union all select id from feedback_default union all select id from ai_responses_default
         union all select id from analytics_default union all select id from system_logs_default
         union all select id from audit_log_default union all select id from inbound_events_default'
    when 'missing_partitions' then
        'select p.relname || to_char(m.month, ''_YYYY_MM'') as id
         from pg_partitioned_table as t join pg_class as p on p.oid = t.partrelid and p.relnamespace = ''public''::regnamespace
         cross join generate_series(date_trunc(''month'', now()), now() + interval ''2 months'', ''1 month'') as m (month)
         where to_regclass(''public.'' || p.relname || to_char(m.month, ''_YYYY_MM'')) is null'
    when 'open_versions' then
        'select s.id from submissions as s
         where s.id >= $1 and s.id < least($2, uuid7_floor(now() - interval ''10 minutes'')) and s.completed_at is null and (
            select count(*) filter (where p.state in (''queued'', ''running'')) from passes as p
            where p.org_id = s.org_id and p.submission_id = s.id) = 0'
    when 'closed_versions' then
        'select s.id from submissions as s
         where s.id >= $1 and s.id < $2 and s.completed_at is not null and (
            select count(*) filter (where p.state in (''queued'', ''running'')) from passes as p
            where p.org_id = s.org_id and p.submission_id = s.id) > 0'
    when 'overdue_leases' then
        'select p.id from passes as p where p.state = ''running'' and p.lease_until < now() - interval ''5 minutes'''
    when 'unhinted_passes' then
        'select p.id from passes as p
         where p.state = ''queued'' and p.next_at < now() - interval ''10 minutes'' and p.hinted_at < p.next_at'
    when 'uncounted_work' then
        'select p.id from passes as p where not p.tallied and p.finished_at < now() - interval ''10 minutes''
         union all select a.id from ai_responses as a where not a.tallied and a.completed_at < now() - interval ''10 minutes''
         union all select e.id from ledger_entries as e where e.id < uuid7_floor(now() - interval ''10 minutes'')
         union all select t.id from tally_entries as t where t.id < uuid7_floor(now() - interval ''10 minutes'')'
    when 'essays_disagree' then
        'select e.id from essays as e cross join lateral (
            select count(*) as amount, max(s.version) as last, max(s.submitted_at) as newest_at,
                count(*) filter (where s.id = e.newest_submission_id and s.submitted_at = e.newest_submitted_at) as newest,
                count(*) filter (where s.user_id <> e.user_id or s.audience_id <> e.audience_id) as strange
            from submissions as s where s.org_id = e.org_id and s.essay_id = e.id
         ) as v
         where e.id >= $1 and e.id < $2 and (v.amount <> e.versions or v.last is distinct from e.versions or v.newest <> 1
            or v.newest_at is distinct from e.newest_submitted_at or v.strange > 0)'
    when 'passes_disagree' then
        'select p.id from passes as p left join submissions as s on s.org_id = p.org_id and s.id = p.submission_id
         where p.id >= $1 and p.id < $2
            and (s.essay_id is distinct from p.essay_id or s.user_id <> p.user_id or s.audience_id <> p.audience_id)'
    when 'comments_disagree' then
        'select f.id from feedback as f join submissions as s on s.org_id = f.org_id and s.id = f.submission_id
         where f.id >= $1 and f.id < $2
            and (s.essay_id <> f.essay_id or s.user_id <> f.user_id or s.audience_id <> f.audience_id)'
    when 'orphan_reviews' then
        'select v.id from feedback_reviews as v where v.id >= $1 and v.id < $2
            and not exists (select from feedback as f where f.id = v.feedback_id and f.org_id = v.org_id)
         union all select r.feedback_id from feedback_reactions as r where r.feedback_id >= $1 and r.feedback_id < $2
            and not exists (select from feedback as f where f.id = r.feedback_id and f.org_id = r.org_id)
         union all select i.feedback_id from review_items as i where i.feedback_id >= $1 and i.feedback_id < $2
            and not exists (select from feedback as f where f.id = i.feedback_id and f.org_id = i.org_id)'
    when 'review_lists_disagree' then
        'select i.feedback_id as id from review_items as i where i.feedback_id >= $1 and i.feedback_id < $2
            and i.review_id is distinct from (
                select v.id from feedback_reviews as v where v.org_id = i.org_id and v.feedback_id = i.feedback_id order by v.id desc limit 1)'
    when 'orphan_predecessors' then
        'select f.id from feedback as f where f.id >= $1 and f.id < $2 and f.carried_from is not null
            and not exists (select from feedback as g where g.id = f.carried_from and g.org_id = f.org_id)'
    when 'orphan_deliveries' then
        'select i.id from inbound_events as i where i.id >= $1 and i.id < $2 and i.submission_id is not null
            and not exists (select from submissions as s where s.id = i.submission_id and s.org_id = i.org_id)'
    when 'orphan_events' then
        'select a.id from analytics as a where a.id >= $1 and a.id < $2 and (
            a.essay_id is not null and not exists (select from essays as e where e.id = a.essay_id and e.org_id = a.org_id)
            or a.submission_id is not null and not exists (select from submissions as s where s.id = a.submission_id and s.org_id = a.org_id))'
    when 'orphan_answers' then
        'select k.caller_id as id from idempotency_keys as k where k.created_at >= $3 and k.created_at < $4
            and not exists (select from users as u where u.id = k.caller_id and u.org_id = k.org_id)
            and not exists (select from api_keys as a where a.id = k.caller_id and a.org_id = k.org_id)
            and not exists (select from sources as s where s.id = k.caller_id and s.org_id = k.org_id)'
    when 'orphan_rubrics' then
        'select p.id from passes as p where p.id >= $1 and p.id < $2 and p.rubric_id is not null
            and not exists (select from rubrics as r where r.id = p.rubric_id and r.org_id = p.org_id)'
    when 'ledger_disagrees' then
        'select c.org_id as id from (
            select a.org_id, (a.completed_at at time zone ''UTC'')::date as day, a.provider, a.model, a.pass, count(*) as calls,
                sum(a.cost_micros) as cost, sum(a.output_tokens) as tokens
            from ai_responses as a
            where a.id >= $1 and a.id < $2 and a.completed_at < now() - interval ''10 minutes'' and a.provider <> ''local'' group by 1, 2, 3, 4, 5
         ) as c left join ledger as l
            on l.org_id = c.org_id and l.day = c.day and l.provider = c.provider and l.model = c.model and l.pass = c.pass
         where l.calls is null or l.calls < c.calls or l.cost_micros < c.cost or l.output_tokens < c.tokens'
    when 'totals_disagree' then
        'select c.pass || '' '' || c.provider || '' '' || c.outcome as id from (
            select a.pass, a.provider, a.outcome, count(*) as calls from ai_responses as a
            where a.id >= $1 and a.id < $2 and a.tallied group by 1, 2, 3
         ) as c left join tallies as t on t.name = ''ai_requests'' and t.labels = array[c.pass, c.provider, c.outcome]
         where t.count is null or t.count < c.calls'
    when 'author_costs_disagree' then
        'select c.user_id as id from (
            select a.org_id, a.user_id, sum(a.cost_micros) as cost from ai_responses as a
            where a.id >= greatest($1, uuid7_floor(date_trunc(''month'', now()))) and a.id < $2
                and a.completed_at < now() - interval ''10 minutes'' and a.provider <> ''local'' group by 1, 2
         ) as c left join author_use as u on u.org_id = c.org_id and u.user_id = c.user_id
            and u.month = (date_trunc(''month'', now() at time zone ''UTC''))::date
         where c.cost > coalesce(u.cost_micros, 0)'
    when 'people_without_key' then
        'select u.id from users as u where u.id >= $1 and u.id < $2 and u.erase_requested_at is null
            and not exists (select from user_keys as k where k.user_id = u.id)'
    when 'overdue_erasures' then
        'select u.id from users as u join orgs as o on o.id = u.org_id
         where u.erase_requested_at < now() - interval ''1 day'' and u.legal_hold is null and o.legal_hold is null'
    when 'overdue_retention' then
        'select r.org_id as id from retention_runs as r join orgs as o on o.id = r.org_id
         where greatest(r.begins_at, r.next_at) < now() - interval ''2 days'' and o.closed_at is null and o.legal_hold is null'
    when 'expired_rows' then
        'select k.caller_id as id from idempotency_keys as k where k.created_at < now() - interval ''8 days''
         union all select s.id from sessions as s where s.expires_at < now() - interval ''31 days''
         union all select t.id from one_time_tokens as t where t.expires_at < now() - interval ''8 days''
         union all select l.id from system_logs as l left join orgs as o on o.id = l.org_id
            where l.id < uuid7_floor(now() - interval ''92 days'') and o.legal_hold is null'
    when 'unchained_entries' then
        'select a.id from audit_log as a where a.sequence is null and a.id < uuid7_floor(now() - interval ''5 minutes'')'
    when 'audit_chain' then
        'with looked_at as materialized (
            select n.org_id, n.sequence, n.hash from (
                select h.*, row_number() over (order by h.org_id) - 1 as place, count(*) over () as amount from audit_heads as h
            ) as n
            where $3 = to_timestamp(0)
                or (n.place + n.amount - 25 * (extract(epoch from $4)::bigint / 3600) % n.amount) % n.amount < 25
         )
         select c.id from looked_at as h cross join lateral (
            select a.id, a.sequence, a.hash, lag(a.hash) over w as before, lag(a.sequence) over w as place_before,
                lead(a.sequence) over w as place_after, audit_entry(a, a.sequence) as says
            from audit_log as a where a.org_id = h.org_id and a.sequence > h.sequence - 200 window w as (order by a.sequence)
         ) as c
         where c.place_before is not null
                and (c.sequence <> c.place_before + 1 or c.hash <> sha256(c.before || convert_to(c.says, ''UTF8'')))
            or c.sequence = 1 and c.hash <> sha256(decode(repeat(''00'', 32), ''hex'') || convert_to(c.says, ''UTF8''))
            or c.place_after is null and (c.sequence <> h.sequence or c.hash <> h.hash)
         union all select h.org_id from looked_at as h where h.sequence > 0
            and not exists (select from audit_log as a where a.org_id = h.org_id and a.sequence > h.sequence - 200)'
end;

-- Where the audit chain of each org ends, for the clock that signs the ends: one statement, not one for each school.
create function audit_ends() returns table (org_id uuid, sequence bigint, hash bytea)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query select h.org_id, h.sequence, h.hash from audit_heads as h;
end
$$;
alter function audit_ends() owner to ec_stats;
revoke execute on function audit_ends() from public;
grant execute on function audit_ends() to ec_clock;

-- The plans of the next functions are kept, and most are made while nothing waits: then every index of waiting passes looks as
-- cheap as any other, and one that is sorted by age may be chosen to look for a school. At the deadline a look may then read all that
-- waits. So each look is written in the order of one index, sorting is off, and one school is a range:
-- with `org_id =` the order by age would do as well. A version's passes are looked up behind OFFSET 0, which no condition on their
-- state passes, so that no index of waiting passes can serve. Else the functions are those of 0042 and 0046.
create or replace function next_due(hinted uuid) returns table (org_id uuid, pass_id uuid, queue text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set enable_incremental_sort = off
set plan_cache_mode = force_generic_plan
as $$
declare
    named record;
    lane text;
    hand regclass;
    last_org uuid;
    org uuid;
    earliest timestamptz;
    compared integer;
    wrapped boolean;
    seen_all boolean;
    busy bigint;
    best uuid;
    best_busy bigint;
    first_turn smallint;
    spread integer;
    -- A last try runs only while no other does (see suspect_may_run).
    most_lost integer := case when exists (
        select from passes as r where r.state = 'running' and r.lost >= 2 order by r.org_id, r.lost limit 1) then 1 else 2 end;
begin
    select p.org_id, p.queue, p.turn, p.state = 'queued' and p.next_at <= now() and p.lost <= most_lost as is_due
    into named from passes as p where p.id = hinted;
    foreach lane in array case when random() < 0.05 then array['bulk', 'interactive'] else array['interactive', 'bulk'] end loop
        best := null;
        best_busy := 1000;
        compared := 0;
        wrapped := false;
        seen_all := false;
        hand := 'queue_hand_' || lane;
        last_org := (lpad(to_hex(coalesce(pg_sequence_last_value(hand), 0)), 16, '0') || 'ffffffffffffffff')::uuid;
        org := last_org;
        for visit in 1..64 loop
            select p.org_id, p.next_at into org, earliest from passes as p
            where p.state = 'queued' and p.queue = lane and p.org_id > org
            order by p.org_id, p.next_at limit 1;
            if org is null and not wrapped then
                wrapped := true;
                select p.org_id, p.next_at into org, earliest from passes as p
                where p.state = 'queued' and p.queue = lane order by p.org_id, p.next_at limit 1;
            end if;
            seen_all := org is null or wrapped and org > last_org;
            exit when seen_all;
            continue when earliest > now() or most_lost < 2 and not exists (
                select from passes as p
                where p.state = 'queued' and p.queue = lane and p.org_id >= org and (p.org_id, p.next_at) <= (org, now())
                    and p.lost <= most_lost
                order by p.org_id, p.next_at limit 1
            );
            -- No more than matter: as many as the best has run are too many.
            busy := (
                select count(*) from (
                    select from passes as r where r.state = 'running' and (r.org_id, r.lost) >= (org, 0) and r.org_id <= org
                    order by r.org_id, r.lost limit best_busy
                ) as r
            );
            if best is null or busy < best_busy then
                best := org;
                best_busy := busy;
            end if;
            compared := compared + 1;
            exit when best_busy = 0 or compared = 8;
        end loop;
        if coalesce(best, org) is not null then
            perform setval(hand, ('x' || left(replace(coalesce(best, org)::text, '-', ''), 16))::bit(64)::bigint);
        end if;
        if best is null and not seen_all then
            -- Most schools wait for a later time. The oldest pass that is due leads to one that does not.
            best := (
                select p.org_id from passes as p
                where p.state = 'queued' and p.queue = lane and p.next_at <= now() and p.lost <= most_lost
                order by p.next_at limit 1
            );
        end if;
        if best is not null then
            -- The authors of the org take turns: the lowest turn of which a pass is due. One look in twenty goes by age
            -- alone, so that the later essays of one author do not starve while others go on handing in.
            first_turn := null;
            if random() >= 0.05 then
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
            -- Workers that ask at the same moment should not all be sent to the same row. Where many schools wait, the hand spreads
            -- them already, and the passes of one essay are read close together.
            spread := case when seen_all then 32 / compared else 3 end;
            if first_turn is null then
                return query
                select best, o.id, lane
                from (
                    select p.id from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id >= best and (p.org_id, p.next_at) <= (best, now())
                        and p.lost <= most_lost
                    order by p.org_id, p.next_at limit spread
                ) as o
                order by random() limit 1;
            else
                return query
                select best, o.id, lane
                from (
                    select p.id from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id = best
                        and p.turn >= first_turn and (p.turn, p.next_at) <= (first_turn, now()) and p.lost <= most_lost
                    order by p.turn, p.next_at limit spread
                ) as o
                order by random() limit 1;
            end if;
            return;
        end if;
    end loop;
end
$$;

create or replace function count_queue(most integer) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set enable_incremental_sort = off
set plan_cache_mode = force_custom_plan
as $$
declare
    snap record;
    stop record;
    ended boolean;
    counted record;
    durations record;
    renewed boolean;
    total bigint := 0;
begin
    select coalesce(sum(t.count), 0)::bigint as amount, coalesce(sum(t.total), 0) as seconds into durations
    from tallies as t where t.name = 'pass_duration';
    insert into queue_snapshot (queue, fair, counted_at, taken_at, durations_at, sweep_fair)
    select q.queue, array_fill(0, array[21]), '-infinity', '-infinity', '-infinity', array_fill(0, array[21])
    from unnest(array['interactive', 'bulk']) as q (queue)
    where not exists (select from queue_snapshot as s where s.queue = q.queue)
    on conflict do nothing;
    for snap in select * from queue_snapshot as s order by s.queue for update skip locked loop
        snap.sweep_began_at := coalesce(snap.sweep_began_at, now());
        snap.sweep_org := coalesce(snap.sweep_org, '00000000-0000-0000-0000-000000000000');
        snap.sweep_turn := coalesce(snap.sweep_turn, -1);
        snap.sweep_next_at := coalesce(snap.sweep_next_at, '-infinity');
        select p.org_id, p.turn, p.next_at into stop from passes as p
        where p.state = 'queued' and p.queue = snap.queue
            and (p.org_id, p.turn, p.next_at) > (snap.sweep_org, snap.sweep_turn, snap.sweep_next_at)
        order by p.org_id, p.turn, p.next_at offset most - 1 limit 1;
        ended := stop.org_id is null;
        if ended then
            select 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid as org_id, 0::smallint as turn, 'infinity'::timestamptz as next_at into stop;
        end if;
        with numbered as materialized (
            select p.org_id, p.turn, p.next_at,
                row_number() over (partition by p.org_id order by p.turn, p.next_at)
                    + case when p.org_id = snap.sweep_org then snap.sweep_passes else 0 end as place
            from passes as p
            where p.state = 'queued' and p.queue = snap.queue and p.next_at <= now()
                and (p.org_id, p.turn, p.next_at) > (snap.sweep_org, snap.sweep_turn, snap.sweep_next_at)
                and (p.org_id, p.turn, p.next_at) <= (stop.org_id, stop.turn, stop.next_at)
        ),
        marked as (
            insert into queue_marks (org_id, queue, turn, next_at, ahead, counted_at)
            select n.org_id, snap.queue, n.turn, n.next_at, min(n.place) - 1, now() from numbered as n
            where n.place % 300 = 0 group by n.org_id, n.turn, n.next_at
            on conflict (org_id, queue, turn, next_at) do update set ahead = excluded.ahead, counted_at = excluded.counted_at
        ),
        schools as materialized (
            select w.org_id, max(w.place) as waiting from (
                select n.org_id, n.place from numbered as n
                union all
                select snap.sweep_org, snap.sweep_passes
            ) as w
            group by w.org_id
        )
        select
            (select count(*) from numbered) as amount,
            coalesce((select s.waiting from schools as s where s.org_id = stop.org_id), 0) as unfinished,
            array(
                select snap.sweep_fair[k] + coalesce((
                    select sum(least((s.waiting + 2) / 3, 1 << (k - 1))) from schools as s where s.org_id <> stop.org_id
                ), 0)::bigint
                from generate_series(1, 21) as k order by k
            ) as fair
        into counted;
        total := total + counted.amount;
        delete from queue_marks as m
        where m.queue = snap.queue and m.counted_at < now()
            and (m.org_id, m.turn, m.next_at) > (snap.sweep_org, snap.sweep_turn, snap.sweep_next_at)
            and (m.org_id, m.turn, m.next_at) <= (stop.org_id, stop.turn, stop.next_at);
        -- The durations of the last minute or so: a provider may have become slower since yesterday.
        renewed := snap.durations_at < now() - interval '1 minute' and durations.amount >= snap.durations_count + 10;
        update queue_snapshot as s set
            fair = case when ended then counted.fair else snap.fair end,
            counted_at = case when ended then snap.sweep_began_at else snap.counted_at end,
            running = (
                select count(*) from (select from passes as r where r.state = 'running' order by r.lease_until limit 10000) as r),
            pass_seconds = case when not renewed then snap.pass_seconds else
                greatest(0, (durations.seconds - snap.durations_total) / (durations.amount - snap.durations_count)) end,
            taken_at = now(),
            durations_count = case when renewed then durations.amount else snap.durations_count end,
            durations_total = case when renewed then durations.seconds else snap.durations_total end,
            durations_at = case when renewed then now() else snap.durations_at end,
            sweep_began_at = case when not ended then snap.sweep_began_at end,
            sweep_org = case when not ended then stop.org_id end,
            sweep_turn = case when not ended then stop.turn end,
            sweep_next_at = case when not ended then stop.next_at end,
            sweep_passes = case when ended then 0 else counted.unfinished end,
            sweep_fair = case when ended then array_fill(0, array[21]) else counted.fair end
        where s.queue = snap.queue;
    end loop;
    return total;
end
$$;

create or replace function queue_place(wanted uuid)
returns table (ahead bigint, running integer, mean_seconds double precision, age_seconds double precision)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set enable_incremental_sort = off
set plan_cache_mode = force_generic_plan
as $$
declare
    mine record;
    snap record;
    mark record;
    lane text;
    own bigint;
    of_school bigint;
    first bigint := 0;
    waiting bigint;
    org uuid;
    other record;
    is_exact boolean := true;
    counted_at timestamptz;
begin
    select bool_and(p.queue = 'bulk') as in_bulk, min(p.next_at) as next_at, min(p.turn) as turn into mine
    from (
        select o.queue, o.next_at, o.turn, o.state from passes as o where o.submission_id = wanted and o.org_id = app_org() offset 0
    ) as p
    where p.state = 'queued'
    having count(*) > 0;
    if not found then
        return;
    end if;
    lane := case when mine.in_bulk then 'bulk' else 'interactive' end;
    select * into snap from queue_snapshot as s where s.queue = lane;
    counted_at := snap.counted_at;
    -- The look is limited, because passes that wait for a later time stand between those that are due.
    own := (
        select count(*) from (
            select p.next_at from passes as p
            where p.state = 'queued' and p.queue = lane and p.org_id = app_org() and (p.turn, p.next_at) < (mine.turn, mine.next_at)
            order by p.turn, p.next_at limit 400
        ) as p
        where p.next_at <= now()
    );
    if own > 300 then
        is_exact := false;
        select m.turn, m.next_at, m.ahead, m.counted_at into mark from queue_marks as m
        where m.queue = lane and m.org_id = app_org() and (m.turn, m.next_at) <= (mine.turn, mine.next_at)
        order by m.turn desc, m.next_at desc limit 1;
        if mark.ahead is not null then
            counted_at := least(counted_at, mark.counted_at);
            own := greatest(own, mark.ahead + (
                select count(*) from (
                    select from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id = app_org()
                        and (p.turn, p.next_at) >= (mark.turn, mark.next_at) and (p.turn, p.next_at) < (mine.turn, mine.next_at)
                    order by p.turn, p.next_at limit 300
                ) as p
            ));
        end if;
    end if;
    own := (own + 2) / 3;
    of_school := (
        select m.ahead / 3 from queue_marks as m
        where m.queue = lane and m.org_id = app_org() order by m.turn desc, m.next_at desc limit 1
    );
    if mine.in_bulk then
        first := (
            select (count(*) + 2) / 3 from (
                select from passes as p where p.state = 'queued' and p.queue = 'interactive' and p.next_at <= now()
                order by p.next_at limit 301
            ) as p
        );
        if first > 100 then
            is_exact := false;
            first := greatest(first, (select s.fair[21] from queue_snapshot as s where s.queue = 'interactive'));
        end if;
    end if;
    -- What the other schools read in as many turns as this one has up to this essay.
    waiting := greatest(0, essays_in_turns(snap.fair, own + 1, greatest(own + 1, of_school)));
    if is_exact and (waiting < 300 or snap.counted_at < now() - interval '1 minute') then
        waiting := 0;
        org := '00000000-0000-0000-0000-000000000000';
        loop
            select p.org_id, case when p.next_at <= now() and p.org_id <> app_org() then (
                select (count(*) + 2) / 3 from (
                    select from passes as o
                    where o.state = 'queued' and o.queue = lane and o.org_id >= p.org_id and (o.org_id, o.next_at) <= (p.org_id, now())
                    order by o.org_id, o.next_at limit 3 * (own + 1)
                ) as o
            ) else 0 end as essays
            into other
            from passes as p
            where p.state = 'queued' and p.queue = lane and p.org_id > org
            order by p.org_id, p.next_at limit 1;
            org := other.org_id;
            exit when org is null;
            waiting := waiting + other.essays;
            is_exact := first + own + waiting <= 100;
            exit when not is_exact;
        end loop;
        waiting := greatest(waiting, case when not is_exact then essays_in_turns(snap.fair, own + 1, greatest(own + 1, of_school)) end);
    else
        is_exact := false;
    end if;
    ahead := first + own + waiting;
    running := snap.running;
    mean_seconds := snap.pass_seconds;
    if coalesce(snap.taken_at, '-infinity') < now() - interval '1 minute' then
        running := (
            select count(*) from (select from passes as r where r.state = 'running' order by r.lease_until limit 1000) as r);
        mean_seconds := (
            select coalesce(sum(t.total) / nullif(sum(t.count), 0), 1) from tallies as t where t.name = 'pass_duration'
        );
    end if;
    age_seconds := case when not is_exact then
        least(86400, greatest(0, extract(epoch from now() - greatest(counted_at, now() - interval '24 hours'))))
    end;
    return next;
end
$$;

create or replace function submission_status(wanted uuid, tenant uuid, pass_order text[], with_place boolean)
returns table (
    id uuid, essay_id uuid, version integer, status text, received_at timestamptz, completed_at timestamptz, released boolean,
    queue text, from_html boolean, pictures_left_out integer, name text, state text, attempt integer, error text,
    started_at timestamptz, finished_at timestamptz, next_at timestamptz, comments integer, provider text, pass_id uuid, place jsonb
)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
    waits_at jsonb;
begin
    if with_place then
        perform from (select o.state from passes as o where o.org_id = tenant and o.submission_id = wanted offset 0) as p
        where p.state = 'queued';
        if found then
            select to_jsonb(q) into waits_at from queue_place(wanted) as q;
        end if;
    end if;
    return query
    select s.id, s.essay_id, s.version, s.status, s.created_at, s.completed_at, s.released_at is not null, s.queue, s.from_html,
        s.pictures_left_out, p.name, p.state, p.attempt, p.error, p.started_at, p.finished_at, p.next_at, p.comments, p.provider, p.id,
        waits_at
    from submissions as s
    left join passes as p on p.org_id = s.org_id and p.submission_id = s.id
    where s.org_id = tenant and s.id = wanted
    order by array_position(pass_order, p.name);
end
$$;

-- Other kept plans may be made while a table is as good as empty, when reading all of it looks cheap.
do $$
declare
    kept regprocedure;
begin
    for kept in
        select p.oid::regprocedure from pg_proc as p
        where p.pronamespace = 'public'::regnamespace and 'plan_cache_mode=force_generic_plan' = any (p.proconfig)
    loop
        execute format('alter function %s set enable_seqscan = off', kept);
        execute format('alter function %s set enable_hashjoin = off', kept);
        execute format('alter function %s set enable_mergejoin = off', kept);
    end loop;
end
$$;
