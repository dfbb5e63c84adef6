-- What 0064 has not looked at.
alter table sources validate constraint sources_kind_known;
alter table sources validate constraint sources_mapping_object;
alter table sources validate constraint sources_mapping_of_custom;
alter table returns validate constraint returns_channel_known;
alter table platforms validate constraint platforms_refused_reason_short;

-- Scores that go to a platform (LTI Assignment and Grade Services): that an essay was handed in and feedback was given. Off until an
-- admin turns them on.
alter table platforms add column scores text not null default 'none'
    constraint platforms_scores_known check (scores in ('none', 'handed_in'));
grant select (scores), update (scores) on platforms to ec_admin;
grant select (scores) on platforms to ec_worker;
drop trigger audited on platforms;
create trigger audited after insert or delete or update of
state, registration_digest, registration_ends_at, issuer, client_id, authorization_url, token_url, token_audience, jwks_url, deployments,
frame_origins, scores on platforms
for each row execute function audit_change('platform', 'id');

-- Where a platform takes the scores of an assignment, as its last launch there said.
create table platform_assignments (
    org_id uuid not null,
    source_id uuid not null,
    assignment_id uuid not null,
    line_item_url text not null,
    constraint platform_assignments_pkey primary key (org_id, source_id, assignment_id),
    constraint platform_assignments_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade,
    constraint platform_assignments_assignment foreign key (org_id, assignment_id) references assignments (org_id, id) on delete cascade,
    constraint platform_assignments_url_short check (length(line_item_url) <= 2048)
);
create index idx_platform_assignments_assignment on platform_assignments (org_id, assignment_id);
alter table platform_assignments enable row level security;
alter table platform_assignments force row level security;
create policy ec_lms_own_org on platform_assignments to ec_lms
using (org_id = (select app_org())) with check (org_id = (select app_org()) and source_id = (select app_actor()));
create policy ec_worker_own_org on platform_assignments to ec_worker using (org_id = (select app_org()));
grant select, insert, update (line_item_url) on platform_assignments to ec_lms;
grant select on platform_assignments to ec_worker;
grant select, delete on platform_assignments to ec_stats;

-- A score names its student as the platform does.
create policy ec_worker_own_org on lms_people to ec_worker using (org_id = (select app_org()));
grant select (id, org_id, source_id, user_id, subject) on lms_people to ec_worker;

-- Note that a version was handed in and that its student can see feedback which a machine made, for the platform that takes scores of
-- its assignment. Once for a student and an assignment: a later version changes nothing about it, unless the first was given up.
create function note_score() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into returns (org_id, source_id, submission_id, channel)
    select a.org_id, a.source_id, new.id, 'lti_score'
    from essays as e
    join platform_assignments as a on a.org_id = e.org_id and a.assignment_id = e.assignment_id
    join platforms as p on p.org_id = a.org_id and p.id = a.source_id
    where e.org_id = new.org_id and e.id = new.essay_id and p.state = 'active' and p.scores = 'handed_in'
        and exists (select from lms_people as l where l.org_id = a.org_id and l.source_id = a.source_id and l.user_id = new.user_id)
        and exists (select from passes as d where d.org_id = new.org_id and d.submission_id = new.id and d.state = 'done')
        and not exists (
            select from essays as o join submissions as s on s.org_id = o.org_id and s.essay_id = o.id
            join returns as r on r.org_id = s.org_id and r.submission_id = s.id
            where o.org_id = new.org_id and o.user_id = new.user_id and o.assignment_id = e.assignment_id
                and r.channel = 'lti_score' and r.source_id = a.source_id and r.state <> 'gave_up'
        )
    limit 1
    on conflict do nothing;
    return null;
end
$$;
alter function note_score() owner to ec_stats;
revoke all on function note_score() from public;
create trigger notes_score after update of completed_at, released_at on submissions for each row
when (
    new.completed_at is not null and new.released_at is not null and new.status in ('completed', 'partial')
    and (old.completed_at is null or old.released_at is null)
)
execute function note_score();
