-- Lost: which platforms get scores, where they take them (the next launch says it again), and the scores that were not sent yet. Scores that
-- were sent stay there.
drop trigger notes_score on submissions;
drop function note_score();
-- The owner is bound by row security too, unless it is not forced.
alter table returns no force row level security;
delete from returns where channel = 'lti_score';
alter table returns force row level security;
drop policy ec_worker_own_org on lms_people;
revoke select (id, org_id, source_id, user_id, subject) on lms_people from ec_worker;
drop table platform_assignments;
drop trigger audited on platforms;
create trigger audited after insert or delete or update of
state, registration_digest, registration_ends_at, issuer, client_id, authorization_url, token_url, token_audience, jwks_url, deployments,
frame_origins on platforms
for each row execute function audit_change('platform', 'id');
alter table platforms drop column scores;

-- The rows are not looked at again, as after 0064.
alter table platforms drop constraint platforms_refused_reason_short;
alter table platforms add constraint platforms_refused_reason_short
check (length(refused_reason) <= 200 and (refused_reason is null) = (refused_at is null)) not valid;
alter table returns drop constraint returns_channel_known;
alter table returns add constraint returns_channel_known
check (channel in ('moodle_comment', 'canvas_comment', 'lti_score', 'asset_report')) not valid;
alter table sources drop constraint sources_mapping_of_custom;
alter table sources add constraint sources_mapping_of_custom check ((kind = 'custom') = (mapping is not null)) not valid;
alter table sources drop constraint sources_mapping_object;
alter table sources add constraint sources_mapping_object check (jsonb_typeof(mapping) = 'object') not valid;
alter table sources drop constraint sources_kind_known;
alter table sources add constraint sources_kind_known
check (kind in ('signed', 'custom', 'moodle', 'moodle_webhookengine', 'canvas', 'lti')) not valid;
