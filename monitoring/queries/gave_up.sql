select pass, reason, total from monitor_gave_up
