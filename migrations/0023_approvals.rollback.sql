-- What is lost: which orgs asked for approval. Every org is then read by whatever is deployed, approved or not.
create or replace view monitor_queue with (security_barrier) as
select
    p.queue,
    p.state,
    count(*) as depth,
    coalesce(extract(epoch from now() - min(case
        when p.state = 'queued' and p.attempt = 0 and coalesce(p.error, '') not in ('org_budget_spent', 'in_batch') then p.queued_at
        when p.state = 'queued' and p.next_at <= now() then greatest(p.queued_at, p.next_at)
    end)), 0)::double precision as oldest_age_seconds
from passes as p
where p.state in ('queued', 'running')
group by p.queue, p.state;

drop trigger audited on blessings;
revoke select (provider, model, prompt_version) on ai_responses from ec_worker;
alter table orgs drop column require_approval;
