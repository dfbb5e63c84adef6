"""The error that every command of the migrations ends with."""

from __future__ import annotations


class MigrationError(Exception):
    """A migration command failed: the schema is unchanged, or the failing file was rolled back. The message says what to do."""
