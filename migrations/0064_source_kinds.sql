-- More kinds of sources: Moodle with a plugin that tells us when to look, Canvas, and any LMS with signed webhooks of its own form.
-- Until 0065 the rows that are there already are not looked at; each of them fits.
-- squawk-ignore ban-drop-constraint
alter table sources drop constraint sources_kind_known;
alter table sources add constraint sources_kind_known
check (kind in ('signed', 'custom', 'moodle', 'moodle_webhookengine', 'canvas', 'lti')) not valid;

-- How the webhooks of a `custom` source are read: which header has the signature, and where in the body each member is.
alter table sources add column mapping jsonb;
alter table sources add constraint sources_mapping_object check (jsonb_typeof(mapping) = 'object') not valid;
alter table sources add constraint sources_mapping_of_custom check ((kind = 'custom') = (mapping is not null)) not valid;
grant select (mapping) on sources to ec_auth;
grant select (mapping), update (mapping) on sources to ec_admin;

-- A delivery that a wrong mapping had ignored is settled too when it is carried out again.
create or replace function settle_delivery(delivery uuid, student uuid, submission uuid, sealed bytea) returns void
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update inbound_events as d
    set outcome = 'accepted', reason = null, problem = null, user_id = student, submission_id = submission, body = sealed
    where d.org_id = app_org() and d.source_id = app_actor() and d.id = delivery and d.outcome in ('refused', 'ignored');
end
$$;

-- squawk-ignore ban-drop-constraint
alter table returns drop constraint returns_channel_known;
alter table returns add constraint returns_channel_known
check (channel in ('moodle_comment', 'canvas_comment', 'lti_score', 'asset_report')) not valid;

-- A site that tells us that something was handed in is looked at at once.
create policy ec_lms_own_source on moodle_sites to ec_lms
using (org_id = (select app_org()) and id = (select app_actor()))
with check (org_id = (select app_org()) and id = (select app_actor()));
grant select (id, org_id, state, next_at, started_at), update (next_at) on moodle_sites to ec_lms;

-- A worker asks platforms for what an arrival or a return needs, and signs for that with our key.
create policy ec_worker_own_org on platforms to ec_worker using (org_id = (select app_org()));
grant select (
    id, org_id, state, issuer, client_id, authorization_url, token_url, token_audience, jwks_url, deployments, frame_origins,
    registration_ends_at, created_at
) on platforms to ec_worker;
grant select, insert, delete on lti_keys to ec_worker;

-- When a platform last opened our pages, and why it was last refused, for its admins. These are no changes for the audit trail.
alter table platforms add column launched_at timestamptz, add column refused_at timestamptz, add column refused_reason text;
alter table platforms add constraint platforms_refused_reason_short
check (length(refused_reason) <= 200 and (refused_reason is null) = (refused_at is null)) not valid;
grant update (launched_at, refused_at, refused_reason) on platforms to ec_auth;
grant select (launched_at, refused_at, refused_reason) on platforms to ec_admin;
drop trigger audited on platforms;
create trigger audited after insert or delete or update of
state, registration_digest, registration_ends_at, issuer, client_id, authorization_url, token_url, token_audience, jwks_url, deployments,
frame_origins on platforms
for each row execute function audit_change('platform', 'id');
