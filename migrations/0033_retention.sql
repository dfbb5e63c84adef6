-- How long an org keeps what, the deletion of what is older, and legal holds that stop every deletion.

-- Days; null: for ever (logs: the 90 days of every org). A legal hold is the number of a case, never words about a person.
alter table orgs add column retention_texts integer;
alter table orgs add column retention_raw_answers integer;
alter table orgs add column retention_deliveries integer;
alter table orgs add column retention_accounts integer;
alter table orgs add column retention_logs integer;
alter table orgs add column legal_hold text;
-- There is one row for each school.
-- squawk-ignore constraint-missing-not-valid
alter table orgs add constraint orgs_retention_in_range check (
    retention_texts >= 30 and retention_texts <= 36500 and retention_raw_answers >= 30 and retention_raw_answers <= 36500
    and retention_deliveries >= 30 and retention_deliveries <= 36500 and retention_accounts >= 30 and retention_accounts <= 36500
    and retention_logs >= 7 and retention_logs <= 90);
-- squawk-ignore constraint-missing-not-valid
alter table orgs add constraint orgs_legal_hold_is_a_case_number check (
    legal_hold ~ '^[A-Z0-9][A-Z0-9./-]{0,39}$' and legal_hold ~ '[0-9]');
-- For the search and the clock, which delete nothing of an org on hold; ec_stats locks the row to wait for a new hold.
grant select (legal_hold, retention_texts, retention_raw_answers, retention_deliveries, retention_accounts, retention_logs)
    on orgs to ec_clock;
grant update (legal_hold) on orgs to ec_stats;

-- When the person last signed in, lost an enrolment or changed their role; hand-ins and enrolments tell the rest. For people of
-- before this migration it is the time of the migration, so nobody counts as inactive because nobody took notes.
alter table users add column active_at timestamptz not null default now();
alter table users add column legal_hold text constraint users_legal_hold_is_a_case_number check (
    legal_hold ~ '^[A-Z0-9][A-Z0-9./-]{0,39}$' and legal_hold ~ '[0-9]');
grant select (active_at, legal_hold) on users to ec_admin;
grant select (legal_hold) on users to ec_clock;
grant update (active_at, legal_hold) on users to ec_stats;
-- The column is new, so the index is empty, and one look through a table of people takes a moment.
-- squawk-ignore require-concurrent-index-creation
create index idx_users_legal_hold on users (org_id, id) where legal_hold is not null;

-- A sign-in has its own entry, so `active_at` alone causes none.
drop trigger audited on users;
create trigger audited after insert or delete or update of role, email, email_digest, name, external_id, external_id_digest,
    password_hash, language, token_version, disabled_at, erase_requested_at, address_confirmed_at, legal_hold
    on users for each row execute function audit_change('user', 'id', 'role');

create function note_sign_in() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
begin
    -- Whoever holds the row (a roster import does for minutes) is not waited for: the session itself is remembered for 60 days.
    update users as u set active_at = now() where u.id in (
        select l.id from users as l
        where l.org_id = new.org_id and l.id = new.user_id and l.active_at < now() - interval '1 day' for no key update skip locked);
    return null;
end
$$;
alter function note_sign_in() owner to ec_stats;
create trigger noted after insert on sessions for each row execute function note_sign_in();

create function note_unenrolled() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update users as u set active_at = now()
    from gone as g join orgs as o on o.id = g.org_id and o.closed_at is null
    where u.org_id = g.org_id and u.id = g.user_id;
    return null;
end
$$;
alter function note_unenrolled() owner to ec_stats;
create trigger noted after delete on enrollments referencing old table as gone
    for each statement execute function note_unenrolled();

create function note_new_role() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    -- Staff are never deleted by age: the time as a student begins now.
    if new.role is distinct from old.role then
        new.active_at := now();
    end if;
    return new;
end
$$;
alter function note_new_role() owner to ec_stats;
create trigger noted before update of role on users for each row execute function note_new_role();

-- One row for each retention of an org that is set: from when the clock deletes, and how far it is. `deleted` counts the
-- run that is going on.
create table retention_runs (
    org_id uuid not null references orgs (id) on delete cascade,
    class text not null,
    begins_at timestamptz not null,
    next_at timestamptz not null,
    deleted bigint not null default 0,
    last_deleted bigint,
    last_run_at timestamptz,
    constraint retention_runs_pkey primary key (org_id, class),
    constraint retention_runs_class_known check (class in ('texts', 'raw_answers', 'deliveries', 'accounts', 'logs')),
    constraint retention_runs_counts_not_negative check (deleted >= 0 and last_deleted >= 0)
);
alter table retention_runs enable row level security;
alter table retention_runs force row level security;
create policy ec_admin_own_org on retention_runs to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_clock_all on retention_runs to ec_clock using (true);
grant select on retention_runs to ec_admin, ec_clock;
grant insert, update, delete on retention_runs to ec_stats;

-- A retention that is set or shortened deletes nothing for 7 days; nor does any when a hold of the org ends. Definer: no
-- program can bring the day forward.
create function retention_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    was jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) else '{}' end;
    is_now jsonb := to_jsonb(new);
    kind text;
    days integer;
    old_days integer;
begin
    foreach kind in array array['texts', 'raw_answers', 'deliveries', 'accounts', 'logs'] loop
        days := is_now ->> ('retention_' || kind);
        old_days := was ->> ('retention_' || kind);
        if days is null then
            delete from retention_runs as r where r.org_id = new.id and r.class = kind;
        elsif old_days is null or days < old_days or was ->> 'legal_hold' is not null and new.legal_hold is null then
            insert into retention_runs (org_id, class, begins_at, next_at)
            values (new.id, kind, now() + interval '7 days', now() + interval '7 days')
            on conflict (org_id, class) do update set begins_at = excluded.begins_at, next_at = excluded.next_at;
        end if;
    end loop;
    if was ->> 'legal_hold' is distinct from new.legal_hold then
        perform audit_note(
            new.id, case when new.legal_hold is null then 'hold_lifted' else 'hold_placed' end, 'org', new.id,
            jsonb_build_object('case_number', coalesce(new.legal_hold, was ->> 'legal_hold'))
        );
    end if;
    return null;
end
$$;
alter function retention_changed() owner to ec_stats;
create trigger retention after insert or update of retention_texts, retention_raw_answers, retention_deliveries, retention_accounts,
    retention_logs, legal_hold on orgs for each row execute function retention_changed();

-- Place a hold with this case number on a person of the org, or lift it with null. Returns whether there is such a person.
-- Definer: no role may change a hold without an entry that names the case.
create function hold_person(person uuid, case_number text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    was text;
begin
    select u.legal_hold into was from users as u
    where u.org_id = app_org() and u.id = person and u.erase_requested_at is null for no key update;
    if not found then
        return false;
    end if;
    if was is distinct from case_number then
        update users as u set legal_hold = case_number where u.org_id = app_org() and u.id = person;
        perform audit_note(
            app_org(), case when case_number is null then 'hold_lifted' else 'hold_placed' end, 'user', person,
            jsonb_build_object('case_number', coalesce(case_number, was))
        );
    end if;
    return true;
end
$$;
alter function hold_person(uuid, text) owner to ec_stats;
grant execute on function hold_person(uuid, text) to ec_admin;

-- The rows of the org that are past its retention of this class at this moment, oldest first, at most `most`: those that may
-- be deleted, or with `held` those that a legal hold keeps. `among`: no others than these.
create function retention_due(wanted text, moment timestamptz, most bigint, held boolean, among uuid[] default null)
returns table (id uuid, since timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
set plan_cache_mode = force_custom_plan
as $$
declare
    days integer;
    all_held boolean;
    people uuid[];
    before timestamptz;
begin
    select to_jsonb(o) ->> ('retention_' || wanted), o.legal_hold is not null into days, all_held
    from orgs as o where o.id = app_org() and o.closed_at is null;
    if days is null or all_held and not held then
        return;
    end if;
    before := moment - make_interval(days => days);
    people := case when all_held then '{}' else
        array(select u.id from users as u where u.org_id = app_org() and u.legal_hold is not null) end;
    if held and not all_held and people = '{}' then
        return;
    end if;
    if wanted = 'texts' then
        -- updated_at is when a version was last received; what an LMS says about that time does not count.
        return query
        select e.id, e.updated_at from essays as e
        where e.org_id = app_org() and e.updated_at < before and e.trial_until is null and (among is null or e.id = any (among))
            and (all_held or e.user_id = any (people)) = held
        order by e.updated_at, e.id limit most;
    elsif wanted = 'raw_answers' then
        -- An answer is no older than its version, so the index on versions finds it.
        return query
        select a.id, a.created_at from ai_responses as a
        where a.org_id = app_org() and a.submission_id < uuid7_floor(before) and a.id < uuid7_floor(before)
            and a.completed_at is not null and (among is null or a.id = any (among)) and (all_held or a.user_id = any (people)) = held
        order by a.submission_id, a.id limit most;
    elsif wanted = 'deliveries' then
        return query
        select d.id, d.created_at
        from sources as s cross join unnest(array['accepted', 'ignored', 'refused']) as o (outcome)
        cross join lateral (
            select i.id, i.created_at from inbound_events as i
            where i.org_id = app_org() and i.source_id = s.id and i.outcome = o.outcome and i.id < uuid7_floor(before)
                and i.user_id is not null and (among is null or i.id = any (among)) and (all_held or i.user_id = any (people)) = held
            order by i.id limit most
        ) as d
        where s.org_id = app_org()
        order by d.id limit most;
    elsif wanted = 'accounts' then
        return query
        select u.id, a.active_at
        from users as u
        left join author_use as w on w.org_id = u.org_id and w.user_id = u.id
        cross join lateral (
            select greatest(
                u.active_at, u.created_at, (w.day + 1)::timestamptz,
                (select max(s.rotated_at) from sessions as s where s.org_id = u.org_id and s.user_id = u.id),
                (select max(n.created_at) from enrollments as n where n.org_id = u.org_id and n.user_id = u.id)
            ) as active_at
        ) as a
        where u.org_id = app_org() and u.role = 'student' and u.erase_requested_at is null and u.active_at < before
            and (among is null or u.id = any (among)) and a.active_at < before
            and (all_held or u.id = any (people)) = held
        order by u.active_at, u.id limit most;
    elsif wanted = 'logs' and all_held = held then
        return query
        select l.id, l.created_at from system_logs as l
        where l.org_id = app_org() and l.id < uuid7_floor(before) and (among is null or l.id = any (among))
        order by l.id limit most;
    end if;
end
$$;
alter function retention_due(text, timestamptz, bigint, boolean, uuid[]) owner to ec_stats;
grant execute on function retention_due(text, timestamptz, bigint, boolean, uuid[]) to ec_admin, ec_clock;

-- The first half of a step of the clock: at most `most` rows of this class that may be deleted now. Essays are locked with
-- their versions, so that no pass of them finishes between the counting into the totals and the deletion.
-- Null when the org deletes nothing of this class now.
create function take_expired(wanted text, most integer) returns uuid[]
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    taken uuid[];
begin
    -- A change of a setting or a hold waits for the end of this step, or this step for it.
    perform from orgs as o where o.id = app_org() for share;
    perform from retention_runs as r
    where r.org_id = app_org() and r.class = wanted and r.begins_at <= now() and r.next_at <= now() for update skip locked;
    if not found then
        return null;
    end if;
    taken := array(select d.id from retention_due(wanted, now(), most, false) as d);
    if wanted = 'texts' then
        perform from essays as e where e.org_id = app_org() and e.id = any (taken) order by e.id for update;
        perform from submissions as s where s.org_id = app_org() and s.essay_id = any (taken) order by s.id for update;
    end if;
    return taken;
end
$$;
alter function take_expired(text, integer) owner to ec_stats;
-- Whoever locks a row needs the right to change it.
grant update (updated_at) on essays to ec_stats;
grant execute on function take_expired(text, integer) to ec_clock;

-- The second half: delete these rows, as far as they are still past their time and not held, and note it. Returns how many.
-- `is_last`: nothing is left, so the run ends, with one entry in the audit trail. Definer: nobody deletes them in any other way.
create function delete_expired(wanted text, taken uuid[], is_last boolean) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    ids uuid[];
    version_ids uuid[];
    removed bigint := 0;
    total bigint;
begin
    perform from orgs as o where o.id = app_org() for share;
    perform from retention_runs as r
    where r.org_id = app_org() and r.class = wanted and r.begins_at <= now() and r.next_at <= now() for update;
    if not found then
        return 0;
    end if;
    -- A hold on one of these people waits for the end of this step, or this step for it.
    perform from users as u
    where u.org_id = app_org() and (
        wanted = 'accounts' and u.id = any (taken)
        or wanted = 'texts' and u.id in (select e.user_id from essays as e where e.id = any (taken))
        or wanted = 'raw_answers' and u.id in (select a.user_id from ai_responses as a where a.id = any (taken))
        or wanted = 'deliveries' and u.id in (select i.user_id from inbound_events as i where i.id = any (taken))
    ) order by u.id for share;
    ids := array(select d.id from retention_due(wanted, now(), null, false, taken) as d);
    if wanted = 'texts' then
        version_ids := array(select s.id from submissions as s where s.org_id = app_org() and s.essay_id = any (ids));
        -- What a source sent stays known, so that a repeat does not bring the essay back.
        update seen_events as n set submission_id = null,
            answer = json_build_object('ignored', 'this essay was deleted, because the school keeps essays no longer')
        where n.org_id = app_org() and n.submission_id = any (version_ids);
        delete from inbound_events as i using essays as e
        where e.org_id = app_org() and e.id = any (ids) and i.org_id = e.org_id and i.user_id = e.user_id
            and i.submission_id = any (version_ids);
        delete from analytics as y using essays as e
        where e.org_id = app_org() and e.id = any (ids) and y.org_id = e.org_id and y.user_id = e.user_id and y.essay_id = e.id;
        delete from essays as e where e.org_id = app_org() and e.id = any (ids);
        get diagnostics removed = row_count;
    elsif wanted = 'raw_answers' then
        -- Those that are not counted into the totals yet go with the next run.
        delete from ai_responses as a where a.org_id = app_org() and a.id = any (ids) and a.tallied;
        get diagnostics removed = row_count;
    elsif wanted = 'deliveries' then
        delete from inbound_events as i where i.org_id = app_org() and i.id = any (ids);
        get diagnostics removed = row_count;
    elsif wanted = 'accounts' then
        removed := (select count(*) from unnest(ids) as i (id) where request_erasure(i.id));
    elsif wanted = 'logs' then
        delete from system_logs as l where l.org_id = app_org() and l.id = any (ids);
        get diagnostics removed = row_count;
    end if;
    update retention_runs as r set deleted = r.deleted + removed where r.org_id = app_org() and r.class = wanted
    returning r.deleted into total;
    if is_last then
        update retention_runs as r
        set deleted = 0, last_deleted = total, last_run_at = now(), next_at = now() + interval '1 day'
        where r.org_id = app_org() and r.class = wanted;
        if total > 0 then
            perform audit_note(
                app_org(), 'retention_run', 'org', app_org(), jsonb_build_object('class', wanted, 'deleted', total)
            );
        end if;
    end if;
    return removed;
end
$$;
alter function delete_expired(text, uuid[], boolean) owner to ec_stats;
grant execute on function delete_expired(text, uuid[], boolean) to ec_clock;

-- Whether the person or the whole org is on hold.
create function on_hold(person uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
return exists (
    select from users as u join orgs as o on o.id = u.org_id
    where u.org_id = app_org() and u.id = person and (u.legal_hold is not null or o.legal_hold is not null)
);
alter function on_hold(uuid) owner to ec_stats;
grant execute on function on_hold(uuid) to ec_clock;
grant select (user_id) on essays to ec_clock;
grant select (org_id) on system_logs to ec_clock;

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

create or replace function erase_person(person uuid) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    tenant uuid := (select u.org_id from users as u where u.id = person and u.erase_requested_at is not null for update);
begin
    if tenant is null or exists (select from orgs as o where o.id = tenant and o.legal_hold is not null) then
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

-- A school on hold, or with somebody on hold, is not removed.
create function require_no_hold() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if new.closed_at is not null and old.closed_at is null or new.exported_at is not null and old.exported_at is null then
        if new.legal_hold is not null or exists (select from users as u where u.org_id = new.id and u.legal_hold is not null) then
            raise exception 'a legal hold keeps the data of this school' using errcode = 'EC007';
        end if;
    end if;
    return new;
end
$$;
alter function require_no_hold() owner to ec_stats;
create trigger held before update of closed_at, exported_at on orgs for each row execute function require_no_hold();
