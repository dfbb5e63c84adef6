-- What was given up is sent again by a person: never more than `most` at once, and of returns those that failed first.
-- Postgres may carry out a subquery of `in (…)` for each row, and one that skips what it has locked finds others then: the limit did
-- not hold. And the oldest returns may be thousands that nobody wants any more, which kept those that failed from being sent again.

create or replace function redeliver(endpoint uuid, wanted uuid, since timestamptz, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    queued integer;
begin
    if not exists (select from endpoints as e where e.org_id = app_org() and e.id = endpoint and e.disabled_at is null) then
        return 0;
    end if;
    with chosen as materialized (
        select f.id from deliveries as f
        where f.org_id = app_org() and f.endpoint_id = endpoint and f.event <> 'endpoint.disabled' and (
            f.id = wanted and f.state in ('queued', 'done', 'gave_up')
            or wanted is null and f.state = 'gave_up' and f.id >= uuid7_floor(since)
        )
        order by f.id limit most for update skip locked
    )
    update deliveries as d set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null, http_status = null
    from chosen as c where d.org_id = app_org() and d.id = c.id;
    get diagnostics queued = row_count;
    if queued > 0 then
        perform audit_note(app_org(), 'redelivered', 'endpoint', endpoint,
            jsonb_build_object('deliveries', queued) || case when wanted is null then '{}' else jsonb_build_object('delivery_id', wanted) end);
    end if;
    return queued;
end
$$;

create or replace function replay_arrivals(source uuid, wanted uuid, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    queued integer;
begin
    with chosen as materialized (
        select f.id from arrivals as f
        where f.org_id = app_org() and f.source_id = source and f.state in ('refused', 'gave_up') and (wanted is null or f.id = wanted)
        order by f.id limit most for update skip locked
    )
    update arrivals as a set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
    from chosen as c where a.org_id = app_org() and a.id = c.id;
    get diagnostics queued = row_count;
    if queued > 0 then
        perform audit_note(app_org(), 'replayed', 'source', source,
            jsonb_build_object('arrivals', queued) || case when wanted is null then '{}' else jsonb_build_object('arrival_id', wanted) end);
    end if;
    return queued;
end
$$;

create or replace function resend_returns(source uuid, wanted uuid, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    queued integer;
begin
    with chosen as materialized (
        select f.id from returns as f
        where f.org_id = app_org() and f.source_id = source and f.state = 'gave_up' and (wanted is null or f.id = wanted)
        order by f.error is not distinct from 'not_wanted', f.id limit most for update skip locked
    )
    update returns as r set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
    from chosen as c where r.org_id = app_org() and r.id = c.id;
    get diagnostics queued = row_count;
    if queued > 0 then
        perform audit_note(app_org(), 'replayed', 'source', source,
            jsonb_build_object('returns', queued) || case when wanted is null then '{}' else jsonb_build_object('return_id', wanted) end);
    end if;
    return queued;
end
$$;
