-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, prefer-robust-stmts
-- What the queue reads is bounded by what it returns, not by what waits: see docs/adr/0130. Each statement stands alone and may
-- be repeated, because the indexes are built beside running work.

-- What is due in one lane, oldest first.
drop index concurrently if exists idx_passes_lane_due;
create index concurrently idx_passes_lane_due on passes (queue, next_at) where state = 'queued';
drop index concurrently if exists idx_passes_due;

-- Passes that became due, or will, after their last hint: few, because a new pass gets its hint when it is stored.
drop index concurrently if exists idx_passes_unhinted;
create index concurrently idx_passes_unhinted on passes (next_at) where state = 'queued' and hinted_at < next_at;

-- Passes that were tried and wait for another try.
drop index concurrently if exists idx_passes_tried;
create index concurrently idx_passes_tried on passes (queued_at) where state = 'queued' and started_at is not null;
