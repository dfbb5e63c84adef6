-- Whose turn it is and the place in the queue, at a cost that does not grow with the backlog or the number of schools
-- (docs/adr/0130 and 0131).

-- The turns go round the schools of a lane. The hand holds the first eight bytes of the org that had the last turn. As a sequence
-- it is no part of a transaction: workers that choose at the same moment do not wait, and each goes on where another stopped.
-- Unlogged, so that a turn writes nothing to the log. After a crash the round begins anew.
-- squawk-ignore prefer-robust-stmts
create unlogged sequence queue_hand_interactive as bigint minvalue -9223372036854775808 start 0;
alter sequence queue_hand_interactive owner to ec_stats;
create unlogged sequence queue_hand_bulk as bigint minvalue -9223372036854775808 start 0;
alter sequence queue_hand_bulk owner to ec_stats;
grant select on sequence queue_hand_interactive, queue_hand_bulk to ec_backup;  -- a dump reads every sequence

-- The pass whose turn it is: interactive before bulk (but for one look in twenty, so that bulk never starves); of the next 8 schools
-- with due passes the one with the fewest passes running, within it the authors by turns, and then the pass the hint names, else
-- one of the oldest. It reads the same few index entries behind any backlog.
create or replace function next_due(hinted uuid) returns table (org_id uuid, pass_id uuid, queue text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
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
    most_lost integer := case when exists (select from passes as r where r.state = 'running' and r.lost >= 2) then 1 else 2 end;
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
                where p.state = 'queued' and p.queue = lane and p.org_id = org and p.next_at <= now() and p.lost <= most_lost
            );
            -- No more than matter: as many as the best has run are too many.
            busy := (
                select count(*) from (
                    select from passes as r where r.state = 'running' and r.org_id = org limit best_busy
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
            -- Workers that ask at the same moment should not all be sent to the same row. Where many schools wait, the hand spreads
            -- them already, and the passes of one essay are read close together.
            spread := case when seen_all then 32 / compared else 3 end;
            if first_turn is null then
                return query
                select best, o.id, lane
                from (
                    select p.id from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id = best and p.next_at <= now() and p.lost <= most_lost
                    order by p.next_at limit spread
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

-- What the clock counted of each lane, a slice of the waiting passes at a time. fair[k] says how many essays would be read if
-- each school had up to 2^(k-1) turns, so the last one says how many wait. Columns that begin with sweep_ hold the count that is
-- under way: where it stands, and what it has counted so far.
create table queue_snapshot (
    queue text not null,
    fair bigint[] not null,
    counted_at timestamptz not null,
    running integer not null default 0,
    pass_seconds double precision not null default 1,
    taken_at timestamptz not null,
    durations_count bigint not null default 0,
    durations_total double precision not null default 0,
    durations_at timestamptz not null,
    sweep_began_at timestamptz,
    sweep_org uuid,
    -- squawk-ignore prefer-bigint-over-smallint
    sweep_turn smallint,
    sweep_next_at timestamptz,
    sweep_passes bigint not null default 0,
    sweep_fair bigint[] not null,
    constraint queue_snapshot_pkey primary key (queue),
    constraint queue_snapshot_queue_known check (queue in ('interactive', 'bulk')),
    constraint queue_snapshot_not_negative check (
        running >= 0 and pass_seconds >= 0 and durations_count >= 0 and durations_total >= 0 and sweep_passes >= 0)
) with (fillfactor = 50);
comment on table queue_snapshot is
    'What waits in each lane and how fast it is read, counted by the clock; sweep_: the count that is under way.';
grant select, insert, update on queue_snapshot to ec_stats;

-- Every 300th waiting pass of a school in the order of their turns, with how many are ahead of it.
create table queue_marks (
    org_id uuid not null,
    queue text not null,
    -- squawk-ignore prefer-bigint-over-smallint
    turn smallint not null,
    next_at timestamptz not null,
    ahead bigint not null,
    counted_at timestamptz not null,
    constraint queue_marks_pkey primary key (org_id, queue, turn, next_at),
    constraint queue_marks_org_id_fkey foreign key (org_id) references orgs (id) on delete cascade,
    constraint queue_marks_queue_known check (queue in ('interactive', 'bulk')),
    constraint queue_marks_ahead_positive check (ahead > 0)
);
alter table queue_marks enable row level security;
alter table queue_marks force row level security;
grant select, insert, update, delete on queue_marks to ec_stats;

-- Go on with the count of each lane, by at most `most` passes, and note how many passes run and how long one takes. Return how
-- many passes wait in the slices that were counted. Definer: the clock sees no row of it.
create function count_queue(most integer) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
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
            running = (select count(*) from (select from passes as r where r.state = 'running' limit 10000) as r),
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
alter function count_queue(integer) owner to ec_stats;
revoke execute on function count_queue(integer) from public;
grant execute on function count_queue(integer) to ec_clock;

-- How many essays of other schools are read in so many turns, by the last count, when this school has `own` waiting.
create function essays_in_turns(fair bigint[], turns bigint, own bigint) returns bigint
language sql immutable
set search_path = pg_catalog, public, pg_temp
return case when turns >= 1048576 then fair[21] - own else (
    select low + (high - low) * (turns - (1 << k)) / (1 << k)
    from generate_series(0, 19) as k
    cross join lateral (
        values (fair[1 + k] - least(own, 1 << k), fair[2 + k] - least(own, 1 << (k + 1)))
    ) as between_two (low, high)
    where 1 << k <= turns order by k desc limit 1
) end;
revoke execute on function essays_in_turns(bigint[], bigint, bigint) from public;
grant execute on function essays_in_turns(bigint[], bigint, bigint) to ec_stats;

-- How many essays go before this one, how many passes run at once, how long one takes, and how old that is: age_seconds is null
-- when the essays were counted for this answer. That is so for the first 100 places; behind them the count of the clock is used.
-- Schools take turns, so another school's essays count up to one more than one's own.
-- squawk-ignore ban-drop-function
drop function queue_place(uuid);
create function queue_place(wanted uuid)
returns table (ahead bigint, running integer, mean_seconds double precision, age_seconds double precision)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
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
    from passes as p
    where p.submission_id = wanted and p.org_id = app_org() and p.state = 'queued'
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
                    limit 300
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
                select from passes as p where p.state = 'queued' and p.queue = 'interactive' and p.next_at <= now() limit 301
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
                    where o.state = 'queued' and o.queue = lane and o.org_id = p.org_id and o.next_at <= now() limit 3 * (own + 1)
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
        running := (select count(*) from (select from passes as r where r.state = 'running' limit 1000) as r);
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
alter function queue_place(uuid) owner to ec_stats;
revoke execute on function queue_place(uuid) from public;
grant execute on function queue_place(uuid) to ec_lms, ec_student, ec_educator, ec_admin;
