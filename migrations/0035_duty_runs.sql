-- The last run of each duty: of the clock's slow duties, and of the backups and drills that an operator or a timer starts.
-- One row a duty, so the table never grows. The monitor tells from it how old the last good run is.
create table duty_runs (
    name text not null constraint duty_runs_pkey primary key constraint duty_runs_name_form check (name ~ '^[a-z][a-z_]{1,62}$'),
    started_at timestamptz not null,
    ended_at timestamptz not null,
    succeeded_at timestamptz,
    outcome text not null constraint duty_runs_outcome_known check (outcome in ('ok', 'failed')),
    found bigint not null default 0 constraint duty_runs_found_not_negative check (found >= 0),
    detail jsonb not null default '{}' constraint duty_runs_detail_object check (jsonb_typeof(detail) = 'object'),
    constraint duty_runs_ends_after_start check (ended_at >= started_at)
);
comment on table duty_runs is 'The last run of each duty. found: rows changed, or faults found. detail: counts by name, without ids and words.';

-- Keep the result of one run. It ended now.
create function record_duty(duty text, began timestamptz, result text, amount bigint, counts jsonb) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    ended timestamptz := clock_timestamp();
begin
    insert into duty_runs as old (name, started_at, ended_at, succeeded_at, outcome, found, detail)
    values (duty, least(began, ended), ended, case when result = 'ok' then ended end, result, amount, counts)
    on conflict (name) do update set started_at = excluded.started_at, ended_at = excluded.ended_at,
        succeeded_at = coalesce(excluded.succeeded_at, old.succeeded_at), outcome = excluded.outcome, found = excluded.found,
        detail = excluded.detail;
end
$$;
alter function record_duty(text, timestamptz, text, bigint, jsonb) owner to ec_stats;
revoke all on function record_duty(text, timestamptz, text, bigint, jsonb) from public;
grant execute on function record_duty(text, timestamptz, text, bigint, jsonb) to ec_clock, ec_backup;
grant select, insert, update on duty_runs to ec_stats;
grant select on duty_runs to ec_clock, ec_monitor;
