-- Add a partition's numbers to those of its table. With series of their own, twelve new partitions per table and year would
-- make a thousand series. The 80 largest tables: ours are fewer, and what else somebody keeps beside them makes no more series.
with partitions as (
    select i.inhrelid as relid, i.inhparent as root from pg_inherits as i
    join pg_partitioned_table as p on p.partrelid = i.inhparent
)
select
    current_database() as datname, root.schemaname, root.relname,
    sum(part.seq_scan) as seq_scan, sum(part.seq_tup_read) as seq_tup_read,
    sum(coalesce(part.idx_scan, 0)) as idx_scan, sum(part.n_tup_ins) as n_tup_ins, sum(part.n_tup_upd) as n_tup_upd,
    sum(part.n_tup_del) as n_tup_del, sum(part.n_tup_hot_upd) as n_tup_hot_upd,
    sum(part.n_live_tup) as n_live_tup, sum(part.n_dead_tup) as n_dead_tup,
    sum(part.n_mod_since_analyze) as n_mod_since_analyze,
    coalesce(extract(epoch from max(part.last_autovacuum)), 0) as last_autovacuum,
    coalesce(extract(epoch from max(part.last_autoanalyze)), 0) as last_autoanalyze
from pg_stat_user_tables as part
left join partitions on partitions.relid = part.relid
join pg_stat_user_tables as root on root.relid = coalesce(partitions.root, part.relid)
where root.schemaname = 'public' and not starts_with(root.relname, '_yoyo') and root.relname <> 'yoyo_lock'
group by root.schemaname, root.relname
order by sum(part.n_live_tup + part.n_dead_tup) desc, root.relname limit 80
