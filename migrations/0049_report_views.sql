-- What reports show, summed up beforehand: materialized views that the clock refreshes (docs/reports.md, docs/adr/0155). Whose they
-- are, ec_reports, sees all orgs and no word that anybody wrote. Nobody reads them but through a view for each kind of reader.

-- What people do. Until 0050 the rows that are there already are not looked at; each of them fits.
alter table analytics add constraint analytics_event_listed check (event in (
    'submitted', 'revised', 'feedback_viewed', 'comment_opened', 'comment_judged', 'released', 'reviewed', 'exported', 'launched'
)) not valid;
-- squawk-ignore ban-drop-constraint
alter table analytics drop constraint analytics_event_known;

grant select (id, org_id, user_id, course_id, assignment_id, newest_submission_id, trial_until) on essays to ec_reports;
grant select (id, created_at, org_id, essay_id, user_id, version, status, words, released_at, feedback_seconds)
    on submissions to ec_reports;
grant select (id, org_id, submission_id, essay_id, user_id, pass, type, kind, severity, match, resolution, superseded_at)
    on feedback to ec_reports;
grant select (id, org_id, feedback_id, decision) on feedback_reviews to ec_reports;
grant select (org_id, feedback_id, user_id, reaction) on feedback_reactions to ec_reports;
grant select (org_id, submission_id, criterion_id, pass, level, points, max_points, superseded_at) on criterion_results to ec_reports;
grant select (org_id, essay_id, name, state) on passes to ec_reports;
grant select on ledger, ledger_entries to ec_reports;
grant select (created_at, org_id, provider, model, pass, outcome, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens)
    on ai_responses to ec_reports;
grant execute on function histogram(double precision[], double precision[]), wait_bounds() to ec_reports;

-- When each view was refreshed: its figures are those of that moment.
create table report_refreshes (
    name text not null constraint report_refreshes_pkey primary key,
    refreshed_at timestamptz not null,
    took_ms integer not null constraint report_refreshes_took_not_negative check (took_ms >= 0)
);
comment on table report_refreshes is 'When the materialized views of the reports were refreshed, and how long that took.';
grant select on report_refreshes to ec_student, ec_educator, ec_admin, ec_clock, ec_monitor;
grant select, insert, update on report_refreshes to ec_reports;

-- Every comment that counts: the newest reading of its pass, with the newest decision about it and what its student said.
create view report_live_comments as
select f.org_id, e.course_id, f.submission_id, f.user_id, e.newest_submission_id = f.submission_id as is_newest, f.pass, f.type, f.kind,
    f.severity, f.match, f.resolution, r.decision, k.reaction
from feedback as f
join essays as e on e.org_id = f.org_id and e.id = f.essay_id
left join (
    select distinct on (v.org_id, v.feedback_id) v.org_id, v.feedback_id, v.decision
    from feedback_reviews as v order by v.org_id, v.feedback_id, v.id desc
) as r on r.org_id = f.org_id and r.feedback_id = f.id
left join feedback_reactions as k on k.org_id = f.org_id and k.feedback_id = f.id and k.user_id = f.user_id
where f.superseded_at is null and e.trial_until is null;

create materialized view report_submissions as
select s.org_id, e.course_id, (s.created_at at time zone 'utc')::date as day, s.status, count(*) as submissions,
    count(s.feedback_seconds) as waits, coalesce(sum(s.feedback_seconds::numeric), 0)::double precision as wait_seconds,
    histogram(coalesce(array_agg(s.feedback_seconds) filter (where s.feedback_seconds is not null), '{}'), wait_bounds()) as wait_buckets
from submissions as s
join essays as e on e.org_id = s.org_id and e.id = s.essay_id
where e.trial_until is null
group by s.org_id, e.course_id, day, s.status
with no data;
-- squawk-ignore require-concurrent-index-creation
create unique index idx_report_submissions on report_submissions (org_id, course_id, day, status) nulls not distinct;

create materialized view report_comments as
select c.org_id, c.course_id, c.pass, c.type, c.kind, c.severity, c.resolution, count(*) as comments,
    count(*) filter (where c.match = 'none') as unanchored
from report_live_comments as c
where c.decision is distinct from 'rejected'
group by c.org_id, c.course_id, c.pass, c.type, c.kind, c.severity, c.resolution
with no data;
-- squawk-ignore require-concurrent-index-creation
create unique index idx_report_comments on report_comments (org_id, course_id, pass, type, kind, severity, resolution)
    nulls not distinct;

-- What classes struggle with: what newest versions are asked to change, and how many students that is. Without `is true`, the
-- planner would take the condition for a join and expect almost no rows.
create materialized view report_types as
select c.org_id, c.course_id, c.pass, c.type, count(*) as comments, count(distinct c.user_id) as students
from report_live_comments as c
where c.is_newest is true and c.kind <> 'praise' and c.decision is distinct from 'rejected' and c.course_id is not null
group by c.org_id, c.course_id, c.pass, c.type
with no data;
-- squawk-ignore require-concurrent-index-creation
create unique index idx_report_types on report_types (org_id, course_id, pass, type);

-- One row for each version.
create materialized view report_progress as
select s.org_id, e.course_id, e.assignment_id, s.essay_id, s.user_id, s.id as submission_id, s.version,
    s.id = e.newest_submission_id as is_newest, s.status, s.created_at, s.released_at, s.words, coalesce(c.praise, 0) as praise,
    coalesce(c.comments, 0) as comments, coalesce(c.addressed, 0) as addressed, coalesce(c.persisting, 0) as persisting,
    coalesce(c.moot, 0) as moot, coalesce(r.levels, '[]') as levels
from submissions as s
join essays as e on e.org_id = s.org_id and e.id = s.essay_id
left join (
    select l.org_id, l.submission_id, count(*) filter (where l.kind = 'praise') as praise,
        count(*) filter (where l.kind <> 'praise') as comments,
        count(*) filter (where l.kind <> 'praise' and l.resolution = 'addressed') as addressed,
        count(*) filter (where l.kind <> 'praise' and l.resolution = 'persisting') as persisting,
        count(*) filter (where l.kind <> 'praise' and l.resolution = 'moot') as moot
    from report_live_comments as l where l.decision is distinct from 'rejected' group by l.org_id, l.submission_id
) as c on c.org_id = s.org_id and c.submission_id = s.id
left join (
    select t.org_id, t.submission_id, jsonb_agg(
        jsonb_build_object('criterion_id', t.criterion_id, 'level', t.level, 'points', t.points, 'max_points', t.max_points)
        order by t.criterion_id, t.pass) as levels
    from criterion_results as t where t.superseded_at is null group by t.org_id, t.submission_id
) as r on r.org_id = s.org_id and r.submission_id = s.id
where e.trial_until is null
with no data;
-- squawk-ignore require-concurrent-index-creation
create unique index idx_report_progress on report_progress (org_id, submission_id);
-- squawk-ignore require-concurrent-index-creation
create index idx_report_progress_course on report_progress (org_id, course_id, is_newest);
-- squawk-ignore require-concurrent-index-creation
create index idx_report_progress_user on report_progress (org_id, user_id);

-- How the newest versions of a course spread over the levels of each criterion.
create materialized view report_criteria as
select r.org_id, e.course_id, r.criterion_id, r.level, r.points, r.max_points, count(*) as essays
from criterion_results as r
join essays as e on e.org_id = r.org_id and e.newest_submission_id = r.submission_id
where r.superseded_at is null and e.course_id is not null and e.trial_until is null
group by r.org_id, e.course_id, r.criterion_id, r.level, r.points, r.max_points
with no data;
-- squawk-ignore require-concurrent-index-creation
create unique index idx_report_criteria on report_criteria (org_id, course_id, criterion_id, level, points, max_points);

-- Paid calls from the ledger, which keeps them when their rows go, and those of the local engine, which cost nothing.
create materialized view report_costs as
select c.org_id, c.day, c.provider, c.model, c.pass, sum(c.calls)::bigint as calls, sum(c.failed)::bigint as failed,
    sum(c.input_tokens)::bigint as input_tokens, sum(c.output_tokens)::bigint as output_tokens,
    sum(c.cache_read_tokens)::bigint as cache_read_tokens, sum(c.cache_write_tokens)::bigint as cache_write_tokens,
    sum(c.cost_micros)::bigint as cost_micros
from (
    select l.org_id, l.day, l.provider, l.model, l.pass, l.calls, l.failed, l.input_tokens, l.output_tokens, l.cache_read_tokens,
        l.cache_write_tokens, l.cost_micros
    from ledger as l
    union all
    select n.org_id, n.day, n.provider, n.model, n.pass, 1, n.failed::integer, n.input_tokens, n.output_tokens, n.cache_read_tokens,
        n.cache_write_tokens, n.cost_micros
    from ledger_entries as n
    union all
    select a.org_id, (a.created_at at time zone 'utc')::date, a.provider, a.model, a.pass, 1, (a.outcome <> 'ok')::integer,
        a.input_tokens, a.output_tokens, a.cache_read_tokens, a.cache_write_tokens, 0
    from ai_responses as a where a.provider = 'local' and a.outcome <> 'open'
) as c
group by c.org_id, c.day, c.provider, c.model, c.pass
with no data;
-- squawk-ignore require-concurrent-index-creation
create unique index idx_report_costs on report_costs (org_id, day, provider, model, pass);

create materialized view report_decisions as
select c.org_id, c.course_id, c.pass, c.type, count(*) as comments, count(*) filter (where c.decision = 'accepted') as accepted,
    count(*) filter (where c.decision = 'edited') as edited, count(*) filter (where c.decision = 'rejected') as rejected,
    count(*) filter (where c.reaction = 'helpful') as helpful, count(*) filter (where c.reaction = 'not_helpful') as not_helpful,
    count(*) filter (where c.reaction = 'disagree') as disagreed
from report_live_comments as c
group by c.org_id, c.course_id, c.pass, c.type
with no data;
-- squawk-ignore require-concurrent-index-creation
create unique index idx_report_decisions on report_decisions (org_id, course_id, pass, type) nulls not distinct;

create materialized view report_passes as
select p.org_id, e.course_id, p.name as pass, p.state, count(*) as passes
from passes as p
join essays as e on e.org_id = p.org_id and e.id = p.essay_id
where p.state in ('done', 'gave_up') and e.trial_until is null
group by p.org_id, e.course_id, p.name, p.state
with no data;
-- squawk-ignore require-concurrent-index-creation
create unique index idx_report_passes on report_passes (org_id, course_id, pass, state) nulls not distinct;

-- Admins read the whole org, educators the courses they teach, students the versions of theirs that are released.
do $$
declare
    wanted text;
begin
    alter view report_live_comments owner to ec_reports;
    revoke all on report_live_comments from ec_backup, ec_stats, ec_clock;
    foreach wanted in array array['submissions', 'comments', 'types', 'progress', 'criteria', 'costs', 'decisions', 'passes'] loop
        execute format('alter materialized view report_%s owner to ec_reports', wanted);
        execute format('revoke all on report_%s from ec_backup, ec_stats, ec_clock', wanted);
        execute format(
            'create view report_%1$s_of_org with (security_barrier) as select * from report_%1$s where org_id = (select app_org())',
            wanted
        );
        execute format('alter view report_%s_of_org owner to ec_reports', wanted);
        execute format('revoke all on report_%s_of_org from ec_backup, ec_stats, ec_clock', wanted);
        execute format('grant select on report_%s_of_org to ec_admin', wanted);
        continue when wanted = 'costs';
        execute format(
            'create view report_%1$s_of_courses with (security_barrier) as select * from report_%1$s '
            'where org_id = (select app_org()) and course_id = any ((select app_courses())::uuid[])', wanted
        );
        execute format('alter view report_%s_of_courses owner to ec_reports', wanted);
        execute format('revoke all on report_%s_of_courses from ec_backup, ec_stats, ec_clock', wanted);
        execute format('grant select on report_%s_of_courses to ec_educator', wanted);
    end loop;
    create view report_progress_of_student with (security_barrier) as
    select * from report_progress where org_id = (select app_org()) and user_id = (select app_user()) and released_at is not null;
    alter view report_progress_of_student owner to ec_reports;
    revoke all on report_progress_of_student from ec_backup, ec_stats, ec_clock;
    grant select on report_progress_of_student to ec_student;
end
$$;

-- Refresh one of the views and return how many milliseconds it took. Its readers go on reading the old rows until it is done. Whole
-- tables are added up: a nested loop would never end, whatever the planner expects. PostgreSQL compares old and new rows by a merge.
create function refresh_report(wanted text) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set work_mem = '64MB'
set enable_nestloop = off
as $$
declare
    began timestamptz := clock_timestamp();
    is_filled boolean := (
        select v.ispopulated from pg_matviews as v
        where v.schemaname = 'public' and v.matviewname = wanted and v.matviewowner = current_user
    );
    took integer;
begin
    if is_filled is null then
        raise exception 'there is no report view %', wanted using errcode = 'undefined_table';
    end if;
    execute format('refresh materialized view %s public.%I', case when is_filled then 'concurrently' else '' end, wanted);
    -- Later changes are noticed by autovacuum.
    if not is_filled then
        execute format('analyze public.%I', wanted);
    end if;
    took := (extract(epoch from clock_timestamp() - began) * 1000)::integer;
    insert into report_refreshes as r (name, refreshed_at, took_ms) values (wanted, began, took)
    on conflict (name) do update set refreshed_at = excluded.refreshed_at, took_ms = excluded.took_ms;
    return took;
end
$$;
alter function refresh_report(text) owner to ec_reports;
revoke all on function refresh_report(text) from public;
grant execute on function refresh_report(text) to ec_clock;
