drop function queue_place(uuid);
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
alter function queue_place(uuid) owner to ec_stats;
revoke execute on function queue_place(uuid) from public;
grant execute on function queue_place(uuid) to ec_lms, ec_student, ec_educator, ec_admin;
drop function essays_in_turns(bigint[], bigint, bigint);
drop function count_queue(integer);
drop table queue_marks;
drop table queue_snapshot;
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
drop sequence queue_hand_interactive;
drop sequence queue_hand_bulk;
