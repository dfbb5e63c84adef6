"""Backups as files: the encrypted stream, the manifest, PostgreSQL's own programs, the keys apart, retention, the WAL archive.

The commands in `workers/commands/backup*.py` use them; nothing here asks an operator or prints.
"""
