-- What an AI really answered, for those who decide about its comments: an educator for the essays of their courses, an admin for
-- the school's. No role of theirs may read `ai_responses` for it. The programs decrypt the answer with the author's key.

-- The call that made a comment. A comment that was carried over from an earlier draft was made by the call for that draft. No row:
-- a person or a rule made it, or the answer was deleted by its age.
create function comment_answer(comment uuid)
returns table (
    id uuid, created_at timestamptz, user_id uuid, provider text, model text, prompt_version text, stop_reason text, raw bytea,
    input_tokens integer, output_tokens integer, cost_micros bigint, latency_ms integer
)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
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
alter function comment_answer(uuid) owner to ec_stats;
revoke execute on function comment_answer(uuid) from public;
grant execute on function comment_answer(uuid) to ec_educator, ec_admin;
