"""A school district's day in ten minutes, through the real doors: `python -m benchmarks.day` (docs/rehearsal.md)."""
