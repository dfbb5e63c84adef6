"""Prompt-injection filtering: detection in essays, and filters on what a model answers."""
