-- No rows are lost.
create or replace function audit_note(tenant uuid, what text, thing text, thing_id uuid, facts jsonb) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
begin atomic
    insert into public.audit_log (org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail)
    values (audit_note.tenant, public.app_actor(), replace(coalesce(nullif(current_setting('role'), 'none'), session_user), 'ec_', ''),
        nullif(current_setting('app.request', true), ''), audit_note.what, audit_note.thing, audit_note.thing_id, audit_note.facts);
end;
drop function newest_versions(uuid[], boolean);
drop function submission_reactions(uuid);
drop function submission_reviews(uuid);
drop function submission_results(uuid);
drop function submission_comments(uuid, text[]);
drop function submission_text(uuid);
drop function submission_status(uuid, uuid, text[], boolean);
