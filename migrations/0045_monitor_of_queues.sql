-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, prefer-robust-stmts
-- What a scrape reads of the queues is bounded by what runs, not by what waits: docs/adr/0136. Each statement stands alone and may
-- be repeated, because the index is built beside running work.

-- Passes that were put off before their first counted attempt, the oldest first.
drop index concurrently if exists idx_passes_postponed;
create index concurrently idx_passes_postponed on passes (queue, queued_at)
    where state = 'queued' and attempt = 0 and next_at > queued_at
        and coalesce(error, '') not in ('org_budget_spent', 'author_share_spent', 'in_batch', 'not_approved');

-- Up to 5,000 waiting passes of a lane are counted; of more, it says about how many, as the clock counted their essays. A new pass
-- waits since its next_at, and so does one that is due again; one that was put off before its first attempt, since it was queued.
create or replace view monitor_queue with (security_barrier) as
select q.queue, 'queued' as state,
    case when c.amount < 5000 then c.amount else greatest(c.amount, 3 * w.fair[21]) end as depth,
    coalesce(extract(epoch from now() - least(due.since, postponed.since)), 0)::double precision as oldest_age_seconds,
    0::bigint as overdue
from unnest(array['interactive', 'bulk']) as q (queue)
cross join lateral (
    select count(*) as amount from (select from passes as p where p.state = 'queued' and p.queue = q.queue limit 5000) as p
) as c
left join queue_snapshot as w on w.queue = q.queue
left join lateral (
    select p.next_at as since from passes as p where p.state = 'queued' and p.queue = q.queue and p.next_at <= now()
    order by p.next_at limit 1
) as due on true
left join lateral (
    select p.queued_at as since from passes as p
    where p.state = 'queued' and p.queue = q.queue and p.attempt = 0 and p.next_at > p.queued_at
        and coalesce(p.error, '') not in ('org_budget_spent', 'author_share_spent', 'in_batch', 'not_approved')
    order by p.queued_at limit 1
) as postponed on true
where c.amount > 0
union all
select p.queue, p.state, count(*),
    coalesce(extract(epoch from now() - min(p.lease_until) filter (where p.lease_until <= now())), 0)::double precision,
    count(*) filter (where p.lease_until < now() - interval '30 seconds')
from passes as p where p.state = 'running'
group by p.queue, p.state;
