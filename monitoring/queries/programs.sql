select program, version, processes, heartbeat_age_seconds, threads_alive, threads_busy, progress_age_seconds
from monitor_programs()
