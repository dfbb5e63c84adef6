-- What a worker does at every pass with partitioned tables, as functions, for the reason of 0046: their plans are made once for a
-- connection. They run with the rights of the caller, so row security decides what they see.

-- What a pass needs of its version.
create function version_task(tenant uuid, wanted uuid)
returns table (
    text bytea, title bytea, user_id uuid, audience_id uuid, essay_id uuid, characters integer, language text, version integer,
    wrapped bytea, master_key_id text, newest boolean, ai_policy text, ai_fallback text, require_approval boolean, category text,
    prompt text, rubric_id uuid, feedback_language text
)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
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

-- Say that a version is being read, at the first claim of its passes, and return its trace id. The claims of its other passes say
-- the same, so none of them waits for another.
create function begin_version(tenant uuid, wanted uuid) returns uuid
language plpgsql
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    perform from submissions as s where s.org_id = tenant and s.id = wanted and s.status = 'queued' for no key update skip locked;
    if found then
        update submissions as s set status = 'processing' where s.org_id = tenant and s.id = wanted;
    end if;
    return (select s.trace_id from submissions as s where s.org_id = tenant and s.id = wanted);
end
$$;

-- Supersede what a pass said about a version before, except an educator's own comments, and return ids for what it says now.
create function supersede_feedback(tenant uuid, wanted uuid, pass_name text, amount integer) returns setof uuid
language plpgsql
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    update feedback as f set superseded_at = now()
    where f.org_id = tenant and f.submission_id = wanted and f.pass = pass_name and f.superseded_at is null
        and (f.origin <> 'educator' or f.carried_from is not null);
    update criterion_results as r set superseded_at = now()
    where r.org_id = tenant and r.submission_id = wanted and r.pass = pass_name and r.superseded_at is null;
    return query select uuidv7() from generate_series(1, amount);
end
$$;

-- Set the final status of a version if none of its passes is open. Its row must be locked by this transaction.
create function close_version(tenant uuid, wanted uuid, off text) returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
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

revoke execute on function version_task(uuid, uuid), begin_version(uuid, uuid), supersede_feedback(uuid, uuid, text, integer),
    close_version(uuid, uuid, text) from public;
grant execute on function version_task(uuid, uuid), begin_version(uuid, uuid), supersede_feedback(uuid, uuid, text, integer) to ec_worker;
grant execute on function close_version(uuid, uuid, text) to ec_worker, ec_clock;
