"""What educators and admins manage: people, courses, assignments, rubrics, the org, LMS connections, audit, rosters, data rights."""
