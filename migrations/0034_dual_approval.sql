-- An org may ask that two admins agree before a person is erased or exported, or the school is removed.
alter table orgs add column dual_approval boolean not null default false;

-- What one admin asks for and another approves. `user_id` is who is to be erased or exported.
create table approvals (
    id uuid primary key default uuidv7(),
    org_id uuid not null references orgs (id) on delete cascade,
    action text not null,
    user_id uuid,
    requested_by uuid not null,
    requested_at timestamptz not null default now(),
    approved_by uuid,
    approved_at timestamptz,
    used_at timestamptz,
    constraint approvals_person foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint approvals_requester foreign key (org_id, requested_by) references users (org_id, id) on delete cascade,
    constraint approvals_approver foreign key (org_id, approved_by) references users (org_id, id) on delete cascade,
    constraint approvals_action_known check (action in ('erase_person', 'export_person', 'remove_org', 'end_dual_approval')),
    constraint approvals_person_when_about_one check ((action in ('erase_person', 'export_person')) = (user_id is not null)),
    constraint approvals_by_another_admin check (approved_by <> requested_by),
    constraint approvals_approved_by_somebody check ((approved_by is null) = (approved_at is null)),
    constraint approvals_used_when_approved check (used_at is null or approved_at is not null)
);
create index idx_approvals_org on approvals (org_id, id);
create index idx_approvals_person on approvals (org_id, user_id) where user_id is not null;
create index idx_approvals_requester on approvals (org_id, requested_by);
create index idx_approvals_approver on approvals (org_id, approved_by) where approved_by is not null;
alter table approvals enable row level security;
alter table approvals force row level security;
create policy ec_admin_own_org on approvals to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant select on approvals to ec_admin;
grant insert, update, delete on approvals to ec_stats;

-- Whether this person of the org is an admin who can sign in, now.
create function is_active_admin(person uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
return exists (
    select from users as u where u.org_id = app_org() and u.id = person and u.role = 'admin' and u.disabled_at is null
);
alter function is_active_admin(uuid) owner to ec_stats;
grant execute on function is_active_admin(uuid) to ec_admin;

-- What became of a request; it counts for 7 days.
create function approval_state(request approvals) returns text
language sql stable
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
return case
    when request.used_at is not null then 'used'
    when request.requested_at <= now() - interval '7 days' then 'expired'
    when not is_active_admin(request.requested_by) then 'void'
    when request.approved_at is null then 'waiting'
    when not is_active_admin(request.approved_by) then 'void'
    else 'approved'
end;
alter function approval_state(approvals) owner to ec_stats;
grant execute on function approval_state(approvals) to ec_admin;

-- Ask for this as the acting admin; returns the request, an open one of the same admin if there is one. Definer: a request
-- says who asked, and nobody asks in the name of another.
create function request_approval(wanted text, person uuid) returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    request uuid;
begin
    -- The lock orders equal requests at the same moment.
    perform from users as u where u.org_id = app_org() and u.id = app_user() for no key update;
    if not is_active_admin(app_user()) then
        raise exception 'only an admin asks for an approval' using errcode = 'insufficient_privilege';
    end if;
    select a.id into request from approvals as a
    where a.org_id = app_org() and a.requested_by = app_user() and a.action = wanted and a.user_id is not distinct from person
        and approval_state(a) in ('waiting', 'approved')
    order by a.id limit 1;
    if request is null then
        insert into approvals (org_id, action, user_id, requested_by) values (app_org(), wanted, person, app_user())
        returning id into request;
        perform audit_note(
            app_org(), 'approval_requested', 'approval', request, jsonb_build_object('for', wanted, 'user_id', person)
        );
    end if;
    return request;
end
$$;
alter function request_approval(text, uuid) owner to ec_stats;
grant execute on function request_approval(text, uuid) to ec_admin;

-- Approve a request as the acting admin. Returns `approved`, or why not: `missing`, `own`, or its state. Of two who approve at
-- once the second finds it approved.
create function approve_request(request uuid) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    found_request approvals;
begin
    select a.* into found_request from approvals as a where a.org_id = app_org() and a.id = request for update;
    if not found then
        return 'missing';
    elsif found_request.requested_by = app_user() then
        return 'own';
    end if;
    -- Nobody takes the rights of these two away until this transaction ends.
    perform from users as u
    where u.org_id = app_org() and u.id in (app_user(), found_request.requested_by) order by u.id for share;
    if not is_active_admin(app_user()) then
        raise exception 'only an admin approves' using errcode = 'insufficient_privilege';
    elsif approval_state(found_request) <> 'waiting' then
        return case approval_state(found_request) when 'approved' then 'used' else approval_state(found_request) end;
    end if;
    update approvals as a set approved_by = app_user(), approved_at = now() where a.org_id = app_org() and a.id = request;
    perform audit_note(
        app_org(), 'approval_given', 'approval', request,
        jsonb_build_object('for', found_request.action, 'user_id', found_request.user_id)
    );
    return 'approved';
end
$$;
alter function approve_request(uuid) owner to ec_stats;
grant execute on function approve_request(uuid) to ec_admin;

-- Use up an approval for this, and return whether there was one. An export goes to the admin who asked for it.
create function use_approval(wanted text, person uuid) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    request approvals;
begin
    select a.* into request from approvals as a
    where a.org_id = app_org() and a.action = wanted and a.user_id is not distinct from person
        and a.approved_at is not null and a.used_at is null and approval_state(a) = 'approved'
        and (wanted <> 'export_person' or a.requested_by = app_user())
    order by a.id limit 1 for update;
    if not found or request.used_at is not null then
        return false;
    end if;
    update approvals as a set used_at = now() where a.org_id = app_org() and a.id = request.id and a.used_at is null;
    return found;
end
$$;
alter function use_approval(text, uuid) owner to ec_stats;
grant execute on function use_approval(text, uuid) to ec_admin;

-- The clock erases whom a retention names; its setting had 7 days in which the other admins could see it.
create or replace function request_erasure(person uuid) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    needs_two boolean;
begin
    select o.dual_approval and session_user <> 'ec_clock' into needs_two from orgs as o where o.id = app_org() for share;
    -- Locked first: a hold that comes at the same moment is seen.
    perform from users as u where u.org_id = app_org() and u.id = person for update;
    if on_hold(person) then
        raise exception 'a legal hold keeps the data of this person' using errcode = 'EC007';
    end if;
    if needs_two and exists (
        select from users as u where u.org_id = app_org() and u.id = person and u.erase_requested_at is null
    ) and not use_approval('erase_person', person) then
        raise exception 'another admin must approve this' using errcode = 'EC008';
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

-- One admin alone cannot switch it off.
create function keep_dual_approval() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if old.dual_approval and not new.dual_approval and not use_approval('end_dual_approval', null) then
        raise exception 'another admin must approve this' using errcode = 'EC008';
    end if;
    return new;
end
$$;
alter function keep_dual_approval() owner to ec_stats;
create trigger dual_approval before update of dual_approval on orgs for each row execute function keep_dual_approval();
