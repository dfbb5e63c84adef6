-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, prefer-robust-stmts
-- Which org is next, and within it which pass: neither must cost more the longer a queue is. Built beside running work, so
-- each statement stands alone; one that broke off leaves an invalid index behind, which the next run drops first.

alter table passes validate constraint passes_discarded_when_given_up;
drop index concurrently if exists idx_passes_turn;
create index concurrently idx_passes_turn on passes (queue, org_id, next_at) where state = 'queued';
drop index concurrently if exists idx_passes_running;
create index concurrently idx_passes_running on passes (org_id, lost) where state = 'running';
