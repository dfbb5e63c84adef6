-- A delivery that was refused or ignored belongs to the student whom it names, or is deleted after a while: under the master
-- key it would stay readable when that student is erased.

-- Deliveries without a person, for the search before an erasure and for the deletion by their age.
-- An index on a partitioned table cannot be built concurrently. It holds the few rows without a person, but the whole table is
-- read once: in a big installation apply this file at a quiet hour.
-- squawk-ignore require-concurrent-index-creation
create index idx_inbound_events_unowned on inbound_events (org_id, id) where user_id is null;

grant select (id, org_id, user_id), delete on inbound_events to ec_clock;
create policy ec_clock_unowned on inbound_events to ec_clock using (user_id is null);

-- Give a delivery without a person to this person of the org, with its words encrypted by their key.
-- Definer: no role of a person may change what an LMS sent.
create function own_delivery(delivery uuid, person uuid, sealed_body bytea, sealed_problem bytea) returns boolean
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update inbound_events as d set user_id = person, body = sealed_body, problem = sealed_problem
    where d.org_id = app_org() and d.id = delivery and d.user_id is null;
    return found;
end
$$;
alter function own_delivery(uuid, uuid, bytea, bytea) owner to ec_stats;
revoke execute on function own_delivery(uuid, uuid, bytea, bytea) from public;
grant execute on function own_delivery(uuid, uuid, bytea, bytea) to ec_admin;
