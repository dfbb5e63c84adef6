-- Lost: why deliveries were refused, when they were replayed, which source an id of a course or assignment came from, and which
-- sources and keys may add courses. A key keeps its other scopes; one that could only manage is revoked and may read.
-- When two sources use the same id, only the oldest course or assignment keeps it.
drop function settle_delivery(uuid, uuid, uuid, bytea);
revoke update (outcome, reason, problem, user_id, submission_id, body) on inbound_events from ec_stats;
create index idx_inbound_events_source on inbound_events (org_id, source_id, event_id);
drop index idx_inbound_events_outcome;
revoke select (problem), update (problem) on inbound_events from ec_keys;
revoke update (replayed_at) on inbound_events from ec_admin;
alter table inbound_events drop column replayed_at;
alter table inbound_events drop column problem;

create index idx_essays_assignment on essays (org_id, assignment_id) where assignment_id is not null;
drop index idx_essays_assignment_id;
drop index idx_essays_updated;
drop index idx_essays_external_id;

revoke all (id, org_id, name, external_id, archived_at) on courses from ec_manager;
revoke all (org_id, course_id, user_id, role) on enrollments from ec_manager;
revoke all (id, org_id, course_id, title, prompt, due_at, release_policy, category_id, rubric_id, external_id) on assignments
    from ec_manager;
revoke all (id, org_id, role, created_at) on users from ec_manager;
revoke all (org_id, user_id) on user_keys from ec_manager;
revoke all (id, org_id) on rubrics from ec_manager;
revoke all on courses, enrollments, assignments, categories from ec_manager;
revoke all on function app_org(), app_user(), lacks_key(uuid) from ec_manager;
drop policy ec_manager_own_org on users;
drop policy ec_manager_own_org on user_keys;
drop policy ec_manager_own_org on rubrics;
drop policy ec_manager_own_org on categories;
drop policy ec_manager_own_org on assignments;
drop policy ec_manager_own_org on enrollments;
drop policy ec_manager_own_org on courses;

drop function place_assignment(text, text, text, text, boolean);
revoke insert (org_id, name, external_id, source_id) on courses from ec_stats;
revoke insert (org_id, course_id, title, external_id, source_id) on assignments from ec_stats;
drop index assignments_external_id_unique;
drop index courses_external_id_unique;
-- The owner is bound by row security too, unless it is not forced.
alter table assignments no force row level security;
alter table courses no force row level security;
alter table api_keys no force row level security;
update assignments as a set external_id = null
where exists (select from assignments as b where b.org_id = a.org_id and b.external_id = a.external_id and b.id < a.id);
update courses as c set external_id = null
where exists (select from courses as b where b.org_id = c.org_id and b.external_id = c.external_id and b.id < c.id);
alter table assignments force row level security;
alter table courses force row level security;
alter table assignments add constraint assignments_external_id_unique unique (org_id, external_id);
alter table courses add constraint courses_external_id_unique unique (org_id, external_id);
drop index idx_assignments_source;
drop index idx_courses_source;
alter table assignments drop constraint assignments_source;
alter table courses drop constraint courses_source;
alter table assignments drop column source_id;
alter table courses drop column source_id;

alter table api_keys drop constraint api_keys_scopes_known;
update api_keys set scopes = '{read}', revoked_at = coalesce(revoked_at, now()) where scopes = '{manage}';
update api_keys set scopes = array_remove(scopes, 'manage') where 'manage' = any (scopes);
alter table api_keys force row level security;
alter table api_keys add constraint api_keys_scopes_known
    check (scopes <@ array['submit', 'read'] and cardinality(scopes) > 0);
create or replace trigger audited after insert or update of name, scopes, expires_at, revoked_at or delete on api_keys
    for each row execute function audit_change('api_key', 'id');
revoke select (creates_courses), update (creates_courses) on sources, api_keys from ec_admin;
alter table api_keys drop column creates_courses;
alter table sources drop column creates_courses;
