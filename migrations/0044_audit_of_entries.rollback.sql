create or replace function fault_query(fault text) returns text
language sql immutable
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
return case fault
    when 'default_partitions' then
        'select id from submissions_default union all select id from feedback_default union all select id from ai_responses_default
         union all select id from analytics_default union all select id from system_logs_default
         union all select id from audit_log_default union all select id from inbound_events_default'
    when 'missing_partitions' then
        'select p.relname || to_char(m.month, ''_YYYY_MM'') as id
         from pg_partitioned_table as t join pg_class as p on p.oid = t.partrelid and p.relnamespace = ''public''::regnamespace
         cross join generate_series(date_trunc(''month'', now()), now() + interval ''2 months'', ''1 month'') as m (month)
         where to_regclass(''public.'' || p.relname || to_char(m.month, ''_YYYY_MM'')) is null'
    when 'open_versions' then
        'select s.id from submissions as s
         where s.id >= $1 and s.id < least($2, uuid7_floor(now() - interval ''10 minutes'')) and s.completed_at is null and not exists (
            select from passes as p where p.org_id = s.org_id and p.submission_id = s.id and p.state in (''queued'', ''running''))'
    when 'closed_versions' then
        'select s.id from submissions as s
         where s.id >= $1 and s.id < $2 and s.completed_at is not null and exists (
            select from passes as p where p.org_id = s.org_id and p.submission_id = s.id and p.state in (''queued'', ''running''))'
    when 'overdue_leases' then
        'select p.id from passes as p where p.state = ''running'' and p.lease_until < now() - interval ''5 minutes'''
    when 'unhinted_passes' then
        'select p.id from passes as p
         where p.state = ''queued'' and p.next_at < now() - interval ''10 minutes'' and p.hinted_at < p.next_at'
    when 'uncounted_work' then
        'select p.id from passes as p where not p.tallied and p.finished_at < now() - interval ''10 minutes''
         union all select a.id from ai_responses as a where not a.tallied and a.completed_at < now() - interval ''10 minutes'''
    when 'essays_disagree' then
        'select e.id from essays as e cross join lateral (
            select count(*) as amount, max(s.version) as last, max(s.submitted_at) as newest_at,
                count(*) filter (where s.id = e.newest_submission_id and s.submitted_at = e.newest_submitted_at) as newest,
                count(*) filter (where s.user_id <> e.user_id or s.audience_id <> e.audience_id) as strange
            from submissions as s where s.org_id = e.org_id and s.essay_id = e.id
         ) as v
         where e.id >= $1 and e.id < $2 and (v.amount <> e.versions or v.last is distinct from e.versions or v.newest <> 1
            or v.newest_at is distinct from e.newest_submitted_at or v.strange > 0)'
    when 'passes_disagree' then
        'select p.id from passes as p left join submissions as s on s.org_id = p.org_id and s.id = p.submission_id
         where p.id >= $1 and p.id < $2
            and (s.essay_id is distinct from p.essay_id or s.user_id <> p.user_id or s.audience_id <> p.audience_id)'
    when 'comments_disagree' then
        'select f.id from feedback as f join submissions as s on s.org_id = f.org_id and s.id = f.submission_id
         where f.id >= $1 and f.id < $2
            and (s.essay_id <> f.essay_id or s.user_id <> f.user_id or s.audience_id <> f.audience_id)'
    when 'orphan_reviews' then
        'select v.id from feedback_reviews as v where v.id >= $1 and v.id < $2
            and not exists (select from feedback as f where f.id = v.feedback_id and f.org_id = v.org_id)
         union all select r.feedback_id from feedback_reactions as r where r.feedback_id >= $1 and r.feedback_id < $2
            and not exists (select from feedback as f where f.id = r.feedback_id and f.org_id = r.org_id)
         union all select i.feedback_id from review_items as i where i.feedback_id >= $1 and i.feedback_id < $2
            and not exists (select from feedback as f where f.id = i.feedback_id and f.org_id = i.org_id)'
    when 'review_lists_disagree' then
        'select i.feedback_id as id from review_items as i where i.feedback_id >= $1 and i.feedback_id < $2
            and i.review_id is distinct from (
                select v.id from feedback_reviews as v where v.org_id = i.org_id and v.feedback_id = i.feedback_id order by v.id desc limit 1)'
    when 'orphan_predecessors' then
        'select f.id from feedback as f where f.id >= $1 and f.id < $2 and f.carried_from is not null
            and not exists (select from feedback as g where g.id = f.carried_from and g.org_id = f.org_id)'
    when 'orphan_deliveries' then
        'select i.id from inbound_events as i where i.id >= $1 and i.id < $2 and i.submission_id is not null
            and not exists (select from submissions as s where s.id = i.submission_id and s.org_id = i.org_id)'
    when 'orphan_events' then
        'select a.id from analytics as a where a.id >= $1 and a.id < $2 and (
            a.essay_id is not null and not exists (select from essays as e where e.id = a.essay_id and e.org_id = a.org_id)
            or a.submission_id is not null and not exists (select from submissions as s where s.id = a.submission_id and s.org_id = a.org_id))'
    when 'orphan_answers' then
        'select k.caller_id as id from idempotency_keys as k where k.created_at >= $3 and k.created_at < $4
            and not exists (select from users as u where u.id = k.caller_id and u.org_id = k.org_id)
            and not exists (select from api_keys as a where a.id = k.caller_id and a.org_id = k.org_id)
            and not exists (select from sources as s where s.id = k.caller_id and s.org_id = k.org_id)'
    when 'orphan_rubrics' then
        'select p.id from passes as p where p.id >= $1 and p.id < $2 and p.rubric_id is not null
            and not exists (select from rubrics as r where r.id = p.rubric_id and r.org_id = p.org_id)'
    when 'ledger_disagrees' then
        'select c.org_id as id from (
            select a.org_id, (a.completed_at at time zone ''UTC'')::date as day, a.provider, a.model, a.pass, count(*) as calls,
                sum(a.cost_micros) as cost, sum(a.output_tokens) as tokens
            from ai_responses as a
            where a.id >= $1 and a.id < $2 and a.completed_at is not null and a.provider <> ''local'' group by 1, 2, 3, 4, 5
         ) as c left join ledger as l
            on l.org_id = c.org_id and l.day = c.day and l.provider = c.provider and l.model = c.model and l.pass = c.pass
         where l.calls is null or l.calls < c.calls or l.cost_micros < c.cost or l.output_tokens < c.tokens'
    when 'totals_disagree' then
        'select c.pass || '' '' || c.provider || '' '' || c.outcome as id from (
            select a.pass, a.provider, a.outcome, count(*) as calls from ai_responses as a
            where a.id >= $1 and a.id < $2 and a.tallied group by 1, 2, 3
         ) as c left join tallies as t on t.name = ''ai_requests'' and t.labels = array[c.pass, c.provider, c.outcome]
         where t.count is null or t.count < c.calls'
    when 'author_costs_disagree' then
        'select c.user_id as id from (
            select a.org_id, a.user_id, sum(a.cost_micros) as cost from ai_responses as a
            where a.id >= greatest($1, uuid7_floor(date_trunc(''month'', now()))) and a.id < $2 and a.completed_at is not null
                and a.provider <> ''local'' group by 1, 2
         ) as c left join author_use as u on u.org_id = c.org_id and u.user_id = c.user_id
            and u.month = (date_trunc(''month'', now() at time zone ''UTC''))::date
         where c.cost > coalesce(u.cost_micros, 0)'
    when 'people_without_key' then
        'select u.id from users as u where u.id >= $1 and u.id < $2 and u.erase_requested_at is null
            and not exists (select from user_keys as k where k.user_id = u.id)'
    when 'overdue_erasures' then
        'select u.id from users as u join orgs as o on o.id = u.org_id
         where u.erase_requested_at < now() - interval ''1 day'' and u.legal_hold is null and o.legal_hold is null'
    when 'overdue_retention' then
        'select r.org_id as id from retention_runs as r join orgs as o on o.id = r.org_id
         where greatest(r.begins_at, r.next_at) < now() - interval ''2 days'' and o.closed_at is null and o.legal_hold is null'
    when 'expired_rows' then
        'select k.caller_id as id from idempotency_keys as k where k.created_at < now() - interval ''8 days''
         union all select s.id from sessions as s where s.expires_at < now() - interval ''31 days''
         union all select t.id from one_time_tokens as t where t.expires_at < now() - interval ''8 days''
         union all select l.id from system_logs as l left join orgs as o on o.id = l.org_id
            where l.id < uuid7_floor(now() - interval ''92 days'') and o.legal_hold is null'
    when 'unchained_entries' then
        'select a.id from audit_log as a where a.sequence is null and a.id < uuid7_floor(now() - interval ''5 minutes'')'
    when 'audit_chain' then
        'select c.id from audit_heads as h cross join lateral (
            select a.id, a.sequence, a.hash, lag(a.hash) over w as before, lag(a.sequence) over w as place_before,
                lead(a.sequence) over w as place_after, audit_entry(a, a.sequence) as says
            from audit_log as a where a.org_id = h.org_id and a.sequence > h.sequence - 200 window w as (order by a.sequence)
         ) as c
         where c.place_before is not null
                and (c.sequence <> c.place_before + 1 or c.hash <> sha256(c.before || convert_to(c.says, ''UTF8'')))
            or c.sequence = 1 and c.hash <> sha256(decode(repeat(''00'', 32), ''hex'') || convert_to(c.says, ''UTF8''))
            or c.place_after is null and (c.sequence <> h.sequence or c.hash <> h.hash)
         union all select h.org_id from audit_heads as h where h.sequence > 0
            and not exists (select from audit_log as a where a.org_id = h.org_id and a.sequence > h.sequence - 200)'
end;
