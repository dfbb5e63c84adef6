-- Lost: which orgs ask for two admins, and every request and approval. One admin decides alone again.
drop trigger dual_approval on orgs;
drop function keep_dual_approval();
create or replace function request_erasure(person uuid) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform from orgs as o where o.id = app_org() for share;
    -- Locked first: a hold that comes at the same moment is seen.
    perform from users as u where u.org_id = app_org() and u.id = person for update;
    if on_hold(person) then
        raise exception 'a legal hold keeps the data of this person' using errcode = 'EC007';
    end if;
    update users as u set name = null, email = null, email_digest = null, password_hash = null, language = null,
        external_id = '', external_id_digest = sha256(uuid_send(gen_random_uuid())),
        token_version = u.token_version + 1, disabled_at = coalesce(u.disabled_at, now()), erase_requested_at = now()
    where u.org_id = app_org() and u.id = person and u.erase_requested_at is null;
    if not found then
        return exists (select from users as u where u.org_id = app_org() and u.id = person);
    end if;
    delete from user_keys as k where k.org_id = app_org() and k.user_id = person;
    update sessions as s set revoked_at = now(), revoked_reason = 'disabled'
    where s.org_id = app_org() and s.user_id = person and s.revoked_at is null;
    return true;
end
$$;

drop function use_approval(text, uuid);
drop function approve_request(uuid);
drop function request_approval(text, uuid);
drop function approval_state(approvals);
drop function is_active_admin(uuid);
drop table approvals;
alter table orgs drop column dual_approval;
