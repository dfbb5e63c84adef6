-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, prefer-robust-stmts
drop index concurrently if exists idx_passes_due;
create index concurrently idx_passes_due on passes (next_at) where state = 'queued';
drop index concurrently if exists idx_passes_lane_due;
drop index concurrently if exists idx_passes_unhinted;
drop index concurrently if exists idx_passes_tried;
