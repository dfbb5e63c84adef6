-- A Canvas site (a source of kind `canvas`): Canvas tells by signed events what was handed in, and a worker fetches it with a token.

-- `root_account_uuid`: the account whose events count; null: that of the first one that counts. `jwks_url`: where the keys are with
-- which Canvas signs. `heard_at`: when the last authentic event came, to the minute.
create table canvas_sites (
    id uuid constraint canvas_sites_pkey primary key,
    org_id uuid not null,
    site text not null,
    token bytea storage external not null,
    root_account_uuid text,
    jwks_url text not null,
    returns text not null default 'link',
    pages_url text,
    created_at timestamptz not null default now(),
    heard_at timestamptz,
    constraint canvas_sites_source foreign key (org_id, id) references sources (org_id, id) on delete cascade,
    constraint canvas_sites_site_length check (length(site) between 8 and 500),
    constraint canvas_sites_root_account_uuid_length check (length(root_account_uuid) between 1 and 100),
    constraint canvas_sites_jwks_url_length check (length(jwks_url) between 8 and 500),
    constraint canvas_sites_pages_url_length check (length(pages_url) between 8 and 500),
    constraint canvas_sites_returns_known check (returns in ('none', 'link', 'summary'))
);
comment on table canvas_sites is 'Canvas sites whose events are taken: settings, and when the last event came.';
create index idx_canvas_sites_org on canvas_sites (org_id, id);

alter table canvas_sites enable row level security;
alter table canvas_sites force row level security;
create policy ec_worker_own_org on canvas_sites to ec_worker using (org_id = (select app_org()));
create policy ec_admin_own_org on canvas_sites to ec_admin
using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_lms_own_source on canvas_sites to ec_lms
using (org_id = (select app_org()) and id = (select app_actor()))
with check (org_id = (select app_org()) and id = (select app_actor()));
create policy ec_keys_all on canvas_sites to ec_keys using (true) with check (true);

grant select (id, org_id, site, root_account_uuid, jwks_url, returns, pages_url, created_at, heard_at),
insert (id, org_id, site, token, root_account_uuid, jwks_url, returns, pages_url),
update (token, root_account_uuid, jwks_url, returns, pages_url) on canvas_sites to ec_admin;
grant select (id, org_id, root_account_uuid, jwks_url, created_at, heard_at), update (root_account_uuid, heard_at) on canvas_sites to ec_lms;
grant select on canvas_sites to ec_worker;
grant select (id, org_id, token), update (token) on canvas_sites to ec_keys;
grant select, delete on canvas_sites to ec_stats;
create trigger audited after insert or delete or update of token, root_account_uuid, jwks_url, returns, pages_url on canvas_sites
for each row execute function audit_change('canvas_site', 'id');

-- A source that is told of a hand-in writes its arrival itself, and lets a refused one be fetched again.
grant insert (org_id, source_id, version_key, place, changed_at), update (attempt, next_at) on arrivals to ec_lms;

-- Look at what Canvas has that no event told: a row of arrivals for each known course, which names no hand-in. Known are those in which
-- something was handed in in the last 200 days; what counts is what was handed in in the last 30.
create function look_back_at_canvas(source uuid, most integer) returns integer
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
alter function look_back_at_canvas(uuid, integer) owner to ec_stats;
revoke all on function look_back_at_canvas(uuid, integer) from public;
grant execute on function look_back_at_canvas(uuid, integer) to ec_admin;

-- Note that feedback which a machine made can be seen by its student now, for the Canvas that the version came from.
create function note_canvas_return() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into returns (org_id, source_id, submission_id, channel)
    select a.org_id, a.source_id, new.id, 'canvas_comment'
    from arrivals as a join canvas_sites as c on c.org_id = a.org_id and c.id = a.source_id
    where a.org_id = new.org_id and a.submission_id = new.id and c.returns <> 'none'
        and exists (select from passes as p where p.org_id = new.org_id and p.submission_id = new.id and p.state = 'done')
    limit 1
    on conflict do nothing;
    return null;
end
$$;
alter function note_canvas_return() owner to ec_stats;
revoke all on function note_canvas_return() from public;
create trigger notes_canvas_return after update of completed_at, released_at on submissions for each row
when (
    new.completed_at is not null and new.released_at is not null and new.status in ('completed', 'partial')
    and (old.completed_at is null or old.released_at is null)
)
execute function note_canvas_return();
