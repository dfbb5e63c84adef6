-- One snapshot of what is folded and what is not; monitor_totals adds them up.
select name, labels, count, total, buckets from monitor_totals where name = any (%(names)s)
