-- Networks from which API keys, webhook sources and an org's admins are accepted, as CIDR; none means everywhere. They are text,
-- because programs then read and write them as lists; the cast refuses what is no network.
alter table api_keys add column networks text[] not null default '{}'
    constraint api_keys_networks_few check (cardinality(networks) <= 50 and array_position(networks::cidr[], null) is null);
grant select (networks) on api_keys to ec_auth;
grant select (networks), update (networks) on api_keys to ec_admin;
create or replace trigger audited after insert or delete or update of name, scopes, creates_courses, expires_at, revoked_at, networks
on api_keys for each row execute function audit_change('api_key', 'id');

alter table sources add column networks text[] not null default '{}'
    constraint sources_networks_few check (cardinality(networks) <= 50 and array_position(networks::cidr[], null) is null);
grant select (networks) on sources to ec_auth;
grant select (networks), update (networks) on sources to ec_admin;

alter table orgs add column admin_networks text[] not null default '{}'
    constraint orgs_admin_networks_few check (cardinality(admin_networks) <= 50 and array_position(admin_networks::cidr[], null) is null);
grant select (admin_networks) on orgs to ec_auth;

-- The program says where an admin's request comes from (`app.address`). One that does not say so, because it is older, reaches nothing
-- as an admin of an org that names networks.
create or replace function require_live_session(session_id uuid, wanted_user uuid, wanted_role text, wanted_version integer)
returns void
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    has_key boolean;
    allowed text[];
begin
    select k.user_id is not null, case u.role when 'admin' then o.admin_networks else '{}' end into has_key, allowed
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
    elsif allowed <> '{}'
        and not coalesce(nullif(current_setting('app.address', true), '')::inet <<= any (allowed::inet[]), false)
    then
        raise exception 'admins are not accepted from this address' using errcode = 'EC006';
    end if;
end
$$;
