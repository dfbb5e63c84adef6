drop view monitor_totals;
drop function add_buckets(bigint[], bigint[]);
drop view untallied;
drop function wait_bounds();
drop function histogram(double precision[], double precision[]);
drop view monitor_gave_up;
drop view monitor_queue;
