-- Lost: the networks that orgs have named. API keys, sources and admins are accepted from everywhere again.
create or replace function require_live_session(session_id uuid, wanted_user uuid, wanted_role text, wanted_version integer)
returns void
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    has_key boolean;
begin
    select k.user_id is not null into has_key
    from public.sessions as s
    join public.users as u on u.org_id = s.org_id and u.id = s.user_id
    join public.orgs as o on o.id = s.org_id
    left join public.user_keys as k on k.org_id = u.org_id and k.user_id = u.id
    where s.id = session_id and s.org_id = public.app_org() and s.user_id = wanted_user
        and s.revoked_at is null and s.expires_at > now()
        and u.role = wanted_role and u.token_version = wanted_version and u.disabled_at is null
        and o.closed_at is null;
    if has_key is null then
        raise exception 'the session has ended' using errcode = 'EC001';
    elsif not has_key then
        raise exception 'the key of this person was not restored' using errcode = 'EC003';
    end if;
end
$$;

alter table orgs drop column admin_networks;
alter table sources drop column networks;
drop trigger audited on api_keys;
create trigger audited after insert or delete or update of name, scopes, creates_courses, expires_at, revoked_at
on api_keys for each row execute function audit_change('api_key', 'id');
alter table api_keys drop column networks;
