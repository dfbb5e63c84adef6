-- monitor_totals adds the rows that the clock has folded into tallies to those it has not, in one snapshot.
select name, labels, count, total, buckets from monitor_totals where name = any (%(names)s)
