"""Measures how good and how fast the feedback is."""
