select archived_count, failed_count, extract(epoch from now() - last_archived_time) as last_archived_age_seconds
from pg_stat_archiver
