-- Lost: when each Canvas site was last looked through; nobody looks by themselves any more.
drop function look_back_at_due_canvas(integer, integer);

create or replace function look_back_at_canvas(source uuid, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    courses integer;
begin
    if exists (
        select from arrivals as a
        where a.org_id = app_org() and a.source_id = source and a.state in ('queued', 'running') and not a.place ? 'hand_in'
    ) then
        return 0;
    end if;
    insert into arrivals (org_id, source_id, version_key, place, changed_at)
    select app_org(), source, 'look:' || gen_random_uuid(), k.place, greatest(c.created_at, now() - interval '30 days')
    from canvas_sites as c cross join lateral (
        select distinct jsonb_build_object('root_account', a.place -> 'root_account', 'course', a.place -> 'course') as place
        from arrivals as a
        where a.org_id = c.org_id and a.source_id = c.id and a.id >= uuid7_floor(now() - interval '200 days')
            and a.place ? 'hand_in' and a.place ->> 'course' is not null
        limit most
    ) as k
    where c.org_id = app_org() and c.id = source;
    get diagnostics courses = row_count;
    if courses > 0 then
        perform audit_note(app_org(), 'replayed', 'source', source, jsonb_build_object('courses', courses));
    end if;
    return courses;
end
$$;
drop function note_canvas_looks(uuid, uuid, timestamptz, interval, integer);
alter table canvas_sites drop column looked_back_at;
