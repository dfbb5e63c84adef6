-- Loses no rows: deliveries that were given to a student stay theirs.
drop function own_delivery(uuid, uuid, bytea, bytea);
drop policy ec_clock_unowned on inbound_events;
revoke select (id, org_id, user_id), delete on inbound_events from ec_clock;
drop index idx_inbound_events_unowned;
