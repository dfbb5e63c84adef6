-- Loses no fact: the lists say again what feedback and reviews say. Entries that were written stay.
drop function change_own_profile(boolean, bytea, boolean, text);
revoke execute on function uuid7_floor(timestamptz) from ec_admin;
revoke insert (org_id, program, level, event, request_id, context) on system_logs from ec_auth;
drop policy ec_auth_own_org on system_logs;
revoke insert (org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail) on audit_log from ec_lms;
drop policy ec_lms_own_rows on audit_log;
revoke execute on function app_actor() from ec_lms;
drop index idx_feedback_reactions_org_disagreed;
drop index idx_feedback_reactions_audience_disagreed;
drop trigger unlists_earlier on essays;
drop trigger lists_decided on feedback_reviews;
drop trigger unlists_superseded on feedback;
drop trigger lists_new on feedback;
drop function unlist_earlier_versions();
drop function list_decided_comment();
drop function unlist_superseded_comment();
drop function list_new_comments();
drop table review_items;
