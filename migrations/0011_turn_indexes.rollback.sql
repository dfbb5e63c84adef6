-- transactional: false
drop index concurrently idx_passes_running;
drop index concurrently idx_passes_turn;
