"""Limits that several duties share."""

BATCH = 500  # rows that one run of a duty changes at most
# For duties with a possible backlog: longer than the role's own statement limit, so that they finish some day.
LONG_ANSWER_SECONDS = 65.0
