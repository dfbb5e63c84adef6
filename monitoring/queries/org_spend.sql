-- Ranks, never ids: which org it is says GET /v1/org to its own admins.
select rank, ratio from monitor_org_spend()
