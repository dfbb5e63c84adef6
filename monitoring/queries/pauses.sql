select provider, reason, seconds_left from monitor_pauses
