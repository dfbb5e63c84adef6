-- No row until a report view was refreshed.
select greatest(0, extract(epoch from now() - min(refreshed_at))) as age_seconds, sum(took_ms) / 1000.0 as seconds
from report_refreshes
having count(*) > 0
