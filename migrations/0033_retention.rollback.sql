-- Lost: how long orgs keep what, how far each deletion is, when people were last active, and every legal hold.
drop trigger held on orgs;
drop function require_no_hold();
create or replace function erase_person(person uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    tenant uuid := (select u.org_id from users as u where u.id = person and u.erase_requested_at is not null for update);
begin
    if tenant is null then
        return false;
    end if;
    update seen_events as e set answer = json_build_object('ignored', 'the data of this student was erased'), submission_id = null
    from essays as w join submissions as s on s.org_id = tenant and s.essay_id = w.id
    where w.org_id = tenant and w.user_id = person and e.org_id = tenant and e.submission_id = s.id;
    delete from idempotency_keys as k where k.org_id = tenant and k.caller_id = person;
    delete from idempotency_keys as k using essays as w join submissions as s on s.org_id = tenant and s.essay_id = w.id
    where w.org_id = tenant and w.user_id = person and k.org_id = tenant and k.response ->> 'id' = s.id::text;
    delete from users as u where u.org_id = tenant and u.id = person;
    return true;
end
$$;

create or replace function request_erasure(person uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
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

revoke select (org_id) on system_logs from ec_clock;
revoke select (user_id) on essays from ec_clock;
revoke update (updated_at) on essays from ec_stats;
drop function on_hold(uuid);
drop function delete_expired(text, uuid[], boolean);
drop function take_expired(text, integer);
drop function retention_due(text, timestamptz, bigint, boolean, uuid[]);
drop function hold_person(uuid, text);
drop trigger retention on orgs;
drop function retention_changed();
drop table retention_runs;
drop trigger noted on users;
drop function note_new_role();
drop trigger noted on enrollments;
drop function note_unenrolled();
drop trigger noted on sessions;
drop function note_sign_in();
drop trigger audited on users;
create trigger audited after insert or update or delete on users for each row execute function audit_change('user', 'id', 'role');
drop index idx_users_legal_hold;
alter table users drop column legal_hold;
alter table users drop column active_at;
revoke update (legal_hold) on orgs from ec_stats;
alter table orgs drop constraint orgs_legal_hold_is_a_case_number;
alter table orgs drop constraint orgs_retention_in_range;
alter table orgs drop column legal_hold;
alter table orgs drop column retention_logs;
alter table orgs drop column retention_accounts;
alter table orgs drop column retention_deliveries;
alter table orgs drop column retention_raw_answers;
alter table orgs drop column retention_texts;
