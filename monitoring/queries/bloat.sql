select relname, ratio from monitor_bloat()
