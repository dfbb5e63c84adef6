drop function monitor_statements();
drop function monitor_sessions();
