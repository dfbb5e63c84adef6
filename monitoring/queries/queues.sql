select queue, state, depth, oldest_age_seconds from monitor_queue
