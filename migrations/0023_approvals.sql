-- An org may ask that only approved models, prompts and rules read its essays (orgs.require_approval). Until now an approval
-- was a note that nothing read.
alter table orgs add column require_approval boolean not null default false;

-- A batch is read only where the model and prompt that it was sent with are approved.
grant select (provider, model, prompt_version) on ai_responses to ec_worker;

-- An approval now decides who reads, so each one is in the audit trail.
create trigger audited after insert on blessings
for each row execute function audit_change('model_approval', 'id', 'pass,provider,model,prompt_version');

-- What waits for an approval waits for nobody here, like what waits for its org's money or for the vendor's batch: it ages
-- from when it should be looked at again.
create or replace view monitor_queue with (security_barrier) as
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
