-- The weekly summary by mail (docs/reports.md): what happened in an educator's courses, for those who want it. The figures are written
-- down when the week is over; a worker, which has the keys of addresses, sends them.
create table weekly_summary_readers (
    org_id uuid not null,
    user_id uuid not null,
    since timestamptz not null default now(),
    constraint weekly_summary_readers_pkey primary key (org_id, user_id),
    constraint weekly_summary_readers_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade
);
alter table weekly_summary_readers enable row level security;
alter table weekly_summary_readers force row level security;
create policy ec_educator_self on weekly_summary_readers to ec_educator
    using (org_id = (select app_org()) and user_id = (select app_user()))
    with check (org_id = (select app_org()) and user_id = (select app_user()));
create policy ec_admin_own_org on weekly_summary_readers to ec_admin
    using (org_id = (select app_org()))
    with check (org_id = (select app_org()) and user_id = (select app_user()));
grant select, insert (org_id, user_id), delete on weekly_summary_readers to ec_educator, ec_admin;
create policy ec_worker_own_org on weekly_summary_readers to ec_worker
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant select on weekly_summary_readers to ec_reports, ec_worker;
grant select, delete on weekly_summary_readers to ec_stats;

create table weekly_summaries (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    user_id uuid not null,
    week date not null,
    courses jsonb not null,
    state text not null default 'queued',
    attempt integer not null default 0,
    fence integer not null default 0,
    next_at timestamptz not null default now(),
    hinted_at timestamptz,
    lease_until timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    error text,
    constraint weekly_summaries_once unique (org_id, user_id, week),
    constraint weekly_summaries_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint weekly_summaries_week_begins_monday check (extract(isodow from week) = 1),
    constraint weekly_summaries_courses_listed check (jsonb_typeof(courses) = 'array'),
    constraint weekly_summaries_state_known check (state in ('nothing', 'queued', 'running', 'done', 'gave_up')),
    constraint weekly_summaries_counts_not_negative check (attempt >= 0 and fence >= 0),
    constraint weekly_summaries_lease_while_running check ((lease_until is not null) = (state = 'running')),
    constraint weekly_summaries_finished_when_final check ((finished_at is not null) = (state in ('nothing', 'done', 'gave_up'))),
    constraint weekly_summaries_reason_when_given_up check (state <> 'gave_up' or error is not null),
    constraint weekly_summaries_error_is_a_word check (error ~ '^[a-z_]{1,40}$')
);
comment on table weekly_summaries is
'A week of an educator''s courses: leased rows, as passes are. courses: figures and names of courses, nothing about one student.';
create index idx_weekly_summaries_lane on weekly_summaries (org_id, next_at) where state = 'queued';
create index idx_weekly_summaries_running on weekly_summaries (org_id) where state = 'running';
create index idx_weekly_summaries_leases on weekly_summaries (lease_until) where state = 'running';
create index idx_weekly_summaries_week on weekly_summaries (week);

alter table weekly_summaries enable row level security;
alter table weekly_summaries force row level security;
create policy ec_worker_own_org on weekly_summaries to ec_worker
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_admin_own_org on weekly_summaries to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_clock_all on weekly_summaries to ec_clock using (true) with check (true);
grant select on weekly_summaries to ec_admin;
grant select on weekly_summaries to ec_worker;
grant update (state, attempt, fence, next_at, lease_until, started_at, finished_at, error) on weekly_summaries to ec_worker;
grant select (id, org_id, user_id, week, state, attempt, next_at, hinted_at, lease_until, started_at), delete on weekly_summaries to ec_clock;
grant update (state, next_at, hinted_at, lease_until, finished_at, error) on weekly_summaries to ec_clock;
grant select, delete on weekly_summaries to ec_stats;

grant select (id, org_id, role, email, disabled_at, erase_requested_at) on users to ec_reports;
grant select (org_id, course_id, user_id, role) on enrollments to ec_reports;
grant select (id, org_id, name, archived_at) on courses to ec_reports;
grant select (org_id, is_open, audience_id) on review_items to ec_reports;
grant select (slug, pass, name) on feedback_types to ec_reports;
grant select, insert on weekly_summaries to ec_reports;

-- What a course did in a week, or null when there is nothing to say. Groups of fewer than five are not compared (docs/reports.md).
create function course_in_week(school uuid, course uuid, of_week date) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    handed_in bigint;
    week_before bigint;
    waiting bigint;
    not_revised bigint;
    students bigint;
    struggles jsonb;
begin
    select coalesce(sum(r.submissions) filter (where r.day >= of_week), 0),
        coalesce(sum(r.submissions) filter (where r.day < of_week), 0)
    into handed_in, week_before
    from report_submissions as r
    where r.org_id = school and r.course_id = course and r.day between of_week - 7 and of_week + 6;
    select count(*) into waiting
    from (select from review_items as q where q.org_id = school and q.is_open and q.audience_id = course limit 100) as found;
    if handed_in = 0 and waiting = 0 then
        return null;
    end if;
    select count(distinct p.user_id),
        count(*) filter (where p.version = 1 and p.comments > 0 and p.released_at is not null)
    into students, not_revised
    from report_progress as p where p.org_id = school and p.course_id = course and p.is_newest;
    if students >= 5 then
        select jsonb_agg(jsonb_build_object('type', t.name, 'students', t.students) order by t.students desc, t.comments desc, t.name)
        into struggles
        from (
            select n.name, r.students, r.comments from report_types as r join feedback_types as n on n.slug = r.type and n.pass = r.pass
            where r.org_id = school and r.course_id = course order by r.students desc, r.comments desc, n.name limit 3
        ) as t;
    end if;
    return jsonb_build_object(
        'handed_in', handed_in, 'week_before', week_before, 'waiting', waiting, 'not_revised', not_revised, 'students', students,
        'struggles', coalesce(struggles, '[]'));
end
$$;
alter function course_in_week(uuid, uuid, date) owner to ec_reports;
revoke execute on function course_in_week(uuid, uuid, date) from public;

-- Write down the summaries of a week for at most so many readers who have none yet, and return how many. None while the figures are
-- older than the end of that week.
create function plan_weekly_summaries(of_week date, most integer) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    planned integer;
begin
    if (select count(*) from report_refreshes as f
        where f.name in ('report_submissions', 'report_progress', 'report_types') and f.refreshed_at >= of_week + 7) < 3 then
        return 0;
    end if;
    insert into weekly_summaries (org_id, user_id, week, courses, state, finished_at)
    select r.org_id, r.user_id, of_week, s.courses, case when s.courses = '[]' then 'nothing' else 'queued' end,
        case when s.courses = '[]' then now() end
    from (
        select w.org_id, w.user_id
        from weekly_summary_readers as w
        join users as u on u.org_id = w.org_id and u.id = w.user_id
        where u.role <> 'student' and u.email is not null and u.disabled_at is null and u.erase_requested_at is null
            and not exists (
                select from weekly_summaries as d where d.org_id = w.org_id and d.user_id = w.user_id and d.week = of_week)
        limit most
    ) as r
    cross join lateral (
        select coalesce(jsonb_agg(c.figures || jsonb_build_object('id', c.id, 'name', c.name) order by c.name, c.id), '[]') as courses
        from (
            select k.id, k.name, course_in_week(k.org_id, k.id, of_week) as figures
            from enrollments as n join courses as k on k.org_id = n.org_id and k.id = n.course_id
            where n.org_id = r.org_id and n.user_id = r.user_id and n.role = 'educator' and k.archived_at is null
        ) as c where c.figures is not null
    ) as s
    on conflict do nothing;
    get diagnostics planned = row_count;
    return planned;
end
$$;
alter function plan_weekly_summaries(date, integer) owner to ec_reports;
revoke execute on function plan_weekly_summaries(date, integer) from public;
grant execute on function plan_weekly_summaries(date, integer) to ec_clock;
