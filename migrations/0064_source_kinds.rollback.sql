-- Lost: how the webhooks of custom sources are read, and what went back by other channels than comments in Moodle. Sources of the
-- new kinds stay as webhook sources that are switched off; Moodle sites with a plugin stay Moodle sites.
drop trigger audited on platforms;
create trigger audited after insert or update or delete on platforms
for each row execute function audit_change('platform', 'id');
alter table platforms drop column launched_at, drop column refused_at, drop column refused_reason;
revoke select, insert, delete on lti_keys from ec_worker;
revoke select (
    id, org_id, state, issuer, client_id, authorization_url, token_url, token_audience, jwks_url, deployments, frame_origins,
    registration_ends_at, created_at
) on platforms from ec_worker;
drop policy ec_worker_own_org on platforms;
revoke select (id, org_id, state, next_at, started_at), update (next_at) on moodle_sites from ec_lms;
drop policy ec_lms_own_source on moodle_sites;

create or replace function settle_delivery(delivery uuid, student uuid, submission uuid, sealed bytea) returns void
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update inbound_events as d
    set outcome = 'accepted', reason = null, problem = null, user_id = student, submission_id = submission, body = sealed
    where d.org_id = app_org() and d.source_id = app_actor() and d.id = delivery and d.outcome = 'refused';
end
$$;

alter table returns no force row level security;
delete from returns where channel <> 'moodle_comment';
alter table returns force row level security;
alter table returns drop constraint returns_channel_known;
alter table returns add constraint returns_channel_known check (channel in ('moodle_comment')) not valid;
alter table returns validate constraint returns_channel_known;

alter table sources drop constraint sources_mapping_of_custom;
alter table sources drop column mapping;
alter table sources no force row level security;
update sources set kind = 'moodle' where kind = 'moodle_webhookengine';
update sources set disabled_at = coalesce(disabled_at, now()), kind = 'signed' where kind in ('custom', 'canvas');
alter table sources force row level security;
alter table sources drop constraint sources_kind_known;
alter table sources add constraint sources_kind_known check (kind in ('signed', 'lti', 'moodle')) not valid;
alter table sources validate constraint sources_kind_known;
