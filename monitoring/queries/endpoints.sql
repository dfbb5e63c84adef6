-- Counts, never ids: which endpoint it is says GET /v1/endpoints to the admins of its school.
select oldest_seconds, failing, disabled from monitor_endpoints()
