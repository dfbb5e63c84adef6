-- Once a day the courses of each Canvas site are looked through for hand-ins that no event told: Canvas gives an event up after 20 minutes.
alter table canvas_sites add column looked_back_at timestamptz;
grant update (looked_back_at) on canvas_sites to ec_stats;

-- Note a look at each known course of a site: a row of arrivals, which names no hand-in. Known are those in which something was handed in
-- in the last 200 days; what counts is what was handed in since `since`. They become due within `spread`: hand-ins go the same way, and
-- must not wait for all of them. A course whose look waits gets no other. A look takes the place of the one before it; if that was given
-- up, the new one sees its days too, back to 30 days.
create function note_canvas_looks(org uuid, source uuid, since timestamptz, spread interval, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    courses integer;
begin
    with ended as (
        delete from arrivals as a
        where a.org_id = org and a.source_id = source and a.version_key like 'look:%' and not a.place ? 'hand_in'
            and a.state not in ('queued', 'running')
        returning a.place, a.state, a.changed_at
    )
    insert into arrivals (org_id, source_id, version_key, place, changed_at, next_at)
    select org, source, 'look:' || gen_random_uuid(), k.place,
        greatest(c.created_at, now() - interval '30 days', least(since, b.changed_at)), now() + random() * spread
    from canvas_sites as c cross join lateral (
        select distinct jsonb_build_object('root_account', a.place -> 'root_account', 'course', a.place -> 'course') as place
        from arrivals as a
        where a.org_id = c.org_id and a.source_id = c.id and a.id >= uuid7_floor(now() - interval '200 days')
            and a.place ? 'hand_in' and a.place ->> 'course' is not null
        limit most
    ) as k left join (
        select e.place, min(e.changed_at) as changed_at from ended as e where e.state = 'gave_up' group by e.place
    ) as b on b.place = k.place
    where c.org_id = org and c.id = source and not exists (
        select from arrivals as w
        where w.org_id = org and w.source_id = source and w.state in ('queued', 'running') and not w.place ? 'hand_in' and w.place = k.place
    );
    get diagnostics courses = row_count;
    return courses;
end
$$;
alter function note_canvas_looks(uuid, uuid, timestamptz, interval, integer) owner to ec_stats;
revoke all on function note_canvas_looks(uuid, uuid, timestamptz, interval, integer) from public;

-- Look, for an admin, at what was handed in in the last 30 days, and at once: looks that wait are made anew.
create or replace function look_back_at_canvas(source uuid, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    courses integer;
begin
    delete from arrivals as a
    where a.org_id = app_org() and a.source_id = source and a.version_key like 'look:%' and not a.place ? 'hand_in' and a.state = 'queued';
    courses := note_canvas_looks(app_org(), source, now() - interval '30 days', interval '0', most);
    if courses > 0 then
        perform audit_note(app_org(), 'replayed', 'source', source, jsonb_build_object('courses', courses));
    end if;
    return courses;
end
$$;

-- Look, at most once a day for a site, at what was handed in in the last three days. Return how many courses will be looked at.
create function look_back_at_due_canvas(most_sites integer, most_courses integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    site record;
    courses integer := 0;
begin
    for site in
        select c.org_id, c.id from canvas_sites as c
        where (c.looked_back_at is null or c.looked_back_at < now() - interval '1 day')
            and exists (select from sources as s where s.org_id = c.org_id and s.id = c.id and s.disabled_at is null)
            and exists (select from orgs as o where o.id = c.org_id and o.closed_at is null)
        order by c.looked_back_at nulls first
        limit most_sites
        for update skip locked
    loop
        courses := courses + note_canvas_looks(site.org_id, site.id, now() - interval '3 days', interval '1 hour', most_courses);
        update canvas_sites as c set looked_back_at = now() where c.org_id = site.org_id and c.id = site.id;
    end loop;
    return courses;
end
$$;
alter function look_back_at_due_canvas(integer, integer) owner to ec_stats;
revoke all on function look_back_at_due_canvas(integer, integer) from public;
grant execute on function look_back_at_due_canvas(integer, integer) to ec_clock;
