drop table inbound_events;
drop table seen_events;
drop table idempotency_keys;
drop table passes;
drop table submissions;
drop table essays;
