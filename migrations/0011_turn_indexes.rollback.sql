-- transactional: false
drop index concurrently idx_passes_running;
drop index concurrently idx_passes_turn;
alter table passes drop constraint passes_discarded_when_given_up;
alter table passes add constraint passes_discarded_when_given_up check (discarded_at is null or state = 'gave_up') not valid;
