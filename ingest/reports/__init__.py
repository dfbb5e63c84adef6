"""Reports for educators and admins, and a student's own progress: figures, no words of essays.

Each report is built by a function that returns a model of `schemas`; routes turn it into JSON or CSV, pages into HTML with charts.
"""
