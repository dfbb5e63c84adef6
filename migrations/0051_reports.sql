-- Which reports were asked for, by whom (user_id), about what, and how old their figures were. No words of people; 90 days.
create table reports (
    id uuid not null default uuidv7() constraint reports_pkey primary key,
    org_id uuid not null,
    user_id uuid not null,
    kind text not null constraint reports_kind_known check (kind in ('course', 'student', 'usage', 'quality')),
    student_id uuid,
    parameters jsonb not null constraint reports_parameters_object check (jsonb_typeof(parameters) = 'object'),
    data_as_of timestamptz not null,
    created_at timestamptz not null default now(),
    constraint reports_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint reports_student foreign key (org_id, student_id) references users (org_id, id) on delete cascade,
    constraint reports_student_of_a_student_report check ((student_id is not null) = (kind = 'student'))
);
comment on table reports is 'Reports that were asked for. parameters: a course, or dates.';
create index idx_reports_user on reports (org_id, user_id, id);
create index idx_reports_student on reports (org_id, student_id) where student_id is not null;
create index idx_reports_created on reports (created_at);
alter table reports enable row level security;
alter table reports force row level security;
create policy ec_admin_own_org on reports to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()) and user_id = (select app_user()));
create policy ec_educator_own_rows on reports to ec_educator
    using (org_id = (select app_org()) and user_id = (select app_user()))
    with check (org_id = (select app_org()) and user_id = (select app_user()));
create policy ec_student_own_rows on reports to ec_student
    using (org_id = (select app_org()) and user_id = (select app_user()))
    with check (org_id = (select app_org()) and user_id = (select app_user()));
create policy ec_clock_all on reports to ec_clock using (true);
grant select, insert on reports to ec_admin, ec_educator, ec_student;
grant select (created_at), delete on reports to ec_clock;
grant delete on reports to ec_stats;
grant execute on function wait_bounds() to ec_educator, ec_admin;

-- When the audit of the data last succeeded, and whether it found nothing. Counts are of all schools, so they stay away.
create function last_data_audit() returns table (checked_at timestamptz, is_clean boolean)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query select d.succeeded_at, d.outcome = 'ok' and d.found = 0 from duty_runs as d where d.name = 'audit_data';
end
$$;
alter function last_data_audit() owner to ec_stats;
revoke all on function last_data_audit() from public;
grant execute on function last_data_audit() to ec_admin;

-- As in 0026, and the reading of a report.
create or replace function audit_write(what text, thing text, ids uuid[], facts jsonb[]) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    acting text := replace(coalesce(nullif(current_setting('role'), 'none'), session_user), 'ec_', '');
begin
    -- Commands act with the rights of an admin or the clock, for nobody in particular.
    if app_actor() is null then
        acting := case when acting in ('admin', 'clock') then 'operator' end;
    end if;
    if app_org() is null or not exists (
        select from (values
            ('read', 'user', array['educator', 'admin']),
            ('read', 'essay', array['educator', 'admin']),
            ('read', 'submission', array['educator', 'admin', 'lms']),
            ('read', 'report', array['educator', 'admin']),
            ('read', 'source', array['admin']),
            ('read', 'delivery', array['admin']),
            ('delivery_replayed', 'delivery', array['admin']),
            ('feedback_reviewed', 'feedback', array['educator', 'admin']),
            ('feedback_added', 'feedback', array['educator', 'admin']),
            ('feedback_released', 'submission', array['educator', 'admin']),
            ('feedback_released', 'assignment', array['educator', 'admin']),
            ('pass_rerun', 'pass', array['educator', 'admin']),
            ('pass_replayed', 'pass', array['educator', 'admin', 'operator']),
            ('pass_discarded', 'pass', array['educator', 'admin', 'operator']),
            ('roster_imported', 'org', array['admin', 'operator']),
            ('ai_chosen', 'org', array['operator']),
            ('org_closed', 'org', array['operator']),
            ('org_exported', 'org', array['operator']),
            ('org_removed', 'org', array['operator'])
        ) as known (action, entity, roles)
        where known.action = what and known.entity = thing and acting = any (known.roles)
    ) then
        raise exception 'no audit entry "% %" by %', what, thing, coalesce(acting, current_setting('role'))
            using errcode = 'insufficient_privilege';
    end if;
    insert into audit_log (org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail)
    select app_org(), app_actor(), acting, nullif(current_setting('app.request', true), ''), what, thing, e.id, e.detail
    from unnest(ids, facts) as e (id, detail);
end
$$;
