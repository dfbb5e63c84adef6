"""Revisions: compare a draft with the one before (compare_drafts), and carry its comments over (carry_over)."""
