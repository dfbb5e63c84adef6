-- An org names the sites that may show its essays in a frame, and who made a link for that stands in the audit trail.
alter table orgs add column embed_origins text[] not null default '{}'
    constraint orgs_embed_origins_few check (cardinality(embed_origins) <= 20 and array_position(embed_origins, null) is null);

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
            ('link_made', 'essay', array['educator', 'admin', 'lms']),
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
