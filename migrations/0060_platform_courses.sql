-- Where a platform lists the people of a course (LTI Names and Roles), as its last launch there said.
create table platform_courses (
    org_id uuid not null,
    source_id uuid not null,
    course_id uuid not null,
    memberships_url text not null,
    listed_at timestamptz,
    constraint platform_courses_pkey primary key (org_id, source_id, course_id),
    constraint platform_courses_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade,
    constraint platform_courses_course foreign key (org_id, course_id) references courses (org_id, id) on delete cascade,
    constraint platform_courses_url_short check (length(memberships_url) <= 2048)
);
create index idx_platform_courses_course on platform_courses (org_id, course_id);
alter table platform_courses enable row level security;
alter table platform_courses force row level security;
create policy ec_lms_own_org on platform_courses to ec_lms
using (org_id = (select app_org())) with check (org_id = (select app_org()) and source_id = (select app_actor()));
create policy ec_admin_own_org on platform_courses to ec_admin
using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant select, insert, update (memberships_url, listed_at) on platform_courses to ec_lms;
grant select on platform_courses to ec_admin;
grant select, delete on platform_courses to ec_stats;
