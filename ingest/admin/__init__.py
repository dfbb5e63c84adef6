"""What educators and admins manage: people, courses, assignments, rubrics, connections, audit, rosters and data rights."""
