"""Handing in essays by API or webhook, following their state, and repeating what failed or is stale."""
