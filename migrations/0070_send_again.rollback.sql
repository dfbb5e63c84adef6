-- Lost: no rows. More than the limit may be sent again at once, and returns that nobody wants before those that failed.

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
    update deliveries as d set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null, http_status = null
    where d.org_id = app_org() and d.id in (
        select f.id from deliveries as f
        where f.org_id = app_org() and f.endpoint_id = endpoint and f.event <> 'endpoint.disabled' and (
            f.id = wanted and f.state in ('queued', 'done', 'gave_up')
            or wanted is null and f.state = 'gave_up' and f.id >= uuid7_floor(since)
        )
        order by f.id limit most for update skip locked
    );
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
    update arrivals as a set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
    where a.org_id = app_org() and a.id in (
        select f.id from arrivals as f
        where f.org_id = app_org() and f.source_id = source and f.state in ('refused', 'gave_up') and (wanted is null or f.id = wanted)
        order by f.id limit most for update skip locked
    );
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
    update returns as r set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
    where r.org_id = app_org() and r.id in (
        select f.id from returns as f
        where f.org_id = app_org() and f.source_id = source and f.state = 'gave_up' and (wanted is null or f.id = wanted)
        order by f.id limit most for update skip locked
    );
    get diagnostics queued = row_count;
    if queued > 0 then
        perform audit_note(app_org(), 'replayed', 'source', source,
            jsonb_build_object('returns', queued) || case when wanted is null then '{}' else jsonb_build_object('return_id', wanted) end);
    end if;
    return queued;
end
$$;
