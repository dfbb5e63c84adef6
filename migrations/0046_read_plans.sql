-- What students and teachers read most often, as functions: their plans are made once for a connection. Planning the same
-- statements took 3 to 30 times as long as carrying them out, and longer with each month of partitions (docs/adr/0145). They run
-- with the rights of the caller, so row security decides what they return.

-- One row for each pass of the version, or one without a pass. `place` is the row of `queue_place`, when asked for and waiting.
create function submission_status(wanted uuid, tenant uuid, pass_order text[], with_place boolean)
returns table (
    id uuid, essay_id uuid, version integer, status text, received_at timestamptz, completed_at timestamptz, released boolean,
    queue text, from_html boolean, pictures_left_out integer, name text, state text, attempt integer, error text,
    started_at timestamptz, finished_at timestamptz, next_at timestamptz, comments integer, provider text, pass_id uuid, place jsonb
)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
    waits_at jsonb;
begin
    if with_place then
        perform from passes as p where p.org_id = tenant and p.submission_id = wanted and p.state = 'queued';
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

-- The text of a version, with the key of its author.
create function submission_text(wanted uuid)
returns table (
    id uuid, essay_id uuid, user_id uuid, version integer, status text, text bytea, characters integer, released_at timestamptz,
    wrapped bytea, master_key_id text
)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select s.id, s.essay_id, s.user_id, s.version, s.status, s.text, s.characters, s.released_at, k.wrapped, k.master_key_id
    from submissions as s left join user_keys as k on k.org_id = s.org_id and k.user_id = s.user_id
    where s.org_id = app_org() and s.id = wanted;
end
$$;

-- The valid comments on a version, by pass. Those without a place in the text come last.
create function submission_comments(wanted uuid, pass_order text[])
returns table (
    id uuid, pass text, type text, kind text, severity text, priority integer, match text, span_start integer, span_end integer,
    also_at integer[], criterion text, confidence numeric, confidence_basis text, origin text, provider text, model text,
    educator_id uuid, resolution text, carried_from uuid, body bytea
)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select f.id, f.pass, f.type, f.kind, f.severity, f.priority, f.match, f.span_start, f.span_end, f.also_at, f.criterion,
        f.confidence, f.confidence_basis, f.origin, f.provider, f.model, f.educator_id, f.resolution, f.carried_from, f.body
    from feedback as f
    where f.org_id = app_org() and f.submission_id = wanted and f.superseded_at is null
    order by f.match = 'none', array_position(pass_order, f.pass), f.priority, f.id;
end
$$;

-- The valid criterion results of a version, in the order of the rubric.
create function submission_results(wanted uuid)
returns table (
    id uuid, criterion_id uuid, rubric_id uuid, criterion text, level text, points integer, max_points integer, rationale bytea,
    evidence uuid[], confidence numeric
)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select r.id, r.criterion_id, c.rubric_id, c.name, r.level, r.points, r.max_points, r.rationale, r.evidence, r.confidence
    from criterion_results as r join rubric_criteria as c on c.org_id = r.org_id and c.id = r.criterion_id
    where r.org_id = app_org() and r.submission_id = wanted and r.superseded_at is null
    order by c.position, r.pass;
end
$$;

-- The newest decision about each reviewed comment of a version.
create function submission_reviews(wanted uuid)
returns table (id uuid, feedback_id uuid, educator_id uuid, decision text, body bytea, created_at timestamptz)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select distinct on (v.feedback_id) v.id, v.feedback_id, v.educator_id, v.decision, v.body, v.created_at
    from feedback_reviews as v
    where v.org_id = app_org() and v.submission_id = wanted
    order by v.feedback_id, v.id desc;
end
$$;

-- The reactions of a student to the comments on a version.
create function submission_reactions(wanted uuid)
returns table (feedback_id uuid, reaction text, note bytea, created_at timestamptz)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select v.feedback_id, v.reaction, v.note, v.created_at
    from feedback_reactions as v
    where v.org_id = app_org() and v.submission_id = wanted;
end
$$;

-- The newest versions of a page of essays, each with the number of comments that this reader gets with the feedback: staff all,
-- others the released ones that nobody rejected.
create function newest_versions(wanted uuid[], staff boolean)
returns table (id uuid, newest_version integer, status text, released_at timestamptz, from_html boolean, comment_count bigint)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
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

do $$
declare
    found record;
begin
    for found in
        select p.oid::regprocedure as name from pg_proc as p
        where p.pronamespace = 'public'::regnamespace and p.proname in ('submission_status', 'submission_text', 'submission_comments',
            'submission_results', 'submission_reviews', 'submission_reactions', 'newest_versions')
    loop
        execute format('revoke execute on function %s from public', found.name);
        execute format('grant execute on function %s to ec_worker, ec_lms, ec_student, ec_educator, ec_admin', found.name);
    end loop;
end
$$;

-- The same entry, written where it is called: a function in SQL is prepared anew at each call.
create or replace function audit_note(tenant uuid, what text, thing text, thing_id uuid, facts jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into audit_log (org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail)
    values (tenant, app_actor(), replace(coalesce(nullif(current_setting('role'), 'none'), session_user), 'ec_', ''),
        nullif(current_setting('app.request', true), ''), what, thing, thing_id, facts);
end
$$;
