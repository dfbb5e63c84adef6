-- A duty that never succeeded has no age.
select
    name as duty, (outcome = 'failed')::integer as failed, found, extract(epoch from ended_at - started_at) as seconds,
    greatest(0, extract(epoch from now() - succeeded_at)) as age_seconds
from duty_runs
