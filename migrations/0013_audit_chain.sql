-- An audit trail that nobody can bend unseen: written by triggers, append-only, and hash-chained per org.

-- Who acts when it is no signed-in person: the API key or the source of this transaction; and the request it serves.
create function app_actor() returns uuid
language sql stable parallel safe
return coalesce(app_user(), nullif(current_setting('app.actor', true), '')::uuid);
grant execute on function app_actor() to ec_stats;

-- An entry takes its place in the chain a moment later, when the clock comes by: writers never wait for one another.
alter table audit_log add column sequence bigint;
alter table audit_log add column hash bytea;
-- An index on a partitioned table cannot be built beside running work; the trail is young, and small.
-- squawk-ignore constraint-missing-not-valid
alter table audit_log add constraint audit_log_chained_with_hash check ((sequence is null) = (hash is null));
-- squawk-ignore require-concurrent-index-creation
create index idx_audit_log_sequence on audit_log (org_id, sequence) where sequence is not null;
-- squawk-ignore require-concurrent-index-creation
create index idx_audit_log_unchained on audit_log (id) where sequence is null;
-- squawk-ignore require-concurrent-index-creation
create index idx_audit_log_entity on audit_log (org_id, entity_id);

-- Where each org's chain ends.
create table audit_heads (
    org_id uuid primary key references orgs (id) on delete cascade,
    sequence bigint not null default 0,
    hash bytea not null default decode(repeat('00', 32), 'hex'),
    constraint audit_heads_sequence_not_negative check (sequence >= 0),
    constraint audit_heads_hash_length check (length(hash) = 32)
);
alter table audit_heads enable row level security;
alter table audit_heads force row level security;
create policy ec_clock_own_org on audit_heads to ec_clock
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant select on audit_heads to ec_clock;
grant insert, update on audit_heads to ec_stats;

-- What an entry says, in the one spelling that is hashed. The verifier reads this very text and does its own sums.
create function audit_entry(entry audit_log, place bigint) returns text
language sql immutable parallel safe
set search_path = pg_catalog, public, pg_temp
return jsonb_build_array(entry.org_id, place, entry.id, entry.actor_id, entry.actor_role, entry.request_id, entry.action, entry.entity,
    entry.entity_id, entry.detail)::text;
grant execute on function audit_entry(audit_log, bigint) to ec_clock, ec_stats;

-- Entries that have no place yet get the next ones of their org's chain, at most `most` of them; returns how many.
-- hash = sha256(hash before || text of the entry).
create function chain_audit(most integer) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    entry audit_log;
    tenant uuid;
    place bigint;
    link bytea;
    chained integer := 0;
begin
    -- One at a time: two would give out the same places.
    perform pg_advisory_xact_lock(hashtext('essaycoach.audit'));
    for entry in
        select a.* from audit_log as a
        where a.id in (select u.id from audit_log as u where u.sequence is null order by u.id limit most)
        order by a.org_id, a.id
    loop
        if tenant is distinct from entry.org_id then
            if tenant is not null then
                update audit_heads as h set sequence = place, hash = link where h.org_id = tenant;
            end if;
            tenant := entry.org_id;
            insert into audit_heads (org_id) values (tenant) on conflict do nothing;
            select h.sequence, h.hash into place, link from audit_heads as h where h.org_id = tenant for update;
        end if;
        place := place + 1;
        link := sha256(link || convert_to(audit_entry(entry, place), 'UTF8'));
        update audit_log as a set sequence = place, hash = link where a.id = entry.id;
        chained := chained + 1;
    end loop;
    if tenant is not null then
        update audit_heads as h set sequence = place, hash = link where h.org_id = tenant;
    end if;
    return chained;
end
$$;
alter function chain_audit(integer) owner to ec_stats;
grant update (sequence, hash) on audit_log to ec_stats;
grant execute on function chain_audit(integer) to ec_clock;

-- Append-only, whoever asks: an entry changes once, when it takes its place.
create function audit_log_stays() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tg_op = 'DELETE' then
        raise exception 'the audit trail is append-only: entry % cannot be deleted', old.id using errcode = 'EC002';
    end if;
    if old.sequence is not null
        or row (old.id, old.org_id, old.actor_id, old.actor_role, old.request_id, old.action, old.entity, old.entity_id, old.detail)
        is distinct from row (new.id, new.org_id, new.actor_id, new.actor_role, new.request_id, new.action, new.entity, new.entity_id, new.detail)
    then
        raise exception 'the audit trail is append-only: entry % cannot be changed', old.id using errcode = 'EC002';
    end if;
    return new;
end
$$;
create trigger stays before update or delete on audit_log for each row execute function audit_log_stays();

-- Programs write what happened; when, and where in the chain, is not theirs to say.
revoke insert on audit_log from ec_admin, ec_educator, ec_clock;
grant insert (org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail) on audit_log
    to ec_admin, ec_educator, ec_clock, ec_stats;
grant select on audit_log to ec_clock;

-- Who did it, as an entry names them.
create function audit_note(tenant uuid, what text, thing text, thing_id uuid, facts jsonb) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
begin atomic
    insert into audit_log (org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail)
    values (
        tenant, app_actor(),
        replace(coalesce(nullif(current_setting('role'), 'none'), session_user), 'ec_', ''),
        nullif(current_setting('app.request', true), ''), what, thing, thing_id, facts
    );
end;

-- One entry for each row that is made, changed or deleted: which columns, never what they held. Arguments: the word for the
-- row, its key column, and columns whose values (identifiers, closed words) help to read the entry. Definer: nobody who
-- causes an entry may write one.
create function audit_change() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    is_now jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    row_data jsonb := coalesce(is_now, was);
    facts jsonb := '{}';
    changed jsonb;
begin
    if tg_op = 'UPDATE' then
        select jsonb_agg(n.key order by n.key) into changed
        from jsonb_each(is_now) as n where n.value is distinct from was -> n.key;
        if changed is null then
            return null;
        end if;
        facts := jsonb_build_object('changed', changed);
    end if;
    if tg_nargs > 2 then
        facts := facts || coalesce(
            (select jsonb_object_agg(f.name, row_data -> f.name) from unnest(string_to_array(tg_argv[2], ',')) as f (name)), '{}'
        );
    end if;
    perform audit_note(
        coalesce((row_data ->> 'org_id')::uuid, (row_data ->> 'id')::uuid),
        case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
        tg_argv[0], (row_data ->> tg_argv[1])::uuid, facts
    );
    return null;
end
$$;

-- The same for writing, whose rows hold a hundred kilobytes that nobody should turn into JSON to learn a key.
create function audit_writing() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        perform audit_note(new.org_id, 'created', tg_argv[0], new.id, jsonb_build_object('user_id', new.user_id));
    elsif tg_op = 'UPDATE' then
        perform audit_note(new.org_id, 'changed', tg_argv[0], new.id, '{"changed": ["released_at"]}');
    else
        perform audit_note(old.org_id, 'deleted', tg_argv[0], old.id, jsonb_build_object('user_id', old.user_id));
    end if;
    return null;
end
$$;
alter function audit_note(uuid, text, text, uuid, jsonb) owner to ec_stats;
alter function audit_change() owner to ec_stats;
alter function audit_writing() owner to ec_stats;
grant execute on function app_user() to ec_stats;

create trigger audited after insert or update or delete on orgs for each row execute function audit_change('org', 'id');
create trigger audited after insert or update or delete on users for each row execute function audit_change('user', 'id', 'role');
create trigger audited after delete on user_keys for each row execute function audit_change('user_key', 'user_id');
create trigger audited after insert or update of used_at on one_time_tokens
    for each row execute function audit_change('one_time_token', 'id', 'purpose,user_id');
create trigger audited after insert or update of revoked_at on sessions
    for each row execute function audit_change('session', 'id', 'user_id,revoked_reason');
create trigger audited after insert or update of name, scopes, expires_at, revoked_at or delete on api_keys
    for each row execute function audit_change('api_key', 'id');
create trigger audited after insert or update or delete on sources for each row execute function audit_change('source', 'id');
create trigger audited after insert or update or delete on courses for each row execute function audit_change('course', 'id');
create trigger audited after insert or update or delete on enrollments
    for each row execute function audit_change('enrollment', 'user_id', 'course_id,role');
create trigger audited after insert or update or delete on assignments
    for each row execute function audit_change('assignment', 'id', 'course_id');
create trigger audited after insert or update or delete on categories for each row execute function audit_change('category', 'id');
create trigger audited after insert or delete on rubrics for each row execute function audit_change('rubric', 'id');
create trigger audited after insert or update of released_at on submissions
    for each row execute function audit_writing('submission');
create trigger audited after delete on essays for each row execute function audit_writing('essay');
