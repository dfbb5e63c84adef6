-- Who may see and do what. Policy first, then grant; one policy a role and table; no OR in any of them.
-- A setting that is missing hides every row. Views and functions that look across orgs belong to ec_stats.

-- Every search_path ends in pg_temp: left out, it would be searched first, and whoever may make a temporary table could
-- put a name of their own before ours.

-- The courses the acting educator teaches, and the people in them. Definer: the policies that call these would
-- otherwise ask themselves. Both answer for the acting user of the acting org only.
create function app_courses() returns uuid[]
language sql stable security definer parallel safe
set search_path = pg_catalog, public, pg_temp
return (
    select coalesce(array_agg(e.course_id), '{}') from public.enrollments as e
    where e.org_id = public.app_org() and e.user_id = public.app_user() and e.role = 'educator'
);
alter function app_courses() owner to ec_stats;

create function app_people() returns uuid[]
language sql stable security definer parallel safe
set search_path = pg_catalog, public, pg_temp
return (
    select coalesce(array_agg(distinct e.user_id), '{}') || public.app_user() from public.enrollments as e
    where e.org_id = public.app_org() and e.course_id = any (public.app_courses())
);
alter function app_people() owner to ec_stats;

-- Whose writing the acting educator may read: their courses', and what they wrote themselves to try the system.
create function app_audience() returns uuid[]
language sql stable parallel safe
return app_courses() || app_user();

-- The courses the acting person is enrolled in, in whichever role.
create function app_enrolled() returns uuid[]
language sql stable security definer parallel safe
set search_path = pg_catalog, public, pg_temp
return (
    select coalesce(array_agg(e.course_id), '{}') from public.enrollments as e
    where e.org_id = public.app_org() and e.user_id = public.app_user()
);
alter function app_enrolled() owner to ec_stats;

-- Raises EC001 unless the access token's session may act: not logged out, not expired, same role and token version, not
-- disabled. An error and not an answer, because it is asked in one round trip with the session's first statement.
create function require_live_session(session_id uuid, wanted_user uuid, wanted_role text, wanted_version integer) returns void
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform from public.sessions as s
    join public.users as u on u.org_id = s.org_id and u.id = s.user_id
    where s.id = session_id and s.user_id = wanted_user and s.revoked_at is null and s.expires_at > now()
        and u.role = wanted_role and u.token_version = wanted_version and u.disabled_at is null;
    if not found then
        raise exception 'the session has ended' using errcode = 'EC001';
    end if;
end
$$;
alter function require_live_session(uuid, uuid, text, integer) owner to ec_stats;

grant execute on function uuid7_floor(timestamptz) to ec_clock, ec_monitor, ec_stats;
grant execute on function app_org(), app_user()
    to ec_auth, ec_lms, ec_student, ec_educator, ec_admin, ec_worker, ec_clock, ec_stats;
grant execute on function app_courses(), app_people(), app_audience() to ec_educator;
grant execute on function app_enrolled() to ec_student, ec_educator;
-- Asked in the very statement that takes on the role, so the log-in role itself must be allowed to.
grant execute on function require_live_session(uuid, uuid, text, integer) to ec_ingest;

-- Row security is on and forced for every table that has an org, and on every partition of one.
do $$
declare
    org_table regclass;
begin
    for org_table in
        select c.oid from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    loop
        execute format('alter table %s enable row level security', org_table);
        execute format('alter table %s force row level security', org_table);
    end loop;
end
$$;
alter table orgs enable row level security;
alter table orgs force row level security;

-- Most rules are the same rule: "rows of the acting org". Written once here, listed below by table and role.
create procedure pg_temp.own_org(tables text[], roles text[])
language plpgsql as $$
declare
    t text;
    r text;
begin
    foreach t in array tables loop
        foreach r in array roles loop
            execute format(
                'create policy %I on %I to %I using (org_id = (select app_org())) with check (org_id = (select app_org()))',
                r || '_own_org', t, r
            );
        end loop;
    end loop;
end
$$;

create procedure pg_temp.own_rows(tables text[], role_name text, condition text)
language plpgsql as $$
declare
    t text;
begin
    foreach t in array tables loop
        execute format(
            'create policy %I on %I to %I using (org_id = (select app_org()) and %s) with check (org_id = (select app_org()) and %s)',
            role_name || '_own_rows', t, role_name, condition, condition
        );
    end loop;
end
$$;

-- The org itself: its key is its id.
create policy ec_lms_own_org on orgs to ec_lms using (id = (select app_org()));
create policy ec_student_own_org on orgs to ec_student using (id = (select app_org()));
create policy ec_educator_own_org on orgs to ec_educator using (id = (select app_org()));
create policy ec_admin_own_org on orgs to ec_admin using (id = (select app_org())) with check (id = (select app_org()));
create policy ec_worker_own_org on orgs to ec_worker using (id = (select app_org()));
create policy ec_auth_any_org on orgs to ec_auth using (true);

-- Before an identity is known: find the org by its name, a key by its digest, a source by its id. Columns are few.
create policy ec_auth_any_key on api_keys to ec_auth using (true);
create policy ec_auth_any_source on sources to ec_auth using (true);
call pg_temp.own_org(array['users', 'sessions'], array['ec_auth']);

call pg_temp.own_org(
    array['users', 'user_keys', 'courses', 'enrollments', 'assignments', 'categories', 'rubrics', 'rubric_criteria', 'essays',
        'submissions', 'passes', 'idempotency_keys', 'seen_events', 'inbound_events', 'analytics', 'feedback', 'criterion_results'],
    array['ec_lms', 'ec_admin']
);
call pg_temp.own_org(array['api_keys', 'sources', 'sessions', 'ai_responses', 'system_logs'], array['ec_admin']);
call pg_temp.own_org(
    array['users', 'user_keys', 'assignments', 'categories', 'rubrics', 'rubric_criteria', 'essays', 'submissions', 'passes',
        'feedback', 'criterion_results', 'ai_responses', 'system_logs'],
    array['ec_worker']
);
call pg_temp.own_org(array['categories', 'rubrics', 'rubric_criteria'], array['ec_student', 'ec_educator']);

-- A student: own rows; feedback and results only when released.
call pg_temp.own_rows(
    array['user_keys', 'enrollments', 'essays', 'submissions', 'passes', 'analytics'], 'ec_student', 'user_id = (select app_user())'
);
call pg_temp.own_rows(array['users'], 'ec_student', 'id = (select app_user())');
call pg_temp.own_rows(array['idempotency_keys'], 'ec_student', 'caller_id = (select app_user())');
call pg_temp.own_rows(array['courses'], 'ec_student', 'id = any ((select app_enrolled())::uuid[])');
call pg_temp.own_rows(array['assignments'], 'ec_student', 'course_id = any ((select app_enrolled())::uuid[])');
call pg_temp.own_rows(
    array['feedback', 'criterion_results'], 'ec_student',
    'user_id = (select app_user()) and exists (select from submissions as s where s.id = submission_id and s.released_at is not null)'
);

-- An educator: their courses and the people and writing in them, plus what they wrote themselves to try the system.
call pg_temp.own_rows(array['courses'], 'ec_educator', 'id = any ((select app_enrolled())::uuid[])');
call pg_temp.own_rows(array['enrollments'], 'ec_educator', 'course_id = any ((select app_courses())::uuid[])');
call pg_temp.own_rows(array['assignments'], 'ec_educator', 'course_id = any ((select app_courses())::uuid[])');
call pg_temp.own_rows(array['users'], 'ec_educator', 'id = any ((select app_people())::uuid[])');
call pg_temp.own_rows(array['user_keys'], 'ec_educator', 'user_id = any ((select app_people())::uuid[])');
call pg_temp.own_rows(array['analytics'], 'ec_educator', 'user_id = (select app_user())');
call pg_temp.own_rows(array['idempotency_keys'], 'ec_educator', 'caller_id = (select app_user())');
call pg_temp.own_rows(
    array['essays', 'submissions', 'passes', 'feedback', 'criterion_results'], 'ec_educator',
    'audience_id = any ((select app_audience())::uuid[])'
);

-- The clock sees every org, but only what it needs to know what is due: no text, no title, no comment.
create policy ec_clock_all on passes to ec_clock using (true);
create policy ec_clock_all on submissions to ec_clock using (true);
create policy ec_clock_all on ai_responses to ec_clock using (true);
create policy ec_clock_all on idempotency_keys to ec_clock using (true);
create policy ec_clock_all on system_logs to ec_clock using (true) with check (true);
create policy ec_clock_all on sessions to ec_clock using (true);

-- squawk-ignore ban-drop-function
drop procedure pg_temp.own_rows(text[], text, text);
-- squawk-ignore ban-drop-function
drop procedure pg_temp.own_org(text[], text[]);

-- Grants restate the arrows: ingest creates submissions and never finishes a pass, workers finish and never create.
grant select (id, slug, default_language) on orgs to ec_auth;
grant select (id, org_id, role, email_digest, password_hash, token_version, disabled_at) on users to ec_auth;
grant update (password_hash) on users to ec_auth;
grant select, insert on sessions to ec_auth;
grant update (generation, rotated_at, revoked_at, revoked_reason) on sessions to ec_auth;
grant select (id, org_id, digest, expires_at, revoked_at) on api_keys to ec_auth;
grant select (id, org_id, secret, previous_secret, previous_secret_until, disabled_at) on sources to ec_auth;

grant select on orgs to ec_lms, ec_student, ec_educator, ec_admin, ec_worker;
grant insert, update on orgs to ec_admin;
grant select on feedback_types to ec_lms, ec_student, ec_educator, ec_admin, ec_worker;
grant select on categories, rubrics, rubric_criteria, courses, enrollments, assignments to ec_lms, ec_student, ec_educator, ec_admin;
grant insert, update, delete on categories, rubrics, rubric_criteria, courses, enrollments, assignments to ec_admin;
grant insert on enrollments to ec_lms;

grant select (id, org_id, role, email, email_digest, name, external_id, external_id_digest, language, disabled_at, created_at)
    on users to ec_lms, ec_educator, ec_admin, ec_student;
grant select (id, org_id, language) on users to ec_worker;
grant select (token_version) on users to ec_admin;
grant insert on users, user_keys to ec_lms, ec_admin;
grant update (email, email_digest, name, language, disabled_at, role, token_version, password_hash) on users to ec_admin;
grant update (email, email_digest, name, external_id, external_id_digest) on users to ec_lms;
grant select on user_keys to ec_lms, ec_student, ec_educator, ec_admin, ec_worker;
grant select, update (revoked_at, revoked_reason) on sessions to ec_admin;

grant select (id, org_id, name, prefix, expires_at, revoked_at, created_at) on api_keys to ec_admin;
grant insert on api_keys to ec_admin;
grant update (name, expires_at, revoked_at) on api_keys to ec_admin;
grant select (id, org_id, name, previous_secret_until, disabled_at, created_at) on sources to ec_admin;
grant insert on sources to ec_admin;
grant update (name, secret, previous_secret, previous_secret_until, disabled_at) on sources to ec_admin;

grant select, insert on essays to ec_lms, ec_student, ec_educator, ec_admin;
grant update (title, category_id, versions, newest_submission_id, newest_submitted_at, updated_at) on essays
    to ec_lms, ec_student, ec_educator, ec_admin;
grant select, insert on submissions to ec_lms, ec_student, ec_educator, ec_admin;
grant select, insert on passes to ec_lms, ec_student, ec_educator, ec_admin;
grant select, insert on idempotency_keys to ec_lms, ec_student, ec_educator, ec_admin;
grant update (response) on idempotency_keys to ec_lms, ec_student, ec_educator, ec_admin;
grant insert on analytics to ec_lms, ec_student, ec_educator, ec_admin;
grant select on analytics to ec_student, ec_educator, ec_admin;
grant select, insert on seen_events to ec_lms;
grant update (submission_id, answer) on seen_events to ec_lms;
grant insert on inbound_events to ec_lms;
grant select on seen_events, inbound_events to ec_admin;
grant select on feedback, criterion_results to ec_lms, ec_student, ec_educator, ec_admin;
grant select (id, created_at, org_id, submission_id, pass, attempt, provider, model, prompt_version, outcome, stop_reason,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_micros, latency_ms, completed_at)
    on ai_responses to ec_admin;
grant select on system_logs to ec_admin;

grant select on essays, submissions, passes, assignments, categories, rubrics, rubric_criteria, feedback to ec_worker;
grant update (status, completed_at) on submissions to ec_worker;
grant update (state, attempt, fence, next_at, lease_until, first_claimed_at, started_at, finished_at, error, provider, model,
    comments, summary) on passes to ec_worker;
grant insert on feedback, criterion_results, ai_responses, system_logs to ec_worker;
grant select (id, org_id, submission_id, pass, outcome) on ai_responses to ec_worker;
grant update (outcome, stop_reason, raw, model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_micros,
    latency_ms, completed_at) on ai_responses to ec_worker;
grant select, insert, update on tallies to ec_worker, ec_clock;

grant select (id, org_id, submission_id, user_id, name, state, queue, attempt, fence, lost, queued_at, next_at, hinted_at, lease_until,
    first_claimed_at, started_at, finished_at, error, provider, tallied) on passes to ec_clock;
grant update (state, lost, next_at, hinted_at, lease_until, finished_at, error, tallied) on passes to ec_clock;
grant select (id, org_id, essay_id, status, version, completed_at) on submissions to ec_clock;
grant update (status, completed_at) on submissions to ec_clock;
grant select (id, created_at, pass, provider, outcome, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    cost_micros, latency_ms, completed_at, tallied) on ai_responses to ec_clock;
grant update (tallied) on ai_responses to ec_clock;
grant select (created_at), delete on idempotency_keys to ec_clock;
grant select (id, expires_at), delete on sessions to ec_clock;
grant select (id), insert, delete on system_logs to ec_clock;
grant select on tallies to ec_monitor;
