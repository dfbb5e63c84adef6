"""Hand in essays by API or webhook, follow their status, retry failed passes, rerun stale feedback, and preview rubrics."""
