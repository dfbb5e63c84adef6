create policy ec_educator_own_rows on audit_log to ec_educator
    using (org_id = (select app_org()) and actor_id = (select app_user()))
    with check (org_id = (select app_org()) and actor_id = (select app_user()));
create policy ec_lms_own_rows on audit_log for insert to ec_lms
    with check (org_id = (select app_org()) and actor_id = (select app_actor()) and actor_role = 'lms');
grant insert (org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail) on audit_log
    to ec_admin, ec_educator, ec_lms, ec_clock;
drop function audit_write(text, text, uuid[], jsonb[]);
