-- LTI Asset Processor: an LMS tells us by a signed notice what was handed in, and gets a report about it.

-- Assignments of an LMS to which EssayCoach is attached: what a launch from there said and a notice may leave out.
create table asset_activities (
    org_id uuid not null,
    source_id uuid not null,
    deployment text not null,
    activity text not null,
    title text,
    report_url text,
    report_scopes text[] not null default '{}',
    constraint asset_activities_pkey primary key (org_id, source_id, deployment, activity),
    constraint asset_activities_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade,
    constraint asset_activities_deployment_length check (length(deployment) between 1 and 255),
    constraint asset_activities_activity_length check (length(activity) between 1 and 255),
    constraint asset_activities_title_length check (length(title) between 1 and 500),
    constraint asset_activities_url_short check (length(report_url) <= 2048),
    constraint asset_activities_scopes_few check (cardinality(report_scopes) <= 5 and array_position(report_scopes, null) is null)
);
-- Where each deployment of a platform sends its notices, as it has confirmed.
create table notice_handlers (
    org_id uuid not null,
    source_id uuid not null,
    deployment text not null,
    notice_type text not null,
    service_url text not null,
    handler text not null,
    registered_at timestamptz not null default now(),
    constraint notice_handlers_pkey primary key (org_id, source_id, deployment, notice_type),
    constraint notice_handlers_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade,
    constraint notice_handlers_deployment_length check (length(deployment) between 1 and 255),
    constraint notice_handlers_type_is_a_word check (notice_type ~ '^[A-Za-z]{1,60}$'),
    constraint notice_handlers_urls_short check (length(service_url) <= 2048 and length(handler) <= 2048)
);
do $$
declare
    t text;
begin
    foreach t in array array['asset_activities', 'notice_handlers'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy ec_lms_own_source on %I to ec_lms using (org_id = (select app_org()) and source_id = (select app_actor()))'
            ' with check (org_id = (select app_org()) and source_id = (select app_actor()))', t
        );
        execute format('create policy ec_admin_own_org on %I to ec_admin using (org_id = (select app_org()))', t);
        execute format('grant select on %I to ec_admin', t);
        execute format('grant select, delete on %I to ec_stats', t);
    end loop;
end
$$;
create policy ec_worker_own_org on asset_activities to ec_worker using (org_id = (select app_org()));
grant select, insert, update (title, report_url, report_scopes) on asset_activities to ec_lms;
grant select, insert, update (service_url, handler, registered_at) on notice_handlers to ec_lms;
grant select on asset_activities to ec_worker;
-- The worker notes which of several documents was taken as the essay.
grant update (place) on arrivals to ec_worker, ec_stats;

-- Store what notices of the acting platform say was handed in, and return how many are new. A second notice about a hand-in that was
-- refused or given up lets it be fetched again: a teacher has sent it again. One that waits goes on with the newer addresses. So it is with a report that was given up; it goes where
-- the newer notice says. `received_at` is the time of the reports about refusals.
create function take_notices(notices jsonb) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    tenant uuid := app_org();
    platform uuid := (select p.id from platforms as p where p.org_id = tenant and p.id = app_actor() and p.state = 'active');
    taken integer;
begin
    if platform is null then
        raise exception 'no platform is acting' using errcode = 'insufficient_privilege';
    end if;
    insert into arrivals as a (org_id, source_id, version_key, place, changed_at)
    select tenant, platform, n.version_key,
        n.place || jsonb_build_object('received_at', to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), n.changed_at
    from jsonb_to_recordset(notices) as n (version_key text, place jsonb, changed_at timestamptz)
    order by n.version_key
    on conflict (org_id, source_id, version_key) do update
        set place = excluded.place, state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
        where a.state in ('queued', 'refused', 'gave_up') and a.place ->> 'notice' is distinct from excluded.place ->> 'notice';
    get diagnostics taken = row_count;
    with told_again as (
        update arrivals as a set place = a.place || (n.place - 'person')
        from jsonb_to_recordset(notices) as n (version_key text, place jsonb)
        where a.org_id = tenant and a.source_id = platform and a.version_key = n.version_key and a.state = 'accepted'
            and a.place ->> 'notice' is distinct from n.place ->> 'notice'
        returning a.submission_id
    )
    update returns as r set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
    from told_again as t
    where r.org_id = tenant and r.submission_id = t.submission_id and r.channel = 'asset_report' and r.state = 'gave_up';
    return taken;
end
$$;
alter function take_notices(jsonb) owner to ec_stats;
revoke all on function take_notices(jsonb) from public;
grant execute on function take_notices(jsonb) to ec_lms;

-- Forget whom the LMS named once the hand-in belongs to a person here: from then on their id is kept under their key only.
create function forget_person_of_arrival() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    new.place := new.place - 'person';
    return new;
end
$$;
create trigger forgets_person before update of state on arrivals for each row
when (new.state = 'accepted' and new.place ? 'person')
execute function forget_person_of_arrival();

-- Note that a student can see the feedback on a document now, for the LMS that it came from.
create function note_asset_report() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into returns (org_id, source_id, submission_id, channel)
    select a.org_id, a.source_id, new.id, 'asset_report'
    from arrivals as a join platforms as p on p.org_id = a.org_id and p.id = a.source_id
    where a.org_id = new.org_id and a.submission_id = new.id and a.place ? 'asset'
        and exists (select from passes as s where s.org_id = new.org_id and s.submission_id = new.id and s.state = 'done')
    limit 1
    on conflict do nothing;
    return null;
end
$$;
alter function note_asset_report() owner to ec_stats;
revoke all on function note_asset_report() from public;
create trigger notes_asset_report after update of completed_at, released_at on submissions for each row
when (
    new.completed_at is not null and new.released_at is not null and new.status in ('completed', 'partial')
    and (old.completed_at is null or old.released_at is null)
)
execute function note_asset_report();
