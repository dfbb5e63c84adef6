do $$
declare
    rule record;
begin
    for rule in select schemaname, tablename, policyname from pg_policies where schemaname = 'public' loop
        execute format('drop policy %I on %I.%I', rule.policyname, rule.schemaname, rule.tablename);
    end loop;
    for rule in
        select c.oid::regclass as name from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relrowsecurity
    loop
        execute format('alter table %s disable row level security', rule.name);
        execute format('alter table %s no force row level security', rule.name);
    end loop;
end
$$;
revoke all on all tables in schema public
    from ec_auth, ec_lms, ec_student, ec_educator, ec_admin, ec_worker, ec_clock, ec_monitor;
revoke all on function uuid7_floor(timestamptz), app_org(), app_user()
    from ec_auth, ec_lms, ec_student, ec_educator, ec_admin, ec_worker, ec_clock, ec_monitor, ec_stats;
drop function require_live_session(uuid, uuid, text, integer);
drop function app_enrolled();
drop function app_audience();
drop function app_people();
drop function app_courses();
