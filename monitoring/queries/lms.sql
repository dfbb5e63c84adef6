-- Counts and ages, never ids: which site it is says GET /v1/sources/{id}/status to the admins of its school.
select arrivals_oldest_seconds, returns_oldest_seconds, moodle_silent_seconds, gave_up from monitor_lms()
