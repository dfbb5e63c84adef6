"""Comparing a draft with the one before, and carrying comments over."""
