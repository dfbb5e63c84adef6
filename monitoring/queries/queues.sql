select queue, state, depth, oldest_age_seconds, overdue from monitor_queue
