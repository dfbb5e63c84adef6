"""Command-line tools for operators: audit, keys, calibrate, compare and failed passes."""
