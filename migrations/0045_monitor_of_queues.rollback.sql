-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, prefer-robust-stmts
create or replace view monitor_queue with (security_barrier) as
select
    p.queue,
    p.state,
    count(*) as depth,
    coalesce(extract(epoch from now() - min(case
        when p.state = 'queued' and p.attempt = 0 and coalesce(p.error, '') not in ('org_budget_spent', 'in_batch', 'not_approved')
            then p.queued_at
        when p.state = 'queued' and p.next_at <= now() then greatest(p.queued_at, p.next_at)
        when p.state = 'running' and p.lease_until <= now() then p.lease_until
    end)), 0)::double precision as oldest_age_seconds,
    count(*) filter (where p.state = 'running' and p.lease_until < now() - interval '30 seconds') as overdue
from passes as p
where p.state in ('queued', 'running')
group by p.queue, p.state;
drop index concurrently if exists idx_passes_postponed;
