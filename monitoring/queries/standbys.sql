select application_name, lag_seconds, lag_bytes from monitor_standbys()
