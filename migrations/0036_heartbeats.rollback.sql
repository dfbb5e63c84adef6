drop view monitor_queue;
create view monitor_queue with (security_barrier) as
select
    p.queue,
    p.state,
    count(*) as depth,
    coalesce(extract(epoch from now() - min(case
        when p.state = 'queued' and p.attempt = 0 and coalesce(p.error, '') not in ('org_budget_spent', 'in_batch', 'not_approved')
            then p.queued_at
        when p.state = 'queued' and p.next_at <= now() then greatest(p.queued_at, p.next_at)
    end)), 0)::double precision as oldest_age_seconds
from passes as p
where p.state in ('queued', 'running')
group by p.queue, p.state;
alter view monitor_queue owner to ec_stats;
grant select on monitor_queue to ec_monitor;
drop function monitor_programs();
drop function record_heartbeat(uuid, text, text, integer, text, double precision, double precision, integer, integer, boolean);
drop table heartbeats;
