-- The schema after all migrations. Written by `python -m migrations dump`; a test compares it. Do not edit.

-- SCHEMA public
CREATE SCHEMA public;

-- COMMENT SCHEMA public
COMMENT ON SCHEMA public IS 'standard public schema';

-- FUNCTION add_buckets(bigint[], bigint[])
CREATE FUNCTION public.add_buckets(a bigint[], b bigint[]) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT COALESCE(array_agg((COALESCE((add_buckets.a)[i.i], (0)::bigint) + COALESCE((add_buckets.b)[i.i], (0)::bigint)) ORDER BY i.i), '{}'::bigint[]) AS "coalesce" FROM generate_series(1, GREATEST(cardinality(add_buckets.a), cardinality(add_buckets.b))) i(i));

-- FUNCTION add_lms_educator(uuid, bytea, bytea, bytea, bytea, text)
CREATE FUNCTION public.add_lms_educator(person uuid, sealed_name bytea, sealed_id bytea, id_digest bytea, wrapped_key bytea, master_key text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    tenant uuid := app_org();
begin
    if not exists (select from platforms as p where p.org_id = tenant and p.id = app_actor() and p.state = 'active') then
        raise exception 'no platform is acting' using errcode = 'insufficient_privilege';
    end if;
    insert into users (id, org_id, role, name, external_id, external_id_digest, address_confirmed_at)
    values (person, tenant, 'educator', sealed_name, sealed_id, id_digest, null);
    insert into user_keys (user_id, org_id, wrapped, master_key_id) values (person, tenant, wrapped_key, master_key);
end
$$;

-- FUNCTION app_user()
CREATE FUNCTION public.app_user() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.user'::text, true), ''::text))::uuid;

-- FUNCTION app_actor()
CREATE FUNCTION public.app_actor() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN COALESCE(public.app_user(), (NULLIF(current_setting('app.actor'::text, true), ''::text))::uuid);

-- FUNCTION app_org()
CREATE FUNCTION public.app_org() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.org'::text, true), ''::text))::uuid;

-- TABLE enrollments
CREATE TABLE public.enrollments (
    org_id uuid NOT NULL,
    course_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT enrollments_role_known CHECK ((role = ANY (ARRAY['student'::text, 'educator'::text])))
);
ALTER TABLE ONLY public.enrollments FORCE ROW LEVEL SECURITY;

-- FUNCTION app_courses()
CREATE FUNCTION public.app_courses() RETURNS uuid[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    RETURN (SELECT COALESCE(array_agg(e.course_id), '{}'::uuid[]) AS "coalesce" FROM public.enrollments e WHERE ((e.org_id = public.app_org()) AND (e.user_id = public.app_user()) AND (e.role = 'educator'::text)));

-- FUNCTION app_audience()
CREATE FUNCTION public.app_audience() RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (public.app_courses() || public.app_user());

-- FUNCTION app_enrolled()
CREATE FUNCTION public.app_enrolled() RETURNS uuid[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    RETURN (SELECT COALESCE(array_agg(e.course_id), '{}'::uuid[]) AS "coalesce" FROM public.enrollments e WHERE ((e.org_id = public.app_org()) AND (e.user_id = public.app_user())));

-- FUNCTION app_people()
CREATE FUNCTION public.app_people() RETURNS uuid[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    RETURN (SELECT (COALESCE(array_agg(DISTINCT e.user_id), '{}'::uuid[]) || public.app_user()) FROM public.enrollments e WHERE ((e.org_id = public.app_org()) AND (e.course_id = ANY (public.app_courses()))));

-- TABLE users
CREATE TABLE public.users (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    role text NOT NULL,
    email bytea,
    email_digest bytea,
    name bytea,
    external_id bytea,
    external_id_digest bytea,
    password_hash text,
    language text,
    token_version integer DEFAULT 0 NOT NULL,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    erase_requested_at timestamp with time zone,
    address_confirmed_at timestamp with time zone DEFAULT 
CASE CURRENT_USER
    WHEN 'ec_lms'::name THEN NULL::timestamp with time zone
    ELSE now()
END,
    active_at timestamp with time zone DEFAULT now() NOT NULL,
    legal_hold text,
    CONSTRAINT users_can_be_recognised CHECK ((num_nonnulls(email_digest, external_id_digest) >= 1)),
    CONSTRAINT users_email_with_digest CHECK (((email IS NULL) = (email_digest IS NULL))),
    CONSTRAINT users_external_id_with_digest CHECK (((external_id IS NULL) = (external_id_digest IS NULL))),
    CONSTRAINT users_legal_hold_is_a_case_number CHECK (((legal_hold ~ '^[A-Z0-9][A-Z0-9./-]{0,39}$'::text) AND (legal_hold ~ '[0-9]'::text))),
    CONSTRAINT users_role_known CHECK ((role = ANY (ARRAY['student'::text, 'educator'::text, 'admin'::text]))),
    CONSTRAINT users_unconfirmed_has_no_password CHECK (((address_confirmed_at IS NOT NULL) OR (password_hash IS NULL)))
);
ALTER TABLE ONLY public.users FORCE ROW LEVEL SECURITY;

-- FUNCTION is_active_admin(uuid)
CREATE FUNCTION public.is_active_admin(person uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    RETURN (EXISTS (SELECT FROM public.users u WHERE ((u.org_id = public.app_org()) AND (u.id = is_active_admin.person) AND (u.role = 'admin'::text) AND (u.disabled_at IS NULL))));

-- TABLE approvals
CREATE TABLE public.approvals (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    action text NOT NULL,
    user_id uuid,
    requested_by uuid NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    approved_by uuid,
    approved_at timestamp with time zone,
    used_at timestamp with time zone,
    CONSTRAINT approvals_action_known CHECK ((action = ANY (ARRAY['erase_person'::text, 'export_person'::text, 'remove_org'::text, 'end_dual_approval'::text]))),
    CONSTRAINT approvals_approved_by_somebody CHECK (((approved_by IS NULL) = (approved_at IS NULL))),
    CONSTRAINT approvals_by_another_admin CHECK ((approved_by <> requested_by)),
    CONSTRAINT approvals_person_when_about_one CHECK (((action = ANY (ARRAY['erase_person'::text, 'export_person'::text])) = (user_id IS NOT NULL))),
    CONSTRAINT approvals_used_when_approved CHECK (((used_at IS NULL) OR (approved_at IS NOT NULL)))
);
ALTER TABLE ONLY public.approvals FORCE ROW LEVEL SECURITY;

-- FUNCTION approval_state(public.approvals)
CREATE FUNCTION public.approval_state(request public.approvals) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    RETURN CASE WHEN ((request).used_at IS NOT NULL) THEN 'used'::text WHEN ((request).requested_at <= (now() - '7 days'::interval)) THEN 'expired'::text WHEN (NOT public.is_active_admin((request).requested_by)) THEN 'void'::text WHEN ((request).approved_at IS NULL) THEN 'waiting'::text WHEN (NOT public.is_active_admin((request).approved_by)) THEN 'void'::text ELSE 'approved'::text END;

-- FUNCTION approve_request(uuid)
CREATE FUNCTION public.approve_request(request uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION audit_change()
CREATE FUNCTION public.audit_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
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

-- FUNCTION audit_ends()
CREATE FUNCTION public.audit_ends() RETURNS TABLE(org_id uuid, sequence bigint, hash bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return query select h.org_id, h.sequence, h.hash from audit_heads as h;
end
$$;

-- TABLE audit_log
CREATE TABLE public.audit_log (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED NOT NULL,
    org_id uuid NOT NULL,
    actor_id uuid,
    actor_role text NOT NULL,
    request_id text,
    action text NOT NULL,
    entity text NOT NULL,
    entity_id uuid NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    sequence bigint,
    hash bytea,
    CONSTRAINT audit_log_action_is_a_word CHECK ((action ~ '^[a-z_]{1,40}$'::text)),
    CONSTRAINT audit_log_chained_with_hash CHECK (((sequence IS NULL) = (hash IS NULL))),
    CONSTRAINT audit_log_entity_is_a_word CHECK ((entity ~ '^[a-z_]{1,40}$'::text))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY public.audit_log FORCE ROW LEVEL SECURITY;

-- FUNCTION audit_entry(public.audit_log, bigint)
CREATE FUNCTION public.audit_entry(entry public.audit_log, place bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    RETURN (jsonb_build_array((entry).org_id, place, (entry).id, (entry).actor_id, (entry).actor_role, (entry).request_id, (entry).action, (entry).entity, (entry).entity_id, (entry).detail))::text;

-- FUNCTION audit_log_stays()
CREATE FUNCTION public.audit_log_stays() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION audit_note(uuid, text, text, uuid, jsonb)
CREATE FUNCTION public.audit_note(tenant uuid, what text, thing text, thing_id uuid, facts jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    insert into audit_log (org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail)
    values (tenant, app_actor(), replace(coalesce(nullif(current_setting('role'), 'none'), session_user), 'ec_', ''),
        nullif(current_setting('app.request', true), ''), what, thing, thing_id, facts);
end
$$;

-- FUNCTION audit_write(text, text, uuid[], jsonb[])
CREATE FUNCTION public.audit_write(what text, thing text, ids uuid[], facts jsonb[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION audit_writing()
CREATE FUNCTION public.audit_writing() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION author_may_spend(uuid, bigint)
CREATE FUNCTION public.author_may_spend(author uuid, expected_micros bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    this_month constant date := date_trunc('month', now())::date;
    share bigint := (
        select o.monthly_budget_micros * o.author_budget_percent / 100
        from orgs as o join users as u on u.org_id = o.id
        where o.id = app_org() and u.id = author and u.role = 'student'
    );
begin
    if share is null then
        return true;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('essaycoach.share.' || author::text, 0));
    return expected_micros + (
        select coalesce(sum(a.cost_micros), 0) from author_use as a
        where a.org_id = app_org() and a.user_id = author and a.month = this_month
    ) + (
        select coalesce(sum(e.cost_micros), 0) from ledger_entries as e
        where e.org_id = app_org() and e.user_id = author and e.day >= this_month
    ) + (
        select coalesce(sum(a.reserved_micros), 0) from ai_responses as a
        where a.org_id = app_org() and a.outcome = 'open' and a.user_id = author
            and a.id >= uuid7_floor(now() - case when a.batch then interval '25 hours' else interval '10 minutes' end)
    ) <= share;
end
$$;

-- FUNCTION begin_version(uuid, uuid)
CREATE FUNCTION public.begin_version(tenant uuid, wanted uuid) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    perform from submissions as s where s.org_id = tenant and s.id = wanted and s.status = 'queued' for no key update skip locked;
    if found then
        update submissions as s set status = 'processing' where s.org_id = tenant and s.id = wanted;
    end if;
    return (select s.trace_id from submissions as s where s.org_id = tenant and s.id = wanted);
end
$$;

-- FUNCTION budget_allows(bigint)
CREATE FUNCTION public.budget_allows(expected_micros bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    budget constant bigint := (select o.monthly_budget_micros from orgs as o where o.id = app_org());
    turns constant bigint := hashtextextended('essaycoach.budget.' || app_org()::text, 0);
begin
    if budget is null then
        return true;
    end if;
    if expected_micros <= budget / 10 / current_setting('max_connections')::bigint and budget_left() - expected_micros >= budget / 10 then
        perform pg_advisory_xact_lock_shared(turns);
        if budget_left() - expected_micros >= budget / 10 then
            return true;
        end if;
        -- Just now it was more. Whoever holds the lock must not wait for a stronger one, so the caller asks again.
        raise exception 'the budget is nearly spent: ask again' using errcode = 'serialization_failure';
    end if;
    perform pg_advisory_xact_lock(turns);
    return budget_left() >= expected_micros;
end
$$;

-- FUNCTION budget_left()
CREATE FUNCTION public.budget_left() RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return (
        select o.monthly_budget_micros - spent_this_month() - (
            select coalesce(sum(a.reserved_micros), 0) from ai_responses as a
            where a.org_id = o.id and a.outcome = 'open'
                and a.id >= uuid7_floor(now() - case when a.batch then interval '25 hours' else interval '10 minutes' end)
        )
        from orgs as o where o.id = app_org()
    );
end
$$;

-- FUNCTION cancel_open_passes(integer)
CREATE FUNCTION public.cancel_open_passes(most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    wanted uuid[];
begin
    if not exists (select from orgs as o where o.id = app_org() and o.closed_at is not null) then
        raise exception 'the org is not closed' using errcode = 'EC004';
    end if;
    wanted := array(
        select distinct q.submission_id from (
            select p.submission_id from passes as p where p.org_id = app_org() and p.state = 'queued' limit most
        ) as q
    );
    -- Submission before pass, in one order: as everybody who closes one.
    perform from submissions as s where s.org_id = app_org() and s.id = any (wanted) order by s.id for update;
    update passes as p set state = 'cancelled', error = 'org_closed', batch = null, batch_call = null, finished_at = now()
    where p.org_id = app_org() and p.submission_id = any (wanted) and p.state = 'queued';
    update submissions as s set status = 'cancelled', completed_at = now()
    where s.org_id = app_org() and s.id = any (wanted) and s.completed_at is null and not exists (
        select from passes as p where p.org_id = s.org_id and p.submission_id = s.id and p.state in ('queued', 'running'));
    return (select count(*) from passes as p where p.org_id = app_org() and p.state in ('queued', 'running'));
end
$$;

-- FUNCTION chain_audit(integer)
CREATE FUNCTION public.chain_audit(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION chain_audit_entries(integer)
CREATE FUNCTION public.chain_audit_entries(most integer) RETURNS SETOF public.audit_log
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    if chain_audit(most) > 0 then
        -- This transaction gave these rows their place: the heads that it moved lead to the entries that it chained.
        return query
            select a.* from audit_heads as h join audit_log as a on a.org_id = h.org_id and a.sequence > h.sequence - most
            where h.xmin = pg_current_xact_id()::xid and a.xmin = pg_current_xact_id()::xid
            order by a.org_id, a.sequence;
    end if;
end
$$;

-- FUNCTION change_own_profile(boolean, bytea, boolean, text)
CREATE FUNCTION public.change_own_profile(with_name boolean, sealed_name bytea, with_language boolean, new_language text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    update users as u set name = case when with_name then sealed_name else u.name end,
        language = case when with_language then new_language else u.language end
    where u.org_id = app_org() and u.id = app_user() and u.erase_requested_at is null;
    return found;
end
$$;

-- FUNCTION close_version(uuid, uuid, text)
CREATE FUNCTION public.close_version(tenant uuid, wanted uuid, off text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    update submissions as s set completed_at = now(), status = case
        when p.superseded > 0 then 'superseded'
        when p.gave_up = 0 and (p.unread = 0 or p.has_result = 0) then 'completed'
        when p.has_result > 0 then 'partial'
        else 'failed'
    end
    from (
        select count(*) filter (where q.state in ('queued', 'running')) as open,
            count(*) filter (where q.state = 'done' or o.is_off and q.provider is not null) as has_result,
            count(*) filter (where q.state = 'gave_up') as gave_up,
            count(*) filter (where o.is_off and q.provider is null) as unread,
            count(*) filter (where q.state = 'cancelled' and not o.is_off) as superseded
        from passes as q cross join lateral (select q.state = 'cancelled' and coalesce(q.error, '') = off as is_off) as o
        where q.org_id = tenant and q.submission_id = wanted
    ) as p
    where s.org_id = tenant and s.id = wanted and p.open = 0 and s.completed_at is null;
end
$$;

-- FUNCTION comment_answer(uuid)
CREATE FUNCTION public.comment_answer(comment uuid) RETURNS TABLE(id uuid, created_at timestamp with time zone, user_id uuid, provider text, model text, prompt_version text, stop_reason text, raw bytea, input_tokens integer, output_tokens integer, cost_micros bigint, latency_ms integer)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    return query
    with recursive made as (
        select f.id, f.submission_id, f.pass, f.provider, f.carried_from from feedback as f
        where f.org_id = app_org() and f.id = comment
            and (current_setting('role') <> 'ec_educator' or f.audience_id = any (app_audience()))
        union all
        select f.id, f.submission_id, f.pass, f.provider, f.carried_from
        from made as m join feedback as f on f.org_id = app_org() and f.id = m.carried_from
    )
    select a.id, a.created_at, a.user_id, a.provider, a.model, a.prompt_version, a.stop_reason, a.raw, a.input_tokens, a.output_tokens,
        a.cost_micros, a.latency_ms
    from made as m
    join ai_responses as a on a.org_id = app_org() and a.submission_id = m.submission_id and a.pass = m.pass
        and a.provider = m.provider and a.id < m.id
    where m.carried_from is null and a.outcome = 'ok'
    order by a.id desc limit 1;
end
$$;

-- FUNCTION count_hand_in(uuid, uuid)
CREATE FUNCTION public.count_hand_in(author uuid, own_essay uuid) RETURNS smallint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
declare
    today date := (now() at time zone 'utc')::date;
    open_limit integer;
    day_limit integer;
    counted integer;
    others integer;
begin
    select o.author_open_limit, o.author_daily_limit into open_limit, day_limit
    from orgs as o join users as u on u.org_id = o.id
    where o.id = app_org() and u.id = author and u.role = 'student';
    insert into author_use as a (org_id, user_id, day, handed_in) values (app_org(), author, today, 1)
    on conflict (org_id, user_id) do update
        set handed_in = case when a.day >= today then a.handed_in + 1 else 1 end, day = greatest(a.day, today)
    returning a.handed_in into counted;
    if counted > day_limit then
        raise exception 'author_daily_limit' using errcode = 'EC005', detail = day_limit,
            hint = ceil(extract(epoch from (today + 1)::timestamp - (now() at time zone 'utc')))::integer;
    end if;
    -- A statement of its own: it must see the essays that were committed while this one waited for the author's row.
    others := (
        select count(*) from (
            select distinct p.essay_id from passes as p
            where p.org_id = app_org() and p.user_id = author and p.state in ('queued', 'running') and p.essay_id <> own_essay
            limit greatest(open_limit, 15)
        ) as e
    );
    if others >= open_limit then
        raise exception 'author_open_limit' using errcode = 'EC005', detail = open_limit, hint = 60;
    end if;
    return least(others, 15);
end
$$;

-- FUNCTION count_queue(integer)
CREATE FUNCTION public.count_queue(most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
declare
    snap record;
    stop record;
    ended boolean;
    counted record;
    durations record;
    renewed boolean;
    total bigint := 0;
begin
    select coalesce(sum(t.count), 0)::bigint as amount, coalesce(sum(t.total), 0) as seconds into durations
    from tallies as t where t.name = 'pass_duration';
    insert into queue_snapshot (queue, fair, counted_at, taken_at, durations_at, sweep_fair)
    select q.queue, array_fill(0, array[21]), '-infinity', '-infinity', '-infinity', array_fill(0, array[21])
    from unnest(array['interactive', 'bulk']) as q (queue)
    where not exists (select from queue_snapshot as s where s.queue = q.queue)
    on conflict do nothing;
    for snap in select * from queue_snapshot as s order by s.queue for update skip locked loop
        snap.sweep_began_at := coalesce(snap.sweep_began_at, now());
        snap.sweep_org := coalesce(snap.sweep_org, '00000000-0000-0000-0000-000000000000');
        snap.sweep_turn := coalesce(snap.sweep_turn, -1);
        snap.sweep_next_at := coalesce(snap.sweep_next_at, '-infinity');
        select p.org_id, p.turn, p.next_at into stop from passes as p
        where p.state = 'queued' and p.queue = snap.queue
            and (p.org_id, p.turn, p.next_at) > (snap.sweep_org, snap.sweep_turn, snap.sweep_next_at)
        order by p.org_id, p.turn, p.next_at offset most - 1 limit 1;
        ended := stop.org_id is null;
        if ended then
            select 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid as org_id, 0::smallint as turn, 'infinity'::timestamptz as next_at into stop;
        end if;
        with numbered as materialized (
            select p.org_id, p.turn, p.next_at,
                row_number() over (partition by p.org_id order by p.turn, p.next_at)
                    + case when p.org_id = snap.sweep_org then snap.sweep_passes else 0 end as place
            from passes as p
            where p.state = 'queued' and p.queue = snap.queue and p.next_at <= now()
                and (p.org_id, p.turn, p.next_at) > (snap.sweep_org, snap.sweep_turn, snap.sweep_next_at)
                and (p.org_id, p.turn, p.next_at) <= (stop.org_id, stop.turn, stop.next_at)
        ),
        marked as (
            insert into queue_marks (org_id, queue, turn, next_at, ahead, counted_at)
            select n.org_id, snap.queue, n.turn, n.next_at, min(n.place) - 1, now() from numbered as n
            where n.place % 300 = 0 group by n.org_id, n.turn, n.next_at
            on conflict (org_id, queue, turn, next_at) do update set ahead = excluded.ahead, counted_at = excluded.counted_at
        ),
        schools as materialized (
            select w.org_id, max(w.place) as waiting from (
                select n.org_id, n.place from numbered as n
                union all
                select snap.sweep_org, snap.sweep_passes
            ) as w
            group by w.org_id
        )
        select
            (select count(*) from numbered) as amount,
            coalesce((select s.waiting from schools as s where s.org_id = stop.org_id), 0) as unfinished,
            array(
                select snap.sweep_fair[k] + coalesce((
                    select sum(least((s.waiting + 2) / 3, 1 << (k - 1))) from schools as s where s.org_id <> stop.org_id
                ), 0)::bigint
                from generate_series(1, 21) as k order by k
            ) as fair
        into counted;
        total := total + counted.amount;
        delete from queue_marks as m
        where m.queue = snap.queue and m.counted_at < now()
            and (m.org_id, m.turn, m.next_at) > (snap.sweep_org, snap.sweep_turn, snap.sweep_next_at)
            and (m.org_id, m.turn, m.next_at) <= (stop.org_id, stop.turn, stop.next_at);
        -- The durations of the last minute or so: a provider may have become slower since yesterday.
        renewed := snap.durations_at < now() - interval '1 minute' and durations.amount >= snap.durations_count + 10;
        update queue_snapshot as s set
            fair = case when ended then counted.fair else snap.fair end,
            counted_at = case when ended then snap.sweep_began_at else snap.counted_at end,
            running = (
                select count(*) from (select from passes as r where r.state = 'running' order by r.lease_until limit 10000) as r),
            pass_seconds = case when not renewed then snap.pass_seconds else
                greatest(0, (durations.seconds - snap.durations_total) / (durations.amount - snap.durations_count)) end,
            taken_at = now(),
            durations_count = case when renewed then durations.amount else snap.durations_count end,
            durations_total = case when renewed then durations.seconds else snap.durations_total end,
            durations_at = case when renewed then now() else snap.durations_at end,
            sweep_began_at = case when not ended then snap.sweep_began_at end,
            sweep_org = case when not ended then stop.org_id end,
            sweep_turn = case when not ended then stop.turn end,
            sweep_next_at = case when not ended then stop.next_at end,
            sweep_passes = case when ended then 0 else counted.unfinished end,
            sweep_fair = case when ended then array_fill(0, array[21]) else counted.fair end
        where s.queue = snap.queue;
    end loop;
    return total;
end
$$;

-- FUNCTION course_in_week(uuid, uuid, date)
CREATE FUNCTION public.course_in_week(school uuid, course uuid, of_week date) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    handed_in bigint;
    week_before bigint;
    waiting bigint;
    not_revised bigint;
    students bigint;
    struggles jsonb;
begin
    select coalesce(sum(r.submissions) filter (where r.day >= of_week), 0),
        coalesce(sum(r.submissions) filter (where r.day < of_week), 0)
    into handed_in, week_before
    from report_submissions as r
    where r.org_id = school and r.course_id = course and r.day between of_week - 7 and of_week + 6;
    select count(*) into waiting
    from (select from review_items as q where q.org_id = school and q.is_open and q.audience_id = course limit 100) as found;
    if handed_in = 0 and waiting = 0 then
        return null;
    end if;
    select count(distinct p.user_id),
        count(*) filter (where p.version = 1 and p.comments > 0 and p.released_at is not null)
    into students, not_revised
    from report_progress as p where p.org_id = school and p.course_id = course and p.is_newest;
    if students >= 5 then
        select jsonb_agg(jsonb_build_object('type', t.name, 'students', t.students) order by t.students desc, t.comments desc, t.name)
        into struggles
        from (
            select n.name, r.students, r.comments from report_types as r join feedback_types as n on n.slug = r.type and n.pass = r.pass
            where r.org_id = school and r.course_id = course order by r.students desc, r.comments desc, n.name limit 3
        ) as t;
    end if;
    return jsonb_build_object(
        'handed_in', handed_in, 'week_before', week_before, 'waiting', waiting, 'not_revised', not_revised, 'students', students,
        'struggles', coalesce(struggles, '[]'));
end
$$;

-- FUNCTION create_partition(name, timestamp with time zone)
CREATE FUNCTION public.create_partition(parent name, moment timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    month timestamptz := date_trunc('month', moment);
    next_month timestamptz := date_trunc('month', moment) + interval '1 month';
    partition_name text := parent || to_char(month, '_YYYY_MM');
begin
    if to_regclass('public.' || quote_ident(partition_name)) is not null then
        return false;
    end if;
    execute format(
        'create table public.%I partition of public.%I ('
        'constraint %I check (created_at >= %L::timestamptz and created_at < %L::timestamptz)'
        ') for values from (%L) to (%L)',
        partition_name, parent, partition_name || '_created_in_month', month, next_month,
        public.uuid7_floor(month), public.uuid7_floor(next_month)
    );
    execute format('alter table public.%I enable row level security', partition_name);
    execute format('alter table public.%I force row level security', partition_name);
    return true;
end
$$;

-- FUNCTION delete_expired(text, uuid[], boolean)
CREATE FUNCTION public.delete_expired(wanted text, taken uuid[], is_last boolean) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
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

-- FUNCTION delete_orphans(text, timestamp with time zone, timestamp with time zone, integer)
CREATE FUNCTION public.delete_orphans(fault text, since timestamp with time zone, until timestamp with time zone, most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $_$
declare
    target text := case fault when 'orphan_events' then 'analytics' when 'orphan_deliveries' then 'inbound_events' end;
    found_org record;
    total bigint := 0;
begin
    if target is null then
        raise exception 'rows of % are not deleted', fault;
    end if;
    for found_org in execute format(
        'with gone as (
            delete from %1$I as t where t.id in (select f.id from (%2$s) as f order by f.id limit $5) and not exists (
                select from orgs as o left join users as u on u.org_id = o.id and u.id = t.user_id
                where o.id = t.org_id and (o.legal_hold is not null or u.legal_hold is not null))
            returning t.org_id
         ) select org_id, count(*) as amount from gone group by org_id', target, fault_query(fault)
    ) using uuid7_floor(since), uuid7_floor(until), since, until, most loop
        total := total + found_org.amount;
        perform audit_note(
            found_org.org_id, 'orphans_deleted', 'org', found_org.org_id,
            jsonb_build_object('table', target, 'deleted', found_org.amount)
        );
    end loop;
    return total;
end
$_$;

-- FUNCTION detach_partition(name, integer, integer)
CREATE FUNCTION public.detach_partition(part name, log_days integer, unowned_days integer) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '30ms'
    AS $_$
declare
    parent name := retirable_parent(part);
    month timestamptz := make_timestamptz(substring(part from '(\d{4})_\d{2}$')::integer, right(part, 2)::integer, 1, 0, 0, 0);
    referenced name;
begin
    if not exists (select from pg_inherits as i where i.inhrelid = to_regclass('public.' || quote_ident(part))) then
        return 'gone';
    end if;
    -- A month with wrong bounds is to be mended first (docs/operations.md): it could not be attached again.
    if month + interval '2 months' > now() or not exists (
        select from pg_class as c
        where c.oid = to_regclass('public.' || quote_ident(part)) and pg_get_expr(c.relpartbound, c.oid) = format(
            'FOR VALUES FROM (%L) TO (%L)', uuid7_floor(month), uuid7_floor(month + interval '1 month'))
    ) then
        return 'needed';
    end if;
    -- Before any lock: it reads the whole month.
    if partition_is_needed(part, log_days, unowned_days) then
        return 'needed';
    end if;
    for attempt in 1..20 loop
        begin
            for referenced in select * from referenced_tables(part) loop
                execute format('lock table public.%I in share row exclusive mode', referenced);
            end loop;
            execute format('lock table only public.%I in access exclusive mode', parent);
            execute format('alter table public.%I detach partition public.%I', parent, part);
            return 'done';
        exception when lock_not_available or deadlock_detected then
            -- The locks of this attempt are gone. Those who waited behind them go first.
            perform pg_sleep(0.05 + random() * 0.3);
        end;
    end loop;
    return 'busy';
end
$_$;

-- FUNCTION discard_passes(uuid[])
CREATE FUNCTION public.discard_passes(wanted uuid[]) RETURNS TABLE(pass_id uuid, submission_id uuid, pass text, reason text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    perform from submissions as s
    where s.org_id = app_org() and s.id in (select p.submission_id from passes as p where p.org_id = app_org() and p.id = any (wanted))
    order by s.id for update;
    return query
    update passes as p set discarded_at = now()
    where p.org_id = app_org() and p.id = any (wanted) and p.state = 'gave_up' and p.discarded_at is null
        and (current_setting('role') <> 'ec_educator' or p.audience_id = any (app_audience()))
    returning p.id, p.submission_id, p.name, p.error;
end
$$;

-- FUNCTION drop_detached(name, integer, integer)
CREATE FUNCTION public.drop_detached(part name, log_days integer, unowned_days integer, OUT result text, OUT amount bigint) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '30ms'
    AS $_$
declare
    parent name := retirable_parent(part);
    month timestamptz := make_timestamptz(substring(part from '(\d{4})_\d{2}$')::integer, right(part, 2)::integer, 1, 0, 0, 0);
    referenced name;
begin
    if exists (select from pg_inherits as i where i.inhrelid = to_regclass('public.' || quote_ident(part))) then
        raise exception '% is still a part of its table', part;
    end if;
    if partition_is_needed(part, log_days, unowned_days) then
        -- With the CHECK, ATTACH does not read the month while it locks the default partition.
        execute format(
            'alter table public.%I add constraint whole_month check (id >= %L and id < %L)',
            part, uuid7_floor(month), uuid7_floor(month + interval '1 month')
        );
        execute format(
            'alter table public.%I attach partition public.%I for values from (%L) to (%L)',
            parent, part, uuid7_floor(month), uuid7_floor(month + interval '1 month')
        );
        execute format('alter table public.%I drop constraint whole_month', part);
        result := 'needed';
        return;
    end if;
    for attempt in 1..20 loop
        begin
            amount := note_retired(part);  -- it reads the month, so before the locks
            for referenced in select * from referenced_tables(part) loop
                execute format('lock table public.%I in access exclusive mode', referenced);
            end loop;
            execute format('drop table public.%I', part);
            result := 'done';
            return;
        exception when lock_not_available or deadlock_detected then
            perform pg_sleep(0.05 + random() * 0.3);
        end;
    end loop;
    result := 'busy';
    amount := 0;
end
$_$;

-- FUNCTION end_deliveries()
CREATE FUNCTION public.end_deliveries() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    update deliveries as d set state = 'gave_up', error = 'endpoint_disabled', finished_at = now()
    where d.org_id = new.org_id and d.endpoint_id = new.id and d.state = 'queued' and d.event <> 'endpoint.disabled';
    if new.disabled_reason <> 'admin' then
        insert into deliveries (org_id, endpoint_id, event, data)
        values (new.org_id, new.id, 'endpoint.disabled', jsonb_build_object('endpoint_id', new.id, 'reason', new.disabled_reason));
    end if;
    return null;
end
$$;

-- FUNCTION enrol_lms_educator(uuid, uuid)
CREATE FUNCTION public.enrol_lms_educator(person uuid, wanted_course uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    tenant uuid := app_org();
begin
    insert into enrollments (org_id, course_id, user_id, role)
    select tenant, c.id, u.id, 'educator'
    from courses as c
    join platforms as p on p.org_id = tenant and p.id = c.source_id and p.id = app_actor() and p.state = 'active'
    join lms_people as l on l.org_id = tenant and l.source_id = p.id and l.user_id = person
    join users as u on u.org_id = tenant and u.id = l.user_id and u.role = 'educator'
    where c.org_id = tenant and c.id = wanted_course
    limit 1
    on conflict (org_id, course_id, user_id) do update set role = 'educator' where enrollments.role <> 'educator';
    return exists (
        select from enrollments as e
        where e.org_id = tenant and e.course_id = wanted_course and e.user_id = person and e.role = 'educator'
    );
end
$$;

-- FUNCTION ensure_partitions(integer, timestamp with time zone)
CREATE FUNCTION public.ensure_partitions(months_ahead integer, since timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    parent name;
    month timestamptz;
    made integer := 0;
begin
    if months_ahead not between 0 and 36 then
        raise exception 'months_ahead must lie between 0 and 36, not %', months_ahead;
    end if;
    if since < date_trunc('month', now()) or since > now() + interval '3 years' then
        raise exception 'partitions begin between this month and three years from now, not at %', since;
    end if;
    perform pg_advisory_xact_lock(hashtext('essaycoach.partitions'));
    for parent in
        select c.relname from pg_partitioned_table as p join pg_class as c on c.oid = p.partrelid
        where c.relnamespace = 'public'::regnamespace order by c.relname
    loop
        for month in
            select generate_series(
                date_trunc('month', since), date_trunc('month', since) + make_interval(months => months_ahead), '1 month'
            )
        loop
            made := made + create_partition(parent, month)::integer;
        end loop;
    end loop;
    return made;
end
$$;

-- FUNCTION ensure_partitions(integer)
CREATE FUNCTION public.ensure_partitions(months_ahead integer) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    RETURN public.ensure_partitions(months_ahead, now());

-- FUNCTION erase_person(uuid)
CREATE FUNCTION public.erase_person(person uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION essays_in_turns(bigint[], bigint, bigint)
CREATE FUNCTION public.essays_in_turns(fair bigint[], turns bigint, own bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    RETURN CASE WHEN (turns >= 1048576) THEN ((fair)[21] - own) ELSE (SELECT (between_two.low + (((between_two.high - between_two.low) * (essays_in_turns.turns - (1 << k.k))) / (1 << k.k))) FROM (generate_series(0, 19) k(k) CROSS JOIN LATERAL (VALUES (((essays_in_turns.fair)[(1 + k.k)] - LEAST(essays_in_turns.own, ((1 << k.k))::bigint)),((essays_in_turns.fair)[(2 + k.k)] - LEAST(essays_in_turns.own, ((1 << (k.k + 1)))::bigint)))) between_two(low, high)) WHERE ((1 << k.k) <= essays_in_turns.turns) ORDER BY k.k DESC LIMIT 1) END;

-- FUNCTION fault_query(text)
CREATE FUNCTION public.fault_query(fault text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    RETURN CASE fault WHEN 'default_partitions'::text THEN 'select id from submissions_default union all select id from feedback_default union all select id from ai_responses_default
         union all select id from analytics_default union all select id from system_logs_default
         union all select id from audit_log_default union all select id from inbound_events_default'::text WHEN 'missing_partitions'::text THEN 'select p.relname || to_char(m.month, ''_YYYY_MM'') as id
         from pg_partitioned_table as t join pg_class as p on p.oid = t.partrelid and p.relnamespace = ''public''::regnamespace
         cross join generate_series(date_trunc(''month'', now()), now() + interval ''2 months'', ''1 month'') as m (month)
         where to_regclass(''public.'' || p.relname || to_char(m.month, ''_YYYY_MM'')) is null'::text WHEN 'open_versions'::text THEN 'select s.id from submissions as s
         where s.id >= $1 and s.id < least($2, uuid7_floor(now() - interval ''10 minutes'')) and s.completed_at is null and (
            select count(*) filter (where p.state in (''queued'', ''running'')) from passes as p
            where p.org_id = s.org_id and p.submission_id = s.id) = 0'::text WHEN 'closed_versions'::text THEN 'select s.id from submissions as s
         where s.id >= $1 and s.id < $2 and s.completed_at is not null and (
            select count(*) filter (where p.state in (''queued'', ''running'')) from passes as p
            where p.org_id = s.org_id and p.submission_id = s.id) > 0'::text WHEN 'overdue_leases'::text THEN 'select p.id from passes as p where p.state = ''running'' and p.lease_until < now() - interval ''5 minutes'''::text WHEN 'unhinted_passes'::text THEN 'select p.id from passes as p
         where p.state = ''queued'' and p.next_at < now() - interval ''10 minutes'' and p.hinted_at < p.next_at'::text WHEN 'uncounted_work'::text THEN 'select p.id from passes as p where not p.tallied and p.finished_at < now() - interval ''10 minutes''
         union all select a.id from ai_responses as a where not a.tallied and a.completed_at < now() - interval ''10 minutes''
         union all select e.id from ledger_entries as e where e.id < uuid7_floor(now() - interval ''10 minutes'')
         union all select t.id from tally_entries as t where t.id < uuid7_floor(now() - interval ''10 minutes'')'::text WHEN 'essays_disagree'::text THEN 'select e.id from essays as e cross join lateral (
            select count(*) as amount, max(s.version) as last, max(s.submitted_at) as newest_at,
                count(*) filter (where s.id = e.newest_submission_id and s.submitted_at = e.newest_submitted_at) as newest,
                count(*) filter (where s.user_id <> e.user_id or s.audience_id <> e.audience_id) as strange
            from submissions as s where s.org_id = e.org_id and s.essay_id = e.id
         ) as v
         where e.id >= $1 and e.id < $2 and (v.amount <> e.versions or v.last is distinct from e.versions or v.newest <> 1
            or v.newest_at is distinct from e.newest_submitted_at or v.strange > 0)'::text WHEN 'passes_disagree'::text THEN 'select p.id from passes as p left join submissions as s on s.org_id = p.org_id and s.id = p.submission_id
         where p.id >= $1 and p.id < $2
            and (s.essay_id is distinct from p.essay_id or s.user_id <> p.user_id or s.audience_id <> p.audience_id)'::text WHEN 'comments_disagree'::text THEN 'select f.id from feedback as f join submissions as s on s.org_id = f.org_id and s.id = f.submission_id
         where f.id >= $1 and f.id < $2
            and (s.essay_id <> f.essay_id or s.user_id <> f.user_id or s.audience_id <> f.audience_id)'::text WHEN 'orphan_reviews'::text THEN 'select v.id from feedback_reviews as v where v.id >= $1 and v.id < $2
            and not exists (select from feedback as f where f.id = v.feedback_id and f.org_id = v.org_id)
         union all select r.feedback_id from feedback_reactions as r where r.feedback_id >= $1 and r.feedback_id < $2
            and not exists (select from feedback as f where f.id = r.feedback_id and f.org_id = r.org_id)
         union all select i.feedback_id from review_items as i where i.feedback_id >= $1 and i.feedback_id < $2
            and not exists (select from feedback as f where f.id = i.feedback_id and f.org_id = i.org_id)'::text WHEN 'review_lists_disagree'::text THEN 'select i.feedback_id as id from review_items as i where i.feedback_id >= $1 and i.feedback_id < $2
            and i.review_id is distinct from (
                select v.id from feedback_reviews as v where v.org_id = i.org_id and v.feedback_id = i.feedback_id order by v.id desc limit 1)'::text WHEN 'orphan_predecessors'::text THEN 'select f.id from feedback as f where f.id >= $1 and f.id < $2 and f.carried_from is not null
            and not exists (select from feedback as g where g.id = f.carried_from and g.org_id = f.org_id)'::text WHEN 'orphan_deliveries'::text THEN 'select i.id from inbound_events as i where i.id >= $1 and i.id < $2 and i.submission_id is not null
            and not exists (select from submissions as s where s.id = i.submission_id and s.org_id = i.org_id)'::text WHEN 'orphan_events'::text THEN 'select a.id from analytics as a where a.id >= $1 and a.id < $2 and (
            a.essay_id is not null and not exists (select from essays as e where e.id = a.essay_id and e.org_id = a.org_id)
            or a.submission_id is not null and not exists (select from submissions as s where s.id = a.submission_id and s.org_id = a.org_id))'::text WHEN 'orphan_answers'::text THEN 'select k.caller_id as id from idempotency_keys as k where k.created_at >= $3 and k.created_at < $4
            and not exists (select from users as u where u.id = k.caller_id and u.org_id = k.org_id)
            and not exists (select from api_keys as a where a.id = k.caller_id and a.org_id = k.org_id)
            and not exists (select from sources as s where s.id = k.caller_id and s.org_id = k.org_id)'::text WHEN 'orphan_rubrics'::text THEN 'select p.id from passes as p where p.id >= $1 and p.id < $2 and p.rubric_id is not null
            and not exists (select from rubrics as r where r.id = p.rubric_id and r.org_id = p.org_id)'::text WHEN 'ledger_disagrees'::text THEN 'select c.org_id as id from (
            select a.org_id, (a.completed_at at time zone ''UTC'')::date as day, a.provider, a.model, a.pass, count(*) as calls,
                sum(a.cost_micros) as cost, sum(a.output_tokens) as tokens
            from ai_responses as a
            where a.id >= $1 and a.id < $2 and a.completed_at < now() - interval ''10 minutes'' and a.provider <> ''local'' group by 1, 2, 3, 4, 5
         ) as c left join ledger as l
            on l.org_id = c.org_id and l.day = c.day and l.provider = c.provider and l.model = c.model and l.pass = c.pass
         where l.calls is null or l.calls < c.calls or l.cost_micros < c.cost or l.output_tokens < c.tokens'::text WHEN 'totals_disagree'::text THEN 'select c.pass || '' '' || c.provider || '' '' || c.outcome as id from (
            select a.pass, a.provider, a.outcome, count(*) as calls from ai_responses as a
            where a.id >= $1 and a.id < $2 and a.tallied group by 1, 2, 3
         ) as c left join tallies as t on t.name = ''ai_requests'' and t.labels = array[c.pass, c.provider, c.outcome]
         where t.count is null or t.count < c.calls'::text WHEN 'author_costs_disagree'::text THEN 'select c.user_id as id from (
            select a.org_id, a.user_id, sum(a.cost_micros) as cost from ai_responses as a
            where a.id >= greatest($1, uuid7_floor(date_trunc(''month'', now()))) and a.id < $2
                and a.completed_at < now() - interval ''10 minutes'' and a.provider <> ''local'' group by 1, 2
         ) as c left join author_use as u on u.org_id = c.org_id and u.user_id = c.user_id
            and u.month = (date_trunc(''month'', now() at time zone ''UTC''))::date
         where c.cost > coalesce(u.cost_micros, 0)'::text WHEN 'people_without_key'::text THEN 'select u.id from users as u where u.id >= $1 and u.id < $2 and u.erase_requested_at is null
            and not exists (select from user_keys as k where k.user_id = u.id)'::text WHEN 'overdue_erasures'::text THEN 'select u.id from users as u join orgs as o on o.id = u.org_id
         where u.erase_requested_at < now() - interval ''1 day'' and u.legal_hold is null and o.legal_hold is null'::text WHEN 'overdue_retention'::text THEN 'select r.org_id as id from retention_runs as r join orgs as o on o.id = r.org_id
         where greatest(r.begins_at, r.next_at) < now() - interval ''2 days'' and o.closed_at is null and o.legal_hold is null'::text WHEN 'expired_rows'::text THEN 'select k.caller_id as id from idempotency_keys as k where k.created_at < now() - interval ''8 days''
         union all select s.id from sessions as s where s.expires_at < now() - interval ''31 days''
         union all select t.id from one_time_tokens as t where t.expires_at < now() - interval ''8 days''
         union all select l.id from system_logs as l left join orgs as o on o.id = l.org_id
            where l.id < uuid7_floor(now() - interval ''92 days'') and o.legal_hold is null'::text WHEN 'unchained_entries'::text THEN 'select a.id from audit_log as a where a.sequence is null and a.id < uuid7_floor(now() - interval ''5 minutes'')'::text WHEN 'audit_chain'::text THEN 'with looked_at as materialized (
            select n.org_id, n.sequence, n.hash from (
                select h.*, row_number() over (order by h.org_id) - 1 as place, count(*) over () as amount from audit_heads as h
            ) as n
            where $3 = to_timestamp(0)
                or (n.place + n.amount - 25 * (extract(epoch from $4)::bigint / 3600) % n.amount) % n.amount < 25
         )
         select c.id from looked_at as h cross join lateral (
            select a.id, a.sequence, a.hash, lag(a.hash) over w as before, lag(a.sequence) over w as place_before,
                lead(a.sequence) over w as place_after, audit_entry(a, a.sequence) as says
            from audit_log as a where a.org_id = h.org_id and a.sequence > h.sequence - 200 window w as (order by a.sequence)
         ) as c
         where c.place_before is not null
                and (c.sequence <> c.place_before + 1 or c.hash <> sha256(c.before || convert_to(c.says, ''UTF8'')))
            or c.sequence = 1 and c.hash <> sha256(decode(repeat(''00'', 32), ''hex'') || convert_to(c.says, ''UTF8''))
            or c.place_after is null and (c.sequence <> h.sequence or c.hash <> h.hash)
         union all select h.org_id from looked_at as h where h.sequence > 0
            and not exists (select from audit_log as a where a.org_id = h.org_id and a.sequence > h.sequence - 200)'::text ELSE NULL::text END;

-- FUNCTION feedback_bounds()
CREATE FUNCTION public.feedback_bounds() RETURNS double precision[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[(0.1)::double precision, (0.2)::double precision, (0.5)::double precision, (1)::double precision, (2)::double precision, (5)::double precision, (10)::double precision, (20)::double precision, (30)::double precision, (60)::double precision, (120)::double precision, (300)::double precision, (600)::double precision];

-- FUNCTION find_faults(text, timestamp with time zone, timestamp with time zone)
CREATE FUNCTION public.find_faults(fault text, since timestamp with time zone, until timestamp with time zone, OUT amount bigint, OUT ids text[]) RETURNS record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET plan_cache_mode TO 'force_custom_plan'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    if fault_query(fault) is null then
        raise exception 'there is no check called %', fault;
    end if;
    execute format('select count(*), coalesce((array_agg(f.id::text order by f.id))[1:20], ''{}'') from (%s) as f', fault_query(fault))
    into amount, ids using uuid7_floor(since), uuid7_floor(until), since, until;
end
$$;

-- FUNCTION fold_ledger(integer)
CREATE FUNCTION public.fold_ledger(most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    folded bigint;
begin
    perform pg_advisory_xact_lock(hashtext('essaycoach.ledger'));
    with taken as (
        delete from ledger_entries as e where e.id in (select n.id from ledger_entries as n order by n.id limit most) returning e.*
    ),
    added as (
        insert into ledger as l (org_id, day, provider, model, pass, calls, failed, input_tokens, output_tokens, cache_read_tokens,
            cache_write_tokens, cost_micros)
        select t.org_id, t.day, t.provider, t.model, t.pass, count(*), count(*) filter (where t.failed), sum(t.input_tokens),
            sum(t.output_tokens), sum(t.cache_read_tokens), sum(t.cache_write_tokens), sum(t.cost_micros)
        from taken as t group by t.org_id, t.day, t.provider, t.model, t.pass order by t.org_id, t.day, t.provider, t.model, t.pass
        on conflict (org_id, day, provider, model, pass) do update set calls = l.calls + excluded.calls,
            failed = l.failed + excluded.failed, input_tokens = l.input_tokens + excluded.input_tokens,
            output_tokens = l.output_tokens + excluded.output_tokens,
            cache_read_tokens = l.cache_read_tokens + excluded.cache_read_tokens,
            cache_write_tokens = l.cache_write_tokens + excluded.cache_write_tokens, cost_micros = l.cost_micros + excluded.cost_micros
    ),
    spent as (
        insert into author_use as a (org_id, user_id, month, cost_micros)
        select distinct on (m.org_id, m.user_id) m.org_id, m.user_id, m.month, m.cost
        from (
            select t.org_id, t.user_id, date_trunc('month', t.day)::date as month, sum(t.cost_micros) as cost
            from taken as t join users as u on u.org_id = t.org_id and u.id = t.user_id
            where t.cost_micros > 0 group by 1, 2, 3
        ) as m
        order by m.org_id, m.user_id, m.month desc
        on conflict (org_id, user_id) do update set
            cost_micros = case
                when a.month > excluded.month then a.cost_micros
                when a.month = excluded.month then a.cost_micros + excluded.cost_micros
                else excluded.cost_micros
            end,
            month = greatest(a.month, excluded.month)
    )
    select count(*) into folded from taken;
    return folded;
end
$$;

-- FUNCTION forget_person_of_arrival()
CREATE FUNCTION public.forget_person_of_arrival() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    new.place := new.place - 'person';
    return new;
end
$$;

-- FUNCTION forget_user_of_arrival()
CREATE FUNCTION public.forget_user_of_arrival() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    new.place := new.place - 'user';
    return new;
end
$$;

-- FUNCTION histogram(double precision[], double precision[])
CREATE FUNCTION public.histogram(samples double precision[], bounds double precision[]) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT array_agg((SELECT count(*) AS count FROM unnest(histogram.samples) s(s) WHERE (s.s <= b.b)) ORDER BY b.b) AS array_agg FROM unnest(histogram.bounds) b(b));

-- FUNCTION history_begins()
CREATE FUNCTION public.history_begins() RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return least(
        (select uuid_extract_timestamp(e.id) from essays as e order by e.id limit 1),
        (select uuid_extract_timestamp(u.id) from users as u order by u.id limit 1)
    );
end
$$;

-- FUNCTION hold_duty(text, uuid, integer)
CREATE FUNCTION public.hold_duty(duty text, wanted_by uuid, seconds integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    insert into duty_leases as d (name, holder, lease_until)
    values (duty, wanted_by, clock_timestamp() + make_interval(secs => least(seconds, 86400)))
    on conflict (name) do update set holder = excluded.holder, lease_until = excluded.lease_until
    where d.holder = excluded.holder or d.lease_until < clock_timestamp();
    return found;
end
$$;

-- FUNCTION hold_person(uuid, text)
CREATE FUNCTION public.hold_person(person uuid, case_number text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION index_sizes()
CREATE FUNCTION public.index_sizes() RETURNS TABLE(index_name name, bytes bigint, fresh_bytes bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return query
    select c.relname, pg_relation_size(c.oid)::bigint,
        (8192 * (1 + ceil(greatest(c.reltuples, 0) * (12 + 8 * ceil(w.width / 8.0)) / (8192 * 0.9 - 40))))::bigint
    from pg_index as x
    join pg_class as c on c.oid = x.indexrelid and c.relkind = 'i' and c.relnamespace = 'public'::regnamespace
    join pg_am as m on m.oid = c.relam and m.amname = 'btree'
    join pg_class as t on t.oid = x.indrelid
    cross join lateral (
        select sum(coalesce(s.avg_width, case when a.attlen > 0 then a.attlen else 32 end))::numeric as width
        from pg_attribute as a
        left join pg_attribute as b on b.attrelid = x.indrelid and b.attnum = x.indkey[a.attnum - 1] and b.attnum > 0
        left join pg_stats as s on s.schemaname = 'public' and s.tablename = t.relname and s.attname = b.attname
        where a.attrelid = c.oid and a.attnum > 0
    ) as w;
end
$$;

-- FUNCTION keep_dual_approval()
CREATE FUNCTION public.keep_dual_approval() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    if old.dual_approval and not new.dual_approval and not use_approval('end_dual_approval', null) then
        raise exception 'another admin must approve this' using errcode = 'EC008';
    end if;
    return new;
end
$$;

-- TABLE user_keys
CREATE TABLE public.user_keys (
    user_id uuid NOT NULL,
    org_id uuid NOT NULL,
    wrapped bytea NOT NULL,
    master_key_id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.user_keys FORCE ROW LEVEL SECURITY;

-- FUNCTION keys_missing()
CREATE FUNCTION public.keys_missing() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    RETURN (COALESCE((SELECT (k.user_id IS NULL) FROM ((SELECT u.id FROM public.users u WHERE (u.erase_requested_at IS NULL) ORDER BY u.id LIMIT 1) oldest LEFT JOIN public.user_keys k ON ((k.user_id = oldest.id)))), false) AND (NOT COALESCE((SELECT (oldest.created_at > u.created_at) FROM ((SELECT k.user_id, k.created_at FROM public.user_keys k ORDER BY k.user_id LIMIT 1) oldest JOIN public.users u ON ((u.id = oldest.user_id)))), false)));

-- FUNCTION lacks_key(uuid)
CREATE FUNCTION public.lacks_key(person uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    RETURN (EXISTS (SELECT FROM public.users u WHERE ((u.org_id = public.app_org()) AND (u.id = lacks_key.person) AND (u.erase_requested_at IS NULL) AND (NOT (EXISTS (SELECT FROM public.user_keys k WHERE (k.user_id = u.id)))))));

-- FUNCTION last_data_audit()
CREATE FUNCTION public.last_data_audit() RETURNS TABLE(checked_at timestamp with time zone, is_clean boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return query select d.succeeded_at, d.outcome = 'ok' and d.found = 0 from duty_runs as d where d.name = 'audit_data';
end
$$;

-- FUNCTION learns_with_review(uuid)
CREATE FUNCTION public.learns_with_review(author uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return exists (
        select from enrollments as n join assignments as a on a.org_id = n.org_id and a.course_id = n.course_id
        where n.org_id = app_org() and n.user_id = author and n.role = 'student' and a.release_policy = 'after_review'
    );
end
$$;

-- FUNCTION list_decided_comment()
CREATE FUNCTION public.list_decided_comment() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    insert into review_items as q (feedback_id, org_id, essay_id, submission_id, user_id, audience_id, assignment_id,
        confidence_permille, review_id)
    select f.id, f.org_id, f.essay_id, f.submission_id, f.user_id, f.audience_id, e.assignment_id, (f.confidence * 1000)::integer, new.id
    from feedback as f
    join essays as e on e.org_id = f.org_id and e.id = f.essay_id
    where f.org_id = new.org_id and f.id = new.feedback_id and f.superseded_at is null and e.trial_until is null
    on conflict (feedback_id) do update set review_id = greatest(q.review_id, excluded.review_id);
    return null;
end
$$;

-- FUNCTION list_new_comments()
CREATE FUNCTION public.list_new_comments() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    insert into review_items (feedback_id, org_id, essay_id, submission_id, user_id, audience_id, assignment_id, confidence_permille)
    select f.id, f.org_id, f.essay_id, f.submission_id, f.user_id, f.audience_id, e.assignment_id, (f.confidence * 1000)::integer
    from made as f
    join essays as e on e.org_id = f.org_id and e.id = f.essay_id
    where f.origin <> 'educator' and f.superseded_at is null and e.trial_until is null and e.newest_submission_id = f.submission_id;
    return null;
end
$$;

-- FUNCTION look_back_at_canvas(uuid, integer)
CREATE FUNCTION public.look_back_at_canvas(source uuid, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    courses integer;
begin
    delete from arrivals as a
    where a.org_id = app_org() and a.source_id = source and a.version_key like 'look:%' and not a.place ? 'hand_in' and a.state = 'queued';
    courses := note_canvas_looks(app_org(), source, now() - interval '30 days', interval '0', most);
    if courses > 0 then
        perform audit_note(app_org(), 'replayed', 'source', source, jsonb_build_object('courses', courses));
    end if;
    return courses;
end
$$;

-- FUNCTION look_back_at_due_canvas(integer, integer)
CREATE FUNCTION public.look_back_at_due_canvas(most_sites integer, most_courses integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    site record;
    courses integer := 0;
begin
    for site in
        select c.org_id, c.id from canvas_sites as c
        where (c.looked_back_at is null or c.looked_back_at < now() - interval '1 day')
            and exists (select from sources as s where s.org_id = c.org_id and s.id = c.id and s.disabled_at is null)
            and exists (select from orgs as o where o.id = c.org_id and o.closed_at is null)
        order by c.looked_back_at nulls first
        limit most_sites
        for update skip locked
    loop
        courses := courses + note_canvas_looks(site.org_id, site.id, now() - interval '3 days', interval '1 hour', most_courses);
        update canvas_sites as c set looked_back_at = now() where c.org_id = site.org_id and c.id = site.id;
    end loop;
    return courses;
end
$$;

-- FUNCTION monitor_bloat()
CREATE FUNCTION public.monitor_bloat() RETURNS TABLE(relname name, ratio double precision)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    with width as (
        select s.tablename, sum(s.avg_width * (1 - s.null_frac)) as bytes from pg_catalog.pg_stats as s
        where s.schemaname = 'public' and not s.inherited group by s.tablename
    ),
    part as (
        select c.oid, c.relpages::double precision as pages, case
            when c.reltuples < 0 or w.bytes is null then c.relpages
            else c.reltuples * (28 + w.bytes) / (pg_catalog.current_setting('block_size')::integer - 24) * 100 / coalesce((
                select o.option_value::integer from pg_catalog.pg_options_to_table(c.reloptions) as o where o.option_name = 'fillfactor'
            ), 100)
        end as needed
        from pg_catalog.pg_class as c left join width as w on w.tablename = c.relname
        where c.relkind = 'r' and c.relnamespace = 'public'::pg_catalog.regnamespace
    )
    select root.relname, case
        when sum(part.pages) < 128 then 0
        else 1 - least(1, sum(part.needed) / sum(part.pages))
    end as ratio
    from part left join pg_catalog.pg_inherits as i on i.inhrelid = part.oid
    join pg_catalog.pg_class as root on root.oid = coalesce(i.inhparent, part.oid)
    group by root.relname order by ratio desc, sum(part.pages) desc, root.relname limit 20
$$;

-- FUNCTION monitor_endpoints()
CREATE FUNCTION public.monitor_endpoints() RETURNS TABLE(oldest_seconds double precision, failing bigint, disabled bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return query
    select coalesce((
        select extract(epoch from now() - d.next_at)::double precision from deliveries as d
        where d.state = 'queued' and d.next_at <= now() order by d.next_at limit 1
    ), 0), count(*) filter (where e.failing_since is not null and e.disabled_at is null),
        count(*) filter (where e.disabled_reason in ('gone', 'failing'))
    from endpoints as e;
end
$$;

-- FUNCTION monitor_lms()
CREATE FUNCTION public.monitor_lms() RETURNS TABLE(arrivals_oldest_seconds double precision, returns_oldest_seconds double precision, moodle_silent_seconds double precision, gave_up bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return query select
        coalesce((select extract(epoch from now() - a.next_at)::double precision from arrivals as a
            where a.state = 'queued' and a.next_at <= now() order by a.next_at limit 1), 0),
        coalesce((select extract(epoch from now() - r.next_at)::double precision from returns as r
            where r.state = 'queued' and r.next_at <= now() order by r.next_at limit 1), 0),
        coalesce((select max(extract(epoch from now() - coalesce(m.succeeded_at, m.created_at)))::double precision
            from moodle_sites as m join sources as s on s.org_id = m.org_id and s.id = m.id
            join orgs as o on o.id = m.org_id
            where s.disabled_at is null and o.closed_at is null), 0),
        (select count(*) from moodle_sites as m where m.state = 'gave_up');
end
$$;

-- FUNCTION monitor_org_spend()
CREATE FUNCTION public.monitor_org_spend() RETURNS TABLE(rank bigint, ratio double precision)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
begin
    return query
    select row_number() over (order by s.share desc), s.share from (
        select sum(l.cost_micros)::double precision / o.monthly_budget_micros as share
        from ledger as l join orgs as o on o.id = l.org_id
        where l.day >= date_trunc('month', now() at time zone 'utc')::date and o.monthly_budget_micros > 0 and o.removed_at is null
        group by o.id
    ) as s
    order by s.share desc limit 10;
end
$$;

-- FUNCTION monitor_programs()
CREATE FUNCTION public.monitor_programs() RETURNS TABLE(program text, version text, processes bigint, heartbeat_age_seconds double precision, threads_alive bigint, threads_busy bigint, progress_age_seconds double precision)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return query
    select h.program, h.version, count(*) filter (where l.lives), extract(epoch from now() - max(h.seen_at))::double precision,
        coalesce(sum(h.threads_alive) filter (where l.lives), 0)::bigint, coalesce(sum(h.threads_busy) filter (where l.lives), 0)::bigint,
        coalesce(extract(epoch from max(h.seen_at - h.progress_at) filter (where l.lives and h.has_work)), 0)::double precision
    from heartbeats as h cross join lateral (select h.seen_at > now() - interval '30 seconds' as lives) as l
    group by h.program, h.version;
end
$$;

-- FUNCTION monitor_sessions()
CREATE FUNCTION public.monitor_sessions() RETURNS TABLE(datname name, usename name, state text, autovacuum boolean, xact_start timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    select a.datname, a.usename, a.state, a.backend_type = 'autovacuum worker', a.xact_start
    from pg_catalog.pg_stat_activity as a
    where a.pid <> pg_catalog.pg_backend_pid()
$$;

-- FUNCTION monitor_standbys()
CREATE FUNCTION public.monitor_standbys() RETURNS TABLE(application_name text, lag_seconds double precision, lag_bytes numeric)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    select r.application_name, max(case
            when r.replay_lsn >= here.lsn then 0
            else extract(epoch from greatest(r.replay_lag, pg_catalog.clock_timestamp() - r.reply_time))
        end)::double precision,
        max(greatest(0, pg_catalog.pg_wal_lsn_diff(here.lsn, r.replay_lsn)))
    from pg_catalog.pg_stat_replication as r
    cross join (select case
        when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_lsn()
    end as lsn) as here
    where r.state in ('streaming', 'catchup') and r.replay_lsn is not null
    group by r.application_name order by 2 desc, 1 limit 20
$$;

-- FUNCTION monitor_statements()
CREATE FUNCTION public.monitor_statements() RETURNS TABLE(usename name, queryid bigint, calls bigint, seconds double precision, rows_seen bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    if to_regclass('extensions.pg_stat_statements') is null then
        return;
    end if;
    return query execute
        'select pg_get_userbyid(s.userid), s.queryid, sum(s.calls)::bigint, sum(s.total_exec_time) / 1000.0, sum(s.rows)::bigint
         from extensions.pg_stat_statements(false) as s
         where s.dbid = (select oid from pg_database where datname = current_database()) and s.queryid is not null
         group by s.userid, s.queryid order by 4 desc limit 20';
exception when object_not_in_prerequisite_state then
    return;  -- created, but not among shared_preload_libraries
end
$$;

-- FUNCTION newest_versions(uuid[], boolean)
CREATE FUNCTION public.newest_versions(wanted uuid[], staff boolean) RETURNS TABLE(id uuid, newest_version integer, status text, released_at timestamp with time zone, from_html boolean, comment_count bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    return query
    select s.id, s.version, s.status, s.released_at, s.from_html,
        (
            select count(*) from feedback as f
            where f.org_id = app_org() and f.submission_id = s.id and f.superseded_at is null
                and (staff or (s.released_at is not null and (
                    select r.decision from feedback_reviews as r
                    where r.org_id = f.org_id and r.feedback_id = f.id order by r.id desc limit 1
                ) is distinct from 'rejected'))
        )
    from submissions as s
    where s.org_id = app_org() and s.id = any (wanted);
end
$$;

-- FUNCTION next_due(uuid)
CREATE FUNCTION public.next_due(hinted uuid) RETURNS TABLE(org_id uuid, pass_id uuid, queue text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
declare
    named record;
    lane text;
    hand regclass;
    last_org uuid;
    org uuid;
    earliest timestamptz;
    compared integer;
    wrapped boolean;
    seen_all boolean;
    busy bigint;
    best uuid;
    best_busy bigint;
    first_turn smallint;
    spread integer;
    -- A last try runs only while no other does (see suspect_may_run).
    most_lost integer := case when exists (
        select from passes as r where r.state = 'running' and r.lost >= 2 order by r.org_id, r.lost limit 1) then 1 else 2 end;
begin
    select p.org_id, p.queue, p.turn, p.state = 'queued' and p.next_at <= now() and p.lost <= most_lost as is_due
    into named from passes as p where p.id = hinted;
    foreach lane in array case when random() < 0.05 then array['bulk', 'interactive'] else array['interactive', 'bulk'] end loop
        best := null;
        best_busy := 1000;
        compared := 0;
        wrapped := false;
        seen_all := false;
        hand := 'queue_hand_' || lane;
        last_org := (lpad(to_hex(coalesce(pg_sequence_last_value(hand), 0)), 16, '0') || 'ffffffffffffffff')::uuid;
        org := last_org;
        for visit in 1..64 loop
            select p.org_id, p.next_at into org, earliest from passes as p
            where p.state = 'queued' and p.queue = lane and p.org_id > org
            order by p.org_id, p.next_at limit 1;
            if org is null and not wrapped then
                wrapped := true;
                select p.org_id, p.next_at into org, earliest from passes as p
                where p.state = 'queued' and p.queue = lane order by p.org_id, p.next_at limit 1;
            end if;
            seen_all := org is null or wrapped and org > last_org;
            exit when seen_all;
            continue when earliest > now() or most_lost < 2 and not exists (
                select from passes as p
                where p.state = 'queued' and p.queue = lane and p.org_id >= org and (p.org_id, p.next_at) <= (org, now())
                    and p.lost <= most_lost
                order by p.org_id, p.next_at limit 1
            );
            -- No more than matter: as many as the best has run are too many.
            busy := (
                select count(*) from (
                    select from passes as r where r.state = 'running' and (r.org_id, r.lost) >= (org, 0) and r.org_id <= org
                    order by r.org_id, r.lost limit best_busy
                ) as r
            );
            if best is null or busy < best_busy then
                best := org;
                best_busy := busy;
            end if;
            compared := compared + 1;
            exit when best_busy = 0 or compared = 8;
        end loop;
        if coalesce(best, org) is not null then
            perform setval(hand, ('x' || left(replace(coalesce(best, org)::text, '-', ''), 16))::bit(64)::bigint);
        end if;
        if best is null and not seen_all then
            -- Most schools wait for a later time. The oldest pass that is due leads to one that does not.
            best := (
                select p.org_id from passes as p
                where p.state = 'queued' and p.queue = lane and p.next_at <= now() and p.lost <= most_lost
                order by p.next_at limit 1
            );
        end if;
        if best is not null then
            -- The authors of the org take turns: the lowest turn of which a pass is due. One look in twenty goes by age
            -- alone, so that the later essays of one author do not starve while others go on handing in.
            first_turn := null;
            if random() >= 0.05 then
                for candidate in 0..15 loop
                    perform from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id = best
                        and p.turn >= candidate and (p.turn, p.next_at) <= (candidate, now()) and p.lost <= most_lost
                    order by p.turn, p.next_at limit 1;
                    if found then
                        first_turn := candidate;
                        exit;
                    end if;
                end loop;
            end if;
            if best = named.org_id and lane = named.queue and named.is_due and coalesce(first_turn, named.turn) = named.turn then
                return query select best, hinted, lane;
                return;
            end if;
            -- Workers that ask at the same moment should not all be sent to the same row. Where many schools wait, the hand spreads
            -- them already, and the passes of one essay are read close together.
            spread := case when seen_all then 32 / compared else 3 end;
            if first_turn is null then
                return query
                select best, o.id, lane
                from (
                    select p.id from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id >= best and (p.org_id, p.next_at) <= (best, now())
                        and p.lost <= most_lost
                    order by p.org_id, p.next_at limit spread
                ) as o
                order by random() limit 1;
            else
                return query
                select best, o.id, lane
                from (
                    select p.id from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id = best
                        and p.turn >= first_turn and (p.turn, p.next_at) <= (first_turn, now()) and p.lost <= most_lost
                    order by p.turn, p.next_at limit spread
                ) as o
                order by random() limit 1;
            end if;
            return;
        end if;
    end loop;
end
$$;

-- FUNCTION note_asset_report()
CREATE FUNCTION public.note_asset_report() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    insert into returns (org_id, source_id, submission_id, channel)
    select a.org_id, a.source_id, new.id, 'asset_report'
    from arrivals as a join platforms as p on p.org_id = a.org_id and p.id = a.source_id
    where a.org_id = new.org_id and a.submission_id = new.id and a.place ? 'asset'
        and exists (select from passes as s where s.org_id = new.org_id and s.submission_id = new.id and s.state = 'done')
    limit 1
    on conflict do nothing;
    return null;
end
$$;

-- TABLE ai_responses
CREATE TABLE public.ai_responses (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED NOT NULL,
    org_id uuid NOT NULL,
    submission_id uuid NOT NULL,
    user_id uuid NOT NULL,
    pass text NOT NULL,
    attempt integer NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    prompt_version text NOT NULL,
    request_sha256 bytea NOT NULL,
    outcome text DEFAULT 'open'::text NOT NULL,
    stop_reason text,
    raw bytea,
    input_tokens integer DEFAULT 0 NOT NULL,
    output_tokens integer DEFAULT 0 NOT NULL,
    cache_read_tokens integer DEFAULT 0 NOT NULL,
    cache_write_tokens integer DEFAULT 0 NOT NULL,
    cost_micros bigint DEFAULT 0 NOT NULL,
    latency_ms integer,
    completed_at timestamp with time zone,
    tallied boolean DEFAULT false NOT NULL,
    reserved_micros bigint DEFAULT 0 NOT NULL,
    batch boolean DEFAULT false NOT NULL,
    CONSTRAINT ai_responses_amounts_not_negative CHECK (((LEAST(attempt, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, latency_ms) >= 0) AND (cost_micros >= 0))),
    CONSTRAINT ai_responses_completed_unless_open CHECK (((completed_at IS NULL) = (outcome = 'open'::text))),
    CONSTRAINT ai_responses_outcome_known CHECK ((outcome = ANY (ARRAY['open'::text, 'ok'::text, 'rate_limited'::text, 'budget_spent'::text, 'overloaded'::text, 'server_error'::text, 'connection'::text, 'timeout'::text, 'truncated'::text, 'refused'::text, 'context_exceeded'::text, 'not_json'::text, 'wrong_schema'::text, 'bad_request'::text, 'unauthorised'::text, 'crashed'::text]))),
    CONSTRAINT ai_responses_pass_known CHECK ((pass = ANY (ARRAY['grammar'::text, 'structure'::text, 'content'::text]))),
    CONSTRAINT ai_responses_provider_known CHECK ((provider = ANY (ARRAY['local'::text, 'anthropic'::text]))),
    CONSTRAINT ai_responses_raw_when_ok CHECK (((outcome <> 'ok'::text) OR (raw IS NOT NULL))),
    CONSTRAINT ai_responses_reserved_not_negative CHECK ((reserved_micros >= 0))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY public.ai_responses ALTER COLUMN raw SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.ai_responses FORCE ROW LEVEL SECURITY;

-- TABLE author_use
CREATE TABLE public.author_use (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    day date,
    handed_in integer DEFAULT 0 NOT NULL,
    month date,
    cost_micros bigint DEFAULT 0 NOT NULL,
    CONSTRAINT author_use_not_negative CHECK (((handed_in >= 0) AND (cost_micros >= 0)))
)
WITH (fillfactor='80');
ALTER TABLE ONLY public.author_use FORCE ROW LEVEL SECURITY;

-- FUNCTION note_author_cost(uuid)
CREATE FUNCTION public.note_author_cost(call uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    BEGIN ATOMIC
 INSERT INTO public.author_use AS a (org_id, user_id, month, cost_micros)  SELECT r.org_id,
             r.user_id,
             (date_trunc('month'::text, (now() AT TIME ZONE 'utc'::text)))::date AS date_trunc,
             r.cost_micros
            FROM public.ai_responses r
           WHERE ((r.org_id = public.app_org()) AND (r.id = note_author_cost.call) AND (r.cost_micros > 0)) ON CONFLICT(org_id, user_id) DO UPDATE SET cost_micros = (
         CASE
             WHEN (a.month >= excluded.month) THEN a.cost_micros
             ELSE (0)::bigint
         END + excluded.cost_micros), month = GREATEST(a.month, excluded.month);
END;

-- FUNCTION note_canvas_looks(uuid, uuid, timestamp with time zone, interval, integer)
CREATE FUNCTION public.note_canvas_looks(org uuid, source uuid, since timestamp with time zone, spread interval, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    courses integer;
begin
    with ended as (
        delete from arrivals as a
        where a.org_id = org and a.source_id = source and a.version_key like 'look:%' and not a.place ? 'hand_in'
            and a.state not in ('queued', 'running')
        returning a.place, a.state, a.changed_at
    )
    insert into arrivals (org_id, source_id, version_key, place, changed_at, next_at)
    select org, source, 'look:' || gen_random_uuid(), k.place,
        greatest(c.created_at, now() - interval '30 days', least(since, b.changed_at)), now() + random() * spread
    from canvas_sites as c cross join lateral (
        select distinct jsonb_build_object('root_account', a.place -> 'root_account', 'course', a.place -> 'course') as place
        from arrivals as a
        where a.org_id = c.org_id and a.source_id = c.id and a.id >= uuid7_floor(now() - interval '200 days')
            and a.place ? 'hand_in' and a.place ->> 'course' is not null
        limit most
    ) as k left join (
        select e.place, min(e.changed_at) as changed_at from ended as e where e.state = 'gave_up' group by e.place
    ) as b on b.place = k.place
    where c.org_id = org and c.id = source and not exists (
        select from arrivals as w
        where w.org_id = org and w.source_id = source and w.state in ('queued', 'running') and not w.place ? 'hand_in' and w.place = k.place
    );
    get diagnostics courses = row_count;
    return courses;
end
$$;

-- FUNCTION note_canvas_return()
CREATE FUNCTION public.note_canvas_return() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    insert into returns (org_id, source_id, submission_id, channel)
    select a.org_id, a.source_id, new.id, 'canvas_comment'
    from arrivals as a join canvas_sites as c on c.org_id = a.org_id and c.id = a.source_id
    where a.org_id = new.org_id and a.submission_id = new.id and c.returns <> 'none'
        and exists (select from passes as p where p.org_id = new.org_id and p.submission_id = new.id and p.state = 'done')
    limit 1
    on conflict do nothing;
    return null;
end
$$;

-- FUNCTION note_feedback_seconds()
CREATE FUNCTION public.note_feedback_seconds() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    new.feedback_seconds := greatest(0, extract(epoch from new.completed_at - old.created_at));
    return new;
end
$$;

-- FUNCTION note_new_role()
CREATE FUNCTION public.note_new_role() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    -- Staff are never deleted by age: the time as a student begins now.
    if new.role is distinct from old.role then
        new.active_at := now();
    end if;
    return new;
end
$$;

-- FUNCTION note_refused()
CREATE FUNCTION public.note_refused() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
begin
    insert into deliveries (org_id, endpoint_id, event, data)
    select new.org_id, e.id, 'submission.refused', jsonb_build_object(
        'source_id', new.source_id, 'delivery_id', new.id, 'webhook_id', new.event_id, 'reason', new.reason, 'received_at', new.created_at,
        'links', jsonb_build_object('delivery', '/v1/sources/' || new.source_id || '/deliveries/' || new.id)
    )
    from endpoints as e
    where e.org_id = new.org_id and e.disabled_at is null and 'submission.refused' = any (e.events);
    return null;
end
$$;

-- FUNCTION note_retired(name)
CREATE FUNCTION public.note_retired(part name) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    kind text := case retirable_parent(part) when 'inbound_events' then 'deliveries' when 'ai_responses' then 'raw_answers' end;
    total bigint := 0;
    found_org record;
begin
    for found_org in execute format('select w.org_id, count(*) as amount from public.%I as w group by w.org_id', part) loop
        total := total + found_org.amount;
        if kind is not null then
            perform audit_note(
                found_org.org_id, 'retention_run', 'org', found_org.org_id,
                jsonb_build_object('class', kind, 'deleted', found_org.amount)
            );
        end if;
    end loop;
    return total;
end
$$;

-- FUNCTION note_return()
CREATE FUNCTION public.note_return() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    insert into returns (org_id, source_id, submission_id, channel)
    select a.org_id, a.source_id, new.id, 'moodle_comment'
    from arrivals as a join moodle_sites as m on m.org_id = a.org_id and m.id = a.source_id
    where a.org_id = new.org_id and a.submission_id = new.id and m.returns <> 'none'
        and exists (select from passes as p where p.org_id = new.org_id and p.submission_id = new.id and p.state = 'done')
    limit 1
    on conflict do nothing;
    return null;
end
$$;

-- FUNCTION note_score()
CREATE FUNCTION public.note_score() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    insert into returns (org_id, source_id, submission_id, channel)
    select a.org_id, a.source_id, new.id, 'lti_score'
    from essays as e
    join platform_assignments as a on a.org_id = e.org_id and a.assignment_id = e.assignment_id
    join platforms as p on p.org_id = a.org_id and p.id = a.source_id
    where e.org_id = new.org_id and e.id = new.essay_id and p.state = 'active' and p.scores = 'handed_in'
        and exists (select from lms_people as l where l.org_id = a.org_id and l.source_id = a.source_id and l.user_id = new.user_id)
        and exists (select from passes as d where d.org_id = new.org_id and d.submission_id = new.id and d.state = 'done')
        and not exists (
            select from essays as o join submissions as s on s.org_id = o.org_id and s.essay_id = o.id
            join returns as r on r.org_id = s.org_id and r.submission_id = s.id
            where o.org_id = new.org_id and o.user_id = new.user_id and o.assignment_id = e.assignment_id
                and r.channel = 'lti_score' and r.source_id = a.source_id and r.state <> 'gave_up'
        )
    limit 1
    on conflict do nothing;
    return null;
end
$$;

-- FUNCTION note_sign_in()
CREATE FUNCTION public.note_sign_in() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
begin
    -- Whoever holds the row (a roster import does for minutes) is not waited for: the session itself is remembered for 60 days.
    update users as u set active_at = now() where u.id in (
        select l.id from users as l
        where l.org_id = new.org_id and l.id = new.user_id and l.active_at < now() - interval '1 day' for no key update skip locked);
    return null;
end
$$;

-- FUNCTION note_unenrolled()
CREATE FUNCTION public.note_unenrolled() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    update users as u set active_at = now()
    from gone as g join orgs as o on o.id = g.org_id and o.closed_at is null
    where u.org_id = g.org_id and u.id = g.user_id;
    return null;
end
$$;

-- FUNCTION note_version()
CREATE FUNCTION public.note_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    kind text := case when tg_argv[0] = 'released' then 'feedback.released' when new.status = 'failed' then 'submission.failed'
        else 'feedback.ready' end;
begin
    insert into deliveries (org_id, endpoint_id, event, submission_id, data)
    select new.org_id, e.id, kind, new.id, (
        select jsonb_build_object(
            'submission_id', new.id, 'essay_id', new.essay_id, 'version', new.version, 'user_id', new.user_id,
            'external_id', new.external_id, 'status', new.status, 'submitted_at', new.submitted_at,
            'completed_at', new.completed_at, 'released', new.released_at is not null, 'released_at', new.released_at,
            'assignment', (select jsonb_build_object('id', a.id, 'external_id', a.external_id) from assignments as a
                where a.org_id = w.org_id and a.id = w.assignment_id),
            'course', (select jsonb_build_object('id', c.id, 'external_id', c.external_id) from courses as c
                where c.org_id = w.org_id and c.id = w.course_id),
            'links', jsonb_build_object(
                'status', '/v1/submissions/' || new.id, 'feedback', '/v1/submissions/' || new.id || '/feedback')
        ) from essays as w where w.org_id = new.org_id and w.id = new.essay_id
    )
    from endpoints as e
    where e.org_id = new.org_id and e.disabled_at is null and kind = any (e.events) and (
        -- A version that no machine read is complete without feedback.
        kind <> 'feedback.ready'
        or exists (select from passes as p where p.org_id = new.org_id and p.submission_id = new.id and p.state = 'done')
    );
    return null;
end
$$;

-- TABLE orgs
CREATE TABLE public.orgs (
    id uuid DEFAULT uuidv7() NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    default_language text DEFAULT 'en'::text NOT NULL,
    release_policy text DEFAULT 'auto'::text NOT NULL,
    ai_policy text DEFAULT 'anthropic'::text NOT NULL,
    monthly_budget_micros bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ai_fallback text DEFAULT 'wait'::text NOT NULL,
    closed_at timestamp with time zone,
    exported_at timestamp with time zone,
    removed_at timestamp with time zone,
    require_approval boolean DEFAULT false NOT NULL,
    require_assignment boolean DEFAULT false NOT NULL,
    author_open_limit integer DEFAULT 50,
    author_daily_limit integer DEFAULT 500,
    author_budget_percent integer DEFAULT 20,
    admin_networks text[] DEFAULT '{}'::text[] NOT NULL,
    retention_texts integer,
    retention_raw_answers integer,
    retention_deliveries integer,
    retention_accounts integer,
    retention_logs integer,
    legal_hold text,
    dual_approval boolean DEFAULT false NOT NULL,
    password_roles text[] DEFAULT '{student,educator,admin}'::text[] NOT NULL,
    second_factor_required boolean DEFAULT false NOT NULL,
    step_up boolean DEFAULT false NOT NULL,
    embed_origins text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT orgs_admin_networks_few CHECK (((cardinality(admin_networks) <= 50) AND (array_position((admin_networks)::cidr[], NULL::cidr) IS NULL))),
    CONSTRAINT orgs_ai_fallback_known CHECK ((ai_fallback = ANY (ARRAY['wait'::text, 'local'::text]))),
    CONSTRAINT orgs_ai_policy_known CHECK ((ai_policy = ANY (ARRAY['anthropic'::text, 'local'::text, 'none'::text]))),
    CONSTRAINT orgs_author_limits_in_range CHECK (((author_open_limit >= 1) AND (author_open_limit <= 10000) AND (author_daily_limit >= 1) AND (author_daily_limit <= 10000) AND (author_budget_percent >= 1) AND (author_budget_percent <= 100))),
    CONSTRAINT orgs_budget_not_negative CHECK ((monthly_budget_micros >= 0)),
    CONSTRAINT orgs_embed_origins_few CHECK (((cardinality(embed_origins) <= 20) AND (array_position(embed_origins, NULL::text) IS NULL))),
    CONSTRAINT orgs_exported_when_closed CHECK (((exported_at IS NULL) OR (closed_at IS NOT NULL))),
    CONSTRAINT orgs_legal_hold_is_a_case_number CHECK (((legal_hold ~ '^[A-Z0-9][A-Z0-9./-]{0,39}$'::text) AND (legal_hold ~ '[0-9]'::text))),
    CONSTRAINT orgs_name_not_blank CHECK (((name ~ '\S'::text) AND (length(name) <= 200))),
    CONSTRAINT orgs_password_roles_known CHECK ((password_roles <@ ARRAY['student'::text, 'educator'::text, 'admin'::text])),
    CONSTRAINT orgs_release_policy_known CHECK ((release_policy = ANY (ARRAY['auto'::text, 'after_review'::text]))),
    CONSTRAINT orgs_removed_when_exported CHECK (((removed_at IS NULL) OR (exported_at IS NOT NULL))),
    CONSTRAINT orgs_retention_in_range CHECK (((retention_texts >= 30) AND (retention_texts <= 36500) AND (retention_raw_answers >= 30) AND (retention_raw_answers <= 36500) AND (retention_deliveries >= 30) AND (retention_deliveries <= 36500) AND (retention_accounts >= 30) AND (retention_accounts <= 36500) AND (retention_logs >= 7) AND (retention_logs <= 90))),
    CONSTRAINT orgs_slug_is_a_short_name CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);
ALTER TABLE ONLY public.orgs FORCE ROW LEVEL SECURITY;

-- FUNCTION on_hold(uuid)
CREATE FUNCTION public.on_hold(person uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    RETURN (EXISTS (SELECT FROM (public.users u JOIN public.orgs o ON ((o.id = u.org_id))) WHERE ((u.org_id = public.app_org()) AND (u.id = on_hold.person) AND ((u.legal_hold IS NOT NULL) OR (o.legal_hold IS NOT NULL)))));

-- FUNCTION org_rows()
CREATE FUNCTION public.org_rows() RETURNS TABLE(name text, total bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    for name in select t.name from org_tables() as t loop
        execute format('select count(*) from %I where org_id = app_org()', name) into total;
        return next;
    end loop;
end
$$;

-- FUNCTION org_tables()
CREATE FUNCTION public.org_tables() RETURNS TABLE(name text, place integer)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    BEGIN ATOMIC
 WITH RECURSIVE owned AS (
          SELECT c.oid,
             c.relname
            FROM (pg_class c
              JOIN pg_attribute a ON (((a.attrelid = c.oid) AND (a.attname = 'org_id'::name) AND (NOT a.attisdropped))))
           WHERE ((c.relnamespace = ('public'::regnamespace)::oid) AND (c.relkind = ANY (ARRAY['r'::"char", 'p'::"char"])) AND (NOT c.relispartition) AND (c.relname <> ALL (ARRAY['audit_log'::name, 'audit_heads'::name])))
         ), placed(oid, place) AS (
          SELECT o_1.oid,
             0 AS "?column?"
            FROM owned o_1
         UNION
          SELECT k.confrelid,
             (p_1.place + 1)
            FROM ((placed p_1
              JOIN pg_constraint k ON (((k.contype = 'f'::"char") AND (k.conrelid = p_1.oid) AND (k.confrelid <> k.conrelid))))
              JOIN owned o_1 ON ((o_1.oid = k.confrelid)))
           WHERE (p_1.place < 100)
         )
  SELECT (o.relname)::text AS relname,
     max(p.place) AS max
    FROM (placed p
      JOIN owned o ON ((o.oid = p.oid)))
   GROUP BY o.relname
   ORDER BY (max(p.place)), ((o.relname)::text);
END;

-- FUNCTION own_delivery(uuid, uuid, bytea, bytea)
CREATE FUNCTION public.own_delivery(delivery uuid, person uuid, sealed_body bytea, sealed_problem bytea) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    update inbound_events as d set user_id = person, body = sealed_body, problem = sealed_problem
    where d.org_id = app_org() and d.id = delivery and d.user_id is null;
    return found;
end
$$;

-- FUNCTION partition_is_needed(name, integer, integer)
CREATE FUNCTION public.partition_is_needed(part name, log_days integer, unowned_days integer) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
declare
    parent name := retirable_parent(part);
    needed boolean;
    rule text;
begin
    if log_days < 7 or unowned_days < 7 then
        raise exception 'rows stay 7 days at the least';
    end if;
    if parent = 'system_logs' then
        rule := 'w.id >= uuid7_floor(now() - make_interval(days => $1)) or o.legal_hold is not null';
    elsif parent = 'inbound_events' then
        rule := 'o.closed_at is not null or o.legal_hold is not null or case when w.user_id is null
            then w.id >= uuid7_floor(now() - make_interval(days => $2))
            else o.retention_deliveries is null or r.begins_at is null or r.begins_at > now()
                or w.id >= uuid7_floor(now() - make_interval(days => o.retention_deliveries))
                or w.user_id in (select u.id from users as u where u.legal_hold is not null) end';
    elsif parent = 'ai_responses' then
        rule := 'o.closed_at is not null or o.legal_hold is not null or o.retention_raw_answers is null or r.begins_at is null
            or r.begins_at > now() or not w.tallied or w.completed_at is null
            or greatest(w.id, w.submission_id) >= uuid7_floor(now() - make_interval(days => o.retention_raw_answers))
            or w.user_id in (select u.id from users as u where u.legal_hold is not null)';
    else
        rule := 'true';
    end if;
    execute format(
        'select exists (select from public.%I as w left join orgs as o on o.id = w.org_id '
        'left join retention_runs as r on r.org_id = w.org_id and r.class = $3 where %s)', part, rule
    ) into needed using log_days, unowned_days, case parent when 'inbound_events' then 'deliveries' else 'raw_answers' end;
    return needed;
end
$_$;

-- TABLE provider_pauses
CREATE TABLE public.provider_pauses (
    provider text NOT NULL,
    reason text NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    until timestamp with time zone NOT NULL,
    probe_until timestamp with time zone,
    trips integer DEFAULT 1 NOT NULL,
    CONSTRAINT provider_pauses_provider_known CHECK ((provider = ANY (ARRAY['local'::text, 'anthropic'::text]))),
    CONSTRAINT provider_pauses_reason_is_a_word CHECK ((reason ~ '^[a-z_]{1,40}$'::text)),
    CONSTRAINT provider_pauses_trips_positive CHECK ((trips > 0))
);

-- FUNCTION pause_provider(text, text, double precision)
CREATE FUNCTION public.pause_provider(wanted text, why text, pause_seconds double precision) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    BEGIN ATOMIC
 INSERT INTO public.provider_pauses AS p (provider, reason, until)
   VALUES (pause_provider.wanted, pause_provider.why, (now() + make_interval(secs => pause_provider.pause_seconds))) ON CONFLICT(provider) DO UPDATE SET until = GREATEST(p.until, excluded.until), probe_until = NULL::timestamp with time zone, reason =
         CASE
             WHEN (p.reason = 'rate_limited'::text) THEN excluded.reason
             WHEN (excluded.reason = 'rate_limited'::text) THEN p.reason
             WHEN (excluded.until >= p.until) THEN excluded.reason
             ELSE p.reason
         END;
END;

-- FUNCTION place_assignment(text, text, text, text, boolean)
CREATE FUNCTION public.place_assignment(wanted text, wanted_title text, wanted_course text, wanted_course_name text, may_add boolean, OUT assignment_id uuid, OUT refusal text) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    tenant uuid := app_org();
    own_source uuid := (select s.id from sources as s where s.org_id = tenant and s.id = app_actor());
    creates boolean := coalesce(
        (select s.creates_courses from sources as s where s.org_id = tenant and s.id = app_actor()),
        (select k.creates_courses from api_keys as k where k.org_id = tenant and k.id = app_actor()),
        false
    );
    found_course uuid;
    found_source uuid;
    course_id_of_lms text;
    found_rows bigint;
begin
    -- Of two callers that add the same thing, one waits for the other, adds nothing and finds it in the next round.
    for round in 1..3 loop
        select a.id, a.source_id, c.external_id, count(*) over ()
        into assignment_id, found_source, course_id_of_lms, found_rows
        from assignments as a join courses as c on c.org_id = a.org_id and c.id = a.course_id
        where a.org_id = tenant and a.external_id = wanted
            and (own_source is null or a.source_id is null or a.source_id = own_source)
        order by a.source_id is not distinct from own_source desc limit 1;
        if found then
            refusal := case
                when own_source is null and found_source is not null and found_rows > 1 then 'ambiguous'
                when course_id_of_lms <> wanted_course then 'other_course'
            end;
            return;
        end if;
        refusal := case
            when not may_add then 'unknown' when not creates then 'not_allowed' when wanted_course is null then 'course_needed'
        end;
        if refusal is not null then
            return;
        end if;
        select c.id, c.source_id, count(*) over () into found_course, found_source, found_rows
        from courses as c
        where c.org_id = tenant and c.external_id = wanted_course
            and (own_source is null or c.source_id is null or c.source_id = own_source)
        order by c.source_id is not distinct from own_source desc limit 1;
        if found_course is null then
            insert into courses (org_id, name, external_id, source_id) values (tenant, wanted_course_name, wanted_course, own_source)
            on conflict (org_id, external_id, source_id) where external_id is not null do nothing
            returning id into found_course;
        elsif own_source is null and found_source is not null and found_rows > 1 then
            refusal := 'ambiguous_course';
            return;
        end if;
        if found_course is not null then
            insert into assignments (org_id, course_id, title, external_id, source_id)
            values (tenant, found_course, wanted_title, wanted, own_source)
            on conflict (org_id, external_id, source_id) where external_id is not null do nothing
            returning id into assignment_id;
            if assignment_id is not null then
                return;
            end if;
        end if;
    end loop;
end
$$;

-- FUNCTION place_lms_course(text, text)
CREATE FUNCTION public.place_lms_course(wanted text, wanted_name text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    tenant uuid := app_org();
    platform uuid := (select p.id from platforms as p where p.org_id = tenant and p.id = app_actor() and p.state = 'active');
    course uuid;
begin
    if platform is null then
        raise exception 'no platform is acting' using errcode = 'insufficient_privilege';
    end if;
    -- Of two callers that add the same course, one waits for the other, adds nothing and finds it in the next round.
    for round in 1..2 loop
        select c.id into course from courses as c
        where c.org_id = tenant and c.external_id = wanted and (c.source_id is null or c.source_id = platform)
        order by c.source_id is not distinct from platform desc limit 1;
        if found then
            return course;
        end if;
        insert into courses (org_id, name, external_id, source_id)
        select tenant, wanted_name, wanted, s.id from sources as s where s.org_id = tenant and s.id = platform and s.creates_courses
        on conflict (org_id, external_id, source_id) where external_id is not null do nothing
        returning id into course;
        if found then
            return course;
        end if;
    end loop;
    return null;
end
$$;

-- FUNCTION plan_weekly_summaries(date, integer)
CREATE FUNCTION public.plan_weekly_summaries(of_week date, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    planned integer;
begin
    if (select count(*) from report_refreshes as f
        where f.name in ('report_submissions', 'report_progress', 'report_types') and f.refreshed_at >= of_week + 7) < 3 then
        return 0;
    end if;
    insert into weekly_summaries (org_id, user_id, week, courses, state, finished_at)
    select r.org_id, r.user_id, of_week, s.courses, case when s.courses = '[]' then 'nothing' else 'queued' end,
        case when s.courses = '[]' then now() end
    from (
        select w.org_id, w.user_id
        from weekly_summary_readers as w
        join users as u on u.org_id = w.org_id and u.id = w.user_id
        where u.role <> 'student' and u.email is not null and u.disabled_at is null and u.erase_requested_at is null
            and not exists (
                select from weekly_summaries as d where d.org_id = w.org_id and d.user_id = w.user_id and d.week = of_week)
        limit most
    ) as r
    cross join lateral (
        select coalesce(jsonb_agg(c.figures || jsonb_build_object('id', c.id, 'name', c.name) order by c.name, c.id), '[]') as courses
        from (
            select k.id, k.name, course_in_week(k.org_id, k.id, of_week) as figures
            from enrollments as n join courses as k on k.org_id = n.org_id and k.id = n.course_id
            where n.org_id = r.org_id and n.user_id = r.user_id and n.role = 'educator' and k.archived_at is null
        ) as c where c.figures is not null
    ) as s
    on conflict do nothing;
    get diagnostics planned = row_count;
    return planned;
end
$$;

-- FUNCTION provider_gate(text, double precision)
CREATE FUNCTION public.provider_gate(wanted text, probe_seconds double precision, OUT wait_seconds double precision, OUT reason text, OUT probe boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    wait_seconds := 0;
    probe := false;
    select greatest(0, extract(epoch from p.until - now())), p.reason into wait_seconds, reason
    from provider_pauses as p where p.provider = wanted;
    if not found then
        wait_seconds := 0;
    elsif wait_seconds = 0 and reason = 'rate_limited' then
        -- The vendor named the time itself: it is over for everybody.
        delete from provider_pauses as p where p.provider = wanted and p.until <= now();
    elsif wait_seconds = 0 then
        update provider_pauses as p set probe_until = now() + make_interval(secs => probe_seconds)
        where p.provider = wanted and p.until <= now() and coalesce(p.probe_until, p.until) <= now();
        probe := found;
        wait_seconds := case when found then 0 else 1 end;
    end if;
end
$$;

-- FUNCTION queue_place(uuid)
CREATE FUNCTION public.queue_place(wanted uuid) RETURNS TABLE(ahead bigint, running integer, mean_seconds double precision, age_seconds double precision)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
declare
    mine record;
    snap record;
    mark record;
    lane text;
    own bigint;
    of_school bigint;
    first bigint := 0;
    waiting bigint;
    org uuid;
    other record;
    is_exact boolean := true;
    counted_at timestamptz;
begin
    select bool_and(p.queue = 'bulk') as in_bulk, min(p.next_at) as next_at, min(p.turn) as turn into mine
    from (
        select o.queue, o.next_at, o.turn, o.state from passes as o where o.submission_id = wanted and o.org_id = app_org() offset 0
    ) as p
    where p.state = 'queued'
    having count(*) > 0;
    if not found then
        return;
    end if;
    lane := case when mine.in_bulk then 'bulk' else 'interactive' end;
    select * into snap from queue_snapshot as s where s.queue = lane;
    counted_at := snap.counted_at;
    -- The look is limited, because passes that wait for a later time stand between those that are due.
    own := (
        select count(*) from (
            select p.next_at from passes as p
            where p.state = 'queued' and p.queue = lane and p.org_id = app_org() and (p.turn, p.next_at) < (mine.turn, mine.next_at)
            order by p.turn, p.next_at limit 400
        ) as p
        where p.next_at <= now()
    );
    if own > 300 then
        is_exact := false;
        select m.turn, m.next_at, m.ahead, m.counted_at into mark from queue_marks as m
        where m.queue = lane and m.org_id = app_org() and (m.turn, m.next_at) <= (mine.turn, mine.next_at)
        order by m.turn desc, m.next_at desc limit 1;
        if mark.ahead is not null then
            counted_at := least(counted_at, mark.counted_at);
            own := greatest(own, mark.ahead + (
                select count(*) from (
                    select from passes as p
                    where p.state = 'queued' and p.queue = lane and p.org_id = app_org()
                        and (p.turn, p.next_at) >= (mark.turn, mark.next_at) and (p.turn, p.next_at) < (mine.turn, mine.next_at)
                    order by p.turn, p.next_at limit 300
                ) as p
            ));
        end if;
    end if;
    own := (own + 2) / 3;
    of_school := (
        select m.ahead / 3 from queue_marks as m
        where m.queue = lane and m.org_id = app_org() order by m.turn desc, m.next_at desc limit 1
    );
    if mine.in_bulk then
        first := (
            select (count(*) + 2) / 3 from (
                select from passes as p where p.state = 'queued' and p.queue = 'interactive' and p.next_at <= now()
                order by p.next_at limit 301
            ) as p
        );
        if first > 100 then
            is_exact := false;
            first := greatest(first, (select s.fair[21] from queue_snapshot as s where s.queue = 'interactive'));
        end if;
    end if;
    -- What the other schools read in as many turns as this one has up to this essay.
    waiting := greatest(0, essays_in_turns(snap.fair, own + 1, greatest(own + 1, of_school)));
    if is_exact and (waiting < 300 or snap.counted_at < now() - interval '1 minute') then
        waiting := 0;
        org := '00000000-0000-0000-0000-000000000000';
        loop
            select p.org_id, case when p.next_at <= now() and p.org_id <> app_org() then (
                select (count(*) + 2) / 3 from (
                    select from passes as o
                    where o.state = 'queued' and o.queue = lane and o.org_id >= p.org_id and (o.org_id, o.next_at) <= (p.org_id, now())
                    order by o.org_id, o.next_at limit 3 * (own + 1)
                ) as o
            ) else 0 end as essays
            into other
            from passes as p
            where p.state = 'queued' and p.queue = lane and p.org_id > org
            order by p.org_id, p.next_at limit 1;
            org := other.org_id;
            exit when org is null;
            waiting := waiting + other.essays;
            is_exact := first + own + waiting <= 100;
            exit when not is_exact;
        end loop;
        waiting := greatest(waiting, case when not is_exact then essays_in_turns(snap.fair, own + 1, greatest(own + 1, of_school)) end);
    else
        is_exact := false;
    end if;
    ahead := first + own + waiting;
    running := snap.running;
    mean_seconds := snap.pass_seconds;
    if coalesce(snap.taken_at, '-infinity') < now() - interval '1 minute' then
        running := (
            select count(*) from (select from passes as r where r.state = 'running' order by r.lease_until limit 1000) as r);
        mean_seconds := (
            select coalesce(sum(t.total) / nullif(sum(t.count), 0), 1) from tallies as t where t.name = 'pass_duration'
        );
    end if;
    age_seconds := case when not is_exact then
        least(86400, greatest(0, extract(epoch from now() - greatest(counted_at, now() - interval '24 hours'))))
    end;
    return next;
end
$$;

-- FUNCTION read_detached(name, uuid, integer)
CREATE FUNCTION public.read_detached(part name, after uuid, most integer) RETURNS TABLE(id uuid, line text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
begin
    perform retirable_parent(part);
    if exists (select from pg_inherits as i where i.inhrelid = to_regclass('public.' || quote_ident(part))) then
        raise exception '% is still a part of its table', part;
    end if;
    return query execute format(
        'select w.id, to_jsonb(w)::text from public.%I as w where w.id > $1 order by w.id limit $2', part
    ) using after, most;
end
$_$;

-- FUNCTION record_duty(text, timestamp with time zone, text, bigint, jsonb)
CREATE FUNCTION public.record_duty(duty text, began timestamp with time zone, result text, amount bigint, counts jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    ended timestamptz := clock_timestamp();
begin
    insert into duty_runs as old (name, started_at, ended_at, succeeded_at, outcome, found, detail)
    values (duty, least(began, ended), ended, case when result = 'ok' then ended end, result, amount, counts)
    on conflict (name) do update set started_at = excluded.started_at, ended_at = excluded.ended_at,
        succeeded_at = coalesce(excluded.succeeded_at, old.succeeded_at), outcome = excluded.outcome, found = excluded.found,
        detail = excluded.detail;
end
$$;

-- FUNCTION record_heartbeat(uuid, text, text, integer, text, double precision, double precision, integer, integer, boolean)
CREATE FUNCTION public.record_heartbeat(beat uuid, of_program text, on_host text, of_pid integer, of_version text, up_seconds double precision, still_seconds double precision, alive integer, busy integer, works boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    own_program constant text := case session_user when 'ec_ingest' then 'web' when 'ec_worker' then 'worker' when 'ec_clock' then 'clock' end;
begin
    if own_program is distinct from of_program and session_user like 'ec\_%' then
        raise insufficient_privilege using message = format('%s writes no heartbeat of %s', session_user, of_program);
    end if;
    insert into heartbeats as old (
        id, program, host, pid, version, started_at, seen_at, progress_at, threads_alive, threads_busy, has_work
    )
    values (
        beat, of_program, on_host, of_pid, of_version, now() - greatest(up_seconds, 0) * interval '1 second', now(),
        now() - greatest(still_seconds, 0) * interval '1 second', alive, busy, works
    )
    on conflict (id) do update set started_at = least(old.started_at, excluded.seen_at), seen_at = excluded.seen_at,
        progress_at = excluded.progress_at, threads_alive = excluded.threads_alive, threads_busy = excluded.threads_busy,
        has_work = excluded.has_work
    where old.program = excluded.program;
    delete from heartbeats where id in (
        select h.id from heartbeats as h
        where h.program = of_program and h.seen_at < now() - interval '1 hour' for update skip locked
    );
end
$$;

-- FUNCTION redeliver(uuid, uuid, timestamp with time zone, integer)
CREATE FUNCTION public.redeliver(endpoint uuid, wanted uuid, since timestamp with time zone, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    queued integer;
begin
    if not exists (select from endpoints as e where e.org_id = app_org() and e.id = endpoint and e.disabled_at is null) then
        return 0;
    end if;
    with chosen as materialized (
        select f.id from deliveries as f
        where f.org_id = app_org() and f.endpoint_id = endpoint and f.event <> 'endpoint.disabled' and (
            f.id = wanted and f.state in ('queued', 'done', 'gave_up')
            or wanted is null and f.state = 'gave_up' and f.id >= uuid7_floor(since)
        )
        order by f.id limit most for update skip locked
    )
    update deliveries as d set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null, http_status = null
    from chosen as c where d.org_id = app_org() and d.id = c.id;
    get diagnostics queued = row_count;
    if queued > 0 then
        perform audit_note(app_org(), 'redelivered', 'endpoint', endpoint,
            jsonb_build_object('deliveries', queued) || case when wanted is null then '{}' else jsonb_build_object('delivery_id', wanted) end);
    end if;
    return queued;
end
$$;

-- FUNCTION referenced_tables(name)
CREATE FUNCTION public.referenced_tables(part name) RETURNS SETOF name
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    select distinct f.relname from pg_catalog.pg_constraint as k join pg_catalog.pg_class as f on f.oid = k.confrelid
    where k.conrelid = to_regclass('public.' || quote_ident(part)) and k.contype = 'f' and not f.relispartition
    order by f.relname
$$;

-- FUNCTION refresh_report(text)
CREATE FUNCTION public.refresh_report(wanted text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET work_mem TO '64MB'
    SET enable_nestloop TO 'off'
    AS $$
declare
    began timestamptz := clock_timestamp();
    is_filled boolean := (
        select v.ispopulated from pg_matviews as v
        where v.schemaname = 'public' and v.matviewname = wanted and v.matviewowner = current_user
    );
    took integer;
begin
    if is_filled is null then
        raise exception 'there is no report view %', wanted using errcode = 'undefined_table';
    end if;
    execute format('refresh materialized view %s public.%I', case when is_filled then 'concurrently' else '' end, wanted);
    -- Later changes are noticed by autovacuum.
    if not is_filled then
        execute format('analyze public.%I', wanted);
    end if;
    took := (extract(epoch from clock_timestamp() - began) * 1000)::integer;
    insert into report_refreshes as r (name, refreshed_at, took_ms) values (wanted, began, took)
    on conflict (name) do update set refreshed_at = excluded.refreshed_at, took_ms = excluded.took_ms;
    return took;
end
$$;

-- FUNCTION release_duty(text, uuid)
CREATE FUNCTION public.release_duty(duty text, held_by uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    delete from duty_leases as d where d.name = duty and d.holder = held_by;
end
$$;

-- FUNCTION remove_org_rows(integer)
CREATE FUNCTION public.remove_org_rows(most integer) RETURNS TABLE(name text, removed bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
declare
    key_columns text;
begin
    if not exists (select from orgs as o where o.id = app_org() and o.exported_at is not null) then
        raise exception 'the org was not exported' using errcode = 'EC004';
    end if;
    for name in select t.name from org_tables() as t where has_table_privilege('public.' || quote_ident(t.name), 'delete') loop
        select string_agg(quote_ident(a.attname), ', ') into key_columns
        from pg_index as i join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
        where i.indrelid = to_regclass('public.' || quote_ident(name)) and i.indisprimary;
        execute format(
            'delete from %1$I where (%2$s) in (select %2$s from %1$I where org_id = app_org() limit $1)', name, key_columns
        ) using most;
        get diagnostics removed = row_count;
        if removed > 0 then
            return next;
            return;
        end if;
    end loop;
end
$_$;

-- FUNCTION reopen_provider(text)
CREATE FUNCTION public.reopen_provider(wanted text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    BEGIN ATOMIC
 DELETE FROM public.provider_pauses
   WHERE ((provider_pauses.provider = reopen_provider.wanted) AND (provider_pauses.until <= now()));
END;

-- FUNCTION replay_arrivals(uuid, uuid, integer)
CREATE FUNCTION public.replay_arrivals(source uuid, wanted uuid, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    queued integer;
begin
    with chosen as materialized (
        select f.id from arrivals as f
        where f.org_id = app_org() and f.source_id = source and f.state in ('refused', 'gave_up') and (wanted is null or f.id = wanted)
        order by f.id limit most for update skip locked
    )
    update arrivals as a set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
    from chosen as c where a.org_id = app_org() and a.id = c.id;
    get diagnostics queued = row_count;
    if queued > 0 then
        perform audit_note(app_org(), 'replayed', 'source', source,
            jsonb_build_object('arrivals', queued) || case when wanted is null then '{}' else jsonb_build_object('arrival_id', wanted) end);
    end if;
    return queued;
end
$$;

-- FUNCTION replay_passes(uuid[], text)
CREATE FUNCTION public.replay_passes(wanted uuid[], into_queue text) RETURNS TABLE(pass_id uuid, submission_id uuid, pass text, reason text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    if (select o.ai_policy = 'none' from orgs as o where o.id = app_org()) then
        return;
    end if;
    -- Submission before pass, in one order: as everybody who closes one.
    perform from submissions as s
    where s.org_id = app_org() and s.id in (select p.submission_id from passes as p where p.org_id = app_org() and p.id = any (wanted))
    order by s.id for update;
    return query
    with before as (
        select p.id, p.submission_id, p.name, p.error from passes as p
        join submissions as s on s.org_id = p.org_id and s.id = p.submission_id
        join essays as e on e.org_id = s.org_id and e.id = s.essay_id and e.newest_submission_id = s.id
        where p.org_id = app_org() and p.id = any (wanted) and p.state = 'gave_up'
            and (current_setting('role') <> 'ec_educator' or p.audience_id = any (app_audience()))
    ),
    replayed as (
        -- An essay that took workers along gets one more try, alone among its like.
        update passes as p set state = 'queued', queue = into_queue, attempt = 0, error = null, discarded_at = null,
            lost = case when p.error = 'worker_lost' then 2 else 0 end,
            queued_at = now(), next_at = now(), hinted_at = now(), first_claimed_at = null, started_at = null,
            finished_at = null, tallied = false
        from before as b where p.org_id = app_org() and p.id = b.id
        returning p.id
    ),
    reopened as (
        update submissions as s set completed_at = null, status = 'processing'
        where s.org_id = app_org() and s.id in (select b.submission_id from before as b) and s.completed_at is not null
    )
    select b.id, b.submission_id, b.name, b.error from before as b join replayed as r on r.id = b.id;
end
$$;

-- FUNCTION request_approval(text, uuid)
CREATE FUNCTION public.request_approval(wanted text, person uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION request_erasure(uuid)
CREATE FUNCTION public.request_erasure(person uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION require_live_session(uuid, uuid, text, integer)
CREATE FUNCTION public.require_live_session(session_id uuid, wanted_user uuid, wanted_role text, wanted_version integer) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION require_no_hold()
CREATE FUNCTION public.require_no_hold() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    if new.closed_at is not null and old.closed_at is null or new.exported_at is not null and old.exported_at is null then
        if new.legal_hold is not null or exists (select from users as u where u.org_id = new.id and u.legal_hold is not null) then
            raise exception 'a legal hold keeps the data of this school' using errcode = 'EC007';
        end if;
    end if;
    return new;
end
$$;

-- FUNCTION rerun_passes(uuid[], text)
CREATE FUNCTION public.rerun_passes(wanted uuid[], into_queue text) RETURNS TABLE(pass_id uuid, submission_id uuid, pass text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    if (select o.ai_policy = 'none' from orgs as o where o.id = app_org()) then
        return;
    end if;
    perform from submissions as s
    where s.org_id = app_org() and s.id = any (wanted)
        and (current_setting('role') <> 'ec_educator' or s.audience_id = any (app_audience()))
    order by s.id for update;
    return query
    with rerun as (
        update passes as p set state = 'queued', queue = into_queue, attempt = 0, lost = 0, error = null,
            queued_at = now(), next_at = now(), hinted_at = now(), first_claimed_at = null, started_at = null, finished_at = null,
            comments = null, summary = null, basis = null, tallied = false
        from submissions as s join essays as e on e.org_id = s.org_id and e.id = s.essay_id and e.newest_submission_id = s.id
        where p.org_id = app_org() and p.submission_id = any (wanted)
            and (p.state = 'done' or p.state = 'cancelled' and p.error = 'reading_off')
            and s.org_id = p.org_id and s.id = p.submission_id
            and (current_setting('role') <> 'ec_educator' or p.audience_id = any (app_audience()))
        returning p.id, p.submission_id as submission, p.name
    ),
    made as (
        insert into passes as p (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue)
        select s.org_id, s.id, s.essay_id, s.user_id, s.audience_id, n.name, 'queued', into_queue
        from submissions as s join essays as e on e.org_id = s.org_id and e.id = s.essay_id and e.newest_submission_id = s.id
        cross join unnest(array['grammar', 'structure', 'content']) as n (name)
        where s.org_id = app_org() and s.id = any (wanted)
            and (current_setting('role') <> 'ec_educator' or s.audience_id = any (app_audience()))
            and not exists (select from passes as q where q.org_id = s.org_id and q.submission_id = s.id)
        returning p.id, p.submission_id as submission, p.name
    ),
    every as (select * from rerun union all select * from made),
    reopened as (
        update submissions as s set completed_at = null, status = 'processing'
        where s.org_id = app_org() and s.id in (select r.submission from every as r) and s.completed_at is not null
    )
    select r.id, r.submission, r.name from every as r;
end
$$;

-- FUNCTION resend_returns(uuid, uuid, integer)
CREATE FUNCTION public.resend_returns(source uuid, wanted uuid, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    queued integer;
begin
    with chosen as materialized (
        select f.id from returns as f
        where f.org_id = app_org() and f.source_id = source and f.state = 'gave_up' and (wanted is null or f.id = wanted)
        order by f.error is not distinct from 'not_wanted', f.id limit most for update skip locked
    )
    update returns as r set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
    from chosen as c where r.org_id = app_org() and r.id = c.id;
    get diagnostics queued = row_count;
    if queued > 0 then
        perform audit_note(app_org(), 'replayed', 'source', source,
            jsonb_build_object('returns', queued) || case when wanted is null then '{}' else jsonb_build_object('return_id', wanted) end);
    end if;
    return queued;
end
$$;

-- FUNCTION retention_changed()
CREATE FUNCTION public.retention_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
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

-- FUNCTION retention_due(text, timestamp with time zone, bigint, boolean, uuid[])
CREATE FUNCTION public.retention_due(wanted text, moment timestamp with time zone, most bigint, held boolean, among uuid[] DEFAULT NULL::uuid[]) RETURNS TABLE(id uuid, since timestamp with time zone)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
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

-- FUNCTION retirable_parent(name)
CREATE FUNCTION public.retirable_parent(part name) RETURNS name
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
declare
    parent name := substring(part from '^(.+)_\d{4}_\d{2}$');
begin
    if parent is null or parent <> all (array['ai_responses', 'analytics', 'inbound_events', 'system_logs'])
        or to_regclass('public.' || quote_ident(part)) is null
    then
        raise exception 'no month of % can be retired', part;
    end if;
    return parent;
end
$_$;

-- TABLE feedback
CREATE TABLE public.feedback (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED NOT NULL,
    org_id uuid NOT NULL,
    submission_id uuid NOT NULL,
    text_characters integer NOT NULL,
    essay_id uuid NOT NULL,
    user_id uuid NOT NULL,
    audience_id uuid NOT NULL,
    pass text NOT NULL,
    type text NOT NULL,
    kind text NOT NULL,
    severity text NOT NULL,
    priority integer NOT NULL,
    match text NOT NULL,
    span_start integer,
    span_end integer,
    also_at integer[] DEFAULT '{}'::integer[] NOT NULL,
    criterion text,
    confidence numeric(4,3) NOT NULL,
    confidence_basis text NOT NULL,
    origin text NOT NULL,
    provider text,
    model text,
    resolution text DEFAULT 'open'::text NOT NULL,
    carried_from uuid,
    body bytea NOT NULL,
    superseded_at timestamp with time zone,
    educator_id uuid,
    CONSTRAINT feedback_also_at_in_pairs CHECK ((mod(cardinality(also_at), 2) = 0)),
    CONSTRAINT feedback_also_at_inside_text CHECK (((0 <= ALL (also_at)) AND (text_characters >= ALL (also_at)))),
    CONSTRAINT feedback_confidence_basis_known CHECK ((confidence_basis = ANY (ARRAY['measured'::text, 'model'::text, 'agreement'::text, 'default'::text]))),
    CONSTRAINT feedback_confidence_is_a_share CHECK (((confidence >= (0)::numeric) AND (confidence <= (1)::numeric))),
    CONSTRAINT feedback_educator_or_provider CHECK ((((origin = 'educator'::text) = (educator_id IS NOT NULL)) AND ((origin = 'educator'::text) = (provider IS NULL)) AND ((provider IS NULL) = (model IS NULL)))),
    CONSTRAINT feedback_kind_known CHECK ((kind = ANY (ARRAY['praise'::text, 'issue'::text, 'question'::text]))),
    CONSTRAINT feedback_match_known CHECK ((match = ANY (ARRAY['exact'::text, 'normalised'::text, 'none'::text]))),
    CONSTRAINT feedback_origin_known CHECK ((origin = ANY (ARRAY['rule'::text, 'model'::text, 'educator'::text]))),
    CONSTRAINT feedback_priority_positive CHECK ((priority > 0)),
    CONSTRAINT feedback_provider_known CHECK ((provider = ANY (ARRAY['local'::text, 'anthropic'::text]))),
    CONSTRAINT feedback_resolution_known CHECK ((resolution = ANY (ARRAY['open'::text, 'addressed'::text, 'persisting'::text, 'moot'::text]))),
    CONSTRAINT feedback_severity_known CHECK ((severity = ANY (ARRAY['info'::text, 'minor'::text, 'major'::text]))),
    CONSTRAINT feedback_span_inside_text CHECK (((span_start >= 0) AND (span_end > span_start) AND (span_end <= text_characters))),
    CONSTRAINT feedback_span_unless_unanchored CHECK ((((match = 'none'::text) = (span_start IS NULL)) AND ((span_start IS NULL) = (span_end IS NULL))))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY public.feedback ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.feedback FORCE ROW LEVEL SECURITY;

-- TABLE feedback_reactions
CREATE TABLE public.feedback_reactions (
    org_id uuid NOT NULL,
    feedback_id uuid NOT NULL,
    user_id uuid NOT NULL,
    submission_id uuid NOT NULL,
    audience_id uuid NOT NULL,
    reaction text NOT NULL,
    note bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT feedback_reactions_reaction_known CHECK ((reaction = ANY (ARRAY['helpful'::text, 'not_helpful'::text, 'disagree'::text])))
);
ALTER TABLE ONLY public.feedback_reactions ALTER COLUMN note SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.feedback_reactions FORCE ROW LEVEL SECURITY;

-- TABLE feedback_reviews
CREATE TABLE public.feedback_reviews (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    feedback_id uuid NOT NULL,
    submission_id uuid NOT NULL,
    user_id uuid NOT NULL,
    audience_id uuid NOT NULL,
    educator_id uuid NOT NULL,
    decision text NOT NULL,
    body bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT feedback_reviews_decision_known CHECK ((decision = ANY (ARRAY['accepted'::text, 'edited'::text, 'rejected'::text]))),
    CONSTRAINT feedback_reviews_words_when_edited CHECK (((body IS NOT NULL) = (decision = 'edited'::text)))
);
ALTER TABLE ONLY public.feedback_reviews ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.feedback_reviews FORCE ROW LEVEL SECURITY;

-- FUNCTION review_counts()
CREATE FUNCTION public.review_counts() RETURNS TABLE(provider text, pass text, type text, bin integer, accepted bigint, rejected bigint, helpful bigint, not_helpful bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    BEGIN ATOMIC
 SELECT f.provider,
     f.pass,
     f.type,
     (LEAST((19)::numeric, floor((f.confidence * (20)::numeric))))::integer AS bin,
     count(*) FILTER (WHERE (r.decision = ANY (ARRAY['accepted'::text, 'edited'::text]))) AS count,
     count(*) FILTER (WHERE (r.decision = 'rejected'::text)) AS count,
     count(*) FILTER (WHERE (k.reaction = 'helpful'::text)) AS count,
     count(*) FILTER (WHERE (k.reaction = ANY (ARRAY['not_helpful'::text, 'disagree'::text]))) AS count
    FROM ((public.feedback f
      LEFT JOIN LATERAL ( SELECT v.decision
            FROM public.feedback_reviews v
           WHERE ((v.org_id = f.org_id) AND (v.feedback_id = f.id))
           ORDER BY v.id DESC
          LIMIT 1) r ON (true))
      LEFT JOIN public.feedback_reactions k ON (((k.org_id = f.org_id) AND (k.feedback_id = f.id))))
   WHERE ((f.provider IS NOT NULL) AND ((r.decision IS NOT NULL) OR (k.reaction IS NOT NULL)))
   GROUP BY f.provider, f.pass, f.type, LEAST((19)::numeric, floor((f.confidence * (20)::numeric)));
END;

-- FUNCTION sample_versions(timestamp with time zone, timestamp with time zone, integer)
CREATE FUNCTION public.sample_versions(since timestamp with time zone, until timestamp with time zone, most integer) RETURNS TABLE(org_id uuid, submission_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return query
    select p.org_id, p.id from (
        select s.org_id, s.id from submissions as s join users as u on u.org_id = s.org_id and u.id = s.user_id
        where s.id >= uuid7_floor(since) and s.id < uuid7_floor(until) and u.erase_requested_at is null
        limit 20000
    ) as p
    order by random() limit most;
end
$$;

-- FUNCTION settle_delivery(uuid, uuid, uuid, bytea)
CREATE FUNCTION public.settle_delivery(delivery uuid, student uuid, submission uuid, sealed bytea) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    update inbound_events as d
    set outcome = 'accepted', reason = null, problem = null, user_id = student, submission_id = submission, body = sealed
    where d.org_id = app_org() and d.source_id = app_actor() and d.id = delivery and d.outcome in ('refused', 'ignored');
end
$$;

-- FUNCTION spent_this_month()
CREATE FUNCTION public.spent_this_month() RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    this_month constant date := date_trunc('month', now())::date;
begin
    return (
        select coalesce(sum(l.cost_micros), 0) from ledger as l where l.org_id = app_org() and l.day >= this_month
    ) + (
        select coalesce(sum(e.cost_micros), 0) from ledger_entries as e where e.org_id = app_org() and e.day >= this_month
    );
end
$$;

-- FUNCTION store_version(uuid, uuid, boolean, uuid, uuid, uuid, text, bytea, uuid, timestamp with time zone, text, text, text, bytea, bytea, integer, integer, boolean, uuid[], text[])
CREATE FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], OUT version integer, OUT status text) RETURNS SETOF record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    return query select s.version, s.status from store_version(author, essay, is_new, course, assignment, category, lms_id,
        sealed_title, submission, submitted, in_queue, via, lang, sealed_text, sha256, character_count, word_count, released, pass_ids,
        pass_names, true) as s;
end
$$;

-- FUNCTION store_version(uuid, uuid, boolean, uuid, uuid, uuid, text, bytea, uuid, timestamp with time zone, text, text, text, bytea, bytea, integer, integer, boolean, uuid[], text[], boolean, boolean, integer)
CREATE FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean, via_html boolean DEFAULT false, pictures integer DEFAULT 0, OUT version integer, OUT status text) RETURNS SETOF record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    readers uuid;
    newest uuid;
    is_read boolean;
    author_turn smallint;
begin
    select o.ai_policy <> 'none' into is_read from orgs as o where o.id = app_org() and o.closed_at is null;
    if not found then
        raise exception 'the org is closed' using errcode = 'EC001';
    end if;
    if is_new then
        insert into essays (id, org_id, user_id, course_id, assignment_id, category_id, external_id, title, versions,
            newest_submission_id, newest_submitted_at, newest_is_update)
        values (essay, app_org(), author, course, assignment, category, lms_id, sealed_title, 1, submission, submitted, is_update)
        on conflict do nothing
        returning audience_id, versions, newest_submission_id into readers, version, newest;
    else
        -- A version older than the newest is kept and numbered, but the essay goes on pointing at the newest.
        -- A version whose transaction began before its essay was stored must not date the change before the essay.
        update essays as e set versions = e.versions + 1, updated_at = greatest(e.updated_at, now()),
            title = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then sealed_title else e.title end,
            category_id = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then coalesce(category, e.category_id) else e.category_id end,
            newest_submission_id = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then submission else e.newest_submission_id end,
            newest_is_update = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then is_update else e.newest_is_update end,
            newest_submitted_at = greatest(e.newest_submitted_at, submitted)
        where e.org_id = app_org() and e.id = essay
        returning e.audience_id, e.versions, e.newest_submission_id into readers, version, newest;
    end if;
    if readers is null then
        return;
    end if;
    author_turn := count_hand_in(author, essay);
    status := case when newest <> submission then 'superseded' when is_read then 'queued' else 'completed' end;
    insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, external_id, language, text,
        text_sha256, characters, words, submitted_at, released_at, completed_at, from_html, pictures_left_out)
    values (submission, app_org(), essay, author, readers, version, status, in_queue, via, lms_id, lang, sealed_text,
        sha256, character_count, word_count, submitted,
        case when released then now() end, case when status <> 'queued' then now() end, via_html, pictures);
    insert into passes (id, org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, finished_at, turn)
    select p.id, app_org(), submission, essay, author, readers, p.name,
        case status when 'queued' then 'queued' else 'cancelled' end, in_queue, case when status = 'superseded' then now() end, author_turn
    from unnest(pass_ids, pass_names) as p (id, name)
    where is_read;
    insert into analytics (org_id, user_id, event, essay_id, submission_id)
    values (app_org(), author, case version when 1 then 'submitted' else 'revised' end, essay, submission);
    return next;
end
$$;

-- FUNCTION submission_comments(uuid, text[])
CREATE FUNCTION public.submission_comments(wanted uuid, pass_order text[]) RETURNS TABLE(id uuid, pass text, type text, kind text, severity text, priority integer, match text, span_start integer, span_end integer, also_at integer[], criterion text, confidence numeric, confidence_basis text, origin text, provider text, model text, educator_id uuid, resolution text, carried_from uuid, body bytea)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    return query
    select f.id, f.pass, f.type, f.kind, f.severity, f.priority, f.match, f.span_start, f.span_end, f.also_at, f.criterion,
        f.confidence, f.confidence_basis, f.origin, f.provider, f.model, f.educator_id, f.resolution, f.carried_from, f.body
    from feedback as f
    where f.org_id = app_org() and f.submission_id = wanted and f.superseded_at is null
    order by f.match = 'none', array_position(pass_order, f.pass), f.priority, f.id;
end
$$;

-- FUNCTION submission_reactions(uuid)
CREATE FUNCTION public.submission_reactions(wanted uuid) RETURNS TABLE(feedback_id uuid, reaction text, note bytea, created_at timestamp with time zone)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    return query
    select v.feedback_id, v.reaction, v.note, v.created_at
    from feedback_reactions as v
    where v.org_id = app_org() and v.submission_id = wanted;
end
$$;

-- FUNCTION submission_results(uuid)
CREATE FUNCTION public.submission_results(wanted uuid) RETURNS TABLE(id uuid, criterion_id uuid, rubric_id uuid, criterion text, level text, points integer, max_points integer, rationale bytea, evidence uuid[], confidence numeric)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    return query
    select r.id, r.criterion_id, c.rubric_id, c.name, r.level, r.points, r.max_points, r.rationale, r.evidence, r.confidence
    from criterion_results as r join rubric_criteria as c on c.org_id = r.org_id and c.id = r.criterion_id
    where r.org_id = app_org() and r.submission_id = wanted and r.superseded_at is null
    order by c.position, r.pass;
end
$$;

-- FUNCTION submission_reviews(uuid)
CREATE FUNCTION public.submission_reviews(wanted uuid) RETURNS TABLE(id uuid, feedback_id uuid, educator_id uuid, decision text, body bytea, created_at timestamp with time zone)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    return query
    select distinct on (v.feedback_id) v.id, v.feedback_id, v.educator_id, v.decision, v.body, v.created_at
    from feedback_reviews as v
    where v.org_id = app_org() and v.submission_id = wanted
    order by v.feedback_id, v.id desc;
end
$$;

-- FUNCTION submission_status(uuid, uuid, text[], boolean)
CREATE FUNCTION public.submission_status(wanted uuid, tenant uuid, pass_order text[], with_place boolean) RETURNS TABLE(id uuid, essay_id uuid, version integer, status text, received_at timestamp with time zone, completed_at timestamp with time zone, released boolean, queue text, from_html boolean, pictures_left_out integer, name text, state text, attempt integer, error text, started_at timestamp with time zone, finished_at timestamp with time zone, next_at timestamp with time zone, comments integer, provider text, pass_id uuid, place jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
declare
    waits_at jsonb;
begin
    if with_place then
        perform from (select o.state from passes as o where o.org_id = tenant and o.submission_id = wanted offset 0) as p
        where p.state = 'queued';
        if found then
            select to_jsonb(q) into waits_at from queue_place(wanted) as q;
        end if;
    end if;
    return query
    select s.id, s.essay_id, s.version, s.status, s.created_at, s.completed_at, s.released_at is not null, s.queue, s.from_html,
        s.pictures_left_out, p.name, p.state, p.attempt, p.error, p.started_at, p.finished_at, p.next_at, p.comments, p.provider, p.id,
        waits_at
    from submissions as s
    left join passes as p on p.org_id = s.org_id and p.submission_id = s.id
    where s.org_id = tenant and s.id = wanted
    order by array_position(pass_order, p.name);
end
$$;

-- FUNCTION submission_text(uuid)
CREATE FUNCTION public.submission_text(wanted uuid) RETURNS TABLE(id uuid, essay_id uuid, user_id uuid, version integer, status text, text bytea, characters integer, released_at timestamp with time zone, wrapped bytea, master_key_id text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    return query
    select s.id, s.essay_id, s.user_id, s.version, s.status, s.text, s.characters, s.released_at, k.wrapped, k.master_key_id
    from submissions as s left join user_keys as k on k.org_id = s.org_id and k.user_id = s.user_id
    where s.org_id = app_org() and s.id = wanted;
end
$$;

-- FUNCTION supersede_feedback(uuid, uuid, text, integer)
CREATE FUNCTION public.supersede_feedback(tenant uuid, wanted uuid, pass_name text, amount integer) RETURNS SETOF uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    update feedback as f set superseded_at = now()
    where f.org_id = tenant and f.submission_id = wanted and f.pass = pass_name and f.superseded_at is null
        and (f.origin <> 'educator' or f.carried_from is not null);
    update criterion_results as r set superseded_at = now()
    where r.org_id = tenant and r.submission_id = wanted and r.pass = pass_name and r.superseded_at is null;
    return query select uuidv7() from generate_series(1, amount);
end
$$;

-- FUNCTION suspect_may_run()
CREATE FUNCTION public.suspect_may_run() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    if not pg_try_advisory_xact_lock(hashtext('essaycoach.suspect')) then
        return false;
    end if;
    -- A statement of its own: it must see what was committed up to the lock.
    return not exists (select from passes as r where r.state = 'running' and r.lost >= 2);
end
$$;

-- FUNCTION take_expired(text, integer)
CREATE FUNCTION public.take_expired(wanted text, most integer) RETURNS uuid[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION take_notices(jsonb)
CREATE FUNCTION public.take_notices(notices jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    tenant uuid := app_org();
    platform uuid := (select p.id from platforms as p where p.org_id = tenant and p.id = app_actor() and p.state = 'active');
    taken integer;
begin
    if platform is null then
        raise exception 'no platform is acting' using errcode = 'insufficient_privilege';
    end if;
    insert into arrivals as a (org_id, source_id, version_key, place, changed_at)
    select tenant, platform, n.version_key,
        n.place || jsonb_build_object('received_at', to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), n.changed_at
    from jsonb_to_recordset(notices) as n (version_key text, place jsonb, changed_at timestamptz)
    order by n.version_key
    on conflict (org_id, source_id, version_key) do update
        set place = excluded.place, state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
        where a.state in ('queued', 'refused', 'gave_up') and a.place ->> 'notice' is distinct from excluded.place ->> 'notice';
    get diagnostics taken = row_count;
    with told_again as (
        update arrivals as a set place = a.place || (n.place - 'person')
        from jsonb_to_recordset(notices) as n (version_key text, place jsonb)
        where a.org_id = tenant and a.source_id = platform and a.version_key = n.version_key and a.state = 'accepted'
            and a.place ->> 'notice' is distinct from n.place ->> 'notice'
        returning a.submission_id
    )
    update returns as r set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
    from told_again as t
    where r.org_id = tenant and r.submission_id = t.submission_id and r.channel = 'asset_report' and r.state = 'gave_up';
    return taken;
end
$$;

-- FUNCTION trip_if_failing(text, text, boolean)
CREATE FUNCTION public.trip_if_failing(wanted text, why text, probed boolean) RETURNS double precision
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    failed bigint;
    pause_seconds double precision;
begin
    select count(*) filter (where c.outcome in ('overloaded', 'server_error', 'connection', 'timeout')) into failed
    from (
        select a.outcome from ai_responses as a
        where a.id >= uuid7_floor(now() - interval '1 hour') and a.provider = wanted and a.completed_at is not null
        order by a.id desc limit 3
    ) as c;
    if failed < 3 and not probed then
        return null;
    end if;
    insert into provider_pauses as p (provider, reason, until) values (wanted, why, now() + interval '2 s')
    on conflict (provider) do update set trips = p.trips + 1, reason = excluded.reason, probe_until = null,
        until = greatest(p.until, now() + make_interval(secs => least(60, 2 ^ least(p.trips + 1, 6))))
    -- Calls that were under way together fail together; they are one trip.
    where probed or (p.until <= now() and coalesce(p.probe_until, p.until) <= now())
    returning extract(epoch from p.until - now()) into pause_seconds;
    return pause_seconds;
end
$$;

-- FUNCTION unlist_earlier_versions()
CREATE FUNCTION public.unlist_earlier_versions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    delete from review_items as q
    where q.org_id = new.org_id and q.essay_id = new.id and q.submission_id <> new.newest_submission_id and q.review_id is null;
    return null;
end
$$;

-- FUNCTION unlist_superseded_comment()
CREATE FUNCTION public.unlist_superseded_comment() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    delete from review_items as q where q.feedback_id = new.id;
    return null;
end
$$;

-- FUNCTION use_approval(text, uuid)
CREATE FUNCTION public.use_approval(wanted text, person uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

-- FUNCTION uuid7_floor(timestamp with time zone)
CREATE FUNCTION public.uuid7_floor(moment timestamp with time zone) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((lpad(to_hex(((EXTRACT(epoch FROM moment) * (1000)::numeric))::bigint), 12, '0'::text) || '70008000000000000000'::text))::uuid;

-- FUNCTION version_place(uuid, uuid, uuid, text, text)
CREATE FUNCTION public.version_place(author uuid, wanted_assignment uuid, wanted_essay uuid, wanted_category text, wanted_external_id text, OUT submission_id uuid, OUT new_essay_id uuid, OUT pass_ids uuid[], OUT now timestamp with time zone, OUT wrapped bytea, OUT master_key_id text, OUT default_language text, OUT release_policy text, OUT assignment_id uuid, OUT course_id uuid, OUT category_known boolean, OUT category_id uuid, OUT essay_id uuid, OUT essay_assignment_id uuid, OUT assignment_missing boolean) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    select uuidv7(), uuidv7(), array[uuidv7(), uuidv7(), uuidv7()], now() into submission_id, new_essay_id, pass_ids, now;
    select o.default_language, o.release_policy, o.require_assignment, k.wrapped, k.master_key_id
    into default_language, release_policy, assignment_missing, wrapped, master_key_id
    from orgs as o join user_keys as k on k.org_id = o.id
    where o.id = app_org() and k.user_id = author;
    if not found then
        return;
    end if;
    if wanted_essay is not null then
        select e.id, e.assignment_id into essay_id, essay_assignment_id
        from essays as e where e.org_id = app_org() and e.user_id = author and e.id = wanted_essay;
    elsif wanted_assignment is not null then
        select e.id, e.assignment_id into essay_id, essay_assignment_id
        from essays as e where e.org_id = app_org() and e.user_id = author and e.assignment_id = wanted_assignment;
    elsif wanted_external_id is not null then
        -- Of an essay without an assignment there is one. An id that an LMS has used for several assignments tells none of them.
        select f.id, f.assignment_id into essay_id, essay_assignment_id
        from (
            select e.id, e.assignment_id, count(*) over () as alike
            from essays as e
            where e.org_id = app_org() and e.user_id = author and e.external_id = wanted_external_id
        ) as f
        where f.assignment_id is null or f.alike = 1;
    end if;
    -- A revision that names only its essay stays under the assignment of that essay, and under its release policy.
    if coalesce(wanted_assignment, essay_assignment_id) is not null then
        select a.id, a.course_id, a.category_id, coalesce(a.release_policy, version_place.release_policy)
        into assignment_id, course_id, category_id, release_policy
        from assignments as a where a.org_id = app_org() and a.id = coalesce(wanted_assignment, essay_assignment_id);
        if not found then
            -- Of an assignment the author can no longer see, nothing is released unseen.
            release_policy := 'after_review';
        end if;
        assignment_missing := false;
    else
        -- Else a student would get at once, without the assignment, what a teacher wants to review first.
        if release_policy = 'auto' and learns_with_review(author) then
            release_policy := 'after_review';
        end if;
        -- Staff try rubrics on samples without an assignment.
        assignment_missing := assignment_missing and current_user in ('ec_lms', 'ec_student');
    end if;
    -- The assignment's category is where an essay starts; a later draft keeps what was chosen unless it chooses again.
    if essay_id is not null then
        category_id := null;
    end if;
    category_known := wanted_category is null;
    if wanted_category is not null then
        select c.id, true into category_id, category_known
        from categories as c where c.org_id = app_org() and c.slug = wanted_category;
    end if;
    return next;
end
$$;

-- FUNCTION version_task(uuid, uuid)
CREATE FUNCTION public.version_task(tenant uuid, wanted uuid) RETURNS TABLE(text bytea, title bytea, user_id uuid, audience_id uuid, essay_id uuid, characters integer, language text, version integer, wrapped bytea, master_key_id text, newest boolean, ai_policy text, ai_fallback text, require_approval boolean, category text, prompt text, rubric_id uuid, feedback_language text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    return query
    select s.text, e.title, s.user_id, s.audience_id, s.essay_id, s.characters, s.language, s.version, k.wrapped, k.master_key_id,
        e.newest_submission_id = s.id, o.ai_policy, o.ai_fallback, o.require_approval, c.slug,
        coalesce(e.trial_prompt, a.prompt), coalesce(e.trial_rubric_id, a.rubric_id), coalesce(u.language, s.language)
    from submissions as s
    join users as u on u.org_id = s.org_id and u.id = s.user_id
    join orgs as o on o.id = s.org_id
    left join user_keys as k on k.org_id = s.org_id and k.user_id = s.user_id
    join essays as e on e.org_id = s.org_id and e.id = s.essay_id
    left join assignments as a on a.org_id = s.org_id and a.id = e.assignment_id
    left join categories as c on c.org_id = s.org_id and c.id = e.category_id
    where s.org_id = tenant and s.id = wanted;
end
$$;

-- FUNCTION wait_bounds()
CREATE FUNCTION public.wait_bounds() RETURNS double precision[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[(0.01)::double precision, (0.025)::double precision, (0.05)::double precision, (0.1)::double precision, (0.25)::double precision, (0.5)::double precision, (1)::double precision, (2.5)::double precision, (5)::double precision, (10)::double precision, (30)::double precision, (60)::double precision, (120)::double precision, (300)::double precision, (900)::double precision, (3600)::double precision];

-- TABLE ai_responses_default
CREATE TABLE public.ai_responses_default (
    id uuid DEFAULT uuidv7() CONSTRAINT ai_responses_id_not_null NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED CONSTRAINT ai_responses_created_at_not_null NOT NULL,
    org_id uuid CONSTRAINT ai_responses_org_id_not_null NOT NULL,
    submission_id uuid CONSTRAINT ai_responses_submission_id_not_null NOT NULL,
    user_id uuid CONSTRAINT ai_responses_user_id_not_null NOT NULL,
    pass text CONSTRAINT ai_responses_pass_not_null NOT NULL,
    attempt integer CONSTRAINT ai_responses_attempt_not_null NOT NULL,
    provider text CONSTRAINT ai_responses_provider_not_null NOT NULL,
    model text CONSTRAINT ai_responses_model_not_null NOT NULL,
    prompt_version text CONSTRAINT ai_responses_prompt_version_not_null NOT NULL,
    request_sha256 bytea CONSTRAINT ai_responses_request_sha256_not_null NOT NULL,
    outcome text DEFAULT 'open'::text CONSTRAINT ai_responses_outcome_not_null NOT NULL,
    stop_reason text,
    raw bytea,
    input_tokens integer DEFAULT 0 CONSTRAINT ai_responses_input_tokens_not_null NOT NULL,
    output_tokens integer DEFAULT 0 CONSTRAINT ai_responses_output_tokens_not_null NOT NULL,
    cache_read_tokens integer DEFAULT 0 CONSTRAINT ai_responses_cache_read_tokens_not_null NOT NULL,
    cache_write_tokens integer DEFAULT 0 CONSTRAINT ai_responses_cache_write_tokens_not_null NOT NULL,
    cost_micros bigint DEFAULT 0 CONSTRAINT ai_responses_cost_micros_not_null NOT NULL,
    latency_ms integer,
    completed_at timestamp with time zone,
    tallied boolean DEFAULT false CONSTRAINT ai_responses_tallied_not_null NOT NULL,
    reserved_micros bigint DEFAULT 0 CONSTRAINT ai_responses_reserved_micros_not_null NOT NULL,
    batch boolean DEFAULT false CONSTRAINT ai_responses_batch_not_null NOT NULL,
    CONSTRAINT ai_responses_amounts_not_negative CHECK (((LEAST(attempt, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, latency_ms) >= 0) AND (cost_micros >= 0))),
    CONSTRAINT ai_responses_completed_unless_open CHECK (((completed_at IS NULL) = (outcome = 'open'::text))),
    CONSTRAINT ai_responses_outcome_known CHECK ((outcome = ANY (ARRAY['open'::text, 'ok'::text, 'rate_limited'::text, 'budget_spent'::text, 'overloaded'::text, 'server_error'::text, 'connection'::text, 'timeout'::text, 'truncated'::text, 'refused'::text, 'context_exceeded'::text, 'not_json'::text, 'wrong_schema'::text, 'bad_request'::text, 'unauthorised'::text, 'crashed'::text]))),
    CONSTRAINT ai_responses_pass_known CHECK ((pass = ANY (ARRAY['grammar'::text, 'structure'::text, 'content'::text]))),
    CONSTRAINT ai_responses_provider_known CHECK ((provider = ANY (ARRAY['local'::text, 'anthropic'::text]))),
    CONSTRAINT ai_responses_raw_when_ok CHECK (((outcome <> 'ok'::text) OR (raw IS NOT NULL))),
    CONSTRAINT ai_responses_reserved_not_negative CHECK ((reserved_micros >= 0))
);
ALTER TABLE ONLY public.ai_responses_default ALTER COLUMN raw SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.ai_responses_default FORCE ROW LEVEL SECURITY;

-- TABLE analytics
CREATE TABLE public.analytics (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED NOT NULL,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    event text NOT NULL,
    essay_id uuid,
    submission_id uuid,
    CONSTRAINT analytics_event_listed CHECK ((event = ANY (ARRAY['submitted'::text, 'revised'::text, 'feedback_viewed'::text, 'comment_opened'::text, 'comment_judged'::text, 'released'::text, 'reviewed'::text, 'exported'::text, 'launched'::text])))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY public.analytics FORCE ROW LEVEL SECURITY;

-- TABLE analytics_default
CREATE TABLE public.analytics_default (
    id uuid DEFAULT uuidv7() CONSTRAINT analytics_id_not_null NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED CONSTRAINT analytics_created_at_not_null NOT NULL,
    org_id uuid CONSTRAINT analytics_org_id_not_null NOT NULL,
    user_id uuid CONSTRAINT analytics_user_id_not_null NOT NULL,
    event text CONSTRAINT analytics_event_not_null NOT NULL,
    essay_id uuid,
    submission_id uuid,
    CONSTRAINT analytics_event_listed CHECK ((event = ANY (ARRAY['submitted'::text, 'revised'::text, 'feedback_viewed'::text, 'comment_opened'::text, 'comment_judged'::text, 'released'::text, 'reviewed'::text, 'exported'::text, 'launched'::text])))
);
ALTER TABLE ONLY public.analytics_default FORCE ROW LEVEL SECURITY;

-- TABLE api_keys
CREATE TABLE public.api_keys (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    digest bytea NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    scopes text[] DEFAULT '{submit,read}'::text[] NOT NULL,
    last_used_on date,
    creates_courses boolean DEFAULT false NOT NULL,
    networks text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT api_keys_name_not_blank CHECK (((name ~ '\S'::text) AND (length(name) <= 200))),
    CONSTRAINT api_keys_networks_few CHECK (((cardinality(networks) <= 50) AND (array_position((networks)::cidr[], NULL::cidr) IS NULL))),
    CONSTRAINT api_keys_scopes_known CHECK (((scopes <@ ARRAY['submit'::text, 'read'::text, 'manage'::text]) AND (cardinality(scopes) > 0)))
);
ALTER TABLE ONLY public.api_keys FORCE ROW LEVEL SECURITY;

-- TABLE arrivals
CREATE TABLE public.arrivals (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    source_id uuid NOT NULL,
    version_key text NOT NULL,
    place jsonb NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    submission_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    fence integer DEFAULT 0 NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL,
    hinted_at timestamp with time zone,
    lease_until timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    error text,
    CONSTRAINT arrivals_attempt_not_negative CHECK ((attempt >= 0)),
    CONSTRAINT arrivals_error_is_a_word CHECK ((error ~ '^[a-z_]{1,40}$'::text)),
    CONSTRAINT arrivals_finished_when_ended CHECK (((state = ANY (ARRAY['queued'::text, 'running'::text])) = (finished_at IS NULL))),
    CONSTRAINT arrivals_lease_when_running CHECK (((state = 'running'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT arrivals_place_object CHECK ((jsonb_typeof(place) = 'object'::text)),
    CONSTRAINT arrivals_state_known CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'accepted'::text, 'refused'::text, 'superseded'::text, 'gave_up'::text]))),
    CONSTRAINT arrivals_version_key_length CHECK (((length(version_key) >= 1) AND (length(version_key) <= 200)))
);
ALTER TABLE ONLY public.arrivals FORCE ROW LEVEL SECURITY;

-- COMMENT TABLE arrivals
COMMENT ON TABLE public.arrivals IS 'Hand-ins that an LMS says are there: leased rows that a worker fetches. No words of students.';

-- TABLE asset_activities
CREATE TABLE public.asset_activities (
    org_id uuid NOT NULL,
    source_id uuid NOT NULL,
    deployment text NOT NULL,
    activity text NOT NULL,
    title text,
    report_url text,
    report_scopes text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT asset_activities_activity_length CHECK (((length(activity) >= 1) AND (length(activity) <= 255))),
    CONSTRAINT asset_activities_deployment_length CHECK (((length(deployment) >= 1) AND (length(deployment) <= 255))),
    CONSTRAINT asset_activities_scopes_few CHECK (((cardinality(report_scopes) <= 5) AND (array_position(report_scopes, NULL::text) IS NULL))),
    CONSTRAINT asset_activities_title_length CHECK (((length(title) >= 1) AND (length(title) <= 500))),
    CONSTRAINT asset_activities_url_short CHECK ((length(report_url) <= 2048))
);
ALTER TABLE ONLY public.asset_activities FORCE ROW LEVEL SECURITY;

-- TABLE assignments
CREATE TABLE public.assignments (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    course_id uuid NOT NULL,
    title text NOT NULL,
    prompt text DEFAULT ''::text NOT NULL,
    due_at timestamp with time zone,
    release_policy text,
    category_id uuid,
    rubric_id uuid,
    external_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    source_id uuid,
    CONSTRAINT assignments_prompt_length CHECK ((length(prompt) <= 20000)),
    CONSTRAINT assignments_release_policy_known CHECK ((release_policy = ANY (ARRAY['auto'::text, 'after_review'::text]))),
    CONSTRAINT assignments_title_not_blank CHECK (((title ~ '\S'::text) AND (length(title) <= 500)))
);
ALTER TABLE ONLY public.assignments FORCE ROW LEVEL SECURITY;

-- TABLE audit_heads
CREATE TABLE public.audit_heads (
    org_id uuid NOT NULL,
    sequence bigint DEFAULT 0 NOT NULL,
    hash bytea DEFAULT decode(repeat('00'::text, 32), 'hex'::text) NOT NULL,
    CONSTRAINT audit_heads_hash_length CHECK ((length(hash) = 32)),
    CONSTRAINT audit_heads_sequence_not_negative CHECK ((sequence >= 0))
);
ALTER TABLE ONLY public.audit_heads FORCE ROW LEVEL SECURITY;

-- TABLE audit_log_default
CREATE TABLE public.audit_log_default (
    id uuid DEFAULT uuidv7() CONSTRAINT audit_log_id_not_null NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED CONSTRAINT audit_log_created_at_not_null NOT NULL,
    org_id uuid CONSTRAINT audit_log_org_id_not_null NOT NULL,
    actor_id uuid,
    actor_role text CONSTRAINT audit_log_actor_role_not_null NOT NULL,
    request_id text,
    action text CONSTRAINT audit_log_action_not_null NOT NULL,
    entity text CONSTRAINT audit_log_entity_not_null NOT NULL,
    entity_id uuid CONSTRAINT audit_log_entity_id_not_null NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb CONSTRAINT audit_log_detail_not_null NOT NULL,
    sequence bigint,
    hash bytea,
    CONSTRAINT audit_log_action_is_a_word CHECK ((action ~ '^[a-z_]{1,40}$'::text)),
    CONSTRAINT audit_log_chained_with_hash CHECK (((sequence IS NULL) = (hash IS NULL))),
    CONSTRAINT audit_log_entity_is_a_word CHECK ((entity ~ '^[a-z_]{1,40}$'::text))
);
ALTER TABLE ONLY public.audit_log_default FORCE ROW LEVEL SECURITY;

-- TABLE blessings
CREATE TABLE public.blessings (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    pass text NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    prompt_version text NOT NULL,
    report jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT blessings_pass_known CHECK ((pass = ANY (ARRAY['grammar'::text, 'structure'::text, 'content'::text])))
);
ALTER TABLE ONLY public.blessings FORCE ROW LEVEL SECURITY;

-- TABLE canvas_sites
CREATE TABLE public.canvas_sites (
    id uuid NOT NULL,
    org_id uuid NOT NULL,
    site text NOT NULL,
    token bytea NOT NULL,
    root_account_uuid text,
    jwks_url text NOT NULL,
    returns text DEFAULT 'link'::text NOT NULL,
    pages_url text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    heard_at timestamp with time zone,
    looked_back_at timestamp with time zone,
    CONSTRAINT canvas_sites_jwks_url_length CHECK (((length(jwks_url) >= 8) AND (length(jwks_url) <= 500))),
    CONSTRAINT canvas_sites_pages_url_length CHECK (((length(pages_url) >= 8) AND (length(pages_url) <= 500))),
    CONSTRAINT canvas_sites_returns_known CHECK ((returns = ANY (ARRAY['none'::text, 'link'::text, 'summary'::text]))),
    CONSTRAINT canvas_sites_root_account_uuid_length CHECK (((length(root_account_uuid) >= 1) AND (length(root_account_uuid) <= 100))),
    CONSTRAINT canvas_sites_site_length CHECK (((length(site) >= 8) AND (length(site) <= 500)))
);
ALTER TABLE ONLY public.canvas_sites ALTER COLUMN token SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.canvas_sites FORCE ROW LEVEL SECURITY;

-- COMMENT TABLE canvas_sites
COMMENT ON TABLE public.canvas_sites IS 'Canvas sites whose events are taken: settings, and when the last event came.';

-- TABLE categories
CREATE TABLE public.categories (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT categories_name_not_blank CHECK (((name ~ '\S'::text) AND (length(name) <= 200))),
    CONSTRAINT categories_slug_is_a_short_name CHECK ((slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text))
);
ALTER TABLE ONLY public.categories FORCE ROW LEVEL SECURITY;

-- TABLE courses
CREATE TABLE public.courses (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    name text NOT NULL,
    external_id text,
    archived_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    source_id uuid,
    CONSTRAINT courses_name_not_blank CHECK (((name ~ '\S'::text) AND (length(name) <= 200)))
);
ALTER TABLE ONLY public.courses FORCE ROW LEVEL SECURITY;

-- TABLE criterion_results
CREATE TABLE public.criterion_results (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    submission_id uuid NOT NULL,
    user_id uuid NOT NULL,
    audience_id uuid NOT NULL,
    criterion_id uuid NOT NULL,
    pass text NOT NULL,
    level text NOT NULL,
    points integer NOT NULL,
    max_points integer NOT NULL,
    confidence numeric(4,3) NOT NULL,
    evidence uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    rationale bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    superseded_at timestamp with time zone,
    CONSTRAINT criterion_results_confidence_is_a_share CHECK (((confidence >= (0)::numeric) AND (confidence <= (1)::numeric))),
    CONSTRAINT criterion_results_pass_known CHECK ((pass = ANY (ARRAY['grammar'::text, 'structure'::text, 'content'::text]))),
    CONSTRAINT criterion_results_points_in_range CHECK (((points >= 0) AND (points <= max_points)))
);
ALTER TABLE ONLY public.criterion_results FORCE ROW LEVEL SECURITY;

-- TABLE deliveries
CREATE TABLE public.deliveries (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED NOT NULL,
    org_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event text NOT NULL,
    submission_id uuid,
    data jsonb NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    fence integer DEFAULT 0 NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL,
    hinted_at timestamp with time zone,
    lease_until timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    error text,
    http_status integer,
    CONSTRAINT deliveries_attempt_not_negative CHECK ((attempt >= 0)),
    CONSTRAINT deliveries_data_object CHECK ((jsonb_typeof(data) = 'object'::text)),
    CONSTRAINT deliveries_error_is_a_word CHECK ((error ~ '^[a-z_]{1,40}$'::text)),
    CONSTRAINT deliveries_event_known CHECK ((event = ANY (ARRAY['feedback.ready'::text, 'feedback.released'::text, 'submission.failed'::text, 'submission.refused'::text, 'ping'::text, 'endpoint.disabled'::text]))),
    CONSTRAINT deliveries_finished_when_ended CHECK (((state = ANY (ARRAY['done'::text, 'gave_up'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT deliveries_http_status_in_range CHECK (((http_status >= 100) AND (http_status <= 999))),
    CONSTRAINT deliveries_lease_when_running CHECK (((state = 'running'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT deliveries_state_known CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'gave_up'::text])))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY public.deliveries FORCE ROW LEVEL SECURITY;

-- COMMENT TABLE deliveries
COMMENT ON TABLE public.deliveries IS 'Events for an endpoint: leased rows, as passes are. data: ids, times and links, no words of people.';

-- TABLE deliveries_default
CREATE TABLE public.deliveries_default (
    id uuid DEFAULT uuidv7() CONSTRAINT deliveries_id_not_null NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED CONSTRAINT deliveries_created_at_not_null NOT NULL,
    org_id uuid CONSTRAINT deliveries_org_id_not_null NOT NULL,
    endpoint_id uuid CONSTRAINT deliveries_endpoint_id_not_null NOT NULL,
    event text CONSTRAINT deliveries_event_not_null NOT NULL,
    submission_id uuid,
    data jsonb CONSTRAINT deliveries_data_not_null NOT NULL,
    state text DEFAULT 'queued'::text CONSTRAINT deliveries_state_not_null NOT NULL,
    attempt integer DEFAULT 0 CONSTRAINT deliveries_attempt_not_null NOT NULL,
    fence integer DEFAULT 0 CONSTRAINT deliveries_fence_not_null NOT NULL,
    next_at timestamp with time zone DEFAULT now() CONSTRAINT deliveries_next_at_not_null NOT NULL,
    hinted_at timestamp with time zone,
    lease_until timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    error text,
    http_status integer,
    CONSTRAINT deliveries_attempt_not_negative CHECK ((attempt >= 0)),
    CONSTRAINT deliveries_data_object CHECK ((jsonb_typeof(data) = 'object'::text)),
    CONSTRAINT deliveries_error_is_a_word CHECK ((error ~ '^[a-z_]{1,40}$'::text)),
    CONSTRAINT deliveries_event_known CHECK ((event = ANY (ARRAY['feedback.ready'::text, 'feedback.released'::text, 'submission.failed'::text, 'submission.refused'::text, 'ping'::text, 'endpoint.disabled'::text]))),
    CONSTRAINT deliveries_finished_when_ended CHECK (((state = ANY (ARRAY['done'::text, 'gave_up'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT deliveries_http_status_in_range CHECK (((http_status >= 100) AND (http_status <= 999))),
    CONSTRAINT deliveries_lease_when_running CHECK (((state = 'running'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT deliveries_state_known CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'gave_up'::text])))
);
ALTER TABLE ONLY public.deliveries_default FORCE ROW LEVEL SECURITY;

-- TABLE duty_leases
CREATE TABLE public.duty_leases (
    name text NOT NULL,
    holder uuid NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    CONSTRAINT duty_leases_name_form CHECK ((name ~ '^[a-z][a-z_]{1,62}$'::text))
);

-- TABLE duty_runs
CREATE TABLE public.duty_runs (
    name text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    succeeded_at timestamp with time zone,
    outcome text NOT NULL,
    found bigint DEFAULT 0 NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT duty_runs_detail_object CHECK ((jsonb_typeof(detail) = 'object'::text)),
    CONSTRAINT duty_runs_ends_after_start CHECK ((ended_at >= started_at)),
    CONSTRAINT duty_runs_found_not_negative CHECK ((found >= 0)),
    CONSTRAINT duty_runs_name_form CHECK ((name ~ '^[a-z][a-z_]{1,62}$'::text)),
    CONSTRAINT duty_runs_outcome_known CHECK ((outcome = ANY (ARRAY['ok'::text, 'failed'::text])))
);

-- COMMENT TABLE duty_runs
COMMENT ON TABLE public.duty_runs IS 'The last run of each duty. found: rows changed, or faults found. detail: counts by name, without ids and words.';

-- TABLE endpoints
CREATE TABLE public.endpoints (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    events text[] NOT NULL,
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_secret_until timestamp with time zone,
    failing_since timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT endpoints_disabled_reason_known CHECK ((disabled_reason = ANY (ARRAY['admin'::text, 'gone'::text, 'failing'::text]))),
    CONSTRAINT endpoints_disabled_with_reason CHECK (((disabled_at IS NULL) = (disabled_reason IS NULL))),
    CONSTRAINT endpoints_events_known CHECK ((events <@ ARRAY['feedback.ready'::text, 'feedback.released'::text, 'submission.failed'::text, 'submission.refused'::text])),
    CONSTRAINT endpoints_events_some CHECK ((cardinality(events) > 0)),
    CONSTRAINT endpoints_name_not_blank CHECK (((name ~ '\S'::text) AND (length(name) <= 200))),
    CONSTRAINT endpoints_previous_secret_ends CHECK (((previous_secret IS NULL) = (previous_secret_until IS NULL))),
    CONSTRAINT endpoints_url_length CHECK (((length(url) >= 8) AND (length(url) <= 2000)))
);
ALTER TABLE ONLY public.endpoints ALTER COLUMN secret SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.endpoints ALTER COLUMN previous_secret SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.endpoints FORCE ROW LEVEL SECURITY;

-- COMMENT TABLE endpoints
COMMENT ON TABLE public.endpoints IS 'Where an org wants to hear of events. failing_since: since when no delivery succeeded.';

-- TABLE essays
CREATE TABLE public.essays (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    course_id uuid,
    audience_id uuid GENERATED ALWAYS AS (COALESCE(course_id, user_id)) STORED NOT NULL,
    assignment_id uuid,
    category_id uuid,
    external_id text,
    title bytea NOT NULL,
    versions integer NOT NULL,
    newest_submission_id uuid NOT NULL,
    newest_submitted_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    trial_rubric_id uuid,
    trial_prompt text,
    trial_until timestamp with time zone,
    newest_is_update boolean DEFAULT false NOT NULL,
    CONSTRAINT essays_course_with_assignment CHECK (((assignment_id IS NULL) = (course_id IS NULL))),
    CONSTRAINT essays_trial_is_whole CHECK ((((trial_until IS NULL) = (trial_rubric_id IS NULL)) AND ((trial_until IS NOT NULL) OR (trial_prompt IS NULL)) AND ((trial_until IS NULL) OR (assignment_id IS NULL)) AND (length(trial_prompt) <= 20000))),
    CONSTRAINT essays_updated_after_created CHECK ((updated_at >= created_at)),
    CONSTRAINT essays_versions_positive CHECK ((versions > 0))
);
ALTER TABLE ONLY public.essays FORCE ROW LEVEL SECURITY;

-- TABLE feedback_default
CREATE TABLE public.feedback_default (
    id uuid DEFAULT uuidv7() CONSTRAINT feedback_id_not_null NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED CONSTRAINT feedback_created_at_not_null NOT NULL,
    org_id uuid CONSTRAINT feedback_org_id_not_null NOT NULL,
    submission_id uuid CONSTRAINT feedback_submission_id_not_null NOT NULL,
    text_characters integer CONSTRAINT feedback_text_characters_not_null NOT NULL,
    essay_id uuid CONSTRAINT feedback_essay_id_not_null NOT NULL,
    user_id uuid CONSTRAINT feedback_user_id_not_null NOT NULL,
    audience_id uuid CONSTRAINT feedback_audience_id_not_null NOT NULL,
    pass text CONSTRAINT feedback_pass_not_null NOT NULL,
    type text CONSTRAINT feedback_type_not_null NOT NULL,
    kind text CONSTRAINT feedback_kind_not_null NOT NULL,
    severity text CONSTRAINT feedback_severity_not_null NOT NULL,
    priority integer CONSTRAINT feedback_priority_not_null NOT NULL,
    match text CONSTRAINT feedback_match_not_null NOT NULL,
    span_start integer,
    span_end integer,
    also_at integer[] DEFAULT '{}'::integer[] CONSTRAINT feedback_also_at_not_null NOT NULL,
    criterion text,
    confidence numeric(4,3) CONSTRAINT feedback_confidence_not_null NOT NULL,
    confidence_basis text CONSTRAINT feedback_confidence_basis_not_null NOT NULL,
    origin text CONSTRAINT feedback_origin_not_null NOT NULL,
    provider text,
    model text,
    resolution text DEFAULT 'open'::text CONSTRAINT feedback_resolution_not_null NOT NULL,
    carried_from uuid,
    body bytea CONSTRAINT feedback_body_not_null NOT NULL,
    superseded_at timestamp with time zone,
    educator_id uuid,
    CONSTRAINT feedback_also_at_in_pairs CHECK ((mod(cardinality(also_at), 2) = 0)),
    CONSTRAINT feedback_also_at_inside_text CHECK (((0 <= ALL (also_at)) AND (text_characters >= ALL (also_at)))),
    CONSTRAINT feedback_confidence_basis_known CHECK ((confidence_basis = ANY (ARRAY['measured'::text, 'model'::text, 'agreement'::text, 'default'::text]))),
    CONSTRAINT feedback_confidence_is_a_share CHECK (((confidence >= (0)::numeric) AND (confidence <= (1)::numeric))),
    CONSTRAINT feedback_educator_or_provider CHECK ((((origin = 'educator'::text) = (educator_id IS NOT NULL)) AND ((origin = 'educator'::text) = (provider IS NULL)) AND ((provider IS NULL) = (model IS NULL)))),
    CONSTRAINT feedback_kind_known CHECK ((kind = ANY (ARRAY['praise'::text, 'issue'::text, 'question'::text]))),
    CONSTRAINT feedback_match_known CHECK ((match = ANY (ARRAY['exact'::text, 'normalised'::text, 'none'::text]))),
    CONSTRAINT feedback_origin_known CHECK ((origin = ANY (ARRAY['rule'::text, 'model'::text, 'educator'::text]))),
    CONSTRAINT feedback_priority_positive CHECK ((priority > 0)),
    CONSTRAINT feedback_provider_known CHECK ((provider = ANY (ARRAY['local'::text, 'anthropic'::text]))),
    CONSTRAINT feedback_resolution_known CHECK ((resolution = ANY (ARRAY['open'::text, 'addressed'::text, 'persisting'::text, 'moot'::text]))),
    CONSTRAINT feedback_severity_known CHECK ((severity = ANY (ARRAY['info'::text, 'minor'::text, 'major'::text]))),
    CONSTRAINT feedback_span_inside_text CHECK (((span_start >= 0) AND (span_end > span_start) AND (span_end <= text_characters))),
    CONSTRAINT feedback_span_unless_unanchored CHECK ((((match = 'none'::text) = (span_start IS NULL)) AND ((span_start IS NULL) = (span_end IS NULL))))
);
ALTER TABLE ONLY public.feedback_default ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.feedback_default FORCE ROW LEVEL SECURITY;

-- TABLE feedback_types
CREATE TABLE public.feedback_types (
    slug text NOT NULL,
    pass text NOT NULL,
    name text NOT NULL
);

-- TABLE files
CREATE TABLE public.files (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    audience_id uuid NOT NULL,
    submission_id uuid,
    format text NOT NULL,
    name bytea NOT NULL,
    content bytea NOT NULL,
    text bytea,
    hidden bytea,
    hidden_characters integer DEFAULT 0 NOT NULL,
    size_bytes integer NOT NULL,
    characters integer NOT NULL,
    words integer NOT NULL,
    pictures integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT files_counts_not_negative CHECK ((LEAST(hidden_characters, size_bytes, characters, words, pictures) >= 0)),
    CONSTRAINT files_format_known CHECK ((format = ANY (ARRAY['docx'::text, 'pdf'::text, 'odt'::text, 'rtf'::text, 'html'::text, 'txt'::text]))),
    CONSTRAINT files_own_until_handed_in CHECK (((submission_id IS NOT NULL) OR (audience_id = user_id))),
    CONSTRAINT files_text_until_handed_in CHECK (((text IS NULL) = (submission_id IS NOT NULL)))
);
ALTER TABLE ONLY public.files ALTER COLUMN name SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.files ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.files ALTER COLUMN text SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.files ALTER COLUMN hidden SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.files FORCE ROW LEVEL SECURITY;

-- TABLE heartbeats
CREATE TABLE public.heartbeats (
    id uuid NOT NULL,
    program text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    progress_at timestamp with time zone NOT NULL,
    threads_alive integer NOT NULL,
    threads_busy integer NOT NULL,
    has_work boolean NOT NULL,
    CONSTRAINT heartbeats_host_length CHECK (((char_length(host) >= 1) AND (char_length(host) <= 255))),
    CONSTRAINT heartbeats_in_order CHECK (((started_at <= seen_at) AND (progress_at <= seen_at))),
    CONSTRAINT heartbeats_pid_positive CHECK ((pid > 0)),
    CONSTRAINT heartbeats_program_known CHECK ((program = ANY (ARRAY['web'::text, 'worker'::text, 'clock'::text]))),
    CONSTRAINT heartbeats_threads_not_negative CHECK (((threads_alive >= 0) AND (threads_busy >= 0))),
    CONSTRAINT heartbeats_version_form CHECK ((version ~ '^[0-9A-Za-z.+_-]{1,64}$'::text))
)
WITH (fillfactor='50');

-- COMMENT TABLE heartbeats
COMMENT ON TABLE public.heartbeats IS 'The processes of web, worker and clock. progress_at: when one of its threads last ended a piece of work.';

-- TABLE idempotency_keys
CREATE TABLE public.idempotency_keys (
    org_id uuid NOT NULL,
    caller_id uuid NOT NULL,
    key text NOT NULL,
    request_sha256 bytea NOT NULL,
    response json,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    canonical_sha256 bytea,
    CONSTRAINT idempotency_keys_key_length CHECK (((length(key) >= 1) AND (length(key) <= 255)))
);
ALTER TABLE ONLY public.idempotency_keys FORCE ROW LEVEL SECURITY;

-- TABLE inbound_events
CREATE TABLE public.inbound_events (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED NOT NULL,
    org_id uuid NOT NULL,
    source_id uuid NOT NULL,
    event_id text NOT NULL,
    user_id uuid,
    submission_id uuid,
    outcome text NOT NULL,
    reason text,
    body bytea NOT NULL,
    body_sha256 bytea NOT NULL,
    problem bytea,
    replayed_at timestamp with time zone,
    CONSTRAINT inbound_events_outcome_known CHECK ((outcome = ANY (ARRAY['accepted'::text, 'ignored'::text, 'refused'::text]))),
    CONSTRAINT inbound_events_problem_when_refused CHECK (((problem IS NULL) OR (outcome = 'refused'::text))),
    CONSTRAINT inbound_events_reason_when_not_accepted CHECK (((reason IS NULL) = (outcome = 'accepted'::text)))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY public.inbound_events ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.inbound_events FORCE ROW LEVEL SECURITY;

-- TABLE inbound_events_default
CREATE TABLE public.inbound_events_default (
    id uuid DEFAULT uuidv7() CONSTRAINT inbound_events_id_not_null NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED CONSTRAINT inbound_events_created_at_not_null NOT NULL,
    org_id uuid CONSTRAINT inbound_events_org_id_not_null NOT NULL,
    source_id uuid CONSTRAINT inbound_events_source_id_not_null NOT NULL,
    event_id text CONSTRAINT inbound_events_event_id_not_null NOT NULL,
    user_id uuid,
    submission_id uuid,
    outcome text CONSTRAINT inbound_events_outcome_not_null NOT NULL,
    reason text,
    body bytea CONSTRAINT inbound_events_body_not_null NOT NULL,
    body_sha256 bytea CONSTRAINT inbound_events_body_sha256_not_null NOT NULL,
    problem bytea,
    replayed_at timestamp with time zone,
    CONSTRAINT inbound_events_outcome_known CHECK ((outcome = ANY (ARRAY['accepted'::text, 'ignored'::text, 'refused'::text]))),
    CONSTRAINT inbound_events_problem_when_refused CHECK (((problem IS NULL) OR (outcome = 'refused'::text))),
    CONSTRAINT inbound_events_reason_when_not_accepted CHECK (((reason IS NULL) = (outcome = 'accepted'::text)))
);
ALTER TABLE ONLY public.inbound_events_default ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.inbound_events_default FORCE ROW LEVEL SECURITY;

-- TABLE ledger
CREATE TABLE public.ledger (
    org_id uuid NOT NULL,
    day date NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    pass text NOT NULL,
    calls bigint DEFAULT 0 NOT NULL,
    failed bigint DEFAULT 0 NOT NULL,
    input_tokens bigint DEFAULT 0 NOT NULL,
    output_tokens bigint DEFAULT 0 NOT NULL,
    cache_read_tokens bigint DEFAULT 0 NOT NULL,
    cache_write_tokens bigint DEFAULT 0 NOT NULL,
    cost_micros bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ledger_amounts_not_negative CHECK ((LEAST(calls, failed, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_micros) >= 0)),
    CONSTRAINT ledger_pass_known CHECK ((pass = ANY (ARRAY['grammar'::text, 'structure'::text, 'content'::text])))
);
ALTER TABLE ONLY public.ledger FORCE ROW LEVEL SECURITY;

-- TABLE ledger_entries
CREATE TABLE public.ledger_entries (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    day date NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    pass text NOT NULL,
    failed boolean NOT NULL,
    input_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    cache_read_tokens integer NOT NULL,
    cache_write_tokens integer NOT NULL,
    cost_micros bigint NOT NULL,
    CONSTRAINT ledger_entries_not_negative CHECK ((LEAST((input_tokens)::bigint, (output_tokens)::bigint, (cache_read_tokens)::bigint, (cache_write_tokens)::bigint, cost_micros) >= 0)),
    CONSTRAINT ledger_entries_pass_known CHECK ((pass = ANY (ARRAY['grammar'::text, 'structure'::text, 'content'::text])))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');
ALTER TABLE ONLY public.ledger_entries FORCE ROW LEVEL SECURITY;

-- COMMENT TABLE ledger_entries
COMMENT ON TABLE public.ledger_entries IS 'Calls that ended and that the clock has not added to the ledger yet.';

-- TABLE linked_accounts
CREATE TABLE public.linked_accounts (
    user_id uuid NOT NULL,
    org_id uuid NOT NULL,
    subject_digest bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT linked_accounts_digest_length CHECK ((length(subject_digest) = 32))
);
ALTER TABLE ONLY public.linked_accounts FORCE ROW LEVEL SECURITY;

-- TABLE lms_people
CREATE TABLE public.lms_people (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    source_id uuid NOT NULL,
    user_id uuid NOT NULL,
    subject bytea NOT NULL,
    subject_digest bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT lms_people_digest_length CHECK ((length(subject_digest) = 32))
);
ALTER TABLE ONLY public.lms_people ALTER COLUMN subject SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.lms_people FORCE ROW LEVEL SECURITY;

-- TABLE lti_keys
CREATE TABLE public.lti_keys (
    id uuid NOT NULL,
    platform_id uuid NOT NULL,
    private_key bytea NOT NULL,
    public_key jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT lti_keys_public_key_is_object CHECK ((jsonb_typeof(public_key) = 'object'::text))
);
ALTER TABLE ONLY public.lti_keys ALTER COLUMN private_key SET STORAGE EXTERNAL;

-- TABLE passes
CREATE TABLE public.passes (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    submission_id uuid NOT NULL,
    essay_id uuid NOT NULL,
    user_id uuid NOT NULL,
    audience_id uuid NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    queue text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    fence integer DEFAULT 0 NOT NULL,
    lost integer DEFAULT 0 NOT NULL,
    queued_at timestamp with time zone DEFAULT now() NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL,
    hinted_at timestamp with time zone DEFAULT now() NOT NULL,
    lease_until timestamp with time zone,
    first_claimed_at timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    error text,
    provider text,
    model text,
    comments integer,
    summary bytea,
    tallied boolean DEFAULT false NOT NULL,
    discarded_at timestamp with time zone,
    rubric_id uuid,
    prompt_version text,
    basis bytea,
    batch text,
    batch_call uuid,
    turn smallint DEFAULT 0 NOT NULL,
    CONSTRAINT passes_batch_with_its_call CHECK (((batch IS NULL) = (batch_call IS NULL))),
    CONSTRAINT passes_counts_not_negative CHECK (((attempt >= 0) AND (fence >= 0) AND (lost >= 0) AND (comments >= 0))),
    CONSTRAINT passes_discarded_when_given_up CHECK (((discarded_at IS NULL) OR (state = 'gave_up'::text))),
    CONSTRAINT passes_finished_when_final CHECK (((finished_at IS NOT NULL) = (state = ANY (ARRAY['done'::text, 'gave_up'::text, 'cancelled'::text])))),
    CONSTRAINT passes_lease_while_running CHECK (((lease_until IS NOT NULL) = (state = 'running'::text))),
    CONSTRAINT passes_name_known CHECK ((name = ANY (ARRAY['grammar'::text, 'structure'::text, 'content'::text]))),
    CONSTRAINT passes_queue_known CHECK ((queue = ANY (ARRAY['interactive'::text, 'bulk'::text]))),
    CONSTRAINT passes_reason_when_given_up CHECK (((state <> 'gave_up'::text) OR (error IS NOT NULL))),
    CONSTRAINT passes_result_when_done CHECK ((((summary IS NOT NULL) AND (comments IS NOT NULL)) = (state = 'done'::text))),
    CONSTRAINT passes_state_known CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'gave_up'::text, 'cancelled'::text])))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.01');
ALTER TABLE ONLY public.passes FORCE ROW LEVEL SECURITY;

-- VIEW monitor_gave_up
CREATE VIEW public.monitor_gave_up WITH (security_barrier='true') AS
 SELECT name AS pass,
    error AS reason,
    count(*) AS total
   FROM public.passes p
  WHERE ((state = 'gave_up'::text) AND (discarded_at IS NULL))
  GROUP BY name, error;

-- VIEW monitor_pauses
CREATE VIEW public.monitor_pauses WITH (security_barrier='true') AS
 SELECT provider,
    reason,
    (GREATEST((0)::numeric, EXTRACT(epoch FROM (until - now()))))::double precision AS seconds_left,
    (EXTRACT(epoch FROM (now() - since)))::double precision AS age_seconds
   FROM public.provider_pauses p
  WHERE (GREATEST(until, probe_until) > (now() - '00:01:00'::interval));

-- TABLE queue_snapshot
CREATE TABLE public.queue_snapshot (
    queue text NOT NULL,
    fair bigint[] NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    running integer DEFAULT 0 NOT NULL,
    pass_seconds double precision DEFAULT 1 NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    durations_count bigint DEFAULT 0 NOT NULL,
    durations_total double precision DEFAULT 0 NOT NULL,
    durations_at timestamp with time zone NOT NULL,
    sweep_began_at timestamp with time zone,
    sweep_org uuid,
    sweep_turn smallint,
    sweep_next_at timestamp with time zone,
    sweep_passes bigint DEFAULT 0 NOT NULL,
    sweep_fair bigint[] NOT NULL,
    CONSTRAINT queue_snapshot_not_negative CHECK (((running >= 0) AND (pass_seconds >= (0)::double precision) AND (durations_count >= 0) AND (durations_total >= (0)::double precision) AND (sweep_passes >= 0))),
    CONSTRAINT queue_snapshot_queue_known CHECK ((queue = ANY (ARRAY['interactive'::text, 'bulk'::text])))
)
WITH (fillfactor='50');

-- COMMENT TABLE queue_snapshot
COMMENT ON TABLE public.queue_snapshot IS 'What waits in each lane and how fast it is read, counted by the clock; sweep_: the count that is under way.';

-- VIEW monitor_queue
CREATE VIEW public.monitor_queue WITH (security_barrier='true') AS
 SELECT q.queue,
    'queued'::text AS state,
        CASE
            WHEN (c.amount < 5000) THEN c.amount
            ELSE GREATEST(c.amount, (3 * w.fair[21]))
        END AS depth,
    (COALESCE(EXTRACT(epoch FROM (now() - LEAST(due.since, postponed.since))), (0)::numeric))::double precision AS oldest_age_seconds,
    (0)::bigint AS overdue
   FROM ((((unnest(ARRAY['interactive'::text, 'bulk'::text]) q(queue)
     CROSS JOIN LATERAL ( SELECT count(*) AS amount
           FROM ( SELECT
                   FROM public.passes p_1
                  WHERE ((p_1.state = 'queued'::text) AND (p_1.queue = q.queue))
                 LIMIT 5000) p) c)
     LEFT JOIN public.queue_snapshot w ON ((w.queue = q.queue)))
     LEFT JOIN LATERAL ( SELECT p.next_at AS since
           FROM public.passes p
          WHERE ((p.state = 'queued'::text) AND (p.queue = q.queue) AND (p.next_at <= now()))
          ORDER BY p.next_at
         LIMIT 1) due ON (true))
     LEFT JOIN LATERAL ( SELECT p.queued_at AS since
           FROM public.passes p
          WHERE ((p.state = 'queued'::text) AND (p.queue = q.queue) AND (p.attempt = 0) AND (p.next_at > p.queued_at) AND (COALESCE(p.error, ''::text) <> ALL (ARRAY['org_budget_spent'::text, 'author_share_spent'::text, 'in_batch'::text, 'not_approved'::text])))
          ORDER BY p.queued_at
         LIMIT 1) postponed ON (true))
  WHERE (c.amount > 0)
UNION ALL
 SELECT p.queue,
    p.state,
    count(*) AS depth,
    (COALESCE(EXTRACT(epoch FROM (now() - min(p.lease_until) FILTER (WHERE (p.lease_until <= now())))), (0)::numeric))::double precision AS oldest_age_seconds,
    count(*) FILTER (WHERE (p.lease_until < (now() - '00:00:30'::interval))) AS overdue
   FROM public.passes p
  WHERE (p.state = 'running'::text)
  GROUP BY p.queue, p.state;

-- TABLE submissions
CREATE TABLE public.submissions (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED NOT NULL,
    org_id uuid NOT NULL,
    essay_id uuid NOT NULL,
    user_id uuid NOT NULL,
    audience_id uuid NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    queue text NOT NULL,
    source text NOT NULL,
    external_id text,
    language text NOT NULL,
    text bytea NOT NULL,
    text_sha256 bytea NOT NULL,
    characters integer NOT NULL,
    words integer NOT NULL,
    submitted_at timestamp with time zone NOT NULL,
    released_at timestamp with time zone,
    completed_at timestamp with time zone,
    from_html boolean DEFAULT false NOT NULL,
    pictures_left_out integer DEFAULT 0 NOT NULL,
    feedback_seconds double precision,
    tallied boolean DEFAULT false NOT NULL,
    trace_id uuid DEFAULT (NULLIF(current_setting('app.trace'::text, true), ''::text))::uuid,
    CONSTRAINT submissions_characters_in_range CHECK (((characters >= 1) AND (characters <= 100000))),
    CONSTRAINT submissions_completed_when_final CHECK (((completed_at IS NULL) = (status = ANY (ARRAY['queued'::text, 'processing'::text])))),
    CONSTRAINT submissions_language_is_a_tag CHECK ((language ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$'::text)),
    CONSTRAINT submissions_queue_known CHECK ((queue = ANY (ARRAY['interactive'::text, 'bulk'::text]))),
    CONSTRAINT submissions_sha256_length CHECK ((length(text_sha256) = 32)),
    CONSTRAINT submissions_source_known CHECK ((source = ANY (ARRAY['app'::text, 'api'::text, 'webhook'::text]))),
    CONSTRAINT submissions_status_known CHECK ((status = ANY (ARRAY['queued'::text, 'processing'::text, 'completed'::text, 'partial'::text, 'failed'::text, 'superseded'::text, 'cancelled'::text]))),
    CONSTRAINT submissions_version_positive CHECK ((version > 0)),
    CONSTRAINT submissions_words_not_negative CHECK ((words >= 0))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY public.submissions ALTER COLUMN text SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.submissions FORCE ROW LEVEL SECURITY;

-- TABLE tallies
CREATE TABLE public.tallies (
    name text NOT NULL,
    labels text[] NOT NULL,
    count bigint DEFAULT 0 NOT NULL,
    total double precision DEFAULT 0 NOT NULL,
    buckets bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    CONSTRAINT tallies_not_negative CHECK (((count >= 0) AND (total >= (0)::double precision)))
);

-- TABLE tally_entries
CREATE TABLE public.tally_entries (
    id uuid DEFAULT uuidv7() NOT NULL,
    name text NOT NULL,
    labels text[] NOT NULL,
    count bigint NOT NULL,
    CONSTRAINT tally_entries_not_negative CHECK ((count >= 0))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

-- COMMENT TABLE tally_entries
COMMENT ON TABLE public.tally_entries IS 'Amounts that the clock has not added to the totals in tallies yet.';

-- VIEW untallied
CREATE VIEW public.untallied WITH (security_barrier='true') AS
 SELECT 'queue_wait'::text AS name,
    ARRAY[p.queue] AS labels,
    count(*) AS count,
    (sum(EXTRACT(epoch FROM (p.first_claimed_at - p.queued_at))))::double precision AS total,
    public.histogram(array_agg((EXTRACT(epoch FROM (p.first_claimed_at - p.queued_at)))::double precision), public.wait_bounds()) AS buckets
   FROM public.passes p
  WHERE ((NOT p.tallied) AND (p.finished_at IS NOT NULL) AND (p.first_claimed_at IS NOT NULL))
  GROUP BY p.queue
UNION ALL
 SELECT 'pass_duration'::text AS name,
    ARRAY[p.name, p.state] AS labels,
    count(*) AS count,
    (sum(EXTRACT(epoch FROM (p.finished_at - p.started_at))))::double precision AS total,
    public.histogram(array_agg((EXTRACT(epoch FROM (p.finished_at - p.started_at)))::double precision), public.wait_bounds()) AS buckets
   FROM public.passes p
  WHERE ((NOT p.tallied) AND (p.finished_at IS NOT NULL) AND (p.started_at IS NOT NULL))
  GROUP BY p.name, p.state
UNION ALL
 SELECT 'ai_requests'::text AS name,
    ARRAY[a.pass, a.provider, a.outcome] AS labels,
    count(*) AS count,
    ((COALESCE(sum(a.latency_ms), (0)::bigint))::numeric / 1000.0) AS total,
    '{}'::bigint[] AS buckets
   FROM public.ai_responses a
  WHERE ((NOT a.tallied) AND (a.completed_at IS NOT NULL))
  GROUP BY a.pass, a.provider, a.outcome
UNION ALL
 SELECT 'ai_tokens'::text AS name,
    ARRAY[a.pass, kind.name] AS labels,
    count(*) AS count,
    sum(kind.tokens) AS total,
    '{}'::bigint[] AS buckets
   FROM (public.ai_responses a
     CROSS JOIN LATERAL ( VALUES ('input'::text,a.input_tokens), ('output'::text,a.output_tokens), ('cache_read'::text,a.cache_read_tokens), ('cache_write'::text,a.cache_write_tokens)) kind(name, tokens))
  WHERE ((NOT a.tallied) AND (a.completed_at IS NOT NULL))
  GROUP BY a.pass, kind.name
UNION ALL
 SELECT 'ai_cost_micros'::text AS name,
    ARRAY[a.pass] AS labels,
    count(*) AS count,
    sum(a.cost_micros) AS total,
    '{}'::bigint[] AS buckets
   FROM public.ai_responses a
  WHERE ((NOT a.tallied) AND (a.completed_at IS NOT NULL))
  GROUP BY a.pass
UNION ALL
 SELECT 'feedback'::text AS name,
    ARRAY[s.queue] AS labels,
    count(*) AS count,
    sum(s.feedback_seconds) AS total,
    public.histogram(array_agg(s.feedback_seconds), public.feedback_bounds()) AS buckets
   FROM public.submissions s
  WHERE ((NOT s.tallied) AND (s.feedback_seconds IS NOT NULL))
  GROUP BY s.queue
UNION ALL
 SELECT 'pass_attempts'::text AS name,
    ARRAY[p.name, kind.name] AS labels,
    sum(kind.attempts) AS count,
    0 AS total,
    '{}'::bigint[] AS buckets
   FROM (public.passes p
     CROSS JOIN LATERAL ( VALUES ('first'::text,LEAST(p.attempt, 1)), ('retry'::text,GREATEST((p.attempt - 1), 0))) kind(name, attempts))
  WHERE ((NOT p.tallied) AND (p.finished_at IS NOT NULL))
  GROUP BY p.name, kind.name
 HAVING (sum(kind.attempts) > 0)
UNION ALL
 SELECT e.name,
    e.labels,
    (sum(e.count))::bigint AS count,
    0 AS total,
    '{}'::bigint[] AS buckets
   FROM public.tally_entries e
  GROUP BY e.name, e.labels;

-- VIEW monitor_totals
CREATE VIEW public.monitor_totals WITH (security_barrier='true') AS
 WITH everything AS MATERIALIZED (
         SELECT tallies.name,
            tallies.labels,
            tallies.count,
            tallies.total,
            tallies.buckets
           FROM public.tallies
        UNION ALL
         SELECT untallied.name,
            untallied.labels,
            untallied.count,
            untallied.total,
            untallied.buckets
           FROM public.untallied
        )
 SELECT name,
    labels,
    (sum(count))::bigint AS count,
    sum(total) AS total,
    ( SELECT array_agg(b.amount ORDER BY b.i) AS array_agg
           FROM ( SELECT bucket.i,
                    (sum(bucket.amount))::bigint AS amount
                   FROM everything e,
                    LATERAL unnest(e.buckets) WITH ORDINALITY bucket(amount, i)
                  WHERE ((e.name = t.name) AND (e.labels = t.labels))
                  GROUP BY bucket.i) b) AS buckets
   FROM everything t
  GROUP BY name, labels;

-- TABLE moodle_sites
CREATE TABLE public.moodle_sites (
    id uuid NOT NULL,
    org_id uuid NOT NULL,
    site text NOT NULL,
    token bytea NOT NULL,
    interval_seconds integer DEFAULT 300 NOT NULL,
    courses bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    returns text DEFAULT 'link'::text NOT NULL,
    pages_url text,
    begins_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_until timestamp with time zone,
    looked_into bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    closed bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    succeeded_at timestamp with time zone,
    error_about text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    fence integer DEFAULT 0 NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL,
    hinted_at timestamp with time zone,
    lease_until timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    error text,
    CONSTRAINT moodle_sites_attempt_not_negative CHECK ((attempt >= 0)),
    CONSTRAINT moodle_sites_courses_few CHECK (((cardinality(courses) <= 1000) AND (array_position(courses, NULL::bigint) IS NULL))),
    CONSTRAINT moodle_sites_error_about_short CHECK ((error_about ~ '^[a-z_]{1,60}$'::text)),
    CONSTRAINT moodle_sites_error_is_a_word CHECK ((error ~ '^[a-z_]{1,40}$'::text)),
    CONSTRAINT moodle_sites_finished_when_ended CHECK (((state = 'gave_up'::text) = (finished_at IS NOT NULL))),
    CONSTRAINT moodle_sites_interval_in_range CHECK (((interval_seconds >= 60) AND (interval_seconds <= 86400))),
    CONSTRAINT moodle_sites_lease_when_running CHECK (((state = 'running'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT moodle_sites_pages_url_length CHECK (((length(pages_url) >= 8) AND (length(pages_url) <= 500))),
    CONSTRAINT moodle_sites_returns_known CHECK ((returns = ANY (ARRAY['none'::text, 'link'::text, 'summary'::text]))),
    CONSTRAINT moodle_sites_site_length CHECK (((length(site) >= 8) AND (length(site) <= 500))),
    CONSTRAINT moodle_sites_state_known CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'gave_up'::text])))
);
ALTER TABLE ONLY public.moodle_sites ALTER COLUMN token SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.moodle_sites FORCE ROW LEVEL SECURITY;

-- COMMENT TABLE moodle_sites
COMMENT ON TABLE public.moodle_sites IS 'Moodle sites that are asked what was handed in: settings, what is known of the site, and a leased row.';

-- TABLE notice_handlers
CREATE TABLE public.notice_handlers (
    org_id uuid NOT NULL,
    source_id uuid NOT NULL,
    deployment text NOT NULL,
    notice_type text NOT NULL,
    service_url text NOT NULL,
    handler text NOT NULL,
    registered_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT notice_handlers_deployment_length CHECK (((length(deployment) >= 1) AND (length(deployment) <= 255))),
    CONSTRAINT notice_handlers_type_is_a_word CHECK ((notice_type ~ '^[A-Za-z]{1,60}$'::text)),
    CONSTRAINT notice_handlers_urls_short CHECK (((length(service_url) <= 2048) AND (length(handler) <= 2048)))
);
ALTER TABLE ONLY public.notice_handlers FORCE ROW LEVEL SECURITY;

-- TABLE one_time_tokens
CREATE TABLE public.one_time_tokens (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    purpose text NOT NULL,
    digest bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT one_time_tokens_digest_length CHECK ((length(digest) = 32)),
    CONSTRAINT one_time_tokens_purpose_known CHECK ((purpose = ANY (ARRAY['invitation'::text, 'password_reset'::text])))
);
ALTER TABLE ONLY public.one_time_tokens FORCE ROW LEVEL SECURITY;

-- TABLE passkeys
CREATE TABLE public.passkeys (
    id uuid NOT NULL,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    name bytea NOT NULL,
    credential_digest bytea NOT NULL,
    credential_id bytea NOT NULL,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone,
    CONSTRAINT passkeys_digest_length CHECK ((length(credential_digest) = 32)),
    CONSTRAINT passkeys_sign_count_not_negative CHECK ((sign_count >= 0))
);
ALTER TABLE ONLY public.passkeys ALTER COLUMN name SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.passkeys ALTER COLUMN credential_id SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.passkeys ALTER COLUMN public_key SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.passkeys FORCE ROW LEVEL SECURITY;

-- TABLE platform_assignments
CREATE TABLE public.platform_assignments (
    org_id uuid NOT NULL,
    source_id uuid NOT NULL,
    assignment_id uuid NOT NULL,
    line_item_url text NOT NULL,
    CONSTRAINT platform_assignments_url_short CHECK ((length(line_item_url) <= 2048))
);
ALTER TABLE ONLY public.platform_assignments FORCE ROW LEVEL SECURITY;

-- TABLE platform_courses
CREATE TABLE public.platform_courses (
    org_id uuid NOT NULL,
    source_id uuid NOT NULL,
    course_id uuid NOT NULL,
    memberships_url text NOT NULL,
    listed_at timestamp with time zone,
    CONSTRAINT platform_courses_url_short CHECK ((length(memberships_url) <= 2048))
);
ALTER TABLE ONLY public.platform_courses FORCE ROW LEVEL SECURITY;

-- TABLE platforms
CREATE TABLE public.platforms (
    id uuid NOT NULL,
    org_id uuid NOT NULL,
    state text DEFAULT 'invited'::text NOT NULL,
    registration_digest bytea,
    registration_ends_at timestamp with time zone,
    issuer text,
    client_id text,
    authorization_url text,
    token_url text,
    token_audience text,
    jwks_url text,
    deployments text[] DEFAULT '{}'::text[] NOT NULL,
    frame_origins text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    launched_at timestamp with time zone,
    refused_at timestamp with time zone,
    refused_reason text,
    scores text DEFAULT 'none'::text NOT NULL,
    CONSTRAINT platforms_deployments_few CHECK (((cardinality(deployments) <= 100) AND (array_position(deployments, NULL::text) IS NULL))),
    CONSTRAINT platforms_frame_origins_few CHECK (((cardinality(frame_origins) <= 20) AND (array_position(frame_origins, NULL::text) IS NULL))),
    CONSTRAINT platforms_refused_reason_short CHECK (((length(refused_reason) <= 200) AND ((refused_reason IS NULL) = (refused_at IS NULL)))),
    CONSTRAINT platforms_registered CHECK (((state = ANY (ARRAY['invited'::text, 'off'::text])) OR (num_nulls(issuer, client_id, authorization_url, token_url, jwks_url) = 0))),
    CONSTRAINT platforms_registration_ends CHECK (((registration_digest IS NULL) = (registration_ends_at IS NULL))),
    CONSTRAINT platforms_registration_length CHECK ((length(registration_digest) = 32)),
    CONSTRAINT platforms_scores_known CHECK ((scores = ANY (ARRAY['none'::text, 'handed_in'::text]))),
    CONSTRAINT platforms_state_known CHECK ((state = ANY (ARRAY['invited'::text, 'pending'::text, 'active'::text, 'off'::text]))),
    CONSTRAINT platforms_words_short CHECK ((GREATEST(length(issuer), length(client_id), length(authorization_url), length(token_url), length(token_audience), length(jwks_url)) <= 2048))
);
ALTER TABLE ONLY public.platforms FORCE ROW LEVEL SECURITY;

-- SEQUENCE queue_hand_bulk
CREATE UNLOGGED SEQUENCE public.queue_hand_bulk
    START WITH 0
    INCREMENT BY 1
    MINVALUE -9223372036854775808
    NO MAXVALUE
    CACHE 1;

-- SEQUENCE queue_hand_interactive
CREATE UNLOGGED SEQUENCE public.queue_hand_interactive
    START WITH 0
    INCREMENT BY 1
    MINVALUE -9223372036854775808
    NO MAXVALUE
    CACHE 1;

-- TABLE queue_marks
CREATE TABLE public.queue_marks (
    org_id uuid NOT NULL,
    queue text NOT NULL,
    turn smallint NOT NULL,
    next_at timestamp with time zone NOT NULL,
    ahead bigint NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    CONSTRAINT queue_marks_ahead_positive CHECK ((ahead > 0)),
    CONSTRAINT queue_marks_queue_known CHECK ((queue = ANY (ARRAY['interactive'::text, 'bulk'::text])))
);
ALTER TABLE ONLY public.queue_marks FORCE ROW LEVEL SECURITY;

-- VIEW report_live_comments
CREATE VIEW public.report_live_comments AS
 SELECT f.org_id,
    e.course_id,
    f.submission_id,
    f.user_id,
    (e.newest_submission_id = f.submission_id) AS is_newest,
    f.pass,
    f.type,
    f.kind,
    f.severity,
    f.match,
    f.resolution,
    r.decision,
    k.reaction
   FROM (((public.feedback f
     JOIN public.essays e ON (((e.org_id = f.org_id) AND (e.id = f.essay_id))))
     LEFT JOIN ( SELECT DISTINCT ON (v.org_id, v.feedback_id) v.org_id,
            v.feedback_id,
            v.decision
           FROM public.feedback_reviews v
          ORDER BY v.org_id, v.feedback_id, v.id DESC) r ON (((r.org_id = f.org_id) AND (r.feedback_id = f.id))))
     LEFT JOIN public.feedback_reactions k ON (((k.org_id = f.org_id) AND (k.feedback_id = f.id) AND (k.user_id = f.user_id))))
  WHERE ((f.superseded_at IS NULL) AND (e.trial_until IS NULL));

-- MATERIALIZED VIEW report_comments
CREATE MATERIALIZED VIEW public.report_comments AS
 SELECT org_id,
    course_id,
    pass,
    type,
    kind,
    severity,
    resolution,
    count(*) AS comments,
    count(*) FILTER (WHERE (match = 'none'::text)) AS unanchored
   FROM public.report_live_comments c
  WHERE (decision IS DISTINCT FROM 'rejected'::text)
  GROUP BY org_id, course_id, pass, type, kind, severity, resolution
  WITH NO DATA;

-- VIEW report_comments_of_courses
CREATE VIEW public.report_comments_of_courses WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    pass,
    type,
    kind,
    severity,
    resolution,
    comments,
    unanchored
   FROM public.report_comments
  WHERE ((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[])));

-- VIEW report_comments_of_org
CREATE VIEW public.report_comments_of_org WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    pass,
    type,
    kind,
    severity,
    resolution,
    comments,
    unanchored
   FROM public.report_comments
  WHERE (org_id = ( SELECT public.app_org() AS app_org));

-- MATERIALIZED VIEW report_costs
CREATE MATERIALIZED VIEW public.report_costs AS
 SELECT org_id,
    day,
    provider,
    model,
    pass,
    (sum(calls))::bigint AS calls,
    (sum(failed))::bigint AS failed,
    (sum(input_tokens))::bigint AS input_tokens,
    (sum(output_tokens))::bigint AS output_tokens,
    (sum(cache_read_tokens))::bigint AS cache_read_tokens,
    (sum(cache_write_tokens))::bigint AS cache_write_tokens,
    (sum(cost_micros))::bigint AS cost_micros
   FROM ( SELECT l.org_id,
            l.day,
            l.provider,
            l.model,
            l.pass,
            l.calls,
            l.failed,
            l.input_tokens,
            l.output_tokens,
            l.cache_read_tokens,
            l.cache_write_tokens,
            l.cost_micros
           FROM public.ledger l
        UNION ALL
         SELECT n.org_id,
            n.day,
            n.provider,
            n.model,
            n.pass,
            1,
            (n.failed)::integer AS failed,
            n.input_tokens,
            n.output_tokens,
            n.cache_read_tokens,
            n.cache_write_tokens,
            n.cost_micros
           FROM public.ledger_entries n
        UNION ALL
         SELECT a.org_id,
            ((a.created_at AT TIME ZONE 'utc'::text))::date AS timezone,
            a.provider,
            a.model,
            a.pass,
            1,
            ((a.outcome <> 'ok'::text))::integer AS int4,
            a.input_tokens,
            a.output_tokens,
            a.cache_read_tokens,
            a.cache_write_tokens,
            0
           FROM public.ai_responses a
          WHERE ((a.provider = 'local'::text) AND (a.outcome <> 'open'::text))) c
  GROUP BY org_id, day, provider, model, pass
  WITH NO DATA;

-- VIEW report_costs_of_org
CREATE VIEW public.report_costs_of_org WITH (security_barrier='true') AS
 SELECT org_id,
    day,
    provider,
    model,
    pass,
    calls,
    failed,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    cost_micros
   FROM public.report_costs
  WHERE (org_id = ( SELECT public.app_org() AS app_org));

-- MATERIALIZED VIEW report_criteria
CREATE MATERIALIZED VIEW public.report_criteria AS
 SELECT r.org_id,
    e.course_id,
    r.criterion_id,
    r.level,
    r.points,
    r.max_points,
    count(*) AS essays
   FROM (public.criterion_results r
     JOIN public.essays e ON (((e.org_id = r.org_id) AND (e.newest_submission_id = r.submission_id))))
  WHERE ((r.superseded_at IS NULL) AND (e.course_id IS NOT NULL) AND (e.trial_until IS NULL))
  GROUP BY r.org_id, e.course_id, r.criterion_id, r.level, r.points, r.max_points
  WITH NO DATA;

-- VIEW report_criteria_of_courses
CREATE VIEW public.report_criteria_of_courses WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    criterion_id,
    level,
    points,
    max_points,
    essays
   FROM public.report_criteria
  WHERE ((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[])));

-- VIEW report_criteria_of_org
CREATE VIEW public.report_criteria_of_org WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    criterion_id,
    level,
    points,
    max_points,
    essays
   FROM public.report_criteria
  WHERE (org_id = ( SELECT public.app_org() AS app_org));

-- MATERIALIZED VIEW report_decisions
CREATE MATERIALIZED VIEW public.report_decisions AS
 SELECT org_id,
    course_id,
    pass,
    type,
    count(*) AS comments,
    count(*) FILTER (WHERE (decision = 'accepted'::text)) AS accepted,
    count(*) FILTER (WHERE (decision = 'edited'::text)) AS edited,
    count(*) FILTER (WHERE (decision = 'rejected'::text)) AS rejected,
    count(*) FILTER (WHERE (reaction = 'helpful'::text)) AS helpful,
    count(*) FILTER (WHERE (reaction = 'not_helpful'::text)) AS not_helpful,
    count(*) FILTER (WHERE (reaction = 'disagree'::text)) AS disagreed
   FROM public.report_live_comments c
  GROUP BY org_id, course_id, pass, type
  WITH NO DATA;

-- VIEW report_decisions_of_courses
CREATE VIEW public.report_decisions_of_courses WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    pass,
    type,
    comments,
    accepted,
    edited,
    rejected,
    helpful,
    not_helpful,
    disagreed
   FROM public.report_decisions
  WHERE ((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[])));

-- VIEW report_decisions_of_org
CREATE VIEW public.report_decisions_of_org WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    pass,
    type,
    comments,
    accepted,
    edited,
    rejected,
    helpful,
    not_helpful,
    disagreed
   FROM public.report_decisions
  WHERE (org_id = ( SELECT public.app_org() AS app_org));

-- MATERIALIZED VIEW report_passes
CREATE MATERIALIZED VIEW public.report_passes AS
 SELECT p.org_id,
    e.course_id,
    p.name AS pass,
    p.state,
    count(*) AS passes
   FROM (public.passes p
     JOIN public.essays e ON (((e.org_id = p.org_id) AND (e.id = p.essay_id))))
  WHERE ((p.state = ANY (ARRAY['done'::text, 'gave_up'::text])) AND (e.trial_until IS NULL))
  GROUP BY p.org_id, e.course_id, p.name, p.state
  WITH NO DATA;

-- VIEW report_passes_of_courses
CREATE VIEW public.report_passes_of_courses WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    pass,
    state,
    passes
   FROM public.report_passes
  WHERE ((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[])));

-- VIEW report_passes_of_org
CREATE VIEW public.report_passes_of_org WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    pass,
    state,
    passes
   FROM public.report_passes
  WHERE (org_id = ( SELECT public.app_org() AS app_org));

-- MATERIALIZED VIEW report_progress
CREATE MATERIALIZED VIEW public.report_progress AS
 SELECT s.org_id,
    e.course_id,
    e.assignment_id,
    s.essay_id,
    s.user_id,
    s.id AS submission_id,
    s.version,
    (s.id = e.newest_submission_id) AS is_newest,
    s.status,
    s.created_at,
    s.released_at,
    s.words,
    COALESCE(c.praise, (0)::bigint) AS praise,
    COALESCE(c.comments, (0)::bigint) AS comments,
    COALESCE(c.addressed, (0)::bigint) AS addressed,
    COALESCE(c.persisting, (0)::bigint) AS persisting,
    COALESCE(c.moot, (0)::bigint) AS moot,
    COALESCE(r.levels, '[]'::jsonb) AS levels
   FROM (((public.submissions s
     JOIN public.essays e ON (((e.org_id = s.org_id) AND (e.id = s.essay_id))))
     LEFT JOIN ( SELECT l.org_id,
            l.submission_id,
            count(*) FILTER (WHERE (l.kind = 'praise'::text)) AS praise,
            count(*) FILTER (WHERE (l.kind <> 'praise'::text)) AS comments,
            count(*) FILTER (WHERE ((l.kind <> 'praise'::text) AND (l.resolution = 'addressed'::text))) AS addressed,
            count(*) FILTER (WHERE ((l.kind <> 'praise'::text) AND (l.resolution = 'persisting'::text))) AS persisting,
            count(*) FILTER (WHERE ((l.kind <> 'praise'::text) AND (l.resolution = 'moot'::text))) AS moot
           FROM public.report_live_comments l
          WHERE (l.decision IS DISTINCT FROM 'rejected'::text)
          GROUP BY l.org_id, l.submission_id) c ON (((c.org_id = s.org_id) AND (c.submission_id = s.id))))
     LEFT JOIN ( SELECT t.org_id,
            t.submission_id,
            jsonb_agg(jsonb_build_object('criterion_id', t.criterion_id, 'level', t.level, 'points', t.points, 'max_points', t.max_points) ORDER BY t.criterion_id, t.pass) AS levels
           FROM public.criterion_results t
          WHERE (t.superseded_at IS NULL)
          GROUP BY t.org_id, t.submission_id) r ON (((r.org_id = s.org_id) AND (r.submission_id = s.id))))
  WHERE (e.trial_until IS NULL)
  WITH NO DATA;

-- VIEW report_progress_of_courses
CREATE VIEW public.report_progress_of_courses WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    assignment_id,
    essay_id,
    user_id,
    submission_id,
    version,
    is_newest,
    status,
    created_at,
    released_at,
    words,
    praise,
    comments,
    addressed,
    persisting,
    moot,
    levels
   FROM public.report_progress
  WHERE ((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[])));

-- VIEW report_progress_of_org
CREATE VIEW public.report_progress_of_org WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    assignment_id,
    essay_id,
    user_id,
    submission_id,
    version,
    is_newest,
    status,
    created_at,
    released_at,
    words,
    praise,
    comments,
    addressed,
    persisting,
    moot,
    levels
   FROM public.report_progress
  WHERE (org_id = ( SELECT public.app_org() AS app_org));

-- VIEW report_progress_of_student
CREATE VIEW public.report_progress_of_student WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    assignment_id,
    essay_id,
    user_id,
    submission_id,
    version,
    is_newest,
    status,
    created_at,
    released_at,
    words,
    praise,
    comments,
    addressed,
    persisting,
    moot,
    levels
   FROM public.report_progress
  WHERE ((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)) AND (released_at IS NOT NULL));

-- TABLE report_refreshes
CREATE TABLE public.report_refreshes (
    name text NOT NULL,
    refreshed_at timestamp with time zone NOT NULL,
    took_ms integer NOT NULL,
    CONSTRAINT report_refreshes_took_not_negative CHECK ((took_ms >= 0))
);

-- COMMENT TABLE report_refreshes
COMMENT ON TABLE public.report_refreshes IS 'When the materialized views of the reports were refreshed, and how long that took.';

-- MATERIALIZED VIEW report_submissions
CREATE MATERIALIZED VIEW public.report_submissions AS
 SELECT s.org_id,
    e.course_id,
    ((s.created_at AT TIME ZONE 'utc'::text))::date AS day,
    s.status,
    count(*) AS submissions,
    count(s.feedback_seconds) AS waits,
    (COALESCE(sum((s.feedback_seconds)::numeric), (0)::numeric))::double precision AS wait_seconds,
    public.histogram(COALESCE(array_agg(s.feedback_seconds) FILTER (WHERE (s.feedback_seconds IS NOT NULL)), '{}'::double precision[]), public.wait_bounds()) AS wait_buckets
   FROM (public.submissions s
     JOIN public.essays e ON (((e.org_id = s.org_id) AND (e.id = s.essay_id))))
  WHERE (e.trial_until IS NULL)
  GROUP BY s.org_id, e.course_id, (((s.created_at AT TIME ZONE 'utc'::text))::date), s.status
  WITH NO DATA;

-- VIEW report_submissions_of_courses
CREATE VIEW public.report_submissions_of_courses WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    day,
    status,
    submissions,
    waits,
    wait_seconds,
    wait_buckets
   FROM public.report_submissions
  WHERE ((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[])));

-- VIEW report_submissions_of_org
CREATE VIEW public.report_submissions_of_org WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    day,
    status,
    submissions,
    waits,
    wait_seconds,
    wait_buckets
   FROM public.report_submissions
  WHERE (org_id = ( SELECT public.app_org() AS app_org));

-- MATERIALIZED VIEW report_types
CREATE MATERIALIZED VIEW public.report_types AS
 SELECT org_id,
    course_id,
    pass,
    type,
    count(*) AS comments,
    count(DISTINCT user_id) AS students
   FROM public.report_live_comments c
  WHERE ((is_newest IS TRUE) AND (kind <> 'praise'::text) AND (decision IS DISTINCT FROM 'rejected'::text) AND (course_id IS NOT NULL))
  GROUP BY org_id, course_id, pass, type
  WITH NO DATA;

-- VIEW report_types_of_courses
CREATE VIEW public.report_types_of_courses WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    pass,
    type,
    comments,
    students
   FROM public.report_types
  WHERE ((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[])));

-- VIEW report_types_of_org
CREATE VIEW public.report_types_of_org WITH (security_barrier='true') AS
 SELECT org_id,
    course_id,
    pass,
    type,
    comments,
    students
   FROM public.report_types
  WHERE (org_id = ( SELECT public.app_org() AS app_org));

-- TABLE reports
CREATE TABLE public.reports (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    student_id uuid,
    parameters jsonb NOT NULL,
    data_as_of timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT reports_kind_known CHECK ((kind = ANY (ARRAY['course'::text, 'student'::text, 'usage'::text, 'quality'::text]))),
    CONSTRAINT reports_parameters_object CHECK ((jsonb_typeof(parameters) = 'object'::text)),
    CONSTRAINT reports_student_of_a_student_report CHECK (((student_id IS NOT NULL) = (kind = 'student'::text)))
);
ALTER TABLE ONLY public.reports FORCE ROW LEVEL SECURITY;

-- COMMENT TABLE reports
COMMENT ON TABLE public.reports IS 'Reports that were asked for. parameters: a course, or dates.';

-- TABLE retention_runs
CREATE TABLE public.retention_runs (
    org_id uuid NOT NULL,
    class text NOT NULL,
    begins_at timestamp with time zone NOT NULL,
    next_at timestamp with time zone NOT NULL,
    deleted bigint DEFAULT 0 NOT NULL,
    last_deleted bigint,
    last_run_at timestamp with time zone,
    CONSTRAINT retention_runs_class_known CHECK ((class = ANY (ARRAY['texts'::text, 'raw_answers'::text, 'deliveries'::text, 'accounts'::text, 'logs'::text]))),
    CONSTRAINT retention_runs_counts_not_negative CHECK (((deleted >= 0) AND (last_deleted >= 0)))
);
ALTER TABLE ONLY public.retention_runs FORCE ROW LEVEL SECURITY;

-- TABLE returns
CREATE TABLE public.returns (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    source_id uuid NOT NULL,
    submission_id uuid NOT NULL,
    channel text NOT NULL,
    external_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    fence integer DEFAULT 0 NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL,
    hinted_at timestamp with time zone,
    lease_until timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    error text,
    CONSTRAINT returns_attempt_not_negative CHECK ((attempt >= 0)),
    CONSTRAINT returns_channel_known CHECK ((channel = ANY (ARRAY['moodle_comment'::text, 'canvas_comment'::text, 'lti_score'::text, 'asset_report'::text]))),
    CONSTRAINT returns_error_is_a_word CHECK ((error ~ '^[a-z_]{1,40}$'::text)),
    CONSTRAINT returns_external_id_length CHECK (((length(external_id) >= 1) AND (length(external_id) <= 200))),
    CONSTRAINT returns_finished_when_ended CHECK (((state = ANY (ARRAY['done'::text, 'gave_up'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT returns_lease_when_running CHECK (((state = 'running'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT returns_state_known CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'gave_up'::text])))
);
ALTER TABLE ONLY public.returns FORCE ROW LEVEL SECURITY;

-- COMMENT TABLE returns
COMMENT ON TABLE public.returns IS 'What goes back to an LMS about a version: leased rows. external_id: what the LMS calls it.';

-- TABLE review_items
CREATE TABLE public.review_items (
    feedback_id uuid NOT NULL,
    org_id uuid NOT NULL,
    essay_id uuid NOT NULL,
    submission_id uuid NOT NULL,
    user_id uuid NOT NULL,
    audience_id uuid NOT NULL,
    assignment_id uuid,
    confidence_permille integer NOT NULL,
    review_id uuid,
    is_open boolean GENERATED ALWAYS AS ((review_id IS NULL)) STORED NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(feedback_id)) STORED NOT NULL,
    CONSTRAINT review_items_confidence_in_range CHECK (((confidence_permille >= 0) AND (confidence_permille <= 1000)))
);
ALTER TABLE ONLY public.review_items FORCE ROW LEVEL SECURITY;

-- TABLE rubric_criteria
CREATE TABLE public.rubric_criteria (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    rubric_id uuid NOT NULL,
    "position" integer NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    levels jsonb NOT NULL,
    CONSTRAINT rubric_criteria_levels_are_a_list CHECK (((jsonb_typeof(levels) = 'array'::text) AND (jsonb_array_length(levels) >= 2))),
    CONSTRAINT rubric_criteria_name_not_blank CHECK (((name ~ '\S'::text) AND (length(name) <= 200)))
);
ALTER TABLE ONLY public.rubric_criteria FORCE ROW LEVEL SECURITY;

-- TABLE rubrics
CREATE TABLE public.rubrics (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    name text NOT NULL,
    content_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT rubrics_name_not_blank CHECK (((name ~ '\S'::text) AND (length(name) <= 200)))
);
ALTER TABLE ONLY public.rubrics FORCE ROW LEVEL SECURITY;

-- TABLE saved_comments
CREATE TABLE public.saved_comments (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    pass text NOT NULL,
    type text NOT NULL,
    kind text NOT NULL,
    body bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT saved_comments_kind_known CHECK ((kind = ANY (ARRAY['praise'::text, 'issue'::text, 'question'::text])))
);
ALTER TABLE ONLY public.saved_comments ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.saved_comments FORCE ROW LEVEL SECURITY;

-- TABLE second_factors
CREATE TABLE public.second_factors (
    user_id uuid NOT NULL,
    org_id uuid NOT NULL,
    secret bytea NOT NULL,
    confirmed_at timestamp with time zone,
    last_step bigint DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    failed_at timestamp with time zone,
    recovery_codes bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT second_factors_counts_not_negative CHECK ((LEAST(last_step, (failures)::bigint) >= 0)),
    CONSTRAINT second_factors_few_recovery_codes CHECK ((cardinality(recovery_codes) <= 10))
);
ALTER TABLE ONLY public.second_factors ALTER COLUMN secret SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.second_factors FORCE ROW LEVEL SECURITY;

-- TABLE seen_events
CREATE TABLE public.seen_events (
    source_id uuid NOT NULL,
    event_id text NOT NULL,
    org_id uuid NOT NULL,
    body_sha256 bytea NOT NULL,
    submission_id uuid,
    answer json,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    canonical_sha256 bytea,
    CONSTRAINT seen_events_event_id_length CHECK (((length(event_id) >= 1) AND (length(event_id) <= 255)))
);
ALTER TABLE ONLY public.seen_events FORCE ROW LEVEL SECURITY;

-- TABLE sessions
CREATE TABLE public.sessions (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    generation integer DEFAULT 1 NOT NULL,
    rotated_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    proved_at timestamp with time zone,
    CONSTRAINT sessions_generation_positive CHECK ((generation > 0)),
    CONSTRAINT sessions_revoked_reason_known CHECK ((revoked_reason = ANY (ARRAY['logout'::text, 'reuse'::text, 'disabled'::text, 'password'::text]))),
    CONSTRAINT sessions_revoked_with_reason CHECK (((revoked_at IS NULL) = (revoked_reason IS NULL)))
);
ALTER TABLE ONLY public.sessions FORCE ROW LEVEL SECURITY;

-- TABLE sign_in_providers
CREATE TABLE public.sign_in_providers (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    name text NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    client_secret bytea NOT NULL,
    find_by text DEFAULT 'subject'::text NOT NULL,
    roles text[] DEFAULT '{student,educator,admin}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT sign_in_providers_find_by_known CHECK ((find_by = ANY (ARRAY['email'::text, 'subject'::text]))),
    CONSTRAINT sign_in_providers_roles_known CHECK ((roles <@ ARRAY['student'::text, 'educator'::text, 'admin'::text])),
    CONSTRAINT sign_in_providers_words_short CHECK ((GREATEST(length(name), length(issuer), length(client_id)) <= 500))
);
ALTER TABLE ONLY public.sign_in_providers ALTER COLUMN client_secret SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.sign_in_providers FORCE ROW LEVEL SECURITY;

-- TABLE sources
CREATE TABLE public.sources (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    name text NOT NULL,
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_secret_until timestamp with time zone,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    creates_courses boolean DEFAULT false NOT NULL,
    networks text[] DEFAULT '{}'::text[] NOT NULL,
    kind text DEFAULT 'signed'::text NOT NULL,
    mapping jsonb,
    CONSTRAINT sources_kind_known CHECK ((kind = ANY (ARRAY['signed'::text, 'custom'::text, 'moodle'::text, 'moodle_webhookengine'::text, 'canvas'::text, 'lti'::text]))),
    CONSTRAINT sources_mapping_object CHECK ((jsonb_typeof(mapping) = 'object'::text)),
    CONSTRAINT sources_mapping_of_custom CHECK (((kind = 'custom'::text) = (mapping IS NOT NULL))),
    CONSTRAINT sources_name_not_blank CHECK (((name ~ '\S'::text) AND (length(name) <= 200))),
    CONSTRAINT sources_networks_few CHECK (((cardinality(networks) <= 50) AND (array_position((networks)::cidr[], NULL::cidr) IS NULL))),
    CONSTRAINT sources_previous_secret_ends CHECK (((previous_secret IS NULL) = (previous_secret_until IS NULL)))
);
ALTER TABLE ONLY public.sources FORCE ROW LEVEL SECURITY;

-- TABLE spent_launches
CREATE TABLE public.spent_launches (
    org_id uuid NOT NULL,
    source_id uuid NOT NULL,
    state_digest bytea NOT NULL,
    spent_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT spent_launches_digest_length CHECK ((length(state_digest) = 32))
);
ALTER TABLE ONLY public.spent_launches FORCE ROW LEVEL SECURITY;

-- TABLE submissions_default
CREATE TABLE public.submissions_default (
    id uuid DEFAULT uuidv7() CONSTRAINT submissions_id_not_null NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED CONSTRAINT submissions_created_at_not_null NOT NULL,
    org_id uuid CONSTRAINT submissions_org_id_not_null NOT NULL,
    essay_id uuid CONSTRAINT submissions_essay_id_not_null NOT NULL,
    user_id uuid CONSTRAINT submissions_user_id_not_null NOT NULL,
    audience_id uuid CONSTRAINT submissions_audience_id_not_null NOT NULL,
    version integer CONSTRAINT submissions_version_not_null NOT NULL,
    status text CONSTRAINT submissions_status_not_null NOT NULL,
    queue text CONSTRAINT submissions_queue_not_null NOT NULL,
    source text CONSTRAINT submissions_source_not_null NOT NULL,
    external_id text,
    language text CONSTRAINT submissions_language_not_null NOT NULL,
    text bytea CONSTRAINT submissions_text_not_null NOT NULL,
    text_sha256 bytea CONSTRAINT submissions_text_sha256_not_null NOT NULL,
    characters integer CONSTRAINT submissions_characters_not_null NOT NULL,
    words integer CONSTRAINT submissions_words_not_null NOT NULL,
    submitted_at timestamp with time zone CONSTRAINT submissions_submitted_at_not_null NOT NULL,
    released_at timestamp with time zone,
    completed_at timestamp with time zone,
    from_html boolean DEFAULT false CONSTRAINT submissions_from_html_not_null NOT NULL,
    pictures_left_out integer DEFAULT 0 CONSTRAINT submissions_pictures_left_out_not_null NOT NULL,
    feedback_seconds double precision,
    tallied boolean DEFAULT false CONSTRAINT submissions_tallied_not_null NOT NULL,
    trace_id uuid DEFAULT (NULLIF(current_setting('app.trace'::text, true), ''::text))::uuid,
    CONSTRAINT submissions_characters_in_range CHECK (((characters >= 1) AND (characters <= 100000))),
    CONSTRAINT submissions_completed_when_final CHECK (((completed_at IS NULL) = (status = ANY (ARRAY['queued'::text, 'processing'::text])))),
    CONSTRAINT submissions_language_is_a_tag CHECK ((language ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$'::text)),
    CONSTRAINT submissions_queue_known CHECK ((queue = ANY (ARRAY['interactive'::text, 'bulk'::text]))),
    CONSTRAINT submissions_sha256_length CHECK ((length(text_sha256) = 32)),
    CONSTRAINT submissions_source_known CHECK ((source = ANY (ARRAY['app'::text, 'api'::text, 'webhook'::text]))),
    CONSTRAINT submissions_status_known CHECK ((status = ANY (ARRAY['queued'::text, 'processing'::text, 'completed'::text, 'partial'::text, 'failed'::text, 'superseded'::text, 'cancelled'::text]))),
    CONSTRAINT submissions_version_positive CHECK ((version > 0)),
    CONSTRAINT submissions_words_not_negative CHECK ((words >= 0))
);
ALTER TABLE ONLY public.submissions_default ALTER COLUMN text SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.submissions_default FORCE ROW LEVEL SECURITY;

-- TABLE system_logs
CREATE TABLE public.system_logs (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED NOT NULL,
    org_id uuid,
    program text NOT NULL,
    level text NOT NULL,
    event text NOT NULL,
    request_id text,
    context jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT system_logs_event_length CHECK (((length(event) >= 1) AND (length(event) <= 200))),
    CONSTRAINT system_logs_level_known CHECK ((level = ANY (ARRAY['warning'::text, 'error'::text])))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY public.system_logs FORCE ROW LEVEL SECURITY;

-- TABLE system_logs_default
CREATE TABLE public.system_logs_default (
    id uuid DEFAULT uuidv7() CONSTRAINT system_logs_id_not_null NOT NULL,
    created_at timestamp with time zone GENERATED ALWAYS AS (uuid_extract_timestamp(id)) STORED CONSTRAINT system_logs_created_at_not_null NOT NULL,
    org_id uuid,
    program text CONSTRAINT system_logs_program_not_null NOT NULL,
    level text CONSTRAINT system_logs_level_not_null NOT NULL,
    event text CONSTRAINT system_logs_event_not_null NOT NULL,
    request_id text,
    context jsonb DEFAULT '{}'::jsonb CONSTRAINT system_logs_context_not_null NOT NULL,
    CONSTRAINT system_logs_event_length CHECK (((length(event) >= 1) AND (length(event) <= 200))),
    CONSTRAINT system_logs_level_known CHECK ((level = ANY (ARRAY['warning'::text, 'error'::text])))
);
ALTER TABLE ONLY public.system_logs_default FORCE ROW LEVEL SECURITY;

-- TABLE weekly_summaries
CREATE TABLE public.weekly_summaries (
    id uuid DEFAULT uuidv7() NOT NULL,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    week date NOT NULL,
    courses jsonb NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    fence integer DEFAULT 0 NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL,
    hinted_at timestamp with time zone,
    lease_until timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    error text,
    CONSTRAINT weekly_summaries_counts_not_negative CHECK (((attempt >= 0) AND (fence >= 0))),
    CONSTRAINT weekly_summaries_courses_listed CHECK ((jsonb_typeof(courses) = 'array'::text)),
    CONSTRAINT weekly_summaries_error_is_a_word CHECK ((error ~ '^[a-z_]{1,40}$'::text)),
    CONSTRAINT weekly_summaries_finished_when_final CHECK (((finished_at IS NOT NULL) = (state = ANY (ARRAY['nothing'::text, 'done'::text, 'gave_up'::text])))),
    CONSTRAINT weekly_summaries_lease_while_running CHECK (((lease_until IS NOT NULL) = (state = 'running'::text))),
    CONSTRAINT weekly_summaries_reason_when_given_up CHECK (((state <> 'gave_up'::text) OR (error IS NOT NULL))),
    CONSTRAINT weekly_summaries_state_known CHECK ((state = ANY (ARRAY['nothing'::text, 'queued'::text, 'running'::text, 'done'::text, 'gave_up'::text]))),
    CONSTRAINT weekly_summaries_week_begins_monday CHECK ((EXTRACT(isodow FROM week) = (1)::numeric))
);
ALTER TABLE ONLY public.weekly_summaries FORCE ROW LEVEL SECURITY;

-- COMMENT TABLE weekly_summaries
COMMENT ON TABLE public.weekly_summaries IS 'A week of an educator''s courses: leased rows, as passes are. courses: figures and names of courses, nothing about one student.';

-- TABLE weekly_summary_readers
CREATE TABLE public.weekly_summary_readers (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.weekly_summary_readers FORCE ROW LEVEL SECURITY;

-- TABLE ATTACH ai_responses_default
ALTER TABLE ONLY public.ai_responses ATTACH PARTITION public.ai_responses_default DEFAULT;

-- TABLE ATTACH analytics_default
ALTER TABLE ONLY public.analytics ATTACH PARTITION public.analytics_default DEFAULT;

-- TABLE ATTACH audit_log_default
ALTER TABLE ONLY public.audit_log ATTACH PARTITION public.audit_log_default DEFAULT;

-- TABLE ATTACH deliveries_default
ALTER TABLE ONLY public.deliveries ATTACH PARTITION public.deliveries_default DEFAULT;

-- TABLE ATTACH feedback_default
ALTER TABLE ONLY public.feedback ATTACH PARTITION public.feedback_default DEFAULT;

-- TABLE ATTACH inbound_events_default
ALTER TABLE ONLY public.inbound_events ATTACH PARTITION public.inbound_events_default DEFAULT;

-- TABLE ATTACH submissions_default
ALTER TABLE ONLY public.submissions ATTACH PARTITION public.submissions_default DEFAULT;

-- TABLE ATTACH system_logs_default
ALTER TABLE ONLY public.system_logs ATTACH PARTITION public.system_logs_default DEFAULT;

-- CONSTRAINT ai_responses ai_responses_pkey
ALTER TABLE ONLY public.ai_responses
    ADD CONSTRAINT ai_responses_pkey PRIMARY KEY (id);

-- CONSTRAINT ai_responses_default ai_responses_default_pkey
ALTER TABLE ONLY public.ai_responses_default
    ADD CONSTRAINT ai_responses_default_pkey PRIMARY KEY (id);

-- CONSTRAINT analytics analytics_pkey
ALTER TABLE ONLY public.analytics
    ADD CONSTRAINT analytics_pkey PRIMARY KEY (id);

-- CONSTRAINT analytics_default analytics_default_pkey
ALTER TABLE ONLY public.analytics_default
    ADD CONSTRAINT analytics_default_pkey PRIMARY KEY (id);

-- CONSTRAINT api_keys api_keys_digest_unique
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_digest_unique UNIQUE (digest);

-- CONSTRAINT api_keys api_keys_pkey
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

-- CONSTRAINT approvals approvals_pkey
ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_pkey PRIMARY KEY (id);

-- CONSTRAINT arrivals arrivals_pkey
ALTER TABLE ONLY public.arrivals
    ADD CONSTRAINT arrivals_pkey PRIMARY KEY (id);

-- CONSTRAINT arrivals arrivals_version_unique
ALTER TABLE ONLY public.arrivals
    ADD CONSTRAINT arrivals_version_unique UNIQUE (org_id, source_id, version_key);

-- CONSTRAINT asset_activities asset_activities_pkey
ALTER TABLE ONLY public.asset_activities
    ADD CONSTRAINT asset_activities_pkey PRIMARY KEY (org_id, source_id, deployment, activity);

-- CONSTRAINT assignments assignments_org_id_id_unique
ALTER TABLE ONLY public.assignments
    ADD CONSTRAINT assignments_org_id_id_unique UNIQUE (org_id, id);

-- CONSTRAINT assignments assignments_pkey
ALTER TABLE ONLY public.assignments
    ADD CONSTRAINT assignments_pkey PRIMARY KEY (id);

-- CONSTRAINT audit_heads audit_heads_pkey
ALTER TABLE ONLY public.audit_heads
    ADD CONSTRAINT audit_heads_pkey PRIMARY KEY (org_id);

-- CONSTRAINT audit_log audit_log_pkey
ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

-- CONSTRAINT audit_log_default audit_log_default_pkey
ALTER TABLE ONLY public.audit_log_default
    ADD CONSTRAINT audit_log_default_pkey PRIMARY KEY (id);

-- CONSTRAINT author_use author_use_pkey
ALTER TABLE ONLY public.author_use
    ADD CONSTRAINT author_use_pkey PRIMARY KEY (org_id, user_id);

-- CONSTRAINT blessings blessings_pkey
ALTER TABLE ONLY public.blessings
    ADD CONSTRAINT blessings_pkey PRIMARY KEY (id);

-- CONSTRAINT canvas_sites canvas_sites_pkey
ALTER TABLE ONLY public.canvas_sites
    ADD CONSTRAINT canvas_sites_pkey PRIMARY KEY (id);

-- CONSTRAINT categories categories_org_id_id_unique
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_org_id_id_unique UNIQUE (org_id, id);

-- CONSTRAINT categories categories_org_slug_unique
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_org_slug_unique UNIQUE (org_id, slug);

-- CONSTRAINT categories categories_pkey
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_pkey PRIMARY KEY (id);

-- CONSTRAINT courses courses_org_id_id_unique
ALTER TABLE ONLY public.courses
    ADD CONSTRAINT courses_org_id_id_unique UNIQUE (org_id, id);

-- CONSTRAINT courses courses_pkey
ALTER TABLE ONLY public.courses
    ADD CONSTRAINT courses_pkey PRIMARY KEY (id);

-- CONSTRAINT criterion_results criterion_results_pkey
ALTER TABLE ONLY public.criterion_results
    ADD CONSTRAINT criterion_results_pkey PRIMARY KEY (id);

-- CONSTRAINT deliveries deliveries_pkey
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (id);

-- CONSTRAINT deliveries_default deliveries_default_pkey
ALTER TABLE ONLY public.deliveries_default
    ADD CONSTRAINT deliveries_default_pkey PRIMARY KEY (id);

-- CONSTRAINT duty_leases duty_leases_pkey
ALTER TABLE ONLY public.duty_leases
    ADD CONSTRAINT duty_leases_pkey PRIMARY KEY (name);

-- CONSTRAINT duty_runs duty_runs_pkey
ALTER TABLE ONLY public.duty_runs
    ADD CONSTRAINT duty_runs_pkey PRIMARY KEY (name);

-- CONSTRAINT endpoints endpoints_org_id_id_unique
ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_org_id_id_unique UNIQUE (org_id, id);

-- CONSTRAINT endpoints endpoints_pkey
ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_pkey PRIMARY KEY (id);

-- CONSTRAINT enrollments enrollments_pkey
ALTER TABLE ONLY public.enrollments
    ADD CONSTRAINT enrollments_pkey PRIMARY KEY (org_id, course_id, user_id);

-- CONSTRAINT essays essays_org_id_id_unique
ALTER TABLE ONLY public.essays
    ADD CONSTRAINT essays_org_id_id_unique UNIQUE (org_id, id);

-- CONSTRAINT essays essays_pkey
ALTER TABLE ONLY public.essays
    ADD CONSTRAINT essays_pkey PRIMARY KEY (id);

-- CONSTRAINT feedback feedback_pkey
ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT feedback_pkey PRIMARY KEY (id);

-- CONSTRAINT feedback_default feedback_default_pkey
ALTER TABLE ONLY public.feedback_default
    ADD CONSTRAINT feedback_default_pkey PRIMARY KEY (id);

-- CONSTRAINT feedback_reactions feedback_reactions_pkey
ALTER TABLE ONLY public.feedback_reactions
    ADD CONSTRAINT feedback_reactions_pkey PRIMARY KEY (org_id, feedback_id, user_id);

-- CONSTRAINT feedback_reviews feedback_reviews_pkey
ALTER TABLE ONLY public.feedback_reviews
    ADD CONSTRAINT feedback_reviews_pkey PRIMARY KEY (id);

-- CONSTRAINT feedback_types feedback_types_pkey
ALTER TABLE ONLY public.feedback_types
    ADD CONSTRAINT feedback_types_pkey PRIMARY KEY (slug);

-- CONSTRAINT feedback_types feedback_types_slug_pass_unique
ALTER TABLE ONLY public.feedback_types
    ADD CONSTRAINT feedback_types_slug_pass_unique UNIQUE (slug, pass);

-- CONSTRAINT files files_pkey
ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (id);

-- CONSTRAINT heartbeats heartbeats_pkey
ALTER TABLE ONLY public.heartbeats
    ADD CONSTRAINT heartbeats_pkey PRIMARY KEY (id);

-- CONSTRAINT idempotency_keys idempotency_keys_pkey
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (org_id, caller_id, key);

-- CONSTRAINT inbound_events inbound_events_pkey
ALTER TABLE ONLY public.inbound_events
    ADD CONSTRAINT inbound_events_pkey PRIMARY KEY (id);

-- CONSTRAINT inbound_events_default inbound_events_default_pkey
ALTER TABLE ONLY public.inbound_events_default
    ADD CONSTRAINT inbound_events_default_pkey PRIMARY KEY (id);

-- CONSTRAINT ledger_entries ledger_entries_pkey
ALTER TABLE ONLY public.ledger_entries
    ADD CONSTRAINT ledger_entries_pkey PRIMARY KEY (id);

-- CONSTRAINT ledger ledger_pkey
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (org_id, day, provider, model, pass);

-- CONSTRAINT linked_accounts linked_accounts_pkey
ALTER TABLE ONLY public.linked_accounts
    ADD CONSTRAINT linked_accounts_pkey PRIMARY KEY (user_id);

-- CONSTRAINT linked_accounts linked_accounts_subject_unique
ALTER TABLE ONLY public.linked_accounts
    ADD CONSTRAINT linked_accounts_subject_unique UNIQUE (org_id, subject_digest);

-- CONSTRAINT lms_people lms_people_pkey
ALTER TABLE ONLY public.lms_people
    ADD CONSTRAINT lms_people_pkey PRIMARY KEY (id);

-- CONSTRAINT lms_people lms_people_subject_unique
ALTER TABLE ONLY public.lms_people
    ADD CONSTRAINT lms_people_subject_unique UNIQUE (org_id, source_id, subject_digest);

-- CONSTRAINT lti_keys lti_keys_pkey
ALTER TABLE ONLY public.lti_keys
    ADD CONSTRAINT lti_keys_pkey PRIMARY KEY (id);

-- CONSTRAINT moodle_sites moodle_sites_pkey
ALTER TABLE ONLY public.moodle_sites
    ADD CONSTRAINT moodle_sites_pkey PRIMARY KEY (id);

-- CONSTRAINT notice_handlers notice_handlers_pkey
ALTER TABLE ONLY public.notice_handlers
    ADD CONSTRAINT notice_handlers_pkey PRIMARY KEY (org_id, source_id, deployment, notice_type);

-- CONSTRAINT one_time_tokens one_time_tokens_digest_unique
ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT one_time_tokens_digest_unique UNIQUE (org_id, digest);

-- CONSTRAINT one_time_tokens one_time_tokens_pkey
ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT one_time_tokens_pkey PRIMARY KEY (id);

-- CONSTRAINT orgs orgs_pkey
ALTER TABLE ONLY public.orgs
    ADD CONSTRAINT orgs_pkey PRIMARY KEY (id);

-- CONSTRAINT orgs orgs_slug_unique
ALTER TABLE ONLY public.orgs
    ADD CONSTRAINT orgs_slug_unique UNIQUE (slug);

-- CONSTRAINT passes passes_one_per_submission
ALTER TABLE ONLY public.passes
    ADD CONSTRAINT passes_one_per_submission UNIQUE (org_id, submission_id, name);

-- CONSTRAINT passes passes_pkey
ALTER TABLE ONLY public.passes
    ADD CONSTRAINT passes_pkey PRIMARY KEY (id);

-- CONSTRAINT passkeys passkeys_credential_unique
ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT passkeys_credential_unique UNIQUE (org_id, credential_digest);

-- CONSTRAINT passkeys passkeys_pkey
ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT passkeys_pkey PRIMARY KEY (id);

-- CONSTRAINT platform_assignments platform_assignments_pkey
ALTER TABLE ONLY public.platform_assignments
    ADD CONSTRAINT platform_assignments_pkey PRIMARY KEY (org_id, source_id, assignment_id);

-- CONSTRAINT platform_courses platform_courses_pkey
ALTER TABLE ONLY public.platform_courses
    ADD CONSTRAINT platform_courses_pkey PRIMARY KEY (org_id, source_id, course_id);

-- CONSTRAINT platforms platforms_pkey
ALTER TABLE ONLY public.platforms
    ADD CONSTRAINT platforms_pkey PRIMARY KEY (id);

-- CONSTRAINT platforms platforms_registration_unique
ALTER TABLE ONLY public.platforms
    ADD CONSTRAINT platforms_registration_unique UNIQUE (registration_digest);

-- CONSTRAINT provider_pauses provider_pauses_pkey
ALTER TABLE ONLY public.provider_pauses
    ADD CONSTRAINT provider_pauses_pkey PRIMARY KEY (provider);

-- CONSTRAINT queue_marks queue_marks_pkey
ALTER TABLE ONLY public.queue_marks
    ADD CONSTRAINT queue_marks_pkey PRIMARY KEY (org_id, queue, turn, next_at);

-- CONSTRAINT queue_snapshot queue_snapshot_pkey
ALTER TABLE ONLY public.queue_snapshot
    ADD CONSTRAINT queue_snapshot_pkey PRIMARY KEY (queue);

-- CONSTRAINT report_refreshes report_refreshes_pkey
ALTER TABLE ONLY public.report_refreshes
    ADD CONSTRAINT report_refreshes_pkey PRIMARY KEY (name);

-- CONSTRAINT reports reports_pkey
ALTER TABLE ONLY public.reports
    ADD CONSTRAINT reports_pkey PRIMARY KEY (id);

-- CONSTRAINT retention_runs retention_runs_pkey
ALTER TABLE ONLY public.retention_runs
    ADD CONSTRAINT retention_runs_pkey PRIMARY KEY (org_id, class);

-- CONSTRAINT returns returns_once
ALTER TABLE ONLY public.returns
    ADD CONSTRAINT returns_once UNIQUE (org_id, submission_id, channel);

-- CONSTRAINT returns returns_pkey
ALTER TABLE ONLY public.returns
    ADD CONSTRAINT returns_pkey PRIMARY KEY (id);

-- CONSTRAINT review_items review_items_pkey
ALTER TABLE ONLY public.review_items
    ADD CONSTRAINT review_items_pkey PRIMARY KEY (feedback_id);

-- CONSTRAINT rubric_criteria rubric_criteria_name_unique
ALTER TABLE ONLY public.rubric_criteria
    ADD CONSTRAINT rubric_criteria_name_unique UNIQUE (org_id, rubric_id, name);

-- CONSTRAINT rubric_criteria rubric_criteria_org_id_id_unique
ALTER TABLE ONLY public.rubric_criteria
    ADD CONSTRAINT rubric_criteria_org_id_id_unique UNIQUE (org_id, id);

-- CONSTRAINT rubric_criteria rubric_criteria_pkey
ALTER TABLE ONLY public.rubric_criteria
    ADD CONSTRAINT rubric_criteria_pkey PRIMARY KEY (id);

-- CONSTRAINT rubric_criteria rubric_criteria_position_unique
ALTER TABLE ONLY public.rubric_criteria
    ADD CONSTRAINT rubric_criteria_position_unique UNIQUE (org_id, rubric_id, "position");

-- CONSTRAINT rubrics rubrics_content_unique
ALTER TABLE ONLY public.rubrics
    ADD CONSTRAINT rubrics_content_unique UNIQUE (org_id, content_hash);

-- CONSTRAINT rubrics rubrics_org_id_id_unique
ALTER TABLE ONLY public.rubrics
    ADD CONSTRAINT rubrics_org_id_id_unique UNIQUE (org_id, id);

-- CONSTRAINT rubrics rubrics_pkey
ALTER TABLE ONLY public.rubrics
    ADD CONSTRAINT rubrics_pkey PRIMARY KEY (id);

-- CONSTRAINT saved_comments saved_comments_pkey
ALTER TABLE ONLY public.saved_comments
    ADD CONSTRAINT saved_comments_pkey PRIMARY KEY (id);

-- CONSTRAINT second_factors second_factors_pkey
ALTER TABLE ONLY public.second_factors
    ADD CONSTRAINT second_factors_pkey PRIMARY KEY (user_id);

-- CONSTRAINT seen_events seen_events_pkey
ALTER TABLE ONLY public.seen_events
    ADD CONSTRAINT seen_events_pkey PRIMARY KEY (org_id, source_id, event_id);

-- CONSTRAINT sessions sessions_pkey
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

-- CONSTRAINT sign_in_providers sign_in_providers_one_an_org
ALTER TABLE ONLY public.sign_in_providers
    ADD CONSTRAINT sign_in_providers_one_an_org UNIQUE (org_id);

-- CONSTRAINT sign_in_providers sign_in_providers_pkey
ALTER TABLE ONLY public.sign_in_providers
    ADD CONSTRAINT sign_in_providers_pkey PRIMARY KEY (id);

-- CONSTRAINT sources sources_org_id_id_unique
ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_org_id_id_unique UNIQUE (org_id, id);

-- CONSTRAINT sources sources_pkey
ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (id);

-- CONSTRAINT spent_launches spent_launches_pkey
ALTER TABLE ONLY public.spent_launches
    ADD CONSTRAINT spent_launches_pkey PRIMARY KEY (org_id, source_id, state_digest);

-- CONSTRAINT submissions submissions_length_unique
ALTER TABLE ONLY public.submissions
    ADD CONSTRAINT submissions_length_unique UNIQUE (org_id, id, characters);

-- CONSTRAINT submissions_default submissions_default_org_id_id_characters_key
ALTER TABLE ONLY public.submissions_default
    ADD CONSTRAINT submissions_default_org_id_id_characters_key UNIQUE (org_id, id, characters);

-- CONSTRAINT submissions submissions_org_id_id_unique
ALTER TABLE ONLY public.submissions
    ADD CONSTRAINT submissions_org_id_id_unique UNIQUE (org_id, id);

-- CONSTRAINT submissions_default submissions_default_org_id_id_key
ALTER TABLE ONLY public.submissions_default
    ADD CONSTRAINT submissions_default_org_id_id_key UNIQUE (org_id, id);

-- CONSTRAINT submissions submissions_pkey
ALTER TABLE ONLY public.submissions
    ADD CONSTRAINT submissions_pkey PRIMARY KEY (id);

-- CONSTRAINT submissions_default submissions_default_pkey
ALTER TABLE ONLY public.submissions_default
    ADD CONSTRAINT submissions_default_pkey PRIMARY KEY (id);

-- CONSTRAINT system_logs system_logs_pkey
ALTER TABLE ONLY public.system_logs
    ADD CONSTRAINT system_logs_pkey PRIMARY KEY (id);

-- CONSTRAINT system_logs_default system_logs_default_pkey
ALTER TABLE ONLY public.system_logs_default
    ADD CONSTRAINT system_logs_default_pkey PRIMARY KEY (id);

-- CONSTRAINT tallies tallies_pkey
ALTER TABLE ONLY public.tallies
    ADD CONSTRAINT tallies_pkey PRIMARY KEY (name, labels);

-- CONSTRAINT tally_entries tally_entries_pkey
ALTER TABLE ONLY public.tally_entries
    ADD CONSTRAINT tally_entries_pkey PRIMARY KEY (id);

-- CONSTRAINT user_keys user_keys_pkey
ALTER TABLE ONLY public.user_keys
    ADD CONSTRAINT user_keys_pkey PRIMARY KEY (user_id);

-- CONSTRAINT users users_org_id_id_unique
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_org_id_id_unique UNIQUE (org_id, id);

-- CONSTRAINT users users_pkey
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

-- CONSTRAINT weekly_summaries weekly_summaries_once
ALTER TABLE ONLY public.weekly_summaries
    ADD CONSTRAINT weekly_summaries_once UNIQUE (org_id, user_id, week);

-- CONSTRAINT weekly_summaries weekly_summaries_pkey
ALTER TABLE ONLY public.weekly_summaries
    ADD CONSTRAINT weekly_summaries_pkey PRIMARY KEY (id);

-- CONSTRAINT weekly_summary_readers weekly_summary_readers_pkey
ALTER TABLE ONLY public.weekly_summary_readers
    ADD CONSTRAINT weekly_summary_readers_pkey PRIMARY KEY (org_id, user_id);

-- INDEX idx_ai_responses_untallied
CREATE INDEX idx_ai_responses_untallied ON ONLY public.ai_responses USING btree (completed_at) WHERE ((NOT tallied) AND (completed_at IS NOT NULL));

-- INDEX ai_responses_default_completed_at_idx
CREATE INDEX ai_responses_default_completed_at_idx ON public.ai_responses_default USING btree (completed_at) WHERE ((NOT tallied) AND (completed_at IS NOT NULL));

-- INDEX idx_ai_responses_open
CREATE INDEX idx_ai_responses_open ON ONLY public.ai_responses USING btree (org_id, id) WHERE (outcome = 'open'::text);

-- INDEX ai_responses_default_org_id_id_idx
CREATE INDEX ai_responses_default_org_id_id_idx ON public.ai_responses_default USING btree (org_id, id) WHERE (outcome = 'open'::text);

-- INDEX idx_ai_responses_submission
CREATE INDEX idx_ai_responses_submission ON ONLY public.ai_responses USING btree (org_id, submission_id);

-- INDEX ai_responses_default_org_id_submission_id_idx
CREATE INDEX ai_responses_default_org_id_submission_id_idx ON public.ai_responses_default USING btree (org_id, submission_id);

-- INDEX idx_analytics_user_created
CREATE INDEX idx_analytics_user_created ON ONLY public.analytics USING btree (org_id, user_id, created_at);

-- INDEX analytics_default_org_id_user_id_created_at_idx
CREATE INDEX analytics_default_org_id_user_id_created_at_idx ON public.analytics_default USING btree (org_id, user_id, created_at);

-- INDEX assignments_external_id_unique
CREATE UNIQUE INDEX assignments_external_id_unique ON public.assignments USING btree (org_id, external_id, source_id) NULLS NOT DISTINCT WHERE (external_id IS NOT NULL);

-- INDEX idx_audit_log_unchained
CREATE INDEX idx_audit_log_unchained ON ONLY public.audit_log USING btree (id) WHERE (sequence IS NULL);

-- INDEX audit_log_default_id_idx
CREATE INDEX audit_log_default_id_idx ON public.audit_log_default USING btree (id) WHERE (sequence IS NULL);

-- INDEX idx_audit_log_entity
CREATE INDEX idx_audit_log_entity ON ONLY public.audit_log USING btree (org_id, entity_id);

-- INDEX audit_log_default_org_id_entity_id_idx
CREATE INDEX audit_log_default_org_id_entity_id_idx ON public.audit_log_default USING btree (org_id, entity_id);

-- INDEX idx_audit_log_org
CREATE INDEX idx_audit_log_org ON ONLY public.audit_log USING btree (org_id, id);

-- INDEX audit_log_default_org_id_id_idx
CREATE INDEX audit_log_default_org_id_id_idx ON public.audit_log_default USING btree (org_id, id);

-- INDEX idx_audit_log_sequence
CREATE INDEX idx_audit_log_sequence ON ONLY public.audit_log USING btree (org_id, sequence) WHERE (sequence IS NOT NULL);

-- INDEX audit_log_default_org_id_sequence_idx
CREATE INDEX audit_log_default_org_id_sequence_idx ON public.audit_log_default USING btree (org_id, sequence) WHERE (sequence IS NOT NULL);

-- INDEX courses_external_id_unique
CREATE UNIQUE INDEX courses_external_id_unique ON public.courses USING btree (org_id, external_id, source_id) NULLS NOT DISTINCT WHERE (external_id IS NOT NULL);

-- INDEX idx_deliveries_running
CREATE INDEX idx_deliveries_running ON ONLY public.deliveries USING btree (endpoint_id) WHERE (state = 'running'::text);

-- INDEX deliveries_default_endpoint_id_idx
CREATE INDEX deliveries_default_endpoint_id_idx ON public.deliveries_default USING btree (endpoint_id) WHERE (state = 'running'::text);

-- INDEX idx_deliveries_lane
CREATE INDEX idx_deliveries_lane ON ONLY public.deliveries USING btree (endpoint_id, next_at) WHERE (state = 'queued'::text);

-- INDEX deliveries_default_endpoint_id_next_at_idx
CREATE INDEX deliveries_default_endpoint_id_next_at_idx ON public.deliveries_default USING btree (endpoint_id, next_at) WHERE (state = 'queued'::text);

-- INDEX idx_deliveries_leases
CREATE INDEX idx_deliveries_leases ON ONLY public.deliveries USING btree (lease_until) WHERE (state = 'running'::text);

-- INDEX deliveries_default_lease_until_idx
CREATE INDEX deliveries_default_lease_until_idx ON public.deliveries_default USING btree (lease_until) WHERE (state = 'running'::text);

-- INDEX idx_deliveries_due
CREATE INDEX idx_deliveries_due ON ONLY public.deliveries USING btree (next_at) WHERE (state = 'queued'::text);

-- INDEX deliveries_default_next_at_idx
CREATE INDEX deliveries_default_next_at_idx ON public.deliveries_default USING btree (next_at) WHERE (state = 'queued'::text);

-- INDEX idx_deliveries_endpoint
CREATE INDEX idx_deliveries_endpoint ON ONLY public.deliveries USING btree (org_id, endpoint_id, state, id);

-- INDEX deliveries_default_org_id_endpoint_id_state_id_idx
CREATE INDEX deliveries_default_org_id_endpoint_id_state_id_idx ON public.deliveries_default USING btree (org_id, endpoint_id, state, id);

-- INDEX idx_deliveries_submission
CREATE INDEX idx_deliveries_submission ON ONLY public.deliveries USING btree (org_id, submission_id);

-- INDEX deliveries_default_org_id_submission_id_idx
CREATE INDEX deliveries_default_org_id_submission_id_idx ON public.deliveries_default USING btree (org_id, submission_id);

-- INDEX idx_feedback_carried_from
CREATE INDEX idx_feedback_carried_from ON ONLY public.feedback USING btree (org_id, carried_from) WHERE (carried_from IS NOT NULL);

-- INDEX feedback_default_org_id_carried_from_idx
CREATE INDEX feedback_default_org_id_carried_from_idx ON public.feedback_default USING btree (org_id, carried_from) WHERE (carried_from IS NOT NULL);

-- INDEX idx_feedback_essay_id
CREATE INDEX idx_feedback_essay_id ON ONLY public.feedback USING btree (org_id, essay_id);

-- INDEX feedback_default_org_id_essay_id_idx
CREATE INDEX feedback_default_org_id_essay_id_idx ON public.feedback_default USING btree (org_id, essay_id);

-- INDEX idx_feedback_submission
CREATE INDEX idx_feedback_submission ON ONLY public.feedback USING btree (org_id, submission_id, text_characters);

-- INDEX feedback_default_org_id_submission_id_text_characters_idx
CREATE INDEX feedback_default_org_id_submission_id_text_characters_idx ON public.feedback_default USING btree (org_id, submission_id, text_characters);

-- INDEX idx_feedback_type
CREATE INDEX idx_feedback_type ON ONLY public.feedback USING btree (type, pass);

-- INDEX feedback_default_type_pass_idx
CREATE INDEX feedback_default_type_pass_idx ON public.feedback_default USING btree (type, pass);

-- INDEX idx_api_keys_org
CREATE INDEX idx_api_keys_org ON public.api_keys USING btree (org_id, id);

-- INDEX idx_approvals_approver
CREATE INDEX idx_approvals_approver ON public.approvals USING btree (org_id, approved_by) WHERE (approved_by IS NOT NULL);

-- INDEX idx_approvals_org
CREATE INDEX idx_approvals_org ON public.approvals USING btree (org_id, id);

-- INDEX idx_approvals_person
CREATE INDEX idx_approvals_person ON public.approvals USING btree (org_id, user_id) WHERE (user_id IS NOT NULL);

-- INDEX idx_approvals_requester
CREATE INDEX idx_approvals_requester ON public.approvals USING btree (org_id, requested_by);

-- INDEX idx_arrivals_due
CREATE INDEX idx_arrivals_due ON public.arrivals USING btree (next_at) WHERE (state = 'queued'::text);

-- INDEX idx_arrivals_lane
CREATE INDEX idx_arrivals_lane ON public.arrivals USING btree (source_id, next_at) WHERE (state = 'queued'::text);

-- INDEX idx_arrivals_leases
CREATE INDEX idx_arrivals_leases ON public.arrivals USING btree (lease_until) WHERE (state = 'running'::text);

-- INDEX idx_arrivals_running
CREATE INDEX idx_arrivals_running ON public.arrivals USING btree (source_id) WHERE (state = 'running'::text);

-- INDEX idx_arrivals_source
CREATE INDEX idx_arrivals_source ON public.arrivals USING btree (org_id, source_id, state, id);

-- INDEX idx_arrivals_submission
CREATE INDEX idx_arrivals_submission ON public.arrivals USING btree (org_id, submission_id) WHERE (submission_id IS NOT NULL);

-- INDEX idx_assignments_category
CREATE INDEX idx_assignments_category ON public.assignments USING btree (org_id, category_id);

-- INDEX idx_assignments_course
CREATE INDEX idx_assignments_course ON public.assignments USING btree (org_id, course_id);

-- INDEX idx_assignments_rubric
CREATE INDEX idx_assignments_rubric ON public.assignments USING btree (org_id, rubric_id);

-- INDEX idx_assignments_source
CREATE INDEX idx_assignments_source ON public.assignments USING btree (org_id, source_id) WHERE (source_id IS NOT NULL);

-- INDEX idx_blessings_org
CREATE INDEX idx_blessings_org ON public.blessings USING btree (org_id, id);

-- INDEX idx_canvas_sites_org
CREATE INDEX idx_canvas_sites_org ON public.canvas_sites USING btree (org_id, id);

-- INDEX idx_courses_source
CREATE INDEX idx_courses_source ON public.courses USING btree (org_id, source_id) WHERE (source_id IS NOT NULL);

-- INDEX idx_criterion_results_criterion
CREATE INDEX idx_criterion_results_criterion ON public.criterion_results USING btree (org_id, criterion_id);

-- INDEX idx_criterion_results_one_live
CREATE UNIQUE INDEX idx_criterion_results_one_live ON public.criterion_results USING btree (org_id, submission_id, criterion_id, pass) WHERE (superseded_at IS NULL);

-- INDEX idx_criterion_results_submission
CREATE INDEX idx_criterion_results_submission ON public.criterion_results USING btree (org_id, submission_id);

-- INDEX idx_enrollments_user
CREATE INDEX idx_enrollments_user ON public.enrollments USING btree (org_id, user_id);

-- INDEX idx_essays_assignment_id
CREATE INDEX idx_essays_assignment_id ON public.essays USING btree (org_id, assignment_id, id) WHERE (assignment_id IS NOT NULL);

-- INDEX idx_essays_audience
CREATE INDEX idx_essays_audience ON public.essays USING btree (org_id, audience_id, id);

-- INDEX idx_essays_category
CREATE INDEX idx_essays_category ON public.essays USING btree (org_id, category_id) WHERE (category_id IS NOT NULL);

-- INDEX idx_essays_course
CREATE INDEX idx_essays_course ON public.essays USING btree (org_id, course_id) WHERE (course_id IS NOT NULL);

-- INDEX idx_essays_external_id
CREATE INDEX idx_essays_external_id ON public.essays USING btree (org_id, external_id, id) WHERE (external_id IS NOT NULL);

-- INDEX idx_essays_one_per_assignment
CREATE UNIQUE INDEX idx_essays_one_per_assignment ON public.essays USING btree (org_id, user_id, assignment_id) WHERE (assignment_id IS NOT NULL);

-- INDEX idx_essays_one_per_external_id
CREATE UNIQUE INDEX idx_essays_one_per_external_id ON public.essays USING btree (org_id, user_id, external_id) WHERE ((assignment_id IS NULL) AND (external_id IS NOT NULL));

-- INDEX idx_essays_trial_rubric
CREATE INDEX idx_essays_trial_rubric ON public.essays USING btree (org_id, trial_rubric_id) WHERE (trial_rubric_id IS NOT NULL);

-- INDEX idx_essays_trial_until
CREATE INDEX idx_essays_trial_until ON public.essays USING btree (trial_until) WHERE (trial_until IS NOT NULL);

-- INDEX idx_essays_updated
CREATE INDEX idx_essays_updated ON public.essays USING btree (org_id, updated_at, id);

-- INDEX idx_essays_user_id
CREATE INDEX idx_essays_user_id ON public.essays USING btree (org_id, user_id, id);

-- INDEX idx_feedback_reactions_audience_disagreed
CREATE INDEX idx_feedback_reactions_audience_disagreed ON public.feedback_reactions USING btree (org_id, audience_id, created_at, feedback_id) WHERE (reaction = 'disagree'::text);

-- INDEX idx_feedback_reactions_org_disagreed
CREATE INDEX idx_feedback_reactions_org_disagreed ON public.feedback_reactions USING btree (org_id, created_at, feedback_id) WHERE ((reaction = 'disagree'::text) AND (created_at > '-infinity'::timestamp with time zone));

-- INDEX idx_feedback_reactions_submission
CREATE INDEX idx_feedback_reactions_submission ON public.feedback_reactions USING btree (org_id, submission_id);

-- INDEX idx_feedback_reviews_feedback
CREATE INDEX idx_feedback_reviews_feedback ON public.feedback_reviews USING btree (org_id, feedback_id, id);

-- INDEX idx_feedback_reviews_submission
CREATE INDEX idx_feedback_reviews_submission ON public.feedback_reviews USING btree (org_id, submission_id);

-- INDEX idx_files_audience
CREATE INDEX idx_files_audience ON public.files USING btree (org_id, audience_id);

-- INDEX idx_files_submission
CREATE UNIQUE INDEX idx_files_submission ON public.files USING btree (org_id, submission_id) WHERE (submission_id IS NOT NULL);

-- INDEX idx_files_user
CREATE INDEX idx_files_user ON public.files USING btree (org_id, user_id, id);

-- INDEX idx_files_waiting
CREATE INDEX idx_files_waiting ON public.files USING btree (created_at) WHERE (submission_id IS NULL);

-- INDEX idx_idempotency_keys_created
CREATE INDEX idx_idempotency_keys_created ON public.idempotency_keys USING btree (created_at);

-- INDEX idx_inbound_events_outcome
CREATE INDEX idx_inbound_events_outcome ON ONLY public.inbound_events USING btree (org_id, source_id, outcome, id);

-- INDEX idx_inbound_events_unowned
CREATE INDEX idx_inbound_events_unowned ON ONLY public.inbound_events USING btree (org_id, id) WHERE (user_id IS NULL);

-- INDEX idx_inbound_events_user
CREATE INDEX idx_inbound_events_user ON ONLY public.inbound_events USING btree (org_id, user_id);

-- INDEX idx_ledger_entries_author
CREATE INDEX idx_ledger_entries_author ON public.ledger_entries USING btree (org_id, user_id);

-- INDEX idx_linked_accounts_user
CREATE INDEX idx_linked_accounts_user ON public.linked_accounts USING btree (org_id, user_id);

-- INDEX idx_lms_people_user
CREATE INDEX idx_lms_people_user ON public.lms_people USING btree (org_id, user_id);

-- INDEX idx_lti_keys_platform
CREATE INDEX idx_lti_keys_platform ON public.lti_keys USING btree (platform_id, created_at);

-- INDEX idx_moodle_sites_due
CREATE INDEX idx_moodle_sites_due ON public.moodle_sites USING btree (next_at) WHERE (state = 'queued'::text);

-- INDEX idx_moodle_sites_leases
CREATE INDEX idx_moodle_sites_leases ON public.moodle_sites USING btree (lease_until) WHERE (state = 'running'::text);

-- INDEX idx_moodle_sites_org
CREATE INDEX idx_moodle_sites_org ON public.moodle_sites USING btree (org_id, id);

-- INDEX idx_one_time_tokens_expires
CREATE INDEX idx_one_time_tokens_expires ON public.one_time_tokens USING btree (expires_at);

-- INDEX idx_one_time_tokens_user
CREATE INDEX idx_one_time_tokens_user ON public.one_time_tokens USING btree (org_id, user_id);

-- INDEX idx_passes_author_open
CREATE INDEX idx_passes_author_open ON public.passes USING btree (org_id, user_id, essay_id) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));

-- INDEX idx_passes_author_turn
CREATE INDEX idx_passes_author_turn ON public.passes USING btree (queue, org_id, turn, next_at) WHERE (state = 'queued'::text);

-- INDEX idx_passes_essay
CREATE INDEX idx_passes_essay ON public.passes USING btree (org_id, essay_id);

-- INDEX idx_passes_gave_up
CREATE INDEX idx_passes_gave_up ON public.passes USING btree (org_id, finished_at) WHERE (state = 'gave_up'::text);

-- INDEX idx_passes_lane_due
CREATE INDEX idx_passes_lane_due ON public.passes USING btree (queue, next_at) WHERE (state = 'queued'::text);

-- INDEX idx_passes_lease
CREATE INDEX idx_passes_lease ON public.passes USING btree (lease_until) WHERE (state = 'running'::text);

-- INDEX idx_passes_postponed
CREATE INDEX idx_passes_postponed ON public.passes USING btree (queue, queued_at) WHERE ((state = 'queued'::text) AND (attempt = 0) AND (next_at > queued_at) AND (COALESCE(error, ''::text) <> ALL (ARRAY['org_budget_spent'::text, 'author_share_spent'::text, 'in_batch'::text, 'not_approved'::text])));

-- INDEX idx_passes_running
CREATE INDEX idx_passes_running ON public.passes USING btree (org_id, lost) WHERE (state = 'running'::text);

-- INDEX idx_passes_tried
CREATE INDEX idx_passes_tried ON public.passes USING btree (queued_at) WHERE ((state = 'queued'::text) AND (started_at IS NOT NULL));

-- INDEX idx_passes_turn
CREATE INDEX idx_passes_turn ON public.passes USING btree (queue, org_id, next_at) WHERE (state = 'queued'::text);

-- INDEX idx_passes_unhinted
CREATE INDEX idx_passes_unhinted ON public.passes USING btree (next_at) WHERE ((state = 'queued'::text) AND (hinted_at < next_at));

-- INDEX idx_passes_untallied
CREATE INDEX idx_passes_untallied ON public.passes USING btree (finished_at) WHERE ((NOT tallied) AND (finished_at IS NOT NULL));

-- INDEX idx_passkeys_user
CREATE INDEX idx_passkeys_user ON public.passkeys USING btree (org_id, user_id);

-- INDEX idx_platform_assignments_assignment
CREATE INDEX idx_platform_assignments_assignment ON public.platform_assignments USING btree (org_id, assignment_id);

-- INDEX idx_platform_courses_course
CREATE INDEX idx_platform_courses_course ON public.platform_courses USING btree (org_id, course_id);

-- INDEX idx_platforms_client
CREATE UNIQUE INDEX idx_platforms_client ON public.platforms USING btree (org_id, issuer, client_id) WHERE (issuer IS NOT NULL);

-- INDEX idx_platforms_issuer
CREATE INDEX idx_platforms_issuer ON public.platforms USING btree (issuer, client_id) WHERE (issuer IS NOT NULL);

-- INDEX idx_platforms_org
CREATE INDEX idx_platforms_org ON public.platforms USING btree (org_id, id);

-- INDEX idx_report_comments
CREATE UNIQUE INDEX idx_report_comments ON public.report_comments USING btree (org_id, course_id, pass, type, kind, severity, resolution) NULLS NOT DISTINCT;

-- INDEX idx_report_costs
CREATE UNIQUE INDEX idx_report_costs ON public.report_costs USING btree (org_id, day, provider, model, pass);

-- INDEX idx_report_criteria
CREATE UNIQUE INDEX idx_report_criteria ON public.report_criteria USING btree (org_id, course_id, criterion_id, level, points, max_points);

-- INDEX idx_report_decisions
CREATE UNIQUE INDEX idx_report_decisions ON public.report_decisions USING btree (org_id, course_id, pass, type) NULLS NOT DISTINCT;

-- INDEX idx_report_passes
CREATE UNIQUE INDEX idx_report_passes ON public.report_passes USING btree (org_id, course_id, pass, state) NULLS NOT DISTINCT;

-- INDEX idx_report_progress
CREATE UNIQUE INDEX idx_report_progress ON public.report_progress USING btree (org_id, submission_id);

-- INDEX idx_report_progress_course
CREATE INDEX idx_report_progress_course ON public.report_progress USING btree (org_id, course_id, is_newest);

-- INDEX idx_report_progress_user
CREATE INDEX idx_report_progress_user ON public.report_progress USING btree (org_id, user_id);

-- INDEX idx_report_submissions
CREATE UNIQUE INDEX idx_report_submissions ON public.report_submissions USING btree (org_id, course_id, day, status) NULLS NOT DISTINCT;

-- INDEX idx_report_types
CREATE UNIQUE INDEX idx_report_types ON public.report_types USING btree (org_id, course_id, pass, type);

-- INDEX idx_reports_created
CREATE INDEX idx_reports_created ON public.reports USING btree (created_at);

-- INDEX idx_reports_student
CREATE INDEX idx_reports_student ON public.reports USING btree (org_id, student_id) WHERE (student_id IS NOT NULL);

-- INDEX idx_reports_user
CREATE INDEX idx_reports_user ON public.reports USING btree (org_id, user_id, id);

-- INDEX idx_returns_due
CREATE INDEX idx_returns_due ON public.returns USING btree (next_at) WHERE (state = 'queued'::text);

-- INDEX idx_returns_lane
CREATE INDEX idx_returns_lane ON public.returns USING btree (source_id, next_at) WHERE (state = 'queued'::text);

-- INDEX idx_returns_leases
CREATE INDEX idx_returns_leases ON public.returns USING btree (lease_until) WHERE (state = 'running'::text);

-- INDEX idx_returns_running
CREATE INDEX idx_returns_running ON public.returns USING btree (source_id) WHERE (state = 'running'::text);

-- INDEX idx_returns_source
CREATE INDEX idx_returns_source ON public.returns USING btree (org_id, source_id, state, id);

-- INDEX idx_review_items_assignment_age
CREATE INDEX idx_review_items_assignment_age ON public.review_items USING btree (org_id, is_open, assignment_id, created_at, feedback_id) WHERE (assignment_id IS NOT NULL);

-- INDEX idx_review_items_assignment_confidence
CREATE INDEX idx_review_items_assignment_confidence ON public.review_items USING btree (org_id, is_open, assignment_id, confidence_permille, feedback_id) WHERE (assignment_id IS NOT NULL);

-- INDEX idx_review_items_audience_age
CREATE INDEX idx_review_items_audience_age ON public.review_items USING btree (org_id, is_open, audience_id, created_at, feedback_id);

-- INDEX idx_review_items_audience_confidence
CREATE INDEX idx_review_items_audience_confidence ON public.review_items USING btree (org_id, is_open, audience_id, confidence_permille, feedback_id);

-- INDEX idx_review_items_essay
CREATE INDEX idx_review_items_essay ON public.review_items USING btree (org_id, essay_id);

-- INDEX idx_review_items_org_age
CREATE INDEX idx_review_items_org_age ON public.review_items USING btree (org_id, is_open, created_at, feedback_id) WHERE (confidence_permille >= 0);

-- INDEX idx_review_items_org_confidence
CREATE INDEX idx_review_items_org_confidence ON public.review_items USING btree (org_id, is_open, confidence_permille, feedback_id) WHERE (confidence_permille >= 0);

-- INDEX idx_saved_comments_type
CREATE INDEX idx_saved_comments_type ON public.saved_comments USING btree (type, pass);

-- INDEX idx_saved_comments_user
CREATE INDEX idx_saved_comments_user ON public.saved_comments USING btree (org_id, user_id, id);

-- INDEX idx_second_factors_user
CREATE INDEX idx_second_factors_user ON public.second_factors USING btree (org_id, user_id);

-- INDEX idx_seen_events_submission
CREATE INDEX idx_seen_events_submission ON public.seen_events USING btree (org_id, submission_id);

-- INDEX idx_sessions_expires
CREATE INDEX idx_sessions_expires ON public.sessions USING btree (expires_at);

-- INDEX idx_sessions_org_user
CREATE INDEX idx_sessions_org_user ON public.sessions USING btree (org_id, user_id);

-- INDEX idx_spent_launches_time
CREATE INDEX idx_spent_launches_time ON public.spent_launches USING btree (spent_at);

-- INDEX idx_submissions_essay
CREATE INDEX idx_submissions_essay ON ONLY public.submissions USING btree (org_id, essay_id, version);

-- INDEX idx_submissions_untallied
CREATE INDEX idx_submissions_untallied ON ONLY public.submissions USING btree (queue) WHERE ((NOT tallied) AND (feedback_seconds IS NOT NULL));

-- INDEX idx_system_logs_org
CREATE INDEX idx_system_logs_org ON ONLY public.system_logs USING btree (org_id, id);

-- INDEX idx_user_keys_org_user
CREATE INDEX idx_user_keys_org_user ON public.user_keys USING btree (org_id, user_id);

-- INDEX idx_users_email
CREATE UNIQUE INDEX idx_users_email ON public.users USING btree (org_id, email_digest);

-- INDEX idx_users_erase_requested
CREATE INDEX idx_users_erase_requested ON public.users USING btree (erase_requested_at) WHERE (erase_requested_at IS NOT NULL);

-- INDEX idx_users_external_id
CREATE UNIQUE INDEX idx_users_external_id ON public.users USING btree (org_id, external_id_digest);

-- INDEX idx_users_legal_hold
CREATE INDEX idx_users_legal_hold ON public.users USING btree (org_id, id) WHERE (legal_hold IS NOT NULL);

-- INDEX idx_weekly_summaries_lane
CREATE INDEX idx_weekly_summaries_lane ON public.weekly_summaries USING btree (org_id, next_at) WHERE (state = 'queued'::text);

-- INDEX idx_weekly_summaries_leases
CREATE INDEX idx_weekly_summaries_leases ON public.weekly_summaries USING btree (lease_until) WHERE (state = 'running'::text);

-- INDEX idx_weekly_summaries_running
CREATE INDEX idx_weekly_summaries_running ON public.weekly_summaries USING btree (org_id) WHERE (state = 'running'::text);

-- INDEX idx_weekly_summaries_week
CREATE INDEX idx_weekly_summaries_week ON public.weekly_summaries USING btree (week);

-- INDEX inbound_events_default_org_id_id_idx
CREATE INDEX inbound_events_default_org_id_id_idx ON public.inbound_events_default USING btree (org_id, id) WHERE (user_id IS NULL);

-- INDEX inbound_events_default_org_id_source_id_outcome_id_idx
CREATE INDEX inbound_events_default_org_id_source_id_outcome_id_idx ON public.inbound_events_default USING btree (org_id, source_id, outcome, id);

-- INDEX inbound_events_default_org_id_user_id_idx
CREATE INDEX inbound_events_default_org_id_user_id_idx ON public.inbound_events_default USING btree (org_id, user_id);

-- INDEX submissions_default_org_id_essay_id_version_idx
CREATE INDEX submissions_default_org_id_essay_id_version_idx ON public.submissions_default USING btree (org_id, essay_id, version);

-- INDEX submissions_default_queue_idx
CREATE INDEX submissions_default_queue_idx ON public.submissions_default USING btree (queue) WHERE ((NOT tallied) AND (feedback_seconds IS NOT NULL));

-- INDEX system_logs_default_org_id_id_idx
CREATE INDEX system_logs_default_org_id_id_idx ON public.system_logs_default USING btree (org_id, id);

-- INDEX ATTACH ai_responses_default_completed_at_idx
ALTER INDEX public.idx_ai_responses_untallied ATTACH PARTITION public.ai_responses_default_completed_at_idx;

-- INDEX ATTACH ai_responses_default_org_id_id_idx
ALTER INDEX public.idx_ai_responses_open ATTACH PARTITION public.ai_responses_default_org_id_id_idx;

-- INDEX ATTACH ai_responses_default_org_id_submission_id_idx
ALTER INDEX public.idx_ai_responses_submission ATTACH PARTITION public.ai_responses_default_org_id_submission_id_idx;

-- INDEX ATTACH ai_responses_default_pkey
ALTER INDEX public.ai_responses_pkey ATTACH PARTITION public.ai_responses_default_pkey;

-- INDEX ATTACH analytics_default_org_id_user_id_created_at_idx
ALTER INDEX public.idx_analytics_user_created ATTACH PARTITION public.analytics_default_org_id_user_id_created_at_idx;

-- INDEX ATTACH analytics_default_pkey
ALTER INDEX public.analytics_pkey ATTACH PARTITION public.analytics_default_pkey;

-- INDEX ATTACH audit_log_default_id_idx
ALTER INDEX public.idx_audit_log_unchained ATTACH PARTITION public.audit_log_default_id_idx;

-- INDEX ATTACH audit_log_default_org_id_entity_id_idx
ALTER INDEX public.idx_audit_log_entity ATTACH PARTITION public.audit_log_default_org_id_entity_id_idx;

-- INDEX ATTACH audit_log_default_org_id_id_idx
ALTER INDEX public.idx_audit_log_org ATTACH PARTITION public.audit_log_default_org_id_id_idx;

-- INDEX ATTACH audit_log_default_org_id_sequence_idx
ALTER INDEX public.idx_audit_log_sequence ATTACH PARTITION public.audit_log_default_org_id_sequence_idx;

-- INDEX ATTACH audit_log_default_pkey
ALTER INDEX public.audit_log_pkey ATTACH PARTITION public.audit_log_default_pkey;

-- INDEX ATTACH deliveries_default_endpoint_id_idx
ALTER INDEX public.idx_deliveries_running ATTACH PARTITION public.deliveries_default_endpoint_id_idx;

-- INDEX ATTACH deliveries_default_endpoint_id_next_at_idx
ALTER INDEX public.idx_deliveries_lane ATTACH PARTITION public.deliveries_default_endpoint_id_next_at_idx;

-- INDEX ATTACH deliveries_default_lease_until_idx
ALTER INDEX public.idx_deliveries_leases ATTACH PARTITION public.deliveries_default_lease_until_idx;

-- INDEX ATTACH deliveries_default_next_at_idx
ALTER INDEX public.idx_deliveries_due ATTACH PARTITION public.deliveries_default_next_at_idx;

-- INDEX ATTACH deliveries_default_org_id_endpoint_id_state_id_idx
ALTER INDEX public.idx_deliveries_endpoint ATTACH PARTITION public.deliveries_default_org_id_endpoint_id_state_id_idx;

-- INDEX ATTACH deliveries_default_org_id_submission_id_idx
ALTER INDEX public.idx_deliveries_submission ATTACH PARTITION public.deliveries_default_org_id_submission_id_idx;

-- INDEX ATTACH deliveries_default_pkey
ALTER INDEX public.deliveries_pkey ATTACH PARTITION public.deliveries_default_pkey;

-- INDEX ATTACH feedback_default_org_id_carried_from_idx
ALTER INDEX public.idx_feedback_carried_from ATTACH PARTITION public.feedback_default_org_id_carried_from_idx;

-- INDEX ATTACH feedback_default_org_id_essay_id_idx
ALTER INDEX public.idx_feedback_essay_id ATTACH PARTITION public.feedback_default_org_id_essay_id_idx;

-- INDEX ATTACH feedback_default_org_id_submission_id_text_characters_idx
ALTER INDEX public.idx_feedback_submission ATTACH PARTITION public.feedback_default_org_id_submission_id_text_characters_idx;

-- INDEX ATTACH feedback_default_pkey
ALTER INDEX public.feedback_pkey ATTACH PARTITION public.feedback_default_pkey;

-- INDEX ATTACH feedback_default_type_pass_idx
ALTER INDEX public.idx_feedback_type ATTACH PARTITION public.feedback_default_type_pass_idx;

-- INDEX ATTACH inbound_events_default_org_id_id_idx
ALTER INDEX public.idx_inbound_events_unowned ATTACH PARTITION public.inbound_events_default_org_id_id_idx;

-- INDEX ATTACH inbound_events_default_org_id_source_id_outcome_id_idx
ALTER INDEX public.idx_inbound_events_outcome ATTACH PARTITION public.inbound_events_default_org_id_source_id_outcome_id_idx;

-- INDEX ATTACH inbound_events_default_org_id_user_id_idx
ALTER INDEX public.idx_inbound_events_user ATTACH PARTITION public.inbound_events_default_org_id_user_id_idx;

-- INDEX ATTACH inbound_events_default_pkey
ALTER INDEX public.inbound_events_pkey ATTACH PARTITION public.inbound_events_default_pkey;

-- INDEX ATTACH submissions_default_org_id_essay_id_version_idx
ALTER INDEX public.idx_submissions_essay ATTACH PARTITION public.submissions_default_org_id_essay_id_version_idx;

-- INDEX ATTACH submissions_default_org_id_id_characters_key
ALTER INDEX public.submissions_length_unique ATTACH PARTITION public.submissions_default_org_id_id_characters_key;

-- INDEX ATTACH submissions_default_org_id_id_key
ALTER INDEX public.submissions_org_id_id_unique ATTACH PARTITION public.submissions_default_org_id_id_key;

-- INDEX ATTACH submissions_default_pkey
ALTER INDEX public.submissions_pkey ATTACH PARTITION public.submissions_default_pkey;

-- INDEX ATTACH submissions_default_queue_idx
ALTER INDEX public.idx_submissions_untallied ATTACH PARTITION public.submissions_default_queue_idx;

-- INDEX ATTACH system_logs_default_org_id_id_idx
ALTER INDEX public.idx_system_logs_org ATTACH PARTITION public.system_logs_default_org_id_id_idx;

-- INDEX ATTACH system_logs_default_pkey
ALTER INDEX public.system_logs_pkey ATTACH PARTITION public.system_logs_default_pkey;

-- TRIGGER api_keys audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE OF name, scopes, creates_courses, expires_at, revoked_at, networks ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.audit_change('api_key', 'id');

-- TRIGGER assignments audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.assignments FOR EACH ROW EXECUTE FUNCTION public.audit_change('assignment', 'id', 'course_id');

-- TRIGGER blessings audited
CREATE TRIGGER audited AFTER INSERT ON public.blessings FOR EACH ROW EXECUTE FUNCTION public.audit_change('model_approval', 'id', 'pass,provider,model,prompt_version');

-- TRIGGER canvas_sites audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE OF token, root_account_uuid, jwks_url, returns, pages_url ON public.canvas_sites FOR EACH ROW EXECUTE FUNCTION public.audit_change('canvas_site', 'id');

-- TRIGGER categories audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.categories FOR EACH ROW EXECUTE FUNCTION public.audit_change('category', 'id');

-- TRIGGER courses audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.courses FOR EACH ROW EXECUTE FUNCTION public.audit_change('course', 'id');

-- TRIGGER endpoints audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE OF name, url, events, secret, disabled_at ON public.endpoints FOR EACH ROW EXECUTE FUNCTION public.audit_change('endpoint', 'id', 'disabled_reason');

-- TRIGGER enrollments audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.enrollments FOR EACH ROW EXECUTE FUNCTION public.audit_change('enrollment', 'user_id', 'course_id,role');

-- TRIGGER essays audited
CREATE TRIGGER audited AFTER DELETE ON public.essays FOR EACH ROW EXECUTE FUNCTION public.audit_writing('essay');

-- TRIGGER linked_accounts audited
CREATE TRIGGER audited AFTER INSERT OR DELETE ON public.linked_accounts FOR EACH ROW EXECUTE FUNCTION public.audit_change('linked_account', 'user_id');

-- TRIGGER lms_people audited
CREATE TRIGGER audited AFTER INSERT OR DELETE ON public.lms_people FOR EACH ROW EXECUTE FUNCTION public.audit_change('lms_person', 'user_id', 'source_id');

-- TRIGGER moodle_sites audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE OF token, interval_seconds, courses, returns, pages_url ON public.moodle_sites FOR EACH ROW EXECUTE FUNCTION public.audit_change('moodle_site', 'id');

-- TRIGGER one_time_tokens audited
CREATE TRIGGER audited AFTER INSERT OR UPDATE OF used_at ON public.one_time_tokens FOR EACH ROW EXECUTE FUNCTION public.audit_change('one_time_token', 'id', 'purpose,user_id');

-- TRIGGER orgs audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.orgs FOR EACH ROW EXECUTE FUNCTION public.audit_change('org', 'id');

-- TRIGGER passkeys audited
CREATE TRIGGER audited AFTER INSERT OR DELETE ON public.passkeys FOR EACH ROW EXECUTE FUNCTION public.audit_change('passkey', 'user_id');

-- TRIGGER platforms audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE OF state, registration_digest, registration_ends_at, issuer, client_id, authorization_url, token_url, token_audience, jwks_url, deployments, frame_origins, scores ON public.platforms FOR EACH ROW EXECUTE FUNCTION public.audit_change('platform', 'id');

-- TRIGGER rubrics audited
CREATE TRIGGER audited AFTER INSERT OR DELETE ON public.rubrics FOR EACH ROW EXECUTE FUNCTION public.audit_change('rubric', 'id');

-- TRIGGER second_factors audited
CREATE TRIGGER audited AFTER DELETE OR UPDATE OF confirmed_at, recovery_codes ON public.second_factors FOR EACH ROW EXECUTE FUNCTION public.audit_change('second_factor', 'user_id');

-- TRIGGER sessions audited
CREATE TRIGGER audited AFTER INSERT OR UPDATE OF revoked_at ON public.sessions FOR EACH ROW EXECUTE FUNCTION public.audit_change('session', 'id', 'user_id,revoked_reason');

-- TRIGGER sign_in_providers audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.sign_in_providers FOR EACH ROW EXECUTE FUNCTION public.audit_change('sign_in_provider', 'id');

-- TRIGGER sources audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.sources FOR EACH ROW EXECUTE FUNCTION public.audit_change('source', 'id');

-- TRIGGER submissions audited
CREATE TRIGGER audited AFTER INSERT OR UPDATE OF released_at ON public.submissions FOR EACH ROW EXECUTE FUNCTION public.audit_writing('submission');

-- TRIGGER user_keys audited
CREATE TRIGGER audited AFTER DELETE ON public.user_keys FOR EACH ROW EXECUTE FUNCTION public.audit_change('user_key', 'user_id');

-- TRIGGER users audited
CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE OF role, email, email_digest, name, external_id, external_id_digest, password_hash, language, token_version, disabled_at, erase_requested_at, address_confirmed_at, legal_hold ON public.users FOR EACH ROW EXECUTE FUNCTION public.audit_change('user', 'id', 'role');

-- TRIGGER orgs dual_approval
CREATE TRIGGER dual_approval BEFORE UPDATE OF dual_approval ON public.orgs FOR EACH ROW EXECUTE FUNCTION public.keep_dual_approval();

-- TRIGGER endpoints ends_deliveries
CREATE TRIGGER ends_deliveries AFTER UPDATE OF disabled_at ON public.endpoints FOR EACH ROW WHEN (((old.disabled_at IS NULL) AND (new.disabled_at IS NOT NULL))) EXECUTE FUNCTION public.end_deliveries();

-- TRIGGER arrivals forgets_person
CREATE TRIGGER forgets_person BEFORE UPDATE OF state ON public.arrivals FOR EACH ROW WHEN (((new.state = 'accepted'::text) AND (new.place ? 'person'::text))) EXECUTE FUNCTION public.forget_person_of_arrival();

-- TRIGGER arrivals forgets_user
CREATE TRIGGER forgets_user BEFORE UPDATE OF submission_id ON public.arrivals FOR EACH ROW WHEN (((old.submission_id IS NOT NULL) AND (new.submission_id IS NULL) AND (new.place ? 'user'::text))) EXECUTE FUNCTION public.forget_user_of_arrival();

-- TRIGGER orgs held
CREATE TRIGGER held BEFORE UPDATE OF closed_at, exported_at ON public.orgs FOR EACH ROW EXECUTE FUNCTION public.require_no_hold();

-- TRIGGER feedback_reviews lists_decided
CREATE TRIGGER lists_decided AFTER INSERT ON public.feedback_reviews FOR EACH ROW EXECUTE FUNCTION public.list_decided_comment();

-- TRIGGER feedback lists_new
CREATE TRIGGER lists_new AFTER INSERT ON public.feedback REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION public.list_new_comments();

-- TRIGGER enrollments noted
CREATE TRIGGER noted AFTER DELETE ON public.enrollments REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION public.note_unenrolled();

-- TRIGGER sessions noted
CREATE TRIGGER noted AFTER INSERT ON public.sessions FOR EACH ROW EXECUTE FUNCTION public.note_sign_in();

-- TRIGGER users noted
CREATE TRIGGER noted BEFORE UPDATE OF role ON public.users FOR EACH ROW EXECUTE FUNCTION public.note_new_role();

-- TRIGGER submissions notes_asset_report
CREATE TRIGGER notes_asset_report AFTER UPDATE OF completed_at, released_at ON public.submissions FOR EACH ROW WHEN (((new.completed_at IS NOT NULL) AND (new.released_at IS NOT NULL) AND (new.status = ANY (ARRAY['completed'::text, 'partial'::text])) AND ((old.completed_at IS NULL) OR (old.released_at IS NULL)))) EXECUTE FUNCTION public.note_asset_report();

-- TRIGGER submissions notes_canvas_return
CREATE TRIGGER notes_canvas_return AFTER UPDATE OF completed_at, released_at ON public.submissions FOR EACH ROW WHEN (((new.completed_at IS NOT NULL) AND (new.released_at IS NOT NULL) AND (new.status = ANY (ARRAY['completed'::text, 'partial'::text])) AND ((old.completed_at IS NULL) OR (old.released_at IS NULL)))) EXECUTE FUNCTION public.note_canvas_return();

-- TRIGGER submissions notes_ended
CREATE TRIGGER notes_ended AFTER UPDATE OF completed_at ON public.submissions FOR EACH ROW WHEN (((old.completed_at IS NULL) AND (new.completed_at IS NOT NULL) AND (new.status = ANY (ARRAY['completed'::text, 'partial'::text, 'failed'::text])))) EXECUTE FUNCTION public.note_version('ended');

-- TRIGGER inbound_events notes_refused
CREATE TRIGGER notes_refused AFTER INSERT ON public.inbound_events FOR EACH ROW WHEN ((new.outcome = 'refused'::text)) EXECUTE FUNCTION public.note_refused();

-- TRIGGER submissions notes_released
CREATE TRIGGER notes_released AFTER UPDATE OF released_at ON public.submissions FOR EACH ROW WHEN (((old.released_at IS NULL) AND (new.released_at IS NOT NULL) AND (new.status = ANY (ARRAY['completed'::text, 'partial'::text])))) EXECUTE FUNCTION public.note_version('released');

-- TRIGGER submissions notes_return
CREATE TRIGGER notes_return AFTER UPDATE OF completed_at, released_at ON public.submissions FOR EACH ROW WHEN (((new.completed_at IS NOT NULL) AND (new.released_at IS NOT NULL) AND (new.status = ANY (ARRAY['completed'::text, 'partial'::text])) AND ((old.completed_at IS NULL) OR (old.released_at IS NULL)))) EXECUTE FUNCTION public.note_return();

-- TRIGGER submissions notes_score
CREATE TRIGGER notes_score AFTER UPDATE OF completed_at, released_at ON public.submissions FOR EACH ROW WHEN (((new.completed_at IS NOT NULL) AND (new.released_at IS NOT NULL) AND (new.status = ANY (ARRAY['completed'::text, 'partial'::text])) AND ((old.completed_at IS NULL) OR (old.released_at IS NULL)))) EXECUTE FUNCTION public.note_score();

-- TRIGGER orgs retention
CREATE TRIGGER retention AFTER INSERT OR UPDATE OF retention_texts, retention_raw_answers, retention_deliveries, retention_accounts, retention_logs, legal_hold ON public.orgs FOR EACH ROW EXECUTE FUNCTION public.retention_changed();

-- TRIGGER audit_log stays
CREATE TRIGGER stays BEFORE DELETE OR UPDATE ON public.audit_log FOR EACH ROW EXECUTE FUNCTION public.audit_log_stays();

-- TRIGGER submissions timed
CREATE TRIGGER timed BEFORE UPDATE OF completed_at ON public.submissions FOR EACH ROW WHEN (((old.completed_at IS NULL) AND (new.completed_at IS NOT NULL) AND (old.feedback_seconds IS NULL) AND (new.status = ANY (ARRAY['completed'::text, 'partial'::text, 'failed'::text])))) EXECUTE FUNCTION public.note_feedback_seconds();

-- TRIGGER essays unlists_earlier
CREATE TRIGGER unlists_earlier AFTER UPDATE OF newest_submission_id ON public.essays FOR EACH ROW WHEN ((old.newest_submission_id <> new.newest_submission_id)) EXECUTE FUNCTION public.unlist_earlier_versions();

-- TRIGGER feedback unlists_superseded
CREATE TRIGGER unlists_superseded AFTER UPDATE OF superseded_at ON public.feedback FOR EACH ROW WHEN (((old.superseded_at IS NULL) AND (new.superseded_at IS NOT NULL))) EXECUTE FUNCTION public.unlist_superseded_comment();

-- FK CONSTRAINT ai_responses ai_responses_submission
ALTER TABLE public.ai_responses
    ADD CONSTRAINT ai_responses_submission FOREIGN KEY (org_id, submission_id) REFERENCES public.submissions(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT analytics analytics_user
ALTER TABLE public.analytics
    ADD CONSTRAINT analytics_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT api_keys api_keys_org_id_fkey
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT approvals approvals_approver
ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_approver FOREIGN KEY (org_id, approved_by) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT approvals approvals_org_id_fkey
ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT approvals approvals_person
ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_person FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT approvals approvals_requester
ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_requester FOREIGN KEY (org_id, requested_by) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT arrivals arrivals_source
ALTER TABLE ONLY public.arrivals
    ADD CONSTRAINT arrivals_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT arrivals arrivals_submission
ALTER TABLE ONLY public.arrivals
    ADD CONSTRAINT arrivals_submission FOREIGN KEY (org_id, submission_id) REFERENCES public.submissions(org_id, id) ON DELETE SET NULL (submission_id);

-- FK CONSTRAINT asset_activities asset_activities_source
ALTER TABLE ONLY public.asset_activities
    ADD CONSTRAINT asset_activities_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT assignments assignments_category
ALTER TABLE ONLY public.assignments
    ADD CONSTRAINT assignments_category FOREIGN KEY (org_id, category_id) REFERENCES public.categories(org_id, id) ON DELETE RESTRICT;

-- FK CONSTRAINT assignments assignments_course
ALTER TABLE ONLY public.assignments
    ADD CONSTRAINT assignments_course FOREIGN KEY (org_id, course_id) REFERENCES public.courses(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT assignments assignments_rubric
ALTER TABLE ONLY public.assignments
    ADD CONSTRAINT assignments_rubric FOREIGN KEY (org_id, rubric_id) REFERENCES public.rubrics(org_id, id) ON DELETE RESTRICT;

-- FK CONSTRAINT assignments assignments_source
ALTER TABLE ONLY public.assignments
    ADD CONSTRAINT assignments_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT audit_heads audit_heads_org_id_fkey
ALTER TABLE ONLY public.audit_heads
    ADD CONSTRAINT audit_heads_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT audit_log audit_log_org
ALTER TABLE public.audit_log
    ADD CONSTRAINT audit_log_org FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT author_use author_use_user
ALTER TABLE ONLY public.author_use
    ADD CONSTRAINT author_use_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT blessings blessings_org_id_fkey
ALTER TABLE ONLY public.blessings
    ADD CONSTRAINT blessings_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT canvas_sites canvas_sites_source
ALTER TABLE ONLY public.canvas_sites
    ADD CONSTRAINT canvas_sites_source FOREIGN KEY (org_id, id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT categories categories_org_id_fkey
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT courses courses_org_id_fkey
ALTER TABLE ONLY public.courses
    ADD CONSTRAINT courses_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT courses courses_source
ALTER TABLE ONLY public.courses
    ADD CONSTRAINT courses_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT criterion_results criterion_results_criterion
ALTER TABLE ONLY public.criterion_results
    ADD CONSTRAINT criterion_results_criterion FOREIGN KEY (org_id, criterion_id) REFERENCES public.rubric_criteria(org_id, id) ON DELETE RESTRICT;

-- FK CONSTRAINT criterion_results criterion_results_submission
ALTER TABLE ONLY public.criterion_results
    ADD CONSTRAINT criterion_results_submission FOREIGN KEY (org_id, submission_id) REFERENCES public.submissions(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT deliveries deliveries_endpoint
ALTER TABLE public.deliveries
    ADD CONSTRAINT deliveries_endpoint FOREIGN KEY (org_id, endpoint_id) REFERENCES public.endpoints(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT deliveries deliveries_submission
ALTER TABLE public.deliveries
    ADD CONSTRAINT deliveries_submission FOREIGN KEY (org_id, submission_id) REFERENCES public.submissions(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT endpoints endpoints_org
ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_org FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT enrollments enrollments_course
ALTER TABLE ONLY public.enrollments
    ADD CONSTRAINT enrollments_course FOREIGN KEY (org_id, course_id) REFERENCES public.courses(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT enrollments enrollments_user
ALTER TABLE ONLY public.enrollments
    ADD CONSTRAINT enrollments_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT essays essays_assignment
ALTER TABLE ONLY public.essays
    ADD CONSTRAINT essays_assignment FOREIGN KEY (org_id, assignment_id) REFERENCES public.assignments(org_id, id) ON DELETE RESTRICT;

-- FK CONSTRAINT essays essays_category
ALTER TABLE ONLY public.essays
    ADD CONSTRAINT essays_category FOREIGN KEY (org_id, category_id) REFERENCES public.categories(org_id, id) ON DELETE RESTRICT;

-- FK CONSTRAINT essays essays_course
ALTER TABLE ONLY public.essays
    ADD CONSTRAINT essays_course FOREIGN KEY (org_id, course_id) REFERENCES public.courses(org_id, id) ON DELETE RESTRICT;

-- FK CONSTRAINT essays essays_trial_rubric
ALTER TABLE ONLY public.essays
    ADD CONSTRAINT essays_trial_rubric FOREIGN KEY (org_id, trial_rubric_id) REFERENCES public.rubrics(org_id, id) ON DELETE RESTRICT;

-- FK CONSTRAINT essays essays_user
ALTER TABLE ONLY public.essays
    ADD CONSTRAINT essays_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT feedback feedback_essay
ALTER TABLE public.feedback
    ADD CONSTRAINT feedback_essay FOREIGN KEY (org_id, essay_id) REFERENCES public.essays(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT feedback_reactions feedback_reactions_submission
ALTER TABLE ONLY public.feedback_reactions
    ADD CONSTRAINT feedback_reactions_submission FOREIGN KEY (org_id, submission_id) REFERENCES public.submissions(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT feedback_reviews feedback_reviews_submission
ALTER TABLE ONLY public.feedback_reviews
    ADD CONSTRAINT feedback_reviews_submission FOREIGN KEY (org_id, submission_id) REFERENCES public.submissions(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT feedback feedback_submission
ALTER TABLE public.feedback
    ADD CONSTRAINT feedback_submission FOREIGN KEY (org_id, submission_id, text_characters) REFERENCES public.submissions(org_id, id, characters) ON DELETE CASCADE;

-- FK CONSTRAINT feedback feedback_type
ALTER TABLE public.feedback
    ADD CONSTRAINT feedback_type FOREIGN KEY (type, pass) REFERENCES public.feedback_types(slug, pass) ON DELETE RESTRICT;

-- FK CONSTRAINT files files_submission
ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_submission FOREIGN KEY (org_id, submission_id) REFERENCES public.submissions(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT files files_user
ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT idempotency_keys idempotency_keys_org_id_fkey
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT inbound_events inbound_events_source
ALTER TABLE public.inbound_events
    ADD CONSTRAINT inbound_events_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT inbound_events inbound_events_user
ALTER TABLE public.inbound_events
    ADD CONSTRAINT inbound_events_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT ledger ledger_org_id_fkey
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT linked_accounts linked_accounts_user
ALTER TABLE ONLY public.linked_accounts
    ADD CONSTRAINT linked_accounts_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT lms_people lms_people_source
ALTER TABLE ONLY public.lms_people
    ADD CONSTRAINT lms_people_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT lms_people lms_people_user
ALTER TABLE ONLY public.lms_people
    ADD CONSTRAINT lms_people_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT lti_keys lti_keys_platform
ALTER TABLE ONLY public.lti_keys
    ADD CONSTRAINT lti_keys_platform FOREIGN KEY (platform_id) REFERENCES public.platforms(id) ON DELETE CASCADE;

-- FK CONSTRAINT moodle_sites moodle_sites_source
ALTER TABLE ONLY public.moodle_sites
    ADD CONSTRAINT moodle_sites_source FOREIGN KEY (org_id, id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT notice_handlers notice_handlers_source
ALTER TABLE ONLY public.notice_handlers
    ADD CONSTRAINT notice_handlers_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT one_time_tokens one_time_tokens_user
ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT one_time_tokens_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT passes passes_essay
ALTER TABLE ONLY public.passes
    ADD CONSTRAINT passes_essay FOREIGN KEY (org_id, essay_id) REFERENCES public.essays(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT passkeys passkeys_user
ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT passkeys_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT platform_assignments platform_assignments_assignment
ALTER TABLE ONLY public.platform_assignments
    ADD CONSTRAINT platform_assignments_assignment FOREIGN KEY (org_id, assignment_id) REFERENCES public.assignments(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT platform_assignments platform_assignments_source
ALTER TABLE ONLY public.platform_assignments
    ADD CONSTRAINT platform_assignments_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT platform_courses platform_courses_course
ALTER TABLE ONLY public.platform_courses
    ADD CONSTRAINT platform_courses_course FOREIGN KEY (org_id, course_id) REFERENCES public.courses(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT platform_courses platform_courses_source
ALTER TABLE ONLY public.platform_courses
    ADD CONSTRAINT platform_courses_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT platforms platforms_source
ALTER TABLE ONLY public.platforms
    ADD CONSTRAINT platforms_source FOREIGN KEY (org_id, id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT queue_marks queue_marks_org_id_fkey
ALTER TABLE ONLY public.queue_marks
    ADD CONSTRAINT queue_marks_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT reports reports_student
ALTER TABLE ONLY public.reports
    ADD CONSTRAINT reports_student FOREIGN KEY (org_id, student_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT reports reports_user
ALTER TABLE ONLY public.reports
    ADD CONSTRAINT reports_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT retention_runs retention_runs_org_id_fkey
ALTER TABLE ONLY public.retention_runs
    ADD CONSTRAINT retention_runs_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT returns returns_source
ALTER TABLE ONLY public.returns
    ADD CONSTRAINT returns_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT returns returns_submission
ALTER TABLE ONLY public.returns
    ADD CONSTRAINT returns_submission FOREIGN KEY (org_id, submission_id) REFERENCES public.submissions(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT review_items review_items_essay
ALTER TABLE ONLY public.review_items
    ADD CONSTRAINT review_items_essay FOREIGN KEY (org_id, essay_id) REFERENCES public.essays(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT rubric_criteria rubric_criteria_rubric
ALTER TABLE ONLY public.rubric_criteria
    ADD CONSTRAINT rubric_criteria_rubric FOREIGN KEY (org_id, rubric_id) REFERENCES public.rubrics(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT rubrics rubrics_org_id_fkey
ALTER TABLE ONLY public.rubrics
    ADD CONSTRAINT rubrics_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT saved_comments saved_comments_type
ALTER TABLE ONLY public.saved_comments
    ADD CONSTRAINT saved_comments_type FOREIGN KEY (type, pass) REFERENCES public.feedback_types(slug, pass) ON DELETE RESTRICT;

-- FK CONSTRAINT saved_comments saved_comments_user
ALTER TABLE ONLY public.saved_comments
    ADD CONSTRAINT saved_comments_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT second_factors second_factors_user
ALTER TABLE ONLY public.second_factors
    ADD CONSTRAINT second_factors_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT seen_events seen_events_source
ALTER TABLE ONLY public.seen_events
    ADD CONSTRAINT seen_events_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT seen_events seen_events_submission
ALTER TABLE ONLY public.seen_events
    ADD CONSTRAINT seen_events_submission FOREIGN KEY (org_id, submission_id) REFERENCES public.submissions(org_id, id) ON DELETE SET NULL (submission_id);

-- FK CONSTRAINT sessions sessions_user
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT sign_in_providers sign_in_providers_org_id_fkey
ALTER TABLE ONLY public.sign_in_providers
    ADD CONSTRAINT sign_in_providers_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT sources sources_org_id_fkey
ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT spent_launches spent_launches_source
ALTER TABLE ONLY public.spent_launches
    ADD CONSTRAINT spent_launches_source FOREIGN KEY (org_id, source_id) REFERENCES public.sources(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT submissions submissions_essay
ALTER TABLE public.submissions
    ADD CONSTRAINT submissions_essay FOREIGN KEY (org_id, essay_id) REFERENCES public.essays(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT system_logs system_logs_org_id_fkey
ALTER TABLE public.system_logs
    ADD CONSTRAINT system_logs_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT user_keys user_keys_user
ALTER TABLE ONLY public.user_keys
    ADD CONSTRAINT user_keys_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT users users_org_id_fkey
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

-- FK CONSTRAINT weekly_summaries weekly_summaries_user
ALTER TABLE ONLY public.weekly_summaries
    ADD CONSTRAINT weekly_summaries_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- FK CONSTRAINT weekly_summary_readers weekly_summary_readers_user
ALTER TABLE ONLY public.weekly_summary_readers
    ADD CONSTRAINT weekly_summary_readers_user FOREIGN KEY (org_id, user_id) REFERENCES public.users(org_id, id) ON DELETE CASCADE;

-- ROW SECURITY ai_responses
ALTER TABLE public.ai_responses ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY ai_responses_default
ALTER TABLE public.ai_responses_default ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY analytics
ALTER TABLE public.analytics ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY analytics_default
ALTER TABLE public.analytics_default ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY api_keys
ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY approvals
ALTER TABLE public.approvals ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY arrivals
ALTER TABLE public.arrivals ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY asset_activities
ALTER TABLE public.asset_activities ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY assignments
ALTER TABLE public.assignments ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY audit_heads
ALTER TABLE public.audit_heads ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY audit_log
ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY audit_log_default
ALTER TABLE public.audit_log_default ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY author_use
ALTER TABLE public.author_use ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY blessings
ALTER TABLE public.blessings ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY canvas_sites
ALTER TABLE public.canvas_sites ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY categories
ALTER TABLE public.categories ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY courses
ALTER TABLE public.courses ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY criterion_results
ALTER TABLE public.criterion_results ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY deliveries
ALTER TABLE public.deliveries ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY deliveries_default
ALTER TABLE public.deliveries_default ENABLE ROW LEVEL SECURITY;

-- POLICY ai_responses ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.ai_responses TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY analytics ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.analytics TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY api_keys ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.api_keys TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY approvals ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.approvals TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY arrivals ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.arrivals TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY asset_activities ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.asset_activities TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY assignments ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.assignments TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY audit_log ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.audit_log TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY author_use ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.author_use TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY blessings ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.blessings TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY canvas_sites ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.canvas_sites TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY categories ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.categories TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY courses ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.courses TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY criterion_results ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.criterion_results TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY deliveries ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.deliveries TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (event = 'ping'::text)));

-- POLICY endpoints ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.endpoints TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY enrollments ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.enrollments TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY essays ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.essays TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY feedback ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.feedback TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (origin = 'educator'::text) AND (educator_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.submissions s
  WHERE ((s.org_id = feedback.org_id) AND (s.id = feedback.submission_id) AND (s.essay_id = feedback.essay_id) AND (s.user_id = feedback.user_id) AND (s.audience_id = feedback.audience_id))))));

-- POLICY feedback_reactions ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.feedback_reactions TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY feedback_reviews ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.feedback_reviews TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (educator_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.feedback f
  WHERE ((f.org_id = feedback_reviews.org_id) AND (f.id = feedback_reviews.feedback_id) AND (f.submission_id = feedback_reviews.submission_id) AND (f.user_id = feedback_reviews.user_id) AND (f.audience_id = feedback_reviews.audience_id))))));

-- POLICY files ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.files TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY idempotency_keys ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.idempotency_keys TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY inbound_events ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.inbound_events TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY ledger ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.ledger TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY ledger_entries ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.ledger_entries TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY linked_accounts ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.linked_accounts TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY lms_people ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.lms_people TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY moodle_sites ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.moodle_sites TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY notice_handlers ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.notice_handlers TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY one_time_tokens ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.one_time_tokens TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY orgs ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.orgs TO ec_admin USING ((id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((id = ( SELECT public.app_org() AS app_org)));

-- POLICY passes ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.passes TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY passkeys ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.passkeys TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY platform_courses ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.platform_courses TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY platforms ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.platforms TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY reports ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.reports TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY retention_runs ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.retention_runs TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY returns ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.returns TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY review_items ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.review_items TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY rubric_criteria ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.rubric_criteria TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY rubrics ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.rubrics TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY saved_comments ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.saved_comments TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY second_factors ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.second_factors TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY seen_events ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.seen_events TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY sessions ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.sessions TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY sign_in_providers ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.sign_in_providers TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY sources ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.sources TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY submissions ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.submissions TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY system_logs ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.system_logs TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY user_keys ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.user_keys TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY users ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.users TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY weekly_summaries ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.weekly_summaries TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY weekly_summary_readers ec_admin_own_org
CREATE POLICY ec_admin_own_org ON public.weekly_summary_readers TO ec_admin USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY api_keys ec_auth_any_key
CREATE POLICY ec_auth_any_key ON public.api_keys TO ec_auth USING (true);

-- POLICY orgs ec_auth_any_org
CREATE POLICY ec_auth_any_org ON public.orgs TO ec_auth USING (true);

-- POLICY platforms ec_auth_any_platform
CREATE POLICY ec_auth_any_platform ON public.platforms TO ec_auth USING (true) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY sources ec_auth_any_source
CREATE POLICY ec_auth_any_source ON public.sources TO ec_auth USING (true);

-- POLICY linked_accounts ec_auth_own_org
CREATE POLICY ec_auth_own_org ON public.linked_accounts TO ec_auth USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY one_time_tokens ec_auth_own_org
CREATE POLICY ec_auth_own_org ON public.one_time_tokens TO ec_auth USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY passkeys ec_auth_own_org
CREATE POLICY ec_auth_own_org ON public.passkeys TO ec_auth USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY second_factors ec_auth_own_org
CREATE POLICY ec_auth_own_org ON public.second_factors TO ec_auth USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY sessions ec_auth_own_org
CREATE POLICY ec_auth_own_org ON public.sessions TO ec_auth USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY sign_in_providers ec_auth_own_org
CREATE POLICY ec_auth_own_org ON public.sign_in_providers TO ec_auth USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY system_logs ec_auth_own_org
CREATE POLICY ec_auth_own_org ON public.system_logs FOR INSERT TO ec_auth WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (program = 'ingest'::text)));

-- POLICY user_keys ec_auth_own_org
CREATE POLICY ec_auth_own_org ON public.user_keys TO ec_auth USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY users ec_auth_own_org
CREATE POLICY ec_auth_own_org ON public.users TO ec_auth USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY ai_responses ec_clock_all
CREATE POLICY ec_clock_all ON public.ai_responses TO ec_clock USING (true);

-- POLICY arrivals ec_clock_all
CREATE POLICY ec_clock_all ON public.arrivals TO ec_clock USING (true) WITH CHECK (true);

-- POLICY deliveries ec_clock_all
CREATE POLICY ec_clock_all ON public.deliveries TO ec_clock USING (true) WITH CHECK (true);

-- POLICY idempotency_keys ec_clock_all
CREATE POLICY ec_clock_all ON public.idempotency_keys TO ec_clock USING (true);

-- POLICY moodle_sites ec_clock_all
CREATE POLICY ec_clock_all ON public.moodle_sites TO ec_clock USING (true) WITH CHECK (true);

-- POLICY one_time_tokens ec_clock_all
CREATE POLICY ec_clock_all ON public.one_time_tokens TO ec_clock USING (true);

-- POLICY passes ec_clock_all
CREATE POLICY ec_clock_all ON public.passes TO ec_clock USING (true);

-- POLICY reports ec_clock_all
CREATE POLICY ec_clock_all ON public.reports TO ec_clock USING (true);

-- POLICY retention_runs ec_clock_all
CREATE POLICY ec_clock_all ON public.retention_runs TO ec_clock USING (true);

-- POLICY returns ec_clock_all
CREATE POLICY ec_clock_all ON public.returns TO ec_clock USING (true) WITH CHECK (true);

-- POLICY sessions ec_clock_all
CREATE POLICY ec_clock_all ON public.sessions TO ec_clock USING (true);

-- POLICY submissions ec_clock_all
CREATE POLICY ec_clock_all ON public.submissions TO ec_clock USING (true);

-- POLICY system_logs ec_clock_all
CREATE POLICY ec_clock_all ON public.system_logs TO ec_clock USING (true) WITH CHECK (true);

-- POLICY users ec_clock_all
CREATE POLICY ec_clock_all ON public.users TO ec_clock USING (true);

-- POLICY weekly_summaries ec_clock_all
CREATE POLICY ec_clock_all ON public.weekly_summaries TO ec_clock USING (true) WITH CHECK (true);

-- POLICY orgs ec_clock_any_org
CREATE POLICY ec_clock_any_org ON public.orgs TO ec_clock USING (true);

-- POLICY audit_heads ec_clock_own_org
CREATE POLICY ec_clock_own_org ON public.audit_heads TO ec_clock USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY audit_log ec_clock_own_org
CREATE POLICY ec_clock_own_org ON public.audit_log TO ec_clock USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY essays ec_clock_trials
CREATE POLICY ec_clock_trials ON public.essays TO ec_clock USING ((trial_until IS NOT NULL));

-- POLICY inbound_events ec_clock_unowned
CREATE POLICY ec_clock_unowned ON public.inbound_events TO ec_clock USING ((user_id IS NULL));

-- POLICY files ec_clock_waiting
CREATE POLICY ec_clock_waiting ON public.files TO ec_clock USING ((submission_id IS NULL));

-- POLICY categories ec_educator_own_org
CREATE POLICY ec_educator_own_org ON public.categories TO ec_educator USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY orgs ec_educator_own_org
CREATE POLICY ec_educator_own_org ON public.orgs TO ec_educator USING ((id = ( SELECT public.app_org() AS app_org)));

-- POLICY rubric_criteria ec_educator_own_org
CREATE POLICY ec_educator_own_org ON public.rubric_criteria TO ec_educator USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY rubrics ec_educator_own_org
CREATE POLICY ec_educator_own_org ON public.rubrics TO ec_educator USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY analytics ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.analytics TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY assignments ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.assignments TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[]))));

-- POLICY courses ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.courses TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ANY (( SELECT public.app_enrolled() AS app_enrolled)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ANY (( SELECT public.app_enrolled() AS app_enrolled)::uuid[]))));

-- POLICY criterion_results ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.criterion_results TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[]))));

-- POLICY enrollments ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.enrollments TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_courses() AS app_courses)::uuid[]))));

-- POLICY essays ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.essays TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[]))));

-- POLICY feedback ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.feedback TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])) AND (origin = 'educator'::text) AND (educator_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.submissions s
  WHERE ((s.org_id = feedback.org_id) AND (s.id = feedback.submission_id) AND (s.essay_id = feedback.essay_id) AND (s.user_id = feedback.user_id) AND (s.audience_id = feedback.audience_id))))));

-- POLICY feedback_reactions ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.feedback_reactions TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[]))));

-- POLICY feedback_reviews ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.feedback_reviews TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])) AND (educator_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.feedback f
  WHERE ((f.org_id = feedback_reviews.org_id) AND (f.id = feedback_reviews.feedback_id) AND (f.submission_id = feedback_reviews.submission_id) AND (f.user_id = feedback_reviews.user_id) AND (f.audience_id = feedback_reviews.audience_id))))));

-- POLICY files ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.files TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[]))));

-- POLICY idempotency_keys ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.idempotency_keys TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (caller_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (caller_id = ( SELECT public.app_user() AS app_user))));

-- POLICY passes ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.passes TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[]))));

-- POLICY reports ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.reports TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY review_items ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.review_items TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])) AND (user_id = ANY (( SELECT public.app_people() AS app_people)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])) AND (user_id = ANY (( SELECT public.app_people() AS app_people)::uuid[]))));

-- POLICY saved_comments ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.saved_comments TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY submissions ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.submissions TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (audience_id = ANY (( SELECT public.app_audience() AS app_audience)::uuid[]))));

-- POLICY user_keys ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.user_keys TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ANY (( SELECT public.app_people() AS app_people)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ANY (( SELECT public.app_people() AS app_people)::uuid[]))));

-- POLICY users ec_educator_own_rows
CREATE POLICY ec_educator_own_rows ON public.users TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ANY (( SELECT public.app_people() AS app_people)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ANY (( SELECT public.app_people() AS app_people)::uuid[]))));

-- POLICY weekly_summary_readers ec_educator_self
CREATE POLICY ec_educator_self ON public.weekly_summary_readers TO ec_educator USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY canvas_sites ec_keys_all
CREATE POLICY ec_keys_all ON public.canvas_sites TO ec_keys USING (true) WITH CHECK (true);

-- POLICY endpoints ec_keys_all
CREATE POLICY ec_keys_all ON public.endpoints TO ec_keys USING (true) WITH CHECK (true);

-- POLICY inbound_events ec_keys_all
CREATE POLICY ec_keys_all ON public.inbound_events TO ec_keys USING (true) WITH CHECK (true);

-- POLICY moodle_sites ec_keys_all
CREATE POLICY ec_keys_all ON public.moodle_sites TO ec_keys USING (true) WITH CHECK (true);

-- POLICY sign_in_providers ec_keys_all
CREATE POLICY ec_keys_all ON public.sign_in_providers TO ec_keys USING (true) WITH CHECK (true);

-- POLICY sources ec_keys_all
CREATE POLICY ec_keys_all ON public.sources TO ec_keys USING (true) WITH CHECK (true);

-- POLICY user_keys ec_keys_all
CREATE POLICY ec_keys_all ON public.user_keys TO ec_keys USING (true) WITH CHECK (true);

-- POLICY users ec_keys_all
CREATE POLICY ec_keys_all ON public.users TO ec_keys USING (true);

-- POLICY analytics ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.analytics TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY assignments ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.assignments TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY categories ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.categories TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY courses ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.courses TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY criterion_results ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.criterion_results TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY enrollments ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.enrollments TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (role = 'student'::text)));

-- POLICY essays ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.essays TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (trial_until IS NULL)));

-- POLICY feedback ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.feedback TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY feedback_reactions ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.feedback_reactions TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY feedback_reviews ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.feedback_reviews TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY files ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.files TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY idempotency_keys ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.idempotency_keys TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY inbound_events ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.inbound_events TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY lms_people ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.lms_people TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (source_id = ( SELECT public.app_actor() AS app_actor))));

-- POLICY orgs ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.orgs TO ec_lms USING ((id = ( SELECT public.app_org() AS app_org)));

-- POLICY passes ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.passes TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY platform_assignments ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.platform_assignments TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (source_id = ( SELECT public.app_actor() AS app_actor))));

-- POLICY platform_courses ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.platform_courses TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (source_id = ( SELECT public.app_actor() AS app_actor))));

-- POLICY rubric_criteria ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.rubric_criteria TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY rubrics ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.rubrics TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY seen_events ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.seen_events TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY spent_launches ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.spent_launches TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (source_id = ( SELECT public.app_actor() AS app_actor))));

-- POLICY submissions ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.submissions TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY user_keys ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.user_keys TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY users ec_lms_own_org
CREATE POLICY ec_lms_own_org ON public.users TO ec_lms USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (role = 'student'::text)));

-- POLICY arrivals ec_lms_own_source
CREATE POLICY ec_lms_own_source ON public.arrivals TO ec_lms USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (source_id = ( SELECT public.app_actor() AS app_actor)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (source_id = ( SELECT public.app_actor() AS app_actor))));

-- POLICY asset_activities ec_lms_own_source
CREATE POLICY ec_lms_own_source ON public.asset_activities TO ec_lms USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (source_id = ( SELECT public.app_actor() AS app_actor)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (source_id = ( SELECT public.app_actor() AS app_actor))));

-- POLICY canvas_sites ec_lms_own_source
CREATE POLICY ec_lms_own_source ON public.canvas_sites TO ec_lms USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ( SELECT public.app_actor() AS app_actor)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ( SELECT public.app_actor() AS app_actor))));

-- POLICY moodle_sites ec_lms_own_source
CREATE POLICY ec_lms_own_source ON public.moodle_sites TO ec_lms USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ( SELECT public.app_actor() AS app_actor)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ( SELECT public.app_actor() AS app_actor))));

-- POLICY notice_handlers ec_lms_own_source
CREATE POLICY ec_lms_own_source ON public.notice_handlers TO ec_lms USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (source_id = ( SELECT public.app_actor() AS app_actor)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (source_id = ( SELECT public.app_actor() AS app_actor))));

-- POLICY assignments ec_manager_own_org
CREATE POLICY ec_manager_own_org ON public.assignments TO ec_manager USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY categories ec_manager_own_org
CREATE POLICY ec_manager_own_org ON public.categories TO ec_manager USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY courses ec_manager_own_org
CREATE POLICY ec_manager_own_org ON public.courses TO ec_manager USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY enrollments ec_manager_own_org
CREATE POLICY ec_manager_own_org ON public.enrollments TO ec_manager USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY rubrics ec_manager_own_org
CREATE POLICY ec_manager_own_org ON public.rubrics TO ec_manager USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY user_keys ec_manager_own_org
CREATE POLICY ec_manager_own_org ON public.user_keys TO ec_manager USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY users ec_manager_own_org
CREATE POLICY ec_manager_own_org ON public.users TO ec_manager USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK (false);

-- POLICY categories ec_student_own_org
CREATE POLICY ec_student_own_org ON public.categories TO ec_student USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY orgs ec_student_own_org
CREATE POLICY ec_student_own_org ON public.orgs TO ec_student USING ((id = ( SELECT public.app_org() AS app_org)));

-- POLICY rubric_criteria ec_student_own_org
CREATE POLICY ec_student_own_org ON public.rubric_criteria TO ec_student USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY rubrics ec_student_own_org
CREATE POLICY ec_student_own_org ON public.rubrics TO ec_student USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY analytics ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.analytics TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY assignments ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.assignments TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_enrolled() AS app_enrolled)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (course_id = ANY (( SELECT public.app_enrolled() AS app_enrolled)::uuid[]))));

-- POLICY courses ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.courses TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ANY (( SELECT public.app_enrolled() AS app_enrolled)::uuid[])))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ANY (( SELECT public.app_enrolled() AS app_enrolled)::uuid[]))));

-- POLICY criterion_results ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.criterion_results TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.submissions s
  WHERE ((s.id = criterion_results.submission_id) AND (s.released_at IS NOT NULL)))))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.submissions s
  WHERE ((s.id = criterion_results.submission_id) AND (s.released_at IS NOT NULL))))));

-- POLICY enrollments ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.enrollments TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY essays ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.essays TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)) AND (trial_until IS NULL)));

-- POLICY feedback ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.feedback TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.submissions s
  WHERE ((s.id = feedback.submission_id) AND (s.released_at IS NOT NULL)))))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.submissions s
  WHERE ((s.id = feedback.submission_id) AND (s.released_at IS NOT NULL))))));

-- POLICY feedback_reactions ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.feedback_reactions TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.submissions s
  WHERE ((s.id = feedback_reactions.submission_id) AND (s.released_at IS NOT NULL)))))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.feedback f
  WHERE ((f.org_id = feedback_reactions.org_id) AND (f.id = feedback_reactions.feedback_id) AND (f.submission_id = feedback_reactions.submission_id) AND (f.user_id = feedback_reactions.user_id) AND (f.audience_id = feedback_reactions.audience_id))))));

-- POLICY feedback_reviews ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.feedback_reviews TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.submissions s
  WHERE ((s.id = feedback_reviews.submission_id) AND (s.released_at IS NOT NULL)))))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)) AND (EXISTS ( SELECT
   FROM public.submissions s
  WHERE ((s.id = feedback_reviews.submission_id) AND (s.released_at IS NOT NULL))))));

-- POLICY files ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.files TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY idempotency_keys ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.idempotency_keys TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (caller_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (caller_id = ( SELECT public.app_user() AS app_user))));

-- POLICY passes ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.passes TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY reports ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.reports TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY submissions ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.submissions TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY user_keys ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.user_keys TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (user_id = ( SELECT public.app_user() AS app_user))));

-- POLICY users ec_student_own_rows
CREATE POLICY ec_student_own_rows ON public.users TO ec_student USING (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ( SELECT public.app_user() AS app_user)))) WITH CHECK (((org_id = ( SELECT public.app_org() AS app_org)) AND (id = ( SELECT public.app_user() AS app_user))));

-- POLICY ai_responses ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.ai_responses TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY arrivals ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.arrivals TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY asset_activities ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.asset_activities TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY assignments ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.assignments TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY blessings ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.blessings TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY canvas_sites ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.canvas_sites TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY categories ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.categories TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY criterion_results ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.criterion_results TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY deliveries ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.deliveries TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY endpoints ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.endpoints TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY enrollments ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.enrollments TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY essays ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.essays TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY feedback ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.feedback TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY feedback_reactions ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.feedback_reactions TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY feedback_reviews ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.feedback_reviews TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY ledger ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.ledger TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY ledger_entries ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.ledger_entries TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY lms_people ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.lms_people TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY moodle_sites ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.moodle_sites TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY orgs ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.orgs TO ec_worker USING ((id = ( SELECT public.app_org() AS app_org)));

-- POLICY passes ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.passes TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY platform_assignments ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.platform_assignments TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY platforms ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.platforms TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY returns ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.returns TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY rubric_criteria ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.rubric_criteria TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY rubrics ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.rubrics TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY sources ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.sources TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY submissions ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.submissions TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY system_logs ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.system_logs TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY user_keys ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.user_keys TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY users ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.users TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY weekly_summaries ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.weekly_summaries TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- POLICY weekly_summary_readers ec_worker_own_org
CREATE POLICY ec_worker_own_org ON public.weekly_summary_readers TO ec_worker USING ((org_id = ( SELECT public.app_org() AS app_org))) WITH CHECK ((org_id = ( SELECT public.app_org() AS app_org)));

-- ROW SECURITY endpoints
ALTER TABLE public.endpoints ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY enrollments
ALTER TABLE public.enrollments ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY essays
ALTER TABLE public.essays ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY feedback
ALTER TABLE public.feedback ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY feedback_default
ALTER TABLE public.feedback_default ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY feedback_reactions
ALTER TABLE public.feedback_reactions ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY feedback_reviews
ALTER TABLE public.feedback_reviews ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY files
ALTER TABLE public.files ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY idempotency_keys
ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY inbound_events
ALTER TABLE public.inbound_events ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY inbound_events_default
ALTER TABLE public.inbound_events_default ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY ledger
ALTER TABLE public.ledger ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY ledger_entries
ALTER TABLE public.ledger_entries ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY linked_accounts
ALTER TABLE public.linked_accounts ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY lms_people
ALTER TABLE public.lms_people ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY moodle_sites
ALTER TABLE public.moodle_sites ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY notice_handlers
ALTER TABLE public.notice_handlers ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY one_time_tokens
ALTER TABLE public.one_time_tokens ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY orgs
ALTER TABLE public.orgs ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY passes
ALTER TABLE public.passes ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY passkeys
ALTER TABLE public.passkeys ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY platform_assignments
ALTER TABLE public.platform_assignments ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY platform_courses
ALTER TABLE public.platform_courses ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY platforms
ALTER TABLE public.platforms ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY queue_marks
ALTER TABLE public.queue_marks ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY reports
ALTER TABLE public.reports ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY retention_runs
ALTER TABLE public.retention_runs ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY returns
ALTER TABLE public.returns ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY review_items
ALTER TABLE public.review_items ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY rubric_criteria
ALTER TABLE public.rubric_criteria ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY rubrics
ALTER TABLE public.rubrics ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY saved_comments
ALTER TABLE public.saved_comments ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY second_factors
ALTER TABLE public.second_factors ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY seen_events
ALTER TABLE public.seen_events ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY sessions
ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY sign_in_providers
ALTER TABLE public.sign_in_providers ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY sources
ALTER TABLE public.sources ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY spent_launches
ALTER TABLE public.spent_launches ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY submissions
ALTER TABLE public.submissions ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY submissions_default
ALTER TABLE public.submissions_default ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY system_logs
ALTER TABLE public.system_logs ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY system_logs_default
ALTER TABLE public.system_logs_default ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY user_keys
ALTER TABLE public.user_keys ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY users
ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY weekly_summaries
ALTER TABLE public.weekly_summaries ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY weekly_summary_readers
ALTER TABLE public.weekly_summary_readers ENABLE ROW LEVEL SECURITY;

-- ACL SCHEMA public
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO ec_owner;
GRANT ALL ON SCHEMA public TO ec_reports;
GRANT ALL ON SCHEMA public TO ec_stats;
GRANT USAGE ON SCHEMA public TO ec_admin;
GRANT USAGE ON SCHEMA public TO ec_auth;
GRANT USAGE ON SCHEMA public TO ec_backup;
GRANT USAGE ON SCHEMA public TO ec_clock;
GRANT USAGE ON SCHEMA public TO ec_educator;
GRANT USAGE ON SCHEMA public TO ec_ingest;
GRANT USAGE ON SCHEMA public TO ec_keys;
GRANT USAGE ON SCHEMA public TO ec_lms;
GRANT USAGE ON SCHEMA public TO ec_manager;
GRANT USAGE ON SCHEMA public TO ec_monitor;
GRANT USAGE ON SCHEMA public TO ec_student;
GRANT USAGE ON SCHEMA public TO ec_worker;

-- ACL FUNCTION add_buckets(a bigint[], b bigint[])
REVOKE ALL ON FUNCTION public.add_buckets(a bigint[], b bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.add_buckets(a bigint[], b bigint[]) TO ec_clock;
GRANT ALL ON FUNCTION public.add_buckets(a bigint[], b bigint[]) TO ec_monitor;
GRANT ALL ON FUNCTION public.add_buckets(a bigint[], b bigint[]) TO ec_stats;

-- ACL FUNCTION add_lms_educator(person uuid, sealed_name bytea, sealed_id bytea, id_digest bytea, wrapped_key bytea, master_key text)
REVOKE ALL ON FUNCTION public.add_lms_educator(person uuid, sealed_name bytea, sealed_id bytea, id_digest bytea, wrapped_key bytea, master_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.add_lms_educator(person uuid, sealed_name bytea, sealed_id bytea, id_digest bytea, wrapped_key bytea, master_key text) TO ec_lms;

-- ACL FUNCTION app_user()
REVOKE ALL ON FUNCTION public.app_user() FROM PUBLIC;
GRANT ALL ON FUNCTION public.app_user() TO ec_admin;
GRANT ALL ON FUNCTION public.app_user() TO ec_auth;
GRANT ALL ON FUNCTION public.app_user() TO ec_clock;
GRANT ALL ON FUNCTION public.app_user() TO ec_educator;
GRANT ALL ON FUNCTION public.app_user() TO ec_lms;
GRANT ALL ON FUNCTION public.app_user() TO ec_manager;
GRANT ALL ON FUNCTION public.app_user() TO ec_stats;
GRANT ALL ON FUNCTION public.app_user() TO ec_student;
GRANT ALL ON FUNCTION public.app_user() TO ec_worker;

-- ACL FUNCTION app_actor()
REVOKE ALL ON FUNCTION public.app_actor() FROM PUBLIC;
GRANT ALL ON FUNCTION public.app_actor() TO ec_lms;
GRANT ALL ON FUNCTION public.app_actor() TO ec_stats;

-- ACL FUNCTION app_org()
REVOKE ALL ON FUNCTION public.app_org() FROM PUBLIC;
GRANT ALL ON FUNCTION public.app_org() TO ec_admin;
GRANT ALL ON FUNCTION public.app_org() TO ec_auth;
GRANT ALL ON FUNCTION public.app_org() TO ec_clock;
GRANT ALL ON FUNCTION public.app_org() TO ec_educator;
GRANT ALL ON FUNCTION public.app_org() TO ec_lms;
GRANT ALL ON FUNCTION public.app_org() TO ec_manager;
GRANT ALL ON FUNCTION public.app_org() TO ec_stats;
GRANT ALL ON FUNCTION public.app_org() TO ec_student;
GRANT ALL ON FUNCTION public.app_org() TO ec_worker;

-- ACL TABLE enrollments
GRANT MAINTAIN ON TABLE public.enrollments TO ec_clock;
GRANT SELECT ON TABLE public.enrollments TO ec_backup;
GRANT SELECT ON TABLE public.enrollments TO ec_educator;
GRANT SELECT ON TABLE public.enrollments TO ec_student;
GRANT SELECT ON TABLE public.enrollments TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.enrollments TO ec_manager;
GRANT SELECT,DELETE ON TABLE public.enrollments TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.enrollments TO ec_lms;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.enrollments TO ec_admin;

-- ACL COLUMN enrollments.org_id
GRANT INSERT(org_id) ON TABLE public.enrollments TO ec_manager;
GRANT INSERT(org_id) ON TABLE public.enrollments TO ec_stats;
GRANT SELECT(org_id) ON TABLE public.enrollments TO ec_reports;

-- ACL COLUMN enrollments.course_id
GRANT INSERT(course_id) ON TABLE public.enrollments TO ec_manager;
GRANT INSERT(course_id) ON TABLE public.enrollments TO ec_stats;
GRANT SELECT(course_id) ON TABLE public.enrollments TO ec_reports;

-- ACL COLUMN enrollments.user_id
GRANT INSERT(user_id) ON TABLE public.enrollments TO ec_manager;
GRANT INSERT(user_id) ON TABLE public.enrollments TO ec_stats;
GRANT SELECT(user_id) ON TABLE public.enrollments TO ec_reports;

-- ACL COLUMN enrollments.role
GRANT INSERT(role),UPDATE(role) ON TABLE public.enrollments TO ec_manager;
GRANT INSERT(role),UPDATE(role) ON TABLE public.enrollments TO ec_stats;
GRANT SELECT(role) ON TABLE public.enrollments TO ec_reports;

-- ACL FUNCTION app_courses()
REVOKE ALL ON FUNCTION public.app_courses() FROM PUBLIC;
GRANT ALL ON FUNCTION public.app_courses() TO ec_educator;

-- ACL FUNCTION app_audience()
REVOKE ALL ON FUNCTION public.app_audience() FROM PUBLIC;
GRANT ALL ON FUNCTION public.app_audience() TO ec_educator;
GRANT ALL ON FUNCTION public.app_audience() TO ec_stats;

-- ACL FUNCTION app_enrolled()
REVOKE ALL ON FUNCTION public.app_enrolled() FROM PUBLIC;
GRANT ALL ON FUNCTION public.app_enrolled() TO ec_educator;
GRANT ALL ON FUNCTION public.app_enrolled() TO ec_student;

-- ACL FUNCTION app_people()
REVOKE ALL ON FUNCTION public.app_people() FROM PUBLIC;
GRANT ALL ON FUNCTION public.app_people() TO ec_educator;

-- ACL TABLE users
GRANT INSERT ON TABLE public.users TO ec_admin;
GRANT INSERT ON TABLE public.users TO ec_lms;
GRANT MAINTAIN ON TABLE public.users TO ec_clock;
GRANT SELECT ON TABLE public.users TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.users TO ec_stats;

-- ACL COLUMN users.id
GRANT INSERT(id) ON TABLE public.users TO ec_stats;
GRANT SELECT(id) ON TABLE public.users TO ec_admin;
GRANT SELECT(id) ON TABLE public.users TO ec_auth;
GRANT SELECT(id) ON TABLE public.users TO ec_clock;
GRANT SELECT(id) ON TABLE public.users TO ec_educator;
GRANT SELECT(id) ON TABLE public.users TO ec_keys;
GRANT SELECT(id) ON TABLE public.users TO ec_lms;
GRANT SELECT(id) ON TABLE public.users TO ec_manager;
GRANT SELECT(id) ON TABLE public.users TO ec_reports;
GRANT SELECT(id) ON TABLE public.users TO ec_student;
GRANT SELECT(id) ON TABLE public.users TO ec_worker;

-- ACL COLUMN users.org_id
GRANT INSERT(org_id) ON TABLE public.users TO ec_stats;
GRANT SELECT(org_id) ON TABLE public.users TO ec_admin;
GRANT SELECT(org_id) ON TABLE public.users TO ec_auth;
GRANT SELECT(org_id) ON TABLE public.users TO ec_clock;
GRANT SELECT(org_id) ON TABLE public.users TO ec_educator;
GRANT SELECT(org_id) ON TABLE public.users TO ec_keys;
GRANT SELECT(org_id) ON TABLE public.users TO ec_lms;
GRANT SELECT(org_id) ON TABLE public.users TO ec_manager;
GRANT SELECT(org_id) ON TABLE public.users TO ec_reports;
GRANT SELECT(org_id) ON TABLE public.users TO ec_student;
GRANT SELECT(org_id) ON TABLE public.users TO ec_worker;

-- ACL COLUMN users.role
GRANT INSERT(role) ON TABLE public.users TO ec_stats;
GRANT SELECT(role) ON TABLE public.users TO ec_auth;
GRANT SELECT(role) ON TABLE public.users TO ec_educator;
GRANT SELECT(role) ON TABLE public.users TO ec_lms;
GRANT SELECT(role) ON TABLE public.users TO ec_manager;
GRANT SELECT(role) ON TABLE public.users TO ec_reports;
GRANT SELECT(role) ON TABLE public.users TO ec_student;
GRANT SELECT(role) ON TABLE public.users TO ec_worker;
GRANT SELECT(role),UPDATE(role) ON TABLE public.users TO ec_admin;

-- ACL COLUMN users.email
GRANT SELECT(email) ON TABLE public.users TO ec_auth;
GRANT SELECT(email) ON TABLE public.users TO ec_educator;
GRANT SELECT(email) ON TABLE public.users TO ec_lms;
GRANT SELECT(email) ON TABLE public.users TO ec_reports;
GRANT SELECT(email) ON TABLE public.users TO ec_student;
GRANT SELECT(email) ON TABLE public.users TO ec_worker;
GRANT SELECT(email),UPDATE(email) ON TABLE public.users TO ec_admin;
GRANT UPDATE(email) ON TABLE public.users TO ec_stats;

-- ACL COLUMN users.email_digest
GRANT SELECT(email_digest) ON TABLE public.users TO ec_auth;
GRANT SELECT(email_digest) ON TABLE public.users TO ec_educator;
GRANT SELECT(email_digest) ON TABLE public.users TO ec_lms;
GRANT SELECT(email_digest) ON TABLE public.users TO ec_student;
GRANT SELECT(email_digest),UPDATE(email_digest) ON TABLE public.users TO ec_admin;
GRANT UPDATE(email_digest) ON TABLE public.users TO ec_stats;

-- ACL COLUMN users.name
GRANT INSERT(name),UPDATE(name) ON TABLE public.users TO ec_stats;
GRANT SELECT(name) ON TABLE public.users TO ec_auth;
GRANT SELECT(name) ON TABLE public.users TO ec_educator;
GRANT SELECT(name) ON TABLE public.users TO ec_lms;
GRANT SELECT(name) ON TABLE public.users TO ec_student;
GRANT SELECT(name) ON TABLE public.users TO ec_worker;
GRANT SELECT(name),UPDATE(name) ON TABLE public.users TO ec_admin;

-- ACL COLUMN users.external_id
GRANT INSERT(external_id),UPDATE(external_id) ON TABLE public.users TO ec_stats;
GRANT SELECT(external_id) ON TABLE public.users TO ec_educator;
GRANT SELECT(external_id) ON TABLE public.users TO ec_student;
GRANT SELECT(external_id) ON TABLE public.users TO ec_worker;
GRANT SELECT(external_id),UPDATE(external_id) ON TABLE public.users TO ec_admin;
GRANT SELECT(external_id),UPDATE(external_id) ON TABLE public.users TO ec_lms;

-- ACL COLUMN users.external_id_digest
GRANT INSERT(external_id_digest),UPDATE(external_id_digest) ON TABLE public.users TO ec_stats;
GRANT SELECT(external_id_digest) ON TABLE public.users TO ec_educator;
GRANT SELECT(external_id_digest) ON TABLE public.users TO ec_student;
GRANT SELECT(external_id_digest),UPDATE(external_id_digest) ON TABLE public.users TO ec_admin;
GRANT SELECT(external_id_digest),UPDATE(external_id_digest) ON TABLE public.users TO ec_lms;

-- ACL COLUMN users.password_hash
GRANT SELECT(password_hash),UPDATE(password_hash) ON TABLE public.users TO ec_auth;
GRANT UPDATE(password_hash) ON TABLE public.users TO ec_admin;
GRANT UPDATE(password_hash) ON TABLE public.users TO ec_stats;

-- ACL COLUMN users.language
GRANT SELECT(language) ON TABLE public.users TO ec_educator;
GRANT SELECT(language) ON TABLE public.users TO ec_lms;
GRANT SELECT(language) ON TABLE public.users TO ec_student;
GRANT SELECT(language) ON TABLE public.users TO ec_worker;
GRANT SELECT(language),UPDATE(language) ON TABLE public.users TO ec_admin;
GRANT UPDATE(language) ON TABLE public.users TO ec_stats;

-- ACL COLUMN users.token_version
GRANT SELECT(token_version),UPDATE(token_version) ON TABLE public.users TO ec_admin;
GRANT SELECT(token_version),UPDATE(token_version) ON TABLE public.users TO ec_auth;
GRANT UPDATE(token_version) ON TABLE public.users TO ec_stats;

-- ACL COLUMN users.disabled_at
GRANT SELECT(disabled_at) ON TABLE public.users TO ec_auth;
GRANT SELECT(disabled_at) ON TABLE public.users TO ec_educator;
GRANT SELECT(disabled_at) ON TABLE public.users TO ec_lms;
GRANT SELECT(disabled_at) ON TABLE public.users TO ec_reports;
GRANT SELECT(disabled_at) ON TABLE public.users TO ec_student;
GRANT SELECT(disabled_at) ON TABLE public.users TO ec_worker;
GRANT SELECT(disabled_at),UPDATE(disabled_at) ON TABLE public.users TO ec_admin;
GRANT UPDATE(disabled_at) ON TABLE public.users TO ec_stats;

-- ACL COLUMN users.created_at
GRANT SELECT(created_at) ON TABLE public.users TO ec_admin;
GRANT SELECT(created_at) ON TABLE public.users TO ec_educator;
GRANT SELECT(created_at) ON TABLE public.users TO ec_lms;
GRANT SELECT(created_at) ON TABLE public.users TO ec_student;
GRANT UPDATE(created_at) ON TABLE public.users TO ec_manager;

-- ACL COLUMN users.erase_requested_at
GRANT SELECT(erase_requested_at) ON TABLE public.users TO ec_admin;
GRANT SELECT(erase_requested_at) ON TABLE public.users TO ec_clock;
GRANT SELECT(erase_requested_at) ON TABLE public.users TO ec_keys;
GRANT SELECT(erase_requested_at) ON TABLE public.users TO ec_reports;
GRANT UPDATE(erase_requested_at) ON TABLE public.users TO ec_stats;

-- ACL COLUMN users.address_confirmed_at
GRANT INSERT(address_confirmed_at) ON TABLE public.users TO ec_stats;
GRANT SELECT(address_confirmed_at) ON TABLE public.users TO ec_auth;
GRANT SELECT(address_confirmed_at) ON TABLE public.users TO ec_educator;
GRANT SELECT(address_confirmed_at) ON TABLE public.users TO ec_student;
GRANT SELECT(address_confirmed_at) ON TABLE public.users TO ec_worker;
GRANT SELECT(address_confirmed_at),UPDATE(address_confirmed_at) ON TABLE public.users TO ec_admin;

-- ACL COLUMN users.active_at
GRANT SELECT(active_at) ON TABLE public.users TO ec_admin;
GRANT UPDATE(active_at) ON TABLE public.users TO ec_stats;

-- ACL COLUMN users.legal_hold
GRANT SELECT(legal_hold) ON TABLE public.users TO ec_admin;
GRANT SELECT(legal_hold) ON TABLE public.users TO ec_clock;
GRANT UPDATE(legal_hold) ON TABLE public.users TO ec_stats;

-- ACL FUNCTION is_active_admin(person uuid)
REVOKE ALL ON FUNCTION public.is_active_admin(person uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.is_active_admin(person uuid) TO ec_admin;

-- ACL TABLE approvals
GRANT MAINTAIN ON TABLE public.approvals TO ec_clock;
GRANT SELECT ON TABLE public.approvals TO ec_admin;
GRANT SELECT ON TABLE public.approvals TO ec_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.approvals TO ec_stats;

-- ACL FUNCTION approval_state(request public.approvals)
REVOKE ALL ON FUNCTION public.approval_state(request public.approvals) FROM PUBLIC;
GRANT ALL ON FUNCTION public.approval_state(request public.approvals) TO ec_admin;

-- ACL FUNCTION approve_request(request uuid)
REVOKE ALL ON FUNCTION public.approve_request(request uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.approve_request(request uuid) TO ec_admin;

-- ACL FUNCTION audit_change()
REVOKE ALL ON FUNCTION public.audit_change() FROM PUBLIC;

-- ACL FUNCTION audit_ends()
REVOKE ALL ON FUNCTION public.audit_ends() FROM PUBLIC;
GRANT ALL ON FUNCTION public.audit_ends() TO ec_clock;

-- ACL TABLE audit_log
GRANT SELECT ON TABLE public.audit_log TO ec_admin;
GRANT SELECT ON TABLE public.audit_log TO ec_backup;
GRANT SELECT ON TABLE public.audit_log TO ec_stats;
GRANT SELECT,MAINTAIN ON TABLE public.audit_log TO ec_clock;

-- ACL COLUMN audit_log.org_id
GRANT INSERT(org_id) ON TABLE public.audit_log TO ec_stats;

-- ACL COLUMN audit_log.actor_id
GRANT INSERT(actor_id) ON TABLE public.audit_log TO ec_stats;

-- ACL COLUMN audit_log.actor_role
GRANT INSERT(actor_role) ON TABLE public.audit_log TO ec_stats;

-- ACL COLUMN audit_log.request_id
GRANT INSERT(request_id) ON TABLE public.audit_log TO ec_stats;

-- ACL COLUMN audit_log.action
GRANT INSERT(action) ON TABLE public.audit_log TO ec_stats;

-- ACL COLUMN audit_log.entity
GRANT INSERT(entity) ON TABLE public.audit_log TO ec_stats;

-- ACL COLUMN audit_log.entity_id
GRANT INSERT(entity_id) ON TABLE public.audit_log TO ec_stats;

-- ACL COLUMN audit_log.detail
GRANT INSERT(detail) ON TABLE public.audit_log TO ec_stats;

-- ACL COLUMN audit_log.sequence
GRANT UPDATE(sequence) ON TABLE public.audit_log TO ec_stats;

-- ACL COLUMN audit_log.hash
GRANT UPDATE(hash) ON TABLE public.audit_log TO ec_stats;

-- ACL FUNCTION audit_entry(entry public.audit_log, place bigint)
REVOKE ALL ON FUNCTION public.audit_entry(entry public.audit_log, place bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.audit_entry(entry public.audit_log, place bigint) TO ec_admin;
GRANT ALL ON FUNCTION public.audit_entry(entry public.audit_log, place bigint) TO ec_clock;
GRANT ALL ON FUNCTION public.audit_entry(entry public.audit_log, place bigint) TO ec_stats;

-- ACL FUNCTION audit_log_stays()
REVOKE ALL ON FUNCTION public.audit_log_stays() FROM PUBLIC;

-- ACL FUNCTION audit_note(tenant uuid, what text, thing text, thing_id uuid, facts jsonb)
REVOKE ALL ON FUNCTION public.audit_note(tenant uuid, what text, thing text, thing_id uuid, facts jsonb) FROM PUBLIC;

-- ACL FUNCTION audit_write(what text, thing text, ids uuid[], facts jsonb[])
REVOKE ALL ON FUNCTION public.audit_write(what text, thing text, ids uuid[], facts jsonb[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.audit_write(what text, thing text, ids uuid[], facts jsonb[]) TO ec_admin;
GRANT ALL ON FUNCTION public.audit_write(what text, thing text, ids uuid[], facts jsonb[]) TO ec_clock;
GRANT ALL ON FUNCTION public.audit_write(what text, thing text, ids uuid[], facts jsonb[]) TO ec_educator;
GRANT ALL ON FUNCTION public.audit_write(what text, thing text, ids uuid[], facts jsonb[]) TO ec_lms;

-- ACL FUNCTION audit_writing()
REVOKE ALL ON FUNCTION public.audit_writing() FROM PUBLIC;

-- ACL FUNCTION author_may_spend(author uuid, expected_micros bigint)
REVOKE ALL ON FUNCTION public.author_may_spend(author uuid, expected_micros bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.author_may_spend(author uuid, expected_micros bigint) TO ec_worker;

-- ACL FUNCTION begin_version(tenant uuid, wanted uuid)
REVOKE ALL ON FUNCTION public.begin_version(tenant uuid, wanted uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.begin_version(tenant uuid, wanted uuid) TO ec_worker;

-- ACL FUNCTION budget_allows(expected_micros bigint)
REVOKE ALL ON FUNCTION public.budget_allows(expected_micros bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.budget_allows(expected_micros bigint) TO ec_worker;

-- ACL FUNCTION budget_left()
REVOKE ALL ON FUNCTION public.budget_left() FROM PUBLIC;

-- ACL FUNCTION cancel_open_passes(most integer)
REVOKE ALL ON FUNCTION public.cancel_open_passes(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.cancel_open_passes(most integer) TO ec_admin;

-- ACL FUNCTION chain_audit(most integer)
REVOKE ALL ON FUNCTION public.chain_audit(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.chain_audit(most integer) TO ec_clock;

-- ACL FUNCTION chain_audit_entries(most integer)
REVOKE ALL ON FUNCTION public.chain_audit_entries(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.chain_audit_entries(most integer) TO ec_clock;

-- ACL FUNCTION change_own_profile(with_name boolean, sealed_name bytea, with_language boolean, new_language text)
REVOKE ALL ON FUNCTION public.change_own_profile(with_name boolean, sealed_name bytea, with_language boolean, new_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.change_own_profile(with_name boolean, sealed_name bytea, with_language boolean, new_language text) TO ec_admin;
GRANT ALL ON FUNCTION public.change_own_profile(with_name boolean, sealed_name bytea, with_language boolean, new_language text) TO ec_educator;
GRANT ALL ON FUNCTION public.change_own_profile(with_name boolean, sealed_name bytea, with_language boolean, new_language text) TO ec_student;

-- ACL FUNCTION close_version(tenant uuid, wanted uuid, off text)
REVOKE ALL ON FUNCTION public.close_version(tenant uuid, wanted uuid, off text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.close_version(tenant uuid, wanted uuid, off text) TO ec_clock;
GRANT ALL ON FUNCTION public.close_version(tenant uuid, wanted uuid, off text) TO ec_worker;

-- ACL FUNCTION comment_answer(comment uuid)
REVOKE ALL ON FUNCTION public.comment_answer(comment uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.comment_answer(comment uuid) TO ec_admin;
GRANT ALL ON FUNCTION public.comment_answer(comment uuid) TO ec_educator;

-- ACL FUNCTION count_hand_in(author uuid, own_essay uuid)
REVOKE ALL ON FUNCTION public.count_hand_in(author uuid, own_essay uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.count_hand_in(author uuid, own_essay uuid) TO ec_admin;
GRANT ALL ON FUNCTION public.count_hand_in(author uuid, own_essay uuid) TO ec_educator;
GRANT ALL ON FUNCTION public.count_hand_in(author uuid, own_essay uuid) TO ec_lms;
GRANT ALL ON FUNCTION public.count_hand_in(author uuid, own_essay uuid) TO ec_student;

-- ACL FUNCTION count_queue(most integer)
REVOKE ALL ON FUNCTION public.count_queue(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.count_queue(most integer) TO ec_clock;

-- ACL FUNCTION course_in_week(school uuid, course uuid, of_week date)
REVOKE ALL ON FUNCTION public.course_in_week(school uuid, course uuid, of_week date) FROM PUBLIC;

-- ACL FUNCTION create_partition(parent name, moment timestamp with time zone)
REVOKE ALL ON FUNCTION public.create_partition(parent name, moment timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION delete_expired(wanted text, taken uuid[], is_last boolean)
REVOKE ALL ON FUNCTION public.delete_expired(wanted text, taken uuid[], is_last boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_expired(wanted text, taken uuid[], is_last boolean) TO ec_clock;

-- ACL FUNCTION delete_orphans(fault text, since timestamp with time zone, until timestamp with time zone, most integer)
REVOKE ALL ON FUNCTION public.delete_orphans(fault text, since timestamp with time zone, until timestamp with time zone, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_orphans(fault text, since timestamp with time zone, until timestamp with time zone, most integer) TO ec_clock;

-- ACL FUNCTION detach_partition(part name, log_days integer, unowned_days integer)
REVOKE ALL ON FUNCTION public.detach_partition(part name, log_days integer, unowned_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.detach_partition(part name, log_days integer, unowned_days integer) TO ec_clock;

-- ACL FUNCTION discard_passes(wanted uuid[])
REVOKE ALL ON FUNCTION public.discard_passes(wanted uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.discard_passes(wanted uuid[]) TO ec_admin;
GRANT ALL ON FUNCTION public.discard_passes(wanted uuid[]) TO ec_clock;
GRANT ALL ON FUNCTION public.discard_passes(wanted uuid[]) TO ec_educator;

-- ACL FUNCTION drop_detached(part name, log_days integer, unowned_days integer, OUT result text, OUT amount bigint)
REVOKE ALL ON FUNCTION public.drop_detached(part name, log_days integer, unowned_days integer, OUT result text, OUT amount bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.drop_detached(part name, log_days integer, unowned_days integer, OUT result text, OUT amount bigint) TO ec_clock;

-- ACL FUNCTION end_deliveries()
REVOKE ALL ON FUNCTION public.end_deliveries() FROM PUBLIC;

-- ACL FUNCTION enrol_lms_educator(person uuid, wanted_course uuid)
REVOKE ALL ON FUNCTION public.enrol_lms_educator(person uuid, wanted_course uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.enrol_lms_educator(person uuid, wanted_course uuid) TO ec_lms;

-- ACL FUNCTION ensure_partitions(months_ahead integer, since timestamp with time zone)
REVOKE ALL ON FUNCTION public.ensure_partitions(months_ahead integer, since timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_partitions(months_ahead integer, since timestamp with time zone) TO ec_clock;

-- ACL FUNCTION ensure_partitions(months_ahead integer)
REVOKE ALL ON FUNCTION public.ensure_partitions(months_ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_partitions(months_ahead integer) TO ec_clock;

-- ACL FUNCTION erase_person(person uuid)
REVOKE ALL ON FUNCTION public.erase_person(person uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.erase_person(person uuid) TO ec_clock;

-- ACL FUNCTION essays_in_turns(fair bigint[], turns bigint, own bigint)
REVOKE ALL ON FUNCTION public.essays_in_turns(fair bigint[], turns bigint, own bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.essays_in_turns(fair bigint[], turns bigint, own bigint) TO ec_stats;

-- ACL FUNCTION fault_query(fault text)
REVOKE ALL ON FUNCTION public.fault_query(fault text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.fault_query(fault text) TO ec_stats;

-- ACL FUNCTION feedback_bounds()
REVOKE ALL ON FUNCTION public.feedback_bounds() FROM PUBLIC;
GRANT ALL ON FUNCTION public.feedback_bounds() TO ec_clock;
GRANT ALL ON FUNCTION public.feedback_bounds() TO ec_monitor;
GRANT ALL ON FUNCTION public.feedback_bounds() TO ec_stats;

-- ACL FUNCTION find_faults(fault text, since timestamp with time zone, until timestamp with time zone, OUT amount bigint, OUT ids text[])
REVOKE ALL ON FUNCTION public.find_faults(fault text, since timestamp with time zone, until timestamp with time zone, OUT amount bigint, OUT ids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_faults(fault text, since timestamp with time zone, until timestamp with time zone, OUT amount bigint, OUT ids text[]) TO ec_clock;
GRANT ALL ON FUNCTION public.find_faults(fault text, since timestamp with time zone, until timestamp with time zone, OUT amount bigint, OUT ids text[]) TO ec_worker;

-- ACL FUNCTION fold_ledger(most integer)
REVOKE ALL ON FUNCTION public.fold_ledger(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.fold_ledger(most integer) TO ec_clock;

-- ACL FUNCTION forget_person_of_arrival()
REVOKE ALL ON FUNCTION public.forget_person_of_arrival() FROM PUBLIC;

-- ACL FUNCTION forget_user_of_arrival()
REVOKE ALL ON FUNCTION public.forget_user_of_arrival() FROM PUBLIC;

-- ACL FUNCTION histogram(samples double precision[], bounds double precision[])
REVOKE ALL ON FUNCTION public.histogram(samples double precision[], bounds double precision[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.histogram(samples double precision[], bounds double precision[]) TO ec_clock;
GRANT ALL ON FUNCTION public.histogram(samples double precision[], bounds double precision[]) TO ec_monitor;
GRANT ALL ON FUNCTION public.histogram(samples double precision[], bounds double precision[]) TO ec_reports;
GRANT ALL ON FUNCTION public.histogram(samples double precision[], bounds double precision[]) TO ec_stats;

-- ACL FUNCTION history_begins()
REVOKE ALL ON FUNCTION public.history_begins() FROM PUBLIC;
GRANT ALL ON FUNCTION public.history_begins() TO ec_clock;
GRANT ALL ON FUNCTION public.history_begins() TO ec_worker;

-- ACL FUNCTION hold_duty(duty text, wanted_by uuid, seconds integer)
REVOKE ALL ON FUNCTION public.hold_duty(duty text, wanted_by uuid, seconds integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.hold_duty(duty text, wanted_by uuid, seconds integer) TO ec_clock;
GRANT ALL ON FUNCTION public.hold_duty(duty text, wanted_by uuid, seconds integer) TO ec_worker;

-- ACL FUNCTION hold_person(person uuid, case_number text)
REVOKE ALL ON FUNCTION public.hold_person(person uuid, case_number text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.hold_person(person uuid, case_number text) TO ec_admin;

-- ACL FUNCTION index_sizes()
REVOKE ALL ON FUNCTION public.index_sizes() FROM PUBLIC;
GRANT ALL ON FUNCTION public.index_sizes() TO ec_clock;

-- ACL FUNCTION keep_dual_approval()
REVOKE ALL ON FUNCTION public.keep_dual_approval() FROM PUBLIC;

-- ACL TABLE user_keys
GRANT MAINTAIN ON TABLE public.user_keys TO ec_backup;
GRANT MAINTAIN ON TABLE public.user_keys TO ec_clock;
GRANT SELECT ON TABLE public.user_keys TO ec_auth;
GRANT SELECT ON TABLE public.user_keys TO ec_educator;
GRANT SELECT ON TABLE public.user_keys TO ec_student;
GRANT SELECT ON TABLE public.user_keys TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.user_keys TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.user_keys TO ec_admin;
GRANT SELECT,INSERT ON TABLE public.user_keys TO ec_keys;
GRANT SELECT,INSERT ON TABLE public.user_keys TO ec_lms;

-- ACL COLUMN user_keys.user_id
GRANT INSERT(user_id) ON TABLE public.user_keys TO ec_stats;
GRANT SELECT(user_id) ON TABLE public.user_keys TO ec_manager;

-- ACL COLUMN user_keys.org_id
GRANT INSERT(org_id) ON TABLE public.user_keys TO ec_stats;
GRANT SELECT(org_id) ON TABLE public.user_keys TO ec_manager;

-- ACL COLUMN user_keys.wrapped
GRANT INSERT(wrapped) ON TABLE public.user_keys TO ec_stats;
GRANT UPDATE(wrapped) ON TABLE public.user_keys TO ec_keys;

-- ACL COLUMN user_keys.master_key_id
GRANT INSERT(master_key_id) ON TABLE public.user_keys TO ec_stats;
GRANT UPDATE(master_key_id) ON TABLE public.user_keys TO ec_keys;

-- ACL FUNCTION keys_missing()
REVOKE ALL ON FUNCTION public.keys_missing() FROM PUBLIC;
GRANT ALL ON FUNCTION public.keys_missing() TO ec_admin;
GRANT ALL ON FUNCTION public.keys_missing() TO ec_auth;
GRANT ALL ON FUNCTION public.keys_missing() TO ec_ingest;
GRANT ALL ON FUNCTION public.keys_missing() TO ec_worker;

-- ACL FUNCTION lacks_key(person uuid)
REVOKE ALL ON FUNCTION public.lacks_key(person uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lacks_key(person uuid) TO ec_admin;
GRANT ALL ON FUNCTION public.lacks_key(person uuid) TO ec_auth;
GRANT ALL ON FUNCTION public.lacks_key(person uuid) TO ec_educator;
GRANT ALL ON FUNCTION public.lacks_key(person uuid) TO ec_lms;
GRANT ALL ON FUNCTION public.lacks_key(person uuid) TO ec_manager;
GRANT ALL ON FUNCTION public.lacks_key(person uuid) TO ec_student;
GRANT ALL ON FUNCTION public.lacks_key(person uuid) TO ec_worker;

-- ACL FUNCTION last_data_audit()
REVOKE ALL ON FUNCTION public.last_data_audit() FROM PUBLIC;
GRANT ALL ON FUNCTION public.last_data_audit() TO ec_admin;

-- ACL FUNCTION learns_with_review(author uuid)
REVOKE ALL ON FUNCTION public.learns_with_review(author uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.learns_with_review(author uuid) TO ec_admin;
GRANT ALL ON FUNCTION public.learns_with_review(author uuid) TO ec_educator;
GRANT ALL ON FUNCTION public.learns_with_review(author uuid) TO ec_lms;
GRANT ALL ON FUNCTION public.learns_with_review(author uuid) TO ec_student;

-- ACL FUNCTION list_decided_comment()
REVOKE ALL ON FUNCTION public.list_decided_comment() FROM PUBLIC;

-- ACL FUNCTION list_new_comments()
REVOKE ALL ON FUNCTION public.list_new_comments() FROM PUBLIC;

-- ACL FUNCTION look_back_at_canvas(source uuid, most integer)
REVOKE ALL ON FUNCTION public.look_back_at_canvas(source uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.look_back_at_canvas(source uuid, most integer) TO ec_admin;

-- ACL FUNCTION look_back_at_due_canvas(most_sites integer, most_courses integer)
REVOKE ALL ON FUNCTION public.look_back_at_due_canvas(most_sites integer, most_courses integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.look_back_at_due_canvas(most_sites integer, most_courses integer) TO ec_clock;

-- ACL FUNCTION monitor_bloat()
REVOKE ALL ON FUNCTION public.monitor_bloat() FROM PUBLIC;
GRANT ALL ON FUNCTION public.monitor_bloat() TO ec_monitor;

-- ACL FUNCTION monitor_endpoints()
REVOKE ALL ON FUNCTION public.monitor_endpoints() FROM PUBLIC;
GRANT ALL ON FUNCTION public.monitor_endpoints() TO ec_monitor;

-- ACL FUNCTION monitor_lms()
REVOKE ALL ON FUNCTION public.monitor_lms() FROM PUBLIC;
GRANT ALL ON FUNCTION public.monitor_lms() TO ec_monitor;

-- ACL FUNCTION monitor_org_spend()
REVOKE ALL ON FUNCTION public.monitor_org_spend() FROM PUBLIC;
GRANT ALL ON FUNCTION public.monitor_org_spend() TO ec_monitor;

-- ACL FUNCTION monitor_programs()
REVOKE ALL ON FUNCTION public.monitor_programs() FROM PUBLIC;
GRANT ALL ON FUNCTION public.monitor_programs() TO ec_monitor;

-- ACL FUNCTION monitor_sessions()
REVOKE ALL ON FUNCTION public.monitor_sessions() FROM PUBLIC;
GRANT ALL ON FUNCTION public.monitor_sessions() TO ec_monitor;

-- ACL FUNCTION monitor_standbys()
REVOKE ALL ON FUNCTION public.monitor_standbys() FROM PUBLIC;
GRANT ALL ON FUNCTION public.monitor_standbys() TO ec_monitor;

-- ACL FUNCTION monitor_statements()
REVOKE ALL ON FUNCTION public.monitor_statements() FROM PUBLIC;
GRANT ALL ON FUNCTION public.monitor_statements() TO ec_monitor;

-- ACL FUNCTION newest_versions(wanted uuid[], staff boolean)
REVOKE ALL ON FUNCTION public.newest_versions(wanted uuid[], staff boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.newest_versions(wanted uuid[], staff boolean) TO ec_admin;
GRANT ALL ON FUNCTION public.newest_versions(wanted uuid[], staff boolean) TO ec_educator;
GRANT ALL ON FUNCTION public.newest_versions(wanted uuid[], staff boolean) TO ec_lms;
GRANT ALL ON FUNCTION public.newest_versions(wanted uuid[], staff boolean) TO ec_student;
GRANT ALL ON FUNCTION public.newest_versions(wanted uuid[], staff boolean) TO ec_worker;

-- ACL FUNCTION next_due(hinted uuid)
REVOKE ALL ON FUNCTION public.next_due(hinted uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.next_due(hinted uuid) TO ec_worker;

-- ACL FUNCTION note_asset_report()
REVOKE ALL ON FUNCTION public.note_asset_report() FROM PUBLIC;

-- ACL TABLE ai_responses
GRANT INSERT ON TABLE public.ai_responses TO ec_worker;
GRANT MAINTAIN ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT ON TABLE public.ai_responses TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.ai_responses TO ec_stats;

-- ACL COLUMN ai_responses.id
GRANT SELECT(id) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(id) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(id) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.created_at
GRANT SELECT(created_at) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(created_at) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(created_at) ON TABLE public.ai_responses TO ec_reports;

-- ACL COLUMN ai_responses.org_id
GRANT SELECT(org_id) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(org_id) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(org_id) ON TABLE public.ai_responses TO ec_reports;
GRANT SELECT(org_id) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.submission_id
GRANT SELECT(submission_id) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(submission_id) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(submission_id) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.user_id
GRANT SELECT(user_id) ON TABLE public.ai_responses TO ec_admin;

-- ACL COLUMN ai_responses.pass
GRANT SELECT(pass) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(pass) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(pass) ON TABLE public.ai_responses TO ec_reports;
GRANT SELECT(pass) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.attempt
GRANT SELECT(attempt) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(attempt) ON TABLE public.ai_responses TO ec_clock;

-- ACL COLUMN ai_responses.provider
GRANT SELECT(provider) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(provider) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(provider) ON TABLE public.ai_responses TO ec_reports;
GRANT SELECT(provider) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.model
GRANT SELECT(model) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(model) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(model) ON TABLE public.ai_responses TO ec_reports;
GRANT SELECT(model),UPDATE(model) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.prompt_version
GRANT SELECT(prompt_version) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(prompt_version) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.request_sha256
GRANT SELECT(request_sha256) ON TABLE public.ai_responses TO ec_admin;

-- ACL COLUMN ai_responses.outcome
GRANT SELECT(outcome) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(outcome) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(outcome) ON TABLE public.ai_responses TO ec_reports;
GRANT SELECT(outcome),UPDATE(outcome) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.stop_reason
GRANT SELECT(stop_reason) ON TABLE public.ai_responses TO ec_admin;
GRANT UPDATE(stop_reason) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.raw
GRANT SELECT(raw) ON TABLE public.ai_responses TO ec_admin;
GRANT UPDATE(raw) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.input_tokens
GRANT SELECT(input_tokens) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(input_tokens) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(input_tokens) ON TABLE public.ai_responses TO ec_reports;
GRANT UPDATE(input_tokens) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.output_tokens
GRANT SELECT(output_tokens) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(output_tokens) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(output_tokens) ON TABLE public.ai_responses TO ec_reports;
GRANT UPDATE(output_tokens) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.cache_read_tokens
GRANT SELECT(cache_read_tokens) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(cache_read_tokens) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(cache_read_tokens) ON TABLE public.ai_responses TO ec_reports;
GRANT UPDATE(cache_read_tokens) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.cache_write_tokens
GRANT SELECT(cache_write_tokens) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(cache_write_tokens) ON TABLE public.ai_responses TO ec_clock;
GRANT SELECT(cache_write_tokens) ON TABLE public.ai_responses TO ec_reports;
GRANT UPDATE(cache_write_tokens) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.cost_micros
GRANT SELECT(cost_micros) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(cost_micros) ON TABLE public.ai_responses TO ec_clock;
GRANT UPDATE(cost_micros) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.latency_ms
GRANT SELECT(latency_ms) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(latency_ms) ON TABLE public.ai_responses TO ec_clock;
GRANT UPDATE(latency_ms) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.completed_at
GRANT SELECT(completed_at) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(completed_at) ON TABLE public.ai_responses TO ec_clock;
GRANT UPDATE(completed_at) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.tallied
GRANT SELECT(tallied) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(tallied),UPDATE(tallied) ON TABLE public.ai_responses TO ec_clock;

-- ACL COLUMN ai_responses.reserved_micros
GRANT SELECT(reserved_micros) ON TABLE public.ai_responses TO ec_admin;
GRANT UPDATE(reserved_micros) ON TABLE public.ai_responses TO ec_worker;

-- ACL COLUMN ai_responses.batch
GRANT SELECT(batch) ON TABLE public.ai_responses TO ec_admin;
GRANT SELECT(batch) ON TABLE public.ai_responses TO ec_clock;
GRANT UPDATE(batch) ON TABLE public.ai_responses TO ec_worker;

-- ACL TABLE author_use
GRANT MAINTAIN ON TABLE public.author_use TO ec_clock;
GRANT SELECT ON TABLE public.author_use TO ec_admin;
GRANT SELECT ON TABLE public.author_use TO ec_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.author_use TO ec_stats;

-- ACL FUNCTION note_author_cost(call uuid)
REVOKE ALL ON FUNCTION public.note_author_cost(call uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.note_author_cost(call uuid) TO ec_worker;

-- ACL FUNCTION note_canvas_looks(org uuid, source uuid, since timestamp with time zone, spread interval, most integer)
REVOKE ALL ON FUNCTION public.note_canvas_looks(org uuid, source uuid, since timestamp with time zone, spread interval, most integer) FROM PUBLIC;

-- ACL FUNCTION note_canvas_return()
REVOKE ALL ON FUNCTION public.note_canvas_return() FROM PUBLIC;

-- ACL FUNCTION note_feedback_seconds()
REVOKE ALL ON FUNCTION public.note_feedback_seconds() FROM PUBLIC;

-- ACL FUNCTION note_new_role()
REVOKE ALL ON FUNCTION public.note_new_role() FROM PUBLIC;

-- ACL FUNCTION note_refused()
REVOKE ALL ON FUNCTION public.note_refused() FROM PUBLIC;

-- ACL FUNCTION note_retired(part name)
REVOKE ALL ON FUNCTION public.note_retired(part name) FROM PUBLIC;
GRANT ALL ON FUNCTION public.note_retired(part name) TO ec_owner;

-- ACL FUNCTION note_return()
REVOKE ALL ON FUNCTION public.note_return() FROM PUBLIC;

-- ACL FUNCTION note_score()
REVOKE ALL ON FUNCTION public.note_score() FROM PUBLIC;

-- ACL FUNCTION note_sign_in()
REVOKE ALL ON FUNCTION public.note_sign_in() FROM PUBLIC;

-- ACL FUNCTION note_unenrolled()
REVOKE ALL ON FUNCTION public.note_unenrolled() FROM PUBLIC;

-- ACL FUNCTION note_version()
REVOKE ALL ON FUNCTION public.note_version() FROM PUBLIC;

-- ACL TABLE orgs
GRANT MAINTAIN ON TABLE public.orgs TO ec_clock;
GRANT SELECT ON TABLE public.orgs TO ec_backup;
GRANT SELECT ON TABLE public.orgs TO ec_educator;
GRANT SELECT ON TABLE public.orgs TO ec_lms;
GRANT SELECT ON TABLE public.orgs TO ec_stats;
GRANT SELECT ON TABLE public.orgs TO ec_student;
GRANT SELECT ON TABLE public.orgs TO ec_worker;
GRANT SELECT,INSERT,UPDATE ON TABLE public.orgs TO ec_admin;

-- ACL COLUMN orgs.id
GRANT SELECT(id) ON TABLE public.orgs TO ec_auth;
GRANT SELECT(id) ON TABLE public.orgs TO ec_clock;

-- ACL COLUMN orgs.slug
GRANT SELECT(slug) ON TABLE public.orgs TO ec_auth;
GRANT SELECT(slug) ON TABLE public.orgs TO ec_clock;

-- ACL COLUMN orgs.default_language
GRANT SELECT(default_language) ON TABLE public.orgs TO ec_auth;

-- ACL COLUMN orgs.closed_at
GRANT SELECT(closed_at) ON TABLE public.orgs TO ec_auth;

-- ACL COLUMN orgs.removed_at
GRANT SELECT(removed_at) ON TABLE public.orgs TO ec_auth;

-- ACL COLUMN orgs.admin_networks
GRANT SELECT(admin_networks) ON TABLE public.orgs TO ec_auth;

-- ACL COLUMN orgs.retention_texts
GRANT SELECT(retention_texts) ON TABLE public.orgs TO ec_clock;

-- ACL COLUMN orgs.retention_raw_answers
GRANT SELECT(retention_raw_answers) ON TABLE public.orgs TO ec_clock;

-- ACL COLUMN orgs.retention_deliveries
GRANT SELECT(retention_deliveries) ON TABLE public.orgs TO ec_clock;

-- ACL COLUMN orgs.retention_accounts
GRANT SELECT(retention_accounts) ON TABLE public.orgs TO ec_clock;

-- ACL COLUMN orgs.retention_logs
GRANT SELECT(retention_logs) ON TABLE public.orgs TO ec_clock;

-- ACL COLUMN orgs.legal_hold
GRANT SELECT(legal_hold) ON TABLE public.orgs TO ec_clock;
GRANT UPDATE(legal_hold) ON TABLE public.orgs TO ec_stats;

-- ACL COLUMN orgs.password_roles
GRANT SELECT(password_roles) ON TABLE public.orgs TO ec_auth;

-- ACL COLUMN orgs.second_factor_required
GRANT SELECT(second_factor_required) ON TABLE public.orgs TO ec_auth;

-- ACL COLUMN orgs.step_up
GRANT SELECT(step_up) ON TABLE public.orgs TO ec_auth;

-- ACL FUNCTION on_hold(person uuid)
REVOKE ALL ON FUNCTION public.on_hold(person uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.on_hold(person uuid) TO ec_clock;

-- ACL FUNCTION org_rows()
REVOKE ALL ON FUNCTION public.org_rows() FROM PUBLIC;
GRANT ALL ON FUNCTION public.org_rows() TO ec_admin;

-- ACL FUNCTION org_tables()
REVOKE ALL ON FUNCTION public.org_tables() FROM PUBLIC;

-- ACL FUNCTION own_delivery(delivery uuid, person uuid, sealed_body bytea, sealed_problem bytea)
REVOKE ALL ON FUNCTION public.own_delivery(delivery uuid, person uuid, sealed_body bytea, sealed_problem bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.own_delivery(delivery uuid, person uuid, sealed_body bytea, sealed_problem bytea) TO ec_admin;

-- ACL FUNCTION partition_is_needed(part name, log_days integer, unowned_days integer)
REVOKE ALL ON FUNCTION public.partition_is_needed(part name, log_days integer, unowned_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.partition_is_needed(part name, log_days integer, unowned_days integer) TO ec_owner;

-- ACL TABLE provider_pauses
GRANT MAINTAIN ON TABLE public.provider_pauses TO ec_clock;
GRANT SELECT ON TABLE public.provider_pauses TO ec_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.provider_pauses TO ec_stats;

-- ACL FUNCTION pause_provider(wanted text, why text, pause_seconds double precision)
REVOKE ALL ON FUNCTION public.pause_provider(wanted text, why text, pause_seconds double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION public.pause_provider(wanted text, why text, pause_seconds double precision) TO ec_worker;

-- ACL FUNCTION place_assignment(wanted text, wanted_title text, wanted_course text, wanted_course_name text, may_add boolean, OUT assignment_id uuid, OUT refusal text)
REVOKE ALL ON FUNCTION public.place_assignment(wanted text, wanted_title text, wanted_course text, wanted_course_name text, may_add boolean, OUT assignment_id uuid, OUT refusal text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.place_assignment(wanted text, wanted_title text, wanted_course text, wanted_course_name text, may_add boolean, OUT assignment_id uuid, OUT refusal text) TO ec_lms;

-- ACL FUNCTION place_lms_course(wanted text, wanted_name text)
REVOKE ALL ON FUNCTION public.place_lms_course(wanted text, wanted_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.place_lms_course(wanted text, wanted_name text) TO ec_lms;

-- ACL FUNCTION plan_weekly_summaries(of_week date, most integer)
REVOKE ALL ON FUNCTION public.plan_weekly_summaries(of_week date, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.plan_weekly_summaries(of_week date, most integer) TO ec_clock;

-- ACL FUNCTION provider_gate(wanted text, probe_seconds double precision, OUT wait_seconds double precision, OUT reason text, OUT probe boolean)
REVOKE ALL ON FUNCTION public.provider_gate(wanted text, probe_seconds double precision, OUT wait_seconds double precision, OUT reason text, OUT probe boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.provider_gate(wanted text, probe_seconds double precision, OUT wait_seconds double precision, OUT reason text, OUT probe boolean) TO ec_worker;

-- ACL FUNCTION queue_place(wanted uuid)
REVOKE ALL ON FUNCTION public.queue_place(wanted uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.queue_place(wanted uuid) TO ec_admin;
GRANT ALL ON FUNCTION public.queue_place(wanted uuid) TO ec_educator;
GRANT ALL ON FUNCTION public.queue_place(wanted uuid) TO ec_lms;
GRANT ALL ON FUNCTION public.queue_place(wanted uuid) TO ec_student;

-- ACL FUNCTION read_detached(part name, after uuid, most integer)
REVOKE ALL ON FUNCTION public.read_detached(part name, after uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.read_detached(part name, after uuid, most integer) TO ec_clock;

-- ACL FUNCTION record_duty(duty text, began timestamp with time zone, result text, amount bigint, counts jsonb)
REVOKE ALL ON FUNCTION public.record_duty(duty text, began timestamp with time zone, result text, amount bigint, counts jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.record_duty(duty text, began timestamp with time zone, result text, amount bigint, counts jsonb) TO ec_backup;
GRANT ALL ON FUNCTION public.record_duty(duty text, began timestamp with time zone, result text, amount bigint, counts jsonb) TO ec_clock;
GRANT ALL ON FUNCTION public.record_duty(duty text, began timestamp with time zone, result text, amount bigint, counts jsonb) TO ec_worker;

-- ACL FUNCTION record_heartbeat(beat uuid, of_program text, on_host text, of_pid integer, of_version text, up_seconds double precision, still_seconds double precision, alive integer, busy integer, works boolean)
REVOKE ALL ON FUNCTION public.record_heartbeat(beat uuid, of_program text, on_host text, of_pid integer, of_version text, up_seconds double precision, still_seconds double precision, alive integer, busy integer, works boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.record_heartbeat(beat uuid, of_program text, on_host text, of_pid integer, of_version text, up_seconds double precision, still_seconds double precision, alive integer, busy integer, works boolean) TO ec_clock;
GRANT ALL ON FUNCTION public.record_heartbeat(beat uuid, of_program text, on_host text, of_pid integer, of_version text, up_seconds double precision, still_seconds double precision, alive integer, busy integer, works boolean) TO ec_ingest;
GRANT ALL ON FUNCTION public.record_heartbeat(beat uuid, of_program text, on_host text, of_pid integer, of_version text, up_seconds double precision, still_seconds double precision, alive integer, busy integer, works boolean) TO ec_worker;

-- ACL FUNCTION redeliver(endpoint uuid, wanted uuid, since timestamp with time zone, most integer)
REVOKE ALL ON FUNCTION public.redeliver(endpoint uuid, wanted uuid, since timestamp with time zone, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.redeliver(endpoint uuid, wanted uuid, since timestamp with time zone, most integer) TO ec_admin;

-- ACL FUNCTION referenced_tables(part name)
REVOKE ALL ON FUNCTION public.referenced_tables(part name) FROM PUBLIC;

-- ACL FUNCTION refresh_report(wanted text)
REVOKE ALL ON FUNCTION public.refresh_report(wanted text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.refresh_report(wanted text) TO ec_clock;

-- ACL FUNCTION release_duty(duty text, held_by uuid)
REVOKE ALL ON FUNCTION public.release_duty(duty text, held_by uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.release_duty(duty text, held_by uuid) TO ec_clock;
GRANT ALL ON FUNCTION public.release_duty(duty text, held_by uuid) TO ec_worker;

-- ACL FUNCTION remove_org_rows(most integer)
REVOKE ALL ON FUNCTION public.remove_org_rows(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.remove_org_rows(most integer) TO ec_admin;

-- ACL FUNCTION reopen_provider(wanted text)
REVOKE ALL ON FUNCTION public.reopen_provider(wanted text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.reopen_provider(wanted text) TO ec_worker;

-- ACL FUNCTION replay_arrivals(source uuid, wanted uuid, most integer)
REVOKE ALL ON FUNCTION public.replay_arrivals(source uuid, wanted uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.replay_arrivals(source uuid, wanted uuid, most integer) TO ec_admin;

-- ACL FUNCTION replay_passes(wanted uuid[], into_queue text)
REVOKE ALL ON FUNCTION public.replay_passes(wanted uuid[], into_queue text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.replay_passes(wanted uuid[], into_queue text) TO ec_admin;
GRANT ALL ON FUNCTION public.replay_passes(wanted uuid[], into_queue text) TO ec_clock;
GRANT ALL ON FUNCTION public.replay_passes(wanted uuid[], into_queue text) TO ec_educator;

-- ACL FUNCTION request_approval(wanted text, person uuid)
REVOKE ALL ON FUNCTION public.request_approval(wanted text, person uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.request_approval(wanted text, person uuid) TO ec_admin;

-- ACL FUNCTION request_erasure(person uuid)
REVOKE ALL ON FUNCTION public.request_erasure(person uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.request_erasure(person uuid) TO ec_admin;

-- ACL FUNCTION require_live_session(session_id uuid, wanted_user uuid, wanted_role text, wanted_version integer)
REVOKE ALL ON FUNCTION public.require_live_session(session_id uuid, wanted_user uuid, wanted_role text, wanted_version integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.require_live_session(session_id uuid, wanted_user uuid, wanted_role text, wanted_version integer) TO ec_ingest;

-- ACL FUNCTION require_no_hold()
REVOKE ALL ON FUNCTION public.require_no_hold() FROM PUBLIC;

-- ACL FUNCTION rerun_passes(wanted uuid[], into_queue text)
REVOKE ALL ON FUNCTION public.rerun_passes(wanted uuid[], into_queue text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.rerun_passes(wanted uuid[], into_queue text) TO ec_admin;
GRANT ALL ON FUNCTION public.rerun_passes(wanted uuid[], into_queue text) TO ec_educator;

-- ACL FUNCTION resend_returns(source uuid, wanted uuid, most integer)
REVOKE ALL ON FUNCTION public.resend_returns(source uuid, wanted uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.resend_returns(source uuid, wanted uuid, most integer) TO ec_admin;

-- ACL FUNCTION retention_changed()
REVOKE ALL ON FUNCTION public.retention_changed() FROM PUBLIC;

-- ACL FUNCTION retention_due(wanted text, moment timestamp with time zone, most bigint, held boolean, among uuid[])
REVOKE ALL ON FUNCTION public.retention_due(wanted text, moment timestamp with time zone, most bigint, held boolean, among uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.retention_due(wanted text, moment timestamp with time zone, most bigint, held boolean, among uuid[]) TO ec_admin;
GRANT ALL ON FUNCTION public.retention_due(wanted text, moment timestamp with time zone, most bigint, held boolean, among uuid[]) TO ec_clock;

-- ACL FUNCTION retirable_parent(part name)
REVOKE ALL ON FUNCTION public.retirable_parent(part name) FROM PUBLIC;
GRANT ALL ON FUNCTION public.retirable_parent(part name) TO ec_stats;

-- ACL TABLE feedback
GRANT MAINTAIN ON TABLE public.feedback TO ec_clock;
GRANT SELECT ON TABLE public.feedback TO ec_backup;
GRANT SELECT ON TABLE public.feedback TO ec_lms;
GRANT SELECT ON TABLE public.feedback TO ec_student;
GRANT SELECT,DELETE ON TABLE public.feedback TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.feedback TO ec_admin;
GRANT SELECT,INSERT ON TABLE public.feedback TO ec_educator;
GRANT SELECT,INSERT ON TABLE public.feedback TO ec_worker;

-- ACL COLUMN feedback.id
GRANT SELECT(id) ON TABLE public.feedback TO ec_reports;

-- ACL COLUMN feedback.org_id
GRANT SELECT(org_id) ON TABLE public.feedback TO ec_reports;

-- ACL COLUMN feedback.submission_id
GRANT SELECT(submission_id) ON TABLE public.feedback TO ec_reports;

-- ACL COLUMN feedback.essay_id
GRANT SELECT(essay_id) ON TABLE public.feedback TO ec_reports;

-- ACL COLUMN feedback.user_id
GRANT SELECT(user_id) ON TABLE public.feedback TO ec_reports;

-- ACL COLUMN feedback.pass
GRANT SELECT(pass) ON TABLE public.feedback TO ec_reports;

-- ACL COLUMN feedback.type
GRANT SELECT(type) ON TABLE public.feedback TO ec_reports;

-- ACL COLUMN feedback.kind
GRANT SELECT(kind) ON TABLE public.feedback TO ec_reports;

-- ACL COLUMN feedback.severity
GRANT SELECT(severity) ON TABLE public.feedback TO ec_reports;

-- ACL COLUMN feedback.match
GRANT SELECT(match) ON TABLE public.feedback TO ec_reports;

-- ACL COLUMN feedback.resolution
GRANT SELECT(resolution) ON TABLE public.feedback TO ec_reports;
GRANT UPDATE(resolution) ON TABLE public.feedback TO ec_worker;

-- ACL COLUMN feedback.superseded_at
GRANT SELECT(superseded_at) ON TABLE public.feedback TO ec_reports;
GRANT UPDATE(superseded_at) ON TABLE public.feedback TO ec_worker;

-- ACL TABLE feedback_reactions
GRANT MAINTAIN ON TABLE public.feedback_reactions TO ec_clock;
GRANT SELECT ON TABLE public.feedback_reactions TO ec_admin;
GRANT SELECT ON TABLE public.feedback_reactions TO ec_backup;
GRANT SELECT ON TABLE public.feedback_reactions TO ec_educator;
GRANT SELECT ON TABLE public.feedback_reactions TO ec_lms;
GRANT SELECT ON TABLE public.feedback_reactions TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.feedback_reactions TO ec_stats;
GRANT SELECT,INSERT,DELETE ON TABLE public.feedback_reactions TO ec_student;

-- ACL COLUMN feedback_reactions.org_id
GRANT SELECT(org_id) ON TABLE public.feedback_reactions TO ec_reports;

-- ACL COLUMN feedback_reactions.feedback_id
GRANT SELECT(feedback_id) ON TABLE public.feedback_reactions TO ec_reports;

-- ACL COLUMN feedback_reactions.user_id
GRANT SELECT(user_id) ON TABLE public.feedback_reactions TO ec_reports;

-- ACL COLUMN feedback_reactions.reaction
GRANT SELECT(reaction) ON TABLE public.feedback_reactions TO ec_reports;
GRANT UPDATE(reaction) ON TABLE public.feedback_reactions TO ec_student;

-- ACL COLUMN feedback_reactions.note
GRANT UPDATE(note) ON TABLE public.feedback_reactions TO ec_student;

-- ACL COLUMN feedback_reactions.created_at
GRANT UPDATE(created_at) ON TABLE public.feedback_reactions TO ec_student;

-- ACL TABLE feedback_reviews
GRANT MAINTAIN ON TABLE public.feedback_reviews TO ec_clock;
GRANT SELECT ON TABLE public.feedback_reviews TO ec_backup;
GRANT SELECT ON TABLE public.feedback_reviews TO ec_lms;
GRANT SELECT ON TABLE public.feedback_reviews TO ec_student;
GRANT SELECT ON TABLE public.feedback_reviews TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.feedback_reviews TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.feedback_reviews TO ec_admin;
GRANT SELECT,INSERT ON TABLE public.feedback_reviews TO ec_educator;

-- ACL COLUMN feedback_reviews.id
GRANT SELECT(id) ON TABLE public.feedback_reviews TO ec_reports;

-- ACL COLUMN feedback_reviews.org_id
GRANT SELECT(org_id) ON TABLE public.feedback_reviews TO ec_reports;

-- ACL COLUMN feedback_reviews.feedback_id
GRANT SELECT(feedback_id) ON TABLE public.feedback_reviews TO ec_reports;

-- ACL COLUMN feedback_reviews.decision
GRANT SELECT(decision) ON TABLE public.feedback_reviews TO ec_reports;

-- ACL FUNCTION review_counts()
REVOKE ALL ON FUNCTION public.review_counts() FROM PUBLIC;
GRANT ALL ON FUNCTION public.review_counts() TO ec_worker;

-- ACL FUNCTION sample_versions(since timestamp with time zone, until timestamp with time zone, most integer)
REVOKE ALL ON FUNCTION public.sample_versions(since timestamp with time zone, until timestamp with time zone, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.sample_versions(since timestamp with time zone, until timestamp with time zone, most integer) TO ec_worker;

-- ACL FUNCTION settle_delivery(delivery uuid, student uuid, submission uuid, sealed bytea)
REVOKE ALL ON FUNCTION public.settle_delivery(delivery uuid, student uuid, submission uuid, sealed bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.settle_delivery(delivery uuid, student uuid, submission uuid, sealed bytea) TO ec_lms;

-- ACL FUNCTION spent_this_month()
REVOKE ALL ON FUNCTION public.spent_this_month() FROM PUBLIC;
GRANT ALL ON FUNCTION public.spent_this_month() TO ec_admin;
GRANT ALL ON FUNCTION public.spent_this_month() TO ec_worker;

-- ACL FUNCTION store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], OUT version integer, OUT status text)
REVOKE ALL ON FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], OUT version integer, OUT status text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], OUT version integer, OUT status text) TO ec_admin;
GRANT ALL ON FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], OUT version integer, OUT status text) TO ec_educator;
GRANT ALL ON FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], OUT version integer, OUT status text) TO ec_lms;
GRANT ALL ON FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], OUT version integer, OUT status text) TO ec_student;

-- ACL FUNCTION store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean, via_html boolean, pictures integer, OUT version integer, OUT status text)
REVOKE ALL ON FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean, via_html boolean, pictures integer, OUT version integer, OUT status text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean, via_html boolean, pictures integer, OUT version integer, OUT status text) TO ec_admin;
GRANT ALL ON FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean, via_html boolean, pictures integer, OUT version integer, OUT status text) TO ec_educator;
GRANT ALL ON FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean, via_html boolean, pictures integer, OUT version integer, OUT status text) TO ec_lms;
GRANT ALL ON FUNCTION public.store_version(author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea, submission uuid, submitted timestamp with time zone, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea, character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean, via_html boolean, pictures integer, OUT version integer, OUT status text) TO ec_student;

-- ACL FUNCTION submission_comments(wanted uuid, pass_order text[])
REVOKE ALL ON FUNCTION public.submission_comments(wanted uuid, pass_order text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.submission_comments(wanted uuid, pass_order text[]) TO ec_admin;
GRANT ALL ON FUNCTION public.submission_comments(wanted uuid, pass_order text[]) TO ec_educator;
GRANT ALL ON FUNCTION public.submission_comments(wanted uuid, pass_order text[]) TO ec_lms;
GRANT ALL ON FUNCTION public.submission_comments(wanted uuid, pass_order text[]) TO ec_student;
GRANT ALL ON FUNCTION public.submission_comments(wanted uuid, pass_order text[]) TO ec_worker;

-- ACL FUNCTION submission_reactions(wanted uuid)
REVOKE ALL ON FUNCTION public.submission_reactions(wanted uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.submission_reactions(wanted uuid) TO ec_admin;
GRANT ALL ON FUNCTION public.submission_reactions(wanted uuid) TO ec_educator;
GRANT ALL ON FUNCTION public.submission_reactions(wanted uuid) TO ec_lms;
GRANT ALL ON FUNCTION public.submission_reactions(wanted uuid) TO ec_student;
GRANT ALL ON FUNCTION public.submission_reactions(wanted uuid) TO ec_worker;

-- ACL FUNCTION submission_results(wanted uuid)
REVOKE ALL ON FUNCTION public.submission_results(wanted uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.submission_results(wanted uuid) TO ec_admin;
GRANT ALL ON FUNCTION public.submission_results(wanted uuid) TO ec_educator;
GRANT ALL ON FUNCTION public.submission_results(wanted uuid) TO ec_lms;
GRANT ALL ON FUNCTION public.submission_results(wanted uuid) TO ec_student;
GRANT ALL ON FUNCTION public.submission_results(wanted uuid) TO ec_worker;

-- ACL FUNCTION submission_reviews(wanted uuid)
REVOKE ALL ON FUNCTION public.submission_reviews(wanted uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.submission_reviews(wanted uuid) TO ec_admin;
GRANT ALL ON FUNCTION public.submission_reviews(wanted uuid) TO ec_educator;
GRANT ALL ON FUNCTION public.submission_reviews(wanted uuid) TO ec_lms;
GRANT ALL ON FUNCTION public.submission_reviews(wanted uuid) TO ec_student;
GRANT ALL ON FUNCTION public.submission_reviews(wanted uuid) TO ec_worker;

-- ACL FUNCTION submission_status(wanted uuid, tenant uuid, pass_order text[], with_place boolean)
REVOKE ALL ON FUNCTION public.submission_status(wanted uuid, tenant uuid, pass_order text[], with_place boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.submission_status(wanted uuid, tenant uuid, pass_order text[], with_place boolean) TO ec_admin;
GRANT ALL ON FUNCTION public.submission_status(wanted uuid, tenant uuid, pass_order text[], with_place boolean) TO ec_educator;
GRANT ALL ON FUNCTION public.submission_status(wanted uuid, tenant uuid, pass_order text[], with_place boolean) TO ec_lms;
GRANT ALL ON FUNCTION public.submission_status(wanted uuid, tenant uuid, pass_order text[], with_place boolean) TO ec_student;
GRANT ALL ON FUNCTION public.submission_status(wanted uuid, tenant uuid, pass_order text[], with_place boolean) TO ec_worker;

-- ACL FUNCTION submission_text(wanted uuid)
REVOKE ALL ON FUNCTION public.submission_text(wanted uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.submission_text(wanted uuid) TO ec_admin;
GRANT ALL ON FUNCTION public.submission_text(wanted uuid) TO ec_educator;
GRANT ALL ON FUNCTION public.submission_text(wanted uuid) TO ec_lms;
GRANT ALL ON FUNCTION public.submission_text(wanted uuid) TO ec_student;
GRANT ALL ON FUNCTION public.submission_text(wanted uuid) TO ec_worker;

-- ACL FUNCTION supersede_feedback(tenant uuid, wanted uuid, pass_name text, amount integer)
REVOKE ALL ON FUNCTION public.supersede_feedback(tenant uuid, wanted uuid, pass_name text, amount integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.supersede_feedback(tenant uuid, wanted uuid, pass_name text, amount integer) TO ec_worker;

-- ACL FUNCTION suspect_may_run()
REVOKE ALL ON FUNCTION public.suspect_may_run() FROM PUBLIC;
GRANT ALL ON FUNCTION public.suspect_may_run() TO ec_worker;

-- ACL FUNCTION take_expired(wanted text, most integer)
REVOKE ALL ON FUNCTION public.take_expired(wanted text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.take_expired(wanted text, most integer) TO ec_clock;

-- ACL FUNCTION take_notices(notices jsonb)
REVOKE ALL ON FUNCTION public.take_notices(notices jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.take_notices(notices jsonb) TO ec_lms;

-- ACL FUNCTION trip_if_failing(wanted text, why text, probed boolean)
REVOKE ALL ON FUNCTION public.trip_if_failing(wanted text, why text, probed boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.trip_if_failing(wanted text, why text, probed boolean) TO ec_worker;

-- ACL FUNCTION unlist_earlier_versions()
REVOKE ALL ON FUNCTION public.unlist_earlier_versions() FROM PUBLIC;

-- ACL FUNCTION unlist_superseded_comment()
REVOKE ALL ON FUNCTION public.unlist_superseded_comment() FROM PUBLIC;

-- ACL FUNCTION use_approval(wanted text, person uuid)
REVOKE ALL ON FUNCTION public.use_approval(wanted text, person uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.use_approval(wanted text, person uuid) TO ec_admin;

-- ACL FUNCTION uuid7_floor(moment timestamp with time zone)
REVOKE ALL ON FUNCTION public.uuid7_floor(moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.uuid7_floor(moment timestamp with time zone) TO ec_admin;
GRANT ALL ON FUNCTION public.uuid7_floor(moment timestamp with time zone) TO ec_clock;
GRANT ALL ON FUNCTION public.uuid7_floor(moment timestamp with time zone) TO ec_monitor;
GRANT ALL ON FUNCTION public.uuid7_floor(moment timestamp with time zone) TO ec_stats;

-- ACL FUNCTION version_place(author uuid, wanted_assignment uuid, wanted_essay uuid, wanted_category text, wanted_external_id text, OUT submission_id uuid, OUT new_essay_id uuid, OUT pass_ids uuid[], OUT now timestamp with time zone, OUT wrapped bytea, OUT master_key_id text, OUT default_language text, OUT release_policy text, OUT assignment_id uuid, OUT course_id uuid, OUT category_known boolean, OUT category_id uuid, OUT essay_id uuid, OUT essay_assignment_id uuid, OUT assignment_missing boolean)
REVOKE ALL ON FUNCTION public.version_place(author uuid, wanted_assignment uuid, wanted_essay uuid, wanted_category text, wanted_external_id text, OUT submission_id uuid, OUT new_essay_id uuid, OUT pass_ids uuid[], OUT now timestamp with time zone, OUT wrapped bytea, OUT master_key_id text, OUT default_language text, OUT release_policy text, OUT assignment_id uuid, OUT course_id uuid, OUT category_known boolean, OUT category_id uuid, OUT essay_id uuid, OUT essay_assignment_id uuid, OUT assignment_missing boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.version_place(author uuid, wanted_assignment uuid, wanted_essay uuid, wanted_category text, wanted_external_id text, OUT submission_id uuid, OUT new_essay_id uuid, OUT pass_ids uuid[], OUT now timestamp with time zone, OUT wrapped bytea, OUT master_key_id text, OUT default_language text, OUT release_policy text, OUT assignment_id uuid, OUT course_id uuid, OUT category_known boolean, OUT category_id uuid, OUT essay_id uuid, OUT essay_assignment_id uuid, OUT assignment_missing boolean) TO ec_admin;
GRANT ALL ON FUNCTION public.version_place(author uuid, wanted_assignment uuid, wanted_essay uuid, wanted_category text, wanted_external_id text, OUT submission_id uuid, OUT new_essay_id uuid, OUT pass_ids uuid[], OUT now timestamp with time zone, OUT wrapped bytea, OUT master_key_id text, OUT default_language text, OUT release_policy text, OUT assignment_id uuid, OUT course_id uuid, OUT category_known boolean, OUT category_id uuid, OUT essay_id uuid, OUT essay_assignment_id uuid, OUT assignment_missing boolean) TO ec_educator;
GRANT ALL ON FUNCTION public.version_place(author uuid, wanted_assignment uuid, wanted_essay uuid, wanted_category text, wanted_external_id text, OUT submission_id uuid, OUT new_essay_id uuid, OUT pass_ids uuid[], OUT now timestamp with time zone, OUT wrapped bytea, OUT master_key_id text, OUT default_language text, OUT release_policy text, OUT assignment_id uuid, OUT course_id uuid, OUT category_known boolean, OUT category_id uuid, OUT essay_id uuid, OUT essay_assignment_id uuid, OUT assignment_missing boolean) TO ec_lms;
GRANT ALL ON FUNCTION public.version_place(author uuid, wanted_assignment uuid, wanted_essay uuid, wanted_category text, wanted_external_id text, OUT submission_id uuid, OUT new_essay_id uuid, OUT pass_ids uuid[], OUT now timestamp with time zone, OUT wrapped bytea, OUT master_key_id text, OUT default_language text, OUT release_policy text, OUT assignment_id uuid, OUT course_id uuid, OUT category_known boolean, OUT category_id uuid, OUT essay_id uuid, OUT essay_assignment_id uuid, OUT assignment_missing boolean) TO ec_student;

-- ACL FUNCTION version_task(tenant uuid, wanted uuid)
REVOKE ALL ON FUNCTION public.version_task(tenant uuid, wanted uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.version_task(tenant uuid, wanted uuid) TO ec_worker;

-- ACL FUNCTION wait_bounds()
REVOKE ALL ON FUNCTION public.wait_bounds() FROM PUBLIC;
GRANT ALL ON FUNCTION public.wait_bounds() TO ec_admin;
GRANT ALL ON FUNCTION public.wait_bounds() TO ec_clock;
GRANT ALL ON FUNCTION public.wait_bounds() TO ec_educator;
GRANT ALL ON FUNCTION public.wait_bounds() TO ec_monitor;
GRANT ALL ON FUNCTION public.wait_bounds() TO ec_reports;
GRANT ALL ON FUNCTION public.wait_bounds() TO ec_stats;

-- ACL TABLE ai_responses_default
GRANT MAINTAIN ON TABLE public.ai_responses_default TO ec_clock;
GRANT SELECT ON TABLE public.ai_responses_default TO ec_backup;
GRANT SELECT ON TABLE public.ai_responses_default TO ec_stats;

-- ACL TABLE analytics
GRANT INSERT ON TABLE public.analytics TO ec_lms;
GRANT MAINTAIN ON TABLE public.analytics TO ec_clock;
GRANT SELECT ON TABLE public.analytics TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.analytics TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.analytics TO ec_admin;
GRANT SELECT,INSERT ON TABLE public.analytics TO ec_educator;
GRANT SELECT,INSERT ON TABLE public.analytics TO ec_student;

-- ACL TABLE analytics_default
GRANT MAINTAIN ON TABLE public.analytics_default TO ec_clock;
GRANT SELECT ON TABLE public.analytics_default TO ec_backup;
GRANT SELECT ON TABLE public.analytics_default TO ec_stats;

-- ACL TABLE api_keys
GRANT INSERT ON TABLE public.api_keys TO ec_admin;
GRANT MAINTAIN ON TABLE public.api_keys TO ec_clock;
GRANT SELECT ON TABLE public.api_keys TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.api_keys TO ec_stats;

-- ACL COLUMN api_keys.id
GRANT SELECT(id) ON TABLE public.api_keys TO ec_admin;
GRANT SELECT(id) ON TABLE public.api_keys TO ec_auth;

-- ACL COLUMN api_keys.org_id
GRANT SELECT(org_id) ON TABLE public.api_keys TO ec_admin;
GRANT SELECT(org_id) ON TABLE public.api_keys TO ec_auth;

-- ACL COLUMN api_keys.name
GRANT SELECT(name),UPDATE(name) ON TABLE public.api_keys TO ec_admin;

-- ACL COLUMN api_keys.prefix
GRANT SELECT(prefix) ON TABLE public.api_keys TO ec_admin;

-- ACL COLUMN api_keys.digest
GRANT SELECT(digest) ON TABLE public.api_keys TO ec_auth;

-- ACL COLUMN api_keys.expires_at
GRANT SELECT(expires_at) ON TABLE public.api_keys TO ec_auth;
GRANT SELECT(expires_at),UPDATE(expires_at) ON TABLE public.api_keys TO ec_admin;

-- ACL COLUMN api_keys.revoked_at
GRANT SELECT(revoked_at) ON TABLE public.api_keys TO ec_auth;
GRANT SELECT(revoked_at),UPDATE(revoked_at) ON TABLE public.api_keys TO ec_admin;

-- ACL COLUMN api_keys.created_at
GRANT SELECT(created_at) ON TABLE public.api_keys TO ec_admin;

-- ACL COLUMN api_keys.scopes
GRANT SELECT(scopes) ON TABLE public.api_keys TO ec_auth;
GRANT SELECT(scopes),UPDATE(scopes) ON TABLE public.api_keys TO ec_admin;

-- ACL COLUMN api_keys.last_used_on
GRANT SELECT(last_used_on) ON TABLE public.api_keys TO ec_admin;
GRANT SELECT(last_used_on),UPDATE(last_used_on) ON TABLE public.api_keys TO ec_auth;

-- ACL COLUMN api_keys.creates_courses
GRANT SELECT(creates_courses),UPDATE(creates_courses) ON TABLE public.api_keys TO ec_admin;

-- ACL COLUMN api_keys.networks
GRANT SELECT(networks) ON TABLE public.api_keys TO ec_auth;
GRANT SELECT(networks),UPDATE(networks) ON TABLE public.api_keys TO ec_admin;

-- ACL TABLE arrivals
GRANT MAINTAIN ON TABLE public.arrivals TO ec_clock;
GRANT SELECT ON TABLE public.arrivals TO ec_admin;
GRANT SELECT ON TABLE public.arrivals TO ec_backup;
GRANT SELECT ON TABLE public.arrivals TO ec_lms;
GRANT SELECT ON TABLE public.arrivals TO ec_worker;
GRANT SELECT,INSERT,DELETE ON TABLE public.arrivals TO ec_stats;

-- ACL COLUMN arrivals.id
GRANT SELECT(id) ON TABLE public.arrivals TO ec_clock;

-- ACL COLUMN arrivals.org_id
GRANT INSERT(org_id) ON TABLE public.arrivals TO ec_lms;
GRANT INSERT(org_id) ON TABLE public.arrivals TO ec_worker;
GRANT SELECT(org_id) ON TABLE public.arrivals TO ec_clock;

-- ACL COLUMN arrivals.source_id
GRANT INSERT(source_id) ON TABLE public.arrivals TO ec_lms;
GRANT INSERT(source_id) ON TABLE public.arrivals TO ec_worker;
GRANT SELECT(source_id) ON TABLE public.arrivals TO ec_clock;

-- ACL COLUMN arrivals.version_key
GRANT INSERT(version_key) ON TABLE public.arrivals TO ec_lms;
GRANT INSERT(version_key) ON TABLE public.arrivals TO ec_worker;

-- ACL COLUMN arrivals.place
GRANT INSERT(place) ON TABLE public.arrivals TO ec_lms;
GRANT INSERT(place),UPDATE(place) ON TABLE public.arrivals TO ec_worker;
GRANT UPDATE(place) ON TABLE public.arrivals TO ec_stats;

-- ACL COLUMN arrivals.changed_at
GRANT INSERT(changed_at) ON TABLE public.arrivals TO ec_lms;
GRANT INSERT(changed_at) ON TABLE public.arrivals TO ec_worker;

-- ACL COLUMN arrivals.submission_id
GRANT UPDATE(submission_id) ON TABLE public.arrivals TO ec_lms;

-- ACL COLUMN arrivals.state
GRANT SELECT(state),UPDATE(state) ON TABLE public.arrivals TO ec_clock;
GRANT UPDATE(state) ON TABLE public.arrivals TO ec_lms;
GRANT UPDATE(state) ON TABLE public.arrivals TO ec_stats;
GRANT UPDATE(state) ON TABLE public.arrivals TO ec_worker;

-- ACL COLUMN arrivals.attempt
GRANT SELECT(attempt) ON TABLE public.arrivals TO ec_clock;
GRANT UPDATE(attempt) ON TABLE public.arrivals TO ec_lms;
GRANT UPDATE(attempt) ON TABLE public.arrivals TO ec_stats;
GRANT UPDATE(attempt) ON TABLE public.arrivals TO ec_worker;

-- ACL COLUMN arrivals.fence
GRANT UPDATE(fence) ON TABLE public.arrivals TO ec_worker;

-- ACL COLUMN arrivals.next_at
GRANT SELECT(next_at),UPDATE(next_at) ON TABLE public.arrivals TO ec_clock;
GRANT UPDATE(next_at) ON TABLE public.arrivals TO ec_lms;
GRANT UPDATE(next_at) ON TABLE public.arrivals TO ec_stats;
GRANT UPDATE(next_at) ON TABLE public.arrivals TO ec_worker;

-- ACL COLUMN arrivals.hinted_at
GRANT SELECT(hinted_at),UPDATE(hinted_at) ON TABLE public.arrivals TO ec_clock;

-- ACL COLUMN arrivals.lease_until
GRANT SELECT(lease_until),UPDATE(lease_until) ON TABLE public.arrivals TO ec_clock;
GRANT UPDATE(lease_until) ON TABLE public.arrivals TO ec_lms;
GRANT UPDATE(lease_until) ON TABLE public.arrivals TO ec_worker;

-- ACL COLUMN arrivals.started_at
GRANT SELECT(started_at) ON TABLE public.arrivals TO ec_clock;
GRANT UPDATE(started_at) ON TABLE public.arrivals TO ec_worker;

-- ACL COLUMN arrivals.finished_at
GRANT UPDATE(finished_at) ON TABLE public.arrivals TO ec_clock;
GRANT UPDATE(finished_at) ON TABLE public.arrivals TO ec_lms;
GRANT UPDATE(finished_at) ON TABLE public.arrivals TO ec_stats;
GRANT UPDATE(finished_at) ON TABLE public.arrivals TO ec_worker;

-- ACL COLUMN arrivals.error
GRANT UPDATE(error) ON TABLE public.arrivals TO ec_clock;
GRANT UPDATE(error) ON TABLE public.arrivals TO ec_lms;
GRANT UPDATE(error) ON TABLE public.arrivals TO ec_stats;
GRANT UPDATE(error) ON TABLE public.arrivals TO ec_worker;

-- ACL TABLE asset_activities
GRANT MAINTAIN ON TABLE public.asset_activities TO ec_clock;
GRANT SELECT ON TABLE public.asset_activities TO ec_admin;
GRANT SELECT ON TABLE public.asset_activities TO ec_backup;
GRANT SELECT ON TABLE public.asset_activities TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.asset_activities TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.asset_activities TO ec_lms;

-- ACL COLUMN asset_activities.title
GRANT UPDATE(title) ON TABLE public.asset_activities TO ec_lms;

-- ACL COLUMN asset_activities.report_url
GRANT UPDATE(report_url) ON TABLE public.asset_activities TO ec_lms;

-- ACL COLUMN asset_activities.report_scopes
GRANT UPDATE(report_scopes) ON TABLE public.asset_activities TO ec_lms;

-- ACL TABLE assignments
GRANT MAINTAIN ON TABLE public.assignments TO ec_clock;
GRANT SELECT ON TABLE public.assignments TO ec_backup;
GRANT SELECT ON TABLE public.assignments TO ec_lms;
GRANT SELECT ON TABLE public.assignments TO ec_student;
GRANT SELECT ON TABLE public.assignments TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.assignments TO ec_manager;
GRANT SELECT,DELETE ON TABLE public.assignments TO ec_stats;
GRANT SELECT,INSERT,DELETE ON TABLE public.assignments TO ec_educator;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assignments TO ec_admin;

-- ACL COLUMN assignments.id
GRANT INSERT(id) ON TABLE public.assignments TO ec_manager;

-- ACL COLUMN assignments.org_id
GRANT INSERT(org_id) ON TABLE public.assignments TO ec_manager;
GRANT INSERT(org_id) ON TABLE public.assignments TO ec_stats;

-- ACL COLUMN assignments.course_id
GRANT INSERT(course_id) ON TABLE public.assignments TO ec_manager;
GRANT INSERT(course_id) ON TABLE public.assignments TO ec_stats;

-- ACL COLUMN assignments.title
GRANT INSERT(title) ON TABLE public.assignments TO ec_stats;
GRANT INSERT(title),UPDATE(title) ON TABLE public.assignments TO ec_manager;
GRANT UPDATE(title) ON TABLE public.assignments TO ec_educator;

-- ACL COLUMN assignments.prompt
GRANT INSERT(prompt),UPDATE(prompt) ON TABLE public.assignments TO ec_manager;
GRANT UPDATE(prompt) ON TABLE public.assignments TO ec_educator;

-- ACL COLUMN assignments.due_at
GRANT INSERT(due_at),UPDATE(due_at) ON TABLE public.assignments TO ec_manager;
GRANT UPDATE(due_at) ON TABLE public.assignments TO ec_educator;

-- ACL COLUMN assignments.release_policy
GRANT INSERT(release_policy),UPDATE(release_policy) ON TABLE public.assignments TO ec_manager;
GRANT UPDATE(release_policy) ON TABLE public.assignments TO ec_educator;

-- ACL COLUMN assignments.category_id
GRANT INSERT(category_id),UPDATE(category_id) ON TABLE public.assignments TO ec_manager;
GRANT UPDATE(category_id) ON TABLE public.assignments TO ec_educator;

-- ACL COLUMN assignments.rubric_id
GRANT INSERT(rubric_id),UPDATE(rubric_id) ON TABLE public.assignments TO ec_manager;
GRANT UPDATE(rubric_id) ON TABLE public.assignments TO ec_educator;

-- ACL COLUMN assignments.external_id
GRANT INSERT(external_id) ON TABLE public.assignments TO ec_stats;
GRANT INSERT(external_id),UPDATE(external_id) ON TABLE public.assignments TO ec_manager;
GRANT UPDATE(external_id) ON TABLE public.assignments TO ec_educator;

-- ACL COLUMN assignments.source_id
GRANT INSERT(source_id) ON TABLE public.assignments TO ec_stats;

-- ACL TABLE audit_heads
GRANT SELECT ON TABLE public.audit_heads TO ec_backup;
GRANT SELECT,INSERT,UPDATE ON TABLE public.audit_heads TO ec_stats;
GRANT SELECT,MAINTAIN ON TABLE public.audit_heads TO ec_clock;

-- ACL TABLE audit_log_default
GRANT MAINTAIN ON TABLE public.audit_log_default TO ec_clock;
GRANT SELECT ON TABLE public.audit_log_default TO ec_backup;
GRANT SELECT ON TABLE public.audit_log_default TO ec_stats;

-- ACL TABLE blessings
GRANT MAINTAIN ON TABLE public.blessings TO ec_clock;
GRANT SELECT ON TABLE public.blessings TO ec_admin;
GRANT SELECT ON TABLE public.blessings TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.blessings TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.blessings TO ec_worker;

-- ACL TABLE canvas_sites
GRANT MAINTAIN ON TABLE public.canvas_sites TO ec_clock;
GRANT SELECT ON TABLE public.canvas_sites TO ec_backup;
GRANT SELECT ON TABLE public.canvas_sites TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.canvas_sites TO ec_stats;

-- ACL COLUMN canvas_sites.id
GRANT SELECT(id) ON TABLE public.canvas_sites TO ec_keys;
GRANT SELECT(id) ON TABLE public.canvas_sites TO ec_lms;
GRANT SELECT(id),INSERT(id) ON TABLE public.canvas_sites TO ec_admin;

-- ACL COLUMN canvas_sites.org_id
GRANT SELECT(org_id) ON TABLE public.canvas_sites TO ec_keys;
GRANT SELECT(org_id) ON TABLE public.canvas_sites TO ec_lms;
GRANT SELECT(org_id),INSERT(org_id) ON TABLE public.canvas_sites TO ec_admin;

-- ACL COLUMN canvas_sites.site
GRANT SELECT(site),INSERT(site) ON TABLE public.canvas_sites TO ec_admin;

-- ACL COLUMN canvas_sites.token
GRANT INSERT(token),UPDATE(token) ON TABLE public.canvas_sites TO ec_admin;
GRANT SELECT(token),UPDATE(token) ON TABLE public.canvas_sites TO ec_keys;

-- ACL COLUMN canvas_sites.root_account_uuid
GRANT SELECT(root_account_uuid),INSERT(root_account_uuid),UPDATE(root_account_uuid) ON TABLE public.canvas_sites TO ec_admin;
GRANT SELECT(root_account_uuid),UPDATE(root_account_uuid) ON TABLE public.canvas_sites TO ec_lms;

-- ACL COLUMN canvas_sites.jwks_url
GRANT SELECT(jwks_url) ON TABLE public.canvas_sites TO ec_lms;
GRANT SELECT(jwks_url),INSERT(jwks_url),UPDATE(jwks_url) ON TABLE public.canvas_sites TO ec_admin;

-- ACL COLUMN canvas_sites.returns
GRANT SELECT(returns),INSERT(returns),UPDATE(returns) ON TABLE public.canvas_sites TO ec_admin;

-- ACL COLUMN canvas_sites.pages_url
GRANT SELECT(pages_url),INSERT(pages_url),UPDATE(pages_url) ON TABLE public.canvas_sites TO ec_admin;

-- ACL COLUMN canvas_sites.created_at
GRANT SELECT(created_at) ON TABLE public.canvas_sites TO ec_admin;
GRANT SELECT(created_at) ON TABLE public.canvas_sites TO ec_lms;

-- ACL COLUMN canvas_sites.heard_at
GRANT SELECT(heard_at) ON TABLE public.canvas_sites TO ec_admin;
GRANT SELECT(heard_at),UPDATE(heard_at) ON TABLE public.canvas_sites TO ec_lms;

-- ACL COLUMN canvas_sites.looked_back_at
GRANT UPDATE(looked_back_at) ON TABLE public.canvas_sites TO ec_stats;

-- ACL TABLE categories
GRANT MAINTAIN ON TABLE public.categories TO ec_clock;
GRANT SELECT ON TABLE public.categories TO ec_backup;
GRANT SELECT ON TABLE public.categories TO ec_educator;
GRANT SELECT ON TABLE public.categories TO ec_lms;
GRANT SELECT ON TABLE public.categories TO ec_manager;
GRANT SELECT ON TABLE public.categories TO ec_student;
GRANT SELECT ON TABLE public.categories TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.categories TO ec_stats;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.categories TO ec_admin;

-- ACL TABLE courses
GRANT MAINTAIN ON TABLE public.courses TO ec_clock;
GRANT SELECT ON TABLE public.courses TO ec_backup;
GRANT SELECT ON TABLE public.courses TO ec_educator;
GRANT SELECT ON TABLE public.courses TO ec_lms;
GRANT SELECT ON TABLE public.courses TO ec_student;
GRANT SELECT,DELETE ON TABLE public.courses TO ec_manager;
GRANT SELECT,DELETE ON TABLE public.courses TO ec_stats;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.courses TO ec_admin;

-- ACL COLUMN courses.id
GRANT INSERT(id) ON TABLE public.courses TO ec_manager;
GRANT SELECT(id) ON TABLE public.courses TO ec_reports;

-- ACL COLUMN courses.org_id
GRANT INSERT(org_id) ON TABLE public.courses TO ec_manager;
GRANT INSERT(org_id) ON TABLE public.courses TO ec_stats;
GRANT SELECT(org_id) ON TABLE public.courses TO ec_reports;

-- ACL COLUMN courses.name
GRANT INSERT(name) ON TABLE public.courses TO ec_stats;
GRANT INSERT(name),UPDATE(name) ON TABLE public.courses TO ec_manager;
GRANT SELECT(name) ON TABLE public.courses TO ec_reports;

-- ACL COLUMN courses.external_id
GRANT INSERT(external_id) ON TABLE public.courses TO ec_stats;
GRANT INSERT(external_id),UPDATE(external_id) ON TABLE public.courses TO ec_manager;

-- ACL COLUMN courses.archived_at
GRANT SELECT(archived_at) ON TABLE public.courses TO ec_reports;
GRANT UPDATE(archived_at) ON TABLE public.courses TO ec_manager;

-- ACL COLUMN courses.source_id
GRANT INSERT(source_id) ON TABLE public.courses TO ec_stats;

-- ACL TABLE criterion_results
GRANT MAINTAIN ON TABLE public.criterion_results TO ec_clock;
GRANT SELECT ON TABLE public.criterion_results TO ec_admin;
GRANT SELECT ON TABLE public.criterion_results TO ec_backup;
GRANT SELECT ON TABLE public.criterion_results TO ec_educator;
GRANT SELECT ON TABLE public.criterion_results TO ec_lms;
GRANT SELECT ON TABLE public.criterion_results TO ec_student;
GRANT SELECT,DELETE ON TABLE public.criterion_results TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.criterion_results TO ec_worker;

-- ACL COLUMN criterion_results.org_id
GRANT SELECT(org_id) ON TABLE public.criterion_results TO ec_reports;

-- ACL COLUMN criterion_results.submission_id
GRANT SELECT(submission_id) ON TABLE public.criterion_results TO ec_reports;

-- ACL COLUMN criterion_results.criterion_id
GRANT SELECT(criterion_id) ON TABLE public.criterion_results TO ec_reports;

-- ACL COLUMN criterion_results.pass
GRANT SELECT(pass) ON TABLE public.criterion_results TO ec_reports;

-- ACL COLUMN criterion_results.level
GRANT SELECT(level) ON TABLE public.criterion_results TO ec_reports;

-- ACL COLUMN criterion_results.points
GRANT SELECT(points) ON TABLE public.criterion_results TO ec_reports;

-- ACL COLUMN criterion_results.max_points
GRANT SELECT(max_points) ON TABLE public.criterion_results TO ec_reports;

-- ACL COLUMN criterion_results.superseded_at
GRANT SELECT(superseded_at) ON TABLE public.criterion_results TO ec_reports;
GRANT UPDATE(superseded_at) ON TABLE public.criterion_results TO ec_worker;

-- ACL TABLE deliveries
GRANT DELETE,MAINTAIN ON TABLE public.deliveries TO ec_clock;
GRANT SELECT ON TABLE public.deliveries TO ec_admin;
GRANT SELECT ON TABLE public.deliveries TO ec_backup;
GRANT SELECT ON TABLE public.deliveries TO ec_worker;
GRANT SELECT,INSERT,DELETE ON TABLE public.deliveries TO ec_stats;

-- ACL COLUMN deliveries.id
GRANT INSERT(id) ON TABLE public.deliveries TO ec_admin;
GRANT SELECT(id) ON TABLE public.deliveries TO ec_clock;

-- ACL COLUMN deliveries.org_id
GRANT INSERT(org_id) ON TABLE public.deliveries TO ec_admin;
GRANT SELECT(org_id) ON TABLE public.deliveries TO ec_clock;

-- ACL COLUMN deliveries.endpoint_id
GRANT INSERT(endpoint_id) ON TABLE public.deliveries TO ec_admin;
GRANT SELECT(endpoint_id) ON TABLE public.deliveries TO ec_clock;

-- ACL COLUMN deliveries.event
GRANT INSERT(event) ON TABLE public.deliveries TO ec_admin;

-- ACL COLUMN deliveries.data
GRANT INSERT(data) ON TABLE public.deliveries TO ec_admin;

-- ACL COLUMN deliveries.state
GRANT SELECT(state),UPDATE(state) ON TABLE public.deliveries TO ec_clock;
GRANT UPDATE(state) ON TABLE public.deliveries TO ec_stats;
GRANT UPDATE(state) ON TABLE public.deliveries TO ec_worker;

-- ACL COLUMN deliveries.attempt
GRANT SELECT(attempt) ON TABLE public.deliveries TO ec_clock;
GRANT UPDATE(attempt) ON TABLE public.deliveries TO ec_stats;
GRANT UPDATE(attempt) ON TABLE public.deliveries TO ec_worker;

-- ACL COLUMN deliveries.fence
GRANT UPDATE(fence) ON TABLE public.deliveries TO ec_worker;

-- ACL COLUMN deliveries.next_at
GRANT SELECT(next_at),UPDATE(next_at) ON TABLE public.deliveries TO ec_clock;
GRANT UPDATE(next_at) ON TABLE public.deliveries TO ec_stats;
GRANT UPDATE(next_at) ON TABLE public.deliveries TO ec_worker;

-- ACL COLUMN deliveries.hinted_at
GRANT SELECT(hinted_at),UPDATE(hinted_at) ON TABLE public.deliveries TO ec_clock;

-- ACL COLUMN deliveries.lease_until
GRANT SELECT(lease_until),UPDATE(lease_until) ON TABLE public.deliveries TO ec_clock;
GRANT UPDATE(lease_until) ON TABLE public.deliveries TO ec_worker;

-- ACL COLUMN deliveries.started_at
GRANT SELECT(started_at) ON TABLE public.deliveries TO ec_clock;
GRANT UPDATE(started_at) ON TABLE public.deliveries TO ec_worker;

-- ACL COLUMN deliveries.finished_at
GRANT UPDATE(finished_at) ON TABLE public.deliveries TO ec_clock;
GRANT UPDATE(finished_at) ON TABLE public.deliveries TO ec_stats;
GRANT UPDATE(finished_at) ON TABLE public.deliveries TO ec_worker;

-- ACL COLUMN deliveries.error
GRANT UPDATE(error) ON TABLE public.deliveries TO ec_clock;
GRANT UPDATE(error) ON TABLE public.deliveries TO ec_stats;
GRANT UPDATE(error) ON TABLE public.deliveries TO ec_worker;

-- ACL COLUMN deliveries.http_status
GRANT UPDATE(http_status) ON TABLE public.deliveries TO ec_stats;
GRANT UPDATE(http_status) ON TABLE public.deliveries TO ec_worker;

-- ACL TABLE deliveries_default
GRANT MAINTAIN ON TABLE public.deliveries_default TO ec_clock;
GRANT SELECT ON TABLE public.deliveries_default TO ec_backup;
GRANT SELECT ON TABLE public.deliveries_default TO ec_stats;

-- ACL TABLE duty_leases
GRANT MAINTAIN ON TABLE public.duty_leases TO ec_clock;
GRANT SELECT ON TABLE public.duty_leases TO ec_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.duty_leases TO ec_stats;

-- ACL TABLE duty_runs
GRANT SELECT ON TABLE public.duty_runs TO ec_backup;
GRANT SELECT ON TABLE public.duty_runs TO ec_monitor;
GRANT SELECT,INSERT,UPDATE ON TABLE public.duty_runs TO ec_stats;
GRANT SELECT,MAINTAIN ON TABLE public.duty_runs TO ec_clock;

-- ACL TABLE endpoints
GRANT INSERT ON TABLE public.endpoints TO ec_admin;
GRANT MAINTAIN ON TABLE public.endpoints TO ec_clock;
GRANT SELECT ON TABLE public.endpoints TO ec_backup;
GRANT SELECT ON TABLE public.endpoints TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.endpoints TO ec_stats;

-- ACL COLUMN endpoints.id
GRANT SELECT(id) ON TABLE public.endpoints TO ec_admin;
GRANT SELECT(id) ON TABLE public.endpoints TO ec_keys;

-- ACL COLUMN endpoints.org_id
GRANT SELECT(org_id) ON TABLE public.endpoints TO ec_admin;
GRANT SELECT(org_id) ON TABLE public.endpoints TO ec_keys;

-- ACL COLUMN endpoints.name
GRANT SELECT(name),UPDATE(name) ON TABLE public.endpoints TO ec_admin;

-- ACL COLUMN endpoints.url
GRANT SELECT(url),UPDATE(url) ON TABLE public.endpoints TO ec_admin;

-- ACL COLUMN endpoints.events
GRANT SELECT(events),UPDATE(events) ON TABLE public.endpoints TO ec_admin;

-- ACL COLUMN endpoints.secret
GRANT SELECT(secret),UPDATE(secret) ON TABLE public.endpoints TO ec_admin;
GRANT SELECT(secret),UPDATE(secret) ON TABLE public.endpoints TO ec_keys;

-- ACL COLUMN endpoints.previous_secret
GRANT SELECT(previous_secret),UPDATE(previous_secret) ON TABLE public.endpoints TO ec_keys;
GRANT UPDATE(previous_secret) ON TABLE public.endpoints TO ec_admin;

-- ACL COLUMN endpoints.previous_secret_until
GRANT SELECT(previous_secret_until),UPDATE(previous_secret_until) ON TABLE public.endpoints TO ec_admin;

-- ACL COLUMN endpoints.failing_since
GRANT SELECT(failing_since),UPDATE(failing_since) ON TABLE public.endpoints TO ec_admin;
GRANT UPDATE(failing_since) ON TABLE public.endpoints TO ec_worker;

-- ACL COLUMN endpoints.disabled_at
GRANT SELECT(disabled_at),UPDATE(disabled_at) ON TABLE public.endpoints TO ec_admin;
GRANT UPDATE(disabled_at) ON TABLE public.endpoints TO ec_worker;

-- ACL COLUMN endpoints.disabled_reason
GRANT SELECT(disabled_reason),UPDATE(disabled_reason) ON TABLE public.endpoints TO ec_admin;
GRANT UPDATE(disabled_reason) ON TABLE public.endpoints TO ec_worker;

-- ACL COLUMN endpoints.created_at
GRANT SELECT(created_at) ON TABLE public.endpoints TO ec_admin;

-- ACL TABLE essays
GRANT DELETE,MAINTAIN ON TABLE public.essays TO ec_clock;
GRANT SELECT ON TABLE public.essays TO ec_backup;
GRANT SELECT ON TABLE public.essays TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.essays TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.essays TO ec_admin;
GRANT SELECT,INSERT ON TABLE public.essays TO ec_educator;
GRANT SELECT,INSERT ON TABLE public.essays TO ec_lms;
GRANT SELECT,INSERT ON TABLE public.essays TO ec_student;

-- ACL COLUMN essays.id
GRANT SELECT(id) ON TABLE public.essays TO ec_clock;
GRANT SELECT(id) ON TABLE public.essays TO ec_reports;

-- ACL COLUMN essays.org_id
GRANT SELECT(org_id) ON TABLE public.essays TO ec_clock;
GRANT SELECT(org_id) ON TABLE public.essays TO ec_reports;

-- ACL COLUMN essays.user_id
GRANT SELECT(user_id) ON TABLE public.essays TO ec_clock;
GRANT SELECT(user_id) ON TABLE public.essays TO ec_reports;

-- ACL COLUMN essays.course_id
GRANT SELECT(course_id) ON TABLE public.essays TO ec_reports;

-- ACL COLUMN essays.assignment_id
GRANT SELECT(assignment_id) ON TABLE public.essays TO ec_reports;

-- ACL COLUMN essays.category_id
GRANT UPDATE(category_id) ON TABLE public.essays TO ec_admin;
GRANT UPDATE(category_id) ON TABLE public.essays TO ec_educator;
GRANT UPDATE(category_id) ON TABLE public.essays TO ec_lms;
GRANT UPDATE(category_id) ON TABLE public.essays TO ec_student;

-- ACL COLUMN essays.title
GRANT UPDATE(title) ON TABLE public.essays TO ec_admin;
GRANT UPDATE(title) ON TABLE public.essays TO ec_educator;
GRANT UPDATE(title) ON TABLE public.essays TO ec_lms;
GRANT UPDATE(title) ON TABLE public.essays TO ec_student;

-- ACL COLUMN essays.versions
GRANT UPDATE(versions) ON TABLE public.essays TO ec_admin;
GRANT UPDATE(versions) ON TABLE public.essays TO ec_educator;
GRANT UPDATE(versions) ON TABLE public.essays TO ec_lms;
GRANT UPDATE(versions) ON TABLE public.essays TO ec_student;

-- ACL COLUMN essays.newest_submission_id
GRANT SELECT(newest_submission_id) ON TABLE public.essays TO ec_reports;
GRANT UPDATE(newest_submission_id) ON TABLE public.essays TO ec_admin;
GRANT UPDATE(newest_submission_id) ON TABLE public.essays TO ec_educator;
GRANT UPDATE(newest_submission_id) ON TABLE public.essays TO ec_lms;
GRANT UPDATE(newest_submission_id) ON TABLE public.essays TO ec_student;

-- ACL COLUMN essays.newest_submitted_at
GRANT UPDATE(newest_submitted_at) ON TABLE public.essays TO ec_admin;
GRANT UPDATE(newest_submitted_at) ON TABLE public.essays TO ec_educator;
GRANT UPDATE(newest_submitted_at) ON TABLE public.essays TO ec_lms;
GRANT UPDATE(newest_submitted_at) ON TABLE public.essays TO ec_student;

-- ACL COLUMN essays.updated_at
GRANT UPDATE(updated_at) ON TABLE public.essays TO ec_admin;
GRANT UPDATE(updated_at) ON TABLE public.essays TO ec_educator;
GRANT UPDATE(updated_at) ON TABLE public.essays TO ec_lms;
GRANT UPDATE(updated_at) ON TABLE public.essays TO ec_stats;
GRANT UPDATE(updated_at) ON TABLE public.essays TO ec_student;

-- ACL COLUMN essays.trial_rubric_id
GRANT UPDATE(trial_rubric_id) ON TABLE public.essays TO ec_admin;
GRANT UPDATE(trial_rubric_id) ON TABLE public.essays TO ec_educator;

-- ACL COLUMN essays.trial_prompt
GRANT UPDATE(trial_prompt) ON TABLE public.essays TO ec_admin;
GRANT UPDATE(trial_prompt) ON TABLE public.essays TO ec_educator;

-- ACL COLUMN essays.trial_until
GRANT SELECT(trial_until) ON TABLE public.essays TO ec_clock;
GRANT SELECT(trial_until) ON TABLE public.essays TO ec_reports;
GRANT UPDATE(trial_until) ON TABLE public.essays TO ec_admin;
GRANT UPDATE(trial_until) ON TABLE public.essays TO ec_educator;

-- ACL COLUMN essays.newest_is_update
GRANT UPDATE(newest_is_update) ON TABLE public.essays TO ec_admin;
GRANT UPDATE(newest_is_update) ON TABLE public.essays TO ec_educator;
GRANT UPDATE(newest_is_update) ON TABLE public.essays TO ec_lms;
GRANT UPDATE(newest_is_update) ON TABLE public.essays TO ec_student;

-- ACL TABLE feedback_default
GRANT MAINTAIN ON TABLE public.feedback_default TO ec_clock;
GRANT SELECT ON TABLE public.feedback_default TO ec_backup;
GRANT SELECT ON TABLE public.feedback_default TO ec_stats;

-- ACL TABLE feedback_types
GRANT MAINTAIN ON TABLE public.feedback_types TO ec_clock;
GRANT SELECT ON TABLE public.feedback_types TO ec_admin;
GRANT SELECT ON TABLE public.feedback_types TO ec_backup;
GRANT SELECT ON TABLE public.feedback_types TO ec_educator;
GRANT SELECT ON TABLE public.feedback_types TO ec_lms;
GRANT SELECT ON TABLE public.feedback_types TO ec_stats;
GRANT SELECT ON TABLE public.feedback_types TO ec_student;
GRANT SELECT ON TABLE public.feedback_types TO ec_worker;

-- ACL COLUMN feedback_types.slug
GRANT SELECT(slug) ON TABLE public.feedback_types TO ec_reports;

-- ACL COLUMN feedback_types.pass
GRANT SELECT(pass) ON TABLE public.feedback_types TO ec_reports;

-- ACL COLUMN feedback_types.name
GRANT SELECT(name) ON TABLE public.feedback_types TO ec_reports;

-- ACL TABLE files
GRANT DELETE,MAINTAIN ON TABLE public.files TO ec_clock;
GRANT INSERT ON TABLE public.files TO ec_student;
GRANT SELECT ON TABLE public.files TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.files TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.files TO ec_admin;
GRANT SELECT,INSERT ON TABLE public.files TO ec_educator;
GRANT SELECT,INSERT ON TABLE public.files TO ec_lms;

-- ACL COLUMN files.id
GRANT SELECT(id) ON TABLE public.files TO ec_clock;
GRANT SELECT(id) ON TABLE public.files TO ec_student;

-- ACL COLUMN files.org_id
GRANT SELECT(org_id) ON TABLE public.files TO ec_clock;
GRANT SELECT(org_id) ON TABLE public.files TO ec_student;

-- ACL COLUMN files.user_id
GRANT SELECT(user_id) ON TABLE public.files TO ec_clock;
GRANT SELECT(user_id) ON TABLE public.files TO ec_student;

-- ACL COLUMN files.audience_id
GRANT SELECT(audience_id),UPDATE(audience_id) ON TABLE public.files TO ec_student;
GRANT UPDATE(audience_id) ON TABLE public.files TO ec_admin;
GRANT UPDATE(audience_id) ON TABLE public.files TO ec_educator;
GRANT UPDATE(audience_id) ON TABLE public.files TO ec_lms;

-- ACL COLUMN files.submission_id
GRANT SELECT(submission_id) ON TABLE public.files TO ec_clock;
GRANT SELECT(submission_id),UPDATE(submission_id) ON TABLE public.files TO ec_student;
GRANT UPDATE(submission_id) ON TABLE public.files TO ec_admin;
GRANT UPDATE(submission_id) ON TABLE public.files TO ec_educator;
GRANT UPDATE(submission_id) ON TABLE public.files TO ec_lms;

-- ACL COLUMN files.format
GRANT SELECT(format) ON TABLE public.files TO ec_student;

-- ACL COLUMN files.name
GRANT SELECT(name) ON TABLE public.files TO ec_student;

-- ACL COLUMN files.content
GRANT SELECT(content) ON TABLE public.files TO ec_student;

-- ACL COLUMN files.text
GRANT SELECT(text),UPDATE(text) ON TABLE public.files TO ec_student;
GRANT UPDATE(text) ON TABLE public.files TO ec_admin;
GRANT UPDATE(text) ON TABLE public.files TO ec_educator;
GRANT UPDATE(text) ON TABLE public.files TO ec_lms;

-- ACL COLUMN files.size_bytes
GRANT SELECT(size_bytes) ON TABLE public.files TO ec_student;

-- ACL COLUMN files.characters
GRANT SELECT(characters) ON TABLE public.files TO ec_student;

-- ACL COLUMN files.words
GRANT SELECT(words) ON TABLE public.files TO ec_student;

-- ACL COLUMN files.pictures
GRANT SELECT(pictures) ON TABLE public.files TO ec_student;

-- ACL COLUMN files.created_at
GRANT SELECT(created_at) ON TABLE public.files TO ec_clock;
GRANT SELECT(created_at) ON TABLE public.files TO ec_student;

-- ACL TABLE heartbeats
GRANT MAINTAIN ON TABLE public.heartbeats TO ec_clock;
GRANT SELECT ON TABLE public.heartbeats TO ec_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.heartbeats TO ec_stats;

-- ACL TABLE idempotency_keys
GRANT DELETE,MAINTAIN ON TABLE public.idempotency_keys TO ec_clock;
GRANT SELECT ON TABLE public.idempotency_keys TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.idempotency_keys TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.idempotency_keys TO ec_admin;
GRANT SELECT,INSERT ON TABLE public.idempotency_keys TO ec_educator;
GRANT SELECT,INSERT ON TABLE public.idempotency_keys TO ec_lms;
GRANT SELECT,INSERT ON TABLE public.idempotency_keys TO ec_student;

-- ACL COLUMN idempotency_keys.response
GRANT UPDATE(response) ON TABLE public.idempotency_keys TO ec_admin;
GRANT UPDATE(response) ON TABLE public.idempotency_keys TO ec_educator;
GRANT UPDATE(response) ON TABLE public.idempotency_keys TO ec_lms;
GRANT UPDATE(response) ON TABLE public.idempotency_keys TO ec_student;

-- ACL COLUMN idempotency_keys.created_at
GRANT SELECT(created_at) ON TABLE public.idempotency_keys TO ec_clock;

-- ACL TABLE inbound_events
GRANT DELETE,MAINTAIN ON TABLE public.inbound_events TO ec_clock;
GRANT INSERT ON TABLE public.inbound_events TO ec_lms;
GRANT SELECT ON TABLE public.inbound_events TO ec_admin;
GRANT SELECT ON TABLE public.inbound_events TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.inbound_events TO ec_stats;

-- ACL COLUMN inbound_events.id
GRANT SELECT(id) ON TABLE public.inbound_events TO ec_clock;
GRANT SELECT(id) ON TABLE public.inbound_events TO ec_keys;

-- ACL COLUMN inbound_events.org_id
GRANT SELECT(org_id) ON TABLE public.inbound_events TO ec_clock;
GRANT SELECT(org_id) ON TABLE public.inbound_events TO ec_keys;

-- ACL COLUMN inbound_events.user_id
GRANT SELECT(user_id) ON TABLE public.inbound_events TO ec_clock;
GRANT SELECT(user_id) ON TABLE public.inbound_events TO ec_keys;
GRANT UPDATE(user_id) ON TABLE public.inbound_events TO ec_stats;

-- ACL COLUMN inbound_events.submission_id
GRANT UPDATE(submission_id) ON TABLE public.inbound_events TO ec_stats;

-- ACL COLUMN inbound_events.outcome
GRANT UPDATE(outcome) ON TABLE public.inbound_events TO ec_stats;

-- ACL COLUMN inbound_events.reason
GRANT UPDATE(reason) ON TABLE public.inbound_events TO ec_stats;

-- ACL COLUMN inbound_events.body
GRANT SELECT(body),UPDATE(body) ON TABLE public.inbound_events TO ec_keys;
GRANT UPDATE(body) ON TABLE public.inbound_events TO ec_stats;

-- ACL COLUMN inbound_events.problem
GRANT SELECT(problem),UPDATE(problem) ON TABLE public.inbound_events TO ec_keys;
GRANT UPDATE(problem) ON TABLE public.inbound_events TO ec_stats;

-- ACL COLUMN inbound_events.replayed_at
GRANT UPDATE(replayed_at) ON TABLE public.inbound_events TO ec_admin;

-- ACL TABLE inbound_events_default
GRANT MAINTAIN ON TABLE public.inbound_events_default TO ec_clock;
GRANT SELECT ON TABLE public.inbound_events_default TO ec_backup;
GRANT SELECT ON TABLE public.inbound_events_default TO ec_stats;

-- ACL TABLE ledger
GRANT MAINTAIN ON TABLE public.ledger TO ec_clock;
GRANT SELECT ON TABLE public.ledger TO ec_admin;
GRANT SELECT ON TABLE public.ledger TO ec_backup;
GRANT SELECT ON TABLE public.ledger TO ec_reports;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ledger TO ec_stats;
GRANT SELECT,INSERT,UPDATE ON TABLE public.ledger TO ec_worker;

-- ACL TABLE ledger_entries
GRANT INSERT ON TABLE public.ledger_entries TO ec_worker;
GRANT MAINTAIN ON TABLE public.ledger_entries TO ec_clock;
GRANT SELECT ON TABLE public.ledger_entries TO ec_admin;
GRANT SELECT ON TABLE public.ledger_entries TO ec_backup;
GRANT SELECT ON TABLE public.ledger_entries TO ec_reports;
GRANT SELECT,DELETE ON TABLE public.ledger_entries TO ec_stats;

-- ACL TABLE linked_accounts
GRANT DELETE ON TABLE public.linked_accounts TO ec_admin;
GRANT MAINTAIN ON TABLE public.linked_accounts TO ec_clock;
GRANT SELECT ON TABLE public.linked_accounts TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.linked_accounts TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.linked_accounts TO ec_auth;

-- ACL COLUMN linked_accounts.user_id
GRANT SELECT(user_id) ON TABLE public.linked_accounts TO ec_admin;

-- ACL COLUMN linked_accounts.org_id
GRANT SELECT(org_id) ON TABLE public.linked_accounts TO ec_admin;

-- ACL COLUMN linked_accounts.created_at
GRANT SELECT(created_at) ON TABLE public.linked_accounts TO ec_admin;

-- ACL TABLE lms_people
GRANT DELETE ON TABLE public.lms_people TO ec_admin;
GRANT MAINTAIN ON TABLE public.lms_people TO ec_clock;
GRANT SELECT ON TABLE public.lms_people TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.lms_people TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.lms_people TO ec_lms;

-- ACL COLUMN lms_people.id
GRANT SELECT(id) ON TABLE public.lms_people TO ec_admin;
GRANT SELECT(id) ON TABLE public.lms_people TO ec_worker;

-- ACL COLUMN lms_people.org_id
GRANT SELECT(org_id) ON TABLE public.lms_people TO ec_admin;
GRANT SELECT(org_id) ON TABLE public.lms_people TO ec_worker;

-- ACL COLUMN lms_people.source_id
GRANT SELECT(source_id) ON TABLE public.lms_people TO ec_admin;
GRANT SELECT(source_id) ON TABLE public.lms_people TO ec_worker;

-- ACL COLUMN lms_people.user_id
GRANT SELECT(user_id) ON TABLE public.lms_people TO ec_admin;
GRANT SELECT(user_id) ON TABLE public.lms_people TO ec_worker;

-- ACL COLUMN lms_people.subject
GRANT SELECT(subject) ON TABLE public.lms_people TO ec_admin;
GRANT SELECT(subject) ON TABLE public.lms_people TO ec_worker;

-- ACL COLUMN lms_people.created_at
GRANT SELECT(created_at) ON TABLE public.lms_people TO ec_admin;

-- ACL TABLE lti_keys
GRANT MAINTAIN ON TABLE public.lti_keys TO ec_clock;
GRANT SELECT ON TABLE public.lti_keys TO ec_backup;
GRANT SELECT ON TABLE public.lti_keys TO ec_stats;
GRANT SELECT,INSERT,DELETE ON TABLE public.lti_keys TO ec_auth;
GRANT SELECT,INSERT,DELETE ON TABLE public.lti_keys TO ec_worker;

-- ACL COLUMN lti_keys.id
GRANT SELECT(id) ON TABLE public.lti_keys TO ec_keys;

-- ACL COLUMN lti_keys.private_key
GRANT SELECT(private_key),UPDATE(private_key) ON TABLE public.lti_keys TO ec_keys;

-- ACL TABLE passes
GRANT MAINTAIN ON TABLE public.passes TO ec_clock;
GRANT SELECT ON TABLE public.passes TO ec_backup;
GRANT SELECT ON TABLE public.passes TO ec_worker;
GRANT SELECT,INSERT ON TABLE public.passes TO ec_admin;
GRANT SELECT,INSERT ON TABLE public.passes TO ec_educator;
GRANT SELECT,INSERT ON TABLE public.passes TO ec_lms;
GRANT SELECT,INSERT ON TABLE public.passes TO ec_student;
GRANT SELECT,INSERT,DELETE ON TABLE public.passes TO ec_stats;

-- ACL COLUMN passes.id
GRANT SELECT(id) ON TABLE public.passes TO ec_clock;

-- ACL COLUMN passes.org_id
GRANT SELECT(org_id) ON TABLE public.passes TO ec_clock;
GRANT SELECT(org_id) ON TABLE public.passes TO ec_reports;

-- ACL COLUMN passes.submission_id
GRANT SELECT(submission_id) ON TABLE public.passes TO ec_clock;

-- ACL COLUMN passes.essay_id
GRANT SELECT(essay_id) ON TABLE public.passes TO ec_clock;
GRANT SELECT(essay_id) ON TABLE public.passes TO ec_reports;

-- ACL COLUMN passes.user_id
GRANT SELECT(user_id) ON TABLE public.passes TO ec_clock;

-- ACL COLUMN passes.name
GRANT SELECT(name) ON TABLE public.passes TO ec_clock;
GRANT SELECT(name) ON TABLE public.passes TO ec_reports;

-- ACL COLUMN passes.state
GRANT SELECT(state) ON TABLE public.passes TO ec_reports;
GRANT SELECT(state),UPDATE(state) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(state) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(state) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.queue
GRANT SELECT(queue) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(queue) ON TABLE public.passes TO ec_stats;

-- ACL COLUMN passes.attempt
GRANT SELECT(attempt) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(attempt) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(attempt) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.fence
GRANT SELECT(fence) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(fence) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.lost
GRANT SELECT(lost),UPDATE(lost) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(lost) ON TABLE public.passes TO ec_stats;

-- ACL COLUMN passes.queued_at
GRANT SELECT(queued_at) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(queued_at) ON TABLE public.passes TO ec_stats;

-- ACL COLUMN passes.next_at
GRANT SELECT(next_at),UPDATE(next_at) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(next_at) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(next_at) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.hinted_at
GRANT SELECT(hinted_at),UPDATE(hinted_at) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(hinted_at) ON TABLE public.passes TO ec_stats;

-- ACL COLUMN passes.lease_until
GRANT SELECT(lease_until),UPDATE(lease_until) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(lease_until) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.first_claimed_at
GRANT SELECT(first_claimed_at) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(first_claimed_at) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(first_claimed_at) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.started_at
GRANT SELECT(started_at) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(started_at) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(started_at) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.finished_at
GRANT SELECT(finished_at),UPDATE(finished_at) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(finished_at) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(finished_at) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.error
GRANT SELECT(error),UPDATE(error) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(error) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(error) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.provider
GRANT SELECT(provider) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(provider) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.model
GRANT SELECT(model) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(model) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.comments
GRANT SELECT(comments) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(comments) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(comments) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.summary
GRANT UPDATE(summary) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(summary) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.tallied
GRANT SELECT(tallied),UPDATE(tallied) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(tallied) ON TABLE public.passes TO ec_stats;

-- ACL COLUMN passes.discarded_at
GRANT SELECT(discarded_at) ON TABLE public.passes TO ec_clock;
GRANT UPDATE(discarded_at) ON TABLE public.passes TO ec_stats;

-- ACL COLUMN passes.rubric_id
GRANT UPDATE(rubric_id) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(rubric_id) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.prompt_version
GRANT UPDATE(prompt_version) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(prompt_version) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.basis
GRANT UPDATE(basis) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(basis) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.batch
GRANT UPDATE(batch) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(batch) ON TABLE public.passes TO ec_worker;

-- ACL COLUMN passes.batch_call
GRANT UPDATE(batch_call) ON TABLE public.passes TO ec_stats;
GRANT UPDATE(batch_call) ON TABLE public.passes TO ec_worker;

-- ACL TABLE monitor_gave_up
GRANT SELECT ON TABLE public.monitor_gave_up TO ec_backup;
GRANT SELECT ON TABLE public.monitor_gave_up TO ec_monitor;

-- ACL TABLE monitor_pauses
GRANT SELECT ON TABLE public.monitor_pauses TO ec_backup;
GRANT SELECT ON TABLE public.monitor_pauses TO ec_monitor;

-- ACL TABLE queue_snapshot
GRANT MAINTAIN ON TABLE public.queue_snapshot TO ec_clock;
GRANT SELECT ON TABLE public.queue_snapshot TO ec_backup;
GRANT SELECT,INSERT,UPDATE ON TABLE public.queue_snapshot TO ec_stats;

-- ACL TABLE monitor_queue
GRANT SELECT ON TABLE public.monitor_queue TO ec_backup;
GRANT SELECT ON TABLE public.monitor_queue TO ec_monitor;

-- ACL TABLE submissions
GRANT MAINTAIN ON TABLE public.submissions TO ec_clock;
GRANT SELECT ON TABLE public.submissions TO ec_backup;
GRANT SELECT ON TABLE public.submissions TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.submissions TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.submissions TO ec_admin;
GRANT SELECT,INSERT ON TABLE public.submissions TO ec_educator;
GRANT SELECT,INSERT ON TABLE public.submissions TO ec_lms;
GRANT SELECT,INSERT ON TABLE public.submissions TO ec_student;

-- ACL COLUMN submissions.id
GRANT SELECT(id) ON TABLE public.submissions TO ec_clock;
GRANT SELECT(id) ON TABLE public.submissions TO ec_reports;

-- ACL COLUMN submissions.created_at
GRANT SELECT(created_at) ON TABLE public.submissions TO ec_clock;
GRANT SELECT(created_at) ON TABLE public.submissions TO ec_reports;

-- ACL COLUMN submissions.org_id
GRANT SELECT(org_id) ON TABLE public.submissions TO ec_clock;
GRANT SELECT(org_id) ON TABLE public.submissions TO ec_reports;

-- ACL COLUMN submissions.essay_id
GRANT SELECT(essay_id) ON TABLE public.submissions TO ec_clock;
GRANT SELECT(essay_id) ON TABLE public.submissions TO ec_reports;

-- ACL COLUMN submissions.user_id
GRANT SELECT(user_id) ON TABLE public.submissions TO ec_reports;

-- ACL COLUMN submissions.version
GRANT SELECT(version) ON TABLE public.submissions TO ec_clock;
GRANT SELECT(version) ON TABLE public.submissions TO ec_reports;

-- ACL COLUMN submissions.status
GRANT SELECT(status) ON TABLE public.submissions TO ec_reports;
GRANT SELECT(status),UPDATE(status) ON TABLE public.submissions TO ec_clock;
GRANT UPDATE(status) ON TABLE public.submissions TO ec_stats;
GRANT UPDATE(status) ON TABLE public.submissions TO ec_worker;

-- ACL COLUMN submissions.queue
GRANT SELECT(queue) ON TABLE public.submissions TO ec_clock;

-- ACL COLUMN submissions.source
GRANT SELECT(source) ON TABLE public.submissions TO ec_clock;

-- ACL COLUMN submissions.words
GRANT SELECT(words) ON TABLE public.submissions TO ec_reports;

-- ACL COLUMN submissions.released_at
GRANT SELECT(released_at) ON TABLE public.submissions TO ec_clock;
GRANT SELECT(released_at) ON TABLE public.submissions TO ec_reports;
GRANT UPDATE(released_at) ON TABLE public.submissions TO ec_admin;
GRANT UPDATE(released_at) ON TABLE public.submissions TO ec_educator;

-- ACL COLUMN submissions.completed_at
GRANT SELECT(completed_at),UPDATE(completed_at) ON TABLE public.submissions TO ec_clock;
GRANT UPDATE(completed_at) ON TABLE public.submissions TO ec_stats;
GRANT UPDATE(completed_at) ON TABLE public.submissions TO ec_worker;

-- ACL COLUMN submissions.feedback_seconds
GRANT SELECT(feedback_seconds) ON TABLE public.submissions TO ec_admin;
GRANT SELECT(feedback_seconds) ON TABLE public.submissions TO ec_clock;
GRANT SELECT(feedback_seconds) ON TABLE public.submissions TO ec_reports;

-- ACL COLUMN submissions.tallied
GRANT SELECT(tallied) ON TABLE public.submissions TO ec_admin;
GRANT SELECT(tallied),UPDATE(tallied) ON TABLE public.submissions TO ec_clock;

-- ACL COLUMN submissions.trace_id
GRANT SELECT(trace_id) ON TABLE public.submissions TO ec_clock;

-- ACL TABLE tallies
GRANT SELECT ON TABLE public.tallies TO ec_backup;
GRANT SELECT ON TABLE public.tallies TO ec_monitor;
GRANT SELECT ON TABLE public.tallies TO ec_stats;
GRANT SELECT,INSERT,MAINTAIN,UPDATE ON TABLE public.tallies TO ec_clock;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tallies TO ec_worker;

-- ACL TABLE tally_entries
GRANT INSERT ON TABLE public.tally_entries TO ec_worker;
GRANT SELECT ON TABLE public.tally_entries TO ec_backup;
GRANT SELECT ON TABLE public.tally_entries TO ec_stats;
GRANT SELECT,INSERT,DELETE,MAINTAIN ON TABLE public.tally_entries TO ec_clock;

-- ACL TABLE untallied
GRANT SELECT ON TABLE public.untallied TO ec_backup;
GRANT SELECT ON TABLE public.untallied TO ec_clock;

-- ACL TABLE monitor_totals
GRANT SELECT ON TABLE public.monitor_totals TO ec_backup;
GRANT SELECT ON TABLE public.monitor_totals TO ec_monitor;

-- ACL TABLE moodle_sites
GRANT MAINTAIN ON TABLE public.moodle_sites TO ec_clock;
GRANT SELECT ON TABLE public.moodle_sites TO ec_backup;
GRANT SELECT ON TABLE public.moodle_sites TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.moodle_sites TO ec_stats;

-- ACL COLUMN moodle_sites.id
GRANT SELECT(id) ON TABLE public.moodle_sites TO ec_clock;
GRANT SELECT(id) ON TABLE public.moodle_sites TO ec_keys;
GRANT SELECT(id) ON TABLE public.moodle_sites TO ec_lms;
GRANT SELECT(id),INSERT(id) ON TABLE public.moodle_sites TO ec_admin;

-- ACL COLUMN moodle_sites.org_id
GRANT SELECT(org_id) ON TABLE public.moodle_sites TO ec_clock;
GRANT SELECT(org_id) ON TABLE public.moodle_sites TO ec_keys;
GRANT SELECT(org_id) ON TABLE public.moodle_sites TO ec_lms;
GRANT SELECT(org_id),INSERT(org_id) ON TABLE public.moodle_sites TO ec_admin;

-- ACL COLUMN moodle_sites.site
GRANT SELECT(site),INSERT(site) ON TABLE public.moodle_sites TO ec_admin;

-- ACL COLUMN moodle_sites.token
GRANT INSERT(token),UPDATE(token) ON TABLE public.moodle_sites TO ec_admin;
GRANT SELECT(token),UPDATE(token) ON TABLE public.moodle_sites TO ec_keys;

-- ACL COLUMN moodle_sites.interval_seconds
GRANT SELECT(interval_seconds),INSERT(interval_seconds),UPDATE(interval_seconds) ON TABLE public.moodle_sites TO ec_admin;

-- ACL COLUMN moodle_sites.courses
GRANT SELECT(courses),INSERT(courses),UPDATE(courses) ON TABLE public.moodle_sites TO ec_admin;

-- ACL COLUMN moodle_sites.returns
GRANT SELECT(returns),INSERT(returns),UPDATE(returns) ON TABLE public.moodle_sites TO ec_admin;

-- ACL COLUMN moodle_sites.pages_url
GRANT SELECT(pages_url),INSERT(pages_url),UPDATE(pages_url) ON TABLE public.moodle_sites TO ec_admin;

-- ACL COLUMN moodle_sites.begins_at
GRANT SELECT(begins_at),INSERT(begins_at) ON TABLE public.moodle_sites TO ec_admin;

-- ACL COLUMN moodle_sites.seen_until
GRANT UPDATE(seen_until) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.looked_into
GRANT UPDATE(looked_into) ON TABLE public.moodle_sites TO ec_admin;
GRANT UPDATE(looked_into) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.closed
GRANT SELECT(closed) ON TABLE public.moodle_sites TO ec_admin;
GRANT UPDATE(closed) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.succeeded_at
GRANT SELECT(succeeded_at) ON TABLE public.moodle_sites TO ec_admin;
GRANT UPDATE(succeeded_at) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.error_about
GRANT SELECT(error_about) ON TABLE public.moodle_sites TO ec_admin;
GRANT UPDATE(error_about) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.created_at
GRANT SELECT(created_at) ON TABLE public.moodle_sites TO ec_admin;

-- ACL COLUMN moodle_sites.state
GRANT SELECT(state) ON TABLE public.moodle_sites TO ec_lms;
GRANT SELECT(state),UPDATE(state) ON TABLE public.moodle_sites TO ec_admin;
GRANT SELECT(state),UPDATE(state) ON TABLE public.moodle_sites TO ec_clock;
GRANT UPDATE(state) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.attempt
GRANT SELECT(attempt) ON TABLE public.moodle_sites TO ec_clock;
GRANT SELECT(attempt),UPDATE(attempt) ON TABLE public.moodle_sites TO ec_admin;
GRANT UPDATE(attempt) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.fence
GRANT UPDATE(fence) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.next_at
GRANT SELECT(next_at),UPDATE(next_at) ON TABLE public.moodle_sites TO ec_admin;
GRANT SELECT(next_at),UPDATE(next_at) ON TABLE public.moodle_sites TO ec_clock;
GRANT SELECT(next_at),UPDATE(next_at) ON TABLE public.moodle_sites TO ec_lms;
GRANT UPDATE(next_at) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.hinted_at
GRANT SELECT(hinted_at),UPDATE(hinted_at) ON TABLE public.moodle_sites TO ec_clock;

-- ACL COLUMN moodle_sites.lease_until
GRANT SELECT(lease_until),UPDATE(lease_until) ON TABLE public.moodle_sites TO ec_clock;
GRANT UPDATE(lease_until) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.started_at
GRANT SELECT(started_at) ON TABLE public.moodle_sites TO ec_admin;
GRANT SELECT(started_at) ON TABLE public.moodle_sites TO ec_clock;
GRANT SELECT(started_at) ON TABLE public.moodle_sites TO ec_lms;
GRANT UPDATE(started_at) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.finished_at
GRANT UPDATE(finished_at) ON TABLE public.moodle_sites TO ec_admin;
GRANT UPDATE(finished_at) ON TABLE public.moodle_sites TO ec_clock;
GRANT UPDATE(finished_at) ON TABLE public.moodle_sites TO ec_worker;

-- ACL COLUMN moodle_sites.error
GRANT SELECT(error) ON TABLE public.moodle_sites TO ec_admin;
GRANT UPDATE(error) ON TABLE public.moodle_sites TO ec_clock;
GRANT UPDATE(error) ON TABLE public.moodle_sites TO ec_worker;

-- ACL TABLE notice_handlers
GRANT MAINTAIN ON TABLE public.notice_handlers TO ec_clock;
GRANT SELECT ON TABLE public.notice_handlers TO ec_admin;
GRANT SELECT ON TABLE public.notice_handlers TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.notice_handlers TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.notice_handlers TO ec_lms;

-- ACL COLUMN notice_handlers.service_url
GRANT UPDATE(service_url) ON TABLE public.notice_handlers TO ec_lms;

-- ACL COLUMN notice_handlers.handler
GRANT UPDATE(handler) ON TABLE public.notice_handlers TO ec_lms;

-- ACL COLUMN notice_handlers.registered_at
GRANT UPDATE(registered_at) ON TABLE public.notice_handlers TO ec_lms;

-- ACL TABLE one_time_tokens
GRANT DELETE,MAINTAIN ON TABLE public.one_time_tokens TO ec_clock;
GRANT INSERT ON TABLE public.one_time_tokens TO ec_admin;
GRANT SELECT ON TABLE public.one_time_tokens TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.one_time_tokens TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.one_time_tokens TO ec_auth;

-- ACL COLUMN one_time_tokens.id
GRANT SELECT(id) ON TABLE public.one_time_tokens TO ec_admin;
GRANT SELECT(id) ON TABLE public.one_time_tokens TO ec_clock;

-- ACL COLUMN one_time_tokens.org_id
GRANT SELECT(org_id) ON TABLE public.one_time_tokens TO ec_admin;

-- ACL COLUMN one_time_tokens.user_id
GRANT SELECT(user_id) ON TABLE public.one_time_tokens TO ec_admin;

-- ACL COLUMN one_time_tokens.purpose
GRANT SELECT(purpose) ON TABLE public.one_time_tokens TO ec_admin;

-- ACL COLUMN one_time_tokens.expires_at
GRANT SELECT(expires_at) ON TABLE public.one_time_tokens TO ec_admin;
GRANT SELECT(expires_at) ON TABLE public.one_time_tokens TO ec_clock;

-- ACL COLUMN one_time_tokens.used_at
GRANT SELECT(used_at),UPDATE(used_at) ON TABLE public.one_time_tokens TO ec_admin;
GRANT UPDATE(used_at) ON TABLE public.one_time_tokens TO ec_auth;

-- ACL COLUMN one_time_tokens.created_at
GRANT SELECT(created_at) ON TABLE public.one_time_tokens TO ec_admin;

-- ACL TABLE passkeys
GRANT DELETE ON TABLE public.passkeys TO ec_admin;
GRANT MAINTAIN ON TABLE public.passkeys TO ec_clock;
GRANT SELECT ON TABLE public.passkeys TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.passkeys TO ec_stats;
GRANT SELECT,INSERT,DELETE ON TABLE public.passkeys TO ec_auth;

-- ACL COLUMN passkeys.id
GRANT SELECT(id) ON TABLE public.passkeys TO ec_admin;

-- ACL COLUMN passkeys.org_id
GRANT SELECT(org_id) ON TABLE public.passkeys TO ec_admin;

-- ACL COLUMN passkeys.user_id
GRANT SELECT(user_id) ON TABLE public.passkeys TO ec_admin;

-- ACL COLUMN passkeys.name
GRANT SELECT(name) ON TABLE public.passkeys TO ec_admin;

-- ACL COLUMN passkeys.sign_count
GRANT SELECT(sign_count) ON TABLE public.passkeys TO ec_admin;
GRANT UPDATE(sign_count) ON TABLE public.passkeys TO ec_auth;

-- ACL COLUMN passkeys.created_at
GRANT SELECT(created_at) ON TABLE public.passkeys TO ec_admin;

-- ACL COLUMN passkeys.last_used_at
GRANT SELECT(last_used_at) ON TABLE public.passkeys TO ec_admin;
GRANT UPDATE(last_used_at) ON TABLE public.passkeys TO ec_auth;

-- ACL TABLE platform_assignments
GRANT MAINTAIN ON TABLE public.platform_assignments TO ec_clock;
GRANT SELECT ON TABLE public.platform_assignments TO ec_backup;
GRANT SELECT ON TABLE public.platform_assignments TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.platform_assignments TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.platform_assignments TO ec_lms;

-- ACL COLUMN platform_assignments.line_item_url
GRANT UPDATE(line_item_url) ON TABLE public.platform_assignments TO ec_lms;

-- ACL TABLE platform_courses
GRANT MAINTAIN ON TABLE public.platform_courses TO ec_clock;
GRANT SELECT ON TABLE public.platform_courses TO ec_admin;
GRANT SELECT ON TABLE public.platform_courses TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.platform_courses TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.platform_courses TO ec_lms;

-- ACL COLUMN platform_courses.memberships_url
GRANT UPDATE(memberships_url) ON TABLE public.platform_courses TO ec_lms;

-- ACL COLUMN platform_courses.listed_at
GRANT UPDATE(listed_at) ON TABLE public.platform_courses TO ec_lms;

-- ACL TABLE platforms
GRANT INSERT ON TABLE public.platforms TO ec_admin;
GRANT MAINTAIN ON TABLE public.platforms TO ec_clock;
GRANT SELECT ON TABLE public.platforms TO ec_auth;
GRANT SELECT ON TABLE public.platforms TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.platforms TO ec_stats;

-- ACL COLUMN platforms.id
GRANT SELECT(id) ON TABLE public.platforms TO ec_admin;
GRANT SELECT(id) ON TABLE public.platforms TO ec_worker;

-- ACL COLUMN platforms.org_id
GRANT SELECT(org_id) ON TABLE public.platforms TO ec_admin;
GRANT SELECT(org_id) ON TABLE public.platforms TO ec_worker;

-- ACL COLUMN platforms.state
GRANT SELECT(state) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(state),UPDATE(state) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(state) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.registration_digest
GRANT UPDATE(registration_digest) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(registration_digest) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.registration_ends_at
GRANT SELECT(registration_ends_at) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(registration_ends_at),UPDATE(registration_ends_at) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(registration_ends_at) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.issuer
GRANT SELECT(issuer) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(issuer),UPDATE(issuer) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(issuer) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.client_id
GRANT SELECT(client_id) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(client_id),UPDATE(client_id) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(client_id) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.authorization_url
GRANT SELECT(authorization_url) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(authorization_url),UPDATE(authorization_url) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(authorization_url) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.token_url
GRANT SELECT(token_url) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(token_url),UPDATE(token_url) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(token_url) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.token_audience
GRANT SELECT(token_audience) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(token_audience),UPDATE(token_audience) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(token_audience) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.jwks_url
GRANT SELECT(jwks_url) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(jwks_url),UPDATE(jwks_url) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(jwks_url) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.deployments
GRANT SELECT(deployments) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(deployments),UPDATE(deployments) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(deployments) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.frame_origins
GRANT SELECT(frame_origins) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(frame_origins),UPDATE(frame_origins) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(frame_origins) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.created_at
GRANT SELECT(created_at) ON TABLE public.platforms TO ec_admin;
GRANT SELECT(created_at) ON TABLE public.platforms TO ec_worker;

-- ACL COLUMN platforms.launched_at
GRANT SELECT(launched_at) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(launched_at) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.refused_at
GRANT SELECT(refused_at) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(refused_at) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.refused_reason
GRANT SELECT(refused_reason) ON TABLE public.platforms TO ec_admin;
GRANT UPDATE(refused_reason) ON TABLE public.platforms TO ec_auth;

-- ACL COLUMN platforms.scores
GRANT SELECT(scores) ON TABLE public.platforms TO ec_worker;
GRANT SELECT(scores),UPDATE(scores) ON TABLE public.platforms TO ec_admin;

-- ACL SEQUENCE queue_hand_bulk
GRANT SELECT ON SEQUENCE public.queue_hand_bulk TO ec_backup;

-- ACL SEQUENCE queue_hand_interactive
GRANT SELECT ON SEQUENCE public.queue_hand_interactive TO ec_backup;

-- ACL TABLE queue_marks
GRANT MAINTAIN ON TABLE public.queue_marks TO ec_clock;
GRANT SELECT ON TABLE public.queue_marks TO ec_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.queue_marks TO ec_stats;

-- ACL TABLE report_comments_of_courses
GRANT SELECT ON TABLE public.report_comments_of_courses TO ec_educator;

-- ACL TABLE report_comments_of_org
GRANT SELECT ON TABLE public.report_comments_of_org TO ec_admin;

-- ACL TABLE report_costs_of_org
GRANT SELECT ON TABLE public.report_costs_of_org TO ec_admin;

-- ACL TABLE report_criteria_of_courses
GRANT SELECT ON TABLE public.report_criteria_of_courses TO ec_educator;

-- ACL TABLE report_criteria_of_org
GRANT SELECT ON TABLE public.report_criteria_of_org TO ec_admin;

-- ACL TABLE report_decisions_of_courses
GRANT SELECT ON TABLE public.report_decisions_of_courses TO ec_educator;

-- ACL TABLE report_decisions_of_org
GRANT SELECT ON TABLE public.report_decisions_of_org TO ec_admin;

-- ACL TABLE report_passes_of_courses
GRANT SELECT ON TABLE public.report_passes_of_courses TO ec_educator;

-- ACL TABLE report_passes_of_org
GRANT SELECT ON TABLE public.report_passes_of_org TO ec_admin;

-- ACL TABLE report_progress_of_courses
GRANT SELECT ON TABLE public.report_progress_of_courses TO ec_educator;

-- ACL TABLE report_progress_of_org
GRANT SELECT ON TABLE public.report_progress_of_org TO ec_admin;

-- ACL TABLE report_progress_of_student
GRANT SELECT ON TABLE public.report_progress_of_student TO ec_student;

-- ACL TABLE report_refreshes
GRANT SELECT ON TABLE public.report_refreshes TO ec_admin;
GRANT SELECT ON TABLE public.report_refreshes TO ec_backup;
GRANT SELECT ON TABLE public.report_refreshes TO ec_educator;
GRANT SELECT ON TABLE public.report_refreshes TO ec_monitor;
GRANT SELECT ON TABLE public.report_refreshes TO ec_stats;
GRANT SELECT ON TABLE public.report_refreshes TO ec_student;
GRANT SELECT,INSERT,UPDATE ON TABLE public.report_refreshes TO ec_reports;
GRANT SELECT,MAINTAIN ON TABLE public.report_refreshes TO ec_clock;

-- ACL TABLE report_submissions_of_courses
GRANT SELECT ON TABLE public.report_submissions_of_courses TO ec_educator;

-- ACL TABLE report_submissions_of_org
GRANT SELECT ON TABLE public.report_submissions_of_org TO ec_admin;

-- ACL TABLE report_types_of_courses
GRANT SELECT ON TABLE public.report_types_of_courses TO ec_educator;

-- ACL TABLE report_types_of_org
GRANT SELECT ON TABLE public.report_types_of_org TO ec_admin;

-- ACL TABLE reports
GRANT DELETE,MAINTAIN ON TABLE public.reports TO ec_clock;
GRANT SELECT ON TABLE public.reports TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.reports TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.reports TO ec_admin;
GRANT SELECT,INSERT ON TABLE public.reports TO ec_educator;
GRANT SELECT,INSERT ON TABLE public.reports TO ec_student;

-- ACL COLUMN reports.created_at
GRANT SELECT(created_at) ON TABLE public.reports TO ec_clock;

-- ACL TABLE retention_runs
GRANT SELECT ON TABLE public.retention_runs TO ec_admin;
GRANT SELECT ON TABLE public.retention_runs TO ec_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retention_runs TO ec_stats;
GRANT SELECT,MAINTAIN ON TABLE public.retention_runs TO ec_clock;

-- ACL TABLE returns
GRANT MAINTAIN ON TABLE public.returns TO ec_clock;
GRANT SELECT ON TABLE public.returns TO ec_admin;
GRANT SELECT ON TABLE public.returns TO ec_backup;
GRANT SELECT ON TABLE public.returns TO ec_worker;
GRANT SELECT,INSERT,DELETE ON TABLE public.returns TO ec_stats;

-- ACL COLUMN returns.id
GRANT SELECT(id) ON TABLE public.returns TO ec_clock;

-- ACL COLUMN returns.org_id
GRANT SELECT(org_id) ON TABLE public.returns TO ec_clock;

-- ACL COLUMN returns.source_id
GRANT SELECT(source_id) ON TABLE public.returns TO ec_clock;

-- ACL COLUMN returns.external_id
GRANT UPDATE(external_id) ON TABLE public.returns TO ec_worker;

-- ACL COLUMN returns.state
GRANT SELECT(state),UPDATE(state) ON TABLE public.returns TO ec_clock;
GRANT UPDATE(state) ON TABLE public.returns TO ec_stats;
GRANT UPDATE(state) ON TABLE public.returns TO ec_worker;

-- ACL COLUMN returns.attempt
GRANT SELECT(attempt) ON TABLE public.returns TO ec_clock;
GRANT UPDATE(attempt) ON TABLE public.returns TO ec_stats;
GRANT UPDATE(attempt) ON TABLE public.returns TO ec_worker;

-- ACL COLUMN returns.fence
GRANT UPDATE(fence) ON TABLE public.returns TO ec_worker;

-- ACL COLUMN returns.next_at
GRANT SELECT(next_at),UPDATE(next_at) ON TABLE public.returns TO ec_clock;
GRANT UPDATE(next_at) ON TABLE public.returns TO ec_stats;
GRANT UPDATE(next_at) ON TABLE public.returns TO ec_worker;

-- ACL COLUMN returns.hinted_at
GRANT SELECT(hinted_at),UPDATE(hinted_at) ON TABLE public.returns TO ec_clock;

-- ACL COLUMN returns.lease_until
GRANT SELECT(lease_until),UPDATE(lease_until) ON TABLE public.returns TO ec_clock;
GRANT UPDATE(lease_until) ON TABLE public.returns TO ec_worker;

-- ACL COLUMN returns.started_at
GRANT SELECT(started_at) ON TABLE public.returns TO ec_clock;
GRANT UPDATE(started_at) ON TABLE public.returns TO ec_worker;

-- ACL COLUMN returns.finished_at
GRANT UPDATE(finished_at) ON TABLE public.returns TO ec_clock;
GRANT UPDATE(finished_at) ON TABLE public.returns TO ec_stats;
GRANT UPDATE(finished_at) ON TABLE public.returns TO ec_worker;

-- ACL COLUMN returns.error
GRANT UPDATE(error) ON TABLE public.returns TO ec_clock;
GRANT UPDATE(error) ON TABLE public.returns TO ec_stats;
GRANT UPDATE(error) ON TABLE public.returns TO ec_worker;

-- ACL TABLE review_items
GRANT MAINTAIN ON TABLE public.review_items TO ec_clock;
GRANT SELECT ON TABLE public.review_items TO ec_admin;
GRANT SELECT ON TABLE public.review_items TO ec_backup;
GRANT SELECT ON TABLE public.review_items TO ec_educator;
GRANT SELECT,INSERT,DELETE ON TABLE public.review_items TO ec_stats;

-- ACL COLUMN review_items.org_id
GRANT SELECT(org_id) ON TABLE public.review_items TO ec_reports;

-- ACL COLUMN review_items.audience_id
GRANT SELECT(audience_id) ON TABLE public.review_items TO ec_reports;

-- ACL COLUMN review_items.review_id
GRANT UPDATE(review_id) ON TABLE public.review_items TO ec_stats;

-- ACL COLUMN review_items.is_open
GRANT SELECT(is_open) ON TABLE public.review_items TO ec_reports;

-- ACL TABLE rubric_criteria
GRANT MAINTAIN ON TABLE public.rubric_criteria TO ec_clock;
GRANT SELECT ON TABLE public.rubric_criteria TO ec_backup;
GRANT SELECT ON TABLE public.rubric_criteria TO ec_lms;
GRANT SELECT ON TABLE public.rubric_criteria TO ec_student;
GRANT SELECT ON TABLE public.rubric_criteria TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.rubric_criteria TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.rubric_criteria TO ec_educator;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rubric_criteria TO ec_admin;

-- ACL TABLE rubrics
GRANT MAINTAIN ON TABLE public.rubrics TO ec_clock;
GRANT SELECT ON TABLE public.rubrics TO ec_backup;
GRANT SELECT ON TABLE public.rubrics TO ec_lms;
GRANT SELECT ON TABLE public.rubrics TO ec_student;
GRANT SELECT ON TABLE public.rubrics TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.rubrics TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.rubrics TO ec_educator;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rubrics TO ec_admin;

-- ACL COLUMN rubrics.id
GRANT SELECT(id) ON TABLE public.rubrics TO ec_manager;

-- ACL COLUMN rubrics.org_id
GRANT SELECT(org_id) ON TABLE public.rubrics TO ec_manager;

-- ACL TABLE saved_comments
GRANT MAINTAIN ON TABLE public.saved_comments TO ec_clock;
GRANT SELECT ON TABLE public.saved_comments TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.saved_comments TO ec_stats;
GRANT SELECT,INSERT,DELETE ON TABLE public.saved_comments TO ec_admin;
GRANT SELECT,INSERT,DELETE ON TABLE public.saved_comments TO ec_educator;

-- ACL TABLE second_factors
GRANT DELETE ON TABLE public.second_factors TO ec_admin;
GRANT MAINTAIN ON TABLE public.second_factors TO ec_clock;
GRANT SELECT ON TABLE public.second_factors TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.second_factors TO ec_stats;
GRANT SELECT,INSERT,DELETE ON TABLE public.second_factors TO ec_auth;

-- ACL COLUMN second_factors.user_id
GRANT SELECT(user_id) ON TABLE public.second_factors TO ec_admin;

-- ACL COLUMN second_factors.org_id
GRANT SELECT(org_id) ON TABLE public.second_factors TO ec_admin;

-- ACL COLUMN second_factors.secret
GRANT UPDATE(secret) ON TABLE public.second_factors TO ec_auth;

-- ACL COLUMN second_factors.confirmed_at
GRANT SELECT(confirmed_at) ON TABLE public.second_factors TO ec_admin;
GRANT UPDATE(confirmed_at) ON TABLE public.second_factors TO ec_auth;

-- ACL COLUMN second_factors.last_step
GRANT SELECT(last_step) ON TABLE public.second_factors TO ec_admin;
GRANT UPDATE(last_step) ON TABLE public.second_factors TO ec_auth;

-- ACL COLUMN second_factors.failures
GRANT SELECT(failures) ON TABLE public.second_factors TO ec_admin;
GRANT UPDATE(failures) ON TABLE public.second_factors TO ec_auth;

-- ACL COLUMN second_factors.failed_at
GRANT SELECT(failed_at) ON TABLE public.second_factors TO ec_admin;
GRANT UPDATE(failed_at) ON TABLE public.second_factors TO ec_auth;

-- ACL COLUMN second_factors.recovery_codes
GRANT UPDATE(recovery_codes) ON TABLE public.second_factors TO ec_auth;

-- ACL COLUMN second_factors.created_at
GRANT SELECT(created_at) ON TABLE public.second_factors TO ec_admin;

-- ACL TABLE seen_events
GRANT MAINTAIN ON TABLE public.seen_events TO ec_clock;
GRANT SELECT ON TABLE public.seen_events TO ec_admin;
GRANT SELECT ON TABLE public.seen_events TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.seen_events TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.seen_events TO ec_lms;

-- ACL COLUMN seen_events.submission_id
GRANT UPDATE(submission_id) ON TABLE public.seen_events TO ec_lms;
GRANT UPDATE(submission_id) ON TABLE public.seen_events TO ec_stats;

-- ACL COLUMN seen_events.answer
GRANT UPDATE(answer) ON TABLE public.seen_events TO ec_lms;
GRANT UPDATE(answer) ON TABLE public.seen_events TO ec_stats;

-- ACL TABLE sessions
GRANT DELETE,MAINTAIN ON TABLE public.sessions TO ec_clock;
GRANT SELECT ON TABLE public.sessions TO ec_admin;
GRANT SELECT ON TABLE public.sessions TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.sessions TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.sessions TO ec_auth;

-- ACL COLUMN sessions.id
GRANT SELECT(id) ON TABLE public.sessions TO ec_clock;

-- ACL COLUMN sessions.generation
GRANT UPDATE(generation) ON TABLE public.sessions TO ec_auth;

-- ACL COLUMN sessions.rotated_at
GRANT UPDATE(rotated_at) ON TABLE public.sessions TO ec_auth;

-- ACL COLUMN sessions.expires_at
GRANT SELECT(expires_at) ON TABLE public.sessions TO ec_clock;

-- ACL COLUMN sessions.revoked_at
GRANT UPDATE(revoked_at) ON TABLE public.sessions TO ec_admin;
GRANT UPDATE(revoked_at) ON TABLE public.sessions TO ec_auth;
GRANT UPDATE(revoked_at) ON TABLE public.sessions TO ec_stats;

-- ACL COLUMN sessions.revoked_reason
GRANT UPDATE(revoked_reason) ON TABLE public.sessions TO ec_admin;
GRANT UPDATE(revoked_reason) ON TABLE public.sessions TO ec_auth;
GRANT UPDATE(revoked_reason) ON TABLE public.sessions TO ec_stats;

-- ACL COLUMN sessions.proved_at
GRANT UPDATE(proved_at) ON TABLE public.sessions TO ec_auth;

-- ACL TABLE sign_in_providers
GRANT INSERT,DELETE ON TABLE public.sign_in_providers TO ec_admin;
GRANT MAINTAIN ON TABLE public.sign_in_providers TO ec_clock;
GRANT SELECT ON TABLE public.sign_in_providers TO ec_auth;
GRANT SELECT ON TABLE public.sign_in_providers TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.sign_in_providers TO ec_stats;

-- ACL COLUMN sign_in_providers.id
GRANT SELECT(id) ON TABLE public.sign_in_providers TO ec_admin;
GRANT SELECT(id) ON TABLE public.sign_in_providers TO ec_keys;

-- ACL COLUMN sign_in_providers.org_id
GRANT SELECT(org_id) ON TABLE public.sign_in_providers TO ec_admin;
GRANT SELECT(org_id) ON TABLE public.sign_in_providers TO ec_keys;

-- ACL COLUMN sign_in_providers.name
GRANT SELECT(name),UPDATE(name) ON TABLE public.sign_in_providers TO ec_admin;

-- ACL COLUMN sign_in_providers.issuer
GRANT SELECT(issuer),UPDATE(issuer) ON TABLE public.sign_in_providers TO ec_admin;

-- ACL COLUMN sign_in_providers.client_id
GRANT SELECT(client_id),UPDATE(client_id) ON TABLE public.sign_in_providers TO ec_admin;

-- ACL COLUMN sign_in_providers.client_secret
GRANT SELECT(client_secret),UPDATE(client_secret) ON TABLE public.sign_in_providers TO ec_keys;
GRANT UPDATE(client_secret) ON TABLE public.sign_in_providers TO ec_admin;

-- ACL COLUMN sign_in_providers.find_by
GRANT SELECT(find_by),UPDATE(find_by) ON TABLE public.sign_in_providers TO ec_admin;

-- ACL COLUMN sign_in_providers.roles
GRANT SELECT(roles),UPDATE(roles) ON TABLE public.sign_in_providers TO ec_admin;

-- ACL COLUMN sign_in_providers.created_at
GRANT SELECT(created_at) ON TABLE public.sign_in_providers TO ec_admin;

-- ACL TABLE sources
GRANT INSERT ON TABLE public.sources TO ec_admin;
GRANT MAINTAIN ON TABLE public.sources TO ec_clock;
GRANT SELECT ON TABLE public.sources TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.sources TO ec_stats;

-- ACL COLUMN sources.id
GRANT SELECT(id) ON TABLE public.sources TO ec_admin;
GRANT SELECT(id) ON TABLE public.sources TO ec_auth;
GRANT SELECT(id) ON TABLE public.sources TO ec_keys;
GRANT SELECT(id) ON TABLE public.sources TO ec_worker;

-- ACL COLUMN sources.org_id
GRANT SELECT(org_id) ON TABLE public.sources TO ec_admin;
GRANT SELECT(org_id) ON TABLE public.sources TO ec_auth;
GRANT SELECT(org_id) ON TABLE public.sources TO ec_keys;
GRANT SELECT(org_id) ON TABLE public.sources TO ec_worker;

-- ACL COLUMN sources.name
GRANT SELECT(name),UPDATE(name) ON TABLE public.sources TO ec_admin;

-- ACL COLUMN sources.secret
GRANT SELECT(secret) ON TABLE public.sources TO ec_auth;
GRANT SELECT(secret),UPDATE(secret) ON TABLE public.sources TO ec_admin;
GRANT SELECT(secret),UPDATE(secret) ON TABLE public.sources TO ec_keys;

-- ACL COLUMN sources.previous_secret
GRANT SELECT(previous_secret) ON TABLE public.sources TO ec_auth;
GRANT SELECT(previous_secret),UPDATE(previous_secret) ON TABLE public.sources TO ec_admin;
GRANT SELECT(previous_secret),UPDATE(previous_secret) ON TABLE public.sources TO ec_keys;

-- ACL COLUMN sources.previous_secret_until
GRANT SELECT(previous_secret_until) ON TABLE public.sources TO ec_auth;
GRANT SELECT(previous_secret_until),UPDATE(previous_secret_until) ON TABLE public.sources TO ec_admin;

-- ACL COLUMN sources.disabled_at
GRANT SELECT(disabled_at) ON TABLE public.sources TO ec_auth;
GRANT SELECT(disabled_at) ON TABLE public.sources TO ec_worker;
GRANT SELECT(disabled_at),UPDATE(disabled_at) ON TABLE public.sources TO ec_admin;

-- ACL COLUMN sources.created_at
GRANT SELECT(created_at) ON TABLE public.sources TO ec_admin;

-- ACL COLUMN sources.creates_courses
GRANT SELECT(creates_courses),UPDATE(creates_courses) ON TABLE public.sources TO ec_admin;

-- ACL COLUMN sources.networks
GRANT SELECT(networks) ON TABLE public.sources TO ec_auth;
GRANT SELECT(networks),UPDATE(networks) ON TABLE public.sources TO ec_admin;

-- ACL COLUMN sources.kind
GRANT SELECT(kind) ON TABLE public.sources TO ec_admin;
GRANT SELECT(kind) ON TABLE public.sources TO ec_auth;
GRANT SELECT(kind) ON TABLE public.sources TO ec_worker;

-- ACL COLUMN sources.mapping
GRANT SELECT(mapping) ON TABLE public.sources TO ec_auth;
GRANT SELECT(mapping),UPDATE(mapping) ON TABLE public.sources TO ec_admin;

-- ACL TABLE spent_launches
GRANT MAINTAIN ON TABLE public.spent_launches TO ec_clock;
GRANT SELECT ON TABLE public.spent_launches TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.spent_launches TO ec_stats;
GRANT SELECT,INSERT,DELETE ON TABLE public.spent_launches TO ec_lms;

-- ACL TABLE submissions_default
GRANT MAINTAIN ON TABLE public.submissions_default TO ec_clock;
GRANT SELECT ON TABLE public.submissions_default TO ec_backup;
GRANT SELECT ON TABLE public.submissions_default TO ec_stats;

-- ACL TABLE system_logs
GRANT INSERT ON TABLE public.system_logs TO ec_worker;
GRANT INSERT,DELETE,MAINTAIN ON TABLE public.system_logs TO ec_clock;
GRANT SELECT ON TABLE public.system_logs TO ec_admin;
GRANT SELECT ON TABLE public.system_logs TO ec_backup;
GRANT SELECT,DELETE ON TABLE public.system_logs TO ec_stats;

-- ACL COLUMN system_logs.id
GRANT SELECT(id) ON TABLE public.system_logs TO ec_clock;

-- ACL COLUMN system_logs.org_id
GRANT INSERT(org_id) ON TABLE public.system_logs TO ec_auth;
GRANT SELECT(org_id) ON TABLE public.system_logs TO ec_clock;

-- ACL COLUMN system_logs.program
GRANT INSERT(program) ON TABLE public.system_logs TO ec_auth;

-- ACL COLUMN system_logs.level
GRANT INSERT(level) ON TABLE public.system_logs TO ec_auth;

-- ACL COLUMN system_logs.event
GRANT INSERT(event) ON TABLE public.system_logs TO ec_auth;

-- ACL COLUMN system_logs.request_id
GRANT INSERT(request_id) ON TABLE public.system_logs TO ec_auth;

-- ACL COLUMN system_logs.context
GRANT INSERT(context) ON TABLE public.system_logs TO ec_auth;

-- ACL TABLE system_logs_default
GRANT MAINTAIN ON TABLE public.system_logs_default TO ec_clock;
GRANT SELECT ON TABLE public.system_logs_default TO ec_backup;
GRANT SELECT ON TABLE public.system_logs_default TO ec_stats;

-- ACL TABLE weekly_summaries
GRANT DELETE,MAINTAIN ON TABLE public.weekly_summaries TO ec_clock;
GRANT SELECT ON TABLE public.weekly_summaries TO ec_admin;
GRANT SELECT ON TABLE public.weekly_summaries TO ec_backup;
GRANT SELECT ON TABLE public.weekly_summaries TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.weekly_summaries TO ec_stats;
GRANT SELECT,INSERT ON TABLE public.weekly_summaries TO ec_reports;

-- ACL COLUMN weekly_summaries.id
GRANT SELECT(id) ON TABLE public.weekly_summaries TO ec_clock;

-- ACL COLUMN weekly_summaries.org_id
GRANT SELECT(org_id) ON TABLE public.weekly_summaries TO ec_clock;

-- ACL COLUMN weekly_summaries.user_id
GRANT SELECT(user_id) ON TABLE public.weekly_summaries TO ec_clock;

-- ACL COLUMN weekly_summaries.week
GRANT SELECT(week) ON TABLE public.weekly_summaries TO ec_clock;

-- ACL COLUMN weekly_summaries.state
GRANT SELECT(state),UPDATE(state) ON TABLE public.weekly_summaries TO ec_clock;
GRANT UPDATE(state) ON TABLE public.weekly_summaries TO ec_worker;

-- ACL COLUMN weekly_summaries.attempt
GRANT SELECT(attempt) ON TABLE public.weekly_summaries TO ec_clock;
GRANT UPDATE(attempt) ON TABLE public.weekly_summaries TO ec_worker;

-- ACL COLUMN weekly_summaries.fence
GRANT UPDATE(fence) ON TABLE public.weekly_summaries TO ec_worker;

-- ACL COLUMN weekly_summaries.next_at
GRANT SELECT(next_at),UPDATE(next_at) ON TABLE public.weekly_summaries TO ec_clock;
GRANT UPDATE(next_at) ON TABLE public.weekly_summaries TO ec_worker;

-- ACL COLUMN weekly_summaries.hinted_at
GRANT SELECT(hinted_at),UPDATE(hinted_at) ON TABLE public.weekly_summaries TO ec_clock;

-- ACL COLUMN weekly_summaries.lease_until
GRANT SELECT(lease_until),UPDATE(lease_until) ON TABLE public.weekly_summaries TO ec_clock;
GRANT UPDATE(lease_until) ON TABLE public.weekly_summaries TO ec_worker;

-- ACL COLUMN weekly_summaries.started_at
GRANT SELECT(started_at) ON TABLE public.weekly_summaries TO ec_clock;
GRANT UPDATE(started_at) ON TABLE public.weekly_summaries TO ec_worker;

-- ACL COLUMN weekly_summaries.finished_at
GRANT UPDATE(finished_at) ON TABLE public.weekly_summaries TO ec_clock;
GRANT UPDATE(finished_at) ON TABLE public.weekly_summaries TO ec_worker;

-- ACL COLUMN weekly_summaries.error
GRANT UPDATE(error) ON TABLE public.weekly_summaries TO ec_clock;
GRANT UPDATE(error) ON TABLE public.weekly_summaries TO ec_worker;

-- ACL TABLE weekly_summary_readers
GRANT MAINTAIN ON TABLE public.weekly_summary_readers TO ec_clock;
GRANT SELECT ON TABLE public.weekly_summary_readers TO ec_backup;
GRANT SELECT ON TABLE public.weekly_summary_readers TO ec_reports;
GRANT SELECT ON TABLE public.weekly_summary_readers TO ec_worker;
GRANT SELECT,DELETE ON TABLE public.weekly_summary_readers TO ec_admin;
GRANT SELECT,DELETE ON TABLE public.weekly_summary_readers TO ec_educator;
GRANT SELECT,DELETE ON TABLE public.weekly_summary_readers TO ec_stats;

-- ACL COLUMN weekly_summary_readers.org_id
GRANT INSERT(org_id) ON TABLE public.weekly_summary_readers TO ec_admin;
GRANT INSERT(org_id) ON TABLE public.weekly_summary_readers TO ec_educator;

-- ACL COLUMN weekly_summary_readers.user_id
GRANT INSERT(user_id) ON TABLE public.weekly_summary_readers TO ec_admin;
GRANT INSERT(user_id) ON TABLE public.weekly_summary_readers TO ec_educator;

-- DEFAULT ACL DEFAULT PRIVILEGES FOR TABLES
ALTER DEFAULT PRIVILEGES FOR ROLE ec_owner IN SCHEMA public GRANT MAINTAIN ON TABLES TO ec_clock;
ALTER DEFAULT PRIVILEGES FOR ROLE ec_owner IN SCHEMA public GRANT SELECT ON TABLES TO ec_stats;
ALTER DEFAULT PRIVILEGES FOR ROLE ec_owner IN SCHEMA public GRANT SELECT ON TABLES TO ec_backup;
