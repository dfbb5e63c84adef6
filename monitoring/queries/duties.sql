-- A duty that never succeeded has no age.
select
    name as duty, (outcome = 'failed')::integer as failed, found, extract(epoch from ended_at - started_at) as seconds,
    case when succeeded_at is not null then greatest(0, extract(epoch from now() - succeeded_at)) end as age_seconds
from duty_runs
