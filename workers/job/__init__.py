"""Carrying out one pass: claim, context, provider call, retry policy, finish and leases."""
